module secrets-pipeline/sandbox/toolchain/external-secrets-0.17.0

go 1.25.1

require github.com/external-secrets/external-secrets v0.17.0
