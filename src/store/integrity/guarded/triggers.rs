//! The triggers by which a connection notes what it changes: for the digests, and for the log.

use super::{CREDENTIALS, GUARDED, Guarded};
use crate::store::recorded::{self, Recorded};

/// Whether what is written to a table is noted.
pub(in crate::store::integrity) fn is_noted(table: &str) -> bool {
    GUARDED.iter().any(|it| it.table == table)
}

/// The triggers that note what is written to a table: each row before and after it changes, and what begins or ceases
/// to count with it.
pub(in crate::store::integrity) fn triggers(table: &str) -> String {
    let own = GUARDED.iter().filter(|it| it.table == table);
    let follows = |it: &&Guarded| it.follows_credential && table == CREDENTIALS.table;
    let followed = GUARDED.iter().filter(follows);
    let triggers = own.map(Guarded::triggers);
    triggers.chain(followed.map(Guarded::followed)).collect()
}

impl Guarded {
    /// All that is guarded of a row as one text, without doubt about where a column ends.
    ///
    /// The tables are STRICT, so a column's type never changes; hex keeps all of a value, where
    /// `quote` would stop at a zero byte.
    fn image(&self, row: &str) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|column| format!("iif({row}.{column} IS NULL, '-', 'x' || hex({row}.{column}))"))
            .collect();
        columns.join(" || ',' || ")
    }

    /// The triggers that note each row before and after it changes.
    fn triggers(&self) -> String {
        let Self {
            table,
            name,
            counts,
            ..
        } = self;
        let id = self.id();
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
        format!(
            "CREATE TEMP TRIGGER IF NOT EXISTS touched_{id}_came AFTER INSERT ON main.{table}
               BEGIN {came} {says_came} END;
             CREATE TEMP TRIGGER IF NOT EXISTS touched_{id}_changed AFTER UPDATE ON main.{table}
               BEGIN {went} {came} {says_changed} END;
             CREATE TEMP TRIGGER IF NOT EXISTS touched_{id}_went AFTER DELETE ON main.{table}
               BEGIN {went} {says_went} END;"
        )
    }

    /// The trigger that notes its rows when their credential begins or ceases to count, and they with it.
    fn followed(&self) -> String {
        let Self { table, name, .. } = self;
        format!(
            "CREATE TEMP TRIGGER IF NOT EXISTS touched_{id}_followed
               AFTER UPDATE OF state ON main.credentials
               WHEN (OLD.state = 'revoked') <> (NEW.state = 'revoked')
             BEGIN
               INSERT INTO touched SELECT '{name}', {}, {}, iif(NEW.state = 'revoked', -1, 1)
               FROM main.{table} AS it WHERE it.credential = NEW.id;
             END;",
            Self::of_row(self.part, "it"),
            self.image("it"),
            id = self.id(),
        )
    }

    /// What its triggers are called by.
    fn id(&self) -> String {
        self.name.replace(' ', "_")
    }

    /// The same for PostgreSQL, where triggers are everybody's: what is not noted is refused.
    pub(in crate::store::integrity) fn functions(&self) -> String {
        let Self {
            table,
            name,
            counts,
            ..
        } = self;
        let id = self.id();
        let note = |row: &str, sign: &str, of: &str| {
            let columns = self.columns.iter();
            let images: Vec<String> = columns.map(|it| format!("image({row}.{it})")).collect();
            format!(
                "INSERT INTO pg_temp.touched SELECT '{name}', CAST({} AS TEXT), {}, {sign} {of};",
                Self::of_row(self.part, row),
                images.join(" || ',' || "),
            )
        };
        let counted = |row: &str| format!("WHERE {}", Self::of_row(counts, row));
        let function = |id: &str, body: &str| {
            format!(
                "CREATE FUNCTION touched_{id}() RETURNS trigger LANGUAGE plpgsql
                   SET search_path = kubegrant, pg_catalog, pg_temp AS $body$ BEGIN
                 IF to_regclass('pg_temp.touched') IS NULL THEN
                   RAISE EXCEPTION 'these records are changed with kubegrant, not by hand'
                     USING ERRCODE = 'insufficient_privilege';
                 END IF;
                 {body} RETURN NULL; END $body$;\n"
            )
        };
        // What the log says of a row is noted once, however often it is guarded.
        let recorded = recorded::find(table).filter(|_| !self.is_second);
        let say = |say: fn(&Recorded) -> String| recorded.map(say).unwrap_or_default();
        let body = format!(
            "IF TG_OP <> 'INSERT' THEN {} END IF; IF TG_OP <> 'DELETE' THEN {} END IF;
             IF TG_OP = 'INSERT' THEN NULL; {} ELSIF TG_OP = 'DELETE' THEN NULL; {} ELSE NULL; {} END IF;",
            note("OLD", "-1", &counted("OLD")),
            note("NEW", "1", &counted("NEW")),
            say(Recorded::came),
            say(Recorded::went),
            say(Recorded::changed),
        );
        let mut functions = function(&id, &body);
        let trigger = format!(
            "CREATE TRIGGER touched_{id} AFTER INSERT OR UPDATE OR DELETE ON {table}
               FOR EACH ROW EXECUTE FUNCTION touched_{id}();\n"
        );
        functions.push_str(&trigger);
        if self.follows_credential {
            let of = format!("FROM {table} AS it WHERE it.credential = NEW.id");
            let sign = "CASE WHEN NEW.state = 'revoked' THEN -1 ELSE 1 END";
            functions.push_str(&function(&format!("{id}_followed"), &note("it", sign, &of)));
            let trigger = format!(
                "CREATE TRIGGER touched_{id}_followed AFTER UPDATE OF state ON credentials
                   FOR EACH ROW WHEN ((OLD.state = 'revoked') <> (NEW.state = 'revoked'))
                   EXECUTE FUNCTION touched_{id}_followed();\n"
            );
            functions.push_str(&trigger);
        }
        functions
    }
}
