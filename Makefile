# make demo   venv, pinned install, the smoke suite on the built-in phantom, and its report
# make test   the tests that find faults fastest, on all cores
# make test-all  all tests, the slow ones too
# make fuzz   the readers of images, volumes and YAML on files drawn at random, about a minute; FUZZ_EXAMPLES=2000 for more
# make mutants  changes of the core modules that their tests must notice; MUTANTS=60 for more of each group
# make smoke  the smoke suite and its report alone, into a store of its own (the benchmark of CI)
# make bench  the quick benchmarks: speed ratios against plain code, compared with the committed ones (about 2 minutes)
# make bench-gpu  on a GPU: training, sampling and several runs at once, each as CUDA graphs and plainly: one table and gpu.json
# make bench-generator-batch  on a GPU, about 8 minutes: which batch and learning rate the generator of preset compact should take;
#             BATCH_ARGS="--source busi --dataset breast --data-root DIR" on real images
# make site   the docs with the board of the published records inside: site/index.html, which opens from disk
# make picture  docs/board.webp, the first screen of the board of reports/published/cpu-128px; needs Chromium
# make lock   pins again what pyproject.toml asks for

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

BENCH ?= --compare tests/bench/baseline.json
FUZZ_EXAMPLES ?= 150
MUTANTS ?= 25
GPU_JSON ?= gpu.json

# Work on 64 px is too small for two threads, which wait for each other where other programs compute too (docs/measurements.md).
# So each stage and each test has one thread, and each further core a stage or a test of its own.
CORES ?= $(shell env -u OMP_NUM_THREADS nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
ON_ALL_CORES := --engine processes --workers $(CORES)
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses $(CORES) --dist worksteal

# The published records on the board of the site; each set at 64 px has a board of its own.
ON_SITE := cpu-128px gpu-384px
DOCS := $(VENV)-docs

.PHONY: site picture demo test test-all fuzz mutants smoke bench bench-gpu bench-generator-batch lint install lock clean

demo: install
	OMP_NUM_THREADS=1 $(BIN)/python cli.py suite smoke $(ON_ALL_CORES)
	$(BIN)/python cli.py report

test: install
	$(PYTEST) $(PYTEST_ARGS)

test-all: install
	$(PYTEST) -m "slow or not slow" $(PYTEST_ARGS)

fuzz: install
	FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(BIN)/python -m pytest --timeout 3000 tests/datasets/fuzz

mutants: install $(VENV)-mutants/bin/cosmic-ray
	$(BIN)/python -m tests.mutants.run --tool $(VENV)-mutants/bin/python --count $(MUTANTS)

$(VENV)-mutants/bin/cosmic-ray:
	$(PYTHON) -m venv $(VENV)-mutants
	$(VENV)-mutants/bin/python -m pip install --quiet --disable-pip-version-check cosmic-ray==8.7.0

smoke: install
	OMP_NUM_THREADS=1 $(BIN)/python cli.py suite smoke --store stores/smoke $(ON_ALL_CORES)
	$(BIN)/python cli.py report --store stores/smoke --out stores/smoke/report
	$(BIN)/python cli.py verify --store stores/smoke

bench: install
	$(BIN)/python tests/bench/bench_metrics.py --quick $(BENCH)
	$(BIN)/python tests/bench/bench_augment.py --quick $(BENCH)
	$(BIN)/python tests/bench/bench_training.py --quick $(BENCH)
	$(BIN)/python tests/bench/bench_sampling.py --quick $(BENCH)

bench-gpu: install
	$(BIN)/python -m tests.bench.bench_gpu --json $(GPU_JSON) $(GPU_ARGS)

bench-generator-batch: install
	$(BIN)/python -m tests.bench.bench_generator_batch $(BATCH_ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy

site: install $(DOCS)/installed
	rm -rf site stores/site
	mkdir -p stores/site/records
	cp $(foreach folder,$(ON_SITE),reports/published/$(folder)/records/*.json) stores/site/records
	$(DOCS)/bin/mkdocs build --strict --quiet
	$(DOCS)/bin/mlcroissant validate --jsonld reports/published/croissant.json
	$(BIN)/python cli.py report --store stores/site --out site/board --figures page
	$(BIN)/python cli.py report --store reports/published/cpu-64px --out site/board-64px --figures page
	$(BIN)/python cli.py report --store reports/published/rivals-64px --out site/board-rivals --figures page

picture: install
	$(BIN)/python cli.py report --store reports/published/cpu-128px --out stores/picture --figures page
	$(BIN)/python -m tests.support.board_picture stores/picture docs/board.webp

$(DOCS)/installed: docs/requirements.lock
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement docs/requirements.lock
	@touch $@

install: $(VENV)/installed

$(VENV)/installed: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: $(PYTHON) is older than 3.11; name a newer one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@printf '#!/bin/sh\nAUGBENCH_COMMAND=augbench exec "%s" "%s" "$$@"\n' \
	  "$(CURDIR)/$(BIN)/python" "$(CURDIR)/cli.py" > $(BIN)/augbench && chmod +x $(BIN)/augbench
	@touch $@

# torch and torchvision are pinned as a pair that imports together; a GPU machine may bring its own torch >= 2.6.
lock:
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	printf 'torch==2.12.1\ntorchvision==0.27.1\n' > $(VENV)-lock/pins.txt
	$(VENV)-lock/bin/uv pip compile --universal --generate-hashes --no-emit-index-url --no-annotate --extra test \
	  --constraint $(VENV)-lock/pins.txt --custom-compile-command 'make lock' --quiet --output-file requirements.lock pyproject.toml
	$(PYTHON) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["docs"], sep="\n")' \
	  > $(VENV)-lock/docs.in
	$(VENV)-lock/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	  --custom-compile-command 'make lock' --quiet --output-file docs/requirements.lock $(VENV)-lock/docs.in
	rm -r $(VENV)-lock

clean:
	rm -rf $(VENV) $(VENV)-lock $(DOCS) store stores report site
