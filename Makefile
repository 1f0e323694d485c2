# Benchmarks run in environments of their own: plugins that pydantic finds in a development
# environment would be measured, too.
PYTHON ?= python3
BENCH = .venv-bench

.PHONY: bench soak

bench: $(BENCH)/lite/ready $(BENCH)/peer/ready
	$(BENCH)/lite/bin/python -m benchmarks --peer $(BENCH)/peer/bin/python

soak: $(BENCH)/lite/ready
	$(BENCH)/lite/bin/python -m benchmarks.soak

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
