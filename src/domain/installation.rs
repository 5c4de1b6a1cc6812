//! Which kubegrant made an object on a cluster: the id of its installation.

use std::fmt;
use std::str::FromStr;

/// The id of an installation: 8 hexadecimal digits, in lower case. It stands in the labels and the
/// names of everything that we make on a cluster, and says what of it is ours to change or delete:
/// so it is made from random bytes or parsed, and there is none that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct InstallationId(String);

impl InstallationId {
    /// The id of a new installation.
    pub(crate) fn new(random: [u8; 4]) -> Self {
        Self(format!("{:08x}", u32::from_be_bytes(random)))
    }

    /// The id as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InstallationId {
    type Err = String;
    fn from_str(input: &str) -> Result<Self, String> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if input.len() == 8 && input.bytes().all(is_digit) {
            Ok(Self(input.to_owned()))
        } else {
            Err(format!(
                "'{}' is not the id of an installation",
                input.escape_default()
            ))
        }
    }
}

impl fmt::Display for InstallationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_eight_digits_and_never_nothing() {
        let id = InstallationId::new([0, 0x0b, 0xad, 0xff]);
        assert_eq!(id.as_str(), "000badff");
        assert_eq!(id.as_str().parse(), Ok(id));
        for bad in [
            "",
            "0badcaf",
            "0badcafe0",
            "0BADCAFE",
            "0badcafg",
            "../0badc",
        ] {
            assert!(bad.parse::<InstallationId>().is_err(), "{bad}");
        }
    }
}
