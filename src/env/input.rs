//! What comes in: typed lines, hidden lines, piped documents.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use zeroize::Zeroizing;

use super::Interrupt;

/// Longest line that is read, so that a stream without line ends cannot fill the memory.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// Whether typed characters appear on the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Echo {
    /// They appear.
    On,
    /// They stay hidden, as a password does.
    Off,
}

/// How a question is answered that something else puts at the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// Key by key, each seen by whoever asks, who shows it.
    Keys,
    /// As a line that stays hidden.
    HiddenLine,
}

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The person asked to stop instead of answering.
    #[error("interrupted")]
    Interrupted,
    /// More came in than is reasonable.
    #[error("the input is longer than {bytes_max} bytes")]
    TooLong {
        /// The bound that was passed.
        bytes_max: u64,
    },
    /// The operating system refused, or the bytes are not text.
    #[error("cannot read the input")]
    Io(#[source] io::Error),
}

/// The input of a run; clones read from the same stream.
#[derive(Clone)]
pub struct Input {
    source: Source,
    interrupt: Interrupt,
}

/// Where the input comes from.
#[derive(Clone)]
enum Source {
    /// The standard input of the process.
    Process,
    /// Bytes that a test prepared.
    Prepared(Arc<Mutex<io::Cursor<Vec<u8>>>>),
}

impl Input {
    /// Reads from the process.
    pub(super) fn process(interrupt: Interrupt) -> Self {
        Self {
            source: Source::Process,
            interrupt,
        }
    }

    /// Reads prepared bytes.
    pub(super) fn prepared(bytes: Arc<Mutex<io::Cursor<Vec<u8>>>>, interrupt: Interrupt) -> Self {
        Self {
            source: Source::Prepared(bytes),
            interrupt,
        }
    }

    /// Reads one line without its end, after `ask` put the question; nothing at the end of the
    /// input.
    ///
    /// On a terminal the read gives way to Ctrl-C, and what hides the characters begins before the
    /// question, which may be answered at once, and is undone whichever way it ends.
    pub fn read_line(
        &self,
        echo: Echo,
        ask: impl FnOnce(),
    ) -> Result<Option<Zeroizing<String>>, ReadError> {
        match &self.source {
            Source::Prepared(bytes) => {
                ask();
                line_of(&mut *bytes.lock().unwrap_or_else(PoisonError::into_inner))
            }
            Source::Process => {
                let _hidden = (echo == Echo::Off).then(hidden).transpose()?;
                ask();
                self.read_process_line()
            }
        }
    }

    /// Reads everything that is left, up to a bound.
    pub fn read_to_end(&self, bytes_max: u64) -> Result<Zeroizing<Vec<u8>>, ReadError> {
        match &self.source {
            Source::Prepared(bytes) => all_of(
                &mut *bytes.lock().unwrap_or_else(PoisonError::into_inner),
                bytes_max,
            ),
            Source::Process => {
                self.while_uninterrupted(move || all_of(&mut io::stdin().lock(), bytes_max))
            }
        }
    }

    /// Says whether this is the standard input of the process, which something else may read too.
    pub fn is_of_process(&self) -> bool {
        matches!(self.source, Source::Process)
    }

    /// Lends the terminal to something that asks, and reads the answer, by itself.
    ///
    /// As [`Input::read_line`] it gives way to Ctrl-C, and the terminal is afterwards as it was
    /// before, also where the one who borrowed it is left behind in the middle of a read.
    pub fn lend_terminal<T: Send + 'static>(
        &self,
        typed: Typed,
        ask: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, ReadError> {
        let _kept = Kept::begin(|modes| match typed {
            // From the first key to the last: between two reads nothing is echoed by the terminal.
            Typed::Keys => {
                let output = modes.output_modes;
                modes.make_raw();
                modes.output_modes = output;
            }
            // From before the question: nobody types faster than the echo ends.
            Typed::HiddenLine => modes.local_modes.remove(LocalModes::ECHO),
        })?;
        self.while_uninterrupted(move || {
            ask().map_err(|error| match error.kind() {
                io::ErrorKind::Interrupted => ReadError::Interrupted,
                _ => ReadError::Io(error),
            })
        })
    }

    fn read_process_line(&self) -> Result<Option<Zeroizing<String>>, ReadError> {
        self.while_uninterrupted(|| line_of(&mut io::stdin().lock()))
    }

