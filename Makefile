# make test      install, format, lint, types, unit tests (Node only)
# make golden    renew the golden dumps of the checked-in stacks
# make sandbox   bring up the sandbox, run `pulumi up --stack dev` in it, show the result; SANDBOX_STACK=dev,prod: both
# make e2e       end-to-end tests, each file in a sandbox of its own; PART=drift: that file; PART='drift rotation' JOBS=2: two, side by side
# make pr-check  what the working tree would do to the sandbox's stacks, as the comment on a pull request; BASE=main
# make lint-workflows      actionlint on .github/workflows; needs Go
# make sandbox-down    stop everything the sandbox started; sandbox-clean also forgets what it made
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.PHONY: test golden sandbox sandbox-down sandbox-clean e2e pr-check lint-workflows

node_modules/.package-lock.json: package.json package-lock.json
	@echo "installing the program's packages …"
	@npm ci --no-progress --loglevel=error
	@touch $@

sandbox/node_modules/.package-lock.json: sandbox/package.json sandbox/package-lock.json
	@echo "installing the sandbox's packages …"
	@npm --prefix sandbox ci --no-progress --loglevel=error
	@touch $@

# The sandbox is linked in, not copied.
e2e/node_modules/.package-lock.json: e2e/package.json e2e/package-lock.json
	@echo "installing the end-to-end tests' packages …"
	@npm --prefix e2e ci --no-progress --loglevel=error
	@touch $@

policy/node_modules/.package-lock.json: policy/package.json policy/package-lock.json
	@echo "installing the policies' packages …"
	@npm --prefix policy ci --no-progress --loglevel=error
	@touch $@

# The client is copied in, so a change of it is one of the example's packages.
examples/app/node_modules/.package-lock.json: examples/app/package.json examples/app/package-lock.json client/index.js client/index.d.ts client/package.json
	@echo "installing the example app's packages …"
	@npm --prefix examples/app ci --no-progress --loglevel=error
	@touch $@

.PHONY: sandbox-build e2e-build
sandbox-build: sandbox/node_modules/.package-lock.json
	@npm --prefix sandbox run --silent build

e2e-build: sandbox-build e2e/node_modules/.package-lock.json
	@npm --prefix e2e run --silent build

# The program's checks and the sandbox's side by side: each ends with its own closing line.
test: node_modules/.package-lock.json policy/node_modules/.package-lock.json examples/app/node_modules/.package-lock.json e2e-build
	@$(MAKE) --no-print-directory -j2 --output-sync=target test-program test-sandbox

.PHONY: test-program test-sandbox
test-program:
	@npm run --silent format
	@npm run --silent lint
	@npm run --silent types
	@npm test --silent

test-sandbox:
	@npm --prefix sandbox run --silent check

golden: node_modules/.package-lock.json
	@npm run --silent golden

# The first build of the sandbox's programs takes minutes: packages are installed beside it.
sandbox:
	@$(MAKE) --no-print-directory -j3 node_modules/.package-lock.json e2e-build sandbox-tools
	@node e2e/dist/commands/up.js

.PHONY: sandbox-tools
sandbox-tools: sandbox-build
	@node sandbox/dist/cli/buildTools.js .

sandbox-clean:
	@if [ -e sandbox/dist/cli/clean.js ]; then node sandbox/dist/cli/clean.js; else rm -rf sandbox/.run; fi

sandbox-down:
	@if [ -e sandbox/dist/cli/down.js ]; then node sandbox/dist/cli/down.js; else echo "the sandbox was never built: nothing is running"; fi

e2e: node_modules/.package-lock.json policy/node_modules/.package-lock.json examples/app/node_modules/.package-lock.json e2e-build
	@JOBS=$(JOBS) npm --prefix e2e run --silent test -- $(PART)

pr-check: node_modules/.package-lock.json policy/node_modules/.package-lock.json e2e-build
	@node e2e/dist/commands/prCheck.js

lint-workflows: sandbox-build
	@node sandbox/dist/cli/lintWorkflows.js
