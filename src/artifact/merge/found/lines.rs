//! Lines, and what stands before them where something is quoted, added in a diff or commented out.

use std::ops::Range;

/// How many lines before a token the name of its entry may stand.
const NAME_WITHIN: usize = 6;

/// One line.
pub(super) struct YamlLine<'t> {
    /// Its number, from 1.
    pub(super) number: usize,
    /// Where it begins in the text.
    pub(super) start: usize,
    /// What is in it, without its end.
    pub(super) text: &'t str,
}

impl<'t> YamlLine<'t> {
    /// What is in it, without blanks at its ends and the marks of mails, diffs and comments.
    pub(super) fn bare(&self) -> &'t str {
        let mut rest = self.text.trim();
        // Mails are quoted in mails.
        while let Some(more) = rest.strip_prefix('>') {
            rest = more.trim_start();
        }
        let mark = |rest: &'t str| {
            ["// ", "# ", "+", "- ", "* ", "| "]
                .iter()
                .find_map(|mark| rest.strip_prefix(mark))
        };
        mark(rest).unwrap_or(rest).trim_start()
    }
}

/// The lines of a text: where each begins, and nothing more, for there may be millions.
pub(super) struct Lines<'t> {
    text: &'t str,
    starts: Vec<u32>,
}

impl<'t> Lines<'t> {
    /// Cuts a text into lines.
    pub(super) fn of(text: &'t str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = ends.filter_map(|(end, _)| u32::try_from(end + 1).ok());
        Self {
            text,
            starts: std::iter::once(0).chain(starts).collect(),
        }
    }

    /// Gives the line at a place, from 0.
    pub(super) fn get(&self, at: usize) -> Option<YamlLine<'t>> {
        let start = *self.starts.get(at)? as usize;
        let end = match self.starts.get(at + 1) {
            Some(next) => *next as usize - 1,
            None => self.text.len(),
        };
        let text = self.text.get(start..end)?;
        Some(YamlLine {
            number: at + 1,
            start,
            text: text.trim_end_matches('\r'),
        })
    }

    /// Gives the lines from one place up to another.
    pub(super) fn range(
        &self,
        places: Range<usize>,
    ) -> impl DoubleEndedIterator<Item = YamlLine<'t>> {
        let places = places.start..places.end.min(self.starts.len());
        places.filter_map(|at| self.get(at))
    }

    /// Gives all of them.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = YamlLine<'t>> {
        self.range(0..self.starts.len())
    }
}

/// A part of the text that is a document of its own.
pub(super) struct Document {
    /// Its bytes.
    pub(super) bytes: Range<usize>,
    /// The number of its first line.
    pub(super) first_line: usize,
    lines: usize,
    has_users: bool,
}

impl Document {
    /// The places of its lines.
    pub(super) fn places(&self) -> Range<usize> {
        let first = self.first_line - 1;
        first..first + self.lines
    }
}

/// Finds the documents, which lines of three dashes separate, that have the word which every
/// kubeconfig has.
pub(super) fn documents(lines: &Lines<'_>) -> Vec<Document> {
    let mut found = Vec::new();
    let mut open: Option<Document> = None;
    for line in lines.iter() {
        let rest = line.text.strip_prefix("---");
        if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t'])) {
            found.extend(open.take().filter(|document| document.has_users));
            continue;
        }
        let document = open.get_or_insert(Document {
            bytes: line.start..line.start,
            first_line: line.number,
            lines: 0,
            has_users: false,
        });
        document.bytes.end = line.start + line.text.len();
        document.lines += 1;
        document.has_users |= line.text.contains("users");
    }
    found.extend(open.filter(|document| document.has_users));
    found
}

/// The name of the entry that a line belongs to, where one stands shortly before it.
pub(super) fn name_before(lines: &Lines<'_>, number: usize) -> Option<String> {
    let at = number.checked_sub(1)?;
    let first = at.saturating_sub(NAME_WITHIN);
    // The name belongs to the same entry only if the login comes below its key `user`.
    let user = lines
        .range(first..at)
        .rfind(|line| is_key(line.bare(), "user"))?;
    lines
        .range(first..user.number)
        .rev()
        .take(3)
        .find_map(|line| value_of(line.bare(), "name").map(str::to_owned))
}

fn is_key(bare: &str, key: &str) -> bool {
    value_of(bare, key).is_some_and(str::is_empty)
}

/// The value of a key, where a line sets it, in YAML or JSON.
pub(super) fn value_of<'t>(bare: &'t str, key: &str) -> Option<&'t str> {
    let bare = bare.trim_start_matches("- ").trim_start();
    let rest = bare.strip_prefix('"').unwrap_or(bare).strip_prefix(key)?;
    let rest = rest.strip_prefix('"').unwrap_or(rest).trim_start();
    let value = rest.strip_prefix(':')?.trim();
    Some(value.trim_matches(['"', '\'', ',', '{']).trim())
}

/// Says of a line that sets a way to log in which is no token, what that is.
pub(super) fn other_login(line: &YamlLine<'_>) -> Option<&'static str> {
    // The least of them has this many letters.
    if line.text.len() < 10 {
        return None;
    }
    if line.text.contains("client-certificate-data") || line.text.contains("client-certificate:") {
        Some("it is a client certificate")
    } else if line.text.contains("client.authentication.k8s.io/")
        || line.text.contains("auth-provider:")
    {
        Some("it asks a program for its login")
    } else if value_of(line.bare(), "tokenFile").is_some() {
        Some("its token is in another file")
    } else {
        None
    }
}
