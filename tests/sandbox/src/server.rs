//! Listens, speaks TLS and HTTP, and hands each request to the world, unless a fault is in the way.

use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::body::Outgoing;
use crate::call::Call;
use crate::fault::{Action, Faults};
use crate::reply::{Content, Reply};
use crate::status::Status;
use crate::wire::{Scissors, Wire};
use crate::world::World;

/// The largest request body, in bytes; a real server takes 3 MiB too.
const BODY_LIMIT: usize = 3 * 1024 * 1024;

/// One request that reached the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The HTTP method.
    pub method: String,
    /// The path with its query, as it came.
    pub path: String,
    /// The authenticated user; empty when authentication failed or a fault came first.
    pub user: String,
    /// The HTTP status code of the answer; 0 when there was none.
    pub status: u16,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub http_version: String,
    /// The connection it came on, counted from 1.
    pub connection: u64,
    /// The API server it came to, counted from 0.
    pub server: usize,
}

/// What the server's thread and the sandbox's owner share.
pub(crate) struct Shared {
    world: Mutex<World>,
    faults: Mutex<Faults>,
    requests: Mutex<Vec<Recorded>>,
    connections: AtomicU64,
    /// How many connections were spread over the servers.
    spread: AtomicUsize,
}

impl Shared {
    /// Shares a world.
    pub(crate) fn new(world: World) -> Shared {
        Shared {
            world: Mutex::new(world),
            faults: Mutex::default(),
            requests: Mutex::default(),
            connections: AtomicU64::new(0),
            spread: AtomicUsize::new(0),
        }
    }

    /// The cluster.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The faults.
    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The record of requests.
    pub(crate) fn requests(&self) -> MutexGuard<'_, Vec<Recorded>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Goes on with the namespaces that were on their way out when the server was stopped.
pub(crate) fn resume(shared: &Arc<Shared>) {
    let mut world = shared.world();
    let unfinished = world.terminating_namespaces();
    world.doomed.extend(unfinished);
    drop(world);
    finish_namespaces(shared);
}

/// Accepts connections for ever, for one of the API servers, or for each of them in turn, as a load
/// balancer does. Has to run in a current-thread runtime with time and I/O.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    listener: TcpListener,
    acceptor: TlsAcceptor,
    server: Option<usize>,
) {
    let servers = shared.world().settings.servers.max(1);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let server =
            server.unwrap_or_else(|| shared.spread.fetch_add(1, Ordering::Relaxed) % servers);
        if shared.faults().refuses_connections(server) {
            Scissors::default().cut_now(stream);
            continue;
        }
        let shared = shared.clone();
        let acceptor = acceptor.clone();
        tokio::spawn(async move { connection(shared, acceptor, stream, server).await });
    }
}

async fn connection(shared: Arc<Shared>, acceptor: TlsAcceptor, stream: TcpStream, server: usize) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let scissors = Scissors::default();
    let Ok(stream) = acceptor.accept(Wire::new(stream, scissors.clone())).await else {
        return;
    };
    let certificate = stream
        .get_ref()
        .1
        .peer_certificates()
        .and_then(|chain| chain.first())
        .map(|certificate| Arc::new(certificate.to_vec()));
    let connection = shared.connections.fetch_add(1, Ordering::Relaxed) + 1;
    let service = service_fn(|request: Request<Incoming>| {
        let exchange = Exchange {
            shared: shared.clone(),
            scissors: scissors.clone(),
            certificate: certificate.clone(),
            connection,
            server,
        };
        async move { Ok::<_, Infallible>(exchange.run(request).await) }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // A client that goes away in the middle is no news.
        _ = serving => {}
        () = scissors.wait() => {}
    }
}

/// One request and its answer.
struct Exchange {
    shared: Arc<Shared>,
    scissors: Scissors,
    certificate: Option<Arc<Vec<u8>>>,
    connection: u64,
    server: usize,
}

