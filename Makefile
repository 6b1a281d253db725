# make demo   a sentence from the bundled voice in out/demo.wav
# make test   the tests
# make check  ruff, mypy and the tests
#
# All of them make the same .venv with the pinned dependencies first. They can run twice, in any order.
# On Linux the pinned torch brings CUDA. For the CPU build, set TORCH_INDEX to PyTorch's CPU index (see README.md).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
TORCH_INDEX ?=

.PHONY: demo test check

demo: $(VENV)/installed
	$(BIN)/python -m sovits_tts.app.demo

test: $(VENV)/installed $(VENV)/installed-judges $(VENV)/installed-train
	$(BIN)/python -m pytest

check: $(VENV)/installed $(VENV)/installed-judges $(VENV)/installed-train $(VENV)/installed-dev
	scripts/check

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is %d.%d" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

# The project itself is installed editable; setuptools is pinned in the lock, so no build environment is fetched.
$(VENV)/installed: requirements.lock pyproject.toml setup.py | $(BIN)/python
ifneq ($(TORCH_INDEX),)
	$(PIP) --index-url "$(TORCH_INDEX)" $$(grep '^torch==' requirements.lock)
endif
	$(PIP) -r requirements.lock
	$(PIP) --no-build-isolation --no-deps --editable .
	@touch $@

# The judges of an evaluation: their own requirements name packages that need a compiler or a sound card, unused here.
$(VENV)/installed-judges: requirements-judges.lock $(VENV)/installed
	$(PIP) --no-deps -r requirements-judges.lock
	@touch $@

# Low-rank additions and TensorBoard, which some tests of training need.
$(VENV)/installed-train: requirements-train.lock $(VENV)/installed
	$(PIP) -r requirements-train.lock
	@touch $@

$(VENV)/installed-dev: requirements-dev.lock $(VENV)/installed
	$(PIP) -r requirements-dev.lock
	@touch $@
