//! One request and its answer: attempts, limits, and what counts as an answer.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER, USER_AGENT};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Bytes, Incoming};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use super::deadline::TooSlow;
use super::{Bound, Dial, Head, Limits, ServerTime, Transport};
use crate::domain::text::{chain, clean};
use crate::kubernetes::error::{Error, find, tls_fault};

/// How many HTTP/1.1 requests run at once; each has its own connection.
const HTTP1_CONCURRENT: usize = 8;
/// The first pause between attempts; it doubles.
const PAUSE_FIRST: Duration = Duration::from_millis(250);
/// The longest pause that we choose ourselves.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Everything that a request needs besides itself.
pub(super) struct Exchange {
    server: String,
    base: Uri,
    pub(super) authorization: Option<HeaderValue>,
    limits: Limits,
    dial: Arc<Dial>,
    transport: Transport,
    /// The proxy, as it is named in errors: without its login.
    proxy: Option<String>,
    /// What the server speaks, once known. Held locked by the very first request until its answer
    /// begins: requests that start together would each open a connection of their own, since
    /// nobody knows yet that one could carry them all.
    protocol: Mutex<Option<Version>>,
    http1: Semaphore,
    time: ServerTime,
}

/// How an attempt failed.
struct Failed {
    error: Error,
    /// Nothing reached the server: trying again cannot do anything twice.
    unsent: bool,
    /// Trying again may help.
    passing: bool,
}

impl Failed {
    fn for_good(error: Error) -> Self {
        Self {
            error,
            unsent: false,
            passing: false,
        }
    }
}

impl Exchange {
    pub(super) fn new(
        server: String,
        base: Uri,
        authorization: Option<HeaderValue>,
        limits: Limits,
        dial: Dial,
        proxy: Option<String>,
    ) -> Self {
        Self {
            server,
            base,
            authorization,
            limits,
            transport: dial(),
            dial: Arc::new(dial),
            proxy,
            protocol: Mutex::new(None),
            http1: Semaphore::new(HTTP1_CONCURRENT),
            time: ServerTime::default(),
        }
    }

    /// The same with connections of its own.
    pub(super) fn again(&self) -> Self {
        Self {
            server: self.server.clone(),
            base: self.base.clone(),
            authorization: self.authorization.clone(),
            limits: self.limits,
            transport: (self.dial)(),
            dial: Arc::clone(&self.dial),
            proxy: self.proxy.clone(),
            protocol: Mutex::new(None),
            http1: Semaphore::new(HTTP1_CONCURRENT),
            time: self.time.clone(),
        }
    }

    /// The server's address.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// What the answers say that the time is there.
    pub(super) fn time(&self) -> ServerTime {
        self.time.clone()
    }

    /// Sends a request until it has an answer, or further attempts are not worth it.
    pub(super) async fn run(
        &self,
        parts: Parts,
        body: Bytes,
    ) -> Result<Response<Full<Bytes>>, Error> {
        let begun = Instant::now();
        let repeatable = is_repeatable(&parts);
        let target = self.target(&parts.uri)?;
        let mut attempt = 1;
        loop {
            let request = build(&parts, &target, &body);
            let outcome = self.attempt(request).await;
            let asked = match &outcome {
                Ok(response) => match response.status() {
                    StatusCode::TOO_MANY_REQUESTS => Some(retry_after(response)),
                    StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT if repeatable => {
                        Some(retry_after(response))
                    }
                    _ => None,
                },
                Err(failed) => (failed.passing && (repeatable || failed.unsent)).then_some(None),
            };
            let pause = asked.map(|asked| asked.unwrap_or_else(|| pause(attempt)));
            match pause {
                // A server that asks for more patience than we have gets no further attempt.
                Some(pause)
                    if attempt < self.limits.attempts_max
                        && begun.elapsed().saturating_add(pause) < self.limits.retry_total =>
                {
                    tokio::time::sleep(pause).await;
                    attempt += 1;
                }
                _ => return outcome.map_err(|failed| failed.error),
            }
        }
    }

