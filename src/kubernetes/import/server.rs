//! Judges a cluster entry: where it points and how it proves itself.

use http::Uri;
use rustls::pki_types::ServerName;

use super::entry::{EntryPlace, Fields};
use super::error::Refused;
use super::material::DataFields;
use super::{Entry, ImportOptions, material};

/// What a cluster entry says, checked.
pub(super) struct Endpoint {
    pub(super) server: String,
    pub(super) ca_pem: Option<String>,
    pub(super) tls_server_name: Option<String>,
    pub(super) proxy_url: Option<String>,
    /// What the cluster's entry has for login commands, as they are told it.
    pub(super) exec_config: Option<serde_json::Value>,
    /// Certificates of the authority that were left out because nothing can read them.
    pub(super) unreadable: usize,
}

const KNOWN: &[&str] = &[
    "api-version",
    "certificate-authority",
    "certificate-authority-data",
    "disable-compression",
    "extensions",
    "insecure-skip-tls-verify",
    "proxy-url",
    "server",
    "tls-server-name",
];

pub(super) fn read(
    entry: &Entry<'_>,
    options: &mut ImportOptions<'_>,
) -> Result<Endpoint, Refused> {
    let cluster = entry.name.as_str();
    let place = EntryPlace::new("cluster", cluster);
    let fields = entry.body(&place)?;
    fields.only(KNOWN)?;
    if fields.flag("insecure-skip-tls-verify")? {
        return Err(Refused::InsecureTls {
            cluster: cluster.to_owned(),
        });
    }
    let server = fields.name("server")?.ok_or_else(|| Refused::Missing {
        place: place.field("server"),
    })?;
    let server = normalize(&server).map_err(|fault| match fault {
        AddressFault::PlainHttp => Refused::PlainHttp {
            cluster: cluster.to_owned(),
        },
        AddressFault::Bad(reason) => Refused::BadServer {
            cluster: cluster.to_owned(),
            reason,
        },
    })?;
    let names = DataFields {
        data: "certificate-authority-data",
        file: "certificate-authority",
    };
    let authority = material::read(&fields, names, entry.path, options)?
        .map(|(bytes, place)| material::authorities(&bytes, &place))
        .transpose()?;
    let (ca_pem, unreadable) =
        authority.map_or((None, 0), |(pem, unreadable)| (Some(pem), unreadable));
    Ok(Endpoint {
        server,
        tls_server_name: read_tls_server_name(&fields, cluster)?,
        proxy_url: read_proxy(&fields, cluster)?,
        ca_pem,
        exec_config: read_exec_config(&fields)?,
        unreadable,
    })
}

/// Finds the extension that is for login commands.
fn read_exec_config(fields: &Fields<'_>) -> Result<Option<serde_json::Value>, Refused> {
    for item in fields.list("extensions")? {
        let item = Fields::of(item, EntryPlace::root().item("extensions"))?;
        if item.text("name")?.as_deref() == Some("client.authentication.k8s.io/exec") {
            return Ok(item.node("extension").map(serde_json::Value::from));
        }
    }
    Ok(None)
}

/// Why an address is none of an API server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AddressFault {
    /// It is plain http.
    PlainHttp,
    /// Something else, in words.
    Bad(&'static str),
}

impl std::fmt::Display for AddressFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::PlainHttp => "it is plain http, where anyone on the way reads the credential",
            Self::Bad(reason) => reason,
        })
    }
}

/// Writes an address the one way it is stored: lower-case host, no default port, no last slash.
pub(crate) fn normalize(server: &str) -> Result<String, AddressFault> {
    let bad = AddressFault::Bad;
    let (scheme, rest) = server
        .split_once("://")
        .ok_or_else(|| bad("it must begin with https://"))?;
    if scheme.eq_ignore_ascii_case("http") {
        return Err(AddressFault::PlainHttp);
    }
    if !scheme.eq_ignore_ascii_case("https") {
        return Err(bad("it must begin with https://"));
    }
    // `http::Uri` drops fragments without a word, so the text itself is looked at.
    if rest.contains('?') {
        return Err(bad("it has a query (?)"));
    }
    if rest.contains('#') {
        return Err(bad("it has a fragment (#)"));
    }
    if rest.contains('@') {
        return Err(bad(
            "it has a user name in it (@); a login belongs to the user entry",
        ));
    }
    if !rest.is_ascii() {
        return Err(bad(
            "it has letters beyond ASCII; write the host in punycode (xn--…)",
        ));
    }
    let uri: Uri = format!("https://{rest}")
        .parse()
        .map_err(|_| bad("it is no URL"))?;
    let authority = uri.authority().ok_or_else(|| bad("it has no host"))?;
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.is_empty() || ServerName::try_from(bare).is_err() || is_disguised_address(bare) {
        return Err(bad("its host is no name and no address"));
    }
    let written_port = authority.as_str().rsplit_once(']').map_or_else(
        || authority.as_str().rsplit_once(':').map(|(_, port)| port),
        |(_, tail)| tail.strip_prefix(':'),
    );
    let port = match written_port {
        None => None,
        Some(digits) => {
            // Parsing alone would take a sign.
            let plain = digits.bytes().all(|digit| digit.is_ascii_digit());
            let port = digits
                .parse::<u16>()
                .ok()
                .filter(|port| plain && *port != 0);
            Some(port.ok_or_else(|| bad("its port is no port"))?)
        }
    };
    let path = uri.path().trim_end_matches('/');
    let plain = |character: char| character.is_ascii_alphanumeric() || "-._~:".contains(character);
    if path
        .split('/')
        .skip(1)
        .any(|part| part.is_empty() || part == "." || part == ".." || !part.chars().all(plain))
    {
        return Err(bad("its path has unusual characters or steps"));
    }
    Ok(match port {
        None | Some(443) => format!("https://{host}{path}"),
        Some(port) => format!("https://{host}:{port}{path}"),
    })
}

/// Finds addresses in the forms that only some programs read as addresses (`127.1`, `0x7f.1`).
fn is_disguised_address(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let numeric = last.chars().all(|character| character.is_ascii_digit())
        || last
            .strip_prefix("0x")
            .is_some_and(|hex| hex.chars().all(|c| c.is_ascii_hexdigit()));
    numeric && host.parse::<std::net::IpAddr>().is_err()
}

/// Whether a text is a name that a certificate can be for.
pub(crate) fn is_server_name(name: &str) -> bool {
    ServerName::try_from(name).is_ok()
}

fn read_tls_server_name(fields: &Fields<'_>, cluster: &str) -> Result<Option<String>, Refused> {
    let Some(name) = fields.name("tls-server-name")? else {
        return Ok(None);
    };
    match ServerName::try_from(name.as_str()) {
        Ok(_) => Ok(Some(name)),
        Err(_) => Err(Refused::BadTlsServerName {
            cluster: cluster.to_owned(),
        }),
    }
}

fn read_proxy(fields: &Fields<'_>, cluster: &str) -> Result<Option<String>, Refused> {
    let Some(proxy) = fields.name("proxy-url")? else {
        return Ok(None);
    };
    let bad = |reason: String| Refused::BadProxy {
        cluster: cluster.to_owned(),
        reason,
    };
    let parsed = crate::kubernetes::client::proxy::Proxy::parse(&proxy)
        .map_err(|reason| bad(reason.to_string()))?;
    // The address is stored in the open; a password in it would be too.
    if parsed.has_login() {
        return Err(bad(
            "it has a password in it, which would be stored in the open; set HTTPS_PROXY instead"
                .to_owned(),
        ));
    }
    Ok(Some(proxy))
}
