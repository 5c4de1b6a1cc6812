//! `packaging/install.sh` runs nothing of a release before it is verified.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::home::{set_mode, write_at};
use crate::say;

const NAME: &str = "kubegrant-9.9.9-x86_64-unknown-linux-musl";

/// A release of a program that says when it is run, and the keys of two people.
struct Release {
    dir: TempDir,
}

fn run(program: &str, args: &[&str], folder: &Path) -> Option<Output> {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).output().ok()
}

impl Release {
    /// Makes one; nothing where a tool is missing, which is said.
    fn make() -> Option<Release> {
        let dir = tempfile::tempdir().expect("a folder");
        let here = |name: &str| dir.path().join(name);
        for name in ["ours", "others"] {
            let args = ["-q", "-t", "ed25519", "-N", "", "-f", name];
            let Some(made) = run("ssh-keygen", &args, dir.path()) else {
                say("skipped: install.sh is not tried without ssh-keygen");
                return None;
            };
            assert!(made.status.success());
        }
        let tree = here(NAME);
        for folder in ["man", "completions"] {
            std::fs::create_dir_all(tree.join(folder)).expect("a folder");
        }
        let program = format!(
            "#!/bin/sh\ntouch '{}'\necho kubegrant 9.9.9\n",
            here("ran").display()
        );
        write_at(&tree.join("kubegrant"), &program);
        set_mode(&tree.join("kubegrant"), 0o755);
        for name in [
            "man/kubegrant.1",
            "completions/kubegrant.bash",
            "completions/_kubegrant",
            "completions/kubegrant.fish",
        ] {
            write_at(&tree.join(name), "");
        }
        std::fs::create_dir(here("out")).expect("a folder");
        let archive = format!("out/{NAME}.tar.gz");
        let packed = run("tar", &["-czf", &archive, NAME], dir.path()).expect("tar");
        assert!(packed.status.success());
        let release = Release { dir };
        release.sign("ours");
        Some(release)
    }

    fn here(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn archive(&self) -> PathBuf {
        self.here(&format!("out/{NAME}.tar.gz"))
    }

    /// Writes the sums, and signs them.
    fn sign(&self, key: &str) {
        let bytes = std::fs::read(self.archive()).expect("the archive");
        let mut sum = String::new();
        for byte in &Sha256::digest(&bytes) {
            write!(sum, "{byte:02x}").expect("two digits");
        }
        write_at(
            &self.here("out/SHA256SUMS"),
            &format!("{sum}  {NAME}.tar.gz\n"),
        );
        let args = [
            "-q",
            "-Y",
            "sign",
            "-f",
            key,
            "-n",
            "kubegrant",
            "out/SHA256SUMS",
        ];
        // A signature that is there already is asked about.
        let _gone = std::fs::remove_file(self.here("out/SHA256SUMS.sig"));
        let signed = run("ssh-keygen", &args, self.dir.path()).expect("it signs");
        assert!(signed.status.success(), "{signed:?}");
    }

    /// Installs; whether it was done, what was said, and whether the program was run.
    fn install(&self) -> (bool, String, bool) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/install.sh");
        let script = script.display().to_string();
        let args = [
            &script, "--from", "out", "--key", "ours.pub", "--prefix", "prefix",
        ];
        let ran = run("sh", &args, self.dir.path()).expect("sh");
        let said = String::from_utf8_lossy(&[ran.stdout, ran.stderr].concat()).into_owned();
        (ran.status.success(), said, self.here("ran").exists())
    }
}

#[test]
fn a_release_that_is_signed_is_installed() {
    let Some(release) = Release::make() else {
        return;
    };
    let (done, said, ran) = release.install();
    assert!(done && ran, "{said}");
    assert!(said.contains("Installed: kubegrant 9.9.9"), "{said}");
    assert!(release.here("prefix/bin/kubegrant").exists());
}

#[test]
fn what_was_not_signed_with_the_key_is_neither_run_nor_installed() {
    let Some(release) = Release::make() else {
        return;
    };
    release.sign("others");
    let refused = release.install();
    assert!(
        refused.1.contains("not signed with that key"),
        "{}",
        refused.1
    );

    release.sign("ours");
    let mut bytes = std::fs::read(release.archive()).expect("the archive");
    bytes.push(0);
    #[expect(clippy::disallowed_methods, reason = "a test's own files need no care")]
    std::fs::write(release.archive(), bytes).expect("written");
    let changed = release.install();
    assert!(changed.1.contains("not what was signed"), "{}", changed.1);

    let none = std::fs::remove_file(release.here("out/SHA256SUMS.sig"));
    none.expect("it was there");
    for (done, said, ran) in [refused, changed, release.install()] {
        assert!(!done && !ran, "{said}");
    }
    assert!(!release.here("prefix").exists());
}
