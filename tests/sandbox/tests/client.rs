//! A plain HTTPS client for the tests: no Kubernetes library between them and the bytes.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use kubegrant_sandbox::Sandbox;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_mins(5);

/// A credential, and the way to the sandbox.
#[derive(Clone)]
pub(crate) struct Client {
    /// Host and port.
    pub(crate) address: String,
    tls: ClientConfig,
    token: Option<String>,
    /// Headers for every request.
    pub(crate) headers: Vec<(String, String)>,
}

/// A request to send.
#[derive(Default, Clone)]
pub(crate) struct Ask<'a> {
    /// The HTTP method.
    pub(crate) method: &'a str,
    /// Path and query.
    pub(crate) path: &'a str,
    /// The `Content-Type`; none when empty.
    pub(crate) content_type: &'a str,
    /// The body; none when empty.
    pub(crate) body: String,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The HTTP status code.
    pub(crate) status: u16,
    /// The `Content-Type`.
    pub(crate) content_type: String,
    /// The headers.
    pub(crate) headers: http::HeaderMap,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Itself, if it has this status code; else the test ends.
    #[track_caller]
    pub(crate) fn must(self, status: u16) -> Answer {
        assert_eq!(
            self.status,
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self
    }

    /// The body as JSON, or as a JSON string when it is text.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| String::from_utf8_lossy(&self.body).into_owned().into())
    }

    /// The text at a JSON pointer.
    pub(crate) fn text(&self, pointer: &str) -> String {
        self.json()
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }
}

/// Always offers the same certificate. Unlike rustls' own way it does not parse it, which would
/// refuse X.509 v1.
#[derive(Debug)]
struct Fixed(Arc<CertifiedKey>);

impl ResolvesClientCert for Fixed {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl Client {
    /// A client with the credential of a kubeconfig.
    pub(crate) fn new(kubeconfig: &str) -> anyhow::Result<Client> {
        let config: Value = serde_saphyr::from_str(kubeconfig)?;
        let text = |pointer: &str| {
            config
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let data = |pointer: &str| STANDARD.decode(text(pointer));
        let mut roots = RootCertStore::empty();
        let ca = data("/clusters/0/cluster/certificate-authority-data")?;
        roots.add(CertificateDer::from_pem_slice(&ca)?)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let certificate = data("/users/0/user/client-certificate-data")?;
        let tls = if certificate.is_empty() {
            builder.with_no_client_auth()
        } else {
            let chain = vec![CertificateDer::from_pem_slice(&certificate)?];
            let key = PrivateKeyDer::from_pem_slice(&data("/users/0/user/client-key-data")?)?;
            let key = provider.key_provider.load_private_key(key)?;
            builder
                .with_client_cert_resolver(Arc::new(Fixed(Arc::new(CertifiedKey::new(chain, key)))))
        };
        let token = text("/users/0/user/token");
        Ok(Client {
            address: text("/clusters/0/cluster/server")
                .trim_start_matches("https://")
                .to_owned(),
            tls,
            token: (!token.is_empty()).then_some(token),
            headers: Vec::new(),
        })
    }

    /// The admin of a sandbox.
    pub(crate) fn admin(sandbox: &Sandbox) -> Client {
        Client::new(&sandbox.admin_kubeconfig()).expect("the admin's kubeconfig is complete")
    }

    /// The bearer of a token.
    pub(crate) fn bearer(sandbox: &Sandbox, token: &str) -> Client {
        Client::new(&sandbox.kubeconfig_for_token(token)).expect("the kubeconfig is complete")
    }

    /// Somebody without a credential.
    pub(crate) fn anonymous(sandbox: &Sandbox) -> Client {
        Client {
            token: None,
            ..Client::bearer(sandbox, "none")
        }
    }

    /// Gets a path.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.plain("GET", path, String::new())
    }

    /// Posts a JSON object.
    pub(crate) fn post(&self, path: &str, object: &Value) -> Answer {
        self.plain("POST", path, object.to_string())
    }

    /// Puts a JSON object.
    pub(crate) fn put(&self, path: &str, object: &Value) -> Answer {
        self.plain("PUT", path, object.to_string())
    }

    /// Deletes a path.
    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.plain("DELETE", path, String::new())
    }

