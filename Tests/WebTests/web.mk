# The console in a real Chromium. Included by the top Makefile; needs the programs of one build,
# the broker's plugin and the board's firmware.

.PHONY: web-test
web-test: ## the console in Chromium; pictures go to .build/web
	@python3 Tests/WebTests/run.py $(if $(ONLY),--only "$(ONLY)")
