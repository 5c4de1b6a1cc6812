//! Long work: a bar on a terminal, one line per finished item elsewhere, nothing when quiet.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle, TermLike};

use super::sanitize;

/// The stream of words, shared by `Output` and the bar that draws on it.
pub(super) type Stderr = Arc<Mutex<Box<dyn Write + Send>>>;

/// Writes words. A closed stderr is no reason to leave work half done, so failures are dropped.
pub(super) fn write(stderr: &Stderr, text: &str) {
    let mut stderr = stderr.lock().unwrap_or_else(PoisonError::into_inner);
    stderr
        .write_all(text.as_bytes())
        .and_then(|()| stderr.flush())
        .ok();
}

/// Shows how far a piece of work is. Many tasks may report to one.
pub(crate) struct Progress {
    way: Way,
    total: usize,
    done: AtomicU64,
    failed: AtomicU64,
}

/// How the progress is shown.
enum Way {
    Bar(ProgressBar),
    Lines(Stderr),
    Quiet,
}

impl Progress {
    pub(super) fn quiet(total: usize) -> Self {
        Self {
            way: Way::Quiet,
            total,
            done: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    pub(super) fn lines(stderr: Stderr, total: usize) -> Self {
        Self {
            way: Way::Lines(stderr),
            total,
            done: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    pub(super) fn bar(bar: ProgressBar, total: usize) -> Self {
        Self {
            way: Way::Bar(bar),
            total,
            done: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// Says that an item is finished: `done("'alice' on 'prod'")`.
    pub(crate) fn done(&self, item: &str) {
        let number = self.done.fetch_add(1, Ordering::SeqCst) + 1;
        match &self.way {
            Way::Bar(bar) => bar.inc(1),
            Way::Lines(stderr) => {
                let item = sanitize::line(item);
                write(stderr, &format!("[{number}/{}] {item}\n", self.total));
            }
            Way::Quiet => {}
        }
    }

    /// Says that an item failed; this stays to be read above a bar.
    pub(crate) fn failed(&self, item: &str, why: &str) {
        let number = self.done.fetch_add(1, Ordering::SeqCst) + 1;
        let (item, why) = (sanitize::line(item), sanitize::line(why));
        let text = format!("[{number}/{}] {item}: failed: {why}", self.total);
        match &self.way {
            Way::Bar(bar) => {
                let failed = self.failed.fetch_add(1, Ordering::SeqCst) + 1;
                bar.set_message(format!("{failed} failed"));
                bar.println(&text);
                bar.inc(1);
            }
            Way::Lines(stderr) => write(stderr, &format!("{text}\n")),
            Way::Quiet => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Way::Bar(bar) = &self.way {
            bar.finish_and_clear();
        }
    }
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Progress")
            .field("total", &self.total)
            .finish_non_exhaustive()
    }
}

/// Makes a bar that draws on the stream of words, and nowhere else.
pub(super) fn bar(stderr: &Stderr, width: u16, total: usize, noun: &str) -> ProgressBar {
    let terminal = Terminal {
        stderr: Arc::clone(stderr),
        width,
    };
    let target = ProgressDrawTarget::term_like_with_hz(Box::new(terminal), 10);
    let style = ProgressStyle::with_template("{bar:24} {pos}/{len} {prefix} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(total as u64), target)
        .with_style(style.progress_chars("=> "))
        .with_prefix(noun.to_owned())
        .with_finish(ProgressFinish::AndClear)
}

/// A terminal as indicatif wants it, over a stream of ours.
struct Terminal {
    stderr: Stderr,
    width: u16,
}

impl Terminal {
    fn send(&self, text: &str) -> io::Result<()> {
        self.stderr
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write_all(text.as_bytes())
    }

    fn go(&self, count: usize, letter: char) -> io::Result<()> {
        if count == 0 {
            Ok(())
        } else {
            self.send(&format!("\u{1b}[{count}{letter}"))
        }
    }
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Terminal")
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        self.width
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.go(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.go(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.go(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.go(n, 'D')
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        self.send(&format!("{s}\n"))
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        self.send(s)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.send("\r\u{1b}[2K")
    }

    fn flush(&self) -> io::Result<()> {
        self.stderr
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .flush()
    }
}
