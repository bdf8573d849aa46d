# The road, in the order in which data walks it. `make demo` walks it to the end, `make test` checks it.
.PHONY: setup demo data features apply train materialize candidates show test lint lock clean

.NOTPARALLEL:

PYTHON ?= $(shell command -v python3.11 || command -v python3)
RUN := .venv/bin/python

setup: .venv/.ready  ## make the environment in .venv, and nothing else

.venv/.ready: requirements/development.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' \
		|| { echo "error: Python 3.11 is needed, $(PYTHON) is another: make setup PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
		|| { echo "error: $(PYTHON) cannot make environments: apt-get install python3-venv"; exit 1; }
	$(PYTHON) -m venv --clear .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/development.txt
	.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## raw tables to candidate sets, on a year of real purchases
	@$(MAKE) --no-print-directory data features apply train materialize candidates show

data:
	$(RUN) jobs/fetch_demo_data.py

features:
	$(RUN) jobs/build_features.py

apply:
	.venv/bin/feast -c feature_repo apply

train:
	$(RUN) jobs/train.py

materialize:
	$(RUN) jobs/materialize.py --from-scratch

candidates:
	$(RUN) jobs/generate_candidates.py

show:
	$(RUN) jobs/show_candidates.py

test: setup lint
	$(RUN) -m pytest -n 2

lint: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy

lock:  ## resolve the requirements anew; needs uv
	uv pip compile --python-version 3.11 --generate-hashes requirements/development.in -o requirements/development.txt
	uv pip compile --python-version 3.11 --generate-hashes requirements/project.in \
		-c requirements/development.txt -o requirements/project.txt

clean:  ## remove what the road has made; the environment stays
	rm -rf data artifacts
