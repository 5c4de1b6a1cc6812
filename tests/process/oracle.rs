//! The oracle: reads the store's file and the API server's objects, and decides by itself whether
//! they are as they must be. It shares no code with the program.

mod agreed;
mod audited;
mod books;
mod held;

use std::collections::BTreeMap;

use crate::home::Home;

use agreed::{known, same};
use audited::audited;
pub(crate) use books::{Books, Credential};
pub(crate) use held::Held;

/// Watches one home over its life.
pub(crate) struct Oracle {
    before: BTreeMap<i64, (String, String)>,
    seen_audit: Vec<(i64, String)>,
}

impl Oracle {
    /// Begins to watch: what is there now is the past that must not change.
    pub(crate) fn new(home: &Home) -> Self {
        let mut oracle = Self {
            before: BTreeMap::new(),
            seen_audit: vec![],
        };
        drop(oracle.look(home));
        oracle
    }

    /// Forgets the past: a backup was put in the store's place.
    pub(crate) fn forget(&mut self) {
        self.before.clear();
        self.seen_audit.clear();
    }

    /// What must hold at every moment, whatever was killed or failed. Empty is good.
    pub(crate) fn look(&mut self, home: &Home) -> Vec<String> {
        let books = match Books::read(home) {
            Ok(books) => books,
            Err(error) => return vec![format!("the store cannot be read: {error}")],
        };
        let mut found = self.history(&books);
        found.extend(audited(&books));
        found.extend(known(home, &books));
        found
    }

    fn history(&mut self, books: &Books) -> Vec<String> {
        let mut found = Vec::new();
        let now: BTreeMap<i64, (String, String)> = books
            .credentials
            .iter()
            .map(|row| (row.id, (row.account.clone(), row.state.clone())))
            .collect();
        for (id, (account, state)) in &self.before {
            let Some((same, next)) = now.get(id) else {
                found.push(format!(
                    "credential {id} ({account}) is gone from the store"
                ));
                continue;
            };
            if same != account {
                found.push(format!("credential {id} changed its account"));
            }
            let order = ["pending", "active", "revoking", "revoked"];
            let place = |state: &str| order.iter().position(|word| *word == state);
            if place(next) < place(state) {
                found.push(format!("credential {id} went from {state} to {next}"));
            }
        }
        self.before = now;
        let hashes: BTreeMap<i64, &str> = books
            .audit
            .iter()
            .map(|row| (row.seq, row.hash.as_str()))
            .collect();
        for (seq, hash) in &self.seen_audit {
            if hashes.get(seq) != Some(&hash.as_str()) {
                found.push(format!("audit row {seq} is not what it was"));
            }
        }
        self.seen_audit = books
            .audit
            .iter()
            .map(|row| (row.seq, row.hash.clone()))
            .collect();
        for (first, second) in books.audit.iter().zip(books.audit.iter().skip(1)) {
            if second.seq != first.seq + 1 || second.prev != first.hash {
                found.push(format!(
                    "audit row {} does not follow {}",
                    second.seq, first.seq
                ));
            }
        }
        found.extend(numbered(books));
        found
    }

    /// What must hold when nothing is pending: the store and the cluster say the same. Empty is good.
    pub(crate) fn disagreements(&mut self, home: &Home) -> Vec<String> {
        let mut found = self.look(home);
        let Ok(books) = Books::read(home) else {
            return found;
        };
        for cluster in &books.clusters {
            found.extend(same(home, &books, cluster));
        }
        if books.clusters.is_empty() {
            let held = Held::read(home, &books.installation);
            if held != Held::default() {
                found.push(format!(
                    "nothing is registered, and the cluster holds {held:?}"
                ));
            }
        }
        found
    }
}

/// At most one live version, and versions without gap or repeat.
fn numbered(books: &Books) -> Vec<String> {
    let mut found = Vec::new();
    let mut by_holder: BTreeMap<(i64, String), Vec<&Credential>> = BTreeMap::new();
    for row in &books.credentials {
        by_holder
            .entry((row.cluster, books.owner(row)))
            .or_default()
            .push(row);
    }
    for ((_, user), rows) in by_holder {
        let live = rows
            .iter()
            .filter(|row| row.state == "pending" || row.state == "active")
            .count();
        // Of shells as many as one likes.
        if live > 1 && !user.ends_with("/shell") {
            found.push(format!("user {user} has {live} live versions"));
        }
        let versions: Vec<i64> = rows.iter().map(|row| row.version).collect();
        let wanted: Vec<i64> = (1..).take(rows.len()).collect();
        if versions != wanted {
            found.push(format!("user {user} has versions {versions:?}"));
        }
    }
    found
}
