//! Signed events: what `ssh-keygen` says of them, whose keys they are signed with, and somebody who knows the program and
//! holds nobody's identity.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::home::{Home, set_mode};

/// An event as somebody writes it with sqlite3.
pub(crate) struct Forged {
    pub(crate) seq: i64,
    pub(crate) at: i64,
    pub(crate) actor: String,
    pub(crate) acting_as: Option<String>,
    pub(crate) action: String,
    pub(crate) phase: String,
    pub(crate) detail: String,
    pub(crate) prev: String,
    pub(crate) state: String,
    pub(crate) signer: Option<String>,
    pub(crate) change: Option<String>,
    pub(crate) signature: Option<Vec<u8>>,
}

impl Forged {
    /// Its hash, by the form that the source tells: each field with its length.
    fn hash(&self) -> String {
        let mut hasher = Sha256::new();
        let mut field = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        };
        field(self.prev.as_bytes());
        field(&self.seq.to_be_bytes());
        field(&self.at.to_be_bytes());
        for text in [
            Some(&self.actor),
            self.acting_as.as_ref(),
            Some(&self.action),
            Some(&self.phase),
            None,
            None,
            Some(&self.detail),
        ] {
            field(text.map(String::as_bytes).unwrap_or_default());
            field(&[u8::from(text.is_some())]);
        }
        field(&0i64.to_be_bytes());
        field(&[0]);
        field(self.state.as_bytes());
        if self.signer.is_some() || self.change.is_some() {
            for text in [&self.signer, &self.change] {
                field(text.as_deref().unwrap_or_default().as_bytes());
                field(&[u8::from(text.is_some())]);
            }
        }
        let mut hex = String::new();
        for byte in hasher.finalize() {
            std::fmt::Write::write_fmt(&mut hex, format_args!("{byte:02x}")).expect("a text");
        }
        hex
    }
}

/// Appends an event to the log that fits it in all but what `change` makes of it.
pub(crate) fn forge(kg: &Home, change: impl FnOnce(&mut Forged)) {
    let sql = rusqlite::Connection::open(kg.store()).expect("open");
    let last = "SELECT seq, at, hash, state FROM audit ORDER BY seq DESC LIMIT 1";
    let mut forged = sql
        .query_row(last, [], |row| {
            Ok(Forged {
                seq: row.get::<_, i64>(0)? + 1,
                at: row.get(1)?,
                actor: "olivia".to_owned(),
                acting_as: None,
                action: "user add".to_owned(),
                phase: "done".to_owned(),
                detail: "nothing of the kind".to_owned(),
                prev: row.get(2)?,
                state: row.get(3)?,
                signer: None,
                change: None,
                signature: None,
            })
        })
        .expect("an event");
    change(&mut forged);
    sql.execute(
        "INSERT INTO audit (seq, at, actor, acting_as, action, phase, detail, prev, hash, state, signer, change,
           signature) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        rusqlite::params![
            forged.seq,
            forged.at,
            forged.actor,
            forged.acting_as,
            forged.action,
            forged.phase,
            forged.detail,
            forged.prev,
            forged.hash(),
            forged.state,
            forged.signer,
            forged.change,
            forged.signature,
        ],
    )
    .expect("whoever has the file can");
}

/// Signs with an SSH key as OpenSSH does; only what is signed matters.
fn sign(key: &ssh_key::PrivateKey, hash: &str) -> Vec<u8> {
    let signed = key.sign("kubegrant-audit", ssh_key::HashAlg::Sha512, hash.as_bytes());
    signed.expect("a signature").signature_bytes().to_vec()
}

/// The events as they are exported.
fn exported(kg: &mut Home) -> Vec<Value> {
    let ran = kg.run("audit export");
    let lines = ran.success().stdout.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// A user whose identity is an SSH key that `ssh-keygen` could have made.
fn add_ssh_user(kg: &mut Home, name: &str) -> ssh_key::PrivateKey {
    let key = ssh_key::PrivateKey::random(&mut rand::rngs::OsRng, ssh_key::Algorithm::Ed25519);
    let key = key.expect("a key");
    let path = kg.identity(name);
    let text = key.to_openssh(ssh_key::LineEnding::LF).expect("text");
    crate::home::write_at(&path, &text);
    set_mode(&path, 0o600);
    let public = key.public_key().to_openssh().expect("a line");
    kg.write(&format!("{name}.pub"), &public);
    kg.run(&format!("user add {name} --key {name}.pub --role admin"))
        .success();
    key
}

/// What `ssh-keygen -Y verify` says of a signature over a text; `None` where it is not there.
fn ssh_keygen(kg: &Home, name: &str, event: &Value, text: &str) -> Option<bool> {
    let allowed = kg.path("allowed_signers");
    let line = format!("{name} {}\n", event["signed_by"].as_str().expect("a key"));
    crate::home::write_at(&allowed, &line);
    let signature: PathBuf = kg.path("event.sig");
    crate::home::write_at(
        &signature,
        event["signature"].as_str().expect("a signature"),
    );
    let verify = Command::new("ssh-keygen")
        .args(["-Y", "verify", "-n", "kubegrant-audit", "-I", name, "-f"])
        .arg(&allowed)
        .arg("-s")
        .arg(&signature)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut verify) = verify else {
        crate::say("ssh-keygen is not here: its word on signed events was not asked");
        return None;
    };
    let mut stdin = verify.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut stdin, text.as_bytes()).expect("written");
    drop(stdin);
    Some(verify.wait().expect("it ends").success())
}

