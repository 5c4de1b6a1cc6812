//! Connections: how many, for how long, and how they end.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::{Error, Options, ServerState, Timer, api, respond, tls};
use crate::domain::text::chain;

/// How many connections are open at once; others wait until one ends.
const CONNECTIONS_MAX: u64 = 1024;
/// How many wait for that in turn, as far as the system lets them: of more than these, whoever asks most often
/// comes in, and others may never.
const WAITING_MAX: u32 = 4096;
/// How many of them one address has.
const OF_ONE_MAX: usize = 128;
/// How many files a command, the store and all else may have open beside.
const FILES_BESIDE: u64 = 512;
/// How long a client may leave unread what was sent, in milliseconds.
const UNREAD_MAX_MILLISECONDS: u32 = 30_000;
/// How long a client may take to say who it is, and what it asks; and to ask nothing.
const HELLO_MAX: Duration = Duration::from_secs(10);
/// The same where few places are left: whoever says nothing makes room for those who wait.
const HELLO_FULL: Duration = Duration::from_secs(2);
/// How long those who are being answered when the server stops are waited for.
const DRAIN_MAX: Duration = Duration::from_mins(1);
/// How long the server rests where it can take no connection, as with too many files open.
const REST: Duration = Duration::from_millis(100);

/// From where somebody asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// Serves until the interrupt is raised, and then answers those who were asking.
pub(crate) async fn serve(server: Arc<ServerState>, options: &Options) -> Result<(), Error> {
    let shown = match &options.certificate {
        None => None,
        Some(certificate) => Some(Arc::new(tls::Shown::read(certificate)?)),
    };
    let listener = listen(options.listen)?;
    let beside = match options.metrics {
        None => None,
        Some(address) => Some(listen(address)?),
    };
    (server.log)(&format!(
        "Serving at {} (listening at {}).",
        options.public_url,
        listener.local_addr().unwrap_or(options.listen)
    ));
    let router = api::router(Arc::clone(&server)).layer(axum::middleware::map_response(
        |answer: Response<Body>| async { respond::guarded(answer) },
    ));
    let connections_max = connections_max();
    let door = Door {
        server: Arc::clone(&server),
        router,
        shown: shown.clone(),
        trusted: options.trusted_proxies.clone(),
        places: Arc::new(Semaphore::new(connections_max)),
        places_few: connections_max / 4,
        guests: Guests::default(),
        graceful: GracefulShutdown::new(),
    };
    let renewing = renew(Arc::clone(&server), shown);
    let beside = async {
        match beside {
            None => std::future::pending().await,
            Some(listener) => health(&server, listener).await,
        }
    };
    let reconciling = reconcile(Arc::clone(&server), options.reconcile.as_ref());
    let taking = door.take(&listener);
    tokio::select! {
        () = server.interrupt.raised() => {}
        () = renewing => {}
        () = beside => {}
        () = reconciling => {}
        () = taking => {}
    }
    drop(listener);
    (server.log)("stopping: no more connections are taken");
    let drained = tokio::time::timeout(DRAIN_MAX, door.graceful.shutdown()).await;
    // Whoever has one has no server to end it with any more.
    let ended = tokio::time::timeout(DRAIN_MAX, server.shells.end_all()).await;
    if ended.is_err() {
        (server.log)("some shells did not end: `kubegrant reconcile` ends them");
    }
    if drained.is_err() {
        (server.log)("some answers took too long, and are cut off; what was recorded stands");
    }
    Ok(())
}

/// How many connections there is room for. Each is a file, and so is all that commands work with: the limit is
/// raised as far as the system lets it.
fn connections_max() -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _raised_or_not = setrlimit(Resource::Nofile, limit);
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let room = files.saturating_sub(FILES_BESIDE).max(files / 2);
    usize::try_from(room.min(CONNECTIONS_MAX)).unwrap_or(1)
}

fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    let bound = || {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // As after a kill: those whom it talked with may not know yet that it is gone.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(WAITING_MAX)
    };
    bound().map_err(|source| Error::Listen { address, source })
}

/// Makes true what was decided, again and again: of what ends by time nobody is told.
async fn reconcile(server: Arc<ServerState>, timer: Option<&Timer>) {
    let Some(timer) = timer else {
        return std::future::pending().await;
    };
    let mut before = None;
    loop {
        tokio::time::sleep(timer.every).await;
        let run = Arc::clone(&timer.run);
        let done = server.with_store(move |server| run(&server.host)).await;
        // What is as it was is said once.
        let is_news = done != before;
        before.clone_from(&done);
        match done {
            Some((0, _)) => {}
            Some(_) if !is_news => {}
            Some((exit, words)) => {
                (server.log)(&format!("reconcile: exit {exit}"));
                for line in words.lines().filter(|line| !line.is_empty()) {
                    (server.log)(&format!("reconcile: {line}"));
                }
            }
            None => (server.log)("reconcile: this is a fault of kubegrant"),
        }
    }
}

