# make run   sets this machine up and reads samples/inbox into out/
# make test  sets it up for development and runs linters, types, import contracts and tests
# make help  lists the rest

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OUT ?= out
INBOX ?= samples/inbox

# System packages: a file or command to look for, then the Debian and Ubuntu package that has it.
SYSTEM := python3:python3 tesseract:tesseract-ocr \
	/usr/share/tesseract-ocr/*/tessdata/fra.traineddata:tesseract-ocr-fra
# For the tests: a browser, and fonts to draw pages with.
SYSTEM_TEST := chromium:chromium \
	/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf:fonts-dejavu-core \
	/usr/share/fonts/truetype/liberation*/LiberationSans-Regular.ttf:fonts-liberation

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help

.PHONY: help
help:
	@grep -hE '^# make ' $(MAKEFILE_LIST) | cut -c3-

.PHONY: run
run: $(BIN)/reprise
	@$(BIN)/reprise run $(INBOX) --out $(OUT) || [ $$? -eq 3 ]

.PHONY: test
test: $(VENV)/.development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -m "not conformance"

# make conformance  FHIR engines of others: HAPI (Java 17, Maven) and Medplum (Node 20)
.PHONY: conformance
conformance: $(VENV)/.development
	$(BIN)/pytest -m conformance

# make bench  CPU and memory of the pipeline beside the bare engine, as ratios
.PHONY: bench
bench: $(VENV)/.development
	$(BIN)/python -m pipeline.evaluation.benchmark

# make bench-send  bundles a second to a FHIR server beside a plain HTTP client
.PHONY: bench-send
bench-send: $(VENV)/.development
	$(BIN)/python -m pipeline.evaluation.send_benchmark

# make samples  draws samples/inbox and samples/truth again (fonts come from npm)
.PHONY: samples
samples: $(VENV)/.development
	$(BIN)/python -m samples.generator samples

# make lock  pins the Python dependencies again
.PHONY: lock
lock: $(VENV)/.development
	$(BIN)/uv pip compile $(LOCK) pyproject.toml --group build -o requirements.lock
	$(BIN)/uv pip compile $(LOCK) pyproject.toml --group dev -o requirements-dev.lock
LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-annotate --no-header --overrides overrides.txt

# --- set-up, repeated only when what it depends on has changed ---------------------------------

$(BIN)/reprise: $(VENV)/.runtime

$(VENV)/.runtime: requirements.lock pyproject.toml | system $(BIN)/python
	$(BIN)/pip install --quiet --no-deps --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.development: requirements-dev.lock pyproject.toml | system-test $(BIN)/python
	$(BIN)/pip install --quiet --no-deps --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.runtime

$(BIN)/python: | system
	@$(PYTHON) -m venv $(VENV)

.PHONY: system system-test
system: PACKAGES := $(SYSTEM)
system-test: PACKAGES := $(SYSTEM_TEST)
system system-test:
	@missing=""; \
	for pair in $(PACKAGES); do \
		command -v "$${pair%%:*}" >/dev/null || compgen -G "$${pair%%:*}" >/dev/null \
			|| missing="$$missing $${pair##*:}"; \
	done; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || missing="$$missing python3-venv"; \
	[ -z "$$missing" ] && exit 0; \
	ask="Demandez à un administrateur d'installer :$$missing"; \
	if [ "$$(id -u)" = 0 ]; then sudo=""; elif command -v sudo >/dev/null; then sudo="sudo"; else \
		echo "Il manque des paquets système, et cette session n'est pas administrateur. $$ask"; exit 5; \
	fi; \
	echo "Installation de :$$missing"; \
	$$sudo apt-get update -qq && \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		$$missing >/dev/null || { echo "L'installation a échoué. $$ask"; exit 5; }