#[test]
fn openssh_verifies_an_exported_event_of_either_kind_of_identity() {
    let mut kg = Home::new();
    add_ssh_user(&mut kg, "ada");
    kg.run_as("ada", "access grant alice -c prod -l read")
        .success();
    let events = exported(&mut kg);
    for (actor, kind) in [("olivia", "age1"), ("ada", "ssh-ed25519 ")] {
        let event = events
            .iter()
            .rfind(|it| it["actor"] == actor)
            .expect("an event");
        assert!(event["key"].as_str().expect("a key").starts_with(kind));
        let hash = event["hash"].as_str().expect("a hash");
        let Some(is_good) = ssh_keygen(&kg, actor, event, hash) else {
            return;
        };
        assert!(is_good, "{event}");
        let other = events[0]["hash"].as_str().expect("a hash");
        assert_eq!(ssh_keygen(&kg, actor, event, other), Some(false));
    }
}

#[test]
fn who_acts_as_somebody_else_signs_with_their_own_key() {
    let mut kg = Home::new();
    add_ssh_user(&mut kg, "ada");
    kg.run("user set-role ada owner").success();
    kg.run_as("ada", "access grant bob -c prod -l read --as olivia")
        .success();
    let events = exported(&mut kg);
    let last = events.last().expect("an event");
    assert_eq!(
        (&last["actor"], &last["acting_as"]),
        (&"ada".into(), &"olivia".into())
    );
    assert!(
        last["key"]
            .as_str()
            .expect("a key")
            .starts_with("ssh-ed25519 ")
    );
    kg.run("audit verify").success();
}

/// Old events stay good under the key of then; nothing new is.
#[test]
fn a_key_that_was_replaced_is_good_for_what_it_signed_and_no_more() {
    let mut kg = Home::new();
    let old = add_ssh_user(&mut kg, "ada");
    kg.run_as("ada", "access grant bob -c prod -l read")
        .success();
    let first = kg.identity("ada");
    let text = std::fs::read_to_string(&first).expect("an identity");
    let new = kg.make_identity("ada");
    let newer = std::fs::read_to_string(&first).expect("an identity");
    // She replaces it herself, with the old one.
    crate::home::write_at(&first, &text);
    kg.run_as("ada", &format!("user set-key ada --key {new} --yes"))
        .success();
    kg.run_as("ada", "status").exit(4);
    crate::home::write_at(&first, &newer);
    kg.run_as("ada", "access revoke bob -c prod --yes")
        .success();
    kg.run("audit verify").success();
    let events = exported(&mut kg);
    let key = |event: &Value| event["key"].as_str().unwrap_or_default().to_owned();
    let by_ada = events.iter().filter(|it| it["actor"] == "ada");
    let keys: Vec<String> = by_ada.map(key).collect();
    assert!(keys[0].starts_with("ssh-ed25519 ") && keys[keys.len() - 1] == new);
    let set = events
        .iter()
        .find(|it| it["action"] == "user set-key")
        .expect("an event");
    assert!(
        key(set).starts_with("ssh-ed25519 "),
        "signed with the one of before"
    );
    assert_eq!(set["change"]["set"]["users"][0]["key"], new);
    // Whoever stole the old one signs nothing more with it.
    let stolen = key(&events[0]);
    assert!(stolen.starts_with("age1"));
    let public = old.public_key().to_openssh().expect("a line");
    let public = public.trim().to_owned();
    forge(&kg, |event| {
        event.actor = "ada".to_owned();
        event.signer = Some(public);
        event.signature = Some(sign(&old, &event.hash()));
    });
    kg.run("status").exit(7);
    kg.run("audit verify")
        .exit(7)
        .says("it is signed with a key that was not its actor's then");
}

