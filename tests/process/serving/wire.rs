//! HTTP by hand, with TLS and without: what a client says that is not ours.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// A connection.
pub(super) enum Wire {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// What came over one.
#[derive(Debug, Clone)]
pub(super) struct Said {
    pub(super) status: u16,
    /// The head, as it came.
    pub(super) head: String,
    pub(super) body: String,
}

impl Said {
    /// A line of the head.
    pub(super) fn line(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut found = lines.filter(|(it, _)| it.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value)
    }

    /// The body as a document.
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

impl Wire {
    /// Connects without TLS.
    pub(super) fn plain(port: u16) -> Self {
        Self::Plain(TcpStream::connect(("127.0.0.1", port)).expect("somebody listens"))
    }

    /// Connects with TLS, and trusts this authority.
    pub(super) fn tls(port: u16, ca: &str) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca.as_bytes()) {
            let certificate = certificate.expect("a certificate");
            roots.add(certificate).expect("a certificate");
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let connection = ClientConnection::new(Arc::new(config), name).expect("a connection");
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("somebody listens");
        Self::Tls(Box::new(StreamOwned::new(connection, stream)))
    }

    /// The certificate that was shown.
    pub(super) fn shown(&self) -> Option<Vec<u8>> {
        let Self::Tls(stream) = self else { return None };
        Some(stream.conn.peer_certificates()?.first()?.to_vec())
    }

    /// Sends a request, and reads its answer.
    pub(super) fn ask(&mut self, first: &str, head: &[String], body: &str) -> io::Result<Said> {
        let mut text = format!("{first} HTTP/1.1\r\nhost: localhost\r\n");
        for line in head {
            text.push_str(line);
            text.push_str("\r\n");
        }
        if !body.is_empty() {
            let length = body.len().to_string();
            text.extend(["content-length: ", &length, "\r\n"]);
        }
        text.extend(["\r\n", body]);
        // It may answer, and hang up, before it has read everything.
        let sent = self.write_all(text.as_bytes()).and_then(|()| self.flush());
        self.read_answer().or_else(|error| sent.and(Err(error)))
    }

    /// Reads an answer whole.
    pub(super) fn read_answer(&mut self) -> io::Result<Said> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            self.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let status = head.split(' ').nth(1).and_then(|it| it.parse().ok());
        let mut said = Said {
            status: status.unwrap_or_default(),
            head,
            body: String::new(),
        };
        let length = said.line("content-length").and_then(|it| it.parse().ok());
        let mut body = vec![0; length.unwrap_or_default()];
        self.read_exact(&mut body)?;
        said.body = String::from_utf8_lossy(&body).into_owned();
        Ok(said)
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
