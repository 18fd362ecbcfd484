#!/usr/bin/env bash
# prcheck/preview.sh STACK FOLDER
# Previews a stack under its policies and writes what it means to FOLDER/STACK.json, names only. Exits as Pulumi does.
set -euo pipefail
stack=$1 folder=$2
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
policies=(--policy-pack "$root/policy")
if [ -e "$root/policy/config/$stack.json" ]; then
  policies+=(--policy-pack-config "$root/policy/config/$stack.json")
fi
mkdir -p "$folder"
# Streamed, since only then a preview says which policies it broke. The stream's debug messages hold secrets in clear:
# it goes through the pipe and nowhere else.
PULUMI_ENABLE_STREAMING_JSON_PREVIEW=true pulumi preview --stack "$stack" --json --non-interactive "${policies[@]}" |
  node --require "$root/node_modules/ts-node/register/transpile-only" "$root/prcheck/main.ts" read "$stack" >"$folder/$stack.json"
