//! Suite 6, sealing: what was changed by one bit does not open, nor what lies in another's place.
//!
//! Judged from outside: the bytes in the store are changed with SQL, and the command that needs
//! the secret must refuse with 7 (or 4), ask no API server, and say nothing of the secret.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use age::secrecy::ExposeSecret as _;
use kubegrant_sandbox::Sandbox;

use super::{Tally, full};
use crate::glue::has;
use crate::home::{Home, Ran};

const TOKEN: &str = "canary-of-a-provider-token-0123456789-wxyz";

/// A place where the store keeps something sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Place {
    /// Which cluster it belongs to.
    cluster: &'static str,
    /// Which secret it is.
    secret: &'static str,
}

const SECRETS: [&str; 3] = ["manager", "provider", "ssh"];

impl Place {
    fn column(self) -> (&'static str, &'static str, &'static str) {
        match self.secret {
            "manager" => ("clusters", "manager_secret", "id"),
            "provider" => ("provider_tokens", "secret", "cluster"),
            _ => ("ssh_keys", "secret", "cluster"),
        }
    }

    fn read(self, home: &Home) -> Vec<u8> {
        let (table, column, key) = self.column();
        let sql = rusqlite::Connection::open(home.store()).expect("a store");
        let query = format!(
            "SELECT {column} FROM {table}
             WHERE {key} = (SELECT id FROM clusters WHERE name = ?) AND {column} IS NOT NULL"
        );
        sql.query_row(&query, [self.cluster], |row| row.get(0))
            .expect("something sealed")
    }

    fn write(self, home: &Home, bytes: &[u8]) {
        let (table, column, key) = self.column();
        let sql = rusqlite::Connection::open(home.store()).expect("a store");
        // What is tried must not be held up by what makes the real thing durable.
        sql.execute_batch("PRAGMA synchronous = OFF").expect("set");
        let query = format!(
            "UPDATE {table} SET {column} = ?1
             WHERE {key} = (SELECT id FROM clusters WHERE name = ?2) AND {column} IS NOT NULL"
        );
        let changed = sql.execute(&query, rusqlite::params![bytes, self.cluster]);
        assert_eq!(changed.expect("written"), 1, "{self:?}");
    }

    /// Sees that what was sealed for it opens. A key of a store that was accepted after an edit is
    /// in doubt, and handed to nobody.
    fn opens(self, home: &Home) {
        let ran = self.open(home);
        assert!(ran.code == 0 || is_in_doubt(&ran), "{ran}");
    }

    /// Runs the command that has to open it.
    fn open(self, home: &Home) -> Ran {
        let cluster = self.cluster;
        home.call(&match self.secret {
            "manager" => format!("cluster check {cluster}"),
            "provider" => format!("cluster provider-token show {cluster}"),
            _ => format!("ssh-key download {cluster} -f -"),
        })
    }

    /// Puts bytes in its place, and gives what is wrong with what happens then.
    fn refuses(self, home: &Home, clusters: &[&Sandbox], bytes: &[u8]) -> Option<String> {
        self.write(home, bytes);
        for sandbox in clusters {
            sandbox.clear_requests();
        }
        let ran = self.open(home);
        let asked: usize = clusters.iter().map(|one| one.requests().len()).sum();
        let said = format!("{}{}", ran.stdout, ran.stderr);
        let leaked = said.contains("PRIVATE KEY") || said.contains(&TOKEN[..10]);
        // A stanza for another key looks as if it had never been sealed to this one: 4.
        (!matches!(ran.code, 4 | 7) && !is_in_doubt(&ran) || asked != 0 || leaked)
            .then(|| format!("{self:?}: exit {}, {asked} requests: {said}", ran.code))
    }
}

/// Whether a key was refused because the store that it is in was accepted after an edit.
fn is_in_doubt(ran: &Ran) -> bool {
    ran.code == 5 && ran.stderr.contains("somebody may have taken the SSH key")
}

/// Takes the store as it is, as an owner may: what is left then is the sealing alone.
fn accept(home: &Home) {
    let ran = home.call("audit accept --reason proof --yes");
    assert!(matches!(ran.code, 0 | 5), "{ran}");
    // It leaves in doubt what another copy of the store may have issued; where no login opens,
    // nobody can look.
    drop(home.call("reconcile"));
}

/// A home with two clusters that have all kinds of secrets. The binary makes it: runs in this
/// process would make the same keys and the same installation in every home.
fn furnished(identity: Option<&Path>) -> (Home, Sandbox) {
    let home = Home::new();
    let given = identity.map_or(String::new(), |path| {
        std::fs::copy(path, home.work().join("given")).expect("copied");
        " --identity given".to_owned()
    });
    drop(
        home.run(&format!("init --organization Acme --owner alice{given}"))
            .success(),
    );
    let second = Sandbox::start().expect("a sandbox");
    home.write("second.conf", &second.admin_kubeconfig());
    home.write("token", TOKEN);
    for (cluster, login) in [("dev", "admin.conf"), ("two", "second.conf")] {
        for words in [
            format!("cluster add {cluster} --kubeconfig {login}"),
            format!("cluster provider-token set {cluster} --file token"),
            format!("ssh-key generate {cluster}"),
        ] {
            drop(home.run(&words).success());
        }
    }
    (home, second)
}

