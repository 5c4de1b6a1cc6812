//! Text in the encodings that editors and shells leave behind: UTF-8 with or without a mark, and
//! UTF-16, as PowerShell's `>` writes it.

use zeroize::Zeroizing;

/// Why bytes are no text that can be relied upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotText {
    /// UTF-32.
    #[error("it is UTF-32 text")]
    Utf32,
    /// UTF-16 with a piece missing.
    #[error("it begins as UTF-16 text does, and is damaged or cut off")]
    BrokenUtf16,
    /// A compressed file.
    #[error("it is compressed (gzip)")]
    Gzip,
    /// Something else that is no text.
    #[error("it is not text: line {line} holds the byte 0x00")]
    Binary {
        /// The line where it stands.
        line: usize,
    },
    /// Text of another encoding.
    #[error("it is not UTF-8 text: line {line} holds the byte 0x{byte:02X}")]
    Other {
        /// The line where it stands.
        line: usize,
        /// The first byte that does not fit.
        byte: u8,
    },
}

impl NotText {
    /// What makes it text.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::Utf32 => "`iconv -f UTF-32 -t UTF-8 FILE` writes it as UTF-8",
            Self::BrokenUtf16 => "get the file once more, or write it as UTF-8",
            Self::Gzip => "`gunzip -c FILE` writes what is in it",
            Self::Binary { .. } => "give a text file",
            Self::Other { .. } => {
                "if it is Latin-1, `iconv -f ISO-8859-1 -t UTF-8 FILE` writes it as UTF-8"
            }
        }
    }
}

/// How a text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16Little,
    Utf16Big,
    Utf32,
}

