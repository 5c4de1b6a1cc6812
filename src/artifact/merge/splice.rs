//! Edits of whole lines: entries come and go, and every other byte stays.

use std::ops::Range;

use zeroize::Zeroizing;

use super::Change;
use super::tree::{Placed, quoted};

/// The text, and what is to be changed in it.
pub(super) struct Edits<'t> {
    text: &'t str,
    root: Option<&'t Placed>,
    list: Vec<(Range<usize>, Zeroizing<String>)>,
    /// What is added at the end.
    tail: Zeroizing<String>,
}

impl<'t> Edits<'t> {
    /// Begins with nothing to change.
    pub(super) fn new(text: &'t str, root: Option<&'t Placed>) -> Self {
        Self {
            text,
            root,
            list: Vec::new(),
            tail: Zeroizing::new(String::new()),
        }
    }

    /// Carries everything out; `None` where the layout is none that lines can be edited in.
    pub(super) fn apply(
        mut self,
        changes: &[Change],
        current: Option<&str>,
    ) -> Option<Zeroizing<String>> {
        if self.root.is_none() {
            self.tail.push_str("apiVersion: v1\nkind: Config\n");
        } else if self.root.is_some_and(|root| root.flow) {
            return None;
        }
        for change in changes {
            self.change(change)?;
        }
        if let Some(current) = current {
            self.current(current)?;
        }
        self.list.sort_by_key(|(range, _)| range.start);
        let overlap = self
            .list
            .windows(2)
            .any(|pair| pair[0].0.end > pair[1].0.start);
        if overlap {
            return None;
        }
        let added: usize = self.list.iter().map(|(_, text)| text.len()).sum();
        // With room for all of it, the text never moves and leaves a copy behind.
        let room = self.text.len() + added + self.tail.len() + 1;
        let mut out = Zeroizing::new(String::with_capacity(room));
        let mut from = 0;
        for (range, text) in &self.list {
            out.push_str(self.text.get(from..range.start)?);
            out.push_str(text);
            from = range.end;
        }
        out.push_str(self.text.get(from..)?);
        if !self.tail.is_empty() && !out.is_empty() && !out.ends_with('\n') {
            out.push('\n');
        }
        out.push_str(&self.tail);
        Some(out)
    }

    fn change(&mut self, change: &Change) -> Option<()> {
        let list = change.section.list;
        let found = self
            .root
            .and_then(|root| Some((root.key(list)?, root.get(list)?)));
        let Some((key, value)) = found else {
            if let Some((text, _)) = &change.comes {
                self.tail.push_str(list);
                self.tail.push_str(":\n");
                self.tail.push_str(text);
            }
            return Some(());
        };
        let items = value.items()?;
        if items.is_empty() {
            if let Some((text, _)) = &change.comes {
                self.open_empty(key, value, text)?;
            }
            return Some(());
        }
        if value.flow {
            return None;
        }
        let indent = self.dash(items.first()?)?.1;
        for number in &change.gone {
            let range = self.lines(items.get(*number)?)?;
            self.list.push((range, Zeroizing::new(String::new())));
        }
        match &change.comes {
            Some((text, at)) => {
                let text = indented(text, indent);
                if change.gone.contains(at) {
                    // In the place of the one that goes.
                    let range = self.lines(items.get(*at)?)?;
                    let edit = self.list.iter_mut().find(|(found, _)| *found == range)?;
                    edit.1 = text;
                } else {
                    let end = self.lines(items.last()?)?.end;
                    let text = if self.text.get(..end)?.ends_with('\n') {
                        text
                    } else {
                        Zeroizing::new(format!("\n{}", text.as_str()))
                    };
                    self.list.push((end..end, text));
                }
            }
            None if change.gone.len() == items.len() && !items.is_empty() => {
                // A key without a value would be nothing; an empty list is what it is.
                let end = key.range.end;
                let colon = self.text.get(end..)?.find(':')?;
                if !self.text.get(end..end + colon)?.trim().is_empty() {
                    return None;
                }
                let after = end + colon + 1;
                self.list
                    .push((after..after, Zeroizing::new(" []".to_owned())));
            }
            None => {}
        }
        Some(())
    }

