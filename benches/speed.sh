#!/usr/bin/env bash
# The promised speeds, measured on the release build. Needs hyperfine, GNU time and python3.
# With KUBEBUILDER_ASSETS, whose folder must hold kubectl too, also against a real API server
# that is up already: CLUSTER_KUBECONFIG names its admin kubeconfig.
#
#   cargo build --release && benches/speed.sh
set -euo pipefail
cd "$(dirname "$0")/.."
binary=${KUBEGRANT:-$PWD/target/release/kubegrant}
[[ -x $binary ]] || { echo "build it first: cargo build --release" >&2; exit 2; }
here=$(mktemp -d); trap 'rm -rf -- "$here"' EXIT
out=$here/out.json

# measure NAME LIMIT_MS [HYPERFINE OPTION…] COMMAND
measure() {
  local name=$1 limit=$2; shift 2
  hyperfine --style none --warmup 3 --export-json "$out" "$@" > /dev/null 2>"$here/err" ||
    { cat "$here/err" >&2; return 1; }
  python3 - "$name" "$limit" "$out" <<'P'
import json, statistics, sys
name, limit, path = sys.argv[1:]
times = sorted(1000 * t for t in json.load(open(path))["results"][0]["times"])
median = statistics.median(times)
mark = "" if limit == "-" else ("  ok" if median <= float(limit) else "  MISSED")
print(f"{name:<52}{median:8.1f} ms  (min {times[0]:.1f}, max {times[-1]:.1f}; limit {limit}){mark}")
P
}

# in_home HOME: the variables of a home of its own
in_home() { export HOME=$1 XDG_CONFIG_HOME=$1/c XDG_DATA_HOME=$1/d XDG_STATE_HOME=$1/s; mkdir -p "$1"; }

measure "--version" 3 -N "$binary --version"

# 200 users and 50 clusters, all with access: rows written straight into the tool's own store.
in_home "$here/big"
"$binary" --quiet init --organization Acme --owner ana > /dev/null
python3 - "$XDG_DATA_HOME/kubegrant/store.db" <<'P'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
now = 1760000000
db.executemany(
    "INSERT INTO users (id, name, role, created_at) VALUES (?, ?, 'developer', ?)",
    [(n, f"user-{n:03}", now) for n in range(2, 201)])
db.executemany(
    "INSERT INTO clusters (id, name, server, kube_system_uid, manager, manager_kind, created_at)"
    " VALUES (?, ?, ?, ?, 'kubegrant-manager', 'token', ?)",
    [(n, f"cluster-{n:02}", f"https://10.0.0.{n}:6443", f"uid-{n}", now) for n in range(1, 51)])
db.executemany(
    "INSERT INTO grants (cluster, user, level, granted_at, granted_by) VALUES (?, ?, ?, ?, 1)",
    [(n, u, "read" if u % 2 else "write", now) for n in range(1, 51) for u in range(2, 201)])
db.commit()
P
"$binary" --quiet audit accept --reason benchmark --yes > /dev/null 2>&1
lines=$("$binary" access list 2>/dev/null | wc -l)
measure "access list, $lines lines of 200 users on 50 clusters" 10 -N "$binary access list"
measure "access list -o json" 10 -N "$binary access list -o json"
measure "access list --cluster cluster-07" 10 -N "$binary access list --cluster cluster-07"
measure "complete a cluster's name" 5 -N \
  "env COMPLETE=bash _CLAP_COMPLETE_INDEX=3 _CLAP_IFS= $binary -- kubegrant cluster show cluster-0"
/usr/bin/time -f '%M' -o "$here/memory" "$binary" access list > /dev/null 2>&1
echo "memory of access list: $(( $(tail -1 "$here/memory") / 1024 )) MB (limit 25)"

[[ -n ${CLUSTER_KUBECONFIG:-} ]] || { echo "no CLUSTER_KUBECONFIG: nothing was measured on a cluster"; exit 0; }
kubectl=${KUBEBUILDER_ASSETS:+$KUBEBUILDER_ASSETS/}kubectl
admin=$(realpath "$CLUSTER_KUBECONFIG")
in_home "$here/real"; cd "$here/real"
"$binary" --quiet init --organization Acme --owner ana > /dev/null
"$binary" --quiet cluster add prod --kubeconfig "$admin" > /dev/null 2>&1
for user in bob rita will; do "$binary" --quiet user add "$user" > /dev/null; done
"$binary" --quiet access grant rita -c prod --level read > /dev/null
measure "cluster show (asks the cluster)" 15 -N "$binary cluster show prod"
measure "cluster check" 15 -N "$binary cluster check prod"
measure "reconcile, nothing to do" 15 -N "$binary reconcile prod"
measure "kubectl get namespaces" - -N "$kubectl --kubeconfig $admin get namespaces"
again="$binary access revoke bob -c prod --yes"
for level in read write; do
  measure "first kubeconfig download, $level" 40 -N --runs 20 \
    --prepare "sh -c '$again; $binary access grant bob -c prod --level $level; rm -f bob.kubeconfig'" \
    "$binary kubeconfig download prod --user bob --plain -f bob.kubeconfig"
done
measure "another kubeconfig download" 40 -N \
  "$binary kubeconfig download prod --user bob --plain -f bob.kubeconfig --force"
measure "access revoke" - -N --runs 20 \
  --prepare "sh -c '$binary access grant bob -c prod --level read; $binary kubeconfig download prod --user bob --plain -f bob.kubeconfig --force'" \
  "$binary access revoke bob -c prod --yes"
cat > by-hand <<K
set -e
k="$kubectl --kubeconfig $admin"
\$k create serviceaccount bob -n default
\$k create clusterrolebinding speed-bob --clusterrole=view --serviceaccount=default:bob
token=\$(\$k create token bob -n default --duration=720h)
export KUBECONFIG=by-hand.kubeconfig
$kubectl config set-cluster c --server="\$(\$k config view -o jsonpath='{.clusters[0].cluster.server}')"
$kubectl config set-credentials bob --token="\$token"
$kubectl config set-context bob --cluster=c --user=bob
$kubectl config use-context bob
K
measure "the same file made by hand with kubectl" - -N --runs 10 \
  --prepare "sh -c '$kubectl --kubeconfig $admin delete clusterrolebinding speed-bob --ignore-not-found; $kubectl --kubeconfig $admin delete serviceaccount bob -n default --ignore-not-found; rm -f by-hand.kubeconfig'" \
  "sh by-hand"
$kubectl --kubeconfig "$admin" delete clusterrolebinding speed-bob > /dev/null
$kubectl --kubeconfig "$admin" delete serviceaccount bob -n default > /dev/null
/usr/bin/time -f '%M' -o "$here/memory" "$binary" kubeconfig download prod --user rita --plain -f r > /dev/null 2>&1
echo "memory of kubeconfig download: $(( $(tail -1 "$here/memory") / 1024 )) MB (limit 25)"