fn places() -> Vec<Place> {
    ["dev", "two"]
        .into_iter()
        .flat_map(|cluster| SECRETS.map(|secret| Place { cluster, secret }))
        .collect()
}

#[test]
fn no_changed_byte_of_a_stored_secret_opens() {
    let mut tally = Tally::new("sealing: bytes changed in the store");
    let (home, second) = furnished(None);
    let clusters = [&home.sandbox, &second];
    let step = if full() { 1 } else { 29 };
    let masks: &[u8] = if full() { &[0x01, 0x80, 0xff] } else { &[0x04] };
    for place in places().into_iter().take(3) {
        let good = place.read(&home);
        for at in (0..good.len()).step_by(step) {
            for mask in masks {
                let mut bad = good.clone();
                bad[at] ^= mask;
                tally.case(place.refuses(&home, &clusters, &bad));
            }
            // The record's guard refuses a changed record first; without it the seal has to.
            if (at / step).is_multiple_of(if full() { 20 } else { 5 }) {
                let mut bad = good.clone();
                bad[at] ^= 0x04;
                place.write(&home, &bad);
                accept(&home);
                let found = place.refuses(&home, &clusters, &bad);
                tally.case(found.map(|found| format!("accepted: {found}")));
                place.write(&home, &good);
                accept(&home);
            }
        }
        for length in (0..good.len()).step_by(step) {
            tally.case(place.refuses(&home, &clusters, &good[..length]));
        }
        let longer = [good.as_slice(), b"\0"].concat();
        tally.case(place.refuses(&home, &clusters, &longer));
        place.write(&home, &good);
        place.opens(&home);
    }
    tally.end(100);
}

#[test]
fn no_secret_opens_in_the_place_of_another() {
    let mut tally = Tally::new("sealing: ciphertexts swapped");
    let (home, second) = furnished(None);
    // Another store with the same person, whose key opens everything in both.
    let identity = home.path().join(".config/kubegrant/identity");
    let (other, third) = furnished(Some(&identity));
    drop(other.call("cluster check dev").success());
    let mut known: Vec<(String, Vec<u8>)> = Vec::new();
    for place in places() {
        known.push((format!("{place:?} here"), place.read(&home)));
        known.push((format!("{place:?} elsewhere"), place.read(&other)));
    }
    // What was replaced must not come back: an older login, token and key.
    for words in [
        "cluster rotate-manager dev",
        "cluster provider-token set dev --file token",
        "ssh-key reset dev --yes",
    ] {
        drop(home.call(words).success());
    }
    let clusters = [&home.sandbox, &second, &other.sandbox, &third];
    for place in places() {
        let good = place.read(&home);
        for (name, bytes) in known.iter().filter(|(_, bytes)| *bytes != good) {
            let found = place.refuses(&home, &clusters, bytes);
            tally.case(found.map(|found| format!("{name} as {found}")));
            accept(&home);
            let found = place.refuses(&home, &clusters, bytes);
            tally.case(found.map(|found| format!("accepted: {name} as {found}")));
        }
        place.write(&home, &good);
        accept(&home);
        place.opens(&home);
    }
    tally.end(60);
}

/// Opens an age file with an identity, as any program that knows the format does.
fn open_file(bytes: &[u8], identity: &age::x25519::Identity) -> Option<Vec<u8>> {
    let armored = age::armor::ArmoredReader::new(bytes);
    let decryptor = age::Decryptor::new(armored).ok()?;
    let keys = std::iter::once(identity as &dyn age::Identity);
    let mut plain = Vec::new();
    let mut reader = decryptor.decrypt(keys).ok()?;
    reader.read_to_end(&mut plain).ok()?;
    Some(plain)
}

/// A home in which two files were sealed to bob, whose identity is given.
fn handed_over() -> (Home, age::x25519::Identity, [PathBuf; 2]) {
    let home = Home::with_cluster();
    let bob = age::x25519::Identity::generate();
    home.write("bob.pub", &bob.to_public().to_string());
    home.write("bob.identity", bob.to_string().expose_secret());
    for words in [
        "user set-key bob --key bob.pub --yes",
        "access grant bob --cluster dev --level write",
        "ssh-key generate dev",
        "kubeconfig download dev --user bob",
        "ssh-key download dev --user bob",
    ] {
        drop(home.call(words).success());
    }
    let files = ["dev.bob.kubeconfig.age", "ssh-key-dev.bob.pem.age"];
    let files = files.map(|name| home.work().join(name));
    (home, bob, files)
}

