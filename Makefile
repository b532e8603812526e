# `make run` and `make test` set everything up in .venv and need only git, make, Python 3.10 to 3.13 and pip.

PYTHON ?= python3
SETTINGS ?= mnist
BIN := .venv/bin
READY := .venv/.ready

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
# uv does not read pip's settings; what pip was told of a package index and of certificates holds for it too.
export UV_DEFAULT_INDEX ?= $(shell $(PYTHON) -m pip config get global.index-url 2>/dev/null)
export SSL_CERT_FILE ?= $(PIP_CERT)
ifeq ($(strip $(UV_DEFAULT_INDEX)),)
unexport UV_DEFAULT_INDEX
endif
ifeq ($(strip $(SSL_CERT_FILE)),)
unexport SSL_CERT_FILE
endif

.PHONY: run test fast check setup bench bench-data bench-training bench-serving flink data protos demo lock clean

run: $(READY)  ## train and release the default model
	@$(BIN)/slipline run $(SETTINGS)

test: $(READY)  ## all tests
	@$(BIN)/python -m pytest

fast: $(READY)  ## the tests that take seconds
	@$(BIN)/python -m pytest -m "not slow"

check: $(READY)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)  ## speed, as ratios measured side by side
	$(BIN)/python -m tests.bench.speed
	$(BIN)/python -m tests.bench.against_commit
	$(BIN)/python -m tests.bench.quality

bench-serving: $(READY)  ## the server and the client beside bare gRPC and the official stubs; needs nghttp2-client
	$(BIN)/python -m tests.bench.serving
	$(BIN)/python -m tests.bench.client

bench-training: $(READY)  ## training beside a plain Keras script, and what each setting buys; 20 minutes
	$(BIN)/python -m tests.bench.training

bench-data: $(READY)  ## ingest, statistics and validation of up to 7 million images; 6 GB in the temporary folder
	$(BIN)/python -m tests.bench.data_plane

setup: $(READY)

$(READY): requirements.txt .ci/installer.txt pyproject.toml
	@$(PYTHON) -c 'import sys; ok = (3, 10) <= sys.version_info < (3, 14); sys.exit(None if ok else \
	  "Slipline needs Python 3.10 to 3.13, this is " + sys.version.split()[0] + "; try: make PYTHON=python3.12")'
	@echo "setting up .venv (about 2.5 GB, once)"
	@$(PYTHON) -m pip install --quiet --upgrade --target .tools --require-hashes -r .ci/installer.txt
	@.tools/bin/uv venv --quiet --allow-existing --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv
	@.tools/bin/uv pip sync --quiet --compile-bytecode --python .venv --require-hashes requirements.txt
	@.tools/bin/uv pip install --quiet --python .venv --no-deps --no-build-isolation --editable .
	@touch $@

flink: .flink/flink-runner.jar  ## Apache Flink in .flink, for infra/flink/start; needs Java 17 and Maven

.flink/flink-runner.jar: infra/flink/pom.xml
	@command -v mvn >/dev/null || { echo "make flink needs Java 17 and Maven: apt-get install maven" >&2; exit 1; }
	@rm -rf .flink/lib
	@mvn --batch-mode --quiet --file $< package
	@touch $@

data: $(READY)  ## MNIST as TFDS prepares it, from the original archives in ARCHIVES
	@rm -rf .data && mkdir -p .data/downloads/manual && cp $(ARCHIVES)/*-ubyte.gz .data/downloads/manual
	@$(BIN)/python -c 'import pathlib; from slipline.components.sources import tfds_source; \
	  tfds_source.prepare("mnist:3.0.1", pathlib.Path(".data").resolve())'
	@rm -rf data/mnist/3.0.1 && mv .data/mnist/3.0.1 data/mnist && rm -rf .data

protos: $(READY)  ## the modules of serving/wire, from its .proto files
	cd .src && ../$(BIN)/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. slipline/serving/wire/*.proto

demo:  ## TensorFlow.js for the demo page, in one file; needs Node and npm
	@command -v npm >/dev/null || { echo "make demo needs Node and npm: apt-get install npm" >&2; exit 1; }
	@rm -rf .demo && cp -r serving/server/demo/bundle .demo
	@cd .demo && npm ci --silent --ignore-scripts && npm run --silent build -- --outfile=../serving/server/demo/static/tfjs.js

lock: $(READY)  ## requirements.txt and .ci/installer.txt, from pyproject.toml
	.tools/bin/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header --all-extras \
	  --upgrade --output-file requirements.txt pyproject.toml
	echo uv | .tools/bin/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-header \
	  --upgrade --output-file .ci/installer.txt -

clean:  ## the environment and all caches; runs and releases in .slipline stay
	rm -rf .venv .tools .flink .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
