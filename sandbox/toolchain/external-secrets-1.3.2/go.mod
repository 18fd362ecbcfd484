module secrets-pipeline/sandbox/toolchain/external-secrets-1.3.2

go 1.25.1

require github.com/external-secrets/external-secrets v1.3.2
