//! The main job in a container's shape: a user without a password entry and without a home, a root
//! that is read-only, an emptyDir as the kubelet makes it for a `fsGroup`, and a Secret volume with
//! its links. Needs `unshare` and the right to use it, and says so where there is none.

use std::process::{Command, Stdio};

use crate::home::{Home, Ran, say};

/// Makes the pod's file system, and runs two scripts in it; between them the identity that the
/// first one made moves into the Secret volume.
const OUTSIDE: &str = r#"
set -e
root=$1 binary=$2 admin=$3
mount --rbind / "$root"
mount -o remount,bind,ro "$root"
mount -t tmpfs -o mode=755 tmpfs "$root/mnt"
mkdir "$root/mnt/bin" "$root/mnt/data" "$root/mnt/secret"
cp "$binary" "$root/mnt/bin/kubegrant"
printf %s "$4" >"$root/mnt/bin/first"
printf %s "$5" >"$root/mnt/bin/second"
chmod 755 "$root/mnt/bin/kubegrant"
chmod 644 "$root/mnt/bin/first" "$root/mnt/bin/second"
mount -t tmpfs -o mode=2777,gid=54321 tmpfs "$root/mnt/data"
secret=$root/mnt/secret
mkdir "$secret/..2026"
ln -s ..2026 "$secret/..data"
keep() {
    cp "$1" "$secret/..2026/$2"
    chown 0:54321 "$secret/..2026/$2"
    chmod "$3" "$secret/..2026/$2"
    [ -e "$secret/$2" ] || ln -s "..data/$2" "$secret/$2"
}
pod() {
    chroot "$root" setpriv --reuid=54321 --regid=54321 --groups=54321 --inh-caps=-all \
        --no-new-privs env -i PATH=/mnt/bin:/usr/bin:/bin sh "/mnt/bin/$1"
}
keep "$admin" admin.conf 0440
mkdir "$root/mnt/home" "$root/mnt/home/.config" "$root/mnt/home/.kube"
chown 54321:54321 "$root/mnt/home"
echo "[begun]"
pod first
identity=$root/mnt/data/c/kubegrant/identity
keep "$identity" identity 0440
keep "$identity" open 0444
rm -r "$root/mnt/data/c"
# When a volume is mounted again, the kubelet gives the fsGroup every right in it.
chgrp -R 54321 "$root/mnt/data"
find "$root/mnt/data" -type d -exec chmod g+rwxs {} +
find "$root/mnt/data" -type f -exec chmod g+rw {} +
pod second
"#;

/// What both scripts begin with: runs a command, and says where it did not end with this code or
/// did not say these words.
const TRY: &str = r#"
try() {
    code=$1 words=$2
    shift 2
    said=$("$@" 2>&1)
    got=$?
    printf '$ %s\n%s\n[exit %s]\n' "$*" "$said" "$got"
    case $said in *"$words"*) ;; *) echo "NOT SAID: $words" ;; esac
    [ "$got" = "$code" ] || echo "NOT $code"
}
cd /
"#;

const FIRST: &str = r#"
try 0 'kubegrant ' kubegrant --version
try 2 'set HOME' kubegrant init --organization Acme --owner alice
export HOME=/
try 5 'XDG_CONFIG_HOME' kubegrant init --organization Acme --owner alice
try 5 'KUBEGRANT_STORE' env XDG_CONFIG_HOME=/mnt/data/x kubegrant init --organization Acme --owner alice
try 7 '--store /mnt/data/kubegrant/store.db' kubegrant --store /mnt/data/store.db \
    --identity /mnt/data/y/identity init --organization Acme --owner alice
