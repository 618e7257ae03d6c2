# Every command a person types. The only caller of `swift`.

SHELL := /bin/bash
.DEFAULT_GOAL := help
SWIFT_FLAGS := --explicit-target-dependency-import-check error
# Released programs bring Swift's libraries along, so that a machine that runs them needs no toolchain.
STATIC := --static-swift-stdlib
DEBUG := .build/debug
RELEASE := .build/release
# What needs root gets it as the set-up does.
ROOT := $(if $(filter 0,$(shell id -u)),,sudo)

include Sources/Firmware/firmware.mk
include Sources/ControlPlane/BrokerPlugin/broker.mk
-include Tests/WebTests/web.mk

.PHONY: help setup setup-tests setup-bench parts build release agent-release run test test-fast swift-test system-test tidy format golden smoke bench package package-check package-test ci clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /make \1\t/' | expand -t 18

setup: ## installs the Debian packages that are missing
	@deploy/setup.sh

setup-bench:
	@deploy/setup.sh bench

setup-tests: ## the same, with what tests and packaging need
	@deploy/setup.sh tests

build: setup-tests ## strict debug build of everything
	swift build $(SWIFT_FLAGS) --build-tests

# The broker's plugin and the firmware look for sources that the set-up installs when make reads them: hence a make of their own.
parts: setup
	@$(MAKE) --no-print-directory broker-plugin firmware

release: parts ## optimised programs, the broker's plugin and the board's firmware
	swift build $(SWIFT_FLAGS) $(STATIC) -c release --product cuelight
	swift build $(SWIFT_FLAGS) $(STATIC) -c release --product cuelight-agent

run: release ## the whole demo: services, control plane, agent, simulated board, livestream
	@deploy/demo.sh

test: build parts ## everything, on real services and simulated boards
	@$(MAKE) --no-print-directory firmware-test
	@$(MAKE) --no-print-directory broker-test
	@$(MAKE) --no-print-directory swift-test
	@$(MAKE) --no-print-directory system-test
	@$(MAKE) --no-print-directory package-check
	@CUELIGHT_CONFIGURATION=debug $(MAKE) --no-print-directory web-test

swift-test: build parts ## the Swift tests alone (ONLY="RulesTests LiveTests" for some)
	@Tests/peers.sh
	@PATH="$(CURDIR)/.build/peers/bin:$$PATH" Tests/run.sh

test-fast: ## the pure tests alone
	swift test $(SWIFT_FLAGS) --filter \
		'SharedModelsTests|PlatformTests|CryptoTests|RulesTests|LiveTests'

system-test: build parts ## real processes, killed and cut off (ONLY=name for one)
	@CUELIGHT_CONFIGURATION=debug python3 Tests/SystemTests/run.py $(ONLY)

tidy: setup-tests ## format, layout and architecture checks
	swift format lint --strict --recursive --parallel Package.swift Sources Tests
	swift test $(SWIFT_FLAGS) --filter TidyTests

format: ## formats Swift in place
	swift format --in-place --recursive --parallel Package.swift Sources Tests

golden: ## rewrites the golden files; review the difference
	CUELIGHT_GOLDEN=write swift test $(SWIFT_FLAGS) --filter Golden

smoke: setup-tests release ## 300 cues through every real part; prints one JSON line
	@python3 Tests/Smoke/smoke.py

# Its tests' library knows no static Swift: a folder of its own, so that neither build undoes the other.
bench: setup-tests setup-bench release ## measures beside peers; writes docs/benchmarks.md (ONLY=rules for one part)
	swift build $(SWIFT_FLAGS) --scratch-path .build/bench -c release --product cuelight-bench
	.build/bench/release/cuelight-bench $(ONLY)

agent-release: setup-tests parts
	swift build $(SWIFT_FLAGS) $(STATIC) -c release --product cuelight-agent

package: agent-release ## the agent's Debian package, in .build/package (ARCH=arm64 AGENT=… SIMULATOR=…)
	@deploy/package/build.sh

package-check: agent-release ## what is in the package, and its life on an overlay of this machine
	@$(ROOT) python3 Tests/PackageTests/run.py $(ONLY)

package-test: agent-release ## the same on a new Debian with nothing else, made by debootstrap
	@$(ROOT) python3 Tests/PackageTests/run.py --bare $(ONLY)

ci: ## all that CI runs
	@.ci/run

clean: ## removes what was built
	rm -rf .build
