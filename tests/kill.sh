#!/bin/sh
# Kills, faults and crowds at full size, each judged by the oracle of tests/process.
# Prints one table per suite. Takes about an hour on two cores without ssh; arguments choose suites:
#
#   tests/kill.sh                   kill, faults and crowd
#   tests/kill.sh kill              100 random kills, and one at every request of every command
#   tests/kill.sh faults            every flow, every request, every way to fail
#   tests/kill.sh syscalls          each command killed before every call seen from outside
#                                   (SYSCALLS=all: before every call there is; some hours)
#   tests/kill.sh disk              each command with each call refused, as a full or broken disk does
#   tests/kill.sh crowd             20 rounds of 16 processes at once
#   tests/kill.sh ssh               hand-out and rotation of an SSH key, killed at every system call
#                                   of theirs: hours; STEP=10 takes every tenth. Wants strace, sshd
set -eu
cd "$(dirname "$0")/.."

suite() {
    echo "== $1"
    case $1 in
        kill) KUBEGRANT_KILLS=${KILLS:-100} KUBEGRANT_KILLS_AT=all run kill:: ;;
        faults) KUBEGRANT_FAULTS=${FAULTS:-full} run faults:: ;;
        disk) KUBEGRANT_REFUSALS=full run a_disk_that_refuses ;;
        syscalls) KUBEGRANT_SYSCALLS=${SYSCALLS:-effects} run a_command_killed_before_any_system_call ;;
        crowd) KUBEGRANT_ROUNDS=${ROUNDS:-20} run crowd:: ;;
        ssh) KUBEGRANT_KILLS_AT=all KUBEGRANT_KILLS_STEP=${STEP:-1} run ::ssh_ ;;
        *) echo "no suite '$1': kill, faults, syscalls, disk, crowd or ssh" >&2; exit 2 ;;
    esac
}

run() {
    cargo test --quiet --test process -- "$1" --nocapture
}

[ $# -gt 0 ] || set -- kill faults syscalls disk crowd
for name in "$@"; do
    suite "$name"
done