export HOME=/mnt/home
try 5 'sudo chown -R 54321 /mnt/home/.config' kubegrant init --organization Acme --owner alice
export XDG_CONFIG_HOME=/mnt/data/c XDG_DATA_HOME=/mnt/data/d XDG_STATE_HOME=/mnt/data/s
try 0 'is ready' kubegrant init --organization Acme --owner alice
try 0 '' kubegrant user add bob
try 0 '' kubegrant cluster add dev --kubeconfig /mnt/secret/admin.conf
try 0 '' kubegrant access grant bob --cluster dev --level write
try 5 'sudo chown -R 54321 /mnt/home/.kube' kubegrant kubeconfig download dev --merge
export HOME=/
try 5 '-f' kubegrant kubeconfig download dev
try 7 'mode 0700' kubegrant kubeconfig download dev -f /mnt/data/dev.conf
mkdir -m 700 /mnt/data/mine
try 0 '' kubegrant kubeconfig download dev -f /mnt/data/mine/dev.conf
try 0 '' kubegrant kubeconfig download dev --user bob --plain -f /mnt/data/mine/bob.conf
try 0 '' kubegrant shell dev --level read -- sh -c 'test -s "$KUBECONFIG"'
try 0 '' kubegrant access revoke bob --cluster dev --yes
"#;

const SECOND: &str = r#"
export HOME=/ XDG_DATA_HOME=/mnt/data/d XDG_STATE_HOME=/mnt/data/s
try 4 'no identity' kubegrant whoami
export KUBEGRANT_IDENTITY_FILE=/mnt/secret/open
try 7 'KUBEGRANT_IDENTITY' kubegrant whoami
try 7 'defaultMode: 0440' kubegrant whoami
export KUBEGRANT_IDENTITY_FILE=/mnt/secret/identity
try 0 'alice' kubegrant whoami
unset KUBEGRANT_IDENTITY_FILE
export KUBEGRANT_IDENTITY="$(cat /mnt/secret/open)"
try 0 'alice' kubegrant whoami
try 0 '' kubegrant reconcile
export XDG_CONFIG_HOME=/mnt/data/mine
mkdir -m 2770 /mnt/data/mine/kubegrant
cp /mnt/secret/identity /mnt/data/mine/kubegrant/identity
chmod 660 /mnt/data/mine/kubegrant/identity
try 0 'alice' env KUBEGRANT_IDENTITY= kubegrant whoami
chmod 664 /mnt/data/mine/kubegrant/identity
try 7 'mode 0664' env KUBEGRANT_IDENTITY= kubegrant whoami
try 0 '' kubegrant audit verify
try 0 '' kubegrant cluster delete dev --yes --confirm dev
"#;

/// The command that gives a shell the right to mount, where this machine has one.
fn unshare() -> Option<Vec<&'static str>> {
    let ways: [&[&str]; 2] = [
        &["unshare", "--mount"],
        &[
            "unshare",
            "--user",
            "--map-root-user",
            "--map-auto",
            "--mount",
        ],
    ];
    let works = |way: &&[&str]| {
        let probe = "mount -t tmpfs tmpfs /mnt && setpriv --reuid=54321 --regid=54321 \
                     --clear-groups true";
        let ended = Command::new(way[0])
            .args(&way[1..])
            .args(["sh", "-c", probe])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        ended.is_ok_and(|status| status.success())
    };
    ways.into_iter().find(works).map(<[&str]>::to_vec)
}

#[test]
fn the_main_job_is_done_in_a_pod() {
    let Some(way) = unshare() else {
        say("not run, for nobody may mount here: the main job in a pod");
        return;
    };
    let home = Home::new();
    let root = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(way[0]);
    command
        .args(&way[1..])
        .args(["sh", "-c", OUTSIDE, "sh"])
        .arg(root.path())
        .arg(env!("CARGO_BIN_EXE_kubegrant"))
        .arg(home.work().join("admin.conf"))
        .arg(format!("{TRY}{FIRST}"))
        .arg(format!("{TRY}{SECOND}"));
    home.inside(&mut command);
    let ran = Ran::of("in a pod", &command.output().expect("it starts"));
    assert!(ran.stdout.starts_with("[begun]"), "{ran}");
    assert!(!ran.stdout.contains("\nNOT "), "{ran}");
    drop(ran.success());
}