/// Reads the certificate again whenever SIGHUP asks for it.
async fn renew(server: Arc<ServerState>, shown: Option<Arc<tls::Shown>>) {
    let Ok(mut asked) = signal(SignalKind::hangup()) else {
        return std::future::pending().await;
    };
    loop {
        if asked.recv().await.is_none() {
            return std::future::pending().await;
        }
        let Some(shown) = &shown else { continue };
        match shown.renew() {
            Ok(()) => (server.log)("the certificate was read again"),
            Err(error) => (server.log)(&format!(
                "the certificate cannot be read again, and the one before stays: {}",
                chain(&error)
            )),
        }
    }
}

struct Door {
    server: Arc<ServerState>,
    router: Router,
    shown: Option<Arc<tls::Shown>>,
    trusted: Vec<IpAddr>,
    places: Arc<Semaphore>,
    /// With fewer free ones than these it is full.
    places_few: usize,
    guests: Guests,
    graceful: GracefulShutdown,
}

impl Door {
    async fn take(&self, listener: &TcpListener) {
        loop {
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
                return;
            };
            let Ok((stream, peer)) = listener.accept().await else {
                tokio::time::sleep(REST).await;
                continue;
            };
            let Some(guest) = self.guests.enter(peer.ip(), &self.trusted) else {
                // Whoever has so many already gets no more, and keeps nobody else out.
                drop(place);
                continue;
            };
            let _nodelay = stream.set_nodelay(true);
            // Who does not read what is sent is hung up on.
            let _hung_up_later =
                rustix::net::sockopt::set_tcp_user_timeout(&stream, UNREAD_MAX_MILLISECONDS);
            let (server, shown) = (Arc::clone(&self.server), self.shown.clone());
            let is_full = self.places.available_permits() < self.places_few;
            let service = Service {
                hello: if is_full { HELLO_FULL } else { HELLO_MAX },
                router: self.router.clone(),
                peer: peer.ip(),
                trusted: self.trusted.clone(),
            };
            let watcher = self.graceful.watcher();
            tokio::spawn(async move {
                let open = &server.counts.connections;
                open.fetch_add(1, Ordering::Relaxed);
                converse(stream, shown, service, watcher).await;
                open.fetch_sub(1, Ordering::Relaxed);
                drop((place, guest));
            });
        }
    }
}

/// How many connections each address has open.
#[derive(Clone, Default)]
struct Guests(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection of an address.
struct Guest(Guests, IpAddr);

impl Guests {
    /// Lets one more in; a proxy that is trusted speaks for many.
    fn enter(&self, from: IpAddr, trusted: &[IpAddr]) -> Option<Guest> {
        let from = super::limits::network(from);
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(from).or_default();
        if *count >= OF_ONE_MAX && !trusted.contains(&from) {
            return None;
        }
        *count += 1;
        Some(Guest(self.clone(), from))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut open = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.1);
            }
        }
    }
}

async fn converse(
    stream: TcpStream,
    shown: Option<Arc<tls::Shown>>,
    service: Service,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let Some(shown) = shown else {
        return answer(stream, service, watcher).await;
    };
    let hello = TlsAcceptor::from(shown.now()).accept(stream);
    if let Ok(Ok(stream)) = tokio::time::timeout(service.hello, hello).await {
        answer(stream, service, watcher).await;
    }
}

async fn answer(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    service: Service,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(service.hello)
        .max_headers(64)
        .max_buf_size(64 * 1024)
        .serve_connection(
            TokioIo::new(stream),
            hyper::service::service_fn(move |request| service.clone().answer(request)),
        );
    // Whoever leaves in the middle is nobody's trouble.
    let _ended = watcher.watch(connection).await;
}

#[derive(Clone)]
struct Service {
    /// How long it may take to say what it asks.
    hello: Duration,
    router: Router,
    peer: IpAddr,
    trusted: Vec<IpAddr>,
}

impl Service {
    async fn answer(self, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let mut request = request.map(Body::new);
        let from = self.from(&request);
        request.extensions_mut().insert(Peer(from));
        self.router.oneshot(request).await
    }

    /// From where it comes: of what a proxy says only the word of one that is trusted counts.
    fn from(&self, request: &Request<Body>) -> IpAddr {
        if !self.trusted.contains(&self.peer.to_canonical()) {
            return self.peer;
        }
        let said = request.headers().get_all("x-forwarded-for").iter();
        let said = said.filter_map(|line| line.to_str().ok());
        let mut said: Vec<&str> = said.flat_map(|line| line.split(',')).collect();
        while let Some(last) = said.pop() {
            match last.trim().parse::<IpAddr>() {
                Ok(address) if self.trusted.contains(&address.to_canonical()) => {}
                Ok(address) => return address,
                Err(_) => break,
            }
        }
        self.peer
    }
}

/// Says how the server is, at an address for machines of one's own.
async fn health(server: &Arc<ServerState>, listener: TcpListener) {
    let router = api::health(Arc::clone(server));
    let beside = axum::serve(listener, router);
    let _ended = beside.await;
}
