//! A list that may be long: shown as its rows come, so that it never stands in memory as a whole.

use super::draw;
use super::{Ended, Format, Output, View, machine, sanitize};

/// How many rows are shown at once. A shorter list is shown as every other; of a longer one the columns
/// are as wide as its first rows need, and grow on the way.
const AT_ONCE: usize = 4096;
/// How many bytes of large rows wait at most.
const BYTES_AT_ONCE: usize = 4 << 20;

/// A list whose rows come one by one.
pub(crate) struct LongList<'o, V>
where
    Vec<V>: View,
{
    output: &'o mut Output,
    waiting: Vec<V>,
    bytes: usize,
    has_begun: bool,
    widths: Option<Vec<usize>>,
}

impl<'o, V> LongList<'o, V>
where
    Vec<V>: View,
{
    pub(super) fn new(output: &'o mut Output) -> Self {
        Self {
            output,
            waiting: Vec::new(),
            bytes: 0,
            has_begun: false,
            widths: None,
        }
    }

    /// Takes the next row.
    pub(crate) fn push(&mut self, row: V) -> Result<(), Ended> {
        self.push_large(row, 0)
    }

    /// Takes the next row, which takes so many bytes: what is small is shown when all of it was read, as whoever reads
    /// it slowly would keep the store open.
    pub(crate) fn push_large(&mut self, row: V, bytes: usize) -> Result<(), Ended> {
        self.waiting.push(row);
        self.bytes += bytes;
        // The last rows come with the end.
        let is_full = self.waiting.len() > AT_ONCE || self.bytes > BYTES_AT_ONCE;
        if is_full && self.waiting.len() > 1 {
            self.bytes = bytes;
            let last = self.waiting.pop();
            self.show()?;
            self.waiting.extend(last);
        }
        Ok(())
    }

    /// Ends the list; where it had no row, `empty` is said.
    pub(crate) fn finish(mut self, empty: &str) -> Result<(), Ended> {
        if self.has_begun {
            self.show()?;
            let end = match self.output.settings.format {
                Format::Json => "\n]\n",
                _ => "",
            };
            return self.output.raw(end.as_bytes());
        }
        if self.waiting.is_empty() && matches!(self.format(), Format::Table | Format::Wide) {
            self.output.status(empty);
        }
        let waiting = std::mem::take(&mut self.waiting);
        self.output.show(&waiting)
    }

    fn format(&self) -> Format {
        self.output.settings.format
    }

    fn show(&mut self) -> Result<(), Ended> {
        let text = match self.format() {
            Format::Json => {
                let before = if self.has_begun { ",\n" } else { "[\n" };
                before.to_owned() + &machine::json_items(&self.waiting)?
            }
            Format::Yaml => machine::yaml(&self.waiting)?,
            Format::Name => {
                let names = self.waiting.table().names;
                let lines = names.iter().map(|name| sanitize::line(name) + "\n");
                lines.collect()
            }
            Format::Table | Format::Wide => {
                let look = self.output.look();
                draw::draw_on(&self.waiting.table(), look, &mut self.widths)
            }
        };
        self.has_begun = true;
        self.waiting.clear();
        self.output.stdout.write_all(text.as_bytes())?;
        Ok(())
    }
}
