#!/usr/bin/env bash
# prcheck/comment.sh FOLDER STACK… [--waiting=STACK…]
# Prints the comment on a pull request, from the reports that prcheck/preview.sh wrote to a folder.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
exec node --require "$root/node_modules/ts-node/register/transpile-only" "$root/prcheck/main.ts" write "$@"
