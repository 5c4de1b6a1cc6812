//! A client as small as can be: one request with the token of a kubeconfig, over real TLS.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

/// The text at a JSON pointer, or nothing.
fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Sends one request to the server that a kubeconfig names, trusting the authority and using the
/// token that it holds, and gives the HTTP status code with the body. Fails when the kubeconfig
/// lacks one of them, or there is no answer.
pub fn request(
    kubeconfig: &str,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> anyhow::Result<(u16, String)> {
    let config: Value = serde_saphyr::from_str(kubeconfig).context("no kubeconfig")?;
    let server = text(&config, "/clusters/0/cluster/server");
    let authority = text(&config, "/clusters/0/cluster/certificate-authority-data");
    let token = text(&config, "/users/0/user/token");
    anyhow::ensure!(!token.is_empty(), "the kubeconfig holds no token");
    let address = server.strip_prefix("https://").context("not https")?;
    let host = address.split(':').next().unwrap_or_default().to_owned();

    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&STANDARD.decode(authority)?) {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(tls), ServerName::try_from(host)?)?;
    let mut stream = StreamOwned::new(connection, TcpStream::connect(address)?);

    let body = body.map(Value::to_string).unwrap_or_default();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         Accept: application/json\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    // A server may end the connection without TLS's own goodbye; what came is what counts.
    let ended = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .with_context(|| format!("no answer from {address}: {ended:?}"))?;
    let status = head.split(' ').nth(1).context("no status")?.parse()?;
    Ok((status, body.to_owned()))
}
