# Every target does its own set-up: git, make and Python 3.11 to 3.13 are all a machine needs.
PYTHON ?= python3
VENV ?= .venv
INSTALLED = $(VENV)/.installed
# A process a core, up to four as each takes gigabytes; the tests of a file stay together.
PYTEST = $(VENV)/bin/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile \
	--no-loadscope-reorder --durations=25

.PHONY: demo test test-interop lint clean

demo: $(INSTALLED)
	$(VENV)/bin/regard demo text --overwrite

test: $(INSTALLED)
	$(PYTEST) --ignore=tests/interop

# Beside Hugging Face's own: needs torch and transformers, which nothing else does.
test-interop: $(VENV)/.interop
	$(PYTEST) tests/interop

lint: $(INSTALLED)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

$(VENV)/.interop: $(INSTALLED)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev,interop]'
	touch $(VENV)/.interop

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev]'
	touch $(INSTALLED)

clean:
	rm -rf $(VENV) *.egg-info build dist .pytest_cache .ruff_cache
