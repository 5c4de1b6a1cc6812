#!/usr/bin/env bash
# The promised speeds, measured: see speed.py beside it, and README.md for the last figures.
set -euo pipefail
exec python3 "$(dirname "${BASH_SOURCE[0]}")/speed.py" "$@"
