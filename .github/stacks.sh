#!/usr/bin/env bash
# stacks.sh [PREFIX SUFFIX]
# Prints the checked-in stacks as jobs' matrices take them:
#   stacks=[…]      all of them
#   open=[…]        those that are not protected
#   protected=[…]   those with `protect: true` in their file, or named in PROTECTED_STACKS (a repository variable)
# With PREFIX or SUFFIX it refuses unless the GitHub environment PREFIX<stack>SUFFIX of each protected stack waits for a
# reviewer: GitHub makes an environment that is missing, and lets its jobs run at once.
set -euo pipefail
shopt -s nullglob
prefix=${1:-} suffix=${2:-}
named=${PROTECTED_STACKS:-}
stacks=() open=() protected=() refused=()

# In whatever form YAML has it. A comment that says so protects the stack as well, which harms nobody.
says_protect() {
  grep -Eq "(^|[[:space:]{,\"'])([a-z0-9-]+:)?protect[\"']?[[:space:]]*:[[:space:]]*[\"']?true" "$1"
}

waits_for_reviewer() {
  local rules
  rules=$(gh api "repos/$GITHUB_REPOSITORY/environments/$1" --jq '.protection_rules[].type') || return 1
  grep -qx required_reviewers <<<"$rules"
}

for file in Pulumi.*.yaml; do
  stack=${file#Pulumi.}
  stack=${stack%.yaml}
  # A name goes into the names of environments, files and groups.
  if [[ ! $stack =~ ^[A-Za-z0-9_.-]+$ ]]; then
    echo "expected letters, digits, dots, - and _ in the stack's name: $file" >&2
    exit 1
  fi
  if [ "$stack" = example ]; then
    echo "::notice::$file is taken for an example, and no stack is brought up by this name" >&2
    continue
  fi
  stacks+=("\"$stack\"")
  if [[ " ${named//,/ } " == *" $stack "* ]] || says_protect "$file"; then
    protected+=("\"$stack\"")
    if [ -n "$prefix$suffix" ] && [ "${APPROVALS:-}" != off ] && ! waits_for_reviewer "$prefix$stack$suffix"; then
      refused+=("$prefix$stack$suffix")
    fi
  else
    open+=("\"$stack\"")
  fi
done

if [ ${#refused[@]} -gt 0 ]; then
  for environment in "${refused[@]}"; do
    echo "::error::the GitHub environment $environment is one of a protected stack, and has no required reviewers or could not be read: add reviewers under Settings, Environments, or, where the repository's plan has none, set the repository variable APPROVALS to off" >&2
  done
  exit 1
fi
list() {
  local name=$1
  shift
  (IFS=, && echo "$name=[$*]")
}
list stacks "${stacks[@]}"
list open "${open[@]}"
list protected "${protected[@]}"
