# make lab opens the course, make test tests it. Whatever comes first also makes .venv and installs the course into it, once.
# Needed: Python 3.11 to 3.13, make and git. Nothing is installed outside .venv.

VENV := .venv
PYTHON_IN := $(VENV)/bin/python
STAMP := $(VENV)/.installed
EXTRAS := lab,test,author
ARGS :=

.DEFAULT_GOAL := help
.PHONY: help setup lab test test-all notebooks colab bench clean FORCE

help:
	@echo "make lab        open the course in JupyterLab"
	@echo "make test       run the tests (make test-all: the slow ones too; ARGS='-k stamps' goes to pytest, ARGS=-n0: one at a time)"
	@echo "make notebooks  build the notebooks that are out of step with their source (make -B notebooks: all of them)"
	@echo "make colab      run every notebook in Colab's packages, through its own install cell (report in build/colab)"
	@echo "make bench      measure again what the chapters' tables say"
	@echo "make clean      take away .venv and what tests and builds left behind; your data and runs stay"

setup: $(STAMP)

lab: $(STAMP)
	@"$(PYTHON_IN)" -m segcourse lab $(ARGS)

# Tests run in as many processes as there are cores, up to four.
test: $(STAMP)
	@"$(PYTHON_IN)" -m pytest -m "not slow" -n auto $(ARGS)

test-all: $(STAMP)
	@"$(PYTHON_IN)" -m pytest -n auto $(ARGS)

# -B is among make's short flags, which come first in MAKEFLAGS.
notebooks: $(STAMP)
	@"$(PYTHON_IN)" -m segcourse.authoring.build $(if $(findstring B,$(firstword -$(MAKEFLAGS))),--force) $(ARGS)
	@"$(PYTHON_IN)" -m segcourse.authoring.contents

colab: $(STAMP)
	@"$(PYTHON_IN)" -m segcourse.authoring.colab $(ARGS)

bench: $(STAMP)
	@set -e; for source in notebooks/source/[0-9][0-9]_*.py; do \
		name=$${source##*/}; \
		"$(PYTHON_IN)" -m segcourse bench chapter "$${name%%_*}" $(ARGS); \
	done

clean:
	rm -rf "$(VENV)" build dist .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the set-up ---------------------------------------------------------------------------------------------------------

# A .venv whose Python is gone, or that was made for another folder (its checkout was moved or copied), is not installed, whatever the stamp says.
CHECK := import os, sys; sys.exit(not ((3, 11) <= sys.version_info[:2] <= (3, 13) and open("$(STAMP)").read().strip() == os.getcwd()))
ifneq ($(shell "$(PYTHON_IN)" -c '$(CHECK)' 2>/dev/null && echo installed),installed)
$(STAMP): FORCE
endif

# python3 first: it is what the reader uses. A name may stand for nothing that runs (pyenv), or for a Python without venv (Debian): each is tried.
$(STAMP): pyproject.toml
	@set -e; \
	fits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'; \
	belongs() { [ ! -e "$(STAMP)" ] || [ "$$(cat "$(STAMP)")" = "$$(pwd -P)" ]; }; \
	if [ -e "$(VENV)" ] && ! { belongs && "$(PYTHON_IN)" -c "$$fits" && "$(PYTHON_IN)" -m pip --version; } >/dev/null 2>&1; then \
		echo "The $(VENV) found here is half-made, of a Python that does not fit, or of another folder: making it anew."; \
		rm -rf "$(VENV)"; \
	fi; \
	if [ ! -e "$(VENV)" ]; then \
		python=; \
		for candidate in python3 python3.13 python3.12 python3.11 python; do \
			if "$$candidate" -c "$$fits; import ensurepip, venv" >/dev/null 2>&1; then python=$$candidate; break; fi; \
		done; \
		if [ -z "$$python" ]; then \
			echo "Python 3.11, 3.12 or 3.13 is needed, with its venv module (Debian, Ubuntu: apt install python3-venv). None was found: install one and run make again." >&2; \
			exit 1; \
		fi; \
		echo "[1/3] Making $(VENV) with $$("$$python" --version) ..."; \
		"$$python" -m venv "$(VENV)"; \
	fi; \
	rm -f "$(STAMP)"; \
	echo "[2/3] Getting uv, which installs faster than pip ..."; \
	"$(PYTHON_IN)" -c 'import uv' 2>/dev/null || "$(PYTHON_IN)" -m pip install --quiet --disable-pip-version-check uv || true; \
	echo "[3/3] Installing the course: PyTorch, JupyterLab and the rest, about 3 GB the first time ..."; \
	if "$(PYTHON_IN)" -m uv --version >/dev/null 2>&1; then \
		"$(PYTHON_IN)" -m uv pip install --python "$(PYTHON_IN)" -e ".[$(EXTRAS)]"; \
	else \
		"$(PYTHON_IN)" -m pip install -e ".[$(EXTRAS)]"; \
	fi; \
	pwd -P > "$(STAMP)"; \
	echo "Installed."

FORCE:
