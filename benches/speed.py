#!/usr/bin/env python3
"""The promised speeds, measured on the release build, as a table; ends with 1 where one is missed.

    cargo build --release
    benches/speed.py                 commands that ask no cluster, on a store as small teams have it
    benches/speed.py --large         the same with 10,000 users, 1,000 clusters and 1,000,000 grants
    benches/speed.py --real          on a real API server that others write to 50 times a second: starts
                                     etcd and kube-apiserver from KUBEBUILDER_ASSETS, where kubectl is too
    benches/speed.py --wide          on a real API server with 200, 1,000 and 5,000 namespaces and 20 writers
    benches/speed.py --bulk          everybody's rotation, beside a bare client that makes and deletes the same
                                     accounts (bare.rs), and 12,000 readers on one cluster

KUBEGRANT names another binary. Each figure is the median of some runs; on a cluster ours and kubectl's take
turns, so that both meet the same noise. Needs python3; on a real API server also openssl.
"""
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BINARY = os.environ.get("KUBEGRANT", os.path.join(HERE, "../target/release/kubegrant"))
NOW = int(time.time()) - 1000
missed = 0


class Home:
    """A home of its own, with an organization."""

    def __init__(self, folder):
        os.makedirs(folder, exist_ok=True)
        self.folder = folder
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("KUBE", "XDG"))}
        for name in ("CONFIG", "DATA", "STATE"):
            self.env[f"XDG_{name}_HOME"] = os.path.join(folder, name.lower())
        self.run(["--quiet", "init", "--organization", "Acme", "--owner", "ana"])

    def run(self, line, **more):
        """Runs a command; gives milliseconds and megabytes. `may_fail` takes any exit code."""
        env, may_fail = more.get("env", self.env), more.get("may_fail", False)
        line = line.split() if isinstance(line, str) else line
        began = time.perf_counter()
        with tempfile.TemporaryFile() as words:
            child = subprocess.Popen(
                [more.get("binary", BINARY), *line],
                env=env, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=words,
            )
            _, status, used = os.wait4(child.pid, 0)
            took = 1000 * (time.perf_counter() - began)
            if status and not may_fail:
                words.seek(0)
                sys.exit(f"{' '.join(line)}: {words.read().decode()}")
        return took, used.ru_maxrss / 1024


def report(name, runs, limit=None, memory=None, than=None):
    """Prints a line: the median, its limit, or the ratio to `than`, which is its limit times smaller."""
    global missed
    times, sizes = [run[0] for run in runs], [run[1] for run in runs]
    median, size = statistics.median(times), max(sizes)
    words = []
    if limit is not None:
        words.append(f"≤ {limit} ms" if median <= limit else f"MISSED: ≤ {limit} ms")
        missed += median > limit
    if memory is not None:
        words.append(f"≤ {memory} MB" if size <= memory else f"MISSED: ≤ {memory} MB")
        missed += size > memory
    if than is not None:
        words.append(than(median))
    print(f"| {name} | {median:.1f} | {min(times):.1f} | {size:.0f} | {', '.join(words)} |", flush=True)
    return median


def head(title):
    print(f"\n{title}\n\n| what | median, ms | best | MB | promise |\n|---|---|---|---|---|", flush=True)


def fill(home, users, clusters, grants):
    """Writes rows straight into the store, which the owner then accepts."""
    store = sqlite3.connect(os.path.join(home.env["XDG_DATA_HOME"], "kubegrant/store.db"))
    store.executemany(
        "INSERT INTO users (id, name, role, created_at) VALUES (?, ?, 'developer', ?)",
        ((n, f"user-{n:05}", NOW) for n in range(2, users + 1)),
    )
    store.executemany(
        "INSERT INTO clusters (id, name, server, kube_system_uid, manager, manager_kind, created_at)"
        " VALUES (?, ?, ?, ?, 'kubegrant-manager', 'token', ?)",
        (
            (n, f"cluster-{n:04}", f"https://10.0.{n // 250}.{n % 250}:6443", f"uid-{n}", NOW)
            for n in range(1, clusters + 1)
        ),
    )
    store.executemany(
        "INSERT OR IGNORE INTO grants (cluster, user, level, granted_at, granted_by)"
        " VALUES (?, ?, ?, ?, 1)",
        (
            (n, 2 + (n * 7919 + k * 13) % (users - 1), "read" if k % 2 else "write", NOW)
            for n in range(1, clusters + 1)
            for k in range(grants)
        ),
    )
    store.commit()
    store.close()
    return home.run("--quiet audit accept --reason benchmark --yes")


def issue(home, users, power, first, name):
    """Writes users with a version that is pending, which the next `reconcile` makes."""
    level = "write" if power == "write" else "read"
    store = sqlite3.connect(os.path.join(home.env["XDG_DATA_HOME"], "kubegrant/store.db"))
    ids = range(first, first + users)
    store.executemany(
        "INSERT INTO users (id, name, role, created_at) VALUES (?, ?, 'developer', ?)",
        ((n, f"{name}-{n}", NOW) for n in ids),
    )
    store.executemany(
        "INSERT INTO grants (cluster, user, level, granted_at, granted_by) VALUES (1, ?, ?, ?, 1)",
        ((n, level, NOW) for n in ids),
    )
    store.executemany(
        "INSERT INTO credentials (cluster, kind, user, version, account, power, shard, state, created_at)"
        " VALUES (1, 'personal', ?, 1, ?, ?, ?, 'pending', ?)",
        ((n, f"{name}-{n}-0badcafe-v1", power, 1 + (n - first) // 500, NOW) for n in ids),
    )
    store.commit()
    store.close()
    home.run("--quiet audit accept --reason benchmark --yes")
    home.run("reconcile prod")


def completion(home, runs, limit):
    env = dict(home.env, COMPLETE="bash", _CLAP_COMPLETE_INDEX="3", _CLAP_IFS="x")
    asked = ["--", "kubegrant", "cluster", "show", "cluster-00"]
    report("complete a cluster's name", [home.run(asked, env=env) for _ in range(runs)], limit)


def small(folder):
    home = Home(os.path.join(folder, "small"))
    fill(home, 201, 50, 200)
    head("200 users, 50 clusters, 10,000 grants")
    for line, limit, memory in (
        ("--version", 3, None),
        ("whoami", 8, None),
        ("access list", 12, 25),
        ("access list -o json", 15, None),
        ("access list --cluster cluster-0007", 10, None),
    ):
        report(f"`{line}`", [home.run(line) for _ in range(20)], limit, memory)
    completion(home, 20, 5)


def large(folder):
    home = Home(os.path.join(folder, "large"))
    accepted = fill(home, 10_000, 1_000, 1_000)
    head("10,000 users, 1,000 clusters, 1,000,000 grants")
    report("`audit accept` of all of it", [accepted])
    for line, runs, limit, memory in (
        ("whoami", 20, 8, None),
        ("user show user-00044", 20, 8, None),
        ("access list --cluster cluster-0500", 20, 50, 50),
        ("access list --user user-00044", 20, 50, None),
        ("access list", 5, 2000, 60),
        ("access list -o json", 5, 2000, 60),
        ("status", 3, 10_000, 200),
        ("team list", 3, 4000, 60),
        ("audit list", 5, 500, 60),
    ):
        report(f"`{line}`", [home.run(line) for _ in range(runs)], limit, memory)
    added = [home.run(f"user add more-{n}") for n in range(20)]
    report("`user add`", added, 20)
    completion(home, 20, 5)


def on_real(folder, work, noisy=True):
    """Starts a real API server, and works on it with a home that has it as cluster `prod`."""
    assets = os.environ.get("KUBEBUILDER_ASSETS") or sys.exit("--real needs KUBEBUILDER_ASSETS")
    kube, port = os.path.join(folder, "kube"), str(random.randrange(20_000, 30_000))
    running = [subprocess.Popen([os.path.join(HERE, "kube.sh"), kube, port])]
    admin, kubectl = os.path.join(kube, "admin.kubeconfig"), os.path.join(assets, "kubectl")
    try:
        ask = ["--kubeconfig", admin, "get", "clusterrole", "view", "-o", "name"]
        for _ in range(120):
            time.sleep(1)
            if os.path.exists(admin) and subprocess.run([kubectl, *ask], capture_output=True).returncode == 0:
                break
        # Its informers have begun, too: a binding counts when it is made.
        time.sleep(10)
        home = Home(os.path.join(folder, "home"))
        home.run(f"cluster add prod --kubeconfig {admin}")
        for user in ("bob", "rita"):
            home.run(f"user add {user}")
        if noisy:
            noise = [sys.executable, os.path.join(HERE, "noise.py"), kube, "50", port]
            running.append(subprocess.Popen(noise))
            time.sleep(3)
        work(home, kubectl, admin, (kube, port))
    finally:
        for child in reversed(running):
            child.terminate()
            child.wait()


def by_kubectl(home, kubectl, admin, turn):
    """What one does without kubegrant: an account, a binding, a token, a file."""
    name = f"by-hand-{turn}"
    steps = (
        f"create serviceaccount {name} -n default",
        f"create clusterrolebinding {name} --clusterrole view --serviceaccount default:{name}",
        f"create token {name} -n default",
    )
    return sum(home.run(f"--kubeconfig {admin} {step}", binary=kubectl)[0] for step in steps), 0


def real(folder):
    on_real(os.path.join(folder, "real"), on_cluster)


def wide(folder):
    on_real(os.path.join(folder, "wide"), on_namespaces, noisy=False)


def bulk(folder):
    on_real(os.path.join(folder, "bulk"), everybodys, noisy=False)


def on_namespaces(home, kubectl, admin, _):
    issue(home, 20, "write", 5000, "writer")
    head("A real API server, 20 writers")
    there = 0
    for count in (200, 1000, 5000):
        names = (f"kind: Namespace\napiVersion: v1\nmetadata: {{name: team-{n}}}\n" for n in range(there, count))
        made = [kubectl, "--kubeconfig", admin, "create", "--validate=false", "-f", "-"]
        subprocess.run(made, input="---\n".join(names).encode(), stdout=subprocess.DEVNULL, check=True)
        there = count
        home.run("reconcile prod")
        first, again, revoked = [], [], []
        download = "kubeconfig download prod --user bob --plain --force -f bob.conf"
        for _ in range(3):
            home.run("access grant bob -c prod --level write")
            first.append(home.run(download))
            again.append(home.run(download))
            revoked.append(home.run("access revoke bob -c prod --yes"))
        report(f"{count} namespaces: first download of write", first, count)
        report(f"{count} namespaces: another", again, 70)
        report(f"{count} namespaces: revoke", revoked, 1.2 * count, 80)
    report("5000 namespaces: `cluster delete`", [home.run("cluster delete prod --confirm prod --yes")], 15_000)


def everybodys(home, kubectl, admin, where):
    runs = 5
    few = coming_and_going(home)
    issue(home, 1000, "read", 1000, "reader")
    ours, bare = [], []
    for _ in range(runs):
        ours.append(home.run("team rotate --all-users -c prod --yes"))
        line = ["cargo", "bench", "-q", "--bench", "bare", "--", *where, "1000"]
        said = subprocess.run(line, cwd=HERE, capture_output=True, text=True, check=True).stdout.split()
        bare.append((sum(float(word) for word in said[1::2]), 0))
    head("A real API server, everybody's at once")
    alone = report("a bare client: 1,000 accounts made, listed and deleted", bare)

    def rate(median):
        global missed
        missed += alone / median < 0.8
        return f"{alone / median:.2f} of its rate" + ("" if alone / median >= 0.8 else ", MISSED: ≥ 0.8")

    report("`team rotate --all-users`, 1,000 users", ours, memory=60, than=rate)
    issue(home, 11_000, "read", 10_000, "more")
    for name, before, after in zip(("grant", "first download", "revoke"), few, coming_and_going(home)):
        report(f"{name} of one more reader, with nobody else", before)
        report(f"{name} of one more reader, with 12,000", after)


def coming_and_going(home):
    granted, first, revoked = [], [], []
    for _ in range(7):
        granted.append(home.run("access grant bob -c prod --level read"))
        first.append(home.run("kubeconfig download prod --user bob --plain --force -f bob.conf"))
        revoked.append(home.run("access revoke bob -c prod --yes"))
    return granted, first, revoked


def on_cluster(home, kubectl, admin, _):
    home.run("access grant rita -c prod --level read")
    home.run("kubeconfig download prod --user rita --plain -f rita.conf")
    runs = 20
    first, again, revoked, checked, reconciled, listed, by_hand = ([] for _ in range(7))
    download = "kubeconfig download prod --user bob --plain --force -f bob.conf"
    for turn in range(runs):
        home.run("access grant bob -c prod --level read")
        first.append(home.run(download))
        again.append(home.run(download))
        revoked.append(home.run("access revoke bob -c prod --yes"))
        by_hand.append(by_kubectl(home, kubectl, admin, turn))
        checked.append(home.run("cluster check prod"))
        reconciled.append(home.run("reconcile prod"))
        listed.append(home.run(f"--kubeconfig {admin} get clusterrolebindings", binary=kubectl))
    head("A real API server, 50 writes a second by others")
    hand = report("kubectl: account, binding, token", by_hand)
    one = report("kubectl: a list of ClusterRoleBindings", listed)

    def times(median):
        global missed
        missed += hand / median < 10
        return f"{hand / median:.1f} × faster than kubectl" + ("" if hand / median >= 10 else ", MISSED: ≥ 10")

    def lists(median):
        global missed
        missed += median / one > 1.1
        return f"{median / one:.2f} of kubectl's list" + ("" if median / one <= 1.1 else ", MISSED: ≤ 1.1")

    report("first `kubeconfig download`", first, 40, than=times)
    report("another", again, 35)
    report("`access revoke`", revoked, 50)
    report("`cluster check`", checked, than=lists)
    report("`reconcile`, nothing to do", reconciled, than=lists)


def main():
    folder = tempfile.mkdtemp(prefix="kubegrant-bench-")
    os.chmod(folder, 0o700)
    try:
        wanted = sys.argv[1:] or [""]
        for mode in wanted:
            {"": small, "--large": large, "--real": real, "--wide": wide, "--bulk": bulk}[mode](folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if missed else 0)


main()
