//! What a connection has seen: whether anything that others did was committed since it last looked.
//!
//! A database says of each look which transactions are over for it (`pg_current_snapshot`, PostgreSQL's manual
//! 9.26.8). Where one look differs from the last by nothing but our own transaction, all that was found to be
//! right before is right still, but for what that transaction wrote.

/// Which transactions are over: all before `end`, but those that run.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Snapshot {
    /// When the server was started that says it.
    server: String,
    /// The first that is not over: one that runs, or `end`.
    first: u64,
    /// The first number that no transaction had.
    end: u64,
    /// Those before it that are not over.
    running: Vec<u64>,
}

impl Snapshot {
    /// Reads `FIRST:END:RUNNING,RUNNING SERVER`.
    fn read(text: &str) -> Option<Self> {
        let (text, server) = text.split_once(' ')?;
        let mut parts = text.split(':');
        let first = parts.next()?.parse().ok()?;
        let end = parts.next()?.parse().ok()?;
        let running = parts.next()?.split(',').filter(|it| !it.is_empty());
        let running = running
            .map(|it| it.parse().ok())
            .collect::<Option<Vec<u64>>>()?;
        parts.next().is_none().then(|| Self {
            server: server.to_owned(),
            first,
            end,
            running,
        })
    }

    /// Whether nobody's transaction ended after `before`, but our own.
    fn adds_only(&self, before: &Self, own: Option<u64>) -> bool {
        let is_known = |id: u64| Some(id) == own || self.running.contains(&id);
        let Some(new) = self.end.checked_sub(before.end) else {
            return false;
        };
        // A standby does not list who runs on its primary.
        let first = before.first;
        let is_listed =
            first == before.end || before.running.contains(&first) || Some(first) == own;
        // More than can be known are not counted one by one.
        let known_max = self.running.len() + usize::from(own.is_some());
        self.server == before.server
            && is_listed
            && usize::try_from(new).is_ok_and(|new| new <= known_max)
            && (before.end..self.end).all(is_known)
            && before.running.iter().all(|id| is_known(*id))
    }
}

/// What was seen last.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// A number for the state: the same as long as nobody else changed it.
    number: i64,
    snapshot: Option<Snapshot>,
    /// Our own transaction, if one was committed since.
    own: Option<u64>,
}

impl Seen {
    /// Takes in what a look says of itself; gives the number of the state that it sees.
    pub(super) fn look(&mut self, text: &str) -> i64 {
        let now = Snapshot::read(text);
        let is_same = match (&self.snapshot, &now) {
            (Some(before), Some(now)) => now.adds_only(before, self.own),
            _ => false,
        };
        if !is_same {
            self.number += 1;
        }
        self.snapshot = now;
        self.own = None;
        self.number
    }

    /// Forgets what was seen: whatever is seen next is another state.
    pub(super) fn forget(&mut self) {
        self.snapshot = None;
    }

    /// Takes in that our own transaction was committed.
    pub(super) fn committed(&mut self, own: Option<u64>) {
        self.own = own;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a look is the same as the one before it, but for our own transaction.
    fn is_same(before: &str, own: Option<u64>, now: &str) -> bool {
        let mut seen = Seen::default();
        let first = seen.look(&format!("{before} today"));
        seen.committed(own);
        seen.look(&format!("{now} today")) == first
    }

    #[test]
    fn only_our_own_transaction_leaves_the_state_the_same() {
        for (before, own, now, same) in [
            ("7:7:", None, "7:7:", true),
            ("7:7:", Some(7), "8:8:", true),
            // Somebody's, or ours beside somebody's.
            ("7:7:", None, "8:8:", false),
            ("7:7:", Some(7), "9:9:", false),
            ("7:7:", Some(8), "9:9:", false),
            // Another one began, and runs.
            ("7:7:", Some(7), "8:9:8", true),
            ("7:7:", None, "7:9:7,8", true),
            // One that ran is over.
            ("5:7:5", Some(7), "8:8:", false),
            ("5:7:5", Some(7), "5:8:5", true),
            ("5:7:5,6", Some(7), "5:8:5", false),
            // Our own ran already when the look was taken.
            ("5:7:5", Some(5), "7:7:", true),
            // On a standby, whose list is always empty.
            ("726:728:", None, "728:728:", false),
            ("726:728:", None, "726:728:", false),
            // Another database, which is behind.
            ("7:7:", Some(7), "6:6:", false),
            ("7:7:", Some(7), "8:18446744073709551615:", false),
            ("7:7:", Some(7), "nonsense", false),
            ("nonsense", Some(7), "8:8:", false),
        ] {
            assert_eq!(is_same(before, own, now), same, "{before} {own:?} {now}");
        }
    }

    #[test]
    fn our_own_transaction_counts_once() {
        let mut seen = Seen::default();
        let first = seen.look("7:7: today");
        seen.committed(Some(7));
        assert_eq!(seen.look("8:8: today"), first);
        assert_ne!(seen.look("9:9: today"), first);
    }

    #[test]
    fn another_server_is_another_state() {
        let mut seen = Seen::default();
        let first = seen.look("7:7: today");
        seen.committed(Some(7));
        assert_ne!(seen.look("8:8: later"), first);
    }
}
