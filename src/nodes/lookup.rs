//! Where a name leads, and whether that is this machine.

use std::net::IpAddr;
use std::time::Duration;

/// A port at which nobody listens.
const DISCARD: u16 = 9;
/// How long a name is looked up.
const NAME_MAX: Duration = Duration::from_secs(2);

/// The addresses that a name leads to now; none where nobody knows it, or not soon.
pub(crate) async fn addresses_of(host: &str) -> Vec<IpAddr> {
    let looking = tokio::net::lookup_host((host, 0));
    match tokio::time::timeout(NAME_MAX, looking).await {
        Ok(Ok(found)) => found.map(|it| it.ip().to_canonical()).collect(),
        Ok(Err(_)) | Err(_) => vec![],
    }
}

/// Whether an address is one of this machine's own. Nothing is sent: the system says from where it
/// would go.
pub(crate) fn is_own(address: IpAddr) -> bool {
    let any: IpAddr = match address {
        IpAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let from = std::net::UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((address, DISCARD))?;
        socket.local_addr()
    });
    from.is_ok_and(|from| from.ip() == address)
}
