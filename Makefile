# make demo    environment, Fashion-MNIST, a GAN trained in about three minutes, its pictures, and what to do next
# make test    environment (if missing), lint, format, types, the whole test suite, and test-wheel
# make test-wheel   build the wheel, install it into an empty environment (.venv-wheel), and train, sample and report there
# make hard-pace   budgets in minutes on simulated machines whose speed changes
# make golden  measure the golden values of training on this machine anew: for a change that should alter training
# make kill    train every recipe, kill it at random moments, and compare with runs that nobody killed: 20 minutes
# make fuzz    fuzz every reader of files, 100,000 executions each: about half an hour on one core
# make setup   environment alone: .venv with the command line at .venv/bin/gansmith
# make setup-tensorflow   another, .venv-tensorflow, in which --framework tensorflow works; make test-tensorflow tests it
# make rivals  what classical methods reach, which translators of images must beat: half a minute
# make soak    an hour of training with samples and reports beside it: memory and open handles must stay flat; SOAK_MINUTES=10
# make damage  every file of a run folder, damaged in every way, under every command; CASES=1000 takes a choice of the cases
# make disk    a disk that refuses from any write on, under every command that writes; STRIDE=10 takes every tenth write

PYTHON ?= python3
RUN ?= runs/demo
SOAK_MINUTES ?= 60

.PHONY: demo test test-wheel golden damage disk fuzz hard-overrides hard-pace kill rivals soak setup test-tensorflow setup-tensorflow

demo: .venv/ready
	@.venv/bin/gansmith data fetch fashion-mnist
	@.venv/bin/gansmith train --data fashion-mnist budget=3m --run $(RUN)
	@echo
	@echo "Look at $(RUN)/samples/: the newest picture, real.png beside it, and animation.gif of how it came about."
	@echo "Then:  .venv/bin/gansmith list                                      what else there is"
	@echo "       .venv/bin/gansmith train tutorial-batchnorm budget=5m       a GAN as a tutorial teaches it"
	@echo "       .venv/bin/gansmith train --data path/to/images              your own pictures"

# worksteal leaves the tests of a file together, so what they share is made once.
test: .venv/ready
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/python -m pytest -n 2 --dist worksteal
	@sh scripts/test_wheel.sh $(PYTHON)

test-wheel: .venv/ready
	@sh scripts/test_wheel.sh $(PYTHON)

# Overrides, components and JSON that nobody thought of: eleven minutes.
hard-overrides: .venv/ready
	OMP_NUM_THREADS=1 GANSMITH_EXAMPLES=4000 .venv/bin/python -m pytest tests/core/test_override_properties.py

hard-pace: .venv/ready
	OMP_NUM_THREADS=1 .venv/bin/python benchmarks/hard/pace.py

golden: .venv/ready
	OMP_NUM_THREADS=1 PYTHONPATH=tests .venv/bin/python tests/golden.py

soak: .venv/ready
	.venv/bin/python benchmarks/hard/soak.py --minutes $(SOAK_MINUTES)

rivals: .venv/ready
	OMP_NUM_THREADS=1 .venv/bin/python benchmarks/rivals.py

kill: .venv/ready
	OMP_NUM_THREADS=1 .venv/bin/python benchmarks/hard/kill.py

test-tensorflow: .venv-tensorflow/ready
	.venv-tensorflow/bin/python -m pytest -n 2 tests/training/test_tensorflow.py

fuzz: .venv/ready
	@.venv/bin/python -c "import atheris" 2>/dev/null || sh scripts/setup.sh $(PYTHON) .venv dev,fuzz
	OMP_NUM_THREADS=1 .venv/bin/python benchmarks/hard/fuzz.py

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
