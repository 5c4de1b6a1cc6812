//! What statements answered, kept as long as nothing changed: each of a command's transactions asks the same
//! of what it relies on, and every question is a journey.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_postgres::Row;

use super::super::value::{Value, Values};

/// The most rows of one answer that are kept.
pub(super) const ROWS_MAX: usize = 256;
/// The most rows that are kept at once.
const ALL_ROWS_MAX: usize = 16 * 1024;

/// What was answered to the statements of one state.
#[derive(Debug, Default)]
pub(super) struct Answers {
    seen: i64,
    kept: HashMap<Vec<u8>, Arc<[Row]>>,
    rows: usize,
}

/// Whether a question has the same answer until somebody writes what it names: not one about the time, nor
/// about what triggers note.
pub(super) fn is_lasting(sql: &str) -> bool {
    !["now()", "touched", "changed_rows"]
        .iter()
        .any(|it| sql.contains(it))
}

/// A statement with what is given to it, as it is looked up.
pub(super) fn question(sql: &str, values: &Values<'_>) -> Vec<u8> {
    let mut question = sql.as_bytes().to_vec();
    let mut put = |value: &Value<'_>| {
        let (kind, number);
        let bytes: &[u8] = match value {
            Value::Null => {
                kind = 0;
                &[]
            }
            Value::Int(value) => {
                kind = 1;
                number = value.to_be_bytes();
                &number
            }
            Value::Text(text) => {
                kind = 2;
                text.as_bytes()
            }
            Value::Bytes(bytes) => {
                kind = 3;
                bytes
            }
        };
        // With its length before it no value runs into the next one.
        question.push(kind);
        question.extend(bytes.len().to_be_bytes());
        question.extend(bytes);
    };
    match values {
        Values::Numbered(values) => values.iter().for_each(&mut put),
        Values::Named(values) => values.iter().for_each(|(_, value)| put(value)),
    }
    question
}

impl Answers {
    /// What was answered before, if nobody else changed anything since.
    pub(super) fn find(&mut self, seen: i64, question: &[u8]) -> Option<Arc<[Row]>> {
        if self.seen != seen {
            *self = Self {
                seen,
                ..Self::default()
            };
        }
        self.kept.get(question).cloned()
    }

    /// Forgets what was answered of a table that we write; all, where it is not known which one it is. (What refers
    /// to a row never goes or changes with it, and triggers write nothing else but their notes.)
    pub(super) fn forget(&mut self, table: Option<&str>) {
        let name = table.unwrap_or_default().as_bytes();
        self.kept.retain(|question, rows| {
            let names = name.is_empty() || question.windows(name.len()).any(|it| it == name);
            if names {
                self.rows -= rows.len() + 1;
            }
            !names
        });
    }

    /// Keeps a whole answer.
    pub(super) fn keep(&mut self, question: Vec<u8>, rows: Vec<Row>) {
        if self.rows + rows.len() < ALL_ROWS_MAX {
            // One without rows is an answer too, and takes room.
            self.rows += rows.len() + 1;
            self.kept.insert(question, rows.into());
        }
    }
}

/// The rows of an answer that is being read; nothing once they are too many to be kept.
#[derive(Debug)]
pub(super) struct Read(Option<Vec<Row>>);

impl Read {
    /// Begins with none.
    pub(super) fn new(is_wanted: bool) -> Self {
        Self(is_wanted.then(Vec::new))
    }

    /// Adds a row.
    pub(super) fn push(&mut self, row: Row) {
        match &mut self.0 {
            Some(rows) if rows.len() < ROWS_MAX => rows.push(row),
            rows => *rows = None,
        }
    }

    /// All of them, if they can be kept.
    pub(super) fn whole(self) -> Option<Vec<Row>> {
        self.0
    }
}
