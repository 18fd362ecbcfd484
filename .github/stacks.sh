#!/usr/bin/env bash
# Prints stacks=[…], the names of the checked-in stacks as a job's matrix takes them.
set -euo pipefail
shopt -s nullglob
stacks=()
for file in Pulumi.*.yaml; do
  stack=${file#Pulumi.}
  stack=${stack%.yaml}
  # A name goes into the names of environments, files and groups.
  if [[ ! $stack =~ ^[A-Za-z0-9_-]+$ ]]; then
    echo "expected letters, digits, - and _ in the stack's name: $file" >&2
    exit 1
  fi
  stacks+=("\"$stack\"")
done
(IFS=, && echo "stacks=[${stacks[*]}]")