    /// Puts the first item under a key that had none.
    fn open_empty(&mut self, key: &Placed, value: &Placed, text: &str) -> Option<()> {
        let end = key.range.end;
        let colon = end + self.text.get(end..)?.find(':')? + 1;
        let line_end = self.line_end(colon);
        let rest = self.text.get(colon..line_end)?;
        // What stands between the colon and a comment is the empty value itself.
        let shown = rest.split('#').next()?.trim();
        if !matches!(shown, "" | "[]" | "~" | "null" | "Null" | "NULL") || value.is_marked() {
            return None;
        }
        let value_end = colon + rest.find('#').unwrap_or(rest.trim_end().len());
        let gap = if rest.contains('#') { " " } else { "" };
        self.list
            .push((colon..value_end, Zeroizing::new(gap.to_owned())));
        let text = if self.text.get(..line_end)?.ends_with('\n') {
            Zeroizing::new(text.to_owned())
        } else {
            Zeroizing::new(format!("\n{text}"))
        };
        self.list.push((line_end..line_end, text));
        Some(())
    }

    fn current(&mut self, current: &str) -> Option<()> {
        let found = self
            .root
            .and_then(|root| Some((root.key("current-context")?, root.get("current-context")?)));
        let Some((key, value)) = found else {
            self.tail.push_str("current-context: ");
            self.tail.push_str(&plain_or_quoted(current));
            self.tail.push('\n');
            return Some(());
        };
        let end = key.range.end;
        let colon = end + self.text.get(end..)?.find(':')? + 1;
        if value.is_null() {
            let rest = self.text.get(colon..self.line_end(colon))?;
            let shown = rest.split('#').next()?.trim();
            let word = colon..colon + rest.split('#').next()?.trim_end().len();
            if !matches!(shown, "" | "~" | "null" | "Null" | "NULL") {
                return None;
            }
            let text = format!(" {}", plain_or_quoted(current));
            self.list.push((word, Zeroizing::new(text)));
        } else {
            value.text()?;
            let text = Zeroizing::new(plain_or_quoted(current));
            self.list.push((value.range.clone(), text));
        }
        Some(())
    }

    /// The lines of an item, from its dash to the end of its last value.
    fn lines(&self, item: &Placed) -> Option<Range<usize>> {
        let start = self.dash(item)?.0;
        let text = self.text.get(start..item.range.end)?;
        let last = start + text.trim_end().len();
        Some(start..self.line_end(last))
    }

    /// Where the line of an item's dash begins, and how far it is indented.
    fn dash(&self, item: &Placed) -> Option<(usize, usize)> {
        let before = self.text.get(..item.range.start)?;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let lead = before.get(start..)?;
        let indent = lead.len() - lead.trim_start_matches(' ').len();
        // Nothing but the dash stands before the first key.
        (lead.trim() == "-").then_some((start, indent))
    }

    /// The end of a line, with its line end.
    fn line_end(&self, from: usize) -> usize {
        self.text
            .get(from..)
            .and_then(|rest| rest.find('\n'))
            .map_or(self.text.len(), |at| from + at + 1)
    }
}

fn indented(text: &str, indent: usize) -> Zeroizing<String> {
    let lead = " ".repeat(indent);
    let mut out = Zeroizing::new(String::with_capacity(text.len() + indent * 16));
    for line in text.lines() {
        out.push_str(&lead);
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// A name as kubectl writes it, or in quotes where it could be taken for something else.
fn plain_or_quoted(name: &str) -> String {
    let plain = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.contains(['@', '-', '.', '/'])
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "@-./_".contains(c));
    if plain {
        name.to_owned()
    } else {
        quoted(name).to_string()
    }
}
