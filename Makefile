# `make demo`, `make report` and `make test`, each alone, set up all they need on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
SOURCES := $(shell find edgehand export csrc -type f -not -path '*/__pycache__/*') CMakeLists.txt pyproject.toml constraints.txt README.md
# All but what runs in an environment of mmpose's own.
BENCHMARKS := $(filter-out mmpose_reference.py,$(notdir $(wildcard benchmarks/*.py)))
PIP_INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo report test browser lint types contracts core clean

demo: $(INSTALLED)
	$(BIN)/edgehand export --target tflite --int8 -o demo
	$(BIN)/edgehand predict examples/hand.jpg --box 100,36,118,183 --model-file demo/lite-int8.tflite --draw demo/hand.jpg
	$(BIN)/python examples/demo.py demo

report: $(INSTALLED)
	$(BIN)/edgehand report --data coco:edgehand/models/calibration -o report

# Two processes of tests share the cores: more threads than cores would wait for each other. A process that dies ends
# the run, which would wait for it forever.
test: $(INSTALLED) browser
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadgroup --max-worker-restart 0

# The tests open a report in a real browser; where none can be had they say so and skip.
browser:
	command -v chromium > /dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } \
	  > /dev/null 2>&1 || echo "no browser: install the package chromium"

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(INSTALLED)
	$(BIN)/mypy -p edgehand
	cd benchmarks && ../$(BIN)/mypy --config-file ../pyproject.toml --allow-untyped-defs --allow-any-generics --no-warn-return-any $(BENCHMARKS)

# On the installed package, from outside the sources: what is checked is what ships.
contracts: $(INSTALLED)
	cd $(VENV) && bin/lint-imports --no-cache --config ../pyproject.toml

# The C++ core by itself: tests, sanitizers, instruction counts, arm64 under qemu.
core:
	csrc/check.sh tests
	csrc/check.sh sanitize
	csrc/check.sh callgrind
	csrc/check.sh arm64

$(INSTALLED): $(SOURCES)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) --upgrade '.[all,dev]'
	touch $@

clean:
	rm -rf $(VENV) build demo report