    /// Applies a JSON object under the manager `tester`, with `query` behind.
    pub(crate) fn apply(&self, path: &str, query: &str, object: &Value) -> Answer {
        self.patch(
            &format!("{path}?fieldManager=tester{query}"),
            "application/apply-patch+yaml",
            object,
        )
    }

    /// Patches with a JSON body of a media type.
    pub(crate) fn patch(&self, path: &str, content_type: &str, body: &Value) -> Answer {
        let ask = Ask {
            method: "PATCH",
            path,
            content_type,
            body: body.to_string(),
        };
        self.send(&ask).expect("the sandbox answers a patch")
    }

    fn plain(&self, method: &str, path: &str, body: String) -> Answer {
        let content_type = if body.is_empty() {
            ""
        } else {
            "application/json"
        };
        self.send(&Ask {
            method,
            path,
            content_type,
            body,
        })
        .expect("the sandbox answers")
    }

    /// Sends one request over HTTP/1.1 on a connection of its own.
    pub(crate) fn send(&self, ask: &Ask<'_>) -> anyhow::Result<Answer> {
        self.send_all(std::slice::from_ref(ask), false)?
            .pop()
            .context("one answer to one request")
    }

    /// Sends requests one after the other on one connection.
    pub(crate) fn send_all(&self, asks: &[Ask<'_>], http2: bool) -> anyhow::Result<Vec<Answer>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let all = async {
                let stream = self.connect(http2).await?;
                if http2 {
                    self.over_http2(stream, asks).await
                } else {
                    self.over_http1(stream, asks).await
                }
            };
            match tokio::time::timeout(PATIENCE, all).await {
                Ok(answers) => answers,
                Err(_) => bail!("no answer in time"),
            }
        })
    }

    async fn connect(&self, http2: bool) -> anyhow::Result<TlsStream<TcpStream>> {
        let mut tls = self.tls.clone();
        let protocol: &[u8] = if http2 { b"h2" } else { b"http/1.1" };
        tls.alpn_protocols = vec![protocol.to_vec()];
        let stream = TcpStream::connect(&self.address).await?;
        let stream = TlsConnector::from(Arc::new(tls))
            .connect(ServerName::try_from("localhost")?, stream)
            .await?;
        if stream.get_ref().1.alpn_protocol() != Some(protocol) {
            bail!(
                "the server does not speak {}",
                String::from_utf8_lossy(protocol)
            );
        }
        Ok(stream)
    }

    async fn over_http1(
        &self,
        stream: TlsStream<TcpStream>,
        asks: &[Ask<'_>],
    ) -> anyhow::Result<Vec<Answer>> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let mut answers = Vec::new();
        for ask in asks {
            sender.ready().await?;
            answers.push(answer(sender.send_request(self.request(ask, false)?).await?).await?);
        }
        connection.abort();
        Ok(answers)
    }

    async fn over_http2(
        &self,
        stream: TlsStream<TcpStream>,
        asks: &[Ask<'_>],
    ) -> anyhow::Result<Vec<Answer>> {
        let (mut sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let mut answers = Vec::new();
        for ask in asks {
            sender.ready().await?;
            answers.push(answer(sender.send_request(self.request(ask, true)?).await?).await?);
        }
        connection.abort();
        Ok(answers)
    }

    fn request(&self, ask: &Ask<'_>, http2: bool) -> anyhow::Result<Request<Full<Bytes>>> {
        let uri = if http2 {
            format!("https://{}{}", self.address, ask.path)
        } else {
            ask.path.to_owned()
        };
        let mut builder = Request::builder().method(ask.method).uri(uri);
        if !http2 {
            builder = builder.header("host", &self.address);
        }
        if !ask.content_type.is_empty() {
            builder = builder.header("content-type", ask.content_type);
        }
        if let Some(token) = &self.token {
            builder = builder.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        Ok(builder.body(Full::new(Bytes::from(ask.body.clone())))?)
    }
}

async fn answer(response: http::Response<hyper::body::Incoming>) -> anyhow::Result<Answer> {
    let (parts, body) = response.into_parts();
    let content_type = parts
        .headers
        .get("content-type")
        .and_then(|value| value.to_str().ok());
    Ok(Answer {
        status: parts.status.as_u16(),
        content_type: content_type.unwrap_or_default().to_owned(),
        headers: parts.headers.clone(),
        body: body.collect().await?.to_bytes().to_vec(),
    })
}
