# The same words by hand and in CI. `make help` lists them.

# The PATH before any make added to it.
ifndef OUTER_PATH
export OUTER_PATH := $(PATH)
endif
# The Node that the project pins stands before any other.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
installed := node_modules/.package-lock.json

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install tools build check test demo emulator bench soak simulate clean

help: ## list these words
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

install: $(installed) ## install the npm packages, if they are missing or outdated

# By the system's npm and Node: those of the project are what is being replaced. Its warnings say only that this Node is old.
$(installed): package.json package-lock.json
	@PATH="$$OUTER_PATH" && command -v npm >/dev/null || { echo "npm is missing: install Node.js 20 or newer" >&2; exit 1; }
	@echo "npm ci"
	@PATH="$$OUTER_PATH" npm ci --loglevel=error
	@touch $@

tools: install ## build the real programs that tests run, the first time only; KUBEBUILDER_ASSETS saves the first three
	@node tools/provide.ts

build: install ## bundle the program into dist/aks-notifier.mjs
	npm run build

check: install ## types, lint, format, unused code, generated files
	npm run check

test: ## everything that CI runs; the last line counts
	@bash tools/test.sh

# These build what they need of the real programs themselves.
demo: install ## the whole thing on this machine, from installation to the mail
	npm run demo

emulator: install ## run the Azure emulator alone
	npm run emulator

bench: install ## measure; not part of the tests
	npm run bench

soak: install ## faults at random for half an hour; not part of the tests
	npm run soak

simulate: install ## which notices a rule announces, misses or doubles, by its window
	npm run simulate

clean: ## remove what was built in this tree; the tools in the cache stay
	rm -rf dist coverage
