#!/usr/bin/env bash
# The command suites with the stores in PostgreSQL: `tests/engine.sh [FILTER…]`.
#
# Each test has a database of its own, on a server that is started for them (Debian: postgresql). What is about the
# store's file is left out: `tests/cli/about_files.txt` names it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! PATH=$PATH:/usr/lib/postgresql/17/bin:/usr/lib/postgresql/16/bin:/usr/lib/postgresql/15/bin command -v initdb >/dev/null; then
    echo 'skipped: PostgreSQL is not at hand (apt-get install postgresql); the command suites ran on SQLite alone'
    exit 0
fi
leave_out=()
while read -r test; do
    [[ -z $test || $test == '#'* ]] || leave_out+=(--skip "$test")
done <tests/cli/about_files.txt
KUBEGRANT_TEST_ENGINE=postgres cargo test --test cli -- "${leave_out[@]}" "$@"
