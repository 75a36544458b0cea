# From nothing to a running platform: `make lab`. What else there is: `make`.
.DEFAULT_GOAL := help
.PHONY: help venv lab demo test bench load chaos docs down

export TOPOLOGY ?= lab
# What the caller's shell says of other projects is not for this one, and Ansible starts in no locale but one of UTF-8 that is there.
export LC_ALL := C.UTF-8
unexport PYTHONHOME PYTHONPATH $(filter-out ANSIBLE_FORCE_COLOR ANSIBLE_NOCOLOR,$(filter ANSIBLE_%,$(.VARIABLES)))
# Python keeps what it compiled, away from the sources: Ansible, which is started hundreds of times, then starts in half the time.
export PYTHONDONTWRITEBYTECODE =
export PYTHONPYCACHEPREFIX = $(CURDIR)/.cache/python
BIN := .venv/bin
READY := .venv/.ready
SETTINGS = $(if $(MODE),-e deploy_mode=$(MODE))

help: ## Show this
	@echo 'make TARGET [TOPOLOGY=lab|minimal|recommended|prod] [MODE=full|minimal|storage-only|ai-only|monitoring-only]'
	@sed -n 's/^\([a-z]*\):[^#=]*## \(.*\)/  \1|\2/p' Makefile | column -t -s '|'

venv: $(READY) ## Make the Python environment in .venv

lab: $(READY) ## Fill the artifact store, make the nodes, run site.yml on them, each for the systems of MODE (default: the inventory's), and verify
	@echo '[1/4] Inventory'
	@$(BIN)/lab run playbooks/inventory_check.yml $(SETTINGS)
	@echo '[2/4] Artifacts'
	@systems=$$($(BIN)/lab systems $(if $(MODE),--mode=$(MODE))) && $(BIN)/artifacts prepare --systems="$$systems"
	@echo '[3/4] Nodes'
	@$(BIN)/lab up
	@echo '[4/4] site.yml'
	@$(BIN)/lab run site.yml $(SETTINGS)
	@echo
	@echo 'The lab is up. Try:  . $(BIN)/activate;$(if $(filter-out lab,$(TOPOLOGY)), export TOPOLOGY=$(TOPOLOGY);) lab kubectl get pods -A'
	@echo 'Remove it wholly:    make down$(if $(filter-out lab,$(TOPOLOGY)), TOPOLOGY=$(TOPOLOGY))'

demo: $(READY) ## Show what the lab's platform does: documents, answers, speech, a call, and its pages in a browser
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -qq --no-install-recommends chromium fonts-wqy-microhei; }
	@$(BIN)/python -m tests.demo

test: $(READY) ## The gate: lint, unit and render tests, the lab, the tests of every role
	@$(BIN)/python -m tests.run $(ARGS)

bench: $(READY) ## Measure on the lab: first run, second run, one more worker; write docs/benchmarks.md
	@$(BIN)/python -m tests.bench $(ARGS)

load: $(READY) ## Measure how fast the lab's services answer, beside their bare libraries; write its part of docs/benchmarks.md
	@$(BIN)/python -m tests.load

chaos: $(READY) ## Break the lab's systems under streams of acknowledged writes; write docs/reliability.md
	@$(BIN)/python -m tests.chaos $(ARGS)

docs: $(READY) ## Write the reference pages and role READMEs from the code
	@$(BIN)/python -m docs.generate

down: $(READY) ## Remove the lab: containers, network, disks, state
	@$(BIN)/lab down

$(READY): requirements.lock .config/uv.lock pyproject.toml
	@echo 'Python tools → .venv'
	@python3 -c 'import ensurepip, venv' 2>/dev/null || { apt-get update -qq && apt-get install -qq python3-venv; }
	@python3 -m venv .venv
	@$(BIN)/python -m pip install --quiet --require-hashes --requirement .config/uv.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@
