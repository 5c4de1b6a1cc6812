//! Audit events. Frozen: fields are added, never renamed or retyped.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::domain::audit::Entry;
use crate::domain::text::first_ones;
use crate::ops::audit::{Accepted, Known, Replayed, Report, Verdict, signature_of};
use crate::output::{Table, Time, View};

frozen! {
    /// An event.
    pub(crate) struct EntryView from entry: Entry {
        let (signed_by, signature) = signature_of(&entry).unzip();
        seq: i64 = entry.seq.0,
        at: Time = Time(entry.at),
        actor: String = entry.actor,
        acting_as: Option<String> = entry.acting_as,
        action: String = entry.action,
        phase: String = entry.phase,
        cluster: Option<String> = entry.cluster,
        user: Option<String> = entry.user,
        detail: String = entry.detail,
        request: Option<i64> = entry.request.map(|seq| seq.0),
        hash: String = entry.hash,
        state: Option<String> = entry.state,
        prev: String = entry.prev,
        /// What its transaction changed of the rows that decide something.
        change: Option<Value> = entry.change.and_then(|text| serde_json::from_str(&text).ok()),
        /// The public key of its actor, which it is signed with.
        key: Option<String> = entry.signer,
        /// The same as OpenSSH writes it.
        signed_by: Option<String> = signed_by,
        /// The signature over `hash`, in the namespace `kubegrant-audit`, as `ssh-keygen -Y verify` takes it.
        signature: Option<String> = signature,
    }
}

/// One event as a line of JSON. The keys, their order and the escapes are frozen: nothing but
/// printable ASCII, so that no reader sees two lines in one, or another line than was written.
pub(crate) fn json_line(entry: &Entry) -> String {
    let view = EntryView::from(entry.clone());
    let json = serde_json::to_string(&view).unwrap_or_default();
    let mut line = String::with_capacity(json.len() + 1);
    for character in json.chars() {
        if matches!(character, ' '..='~') {
            line.push(character);
            continue;
        }
        // Outside strings there is only ASCII, so this is always inside one.
        let mut units = [0; 2];
        for unit in character.encode_utf16(&mut units) {
            // Writing to a String cannot fail.
            let _written = write!(line, "\\u{unit:04x}");
        }
    }
    line.push('\n');
    line
}

impl EntryView {
    fn who(&self) -> Cow<'_, str> {
        match &self.acting_as {
            None => Cow::Borrowed(&self.actor),
            Some(other) => Cow::Owned(format!("{} as {other}", self.actor)),
        }
    }
}

impl View for Vec<EntryView> {
    fn table(&self) -> Table<'_> {
        Table::of(self)
            .col("SEQ", |it| it.seq)
            .col("TIME", |it| it.at)
            .col("ACTOR", EntryView::who)
            .col("ACTION", |it| &it.action)
            .col("PHASE", |it| &it.phase)
            .col("CLUSTER", |it| &it.cluster)
            .col("USER", |it| &it.user)
            .col("DETAIL", |it| &it.detail)
            .wide("REQUEST", |it| it.request)
            .wide("HASH", |it| &it.hash)
            .named(|it| format!("event/{}", it.seq))
    }
}

fn head_name(head: Option<&String>) -> Vec<String> {
    let head = head.into_iter();
    head.map(|head| format!("head/{head}")).collect()
}

frozen! {
    /// What a check of the log found.
    pub(crate) struct VerdictView from report: &Report {
        let (events, head, broken_at, signed_from) = match &report.verdict {
            Verdict::Whole { rows, head, signed_from } => (*rows, head.clone(), None, *signed_from),
            Verdict::Broken { seq, .. } => (seq.0 - 1, None, Some(seq.0), None),
        };
        whole: bool = report.is_good(),
        events: i64 = events,
        head: Option<String> = head,
        broken_at: Option<i64> = broken_at,
        known_here: &'static str = match report.known {
            Known::Nothing => "nothing",
            Known::Fits(_) => "fits",
            Known::Superseded(_) => "superseded",
            Known::Differs(..) => "differs",
        },
        changed: Vec<String> = report.changed.clone(),
        /// The first event that is signed; none where the log is not whole.
        signed_from: Option<i64> = signed_from.map(|seq| seq.0),
        /// Tables whose rows are not what the log tells.
        untold: Vec<&'static str> = report.untold.clone(),
    }
}

