//! Text as editors and shells leave it: UTF-8, UTF-16 with its mark, or some older encoding.

use zeroize::Zeroizing;

/// Reads text that may hold a secret. Keys are ASCII: what is not UTF-8 can only be a comment, as
/// one in Latin-1 or GBK, and is shown as the sign for what cannot be read.
pub(super) fn read(bytes: &[u8]) -> Zeroizing<String> {
    // PowerShell's `>` writes UTF-16.
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        // Without its mark, as `iconv` writes it: keys are ASCII.
        [1..=u8::MAX, 0, 1..=u8::MAX, 0, ..] => utf16(bytes, u16::from_le_bytes),
        [0, 1..=u8::MAX, 0, 1..=u8::MAX, ..] => utf16(bytes, u16::from_be_bytes),
        _ => Zeroizing::new(String::from_utf8_lossy(bytes).into_owned()),
    };
    match text.strip_prefix('\u{feff}') {
        Some(rest) => Zeroizing::new(rest.to_owned()),
        None => text,
    }
}

fn utf16(bytes: &[u8], pair: fn([u8; 2]) -> u16) -> Zeroizing<String> {
    let units = bytes.chunks_exact(2).map(|two| pair([two[0], two[1]]));
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 2));
    text.extend(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_in_the_encodings_that_people_have() {
        let little: Vec<u8> = "\u{feff}key é"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let big: Vec<u8> = "\u{feff}key é"
            .encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect();
        for bytes in [
            &little[..],
            &big,
            "\u{feff}key é".as_bytes(),
            "key é".as_bytes(),
        ] {
            assert_eq!(read(bytes).as_str(), "key é");
        }
        assert_eq!(read(&little[2..]).as_str(), "key é");
        assert_eq!(read(&big[2..]).as_str(), "key é");
        assert_eq!(read(b"key J\xfcrgen").as_str(), "key J\u{fffd}rgen");
    }
}
