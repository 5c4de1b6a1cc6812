//! The oracle for SSH keys: reads the store's file and the key's own file, and decides by itself
//! whether custody, secret, file and audit log are of one mind. It shares no code with the program.

use std::io::Read as _;
use std::path::PathBuf;

use rusqlite::Connection;

use crate::home::{HANG, Home};

/// A key's row.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) cluster: i64,
    pub(crate) place: String,
    pub(crate) custody: String,
    pub(crate) public: String,
    pub(crate) fingerprint: String,
    pub(crate) secret: Option<Vec<u8>>,
    claim: (Option<i64>, Option<i64>, Option<i64>),
    path: Option<PathBuf>,
}

/// Every key, oldest first.
pub(crate) fn keys(home: &Home) -> Vec<Key> {
    use std::os::unix::ffi::OsStringExt as _;
    let sql = Connection::open(home.store()).expect("the store");
    sql.busy_timeout(HANG).expect("it is patient");
    let mut found = sql
        .prepare(
            "SELECT cluster, place, custody, public, fingerprint, secret, claimed_at, claimed_by,
               claimed_to, claimed_path FROM ssh_keys ORDER BY id",
        )
        .expect("the table");
    let rows = found.query_map([], |row| {
        Ok(Key {
            cluster: row.get(0)?,
            place: row.get(1)?,
            custody: row.get(2)?,
            public: row.get(3)?,
            fingerprint: row.get(4)?,
            secret: row.get(5)?,
            claim: (row.get(6)?, row.get(7)?, row.get(8)?),
            path: row
                .get::<_, Option<Vec<u8>>>(9)?
                .map(|bytes| PathBuf::from(std::ffi::OsString::from_vec(bytes))),
        })
    });
    let rows = rows.expect("rows").collect::<rusqlite::Result<Vec<_>>>();
    rows.expect("rows")
}

/// Opens a sealed key with the identity of the home's owner: the text of its file.
pub(crate) fn open(home: &Home, key: &Key) -> String {
    let text = std::fs::read_to_string(home.path().join(".config/kubegrant/identity"));
    let text = text.expect("an identity");
    let line = text.lines().find(|line| line.starts_with("AGE-SECRET-KEY"));
    let identity: age::x25519::Identity = line.expect("a key").parse().expect("a key");
    let sealed = key.secret.as_deref().expect("it is held");
    let armored = age::armor::ArmoredReader::new(sealed);
    let decryptor = age::Decryptor::new_buffered(armored).expect("an age file");
    let mut opened = String::new();
    decryptor
        .decrypt(std::iter::once(&identity as &dyn age::Identity))
        .expect("it is sealed to the owner")
        .read_to_string(&mut opened)
        .expect("text");
    let begins = opened.find("-----BEGIN OPENSSH").expect("a key's file");
    opened[begins..].to_owned()
}

/// How many events of a phase say something of a key.
fn events(sql: &Connection, phase: &str, pattern: &str) -> i64 {
    sql.query_row(
        "SELECT count(*) FROM audit WHERE phase = ?1 AND detail LIKE ?2",
        (phase, pattern),
        |row| row.get(0),
    )
    .expect("the log")
}

/// What is wrong with the keys, whatever moment it is.
pub(crate) fn look(home: &Home) -> Vec<String> {
    let mut found = Vec::new();
    let sql = Connection::open(home.store()).expect("the store");
    let keys = keys(home);
    for place in ["current", "next"] {
        let count = |cluster| {
            let same = |key: &&Key| key.cluster == cluster && key.place == place;
            keys.iter().filter(same).count()
        };
        if keys.iter().any(|key| count(key.cluster) > 1) {
            found.push(format!("there are several {place} keys of one cluster"));
        }
    }
    for key in &keys {
        let Key {
            custody,
            fingerprint,
            ..
        } = key;
        let held = custody == "available" || custody == "claimed";
        if held != key.secret.is_some() {
            let has = key.secret.is_some();
            found.push(format!("{fingerprint} is {custody}; sealed half: {has}"));
        }
        let claimed = matches!(key.claim, (Some(_), Some(_), Some(_)));
        if (custody == "claimed" || custody == "downloaded") && !claimed {
            found.push(format!("{fingerprint} is {custody}, and nobody has it"));
        }
        if custody == "available" && (claimed || key.path.is_some()) {
            found.push(format!("{fingerprint} is available, and somebody has it"));
        }
        let born = events(&sql, "done", &format!("%key {fingerprint} (%"))
            + events(&sql, "requested", &format!("%key {fingerprint} (%"));
        if born != 1 {
            found.push(format!("{fingerprint} was made {born} times"));
        }
        let taken = events(&sql, "done", &format!("key {fingerprint} handed out%"))
            + events(
                &sql,
                "done",
                &format!("a hand-out % key {fingerprint} is in%"),
            );
        if taken != i64::from(custody == "downloaded") {
            found.push(format!(
                "{fingerprint} is {custody} and was handed out {taken} times"
            ));
        }
        let begun = events(&sql, "requested", &format!("key {fingerprint} to `%"));
        let failed = events(&sql, "failed", &format!("%key {fingerprint} can still%"))
            + events(&sql, "failed", "no file was written%");
        let to_file = i64::from(custody == "downloaded" && key.path.is_some());
        let open = i64::from(custody == "claimed");
        // A claimed key that was destroyed is a hand-out without an end.
        if custody != "destroyed" && begun != failed + to_file + open {
            found.push(format!(
                "{fingerprint} is {custody}; {begun} hand-outs were begun, {failed} failed"
            ));
        }
    }
    found
}