impl Encoding {
    /// Recognizes the mark at the beginning, or, where there is none, the zero bytes that UTF-16
    /// has in letters of English: no YAML and no token begins otherwise.
    fn of(bytes: &[u8]) -> (Self, usize) {
        match bytes {
            [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => (Self::Utf32, 4),
            [0xef, 0xbb, 0xbf, ..] => (Self::Utf8, 3),
            [0xff, 0xfe, ..] => (Self::Utf16Little, 2),
            [0xfe, 0xff, ..] => (Self::Utf16Big, 2),
            [0, 0, 0, letter, ..] | [letter, 0, 0, 0, ..] if *letter != 0 => (Self::Utf32, 0),
            [one, 0, other, 0, ..] if *one != 0 && *other != 0 => (Self::Utf16Little, 0),
            [0, one, 0, other, ..] if *one != 0 && *other != 0 => (Self::Utf16Big, 0),
            _ => (Self::Utf8, 0),
        }
    }
}

/// Whether it is text of an encoding that is read, and cannot be written back as it was.
pub(crate) fn is_utf16(bytes: &[u8]) -> bool {
    let (encoding, _) = Encoding::of(bytes);
    matches!(encoding, Encoding::Utf16Little | Encoding::Utf16Big)
}

/// Reads text, without its mark. Nothing is guessed: guessed letters would make another text of it.
pub(crate) fn read(bytes: &[u8]) -> Result<Zeroizing<String>, NotText> {
    let (encoding, mark) = Encoding::of(bytes);
    let rest = bytes.get(mark..).unwrap_or_default();
    match encoding {
        Encoding::Utf32 => Err(NotText::Utf32),
        Encoding::Utf16Little => utf16(rest, u16::from_le_bytes),
        Encoding::Utf16Big => utf16(rest, u16::from_be_bytes),
        Encoding::Utf8 => match str::from_utf8(rest) {
            Ok(text) => Ok(Zeroizing::new(text.to_owned())),
            Err(error) => Err(judge(rest, error.valid_up_to())),
        },
    }
}

/// Looks whether it is text in UTF-8, and leaves it as it is.
pub(crate) fn check(bytes: &[u8]) -> Result<&str, NotText> {
    match (Encoding::of(bytes).0, str::from_utf8(bytes)) {
        (Encoding::Utf32, _) => Err(NotText::Utf32),
        (_, Ok(text)) => Ok(text),
        (_, Err(error)) => Err(judge(bytes, error.valid_up_to())),
    }
}

/// Counts the ends of lines.
pub(crate) fn line_ends(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').count() - 1
}

/// Reads text, and takes what is none for unreadable characters: for what is searched, and for keys,
/// which are ASCII but for their comments.
pub(crate) fn read_loosely(bytes: &[u8]) -> Zeroizing<String> {
    let (_, mark) = Encoding::of(bytes);
    let rest = bytes.get(mark..).unwrap_or_default();
    read(bytes).unwrap_or_else(|_| Zeroizing::new(String::from_utf8_lossy(rest).into_owned()))
}

fn judge(bytes: &[u8], at: usize) -> NotText {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return NotText::Gzip;
    }
    let line = |at: usize| 1 + line_ends(bytes.get(..at).unwrap_or_default());
    match bytes.iter().position(|byte| *byte == 0) {
        Some(zero) => NotText::Binary { line: line(zero) },
        None => NotText::Other {
            line: line(at),
            byte: bytes.get(at).copied().unwrap_or_default(),
        },
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Zeroizing<String>, NotText> {
    let pairs = bytes.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err(NotText::BrokenUtf16);
    }
    let units = pairs.map(|pair| unit([pair[0], pair[1]]));
    // No letter takes more than three bytes: the buffer never moves and leaves a copy behind.
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() / 2 * 3));
    for letter in char::decode_utf16(units) {
        text.push(letter.map_err(|_| NotText::BrokenUtf16)?);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16_of(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn every_encoding_that_shells_write_is_read() {
        let text = "kind: Config # Zoë 陈 🦀\r\n";
        let marked = format!("\u{feff}{text}");
        for bytes in [
            text.as_bytes().to_vec(),
            marked.as_bytes().to_vec(),
            utf16_of(&marked, u16::to_le_bytes),
            utf16_of(&marked, u16::to_be_bytes),
            utf16_of(text, u16::to_le_bytes),
            utf16_of(text, u16::to_be_bytes),
        ] {
            assert_eq!(read(&bytes).expect("text").as_str(), text, "{bytes:?}");
        }
        assert_eq!(read(b"").expect("nothing").as_str(), "");
        assert_eq!(read(b"a").expect("a letter").as_str(), "a");
    }

    #[test]
    fn what_is_no_text_is_named() {
        let marked = "\u{feff}kind";
        let utf32 = |bytes: fn(u32) -> [u8; 4]| -> Vec<u8> {
            marked
                .chars()
                .flat_map(|letter| bytes(letter.into()))
                .collect()
        };
        let mut cut = utf16_of(marked, u16::to_le_bytes);
        cut.pop();
        for (bytes, expected) in [
            (utf32(u32::to_le_bytes), NotText::Utf32),
            (utf32(u32::to_be_bytes), NotText::Utf32),
            (cut, NotText::BrokenUtf16),
            (vec![0xff, 0xfe, 0, 0xd8, b'a', 0], NotText::BrokenUtf16),
            (vec![0x1f, 0x8b, 8, 0, 0xff], NotText::Gzip),
            (b"a\n\xff\0".to_vec(), NotText::Binary { line: 2 }),
            (
                b"kind: Config\n# caf\xe9\n".to_vec(),
                NotText::Other {
                    line: 2,
                    byte: 0xe9,
                },
            ),
        ] {
            assert_eq!(read(&bytes), Err(expected), "{bytes:?}");
        }
        assert_eq!(read_loosely(b"caf\xe9").as_str(), "caf\u{fffd}");
    }

    #[test]
    fn a_comment_in_another_encoding_spoils_no_key() {
        assert_eq!(read_loosely(b"key J\xfcrgen").as_str(), "key J\u{fffd}rgen");
        let marked = b"\xef\xbb\xbfkey J\xfcrgen";
        assert_eq!(read_loosely(marked).as_str(), "key J\u{fffd}rgen");
    }
}