/// Says what `kubegrant open` does with a file that must not open.
fn opens_here(home: &Home, bytes: &[u8]) -> Option<String> {
    put(&home.work().join("changed.age"), bytes);
    let ran = home.call("open changed.age --identity bob.identity -f -");
    let refused = matches!(ran.code, 2 | 4 | 5 | 7) && ran.stdout.is_empty();
    (!refused).then(|| format!("it opens: {ran}"))
}

#[expect(clippy::disallowed_methods, reason = "a test's own file")]
fn put(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("room");
}

#[test]
fn no_changed_byte_of_a_file_that_was_handed_over_opens() {
    let mut tally = Tally::new("sealing: bytes changed in files");
    let (home, bob, files) = handed_over();
    let step = if full() { 1 } else { 31 };
    let masks: &[u8] = if full() {
        &[0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff]
    } else {
        &[0x01]
    };
    for file in &files {
        let good = std::fs::read(file).expect("the file");
        assert!(open_file(&good, &bob).is_some(), "{}", file.display());
        for at in (0..good.len()).step_by(step) {
            for mask in masks {
                let mut bad = good.clone();
                bad[at] ^= mask;
                let opened = open_file(&bad, &bob).is_some();
                tally.case(opened.then(|| format!("{}: byte {at} ^ {mask:#x}", file.display())));
            }
            let mut bad = good.clone();
            bad[at] ^= 1;
            tally.case(opens_here(&home, &bad));
        }
        for length in (0..good.len() - 1).step_by(step) {
            let opened = open_file(&good[..length], &bob).is_some();
            tally.case(opened.then(|| format!("{}: {length} bytes", file.display())));
        }
    }
    tally.end(100);
}

/// Runs a tool with this on its standard input.
fn tool(folder: &Path, words: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let mut child = Command::new(words[0])
        .args(&words[1..])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(input).ok()?;
    let output = child.wait_with_output().ok()?;
    output.status.success().then_some(output.stdout)
}

#[test]
fn the_age_tools_open_what_is_sealed_here_and_the_other_way_round() {
    let mut tally = Tally::new("sealing: the age tools");
    for name in ["age", "rage"] {
        if !has(name, "that its files are ours and ours are its") {
            continue;
        }
        let (home, _bob, files) = handed_over();
        let work = home.work();
        for file in &files {
            let sealed = std::fs::read(file).expect("the file");
            let plain = tool(&work, &[name, "-d", "-i", "bob.identity"], &sealed);
            let plain = plain.unwrap_or_default();
            let good = [&b"current-context:"[..], b"OPENSSH PRIVATE KEY"]
                .iter()
                .any(|part| plain.windows(part.len()).any(|found| found == *part));
            tally.case((!good).then(|| format!("{name} does not open {}", file.display())));
        }
        // The other way round: what the tool seals to bob opens here, armored and not.
        let public = home.read("bob.pub").expect("his key");
        for armor in [&[][..], &["-a"]] {
            let words = [&[name, "-r", public.as_str()], armor].concat();
            let sealed = tool(&work, &words, b"sealed by the tool").unwrap_or_default();
            put(&work.join("foreign.age"), &sealed);
            let ran = home.call("open foreign.age --identity bob.identity -f -");
            let opens = ran.code == 0 && ran.stdout == "sealed by the tool";
            tally.case((!opens).then(|| format!("sealed by {name}: {ran}")));
        }
        // In an emergency a stored secret opens with the tool; sealed again by the tool, under the
        // same name of the record, the program takes it.
        let identity = home.path().join(".config/kubegrant/identity");
        std::fs::copy(&identity, work.join("alice.identity")).expect("copied");
        let text = std::fs::read_to_string(&identity).expect("an identity");
        let public = text
            .lines()
            .find_map(|line| line.strip_prefix("# public key: "))
            .expect("its public half");
        let place = Place {
            cluster: "dev",
            secret: "manager",
        };
        let sealed = place.read(&home);
        let plain = tool(&work, &[name, "-d", "-i", "alice.identity"], &sealed);
        let again = plain.and_then(|plain| tool(&work, &[name, "-r", public], &plain));
        let again = again.unwrap_or_default();
        tally.case((again == sealed || again.is_empty()).then(|| format!("{name} seals nothing")));
        place.write(&home, &again);
        accept(&home);
        let ran = place.open(&home);
        tally.case((ran.code != 0).then(|| format!("sealed by {name}: {ran}")));
        // What nobody sealed for this record stays shut.
        let foreign = tool(&work, &[name, "-r", public], b"a token").unwrap_or_default();
        place.write(&home, &foreign);
        accept(&home);
        tally.case(place.refuses(&home, &[&home.sandbox], &foreign));
    }
    tally.end(0);
}
