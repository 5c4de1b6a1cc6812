//! The names of the ServiceAccounts that credentials are on a cluster.

use std::fmt;
use std::str::FromStr;

use super::name::NAME_BYTES_MAX;
use super::subject::SubjectName;

/// The longest name of an account: a DNS label.
const BYTES_MAX: usize = 63;

/// The name of a version's ServiceAccount. It names files too, those of a shell: it is a DNS label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AccountName(String);

impl AccountName {
    /// Names a version's account: `<user>-<8 hex>-v<N>`, a shell's `<user>-<8 hex>-s<N>`, that of a
    /// project's level `<project>-<level>-<8 hex>-v<N>`. What makes it unique
    /// is the random part.
    pub(crate) fn new(owner: &SubjectName, random: [u8; 4], version: u32) -> Self {
        let hex = u32::from_be_bytes(random);
        Self(match owner {
            SubjectName::Personal(user) => format!("{user}-{hex:08x}-v{version}"),
            SubjectName::Shell(user) => format!("{user}-{hex:08x}-s{version}"),
            SubjectName::Shared { project, level } => {
                let (project, level) = (project.as_str(), level.as_str());
                let room = NAME_BYTES_MAX.saturating_sub("-".len() + level.len());
                let project = project.get(..room).unwrap_or(project);
                let project = project.trim_end_matches('-');
                format!("{project}-{level}-{hex:08x}-v{version}")
            }
        })
    }

    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountName {
    type Err = String;
    fn from_str(input: &str) -> Result<Self, String> {
        let good = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
        let bytes = input.as_bytes();
        let ends = |byte: Option<&u8>| byte.is_some_and(|&c| good(c));
        let fine = bytes.len() <= BYTES_MAX
            && ends(bytes.first())
            && ends(bytes.last())
            && bytes.iter().all(|&c| good(c) || c == b'-');
        if fine {
            Ok(Self(input.to_owned()))
        } else {
            Err(format!(
                "'{}' is not the name of an account",
                input.escape_default()
            ))
        }
    }
}

impl fmt::Display for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_name_is_a_dns_label() {
        let named = |owner: &str, random, version| {
            let owner: SubjectName = owner.parse().expect(owner);
            let name = AccountName::new(&owner, random, version);
            assert_eq!(name.as_str().parse(), Ok(name.clone()));
            name.0
        };
        let long = "a".repeat(40);
        for (kind, hex) in [
            ("", "-000102ff-v"),
            ("/admin", "-000102ff-v"),
            ("/shell", "-000102ff-s"),
        ] {
            let name = named(&format!("{long}{kind}"), [0, 1, 2, 255], u32::MAX);
            assert!(name.len() <= 63, "{name}");
            assert!(name.contains(hex), "{name}");
        }
        let cut = format!("{}-{}/admin", "a".repeat(33), "b".repeat(6));
        let name = named(&cut, [0; 4], 1);
        assert_eq!(name, format!("{}-admin-00000000-v1", "a".repeat(33)));
        assert_eq!(named("bob", [0; 4], 1), "bob-00000000-v1");
        assert_eq!(named("bob/shell", [0; 4], 3), "bob-00000000-s3");
        assert_eq!(named("shop/read", [0; 4], 2), "shop-read-00000000-v2");
        let long = "a".repeat(64);
        for bad in ["", "-a", "a-", "A", "../a", "a.b", &long] {
            assert!(bad.parse::<AccountName>().is_err(), "{bad}");
        }
    }
}
