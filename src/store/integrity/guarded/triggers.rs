//! The triggers by which a connection notes what it changes: for the digests, and for the log.

use super::Guarded;
use crate::store::recorded::{self, Recorded};

impl Guarded {
    /// The triggers that note each row before and after it changes.
    pub(in crate::store::integrity) fn triggers(&self) -> String {
        let Self {
            table,
            name,
            counts,
            ..
        } = self;
        let id = name.replace(' ', "_");
        let note = |row: &str, sign: &str| {
            format!(
                "INSERT INTO touched SELECT '{name}', {}, {}, {sign} WHERE {};",
                Self::of_row(self.part, row),
                self.image(row),
                Self::of_row(counts, row),
            )
        };
        let (came, went) = (note("NEW", "1"), note("OLD", "-1"));
        // What the log says of a row is noted once, however often it is guarded.
        let recorded = recorded::find(table).filter(|_| !self.is_second);
        let say = |say: fn(&Recorded) -> String| recorded.map(say).unwrap_or_default();
        let (says_came, says_went) = (say(Recorded::came), say(Recorded::went));
        let says_changed = say(Recorded::changed);
        let mut triggers = format!(
            "CREATE TEMP TRIGGER touched_{id}_came AFTER INSERT ON main.{table}
               BEGIN {came} {says_came} END;
             CREATE TEMP TRIGGER touched_{id}_changed AFTER UPDATE ON main.{table}
               BEGIN {went} {came} {says_changed} END;
             CREATE TEMP TRIGGER touched_{id}_went AFTER DELETE ON main.{table}
               BEGIN {went} {says_went} END;"
        );
        if self.follows_credential {
            // Its credential begins or ceases to count, and it with it.
            let followed = format!(
                "CREATE TEMP TRIGGER touched_{id}_followed
                   AFTER UPDATE OF state ON main.credentials
                   WHEN (OLD.state = 'revoked') <> (NEW.state = 'revoked')
                 BEGIN
                   INSERT INTO touched SELECT '{name}', {}, {}, iif(NEW.state = 'revoked', -1, 1)
                   FROM main.{table} AS it WHERE it.credential = NEW.id;
                 END;",
                Self::of_row(self.part, "it"),
                self.image("it"),
            );
            triggers.push_str(&followed);
        }
        triggers
    }
}
