//! Where a node is, and who logs in there: text that `ssh` can read as nothing else.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// The longest name of a host.
const ADDRESS_MAX: usize = 255;
/// The longest name of an account.
const LOGIN_MAX: usize = 64;

/// Why a text is not the address of a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressError {
    /// Nothing is there.
    #[error("an address is missing; give HOST, HOST:PORT or [IPV6]:PORT")]
    Empty,
    /// The text names an account too.
    #[error("give the address alone, without the user before the '@'")]
    User,
    /// The text is too long.
    #[error("an address has at most {ADDRESS_MAX} characters")]
    TooLong,
    /// The text begins as an option does.
    #[error("an address does not begin with '{0}'")]
    Start(char),
    /// The text holds a character that no address has.
    #[error("an address does not hold {0:?}; give HOST, HOST:PORT or [IPV6]:PORT")]
    Character(char),
    /// The part that should be an IPv6 address is none.
    #[error("this is not an IPv6 address; with a port it is [IPV6]:PORT")]
    Ipv6,
    /// The port is none.
    #[error("a port is a number from 1 to 65535")]
    Port,
}

/// The address of a node: a host, or what the user's `ssh` configuration calls one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Node {
    /// A host name, an IPv4 or an IPv6 address.
    pub(crate) address: String,
    /// The port, where it is not the usual one.
    pub(crate) port: Option<u16>,
}

impl FromStr for Node {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.len() > ADDRESS_MAX + ":65535[]".len() {
            return Err(AddressError::TooLong);
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or(AddressError::Ipv6)?;
                check_ipv6(host)?;
                match rest.strip_prefix(':') {
                    Some(port) => (host, Some(port)),
                    None if rest.is_empty() => (host, None),
                    None => return Err(AddressError::Ipv6),
                }
            }
            None => match text.split_once(':') {
                Some((_, rest)) if rest.contains(':') => {
                    check_ipv6(text)?;
                    (text, None)
                }
                Some((host, port)) => (checked_host(host)?, Some(port)),
                None => (checked_host(text)?, None),
            },
        };
        Ok(Self {
            address: host.to_owned(),
            port: port.map(parse_port).transpose()?,
        })
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) if self.address.contains(':') => write!(f, "[{}]:{port}", self.address),
            Some(port) => write!(f, "{}:{port}", self.address),
            None => f.write_str(&self.address),
        }
    }
}

/// Takes a host name or an IPv4 address.
fn checked_host(host: &str) -> Result<&str, AddressError> {
    if host.contains('@') {
        return Err(AddressError::User);
    }
    if host.len() > ADDRESS_MAX {
        return Err(AddressError::TooLong);
    }
    let bad = |c: &char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if let Some(character) = host.chars().find(bad) {
        return Err(AddressError::Character(character));
    }
    match host.chars().next() {
        None => Err(AddressError::Empty),
        // What begins with a dash is an option to `ssh`, to its proxies and to everything else.
        Some(start @ ('-' | '.')) => Err(AddressError::Start(start)),
        Some(_) => Ok(host),
    }
}

/// Takes an IPv6 address, with the zone that a link-local one needs.
fn check_ipv6(text: &str) -> Result<(), AddressError> {
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (text, None),
    };
    address
        .parse::<Ipv6Addr>()
        .map_err(|_| AddressError::Ipv6)?;
    match zone.map(checked_host) {
        None | Some(Ok(_)) => Ok(()),
        Some(Err(_)) => Err(AddressError::Ipv6),
    }
}

fn parse_port(text: &str) -> Result<u16, AddressError> {
    // `parse` alone would take "+22".
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AddressError::Port);
    }
    let port = text.parse().map_err(|_| AddressError::Port)?;
    if port == 0 {
        return Err(AddressError::Port);
    }
    Ok(port)
}

/// The name of an account on nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login(String);

impl Login {
    /// The account that may do everything.
    pub(crate) fn root() -> Self {
        Self("root".to_owned())
    }
}

/// Why a text is not the name of an account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a login name has 1 to {LOGIN_MAX} letters, digits, '_', '-' and '.', no '-' first")]
pub(crate) struct LoginError;

impl FromStr for Login {
    type Err = LoginError;

    fn from_str(text: &str) -> Result<Self, LoginError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let good = (1..=LOGIN_MAX).contains(&text.len())
            && !text.starts_with('-')
            && text.chars().all(plain);
        good.then(|| Self(text.to_owned())).ok_or(LoginError)
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_and_shown_alike() {
        for (text, address, port) in [
            ("node-1", "node-1", None),
            ("10.0.0.5", "10.0.0.5", None),
            ("node-1.example.com:2222", "node-1.example.com", Some(2222)),
            ("10.0.0.5:22", "10.0.0.5", Some(22)),
            ("::1", "::1", None),
            ("2001:db8::5", "2001:db8::5", None),
            ("[2001:db8::5]:2222", "2001:db8::5", Some(2222)),
            ("[fe80::1%eth0]:22", "fe80::1%eth0", Some(22)),
            ("prod_node", "prod_node", None),
        ] {
            let node: Node = text.parse().expect("an address");
            assert_eq!((node.address.as_str(), node.port), (address, port));
            assert_eq!(node.to_string(), text);
        }
        let bare: Node = "[::1]".parse().expect("an address");
        assert_eq!(bare.to_string(), "::1");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "-oProxyCommand=id",
            "-oProxyCommand=id:22",
            "--",
            "-",
            "a b",
            "a\nb",
            "a\tb",
            "a\0b",
            "a\u{1b}[2J",
            "root@node",
            "ssh://node",
            "ssh://node:22",
            "node/x",
            "a;id",
            "a,b",
            "$(id)",
            "`id`",
            "a|b",
            "a&b",
            "a'b",
            "a\"b",
            "a\\b",
            "%h",
            "*",
            "a=b",
            ".hidden",
            "bücher",
            "node:",
            "node:0",
            "node:65536",
            "node:+22",
            "node:-1",
            "node: 22",
            "node:22\n",
            ":22",
            "::g",
            "[::1",
            "[::1]22",
            "[::1]:",
            "[node]:22",
            "[]:22",
            "[-oProxyCommand=id]:22",
            "fe80::1%",
            "fe80::1%-x",
            "fe80::1%a b",
            "fe80::1%$(id)",
        ] {
            assert!(text.parse::<Node>().is_err(), "{text:?}");
        }
        let long = "a".repeat(300);
        assert_eq!(long.parse::<Node>(), Err(AddressError::TooLong));
        assert_eq!("root@node".parse::<Node>(), Err(AddressError::User));
        assert_eq!("-oX".parse::<Node>(), Err(AddressError::Start('-')));
    }

    #[test]
    fn a_login_is_a_name_and_no_option() {
        for good in ["root", "ubuntu", "ci-bot", "a.b", "_apt"] {
            assert!(good.parse::<Login>().is_ok(), "{good}");
        }
        for bad in ["", "-l", "a b", "a\n", "a@b", "$(id)", "a;b", "é"] {
            assert!(bad.parse::<Login>().is_err(), "{bad:?}");
        }
    }
}
