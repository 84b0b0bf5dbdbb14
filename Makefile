# make demo    environment, Fashion-MNIST, a GAN trained in about three minutes, its pictures, and what to do next
# make test    environment (if missing), lint, format, types, the whole test suite, and test-wheel
# make test-wheel   build the wheel, install it into an empty environment (.venv-wheel), and train, sample and report there
# make golden  measure the golden values of training on this machine anew: for a change that should alter training
# make setup   environment alone: .venv with the command line at .venv/bin/gansmith
# make setup-tensorflow   another, .venv-tensorflow, in which --framework tensorflow works; make test-tensorflow tests it

# make damage  every file of a run folder, damaged in every way, under every command; CASES=1000 takes a choice of the cases
# make disk    a disk that refuses from any write on, under every command that writes; STRIDE=10 takes every tenth write

PYTHON ?= python3
RUN ?= runs/demo

.PHONY: demo test test-wheel golden setup test-tensorflow setup-tensorflow damage disk

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

golden: .venv/ready
	OMP_NUM_THREADS=1 PYTHONPATH=tests .venv/bin/python tests/golden.py

test-tensorflow: .venv-tensorflow/ready
	.venv-tensorflow/bin/python -m pytest -n 2 tests/training/test_tensorflow.py

damage: .venv/ready
	.venv/bin/python benchmarks/hard/damage.py $(if $(CASES),--cases $(CASES))

disk: .venv/ready
	.venv/bin/python benchmarks/hard/disk.py $(if $(STRIDE),--stride $(STRIDE))

setup: .venv/ready

setup-tensorflow: .venv-tensorflow/ready

.venv/ready: pyproject.toml constraints.txt scripts/setup.sh scripts/venv.sh
	@sh scripts/setup.sh $(PYTHON)
	@touch $@

.venv-tensorflow/ready: pyproject.toml constraints.txt scripts/setup.sh scripts/venv.sh
	@sh scripts/setup.sh $(PYTHON) .venv-tensorflow tensorflow,dev
	@touch $@
