# Targets in the order of the data flow. `make demo` runs the whole pipeline, `make help` lists the targets.
.PHONY: help setup demo data features apply train materialize candidates show test test-fast lint bench audit sbom lock clean

.NOTPARALLEL:

# The first Python that passes the check; pyenv leaves names on the path that do not run.
PYTHONS := python3.11 python3.12 python3.13 python3
PYTHON ?= $(shell for name in $(PYTHONS); do \
	$$name requirements/check_python.py >/dev/null 2>&1 && echo $$name && break; done)
RUN := .venv/bin/python
PIP := .venv/bin/pip --quiet --disable-pip-version-check
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock"

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/.ready  ## create the environment in .venv (Python 3.11 to 3.13)

# The lock names every package, so that pip resolves nothing. It could not on macOS, see tool.uv in pyproject.toml.
.venv/.locked: requirements/development.txt
	@$(or $(PYTHON),python3) requirements/check_python.py
	$(PYTHON) -m venv --clear .venv
	$(PIP) install --require-hashes --no-deps --only-binary :all: -r requirements/development.txt
	@touch $@

.venv/.ready: .venv/.locked pyproject.toml requirements/project.in
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## run all stages on a year of real purchases, from raw tables to candidates
	@$(MAKE) --no-print-directory data features apply train materialize candidates show

data:  ## write the raw tables of the demo
	$(RUN) jobs/fetch_demo_data.py

features:  ## build point-in-time feature tables from the raw tables
	$(RUN) jobs/build_features.py

apply:  ## register the feature views and services with Feast
	.venv/bin/feast -c feature_repo apply

train:  ## train the two towers, the blender and the ranker, and write a release
	$(RUN) jobs/train.py

materialize:  ## load the latest features into the online store
	$(RUN) jobs/materialize.py --from-scratch

candidates:  ## write the top-k candidates of every user
	$(RUN) jobs/generate_candidates.py

show:  ## print the candidates of five users
	$(RUN) jobs/show_candidates.py

test: setup lint  ## run lint and all tests
	$(RUN) -m pytest -n 2

test-fast: setup  ## run the tests that need neither Feast nor TensorFlow, and train nothing
	$(RUN) -m pytest -n 2 -m "not feast and not tensorflow and not trains"

lint: setup  ## run ruff and mypy
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

bench: setup  ## run small versions of the benchmarks; the demo pipeline must have run
	$(RUN) benchmarks/exact_search.py --items 20000 --queries 512
	$(RUN) benchmarks/request.py --users 50
	$(RUN) benchmarks/batch.py --users 1000 --repeats 1
	$(RUN) benchmarks/serving.py --seconds 3 --clients 1,16 --rates 50 --switches 2
	$(RUN) benchmarks/kill_test.py --quick

# Tools of their own environment: they share no version with the project, and nothing else needs them.
build/audit/.ready: requirements/audit.txt
	@$(or $(PYTHON),python3) requirements/check_python.py
	$(PYTHON) -m venv --clear build/audit
	build/audit/bin/pip --quiet --disable-pip-version-check install --require-hashes --no-deps --only-binary :all: \
		-r requirements/audit.txt
	@touch $@

# Without --strict, packages that the service does not answer for would pass.
audit: build/audit/.ready  ## compare the locked packages with known vulnerabilities (needs pypi.org)
	@build/audit/bin/pip-audit --strict --require-hashes --disable-pip --progress-spinner off \
		-r requirements/project.txt || { echo "error: a locked package has a known vulnerability, or could not be \
	looked up, see above: upgrade it as CONTRIBUTING.md describes, or run this where https://pypi.org answers" >&2; exit 1; }

sbom: build/audit/.ready  ## write build/sbom.json, the CycloneDX list of the locked packages
	@build/audit/bin/python -W ignore -m cyclonedx_py requirements requirements/project.txt --pyproject pyproject.toml \
		--output-reproducible --output-format JSON --output-file build/sbom.json
	@echo "$$(grep -c '"purl"' build/sbom.json) packages in build/sbom.json"

lock:  ## resolve requirements/*.in for all supported platforms (needs uv)
	$(COMPILE) requirements/development.in -o requirements/development.txt
	$(COMPILE) requirements/project.in -c requirements/development.txt -o requirements/project.txt
	$(COMPILE) requirements/audit.in -o requirements/audit.txt

clean:  ## remove data and releases; the environment stays
	rm -rf data artifacts