/// An admin who records a key of their own for somebody can sign as them: the log says who did it, and when.
#[test]
fn an_admin_who_records_a_second_key_is_named_in_the_log() {
    let mut kg = Home::new();
    let theirs = kg.make_identity("second");
    kg.run(&format!("user set-key alice --key {theirs} --yes"))
        .success();
    kg.run_as("second", "kubeconfig show prod").exit(3);
    kg.run("audit verify").success();
    let events = exported(&mut kg);
    let set = events
        .iter()
        .find(|it| it["change"]["set"]["users"][0]["key"] == theirs.as_str())
        .expect("an event that says so");
    assert_eq!(
        (&set["actor"], &set["action"]),
        (&"olivia".into(), &"user set-key".into())
    );
    assert_eq!(set["change"]["set"]["users"][0]["key_set_by"], 1);
}

/// A way to make up an event.
type Way<'a> = Box<dyn Fn(&mut Forged) + 'a>;

/// An event that names one key, and is signed with another.
fn naming<'a>(named: &'a str, key: &'a ssh_key::PrivateKey) -> Way<'a> {
    Box::new(move |it| {
        it.signer = Some(named.to_owned());
        it.signature = Some(sign(key, &it.hash()));
    })
}

/// What somebody writes with sqlite3 who knows the form of an event, and holds nobody's identity, or another's.
#[test]
fn nobody_appends_in_anothers_name() {
    let mut kg = Home::new();
    let ada = &add_ssh_user(&mut kg, "ada");
    let mallory = ssh_key::PrivateKey::random(&mut rand::rngs::OsRng, ssh_key::Algorithm::Ed25519);
    let mallory = &mallory.expect("a key");
    let line = |key: &ssh_key::PrivateKey| {
        let line = key.public_key().to_openssh().expect("a line");
        line.trim().to_owned()
    };
    let (adas, own) = (&line(ada), &line(mallory));
    let olivias = &exported(&mut kg)[0]["key"]
        .as_str()
        .expect("a key")
        .to_owned();
    let seen: Vec<u8> = kg.sealed("SELECT signature FROM audit ORDER BY seq DESC LIMIT 1");
    let not_signed = "it is not signed";
    let not_theirs = "it is signed with a key that was not its actor's then";
    let not_good = "its signature is not of the key that it names";
    let says_rows = |change: &'static str| -> Way<'_> {
        Box::new(move |it| {
            it.action = "upgrade".to_owned();
            it.actor = "kubegrant".to_owned();
            it.change = Some(change.to_owned());
        })
    };
    let again: Way<'_> = Box::new(|it| {
        it.signer = Some(olivias.clone());
        it.signature = Some(seen.clone());
    });
    let ways: [(Way<'_>, &str); 9] = [
        (Box::new(|_| {}), not_signed),
        (says_rows("{}"), not_signed),
        (says_rows(r#"{"base":{"of":1,"part":1}}"#), not_signed),
        (again, not_good),
        // With a key that is nobody's.
        (naming(own, mallory), not_theirs),
        (naming(olivias, mallory), not_good),
        // With the identity of another user.
        (naming(adas, ada), not_theirs),
        (naming(olivias, ada), not_good),
        (naming("", ada), not_theirs),
    ];
    for (way, why) in ways {
        forge(&kg, way);
        kg.run("audit verify").exit(7).says(why);
        // Nothing goes on from such an event.
        kg.run("access grant alice -c prod -l write").exit(7);
        kg.run("audit replay").exit(7).says(why);
        kg.run("audit accept --reason seen --yes").exit(5);
        let sql = rusqlite::Connection::open(kg.store()).expect("open");
        sql.execute_batch(
            "DROP TRIGGER audit_no_delete;
             DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit);
             CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
  BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;",
        )
        .expect("whoever has the file can");
        kg.run("audit verify").success();
    }
    // As herself ada can: it bears her name.
    forge(&kg, |it| {
        it.actor = "ada".to_owned();
        naming(adas, ada)(it);
    });
    kg.run("audit verify").success();
}

#[test]
fn a_restored_store_is_signed_on() {
    let mut kg = Home::new();
    kg.run("backup b.db").success();
    kg.run("user add carol").success();
    kg.run("restore b.db --yes").success();
    kg.run("audit verify")
        .success()
        .says("Signed:       from event 1");
    assert_eq!(crate::replay::told(&mut kg, None), crate::replay::rows(&kg));
    kg.run("user add dave").success();
    kg.run("audit verify").success();
}

/// A server signs with its own key what it does for somebody, and both names are in it.
#[test]
fn every_event_is_signed_by_whoever_held_the_identity() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    kg.run_as("alice", "access grant bob -c prod -l read")
        .exit(4);
    kg.run_as("alice", "kubeconfig show prod").success();
    let keys = kg.run("user list -o json").json();
    let keys = keys.as_array().expect("a list").clone();
    for event in exported(&mut kg) {
        let user = keys
            .iter()
            .find(|it| it["name"] == event["actor"])
            .expect("a user");
        assert_eq!(user["key"], event["key"], "{event}");
        assert!(
            event["signature"]
                .as_str()
                .is_some_and(|it| it.contains("BEGIN SSH SIGNATURE"))
        );
    }
}
