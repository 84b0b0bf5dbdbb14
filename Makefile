# make demo    environment, Fashion-MNIST, a GAN trained in about three minutes, its pictures, and what to do next
# make test    environment (if missing), lint, format, types, the whole test suite, and test-wheel
# make test-wheel   build the wheel, install it into an empty environment (.venv-wheel), and train, sample and report there
# make golden  measure the golden values of training on this machine anew: for a change that should alter training
# make fuzz    fuzz every reader of files, 100,000 executions each: about half an hour on one core
# make setup   environment alone: .venv with the command line at .venv/bin/gansmith
# make setup-tensorflow   another, .venv-tensorflow, in which --framework tensorflow works; make test-tensorflow tests it

PYTHON ?= python3
RUN ?= runs/demo

.PHONY: demo test test-wheel golden hard-overrides setup test-tensorflow setup-tensorflow fuzz

demo: .venv/ready
	@.venv/bin/gansmith data fetch fashion-mnist
	@.venv/bin/gansmith train --data fashion-mnist budget=3m --run $(RUN)
	@echo
	@echo "Look at $(RUN)/samples/: the newest picture, real.png beside it, and animation.gif of how it came about."
	@echo "Then:  .venv/bin/gansmith list                                      what else there is"
	@echo "       .venv/bin/gansmith train tutorial-batchnorm budget=5m       a GAN as a tutorial teaches it"
	@echo "       .venv/bin/gansmith train --data path/to/images              your own pictures"

test: .venv/ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/python -m pytest -n 2
	@sh scripts/test_wheel.sh $(PYTHON)

test-wheel: .venv/ready
	@sh scripts/test_wheel.sh $(PYTHON)

# Overrides, components and JSON that nobody thought of: eleven minutes.
hard-overrides: .venv/ready
	OMP_NUM_THREADS=1 GANSMITH_EXAMPLES=4000 .venv/bin/python -m pytest tests/core/test_override_properties.py

golden: .venv/ready
	OMP_NUM_THREADS=1 PYTHONPATH=tests .venv/bin/python tests/golden.py

test-tensorflow: .venv-tensorflow/ready
	.venv-tensorflow/bin/python -m pytest -n 2 tests/training/test_tensorflow.py

fuzz: .venv/ready
	@.venv/bin/python -c "import atheris" 2>/dev/null || sh scripts/setup.sh $(PYTHON) .venv dev,fuzz
	OMP_NUM_THREADS=1 .venv/bin/python benchmarks/hard/fuzz.py

setup: .venv/ready

setup-tensorflow: .venv-tensorflow/ready

.venv/ready: pyproject.toml constraints.txt scripts/setup.sh scripts/venv.sh
	@sh scripts/setup.sh $(PYTHON)
	@touch $@

.venv-tensorflow/ready: pyproject.toml constraints.txt scripts/setup.sh scripts/venv.sh
	@sh scripts/setup.sh $(PYTHON) .venv-tensorflow tensorflow,dev
	@touch $@
