//! What a login command says on its error stream, line by line, as it comes.

use std::path::Path;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::ChildStderr;

/// How much of it is kept for the error, in bytes.
const BEGINNING_MAX: usize = 4096;
/// How much of it is shown, in bytes.
const SHOWN_MAX: usize = 64 * 1024;
/// The longest line that is shown whole, in bytes.
const LINE_MAX: usize = 2048;
/// After how long of silence a line without an end is shown: it may be a question.
const PAUSE: Duration = Duration::from_millis(300);

/// What a login command wrote on it so far.
pub(super) struct Stderr<'a> {
    name: String,
    say: &'a dyn Fn(&str),
    beginning: Vec<u8>,
    line: Vec<u8>,
    shown: usize,
}

impl<'a> Stderr<'a> {
    /// Nothing was read of this command yet.
    pub(super) fn new(command: &Path, say: &'a dyn Fn(&str)) -> Self {
        let name = command.file_name().unwrap_or_default().to_string_lossy();
        Self {
            name: name.into_owned(),
            say,
            beginning: Vec::new(),
            line: Vec::new(),
            shown: 0,
        }
    }

    /// Reads to the end, also where it is too much: a talkative command must not block.
    pub(super) async fn read(&mut self, stream: Option<ChildStderr>) {
        let Some(mut stream) = stream else {
            return;
        };
        let mut piece = [0_u8; 4096];
        loop {
            let reading = stream.read(&mut piece);
            match tokio::time::timeout(PAUSE, reading).await {
                Err(_) => self.show(),
                Ok(Ok(count)) if count > 0 => {
                    self.take(piece.get(..count).unwrap_or_default());
                }
                Ok(_) => break,
            }
        }
        self.show();
    }

    /// The beginning of it, for the error.
    pub(super) fn beginning(&self) -> String {
        String::from_utf8_lossy(&self.beginning).into_owned()
    }

    fn take(&mut self, bytes: &[u8]) {
        let room = BEGINNING_MAX.saturating_sub(self.beginning.len());
        let kept = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.beginning.extend_from_slice(kept);
        for byte in bytes {
            if matches!(byte, b'\n' | b'\r') || self.line.len() >= LINE_MAX {
                self.show();
            }
            if !matches!(byte, b'\n' | b'\r') {
                self.line.push(*byte);
            }
        }
    }

    fn show(&mut self) {
        let line = std::mem::take(&mut self.line);
        let text = without_colors(&String::from_utf8_lossy(&line));
        if text.trim().is_empty() || self.shown > SHOWN_MAX {
            return;
        }
        self.shown += line.len();
        // Under its name, so that nothing that it says passes for a line of ours.
        (self.say)(&if self.shown > SHOWN_MAX {
            format!("{}: … (it says more)", self.name)
        } else {
            format!("{}: {}", self.name, text.trim_end())
        });
    }
}

/// Leaves out the sequences that only set colors.
fn without_colors(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        let end = after.find(|letter: char| !letter.is_ascii_digit() && letter != ';');
        match end.map(|end| after.split_at(end)) {
            Some((_, tail)) if tail.starts_with('m') => rest = tail.get(1..).unwrap_or_default(),
            _ => {
                plain.push_str("\u{1b}[");
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_go_and_everything_else_stays() {
        assert_eq!(without_colors("a\u{1b}[1;31mb\u{1b}[0mc"), "abc");
        for text in [
            "plain",
            "\u{1b}[2J",
            "\u{1b}[",
            "\u{1b}[31",
            "\u{1b}]0;title",
        ] {
            assert_eq!(without_colors(text), text);
        }
    }

    #[test]
    fn what_is_shown_is_bounded() {
        let shown = std::cell::RefCell::new(Vec::new());
        let say = |line: &str| shown.borrow_mut().push(line.to_owned());
        let mut stderr = Stderr::new(Path::new("/bin/aws"), &say);
        for _ in 0..100 {
            stderr.take(&[b'x'; 4096]);
        }
        stderr.show();
        assert_eq!(stderr.beginning().len(), BEGINNING_MAX);
        let shown = shown.borrow();
        assert!(shown.iter().all(|line| line.len() < LINE_MAX + 20));
        assert!(shown.iter().map(String::len).sum::<usize>() < 2 * SHOWN_MAX);
        assert_eq!(
            shown.last().map(String::as_str),
            Some("aws: … (it says more)")
        );
    }
}
