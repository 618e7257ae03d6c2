#!/usr/bin/env bash
# Runs the whole demo; Ctrl-C stops it. Its data stays for the next time.
set -euo pipefail
cd "$(dirname "$0")/.."
exec python3 -u deploy/demo.py "$@"
