//! One run of `ssh`: its input, its two outputs, each bounded, and its end.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;

/// How much of each output is kept.
const KEPT_MAX: usize = 64 * 1024;
/// How long an output may stay open after `ssh` has ended, in the hands of one of its proxies.
const LINGER_MAX: Duration = Duration::from_secs(1);
/// How many lines are shown of what came instead of an answer.
const LINES_SHOWN: usize = 4;
/// What stands before the words of the script.
const MARK: &str = "kubegrant: ";

/// What came of a run.
#[derive(Debug)]
pub(super) struct Reply {
    /// How it ended.
    pub(super) status: ExitStatus,
    /// What the other side wrote.
    stdout: Vec<u8>,
    /// What `ssh`, and programs on the other side, complained about.
    stderr: Vec<u8>,
}

impl Reply {
    /// The last word of the script, whatever the login shell wrote around it.
    pub(super) fn answer(&self) -> Option<String> {
        let text = String::from_utf8_lossy(&self.stdout);
        let mut lines = text.lines().rev();
        lines.find_map(|line| Some(line.strip_prefix(MARK)?.trim_end().to_owned()))
    }

    /// The complaints, one line.
    pub(super) fn complaint(&self) -> String {
        let text = String::from_utf8_lossy(&self.stderr);
        let lines = text.lines().map(str::trim);
        let lines: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
        lines.join("; ")
    }

    /// What was said in the script's place, complaints first: its last words, for they are of the
    /// end.
    pub(super) fn description(&self) -> String {
        let text = String::from_utf8_lossy(&self.stdout);
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let lines: Vec<&str> = lines.collect();
        let last = &lines[lines.len().saturating_sub(LINES_SHOWN)..];
        let complaint = Some(self.complaint()).filter(|it| !it.is_empty());
        let words: Vec<String> = complaint.into_iter().chain([last.join("; ")]).collect();
        words.join("; ").trim_end_matches("; ").to_owned()
    }

    /// Words of the script, with what the programs that it ran complained about.
    pub(super) fn with_complaint(&self, words: &str) -> String {
        match self.complaint() {
            silent if silent.is_empty() => words.to_owned(),
            complaint => format!("{words} ({complaint})"),
        }
    }

    #[cfg(test)]
    pub(super) fn new(status: ExitStatus, stdout: &str, stderr: &str) -> Self {
        Self {
            status,
            stdout: stdout.into(),
            stderr: stderr.into(),
        }
    }
}

/// Runs a command to its end. Whoever drops this kills it.
pub(super) async fn run(mut command: Command, input: Vec<u8>) -> io::Result<Reply> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (mut reply, mut complained) = (Vec::new(), Vec::new());
    let status = {
        let writing = async move {
            if let Some(mut stdin) = stdin {
                // Where `ssh` ended before it read everything, its end says why.
                let _taken_or_not = stdin.write_all(&input).await;
            }
        };
        let talking = async {
            futures::join!(
                writing,
                keep(stdout, &mut reply),
                keep(stderr, &mut complained)
            )
        };
        let mut talking = std::pin::pin!(talking);
        tokio::select! {
            status = child.wait() => {
                let _closed_or_not = tokio::time::timeout(LINGER_MAX, talking).await;
                status?
            }
            _ = &mut talking => child.wait().await?,
        }
    };
    Ok(Reply {
        status,
        stdout: reply,
        stderr: complained,
    })
}

/// Reads to the end, so that nobody blocks on a full pipe, and keeps the first part.
async fn keep(pipe: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut pipe) = pipe else { return };
    let mut chunk = [0; 4096];
    while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
        let room = KEPT_MAX - kept.len();
        kept.extend_from_slice(&chunk[..length.min(room)]);
    }
}
