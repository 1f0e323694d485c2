# Needs Python 3.11 or newer, make and git. Everything is installed into .venv; what builds the
# documentation into an environment of its own, so that tests are not run beside an installation.
PYTHON ?= python3
VENV = .venv
DOCS = .venv-docs
# Benchmarks run in environments of their own: plugins that pydantic finds in a development
# environment would be measured, too.
BENCH = .venv-bench
# How packages are installed into an environment.
install = $(1)/bin/python -m pip install -qq
# Every process would compile what it imports again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint types docs bench soak clean

# Offline, whatever the environment says; API=chat_completions asks by the other API.
demo: $(VENV)/ready
	env -u OPENAI_API_KEY -u OPENAI_BASE_URL $(VENV)/bin/agents-lite demo $(if $(API),--api $(API))

test: $(VENV)/ready-for-work
	$(VENV)/bin/python -m pytest -n auto --dist worksteal $(ARGS)

lint: $(VENV)/ready-for-work
	$(VENV)/bin/ruff check .

types: $(VENV)/ready-for-work
	$(VENV)/bin/mypy

docs: $(DOCS)/ready
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build
	@echo "The pages are in site/: open site/index.html, or run $(DOCS)/bin/mkdocs serve"

bench: $(BENCH)/lite/ready $(BENCH)/peer/ready
	$(BENCH)/lite/bin/python -m compileall -q agents_lite benchmarks
	$(BENCH)/lite/bin/python -m benchmarks --peer $(BENCH)/peer/bin/python $(ARGS)

soak: $(BENCH)/lite/ready
	$(BENCH)/lite/bin/python -m benchmarks.soak

clean:
	rm -rf $(VENV) $(DOCS) $(BENCH) build dist *.egg-info .coverage
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	  "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(call install,$(VENV)) --upgrade 'pip>=25.1'
	$(call install,$(VENV)) -e .
	touch $@

$(VENV)/ready-for-work: $(VENV)/ready
	$(call install,$(VENV)) -e '.[all]' --group dev
	touch $@

$(DOCS)/ready: pyproject.toml
	$(PYTHON) -m venv $(DOCS)
	$(call install,$(DOCS)) --upgrade 'pip>=25.1'
	$(call install,$(DOCS)) -e . --group docs
	touch $@

$(BENCH)/lite/ready:
	$(PYTHON) -m venv $(BENCH)/lite
	echo '*' > $(BENCH)/.gitignore
	$(BENCH)/lite/bin/pip install -q requests pydantic docstring-parser
	touch $@

# Without openai-agents, its column is empty.
$(BENCH)/peer/ready:
	$(PYTHON) -m venv $(BENCH)/peer
	$(BENCH)/peer/bin/pip install -q openai-agents==0.24.0 || rm -rf $(BENCH)/peer
	test ! -d $(BENCH)/peer || touch $@
