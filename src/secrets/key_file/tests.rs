//! Key files as ssh-keygen, openssl and puttygen write them, made when the test runs; and the way
//! out of each that is not taken, run as it is named. What is not installed is said and left out.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use secrecy::SecretString;

use super::super::{Identity, IdentityError, SshKey};
use super::*;

const PASSPHRASE: &str = "right one";

/// A folder with a key or two in it.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a command line in the folder, as on a machine where nobody types but a script that
    /// knows the passphrase; `false` where the program is missing or fails.
    fn run(&self, line: &str) -> bool {
        use std::io::Write as _;
        use std::os::unix::fs::PermissionsExt as _;
        let asked = self.path("askpass");
        put(
            &asked,
            format!("#!/bin/sh\necho '{PASSPHRASE}'\n").as_bytes(),
        );
        let mode = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(&asked, mode).expect("a mode");
        let mut child = Command::new("setsid")
            .args(["--wait", "sh", "-c", line])
            .current_dir(self.0.path())
            .env("SSH_ASKPASS", &asked)
            .env("SSH_ASKPASS_REQUIRE", "force")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("setsid");
        let answers = format!("{PASSPHRASE}\n").repeat(4);
        let _taken_or_not = child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(answers.as_bytes());
        child.wait().expect("it ends").success()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).expect("a file")
    }

    fn import(&self, name: &str) -> Result<SshKey, SshKeyError> {
        SshKey::import(&self.read(name), "kubegrant:prod", &mut || Some(typed()))
    }

    fn identity(&self, name: &str) -> Result<Identity, IdentityError> {
        let mut ask = |_: &str| Ok(SecretString::from(PASSPHRASE));
        Identity::parse_bytes(&self.read(name), &mut ask)
    }
}

fn typed() -> SecretString {
    SecretString::from(PASSPHRASE)
}

#[expect(clippy::disallowed_methods, reason = "a test's own files need no care")]
fn put(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("written");
}

/// Says on the screen that something is not tested here.
fn say(what: &str) {
    use std::io::Write as _;
    let _seen_or_not = writeln!(std::io::stderr(), "skipped: {what}");
}

fn has(program: &str) -> bool {
    let found = Machine::new().run(&format!("command -v {program}"));
    if !found {
        say(&format!("what needs {program}, which is not installed"));
    }
    found
}

/// The command that a hint names, with the file's own name in it.
fn command(hint: &str) -> String {
    let command = hint.split('`').nth(1);
    command.expect("a command in the hint").to_owned()
}

#[test]
fn every_cipher_of_ssh_keygen_is_read_and_the_passphrase_counts() {
    if !has("ssh-keygen") {
        return;
    }
    let machine = Machine::new();
    let ciphers = Command::new("ssh").args(["-Q", "cipher"]).output();
    let ciphers = String::from_utf8(ciphers.expect("ssh").stdout).expect("text");
    let mut tried = 0;
    for (number, cipher) in ciphers.lines().enumerate() {
        for kind in ["ed25519", "rsa"] {
            let name = format!("{kind}-{number}");
            let made = machine.run(&format!(
                "ssh-keygen -q -t {kind} -a 2 -N '{PASSPHRASE}' -Z {cipher} -f {name}"
            ));
            if !made {
                continue;
            }
            tried += 1;
            let key = machine.import(&name);
            let key = key.unwrap_or_else(|error| panic!("{cipher}: {error}"));
            let line = String::from_utf8(machine.read(&format!("{name}.pub"))).expect("text");
            let ours = key.public_line().expect("a line");
            let ours: Vec<&str> = ours.split(' ').take(2).collect();
            assert!(line.starts_with(&ours.join(" ")), "{cipher}");
            let wrong = SshKey::import(&machine.read(&name), "", &mut || Some("wrong".into()));
            assert!(
                matches!(wrong, Err(SshKeyError::WrongPassphrase)),
                "{cipher}"
            );
            let identity = machine.identity(&name);
            assert_eq!(identity.is_ok(), kind == "ed25519", "{cipher}");
        }
    }
    assert!(tried > 6, "only {tried} keys could be made");
}

