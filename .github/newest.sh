#!/usr/bin/env bash
# Prints newest=true if this run is for the newest commit of its branch. An up of an earlier one, which waited or was
# approved late, would take back what came after it; the newest commit's own run does its work.
set -euo pipefail
newest=$(gh api "repos/$GITHUB_REPOSITORY/commits/$GITHUB_REF_NAME" --jq .sha)
if [ "$newest" = "$GITHUB_SHA" ]; then
  echo "newest=true"
else
  echo "newest=false"
  echo "::warning::nothing is done: $GITHUB_REF_NAME has moved on to $newest, and that commit's run counts" >&2
fi
