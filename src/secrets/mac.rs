//! A key that is derived from a secret, to know again what was written by whoever has that secret.

use ring::hmac;
use secrecy::{ExposeSecret, SecretString};

/// Tells what was written with it from what anybody else wrote.
#[derive(Clone)]
pub(crate) struct MacKey(hmac::Key);

impl std::fmt::Debug for MacKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MacKey")
    }
}

fn add(context: &mut hmac::Context, part: &str) {
    // With its length, so that no part runs into the next.
    context.update(&(part.len() as u64).to_be_bytes());
    context.update(part.as_bytes());
}

impl MacKey {
    /// Derives a key that is good for this purpose and these names alone.
    pub(crate) fn derive(secret: &SecretString, purpose: &str, names: &[&str]) -> Self {
        let of_secret = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        let mut context = hmac::Context::with_key(&of_secret);
        add(&mut context, purpose);
        for name in names {
            add(&mut context, name);
        }
        let derived = context.sign();
        Self(hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()))
    }

    /// The tag of a text, in hex.
    pub(crate) fn tag(&self, text: &str) -> String {
        let tag = hmac::sign(&self.0, text.as_bytes());
        tag.as_ref().iter().fold(String::new(), |mut hex, byte| {
            let digit = |four: u8| char::from_digit(u32::from(four), 16).unwrap_or_default();
            hex.push(digit(byte >> 4));
            hex.push(digit(byte & 15));
            hex
        })
    }

    /// Whether this is the tag of the text.
    pub(crate) fn is_tag_of(&self, tag: &str, text: &str) -> bool {
        let digits: Option<Vec<u8>> = tag
            .chars()
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect();
        let Some(digits) = digits.filter(|digits| digits.len().is_multiple_of(2)) else {
            return false;
        };
        let bytes: Vec<u8> = digits
            .chunks_exact(2)
            .map(|pair| (pair[0] << 4) | pair[1])
            .collect();
        hmac::verify(&self.0, text.as_bytes(), &bytes).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(secret: &str, purpose: &str, names: &[&str]) -> MacKey {
        MacKey::derive(&SecretString::from(secret), purpose, names)
    }

    #[test]
    fn a_tag_is_of_one_text_under_one_secret_for_one_purpose() {
        let mine = key("s", "head", &["a", "b"]);
        let tag = mine.tag("0 1 x");
        assert_eq!(tag.len(), 64);
        assert!(mine.is_tag_of(&tag, "0 1 x"));
        assert!(mine.is_tag_of(&tag.to_uppercase(), "0 1 x"));
        assert!(!mine.is_tag_of(&tag, "0 2 x"));
        for wrong in ["", "0", "zz", &tag[1..], &tag[2..], &format!("{tag}00")] {
            assert!(!mine.is_tag_of(wrong, "0 1 x"), "{wrong}");
        }
        let others = [
            key("t", "head", &["a", "b"]),
            key("s", "tail", &["a", "b"]),
            key("s", "head", &["ab"]),
            key("s", "head", &["a", "b", ""]),
            key("s", "head", &["b", "a"]),
        ];
        for other in others {
            assert!(!other.is_tag_of(&tag, "0 1 x"));
        }
    }

    #[test]
    fn the_key_itself_is_not_shown() {
        assert_eq!(format!("{:?}", key("secret", "head", &[])), "MacKey");
    }
}