#[test]
fn a_comment_may_be_any_bytes() {
    if !has("ssh-keygen") {
        return;
    }
    let machine = Machine::new();
    for (name, rest) in [
        ("latin", "-t ed25519 -N ''"),
        ("locked", "-t ed25519 -a 2 -N 'right one'"),
        ("rsa", "-t rsa -b 2048 -N ''"),
    ] {
        let line = format!("ssh-keygen -q {rest} -C \"$(printf 'J\\374rgen')\" -f {name}");
        assert!(machine.run(&line), "{line}");
        assert!(str::from_utf8(&machine.read(&format!("{name}.pub"))).is_err());
        let key = machine.import(name).expect("a good key");
        assert!(
            key.public_line()
                .expect("a line")
                .ends_with(" kubegrant:prod")
        );
        if name != "rsa" {
            let public = super::super::parse_public_key_file(machine.read(&format!("{name}.pub")));
            let identity = machine.identity(name).expect("a good identity");
            assert_eq!(public, Ok(identity.recipient()));
        }
    }
}

#[test]
fn an_ed25519_key_of_openssl_is_a_node_key_and_an_identity() {
    if !has("openssl") {
        return;
    }
    let machine = Machine::new();
    assert!(machine.run("openssl genpkey -algorithm ed25519 -out k8"));
    assert!(machine.run("openssl pkey -in k8 -pubout -out k8.pub"));
    assert!(machine.run("openssl pkey -in k8 -outform DER -out der"));
    assert_eq!(follow(&machine, "der"), "ed25519");
    let identity = machine.identity("der").expect_err("refused");
    assert!(identity.hint(None).contains("-inform DER"), "{identity}");
    assert!(
        machine.run(
            "openssl pkcs8 -topk8 -v2 aes-256-cbc -in k8 -out locked -passout 'pass:right one'"
        )
    );
    let public = super::super::parse_public_key_file(machine.read("k8.pub")).expect("a key");
    for name in ["k8", "locked"] {
        assert_eq!(machine.import(name).expect("a key").kind(), "ed25519");
        assert_eq!(machine.identity(name).expect("a key").recipient(), public);
    }
    let wrong = Identity::parse_bytes(&machine.read("locked"), &mut |_| Ok("wrong".into()));
    assert!(matches!(wrong, Err(IdentityError::WrongPassphrase { .. })));
}

