#!/usr/bin/env bash
# up.sh STACK
# Brings up a stack under the policies, with their configuration for the stack where there is one.
set -euo pipefail
stack=$1
policies=(--policy-pack policy)
if [ -e "policy/config/$stack.json" ]; then policies+=(--policy-pack-config "policy/config/$stack.json"); fi
# With the preview, since it is there that policies are checked before anything is done.
exec pulumi up --stack "$stack" --yes --non-interactive --suppress-outputs "${policies[@]}"