impl View for VerdictView {
    fn table(&self) -> Table<'_> {
        Table::record(self)
            .col("Whole", |it| it.whole)
            .col("Events", |it| it.events)
            .col("Head", |it| &it.head)
            .col("Known here", |it| it.known_here)
            .some("Signed", |it| {
                it.signed_from.map(|seq| format!("from event {seq}"))
            })
            .names(head_name(self.head.as_ref()))
    }
}

frozen! {
    /// How everything stood once, as the log tells it.
    pub(crate) struct ReplayView from replayed: &Replayed {
        /// The last event that counts.
        seq: i64 = replayed.seq.0,
        at: Time = Time(replayed.at),
        /// The rows of each table, in the order of their keys.
        tables: Value = tables(replayed),
    }
}

/// The rows of each table that has any.
fn tables(replayed: &Replayed) -> Value {
    let tables = replayed.rows.tables().map(|(name, rows)| {
        let rows: Vec<Value> = rows
            .map(|row| Value::Object(row.into_iter().collect::<Map<_, _>>()))
            .collect();
        (name.to_owned(), Value::Array(rows))
    });
    Value::Object(tables.collect())
}

impl ReplayView {
    /// How many rows of a table are not over.
    fn count(&self, table: &str) -> usize {
        let rows = self.tables.get(table).and_then(Value::as_array);
        let is_over = |row: &&Value| {
            row.get("removed_at").is_some_and(|at| !at.is_null())
                || row.get("state").is_some_and(|state| state == "revoked")
        };
        rows.map_or(0, |rows| rows.iter().filter(|row| !is_over(row)).count())
    }
}

impl View for ReplayView {
    fn table(&self) -> Table<'_> {
        Table::record(self)
            .col("Event", |it| it.seq)
            .col("At", |it| it.at)
            .col("Users", |it| it.count("users"))
            .col("Clusters", |it| it.count("clusters"))
            .col("Projects", |it| it.count("projects"))
            .col("Members", |it| it.count("project_members"))
            .col("Grants", |it| it.count("grants"))
            .col("Blocks", |it| it.count("blocks"))
            .col("Bindings", |it| it.count("bindings"))
            .col("Credentials", |it| it.count("credentials"))
            .names(vec![format!("event/{}", self.seq)])
    }
}

frozen! {
    /// What an owner accepted.
    pub(crate) struct AcceptedView from accepted: &Accepted {
        accepted: Vec<String> = accepted.complaints.clone(),
        seq: Option<i64> = accepted.head.as_ref().map(|head| head.seq.0),
        head: Option<String> = accepted.head.as_ref().map(|head| head.hash.clone()),
        to_reconcile: Vec<String> = accepted.looks.clone(),
        ssh_keys_in_doubt: Vec<String> = accepted.doubted.clone(),
    }
}

impl View for AcceptedView {
    fn table(&self) -> Table<'_> {
        Table::record(self)
            .col("Accepted", |it| Some(first_ones(&it.accepted).join("; ")))
            .col("Event", |it| it.seq)
            .col("Head", |it| &it.head)
            .names(head_name(self.head.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::domain::audit::EventSeq;

    #[test]
    fn a_line_is_printable_ascii_whatever_the_event_says() {
        for code in (0..=0x0010_ffff).filter_map(char::from_u32) {
            // Around the ranges that matter, and some of all others.
            let number = u32::from(code);
            if number > 0x3000 && number % 257 != 0 {
                continue;
            }
            let entry = Entry {
                seq: EventSeq(1),
                at: DateTime::UNIX_EPOCH,
                actor: "alice".to_owned(),
                acting_as: None,
                action: "test".to_owned(),
                phase: "done".to_owned(),
                cluster: None,
                user: None,
                detail: format!("a{code}b"),
                request: None,
                state: None,
                prev: String::new(),
                hash: String::new(),
                signer: None,
                change: None,
                signature: None,
            };
            let line = json_line(&entry);
            let text = line.strip_suffix('\n').expect("it ends");
            assert!(text.chars().all(|c| matches!(c, ' '..='~')), "{text}");
            let read: serde_json::Value = serde_json::from_str(text).expect("it is JSON");
            assert_eq!(read["detail"], entry.detail);
        }
    }
}