#[test]
fn text_around_a_key_does_no_harm() {
    let key = include_str!("../key_pair/keys/ed25519.openssh");
    let public = include_str!("../key_pair/keys/ed25519.pub");
    let public = super::super::parse_public_key_file(public).expect("a key");
    let one_line = key.trim().replace('\n', " ");
    let in_words = key.trim().replace('\n', "\\n");
    let indented = key.replace('\n', "  \n    ");
    let wide: Vec<u8> = "\u{feff}"
        .encode_utf16()
        .chain(key.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for bytes in [
        key.as_bytes(),
        one_line.as_bytes(),
        in_words.as_bytes(),
        indented.as_bytes(),
        &wide,
        format!("Bag Attributes\n  x: y\n{key}{certificate}").as_bytes(),
        key.replace('\n', "\r\n").as_bytes(),
        key.trim_end().as_bytes(),
    ] {
        let shown = String::from_utf8_lossy(bytes);
        let imported = SshKey::import(bytes, "", &mut || None);
        assert!(imported.is_ok(), "{shown}: {imported:?}");
        let identity = Identity::parse_bytes(bytes, &mut |_| panic!("no passphrase"));
        let identity = identity.unwrap_or_else(|error| panic!("{shown}: {error}"));
        assert_eq!(identity.recipient(), public);
    }
}

/// Runs the way out of a refusal as it is named, and gives what came of it.
fn follow(machine: &Machine, name: &str) -> String {
    let error = match SshKey::import(&machine.read(name), "", &mut || None) {
        Err(error) => error,
        Ok(key) => panic!("{name} is taken: {key:?}"),
    };
    let hint = error.hint(Some(&machine.path(name)), "");
    let mut line = command(&hint);
    if line.starts_with("openssl pkcs8") {
        // The oldest ciphers want what stands in brackets beside it; the others do not mind.
        let more = hint.split('`').nth(3).expect("what stands beside it");
        line = format!("{line} {more}");
    }
    assert!(machine.run(&line), "{name}: {error}: `{line}` fails");
    let copy = format!("{name}.copy");
    let kind = machine.import(&copy);
    let kind = kind.unwrap_or_else(|again| panic!("{name}: `{line}`: {again}"));
    kind.kind()
}

#[test]
fn every_way_out_that_is_named_works() {
    let machine = Machine::new();
    if has("puttygen") && has("ssh-keygen") {
        assert!(machine.run("ssh-keygen -q -t ed25519 -N '' -f plain"));
        assert!(machine.run("puttygen plain -O private -o 'my key.ppk'"));
        assert_eq!(follow(&machine, "my key.ppk"), "ed25519");
        assert!(machine.run("ssh-keygen -q -t rsa -b 2048 -N '' -f rsa2048"));
        assert!(machine.run("puttygen rsa2048 -O private-sshcom -o sshcom"));
        assert_eq!(follow(&machine, "sshcom"), "rsa-2048");
    }
    if has("ssh-keygen") {
        assert!(machine.run("ssh-keygen -q -t ed25519 -a 2 -N 'right one' -f locked"));
        assert_eq!(follow(&machine, "locked"), "ed25519");
    }
    if has("openssl") {
        assert!(machine.run("openssl genrsa -traditional -out rsa 2048"));
        let pass = "-passout 'pass:right one'";
        assert!(machine.run(&format!(
            "openssl rsa -in rsa -aes128 -traditional {pass} -out pkcs1"
        )));
        assert_eq!(follow(&machine, "pkcs1"), "rsa-2048");
        assert!(machine.run(&format!(
            "openssl pkcs8 -topk8 -v2 aes-256-cbc -in rsa {pass} -out pkcs8"
        )));
        assert_eq!(follow(&machine, "pkcs8"), "rsa-2048");
        for cipher in ["PBE-SHA1-3DES", "PBE-MD5-DES"] {
            let made = machine.run(&format!(
                "openssl pkcs8 -topk8 -v1 {cipher} -provider legacy -provider default -in rsa \
                 {pass} -out {cipher}"
            ));
            if made {
                assert_eq!(follow(&machine, cipher), "rsa-2048");
            }
        }
        if machine.run(&format!(
            "openssl pkcs8 -topk8 -v2 camellia256 -in rsa {pass} -out camellia"
        )) {
            assert_eq!(follow(&machine, "camellia"), "rsa-2048");
        }
        assert!(machine.run("openssl pkey -in rsa -outform DER -out der"));
        assert_eq!(follow(&machine, "der"), "rsa-2048");
        // What old versions wrote is read.
        for cipher in ["des3 -v2prf hmacWithSHA1", "aes128 -v2prf hmacWithSHA512"] {
            assert!(machine.run(&format!(
                "openssl pkcs8 -topk8 -v2 {cipher} -in rsa {pass} -out old"
            )));
            assert_eq!(
                machine.import("old").expect("a key").kind(),
                "rsa-2048",
                "{cipher}"
            );
        }
    }
}

/// A locked key of OpenSSH's with other words in its head.
fn with_head(cipher: &str, rounds: u32) -> Vec<u8> {
    use base64::Engine as _;
    use ssh_encoding::Encode as _;
    let mut options = Vec::new();
    let mut bytes = b"openssh-key-v1\0".to_vec();
    let mut public = Vec::new();
    let encoded = (|| {
        b"sixteen bytes it".as_slice().encode(&mut options)?;
        rounds.encode(&mut options)?;
        cipher.encode(&mut bytes)?;
        "bcrypt".encode(&mut bytes)?;
        options.as_slice().encode(&mut bytes)?;
        1_u32.encode(&mut bytes)?;
        "ssh-ed25519".encode(&mut public)?;
        [7_u8; 32].as_slice().encode(&mut public)?;
        public.as_slice().encode(&mut bytes)?;
        [0_u8; 64].as_slice().encode(&mut bytes)
    })();
    encoded.expect("memory takes it");
    let body = base64::engine::general_purpose::STANDARD.encode(bytes);
    format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n")
        .into()
}

#[test]
fn what_a_passphrase_is_protected_with_is_named_where_it_is_not_known() {
    let unknown = SshKey::import(&with_head("rot13-\u{1b}[2J@x", 16), "", &mut || {
        panic!("no passphrase is asked for in vain")
    });
    let unknown = unknown.expect_err("refused");
    assert!(
        unknown.to_string().contains("cipher rot13-2J@x"),
        "{unknown}"
    );
    assert!(unknown.hint(None, "").contains("-Z aes256-ctr"));
    let slow = SshKey::import(&with_head("aes256-ctr", 1_000_000), "", &mut || {
        panic!("no passphrase is asked for in vain")
    });
    let slow = slow.expect_err("refused");
    assert!(
        slow.to_string().contains("1000000 rounds of bcrypt"),
        "{slow}"
    );
    let wrong = SshKey::import(&with_head("aes256-ctr", 64), "", &mut || Some(typed()));
    assert!(matches!(wrong, Err(SshKeyError::WrongPassphrase)));
}
