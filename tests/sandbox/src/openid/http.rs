//! As much of HTTP/1.1 over TLS as an issuer needs: one request on each connection.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

/// The longest body that is read, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// A request.
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: HashMap<String, String>,
    pub(super) form: HashMap<String, String>,
    pub(super) authorization: Option<String>,
}

/// An answer.
pub(super) struct Answer {
    status: u16,
    location: Option<String>,
    body: String,
}

impl Answer {
    pub(super) fn json(status: u16, body: &Value) -> Answer {
        Answer {
            status,
            location: None,
            body: body.to_string(),
        }
    }

    pub(super) fn redirect(place: &str) -> Answer {
        Answer {
            status: 302,
            location: Some(place.to_owned()),
            body: String::new(),
        }
    }
}

/// Reads a request, and answers it.
pub(super) fn answer(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    give: impl FnOnce(Asked) -> Answer,
) -> anyhow::Result<()> {
    let connection = ServerConnection::new(config)?;
    let mut reader = BufReader::new(StreamOwned::new(connection, stream));
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut words = first.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default().to_owned();
    let (mut length, mut authorization) = (0, None);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        match name.to_lowercase().as_str() {
            "content-length" => length = value.trim().parse::<usize>()?,
            "authorization" => authorization = Some(value.trim().to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length.min(BODY_BYTES_MAX)];
    reader.read_exact(&mut body)?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let asked = Asked {
        method,
        path: path.to_owned(),
        query: pairs(query),
        form: pairs(&String::from_utf8_lossy(&body)),
        authorization,
    };
    let answer = give(asked);
    let place = answer.location.map(|it| format!("location: {it}\r\n"));
    let head = format!(
        "HTTP/1.1 {} Answer\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{}connection: close\r\n\r\n",
        answer.status,
        answer.body.len(),
        place.unwrap_or_default()
    );
    let mut stream = reader.into_inner();
    stream.write_all(head.as_bytes())?;
    stream.write_all(answer.body.as_bytes())?;
    stream.conn.send_close_notify();
    stream.flush()?;
    Ok(())
}

fn pairs(text: &str) -> HashMap<String, String> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits: Vec<u8> = rest.by_ref().take(2).collect();
                let digits = String::from_utf8_lossy(&digits).into_owned();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap_or_default());
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Spells out what has a meaning in an address.
pub(super) fn encoded(text: &str) -> String {
    let spell = |byte: u8| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(spell).collect()
}

/// Asks an issuer for a page as a browser would; gives the place that it sends one on to.
pub(super) fn place(address: std::net::SocketAddr, ca: &str, path: &str) -> anyhow::Result<String> {
    use rustls::pki_types::pem::PemObject as _;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(
        ca.as_bytes(),
    )?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connection =
        rustls::ClientConnection::new(Arc::new(config), "localhost".to_owned().try_into()?)?;
    let mut stream = StreamOwned::new(connection, TcpStream::connect(address)?);
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let mut lines = answer.lines();
    let place = lines.find_map(|line| line.strip_prefix("location: "));
    Ok(place.unwrap_or_default().to_owned())
}
