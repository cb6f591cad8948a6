# Thin names for scripts/dev.py, which says what each does: python3 scripts/dev.py --help
PYTHON ?= python3

.PHONY: run test bench lint format types
run test bench lint format types:
	@$(PYTHON) scripts/dev.py $@ $(ARGS)
