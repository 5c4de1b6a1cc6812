//! Decides on a proxy and reads its address.
//!
//! The libraries below would decide by themselves, from variables, and compare `NO_PROXY` with the
//! wrong host. So the decision is made here, as Go's `httpproxy` (and so kubectl) makes it.
//!
//! `hyper_util::client::proxy::matcher` decides as curl does: it knows no `NO_PROXY=host:port` and
//! no `*.domain`, takes `.domain` for the domain itself too, and goes directly where the proxy's
//! address is bad. A test holds it against the cases here.

use std::net::IpAddr;

use http::Uri;

/// Why a proxy address cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProxyError {
    /// Not a URL.
    #[error("it is no URL")]
    NotUrl,
    /// A scheme that is not spoken.
    #[error("'{scheme}' is none of http, https, socks5 and socks5h")]
    Scheme {
        /// The scheme.
        scheme: String,
    },
    /// More than an address.
    #[error("it has a path, a query or a fragment")]
    Path,
    /// A login that cannot be sent.
    #[error("its user name or password cannot be sent")]
    Login,
}

/// How a proxy is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProxyKind {
    /// CONNECT over plain TCP.
    Http,
    /// CONNECT over TLS.
    Https,
    /// SOCKS version 5; names are resolved by the proxy, as kubectl has it.
    Socks5,
}

/// Who we are to a proxy.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ProxyLogin {
    /// The name.
    pub(crate) name: String,
    /// The password, which may be empty.
    pub(crate) password: String,
}

/// A proxy's address, taken apart.
#[derive(Clone)]
pub(crate) struct Proxy {
    pub(crate) kind: ProxyKind,
    pub(crate) uri: Uri,
    pub(crate) login: Option<ProxyLogin>,
}

impl Proxy {
    /// Reads `scheme://[user[:password]@]host[:port]`.
    pub(crate) fn parse(text: &str) -> Result<Self, ProxyError> {
        let (scheme, rest) = text.split_once("://").ok_or(ProxyError::NotUrl)?;
        let (kind, port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (ProxyKind::Http, 80),
            "https" => (ProxyKind::Https, 443),
            "socks5" | "socks5h" => (ProxyKind::Socks5, 1080),
            other => {
                let scheme = crate::domain::text::clean(other);
                return Err(ProxyError::Scheme { scheme });
            }
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return Err(ProxyError::Path);
        }
        let (login, address) = match rest.rsplit_once('@') {
            None => (None, rest),
            Some((login, address)) => (Some(parse_login(login)?), address),
        };
        // Never part of the stored URI: what is not there cannot be logged.
        let scheme = if kind == ProxyKind::Https {
            "https"
        } else {
            "http"
        };
        let parsed: Uri = format!("{scheme}://{address}")
            .parse()
            .map_err(|_| ProxyError::NotUrl)?;
        let host = parsed
            .host()
            .filter(|host| !host.is_empty())
            .ok_or(ProxyError::NotUrl)?;
        let port = match parsed.authority().and_then(http::uri::Authority::port) {
            Some(written) => written.as_u16(),
            None if address.ends_with(':') => return Err(ProxyError::NotUrl),
            None => port,
        };
        let uri = format!("{scheme}://{host}:{port}/")
            .parse()
            .map_err(|_| ProxyError::NotUrl)?;
        Ok(Self { kind, uri, login })
    }

    /// Says whether a user name or password is part of the address.
    pub(crate) fn has_login(&self) -> bool {
        self.login.is_some()
    }
}

fn parse_login(text: &str) -> Result<ProxyLogin, ProxyError> {
    let (name, password) = text.split_once(':').unwrap_or((text, ""));
    let (name, password) = (percent_decode(name)?, percent_decode(password)?);
    // SOCKS sends lengths in one byte; a colon would end the name early.
    if name.len() > 255 || password.len() > 255 || name.contains(':') {
        return Err(ProxyError::Login);
    }
    Ok(ProxyLogin { name, password })
}

