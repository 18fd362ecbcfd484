#!/usr/bin/env bash
# with-kubeconfig.sh COMMAND…
# Runs a command with KUBECONFIG_CONTENTS in a file of its own, where the stack has no kubeconfig in its configuration.
set -euo pipefail
if [ -n "${KUBECONFIG_CONTENTS:-}" ]; then
  KUBECONFIG=$(mktemp)
  trap 'rm -f "$KUBECONFIG"' EXIT
  printf '%s\n' "$KUBECONFIG_CONTENTS" >"$KUBECONFIG"
  export KUBECONFIG
fi
# A secret that is not set is an empty variable, which is not the same as none.
for name in PULUMI_BACKEND_URL PULUMI_ACCESS_TOKEN PULUMI_CONFIG_PASSPHRASE DOPPLER_TOKEN GITHUB_TOKEN; do
  if [ -z "${!name:-}" ]; then unset "$name"; fi
done
unset KUBECONFIG_CONTENTS
"$@"
