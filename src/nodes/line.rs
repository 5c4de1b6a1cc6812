//! The one line of `authorized_keys` that lets a key in.

use std::fmt::{self, Write as _};

use crate::domain::text::is_treacherous;

/// The longest comment that is kept.
const COMMENT_MAX: usize = 200;

/// A public key as a line of `authorized_keys`: its kind, the key, and a comment for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicLine {
    line: String,
    blob: String,
}

impl PublicLine {
    /// Writes the line of a public key.
    pub(crate) fn new(public: &ssh_key::PublicKey) -> Result<Self, ssh_key::Error> {
        let mut bare = public.clone();
        bare.set_comment("");
        let mut line = bare.to_openssh()?.trim().to_owned();
        let blob = line.split(' ').nth(1).unwrap_or_default().to_owned();
        // A line end in a comment would be a second line, and with it a second key.
        let comment: String = public
            .comment()
            .chars()
            .filter(|&character| !is_treacherous(character))
            .take(COMMENT_MAX)
            .collect();
        if !comment.trim().is_empty() {
            line.push(' ');
            line.push_str(comment.trim());
        }
        Ok(Self { line, blob })
    }

    /// Reads a line that was written before.
    pub(crate) fn parse(text: &str) -> Result<Self, ssh_key::Error> {
        Self::new(&text.parse()?)
    }

    /// Sets the variables that the script reads, in the words of `sh`.
    pub(super) fn assignments(&self) -> String {
        let mut text = String::new();
        for (name, value) in [("line", &self.line), ("blob", &self.blob)] {
            writeln!(text, "{name}='{}'", value.replace('\'', r"'\''"))
                .expect("a string takes all text");
        }
        writeln!(text, "bytes={}", self.line.len()).expect("a string takes all text");
        text
    }
}

impl fmt::Display for PublicLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDtjM3RW8a6ZQ6cVUGXnZ2Ibu1LpHZfhVOLZ1cZ0UVTh";

    fn line(comment: &str) -> PublicLine {
        let mut public: ssh_key::PublicKey = KEY.parse().expect("a key");
        public.set_comment(comment);
        PublicLine::new(&public).expect("a line")
    }

    #[test]
    fn a_comment_cannot_bring_a_second_line() {
        assert_eq!(line("").to_string(), KEY);
        assert_eq!(line("ana").to_string(), format!("{KEY} ana"));
        let odd = line("ana\nssh-ed25519 AAAA\r\u{202e} evil");
        assert_eq!(odd.to_string(), format!("{KEY} anassh-ed25519 AAAA evil"));
    }

    #[test]
    fn a_comment_cannot_leave_its_quotes() {
        let text = line("it's $(id) `id` \"x\" \\").assignments();
        assert!(text.starts_with(&format!(
            "line='{KEY} it'\\''s $(id) `id` \"x\" \\'\nblob='"
        )));
    }
}