fn percent_decode(text: &str) -> Result<String, ProxyError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else {
            return Err(ProxyError::Login);
        };
        bytes.push(u8::try_from(high * 16 + low).map_err(|_| ProxyError::Login)?);
    }
    let text = String::from_utf8(bytes).map_err(|_| ProxyError::Login)?;
    if text.chars().any(char::is_control) {
        Err(ProxyError::Login)
    } else {
        Ok(text)
    }
}

/// Finds the proxy that the environment asks for on the way to a server: `HTTPS_PROXY` unless
/// `NO_PROXY` names the server's host. Upper case goes before lower case; this machine is never
/// reached through a proxy.
pub(crate) fn proxy_for(
    server: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<String>, ProxyError> {
    let set = |names: [&str; 2]| {
        names
            .into_iter()
            .filter_map(variable)
            .find(|value| !value.trim().is_empty())
    };
    let Some(proxy) = set(["HTTPS_PROXY", "https_proxy"]) else {
        return Ok(None);
    };
    let server: Uri = server.parse().map_err(|_| ProxyError::NotUrl)?;
    let host = server
        .host()
        .unwrap_or_default()
        .trim_start_matches('[')
        .trim_end_matches(']');
    let exceptions = set(["NO_PROXY", "no_proxy"]).unwrap_or_default();
    if is_excepted(
        &host.to_ascii_lowercase(),
        server.port_u16().unwrap_or(443),
        &exceptions,
    ) {
        return Ok(None);
    }
    let proxy = proxy.trim();
    let proxy = if proxy.contains("://") {
        proxy.to_owned()
    } else {
        format!("http://{proxy}")
    };
    Proxy::parse(&proxy)?;
    Ok(Some(proxy))
}

fn is_excepted(host: &str, port: u16, exceptions: &str) -> bool {
    let host = host.trim_end_matches('.');
    let address = host.parse::<IpAddr>().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    exceptions
        .split(',')
        .map(|entry| entry.trim().to_ascii_lowercase())
        .filter(|entry| !entry.is_empty())
        .any(|entry| entry_matches(&entry, host, address, port))
}

fn entry_matches(entry: &str, host: &str, address: Option<IpAddr>, port: u16) -> bool {
    if entry == "*" {
        return true;
    }
    if let Some((network, bits)) = entry.split_once('/') {
        let network = network.parse::<IpAddr>().ok();
        return match (network, bits.parse().ok(), address) {
            (Some(network), Some(bits), Some(address)) => in_network(address, network, bits),
            _ => false,
        };
    }
    let (name, wanted_port) = split_port(entry);
    if wanted_port.is_some_and(|wanted| wanted != port) {
        return false;
    }
    if let Ok(wanted) = name.parse::<IpAddr>() {
        return address == Some(wanted);
    }
    // ".x" and "*.x" mean what is below x; "x" means x too.
    let name = name.strip_prefix('*').unwrap_or(name);
    let (suffix, itself) = match name.strip_prefix('.') {
        Some(below) => (below, false),
        None => (name, true),
    };
    if address.is_some() || suffix.is_empty() {
        return false;
    }
    (itself && host == suffix)
        || host
            .strip_suffix(suffix)
            .is_some_and(|front| front.len() > 1 && front.ends_with('.'))
}

fn split_port(entry: &str) -> (&str, Option<u16>) {
    if let Some(rest) = entry.strip_prefix('[') {
        let (name, tail) = rest.split_once(']').unwrap_or((rest, ""));
        return (
            name,
            tail.strip_prefix(':').and_then(|port| port.parse().ok()),
        );
    }
    match entry.rsplit_once(':') {
        // A second colon makes it an address of version 6 without a port.
        Some((name, port)) if !name.contains(':') => match port.parse() {
            Ok(port) => (name, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

fn in_network(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) if bits <= 32 => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            address.to_bits() & mask == network.to_bits() & mask
        }
        (IpAddr::V6(address), IpAddr::V6(network)) if bits <= 128 => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            address.to_bits() & mask == network.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