    /// Reads on a thread of its own. The handler of SIGINT restarts interrupted reads, so that a
    /// read on this thread would not notice Ctrl-C; the thread left behind ends with the process.
    fn while_uninterrupted<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(read()));
        loop {
            match receiver.recv_timeout(Interrupt::look_every()) {
                Ok(answer) => return answer,
                Err(RecvTimeoutError::Timeout) if !self.interrupt.is_raised() => {}
                Err(RecvTimeoutError::Timeout) => return Err(ReadError::Interrupted),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(ReadError::Io(io::ErrorKind::UnexpectedEof.into()));
                }
            }
        }
    }
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Input")
    }
}

fn line_of(reader: &mut impl BufRead) -> Result<Option<Zeroizing<String>>, ReadError> {
    let mut line = Zeroizing::new(String::new());
    let read = reader
        .take(LINE_BYTES_MAX + 1)
        .read_line(&mut line)
        .map_err(ReadError::Io)?;
    if read == 0 {
        return Ok(None);
    }
    if read as u64 > LINE_BYTES_MAX {
        return Err(ReadError::TooLong {
            bytes_max: LINE_BYTES_MAX,
        });
    }
    let kept = line.trim_end_matches(['\n', '\r']).len();
    line.truncate(kept);
    Ok(Some(line))
}

fn all_of(reader: &mut impl Read, bytes_max: u64) -> Result<Zeroizing<Vec<u8>>, ReadError> {
    let mut bytes = Zeroizing::new(Vec::new());
    let mut bounded = BufReader::new(reader.take(bytes_max.saturating_add(1)));
    bounded.read_to_end(&mut bytes).map_err(ReadError::Io)?;
    if bytes.len() as u64 > bytes_max {
        return Err(ReadError::TooLong { bytes_max });
    }
    Ok(bytes)
}

/// Hides what is typed for as long as it lives.
fn hidden() -> Result<Kept, ReadError> {
    Kept::begin(|modes| {
        modes.local_modes.remove(LocalModes::ECHO);
        // The line end is still shown, so that the next words begin on their own line.
        modes.local_modes.insert(LocalModes::ECHONL);
    })
}

/// What the terminal was before; it is so again when this ends.
struct Kept(Option<Termios>);

impl Kept {
    fn begin(change: impl FnOnce(&mut Termios)) -> Result<Self, ReadError> {
        let stdin = io::stdin();
        // A pipe has nothing to change.
        let Ok(before) = termios::tcgetattr(&stdin) else {
            return Ok(Self(None));
        };
        let mut changed = before.clone();
        change(&mut changed);
        // What was typed ahead for a hidden line was typed in the open, for something else.
        let typed_ahead = if changed.local_modes.contains(LocalModes::ICANON) {
            OptionalActions::Flush
        } else {
            OptionalActions::Drain
        };
        termios::tcsetattr(&stdin, typed_ahead, &changed)
            .map_err(|error| ReadError::Io(error.into()))?;
        Ok(Self(Some(before)))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            termios::tcsetattr(io::stdin(), OptionalActions::Now, before).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(bytes: &[u8]) -> Input {
        let bytes = Arc::new(Mutex::new(io::Cursor::new(bytes.to_vec())));
        Input::prepared(bytes, Interrupt::default())
    }

    fn next(input: &Input) -> Option<String> {
        input
            .read_line(Echo::On, || {})
            .expect("readable")
            .map(|line| line.to_string())
    }

    #[test]
    fn lines_come_one_by_one_without_their_ends() {
        let input = input(b"yes\r\n\nlast");
        assert_eq!(next(&input).as_deref(), Some("yes"));
        assert_eq!(next(&input.clone()).as_deref(), Some(""));
        assert_eq!(next(&input).as_deref(), Some("last"));
        assert_eq!(next(&input), None);
    }

    #[test]
    fn an_endless_line_is_refused() {
        let endless = input(&vec![b'x'; 70_000]);
        assert!(matches!(
            endless.read_line(Echo::On, || {}),
            Err(ReadError::TooLong { .. })
        ));
    }

    #[test]
    fn a_document_within_the_bound_is_read_whole() {
        assert_eq!(
            input(b"a\nb").read_to_end(3).expect("readable").as_slice(),
            b"a\nb"
        );
        assert!(matches!(
            input(b"a\nb").read_to_end(2),
            Err(ReadError::TooLong { .. })
        ));
    }
}
