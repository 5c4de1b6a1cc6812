//! A small TLS server on loopback that remembers what it saw.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use hyper::body::Bytes;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::*;

/// An authority and a server certificate signed by it.
pub(super) struct Identity {
    pub(super) ca_pem: String,
    pub(super) chain: Vec<rustls::pki_types::CertificateDer<'static>>,
    pub(super) key: PrivateKeyDer<'static>,
}

/// Makes an identity for 127.0.0.1 and `kubernetes`, after a last change to the certificate.
pub(super) fn identity(change: impl FnOnce(&mut CertificateParams)) -> Identity {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().expect("a key");
    let ca_pem = authority
        .self_signed(&authority_key)
        .expect("an authority")
        .pem();
    let issuer = Issuer::new(authority, authority_key);
    let mut leaf = params();
    change(&mut leaf);
    let key = KeyPair::generate().expect("a key");
    let certificate = leaf.signed_by(&key, &issuer).expect("a certificate");
    Identity {
        ca_pem,
        chain: vec![certificate.der().clone()],
        key: key.into(),
    }
}

/// Makes an identity that signs itself and is its own authority.
pub(super) fn self_signed(change: impl FnOnce(&mut CertificateParams)) -> Identity {
    let mut leaf = params();
    change(&mut leaf);
    let key = KeyPair::generate().expect("a key");
    let certificate = leaf.self_signed(&key).expect("a certificate");
    Identity {
        ca_pem: certificate.pem(),
        chain: vec![certificate.der().clone()],
        key: key.into(),
    }
}

fn params() -> CertificateParams {
    let names = ["127.0.0.1".to_owned(), "kubernetes".to_owned()];
    let mut params = CertificateParams::new(names).expect("names");
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, "server");
    params
}

/// What a request looked like.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) uri: Uri,
    pub(super) headers: http::HeaderMap,
}

/// A running server; it ends with the test's runtime.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) ca_pem: String,
    pub(super) connections: Arc<AtomicUsize>,
    pub(super) seen: Arc<Mutex<Vec<Seen>>>,
}

/// When a server answers.
#[derive(Clone, Copy)]
pub(super) enum Pace {
    /// After a while.
    After(Duration),
    /// The first request at once, and every other when this many were seen in all.
    Together(usize),
}

pub(super) type Handler =
    Arc<dyn Fn(TlsStream<TcpStream>, usize) -> BoxFuture<'static, ()> + Send + Sync>;

impl Server {
    /// Answers requests from a list, and with the last of it for ever.
    pub(super) async fn answering(answers: Vec<Response<Full<Bytes>>>) -> Self {
        Self::with(
            identity(|_| {}),
            &[b"h2", b"http/1.1"],
            answers,
            Pace::After(Duration::ZERO),
        )
        .await
    }

    /// Answers at a pace, with the given identity and protocols.
    pub(super) async fn with(
        identity: Identity,
        protocols: &[&[u8]],
        answers: Vec<Response<Full<Bytes>>>,
        pace: Pace,
    ) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let count = watch::Sender::new(0);
        let config = config(&identity, protocols, None);
        let kept = Arc::clone(&seen);
        let handler: Handler = Arc::new(move |stream, _| {
            let (answers, seen, count) = (answers.clone(), Arc::clone(&kept), count.clone());
            Box::pin(async move {
                let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                    let at = {
                        let mut seen = seen.lock().expect("no test panics while holding it");
                        let (parts, _) = request.into_parts();
                        seen.push(Seen {
                            uri: parts.uri,
                            headers: parts.headers,
                        });
                        seen.len() - 1
                    };
                    let answer = answers[at.min(answers.len() - 1)].clone();
                    count.send_modify(|count| *count += 1);
                    let mut count = count.subscribe();
                    async move {
                        match pace {
                            Pace::After(pause) => tokio::time::sleep(pause).await,
                            Pace::Together(all) if at > 0 => {
                                let _all = count.wait_for(|count| *count >= all).await;
                            }
                            Pace::Together(_) => {}
                        }
                        Ok::<_, std::convert::Infallible>(answer)
                    }
                });
                let _ended = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            })
        });
        let mut server = Self::raw(config, identity.ca_pem, handler).await;
        server.seen = seen;
        server
    }

    /// Hands every connection, after TLS, to a handler.
    pub(super) async fn raw(config: ServerConfig, ca_pem: String, handler: Handler) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = counted.fetch_add(1, Ordering::SeqCst);
                let (acceptor, handler) = (acceptor.clone(), Arc::clone(&handler));
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        handler(stream, number).await;
                    }
                });
            }
        });
        Self {
            address,
            ca_pem,
            connections,
            seen: Arc::default(),
        }
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        Endpoint {
            server: format!("https://{}", self.address),
            ca_pem: Some(self.ca_pem.clone()),
            tls_server_name: None,
            proxy_url: None,
        }
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen
            .lock()
            .expect("no test panics while holding it")
            .clone()
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Makes the server's side of TLS.
pub(super) fn config(
    identity: &Identity,
    protocols: &[&[u8]],
    clients: Option<Arc<dyn rustls::server::danger::ClientCertVerifier>>,
) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocol versions");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(verifier) => builder.with_client_cert_verifier(verifier),
    };
    let mut config = builder
        .with_single_cert(identity.chain.clone(), identity.key.clone_key())
        .expect("a certificate and its key");
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config
}

/// Makes an answer with a JSON content type.
pub(super) fn answer(code: u16, body: &str) -> Response<Full<Bytes>> {
    Response::builder()
        .status(code)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_owned())))
        .expect("an answer")
}
