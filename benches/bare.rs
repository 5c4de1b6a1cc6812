//! What a bare client needs for the same objects: `cargo bench --bench bare -- FOLDER PORT COUNT`.
//!
//! FOLDER is what `benches/kube.sh` made. It creates that many ServiceAccounts, lists them and deletes them, over
//! one HTTP/2 connection with as many calls at once as kubegrant has, and prints the milliseconds of each. It
//! reads nothing back, asks no authorizer and keeps no store: `team rotate --all-users` is measured against it.

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use futures::{StreamExt as _, stream};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

type Failure = Box<dyn Error + Send + Sync>;

/// As many as kubegrant sends at once.
const CONCURRENCY: usize = 32;
const NAMESPACE: &str = "bare";

struct Bare {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    server: String,
}

impl Bare {
    fn new(folder: &Path, port: &str) -> Result<Self, Failure> {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(folder.join("ca.crt"))? {
            roots.add(certificate?)?;
        }
        let chain = CertificateDer::pem_file_iter(folder.join("admin.crt"))?;
        let chain = chain.collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_file(folder.join("admin.key"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_only()
            .enable_http2()
            .build();
        let client = Client::builder(TokioExecutor::new())
            .http2_only(true)
            .build(connector);
        Ok(Self {
            client,
            server: format!("https://127.0.0.1:{port}"),
        })
    }

    async fn call(&self, method: Method, path: &str, body: String) -> Result<usize, Failure> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server))
            .header("content-type", "application/json")
            .body(Full::from(body))?;
        let answer = self.client.request(request).await?;
        let status = answer.status();
        let bytes = answer.into_body().collect().await?.to_bytes();
        if status.is_success() || status.as_u16() == 409 {
            Ok(bytes.len())
        } else {
            Err(format!("{path}: {status}: {}", String::from_utf8_lossy(&bytes)).into())
        }
    }

    async fn each(&self, method: Method, count: usize) -> Result<f64, Failure> {
        let began = Instant::now();
        let accounts = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts");
        let calls = (0..count).map(|at| {
            let (method, name) = (method.clone(), format!("account-{at}"));
            let (path, body) = if method == Method::POST {
                (accounts.clone(), account(&name, at))
            } else {
                (format!("{accounts}/{name}"), String::new())
            };
            async move { self.call(method, &path, body).await }
        });
        let mut calls = stream::iter(calls).buffer_unordered(CONCURRENCY);
        while let Some(done) = calls.next().await {
            done?;
        }
        Ok(1000.0 * began.elapsed().as_secs_f64())
    }

    async fn list(&self) -> Result<f64, Failure> {
        let began = Instant::now();
        let accounts = format!("/api/v1/namespaces/{NAMESPACE}/serviceaccounts");
        self.call(Method::GET, &accounts, String::new()).await?;
        Ok(1000.0 * began.elapsed().as_secs_f64())
    }
}

/// An account as kubegrant makes it.
fn account(name: &str, at: usize) -> String {
    format!(
        r#"{{"apiVersion":"v1","kind":"ServiceAccount","automountServiceAccountToken":false,"metadata":{{
        "name":"{name}","namespace":"{NAMESPACE}","labels":{{"app.kubernetes.io/managed-by":"kubegrant",
        "kubegrant.io/installation":"0badcafe"}},"annotations":{{"kubegrant.io/user":"reader-{at}",
        "kubegrant.io/credential-id":"{at}"}}}}}}"#
    )
}

fn main() -> Result<(), Failure> {
    let mut words = std::env::args().skip(1).filter(|it| !it.starts_with("--"));
    let (Some(folder), Some(port), Some(count)) = (words.next(), words.next(), words.next()) else {
        // `cargo bench` and `cargo test` run all of them.
        writeln!(
            std::io::stdout(),
            "bare: skipped: it needs FOLDER PORT COUNT"
        )?;
        return Ok(());
    };
    let count = count.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let bare = Bare::new(Path::new(&folder), &port)?;
        let namespace = format!(r#"{{"metadata":{{"name":"{NAMESPACE}"}}}}"#);
        bare.call(Method::POST, "/api/v1/namespaces", namespace)
            .await?;
        let created = bare.each(Method::POST, count).await?;
        let listed = bare.list().await?;
        let deleted = bare.each(Method::DELETE, count).await?;
        let line = format!("created {created:.0} listed {listed:.0} deleted {deleted:.0}");
        writeln!(std::io::stdout(), "{line}")?;
        Ok(())
    })
}
