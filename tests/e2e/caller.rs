//! Someone with a kubeconfig who asks the API server: independent of the tool's own client.

use std::time::{Duration, Instant};

use http_body_util::BodyExt as _;
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;

use crate::world::HANG;

/// An API server's answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body; a string where it is no JSON.
    pub(crate) body: Value,
}

impl Answer {
    /// Checks the status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }
}

/// The header by which one asks as somebody else.
pub(crate) type Header = (&'static str, String);

/// The header that says what a body is.
pub(crate) const CONTENT_TYPE: &str = "Content-Type";
/// What the body of a server-side apply is.
pub(crate) const APPLY: &str = "application/apply-patch+yaml";

/// Someone with a kubeconfig.
pub(crate) struct Caller {
    runtime: tokio::runtime::Runtime,
    client: kube::Client,
}

impl Caller {
    /// Reads a kubeconfig as kube's own loader does.
    pub(crate) fn new(kubeconfig: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime starts");
        let client = runtime.block_on(async {
            let file = Kubeconfig::from_yaml(kubeconfig).expect("a kubeconfig");
            let options = KubeConfigOptions::default();
            let config = kube::Config::from_custom_kubeconfig(file, &options).await;
            kube::Client::try_from(config.expect("a whole kubeconfig")).expect("a client")
        });
        Self { runtime, client }
    }

    /// Asks as somebody else.
    pub(crate) fn ask_as(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        headers: &[Header],
    ) -> Answer {
        self.try_ask(method, path, body, headers)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Asks, where there may be no answer. A `Content-Type` among the headers says what the body is.
    pub(crate) fn try_ask(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        headers: &[Header],
    ) -> Result<Answer, kube::Error> {
        let mut request = http::Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        if !headers.iter().any(|(name, _)| *name == CONTENT_TYPE) {
            let kind = if method == "PATCH" {
                "application/merge-patch+json"
            } else {
                "application/json"
            };
            request = request.header(CONTENT_TYPE, kind);
        }
        let bytes = body.map_or(Vec::new(), |body| body.to_string().into_bytes());
        let request = request.body(Body::from(bytes)).expect("a request");
        self.runtime.block_on(async {
            let answer = self.client.send(request).await?;
            let status = answer.status().as_u16();
            let bytes = answer.into_body().collect().await?.to_bytes();
            let body = serde_json::from_slice(&bytes)
                .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&bytes).into_owned()));
            Ok(Answer { status, body })
        })
    }

    /// Asks.
    pub(crate) fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.ask_as(method, path, body, &[])
    }

    /// Asks for something.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None)
    }

    /// Sends something new.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, Some(body))
    }

    /// Changes something by a merge patch.
    pub(crate) fn patch(&self, path: &str, body: &Value) -> Answer {
        self.ask("PATCH", path, Some(body))
    }

    /// Removes something.
    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path, None)
    }

    /// Asks until the status is one of these; gives it with the time that it took.
    #[track_caller]
    pub(crate) fn wait_for(&self, path: &str, wanted: &[u16]) -> (u16, Duration) {
        let started = Instant::now();
        loop {
            let status = self.get(path).status;
            if wanted.contains(&status) {
                return (status, started.elapsed());
            }
            let waited = started.elapsed();
            assert!(waited < HANG, "{path}: still {status} after {waited:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}
