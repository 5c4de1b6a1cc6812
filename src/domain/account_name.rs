//! The ServiceAccounts that credentials are on a cluster: where they stand, and what they are called.
//!
//! An account is written `NAME` where it stands in [`NAMESPACE`], and `kubegrant-users/NAME` in
//! [`USERS_NAMESPACE`]: a ServiceAccount's name alone names it in no other namespace.

use std::fmt;
use std::str::FromStr;

use super::name::NAME_BYTES_MAX;
use super::plan::{NAMESPACE, USERS_NAMESPACE};
use super::subject::SubjectName;

/// The longest name of an account: a DNS label.
const BYTES_MAX: usize = 63;

/// What the user name of a ServiceAccount begins with (Kubernetes, "Authenticating").
const LOGIN: &str = "system:serviceaccount:";
/// What the name of the group of a namespace's ServiceAccounts begins with.
const GROUP: &str = "system:serviceaccounts:";

/// In which namespace an account stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Home {
    /// [`NAMESPACE`]: the manager's account, and those that nobody below an admin may handle.
    #[default]
    Own,
    /// [`USERS_NAMESPACE`]: those that an issuer may handle.
    Users,
}

impl Home {
    /// The namespace.
    pub(crate) fn namespace(self) -> &'static str {
        match self {
            Self::Own => NAMESPACE,
            Self::Users => USERS_NAMESPACE,
        }
    }

    /// The one that a namespace is; nothing for any other.
    pub(crate) fn of(namespace: &str) -> Option<Self> {
        match namespace {
            NAMESPACE => Some(Self::Own),
            USERS_NAMESPACE => Some(Self::Users),
            _ => None,
        }
    }

    /// An account here, as it is written.
    pub(crate) fn account(self, name: &str) -> String {
        match self {
            Self::Own => name.to_owned(),
            Self::Users => format!("{USERS_NAMESPACE}/{name}"),
        }
    }
}

/// Where an account stands that is written so, and the ServiceAccount's name.
pub(crate) fn parts(account: &str) -> (Home, &str) {
    match account.split_once('/') {
        Some((USERS_NAMESPACE, name)) => (Home::Users, name),
        _ => (Home::Own, account),
    }
}

/// The name that an account logs in by.
pub(crate) fn login_name(account: &str) -> String {
    let (home, name) = parts(account);
    format!("{LOGIN}{}:{name}", home.namespace())
}

/// The account that logs in by this name; nothing where it stands in no namespace of ours.
pub(crate) fn of_login(login: &str) -> Option<String> {
    let (namespace, name) = login.strip_prefix(LOGIN)?.split_once(':')?;
    Home::of(namespace).map(|home| home.account(name))
}

/// The group of the accounts of an account's namespace.
pub(crate) fn group(account: &str) -> String {
    format!("{GROUP}{}", parts(account).0.namespace())
}

/// The namespace whose accounts a group is, where that is one of ours.
pub(crate) fn of_group(group: &str) -> Option<Home> {
    group.strip_prefix(GROUP).and_then(Home::of)
}

/// A version's ServiceAccount. Its [label](Self::label) names files too, those of a shell: it is a DNS
/// label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AccountName(String);

impl AccountName {
    /// Names a version's account: `<user>-<8 hex>-v<N>`, a shell's `<user>-<8 hex>-s<N>`, that of a
    /// project's level `<project>-<level>-<8 hex>-v<N>`. What makes it unique
    /// is the random part.
    pub(crate) fn new(owner: &SubjectName, random: [u8; 4], version: u32, home: Home) -> Self {
        let hex = u32::from_be_bytes(random);
        Self(home.account(&match owner {
            SubjectName::Personal(user) => format!("{user}-{hex:08x}-v{version}"),
            SubjectName::Shell(user) => format!("{user}-{hex:08x}-s{version}"),
            SubjectName::Shared { project, level } => {
                let (project, level) = (project.as_str(), level.as_str());
                let room = NAME_BYTES_MAX.saturating_sub("-".len() + level.len());
                let project = project.get(..room).unwrap_or(project);
                let project = project.trim_end_matches('-');
                format!("{project}-{level}-{hex:08x}-v{version}")
            }
        }))
    }

    /// The account as it is written.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The ServiceAccount's name, without its namespace.
    pub(crate) fn label(&self) -> &str {
        parts(&self.0).1
    }

    /// The account that may mint tokens of this one, where it is a kubeconfig's: `…-r<N>` beside `…-v<N>`.
    pub(crate) fn renewer(&self) -> Option<Self> {
        self.numbered('v', 'r')
    }

    /// The account that this one may mint tokens of.
    pub(crate) fn of_renewer(&self) -> Option<Self> {
        self.numbered('r', 'v')
    }

    /// The account of the same number with another letter before it.
    fn numbered(&self, from: char, to: char) -> Option<Self> {
        let (rest, number) = self.0.rsplit_once('-')?;
        let number = number.strip_prefix(from)?;
        let is_number = !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit());
        is_number.then(|| Self(format!("{rest}-{to}{number}")))
    }

    /// Where it stands.
    pub(crate) fn home(&self) -> Home {
        parts(&self.0).0
    }
}

impl FromStr for AccountName {
    type Err = String;
    fn from_str(input: &str) -> Result<Self, String> {
        let good = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
        let bytes = parts(input).1.as_bytes();
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
            let name = AccountName::new(&owner, random, version, Home::Own);
            assert_eq!(name.as_str().parse(), Ok(name.clone()));
            let other = AccountName::new(&owner, random, version, Home::Users);
            assert_eq!(other.as_str(), format!("kubegrant-users/{name}"));
            assert_eq!(other.as_str().parse(), Ok(other.clone()));
            assert_eq!((other.label(), other.home()), (name.as_str(), Home::Users));
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
        let account = |text: &str| text.parse::<AccountName>().expect(text);
        for place in ["", "kubegrant-users/"] {
            let (works, renews) = (format!("{place}bob-0-v12"), format!("{place}bob-0-r12"));
            assert_eq!(account(&works).renewer(), Some(account(&renews)));
            assert_eq!(account(&renews).of_renewer(), Some(account(&works)));
        }
        for other in ["bob-00000000-s3", "bob", "bob-v", "bob-vx"] {
            assert_eq!(account(other).renewer(), None, "{other}");
        }
        assert_eq!(named("shop/read", [0; 4], 2), "shop-read-00000000-v2");
        let long = "a".repeat(64);
        for bad in [
            "",
            "-a",
            "a-",
            "A",
            "../a",
            "a.b",
            "a/b",
            "kubegrant/a",
            &long,
        ] {
            assert!(bad.parse::<AccountName>().is_err(), "{bad}");
            let there = format!("kubegrant-users/{bad}");
            assert!(there.parse::<AccountName>().is_err(), "{there}");
        }
    }

    #[test]
    fn an_account_is_known_by_its_login_and_its_group() {
        for account in ["bob-00000000-v1", "kubegrant-users/bob-00000000-v1"] {
            assert_eq!(of_login(&login_name(account)).as_deref(), Some(account));
            assert_eq!(of_group(&group(account)), Some(parts(account).0));
        }
        assert_eq!(login_name("a"), "system:serviceaccount:kubegrant:a");
        for other in [
            "system:serviceaccount:ci:a",
            "system:serviceaccount:kubegrant",
            "a",
        ] {
            assert_eq!(of_login(other), None, "{other}");
        }
        assert_eq!(of_group("system:serviceaccounts"), None);
    }
}
