# Each target installs what it needs, then runs one swift command.

SWIFT ?= swift
# One configuration for everything, so that the demo, the tests and the command share a build.
BUILD = -c release
STRICT = -Xswiftc -warnings-as-errors --explicit-target-dependency-import-check error

# One test at a time: tests open queues of their own, and PoCL 3.1 aborts (in
# pocl_release_dlhandle_cache) when two queues run a kernel for the first time at once.
# No test asks for testable imports, and without them tests and programs share one build.
TEST = $(SWIFT) test $(BUILD) $(STRICT) --disable-testable-imports --no-parallel

# The fewest tests that may run: a suite that is left out must not pass for one that succeeded.
MINIMUM_TESTS = 893

.PHONY: help demo test test-quick gradcheck bench lint format dependencies clean

help:  ## Lists the targets.
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/\t/' | expand -t 16

demo: dependencies  ## Trains a network on handwritten digits.
	$(SWIFT) run $(BUILD) apus train Examples/digits.yaml --output runs/digits

test: dependencies lint  ## Proves every kernel and every gradient, on every device there is.
	.ci/test $(MINIMUM_TESTS) $(TEST)
	$(SWIFT) run $(BUILD) $(STRICT) VectorAdd

test-quick: dependencies  ## Runs every kernel at least once, in under a minute after the build.
	$(TEST) --filter 'OpenCLBackendTests|ParityTests'

gradcheck: dependencies  ## Checks every gradient on this machine's device.
	$(SWIFT) run $(BUILD) apus gradcheck

bench: dependencies Benchmarks/.venv  ## Measures Apus beside its peers, in turn.
	$(SWIFT) build $(BUILD) --package-path Benchmarks
	Benchmarks/.build/release/Compare --python $(CURDIR)/Benchmarks/.venv/bin/python $(BENCH)

# What cannot be installed is left out of the comparison, with a note.
Benchmarks/.venv: Benchmarks/Peers/requirements.txt
	python3 -m venv $@
	while read -r peer; do $@/bin/pip install -q "$$peer" || true; done < $<
	touch $@

lint:  ## Fails where a file is not formatted as .swift-format says.
	$(SWIFT) format lint --strict --parallel --recursive Package.swift Sources Tests Examples Benchmarks/Package.swift Benchmarks/Sources

format:  ## Formats every file.
	$(SWIFT) format format --in-place --parallel --recursive Package.swift Sources Tests Examples Benchmarks/Package.swift Benchmarks/Sources

dependencies:
	@.ci/dependencies

clean:  ## Removes what was built.
	rm -rf .build runs