impl Exchange {
    async fn run(self, request: Request<Incoming>) -> Response<Outgoing> {
        let method = request.method().as_str().to_owned();
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .to_owned();
        let mut record = Recorded {
            method,
            path,
            user: String::new(),
            status: 0,
            http_version: format!("{:?}", request.version()),
            connection: self.connection,
            server: self.server,
        };
        let action = (self.shared.faults()).meet(self.server, &record.method, &record.path);
        if matches!(action, Some(Action::Refuse)) {
            return self.never(record).await;
        }
        let (parts, body) = request.into_parts();
        let Ok(body) = Limited::new(body, BODY_LIMIT).collect().await else {
            let status = Status::too_large(BODY_LIMIT);
            return self.answer(record, Reply::refusal(&status)).0;
        };
        match action {
            Some(Action::ResetBefore) => return self.never(record).await,
            Some(Action::Hang) => {
                self.shared.requests().push(record);
                return pending().await;
            }
            Some(Action::Delay(time)) => tokio::time::sleep(time).await,
            Some(Action::Wait(ref gate)) => gate.pass().await,
            Some(Action::Compact) => self.shared.world().store.compact(),
            Some(ref action) => {
                if let Some(reply) = planned(action) {
                    return self.answer(record, reply).0;
                }
            }
            None => {}
        }
        let mut call = Call::new(parts, body.to_bytes().to_vec(), self.certificate.clone());
        call.server = self.server;
        if call.attributes.verb == "list" {
            let wait = self.shared.world().settings.list_wait;
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
        }
        let (reply, user) = self.shared.world().handle(&call);
        finish_namespaces(&self.shared);
        record.user = user;
        match action {
            Some(Action::ResetAfter) => self.never(record).await,
            Some(Action::Truncate) => {
                let (mut response, bytes) = self.answer(record, reply);
                *response.body_mut() = Outgoing::half(&bytes);
                response
            }
            Some(Action::Replace { from, to }) => {
                self.answer(record, replaced(reply, &from, &to)).0
            }
            Some(Action::BadJson) => self.answer(record, raw(200, "{\"kind\":\"Sta".into())).0,
            Some(Action::Oversize(size)) => self.answer(record, raw(200, oversize(size))).0,
            _ => self.answer(record, reply).0,
        }
    }

    /// Records the request and resets the connection.
    async fn never(self, record: Recorded) -> Response<Outgoing> {
        self.shared.requests().push(record);
        self.scissors.cut();
        pending().await
    }

    /// The time by the server's clock, as HTTP writes it.
    fn date(&self) -> String {
        let now = self.shared.world().settings.clock.now();
        now.format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// Records the request and makes the response; returns the bytes of its body too.
    fn answer(&self, mut record: Recorded, reply: Reply) -> (Response<Outgoing>, Bytes) {
        record.status = reply.status;
        self.shared.requests().push(record);
        let (body, bytes) = match reply.content {
            Content::Bytes(bytes) => {
                let bytes = Bytes::from(bytes);
                (Outgoing::Whole(Some(bytes.clone())), bytes)
            }
            Content::Stream(bytes, pause) => (Outgoing::stream(bytes, pause), Bytes::new()),
            Content::Watch(receiver, lasts) => (Outgoing::events(receiver, lasts), Bytes::new()),
        };
        let mut builder = Response::builder()
            .status(reply.status)
            .header("content-type", reply.content_type)
            .header("cache-control", "no-cache, private")
            .header("date", self.date())
            .header("audit-id", crate::object::new_uid());
        for (name, value) in reply.headers {
            builder = builder.header(name, value);
        }
        let response = builder.body(body).unwrap_or_else(|_| {
            // Only a fault with an impossible status or header comes here.
            let mut response = Response::new(Outgoing::Whole(None));
            *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
            response
        });
        (response, bytes)
    }
}

/// The answer of a fault that applies nothing.
fn planned(action: &Action) -> Option<Reply> {
    match action {
        Action::Status { code, retry_after } => {
            Some(Reply::refusal(&Status::fault(*code, *retry_after)))
        }
        Action::Redirect(url) => {
            let mut reply = Reply::text(307, "");
            reply.headers.push(("location", url.clone()));
            Some(reply)
        }
        Action::Raw { status, body } => Some(raw(*status, body.clone())),
        Action::Answer {
            status,
            content_type,
            body,
        } => Some(Reply {
            status: *status,
            content_type,
            headers: Vec::new(),
            content: Content::Bytes(body.clone()),
        }),
        Action::Stream { bytes, pause } => Some(Reply {
            status: 200,
            content_type: "application/json",
            headers: Vec::new(),
            content: Content::Stream(*bytes, *pause),
        }),
        _ => None,
    }
}

/// The answer with one text in the place of another.
fn replaced(mut reply: Reply, from: &str, to: &str) -> Reply {
    if let Content::Bytes(bytes) = &reply.content {
        let text = String::from_utf8_lossy(bytes).replace(from, to);
        reply.content = Content::Bytes(text.into_bytes());
    }
    reply
}

fn raw(status: u16, body: String) -> Reply {
    Reply {
        status,
        content_type: "application/json",
        headers: Vec::new(),
        content: Content::Bytes(body.into_bytes()),
    }
}

/// A JSON document of this many bytes, but never less than its frame.
fn oversize(size: usize) -> String {
    let frame = json!({ "kind": "Status", "apiVersion": "v1", "message": "" }).to_string();
    let filling = "x".repeat(size.saturating_sub(frame.len()));
    json!({ "kind": "Status", "apiVersion": "v1", "message": filling }).to_string()
}

/// Lets the namespaces go whose deletion has begun, each after its time.
fn finish_namespaces(shared: &Arc<Shared>) {
    let (doomed, delay) = {
        let mut world = shared.world();
        if !world.settings.controllers {
            return;
        }
        (
            std::mem::take(&mut world.doomed),
            world.settings.namespace_cleanup,
        )
    };
    for name in doomed {
        let shared = shared.clone();
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            shared.world().finish_namespace(&name);
        });
    }
}
