//! Output: one document on stdout, messages on stderr, one renderer for every view.

pub(crate) mod color;
mod draw;
mod long_list;
pub(crate) mod machine;
pub(crate) mod progress;
pub(crate) mod sanitize;
pub(crate) mod table;
pub(crate) mod time;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use anstyle::Style;
use indicatif::ProgressBar;
use serde::Serialize;

pub(crate) use color::ColorChoice;
pub(crate) use long_list::LongList;
pub(crate) use progress::Progress;
pub(crate) use table::{Cell, NONE, Table};
pub(crate) use time::Time;

use crate::env::{Clock, Env, Remote};
use draw::Look;
use progress::Stderr;

/// The shape of what is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    /// Columns for people.
    #[default]
    Table,
    /// More columns for people.
    Wide,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// `kind/name`, one per line.
    Name,
}

/// A frozen shape that can be shown in every format.
pub(crate) trait View: Serialize {
    /// Gives what people see of it, and the names for `-o name`.
    fn table(&self) -> Table<'_>;
}

/// Why nothing more can be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    /// The reader of stdout left, as `head` does: end quietly, with 141.
    #[error("the reader of the output left")]
    ReaderLeft,
    /// Stdout cannot be written, for example because a disk is full.
    #[error("cannot write the output")]
    Write(#[source] io::Error),
    /// A view does not fit the format: a fault of ours.
    #[error("cannot shape the output: {0}")]
    Shape(String),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::ReaderLeft
        } else {
            Self::Write(error)
        }
    }
}

/// How to show: what the global flags said.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settings {
    /// The shape of data.
    pub(crate) format: Format,
    /// Whether words other than errors are left out.
    pub(crate) quiet: bool,
    /// Whether to colour.
    pub(crate) color: ColorChoice,
}

/// The output of a run.
pub(crate) struct Output {
    stdout: Box<dyn Write + Send>,
    stderr: Stderr,
    clock: Arc<dyn Clock>,
    settings: Settings,
    is_terminal: bool,
    words_are_seen: bool,
    stdout_colored: bool,
    stderr_colored: bool,
    width: u16,
    bar: Option<ProgressBar>,
    remote: Option<Remote>,
}

impl Output {
    /// Takes the two outgoing streams; the environment keeps silent ones.
    pub(crate) fn new(env: &mut Env, settings: Settings) -> Self {
        Self {
            stdout: std::mem::replace(&mut env.stdout, Box::new(io::sink())),
            stderr: Arc::new(Mutex::new(std::mem::replace(
                &mut env.stderr,
                Box::new(io::sink()),
            ))),
            clock: Arc::clone(&env.clock),
            settings,
            is_terminal: env.stdout_is_terminal,
            words_are_seen: env.stderr_is_terminal,
            stdout_colored: color::enabled(settings.color, env, env.stdout_is_terminal),
            stderr_colored: color::enabled(settings.color, env, env.stderr_is_terminal),
            width: env.terminal_width.unwrap_or(80),
            bar: None,
            remote: env.remote.clone(),
        }
    }

    /// Hands a file over beside the data, where somebody at another machine gets it; says whether so.
    pub(crate) fn hand_over(&self, bytes: &[u8]) -> bool {
        if let Some(remote) = &self.remote {
            remote.hand_over(bytes);
        }
        self.remote.is_some()
    }

    /// Gives a way to put a question on stderr from elsewhere, for passphrases.
    pub(crate) fn asker(&self) -> impl Fn(&str) + use<> {
        let stderr = Arc::clone(&self.stderr);
        move |question| {
            if let Ok(mut stderr) = stderr.lock() {
                // A closed stderr must not keep anybody from answering.
                let _asked = write!(stderr, "{question}").and_then(|()| stderr.flush());
            }
        }
    }

    /// Gives a way to say a line on stderr from elsewhere while work goes on, also when quiet: a
    /// login command may wait for what it asks there.
    pub(crate) fn sayer(&self) -> impl Fn(&str) + use<> {
        let stderr = Arc::clone(&self.stderr);
        move |text| progress::write(&stderr, &format!("{}\n", sanitize::line(text)))
    }

    /// Shows one document on stdout; of an empty table, a sentence on stderr.
    pub(crate) fn show<V: View + ?Sized>(&mut self, view: &V) -> Result<(), Ended> {
        let text = match self.settings.format {
            Format::Json => machine::json(view)?,
            Format::Yaml => machine::yaml(view)?,
            Format::Name => view.table().names.iter().fold(String::new(), |text, name| {
                text + &sanitize::line(name) + "\n"
            }),
            Format::Table | Format::Wide => {
                let table = view.table();
                let text = draw::draw(&table, self.look());
                if let Some(sentence) = table.empty.filter(|_| text.is_empty()) {
                    self.status(&sentence);
                }
                text
            }
        };
        self.raw(text.as_bytes())
    }

