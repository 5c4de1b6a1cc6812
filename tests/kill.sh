#!/bin/sh
# Kills, faults and crowds at full size, each judged by the oracle of tests/process.
# Prints one table per suite. Takes about an hour on two cores; arguments choose suites:
#
#   tests/kill.sh                   all of them
#   tests/kill.sh kill              100 random kills, and one at every request of every command
#   tests/kill.sh faults            every flow, every request, every way to fail
#   tests/kill.sh syscalls          each command killed before every call seen from outside
#                                   (SYSCALLS=all: before every call there is; some hours)
#   tests/kill.sh crowd             20 rounds of 16 processes at once
set -eu
cd "$(dirname "$0")/.."

suite() {
    echo "== $1"
    case $1 in
        kill) KUBEGRANT_KILLS=${KILLS:-100} KUBEGRANT_KILLS_AT=all run kill:: ;;
        faults) KUBEGRANT_FAULTS=${FAULTS:-full} run faults:: ;;
        syscalls) KUBEGRANT_SYSCALLS=${SYSCALLS:-effects} run syscalls:: ;;
        crowd) KUBEGRANT_ROUNDS=${ROUNDS:-20} run crowd:: ;;
        *) echo "no suite '$1': kill, faults, syscalls or crowd" >&2; exit 2 ;;
    esac
}

run() {
    cargo test --quiet --test process -- "$1" --nocapture
}

[ $# -gt 0 ] || set -- kill faults syscalls crowd
for name in "$@"; do
    suite "$name"
done