    fn target(&self, uri: &Uri) -> Result<Uri, Error> {
        let prefix = self.base.path().trim_end_matches('/');
        let path = uri
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str);
        let mut parts = self.base.clone().into_parts();
        let garbled = || Error::Garbled {
            what: "the request".to_owned(),
            reason: "its path is no path".to_owned(),
        };
        parts.path_and_query = Some(format!("{prefix}{path}").parse().map_err(|_| garbled())?);
        Uri::from_parts(parts).map_err(|_| garbled())
    }

    async fn attempt(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Full<Bytes>>, Failed> {
        match tokio::time::timeout(self.limits.read, self.exchange(request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failed::for_good(Error::Timeout {
                server: self.server.clone(),
                seconds: self.limits.read.as_secs(),
            })),
        }
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Full<Bytes>>, Failed> {
        let bound = request.extensions().get::<Bound>().copied();
        let is_api = is_api_path(request.uri().path(), self.base.path())
            && request.headers().get(ACCEPT).is_none_or(|accept| {
                accept
                    .to_str()
                    .is_ok_and(|accept| accept.contains("json") || accept == "*/*")
            });
        // Whoever never answered is not waited for as somebody who is slow once.
        let first = tokio::time::timeout(self.limits.first, self.first(request)).await;
        let silent = |_| {
            Failed::for_good(Error::Timeout {
                server: self.server.clone(),
                seconds: self.limits.first.as_secs(),
            })
        };
        let (response, _permit) = match first.map_err(silent)?? {
            First::Answer(response) => (response, None),
            First::Known(version, request) => {
                // The permit lasts until the body is read: so long the connection is taken.
                let permit = if version == Version::HTTP_2 {
                    None
                } else {
                    self.http1.acquire().await.ok()
                };
                let response = (self.transport)(request)
                    .await
                    .map_err(|e| self.failed(&e))?;
                (response, permit)
            }
        };
        self.refuse_redirect(&response)?;
        self.time.note(response.headers());
        let (mut parts, body) = response.into_parts();
        // Of a refusal nothing but the whole is of use.
        let bound = bound.filter(|_| parts.status.is_success());
        let whole = bound.map_or(self.limits.body_max, |bound| bound.whole);
        let read = read(body, whole, bound.map(|bound| bound.head)).await;
        match read.map_err(|error| self.broken_body(&error))? {
            Answer::Whole(body) => {
                judge(Response::from_parts(parts, body), is_api).map_err(Failed::for_good)
            }
            Answer::Head(body) => {
                parts.extensions.insert(Head);
                Ok(Response::from_parts(parts, Full::new(body)))
            }
            Answer::TooLarge => Err(Failed::for_good(Error::TooLarge {
                server: self.server.clone(),
                body_max: whole,
            })),
        }
    }

    /// Sends the very first request; any other is given back, with what the server speaks.
    async fn first(&self, request: Request<Full<Bytes>>) -> Result<First, Failed> {
        let mut protocol = self.protocol.lock().await;
        if let Some(version) = *protocol {
            return Ok(First::Known(version, request));
        }
        let response = (self.transport)(request)
            .await
            .map_err(|e| self.failed(&e))?;
        *protocol = Some(response.version());
        Ok(First::Answer(response))
    }

    fn refuse_redirect<B>(&self, response: &Response<B>) -> Result<(), Failed> {
        if !response.status().is_redirection() {
            return Ok(());
        }
        let location = response
            .headers()
            .get(LOCATION)
            .map(|location| clean(&String::from_utf8_lossy(location.as_bytes())))
            .unwrap_or_default();
        Err(Failed::for_good(Error::Redirected {
            server: self.server.clone(),
            code: response.status().as_u16(),
            location,
        }))
    }

    fn broken_body(&self, _: &hyper::Error) -> Failed {
        Failed {
            error: Error::Interrupted {
                server: self.server.clone(),
            },
            unsent: false,
            passing: true,
        }
    }

    /// Reads why there was no answer.
    fn failed(&self, error: &hyper_util::client::legacy::Error) -> Failed {
        let server = self.server.clone();
        if let Some(fault) = find::<rustls::Error>(error) {
            let fault = tls_fault(fault);
            return Failed::for_good(Error::Tls { server, fault });
        }
        // A server that answered before and is gone now may have changed something meanwhile.
        let has_answered = self.protocol.try_lock().is_ok_and(|known| known.is_some());
        if !error.is_connect() || has_answered {
            return Failed {
                error: Error::Interrupted { server },
                unsent: error.is_connect(),
                passing: true,
            };
        }
        if let Some(slow) = find::<TooSlow>(error) {
            let reason = slow.to_string();
            return Failed::for_good(Error::Unreachable { server, reason });
        }
        let io = find::<std::io::Error>(error);
        let passing = io.is_some_and(|io| {
            matches!(
                io.kind(),
                std::io::ErrorKind::ConnectionRefused
                    | std::io::ErrorKind::ConnectionReset
                    | std::io::ErrorKind::ConnectionAborted
                    | std::io::ErrorKind::UnexpectedEof
            )
        });
        let text = std::error::Error::source(error).map_or_else(|| error.to_string(), chain);
        let text = match &self.proxy {
            None => text,
            Some(proxy) => format!("through the proxy {proxy}: {text}"),
        };
        Failed {
            error: Error::Unreachable {
                server,
                reason: clean(&text),
            },
            unsent: true,
            passing,
        }
    }
}

/// What became of a request that may be the very first.
enum First {
    /// It was, and this is the answer.
    Answer(Response<Incoming>),
    /// It was not, and is still to be sent.
    Known(Version, Request<Full<Bytes>>),
}

/// As much of a body as was to be read.
enum Answer {
    Whole(Bytes),
    Head(Bytes),
    TooLarge,
}

/// Reads a body of at most `whole` bytes; of a larger one the first `head`, or nothing.
async fn read<B>(mut body: B, whole: usize, head: Option<usize>) -> Result<Answer, B::Error>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut bytes = Vec::new();
    // Where the length is announced, nothing is read in vain.
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    let mut too_large = announced > whole;
    loop {
        if too_large {
            let Some(head) = head else {
                return Ok(Answer::TooLarge);
            };
            if bytes.len() >= head {
                bytes.truncate(head);
                return Ok(Answer::Head(bytes.into()));
            }
        }
        let Some(frame) = body.frame().await else {
            return Ok(if too_large {
                Answer::Head(bytes.into())
            } else {
                Answer::Whole(bytes.into())
            });
        };
        if let Ok(data) = frame?.into_data() {
            bytes.extend_from_slice(&data);
            too_large = too_large || bytes.len() > whole;
        }
    }
}

