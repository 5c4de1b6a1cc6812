//! Which addresses of nodes are believed.
//!
//! A node's address is written by whoever holds the node: its kubelet may say that it is at the
//! jump host, at another cluster's control plane, or on the operator's own machine. So a cluster
//! only *proposes*: an IP address that could be a node's, and is nobody else's as far as is known.
//! What an operator names by hand is another thing: they know what they name.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How much of what is no address is shown.
const SHOWN_MAX: usize = 60;

/// Whose an address is, as far as is known: whose node or API server.
pub(crate) type Taken = BTreeMap<IpAddr, String>;

/// Why an address that a cluster gives for a node is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Disbelief {
    /// The node has none.
    #[error("it has no IP address")]
    None,
    /// It is a name, or has a port, or is nothing at all.
    #[error("its address '{0}' is no IP address")]
    NoIp(String),
    /// It leads to whoever asks.
    #[error("its address {0} leads to this machine itself")]
    Here(IpAddr),
    /// It means another machine on each network, or on none.
    #[error("its address {0} is no address of one machine")]
    NoHost(IpAddr),
    /// It is somebody else's.
    #[error("its address {address} is that of {whose}")]
    Taken {
        /// The address.
        address: IpAddr,
        /// Whose it is.
        whose: String,
    },
}

/// Judges the address that a cluster gives for a node; `taken` are those that are others'.
pub(crate) fn believe(text: Option<&str>, taken: &Taken) -> Result<IpAddr, Disbelief> {
    let text = text
        .filter(|text| !text.is_empty())
        .ok_or(Disbelief::None)?;
    let parsed: IpAddr = text.parse().map_err(|_| {
        // As much of it as is worth a line: a node may say anything, at any length.
        let start: String = text.chars().take(SHOWN_MAX).collect();
        Disbelief::NoIp(start.escape_default().to_string())
    })?;
    let address = parsed.to_canonical();
    // One inside the other is reached like the inner one, wherever a gateway for it is.
    for address in std::iter::once(address).chain(embedded(address)) {
        check(address)?;
        if let Some(whose) = taken.get(&address) {
            return Err(Disbelief::Taken {
                address,
                whose: whose.clone(),
            });
        }
    }
    Ok(address)
}

fn check(address: IpAddr) -> Result<(), Disbelief> {
    // Linux takes the whole of 0.0.0.0/8 and `::` for itself, or for nothing.
    let is_this = |ip: Ipv4Addr| ip.octets()[0] == 0;
    let here = address.is_loopback()
        || address.is_unspecified()
        || matches!(address, IpAddr::V4(ip) if is_this(ip));
    if here {
        return Err(Disbelief::Here(address));
    }
    let no_host = match address {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_multicast() || ip.octets()[0] >= 240,
        IpAddr::V6(ip) => {
            ip.is_unicast_link_local() || ip.is_multicast() || ip.segments()[..6] == [0; 6]
        }
    };
    if no_host {
        return Err(Disbelief::NoHost(address));
    }
    Ok(())
}

/// The IPv4 address inside one of IPv6, where a gateway would lead there: NAT64 and 6to4.
fn embedded(address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(ip) = address else { return None };
    let from = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
    };
    match Ipv6Addr::segments(&ip) {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => from(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(text: &str) -> Result<String, Disbelief> {
        let taken = Taken::from([("10.9.0.1".parse().expect("an address"), "x".to_owned())]);
        believe(Some(text), &taken).map(|address| address.to_string())
    }

    #[test]
    fn an_address_of_one_machine_is_believed() {
        for text in [
            "10.0.0.5",
            "203.0.113.9",
            "100.64.0.1",
            "2001:db8::1",
            "fd00::5",
        ] {
            assert_eq!(judge(text).as_deref(), Ok(text));
        }
        assert_eq!(judge("::ffff:10.0.0.5").as_deref(), Ok("10.0.0.5"));
    }

    #[test]
    fn what_is_no_ip_address_is_not() {
        for text in [
            "10.0.0.5:22",
            "[::1]:22",
            "[2001:db8::1]",
            "node-1",
            "bastion.example.com",
            "localhost",
            "-oProxyCommand=id",
            "a b",
            "$(id)",
            "10.0.0.5/24",
            "fe80::1%eth0",
            "010.0.0.5",
            "10.5",
            "167772165",
            "0x0a000005",
            " 10.0.0.5",
            "10.0.0.5\n",
            "bücher",
            "１０.0.0.5",
        ] {
            assert!(matches!(judge(text), Err(Disbelief::NoIp(_))), "{text:?}");
        }
        let long = judge(&"a".repeat(100_000)).expect_err("no address");
        assert!(long.to_string().len() < 200);
        assert_eq!(believe(None, &Taken::new()), Err(Disbelief::None));
        assert_eq!(judge(""), Err(Disbelief::None));
    }

    #[test]
    fn what_leads_to_the_asker_is_not() {
        for text in [
            "127.0.0.1",
            "127.8.9.1",
            "::1",
            "0.0.0.0",
            "0.0.0.1",
            "::",
            "::ffff:127.0.0.1",
            "::ffff:0.0.0.0",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
        ] {
            assert!(matches!(judge(text), Err(Disbelief::Here(_))), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_single_machine_is_not() {
        for text in [
            "169.254.169.254",
            "fe80::1",
            "febf::1",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "240.0.0.1",
            "::10.0.0.5",
            "::ffff:169.254.0.1",
            "64:ff9b::a9fe:a9fe",
        ] {
            assert!(matches!(judge(text), Err(Disbelief::NoHost(_))), "{text:?}");
        }
    }

    #[test]
    fn what_is_somebody_elses_is_not_however_it_is_written() {
        for text in [
            "10.9.0.1",
            "::ffff:10.9.0.1",
            "64:ff9b::a09:1",
            "2002:a09:1::",
        ] {
            assert!(
                matches!(judge(text), Err(Disbelief::Taken { .. })),
                "{text:?}"
            );
        }
    }
}