    fn look(&self) -> Look {
        Look {
            wide: self.settings.format == Format::Wide,
            colored: self.stdout_colored,
            now: self.is_terminal.then(|| self.clock.now()),
            width: self.is_terminal.then_some(self.width),
        }
    }

    /// Whether programs read it, which get all that there is.
    pub(crate) fn is_for_machines(&self) -> bool {
        matches!(self.settings.format, Format::Json | Format::Yaml)
    }

    /// Shows a list that may be long, as its rows come.
    pub(crate) fn rows<V>(&mut self) -> LongList<'_, V>
    where
        Vec<V>: View,
    {
        LongList::new(self)
    }

    /// Shows a list: an array to machines.
    pub(crate) fn list<V>(&mut self, views: impl IntoIterator<Item = V>) -> Result<(), Ended>
    where
        Vec<V>: View,
    {
        self.show(&views.into_iter().collect::<Vec<_>>())
    }

    /// Writes bytes to stdout as they are: a file for `-f -`, a public key.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        self.stdout.write_all(bytes)?;
        self.stdout.flush()?;
        Ok(())
    }

    /// Says what is now true: a whole sentence.
    pub(crate) fn status(&mut self, text: &str) {
        if !self.settings.quiet {
            self.say(&sanitize::paragraph(text, "  "));
        }
    }

    /// Says what the user should worry about.
    pub(crate) fn warn(&mut self, text: &str) {
        if !self.settings.quiet {
            let text = self.labelled("warning:", color::WARNING, text);
            self.say(&text);
        }
    }

    /// Says what to do next.
    pub(crate) fn hint(&mut self, text: &str) {
        if !self.settings.quiet {
            let text = self.labelled("hint:", color::HINT, text);
            self.say(&text);
        }
    }

    /// Says why a run failed, and what would help; said even when quiet.
    pub(crate) fn error(&mut self, message: &str, causes: &[String], hints: &[String]) {
        let mut text = self.labelled("error:", color::ERROR, message);
        for cause in causes {
            text.push_str("\n  caused by: ");
            text.push_str(&sanitize::paragraph(cause, "    "));
        }
        for (number, hint) in hints.iter().enumerate() {
            text.push_str(if number == 0 { "\n\n" } else { "\n" });
            text.push_str(&self.labelled("hint:", color::HINT, hint));
        }
        self.say(&text);
    }

    /// Asks on stderr, without ending the line; said even when quiet.
    pub(crate) fn ask(&mut self, question: &str) {
        self.write_stderr(&sanitize::paragraph(question, "  "));
    }

    /// Writes words that are already rendered, as clap's messages are.
    pub(crate) fn rendered(&mut self, text: &str) {
        self.write_stderr(text);
    }

    /// Begins to show the progress of work on `total` things.
    pub(crate) fn progress(&mut self, total: usize, noun: &str) -> Progress {
        if self.settings.quiet {
            Progress::quiet(total)
        } else if self.words_are_seen {
            let bar = progress::bar(&self.stderr, self.width, total, noun);
            self.bar = Some(bar.clone());
            Progress::bar(bar, total)
        } else {
            Progress::lines(Arc::clone(&self.stderr), total)
        }
    }

    /// The columns of the terminal on which a person reads stdout, if it is one.
    pub(crate) fn columns(&self) -> Option<u16> {
        self.is_terminal.then_some(self.width)
    }

    /// Says whether both are coloured.
    pub(crate) fn is_colored(&self) -> bool {
        self.stdout_colored && self.stderr_colored
    }

    /// Says whether a person reads stdout.
    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    fn labelled(&self, label: &str, style: Style, text: &str) -> String {
        let label = color::paint(label, style, self.stderr_colored);
        format!("{label} {}", sanitize::paragraph(text, "  "))
    }

    fn say(&mut self, text: &str) {
        self.write_stderr(&format!("{text}\n"));
    }

    /// Writes around a bar that may be on the screen.
    fn write_stderr(&mut self, text: &str) {
        match self.bar.take_if(|bar| bar.is_finished()) {
            None => match &self.bar {
                Some(bar) => bar.suspend(|| progress::write(&self.stderr, text)),
                None => progress::write(&self.stderr, text),
            },
            Some(_finished) => progress::write(&self.stderr, text),
        }
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