/// Says whether a request may be sent twice without doing anything twice.
fn is_repeatable(parts: &Parts) -> bool {
    match parts.method {
        Method::GET | Method::HEAD | Method::PUT | Method::DELETE | Method::OPTIONS => true,
        // Server-side apply says what should be; other patches may say what to add.
        Method::PATCH => parts
            .headers
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/apply-patch")),
        _ => false,
    }
}

fn build(parts: &Parts, target: &Uri, body: &Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body.clone()));
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = target.clone();
    *request.headers_mut() = parts.headers.clone();
    if let Some(bound) = parts.extensions.get::<Bound>() {
        request.extensions_mut().insert(*bound);
    }
    let agent = HeaderValue::from_static(concat!("kubegrant/", env!("CARGO_PKG_VERSION")));
    request.headers_mut().insert(USER_AGENT, agent);
    request
}

fn retry_after<B>(response: &Response<B>) -> Option<Duration> {
    let seconds = response
        .headers()
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

/// Chooses a pause: doubling, and different for each client, so that they do not return together.
fn pause(attempt: u32) -> Duration {
    let longest = PAUSE_FIRST
        .saturating_mul(1 << attempt.min(10).saturating_sub(1))
        .min(PAUSE_MAX);
    longest.mul_f64(rand::Rng::gen_range(&mut rand::thread_rng(), 0.5..1.0))
}

fn is_api_path(path: &str, prefix: &str) -> bool {
    let path = path
        .strip_prefix(prefix.trim_end_matches('/'))
        .unwrap_or(path);
    path == "/api" || path == "/apis" || path.starts_with("/api/") || path.starts_with("/apis/")
}

/// Looks whether an answer is one that an API server gives. kube would log the text of any other,
/// and there is no telling what stands in it.
pub(in crate::kubernetes) fn judge(
    response: Response<Bytes>,
    is_api: bool,
) -> Result<Response<Full<Bytes>>, Error> {
    let (parts, mut body) = response.into_parts();
    if parts.status.is_client_error() || parts.status.is_server_error() {
        body = as_status(parts.status, &body);
    } else if is_api && serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_err() {
        let kind = parts.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
        let kind = clean(&String::from_utf8_lossy(kind.unwrap_or(b"no content type")));
        return Err(Error::Garbled {
            what: "the request".to_owned(),
            reason: format!("{} with a body that is not JSON ({kind})", parts.status),
        });
    }
    Ok(Response::from_parts(parts, Full::new(body)))
}

/// Adds words of ours to the message of a refusal.
pub(super) async fn with_words(
    answer: Response<Full<Bytes>>,
    words: &str,
) -> Response<Full<Bytes>> {
    let (parts, body) = answer.into_parts();
    // It is in memory, and reading it cannot fail.
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes);
    let body = body.unwrap_or_default();
    let mut value = serde_json::from_slice(&body).unwrap_or(serde_json::Value::Null);
    if let Some(message) = value["message"].as_str() {
        value["message"] = format!("{message} ({words})").into();
    }
    let body = serde_json::to_vec(&value).map_or(body, Bytes::from);
    Response::from_parts(parts, Full::new(body))
}

/// Makes every refusal a Kubernetes `Status` with the code that was really sent; a load balancer
/// in between answers with a page instead.
fn as_status(status: StatusCode, body: &Bytes) -> Bytes {
    let mut value = match serde_json::from_slice::<serde_json::Value>(body) {
        Ok(value) if value["kind"] == "Status" && value["apiVersion"] == "v1" => value,
        _ => serde_json::json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure",
            "message": clean(&String::from_utf8_lossy(body)),
        }),
    };
    if let Some(fields) = value.as_object_mut() {
        fields.insert("code".to_owned(), status.as_u16().into());
        for field in ["message", "reason"] {
            if !fields.get(field).is_none_or(serde_json::Value::is_string) {
                fields.remove(field);
            }
        }
        // Their shape is not checked, and an unexpected one would lose the message.
        fields.remove("details");
        fields.remove("metadata");
        fields.insert("status".to_owned(), "Failure".into());
    }
    serde_json::to_vec(&value).map_or_else(|_| body.clone(), Bytes::from)
}
