# Every target does its own set-up: git, make and Python 3.11 to 3.13 are all a machine needs.
PYTHON ?= python3
VENV ?= .venv
INSTALLED = $(VENV)/.installed
INTEROP = $(VENV)/.interop
# Modules are compiled when they are first imported: most never are.
INSTALL = $(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile \
	--constraint constraints.txt --editable
export PYTHONDONTWRITEBYTECODE =
# A process a core, up to four as each takes gigabytes. The tests of a file stay together, and files
# begin in the order of tests/conftest.py, those that take longest first.
PYTEST = $(VENV)/bin/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile \
	--no-loadscope-reorder --durations=25

.PHONY: demo test test-interop test-all faults lint check clean

demo: $(INSTALLED)
	$(VENV)/bin/regard demo text --overwrite

# All but what is slow, and says little more: tests/tiers.py.
test: $(INSTALLED)
	$(PYTEST) --ignore=tests/interop -m "not slow"

# Beside Hugging Face's own: needs torch and transformers, which nothing else does.
test-interop: $(INTEROP)
	$(PYTEST) tests/interop -m "not slow"

# Every test there is: three times as long.
test-all: $(INTEROP)
	$(PYTEST)

# Errors and death at every single write, flush and rename.
faults: $(INSTALLED)
	REGARD_FAULTS=all $(VENV)/bin/python -m pytest -s tests/test_faults.py

lint: $(INSTALLED)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

# The linter, then the tests, those beside Hugging Face's own among them.
check: $(INTEROP)
	$(MAKE) lint
	$(PYTEST) -m "not slow"

# Damaged files and requests: SECONDS for each parser, or for those in PARSERS.
SECONDS = 600
PARSERS =
fuzz: $(INSTALLED)
	PYTHONPATH=tests $(VENV)/bin/python -m fuzz --seconds $(SECONDS) $(PARSERS)

# Mixed requests to an export of each kind: answers, memory, and what is traced.
REQUESTS = 100000
KINDS =
soak: $(INSTALLED)
	PYTHONPATH=tests $(VENV)/bin/python benchmarks/soak.py --requests $(REQUESTS) $(KINDS)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear $(VENV)
	$(INSTALL) '.[dev]'
	touch $@

# Adds to what is installed; on a fresh machine, all is installed at once.
$(INTEROP): pyproject.toml constraints.txt
	test $(INSTALLED) -nt pyproject.toml -a $(INSTALLED) -nt constraints.txt \
		|| $(PYTHON) -m venv --clear $(VENV)
	$(INSTALL) '.[dev,interop]'
	touch $(INSTALLED) $@

clean:
	rm -rf $(VENV) *.egg-info build dist .pytest_cache .ruff_cache
