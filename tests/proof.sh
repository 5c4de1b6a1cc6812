#!/usr/bin/env bash
# The proofs at full size: that nothing is lost, leaked or lied about, however it is attacked.
# Prints one table; with `--table FILE` each suite appends its row to a file as well.
#
#   tests/proof.sh all                       every suite but ssh, one after the other
#   tests/proof.sh sealing files             these two
#   tests/proof.sh --table table.md all      and keep the rows
#   KUBEGRANT_COMMAND='user add' tests/proof.sh syscalls    only the commands that begin so
#
# A suite is a function `suite_NAME`. What it runs prints lines `proof: WHAT: N cases, M violations`
# on its streams; the row is their sum. A suite that prints none, or fails without naming a
# violation, counts as one. All run in builds of the profile `proof`, which is optimized a little
# and has every assertion; the short forms of all of them are in `cargo test`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

table=
rows=()
failed=0

# Runs tests of the binary at full size.
process() {
    KUBEGRANT_PROOF=full cargo test --quiet --profile proof --test process -- "$@" --nocapture --test-threads=1
}

# 1. Killed before every system call of every command of a scenario (needs strace); and while each
# request waits for its answer, and 100 times at random. KUBEGRANT_SYSCALLS=effects leaves out the
# calls that nobody can see from outside.
suite_syscalls() {
    KUBEGRANT_SYSCALLS=${KUBEGRANT_SYSCALLS:-all} process a_command_killed_before_any_system_call
}
suite_kill() {
    KUBEGRANT_KILLS=${KUBEGRANT_KILLS:-100} KUBEGRANT_KILLS_AT=all process kill::
}

# 2. Every flow, every request, every way in which an API server can fail.
suite_faults() {
    KUBEGRANT_FAULTS=full process faults::
}

# 3. Every call that touches the disk, refused in every way (needs strace); disks that are full or
# read-only for real (needs the right to mount).
suite_disk() {
    KUBEGRANT_REFUSALS=full process a_disk_that_refuses disk::
}

# 4. 64 processes and 10,240 commands over one store and four clusters.
suite_crowd() {
    KUBEGRANT_CROWD=full process crowd::
}

# The hand-out and the rotation of an SSH key, killed at their system calls (needs strace and sshd):
# some hours; KUBEGRANT_KILLS_STEP=10 takes every tenth call. Not part of `all`.
suite_ssh() {
    KUBEGRANT_KILLS_AT=all process ::ssh_
}

# 6. Every byte of every ciphertext, and every swap; the age and rage tools.
suite_sealing() {
    process proof::sealing
}

# 7. A canary in every secret; every command, every error, a panic.
suite_leaks() {
    process proof::leaks
    KUBEGRANT_PROOF=full cargo test --quiet --profile proof --test cli -- secrecy --nocapture
}

# 8. Kubeconfigs and API servers that mean harm.
suite_hostile() {
    process proof::hostile
    process proof::servers
}

# 9. Somebody who swaps the destination while a file is written.
suite_files() {
    process proof::files
}

# 12. `kubegrant serve` as a process: killed at every request and at random, listened in on, flooded, with a full
# disk, a clock that jumps and a certificate that is renewed.
suite_serving() {
    process serving::
    KUBEGRANT_PROOF=full cargo test --quiet --profile proof --test cli -- served_tried --nocapture
}

# 13. The store in PostgreSQL: the connection cut at every statement, and the lock lost at every request; and the
# kills of 1 over it. Each statement is a call that can be seen from outside: every twentieth is taken.
suite_postgres() {
    process postgres::
    export KUBEGRANT_TEST_ENGINE=postgres
    KUBEGRANT_SYSCALLS=effects KUBEGRANT_SYSCALLS_STEP=${KUBEGRANT_SYSCALLS_STEP:-20} \
        process a_command_killed_before_any_system_call
    KUBEGRANT_KILLS=${KUBEGRANT_KILLS:-100} KUBEGRANT_KILLS_AT=all process a_command_killed_at_any_moment
    unset KUBEGRANT_TEST_ENGINE
}

# 11. Texts and bytes nobody thought of: with libFuzzer where cargo-fuzz and a nightly compiler
# are there, else by mutation of the same corpora. FUZZ_SECONDS is the time for each target.
suite_fuzz() {
    local seconds=${FUZZ_SECONDS:-120} target runs log
    if ! { cargo fuzz --version && cargo +nightly --version; } >/dev/null 2>&1; then
        echo 'without cargo-fuzz and a nightly compiler: mutation of the corpora instead'
        KUBEGRANT_FUZZ_SECONDS=$seconds cargo test --quiet --lib -- fuzzing:: --nocapture
        return
    fi
    log=$(mktemp)
    for target in $(cargo +nightly fuzz list); do
        mkdir -p "fuzz/found/$target"
        # What is found is kept apart: the seeds stay as they were reviewed. There is no unsafe code
        # for a sanitizer to watch, and its own memory would hide ours from the limit.
        cargo +nightly fuzz run --sanitizer none "$target" "fuzz/found/$target" "fuzz/corpus/$target" -- \
            -max_total_time="$seconds" -timeout=1 -rss_limit_mb=256 -print_final_stats=1 \
            >"$log" 2>&1 && found=0 || found=1
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        if [[ $found -ne 0 ]]; then
            tail -n 40 "$log"
        fi
        echo "proof: fuzz $target: ${runs:-0} cases, $found violations"
    done
    rm -f "$log"
}

suites() {
    declare -F | sed -n 's/^declare -f suite_//p'
}

# Runs one suite and says its row.
prove() {
    local name=$1 began=$SECONDS log status=0 cases violations row
    log=$(mktemp)
    printf '== %s\n' "$name"
    # Each in a shell of its own: the first failure ends the suite, not the script.
    (set -euo pipefail; "suite_$name") > >(tee "$log") 2>&1 || status=$?
    wait
    read -r cases violations < <(sed -n 's/.*proof: .*: \([0-9]*\) cases, \([0-9]*\) violations.*/\1 \2/p' "$log" \
        | awk '{ cases += $1; violations += $2 } END { print cases + 0, violations + 0 }')
    rm -f "$log"
    if [[ $violations -eq 0 && ($status -ne 0 || $cases -eq 0) ]]; then
        violations=1
    fi
    if [[ $violations -ne 0 ]]; then
        failed=1
    fi
    row="| $name | $cases | $violations | $((SECONDS - began)) |"
    rows+=("$row")
    if [[ -n $table ]]; then
        printf '%s\n' "$row" >>"$table"
    fi
}

usage() {
    printf 'tests/proof.sh [--table FILE] SUITE...\nsuites: all, %s\n' "$(suites | paste -sd, | sed 's/,/, /g')" >&2
    exit 2
}

chosen=()
while [[ $# -gt 0 ]]; do
    case $1 in
        --table)
            [[ $# -ge 2 ]] || usage
            table=$2
            shift
            ;;
        all) mapfile -t chosen < <(suites | grep -vx ssh) ;;
        *)
            declare -F "suite_$1" >/dev/null || usage
            chosen+=("$1")
            ;;
    esac
    shift
done
[[ ${#chosen[@]} -gt 0 ]] || usage

for name in "${chosen[@]}"; do
    prove "$name"
done
printf '\n| suite | cases | violations | seconds |\n|---|---:|---:|---:|\n'
printf '%s\n' "${rows[@]}"
exit "$failed"
