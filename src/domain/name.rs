//! Names people type: users, clusters, e-mail addresses, and how they are compared.

use std::fmt;
use std::str::FromStr;

use super::text::{is_hidden, is_treacherous};

/// The longest name, in bytes: 40 leaves room for `-<8 hex>-v<N>` in a 63-byte DNS label.
pub(crate) const NAME_BYTES_MAX: usize = 40;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameError {
    /// Nothing was given.
    #[error("a {what} cannot be empty")]
    Empty {
        /// What kind of name.
        what: &'static str,
    },
    /// More than [`NAME_BYTES_MAX`] bytes.
    #[error("a {what} has at most {NAME_BYTES_MAX} characters, this one has {length}")]
    TooLong {
        /// What kind of name.
        what: &'static str,
        /// Bytes given.
        length: usize,
    },
    /// A character outside the DNS label alphabet, or a hyphen at an end.
    #[error("{shown} is not a {what}: use lower-case letters, digits and '-', not at either end")]
    Alphabet {
        /// What kind of name.
        what: &'static str,
        /// The input, escaped.
        shown: String,
    },
    /// Not an e-mail address.
    #[error("{shown} is not an e-mail address")]
    Email {
        /// The input, escaped.
        shown: String,
    },
}

/// Shows foreign input safely: quoted, escaped, at most 60 characters.
fn shown(input: &str) -> String {
    let mut text: String = input
        .chars()
        .take(60)
        .flat_map(char::escape_default)
        .collect();
    if input.chars().count() > 60 {
        text.push('…');
    }
    format!("'{text}'")
}

/// Parses a DNS label (RFC 1123) of at most 40 bytes, folding ASCII case.
fn parse_label(input: &str, what: &'static str) -> Result<String, NameError> {
    if input.is_empty() {
        return Err(NameError::Empty { what });
    }
    let folded = input.to_ascii_lowercase();
    let good = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let bytes = folded.as_bytes();
    let ends = good(bytes[0]) && good(bytes[bytes.len() - 1]);
    if !ends || !bytes.iter().all(|&c| good(c) || c == b'-') {
        return Err(NameError::Alphabet {
            what,
            shown: shown(input),
        });
    }
    if bytes.len() > NAME_BYTES_MAX {
        return Err(NameError::TooLong {
            what,
            length: bytes.len(),
        });
    }
    Ok(folded)
}

macro_rules! label {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) struct $name(String);

        impl $name {
            /// The name as text, in lower case.
            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(input: &str) -> Result<Self, NameError> {
                parse_label(input, $what).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

label!(
    /// A user's handle: a DNS label, compared without case.
    UserName,
    "user name"
);
label!(
    /// A cluster's name: a DNS label, compared without case. It is safe as a file name.
    ClusterName,
    "cluster name"
);

label!(
    /// A project's name: a DNS label, compared without case.
    ProjectName,
    "project name"
);

/// An e-mail address, kept as typed and compared without case.
#[derive(Debug, Clone)]
pub(crate) struct Email(String);

impl Email {
    /// The address as typed.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Email {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Email {}

impl FromStr for Email {
    type Err = NameError;
    fn from_str(input: &str) -> Result<Self, NameError> {
        let bad = || NameError::Email {
            shown: shown(input),
        };
        let (local, domain) = input.rsplit_once('@').ok_or_else(bad)?;
        let clean = |c: char| c.is_ascii_graphic() && !"<>()[],;:\\\"@".contains(c);
        let domain_good = domain.split('.').all(|label| {
            !label.is_empty()
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        });
        if input.len() > 254 || local.is_empty() || !local.chars().all(clean) || !domain_good {
            return Err(bad());
        }
        Ok(Self(input.to_owned()))
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a person points at a user: by handle or by e-mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UserRef {
    /// By handle.
    Name(UserName),
    /// By address.
    Email(Email),
}

impl FromStr for UserRef {
    type Err = NameError;
    fn from_str(input: &str) -> Result<Self, NameError> {
        if input.contains('@') {
            input.parse().map(Self::Email)
        } else {
            input.parse().map(Self::Name)
        }
    }
}

impl fmt::Display for UserRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Email(email) => email.fmt(f),
        }
    }
}

impl From<UserName> for UserRef {
    fn from(name: UserName) -> Self {
        Self::Name(name)
    }
}

/// The organization's name: free text for people, 1 to 64 printable ASCII characters.
pub(crate) fn parse_organization(input: &str) -> Result<String, String> {
    let text = input.trim();
    if text.is_empty() || text.len() > 64 {
        return Err("an organization's name has 1 to 64 characters".to_owned());
    }
    if !text
        .chars()
        .all(|c| c.is_alphanumeric() && !is_hidden(c) || " -_.,&'()/".contains(c))
    {
        return Err(format!(
            "{} is not a name for an organization",
            shown(input)
        ));
    }
    Ok(text.to_owned())
}

/// A reason or description: one line of at most 200 characters without control characters.
pub(crate) fn parse_line(input: &str) -> Result<String, String> {
    if input.chars().count() > 200 {
        return Err("at most 200 characters".to_owned());
    }
    if input.chars().any(is_treacherous) {
        return Err("control and invisible characters are not allowed".to_owned());
    }
    Ok(input.trim().to_owned())
}

/// A Kubernetes namespace's name (RFC 1123 label, at most 63 bytes), case kept as it must be.
pub(crate) fn parse_namespace(input: &str) -> Result<String, String> {
    let bytes = input.as_bytes();
    let good = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let ends = |c: Option<&u8>| c.is_some_and(|&c| good(c));
    let fine = (1..=63).contains(&bytes.len())
        && ends(bytes.first())
        && ends(bytes.last())
        && bytes.iter().all(|&c| good(c) || c == b'-');
    if fine {
        Ok(input.to_owned())
    } else {
        Err(format!(
            "{} is not a namespace: lower-case letters, digits and '-', at most 63",
            shown(input)
        ))
    }
}

/// A word for a shell: as it is, or in quotes.
pub(crate) fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn handles_are_folded_and_hostile_names_refused() {
        assert_eq!(
            "Alice".parse::<UserName>().expect("a good name").as_str(),
            "alice"
        );
        let long = "a".repeat(300);
        let hostile = [
            "",
            "../x",
            "-x",
            "x-",
            "a b",
            "a/b",
            "é",
            "a\u{202e}b",
            "a\0b",
            "аlice",
        ];
        for name in hostile.into_iter().chain([long.as_str()]) {
            let error = name.parse::<ClusterName>().expect_err(name).to_string();
            assert!(!error.chars().any(char::is_control), "{error}");
            assert!(error.len() < 800, "{error}");
        }
    }

    #[test]
    fn addresses_compare_without_case() {
        let one: Email = "Bob@Example.com".parse().expect("a good address");
        assert_eq!(one, "bob@example.COM".parse().expect("a good address"));
        for bad in ["a@b@c", "@b", "a@", "a@-b.c", "a b@c.d", "a@b..c", "x"] {
            assert!(bad.parse::<Email>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn an_accepted_name_is_its_own_basename(input in ".{0,60}") {
            if let Ok(name) = input.parse::<ClusterName>() {
                let path = std::path::Path::new(name.as_str());
                prop_assert_eq!(path.file_name().and_then(|n| n.to_str()), Some(name.as_str()));
                prop_assert!(name.as_str().len() <= NAME_BYTES_MAX);
            }
        }
    }
}
