//! The sandbox as its users hold it: start, look, break, stop.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use rustls::ServerConfig;
use rustls::crypto::ring;
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;

use crate::asleep::is_thread_asleep;
use crate::certificate::{Authority, Issued};
use crate::clock::Clock;
use crate::fault::Fault;
use crate::kubeconfig::{self, Login};
use crate::object;
use crate::resource;
use crate::server::{self, Recorded, Shared};
use crate::user::MASTERS;
use crate::verifier::AnyClient;
use crate::world::{Settings, World};

/// How a sandbox is to be started.
#[derive(Debug, Clone)]
pub struct Builder {
    settings: Settings,
    http1_only: bool,
    port: u16,
}

impl Default for Builder {
    fn default() -> Builder {
        Builder {
            settings: Settings {
                token_cache: false,
                max_token_ttl: None,
                controllers: true,
                always_allow: false,
                namespace_cleanup: Duration::from_millis(300),
                list_wait: Duration::ZERO,
                servers: 1,
                clock: Clock::default(),
            },
            http1_only: false,
            port: 0,
        }
    }
}

impl Builder {
    /// Whether a token that was valid is believed for 10 more seconds, as a real server does.
    /// Default: no.
    #[must_use]
    pub fn token_cache(mut self, on: bool) -> Builder {
        self.settings.token_cache = on;
        self
    }

    /// The longest lifetime of a requested token; longer requests are shortened without a word.
    /// Default: no limit.
    #[must_use]
    pub fn max_token_ttl(mut self, longest: Option<Duration>) -> Builder {
        self.settings.max_token_ttl = longest;
        self
    }

    /// Whether only HTTP/1.1 is spoken. Default: no.
    #[must_use]
    pub fn http1_only(mut self, on: bool) -> Builder {
        self.http1_only = on;
        self
    }

    /// The port on 127.0.0.1; 0, the default, picks a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Builder {
        self.port = port;
        self
    }

    /// Whether the controllers run: default accounts, token Secrets, the end of namespaces.
    /// Aggregated `ClusterRoles` are filled either way. Default: yes.
    #[must_use]
    pub fn controllers(mut self, on: bool) -> Builder {
        self.settings.controllers = on;
        self
    }

    /// Whether everybody who logs in may everything (`--authorization-mode=AlwaysAllow`). Default: no.
    #[must_use]
    pub fn always_allow(mut self, on: bool) -> Builder {
        self.settings.always_allow = on;
        self
    }

    /// How long a namespace takes from its deletion to its end. Default: 300 ms: a client on a busy machine has time for what it still may do.
    #[must_use]
    pub fn namespace_cleanup(mut self, after: Duration) -> Builder {
        self.settings.namespace_cleanup = after;
        self
    }

    /// How long a list waits before it is answered, as it does where a real server's cache has to
    /// catch up first. Default: not at all.
    #[must_use]
    pub fn list_wait(mut self, wait: Duration) -> Builder {
        self.settings.list_wait = wait;
        self
    }

    /// How many API servers share the state. [`Sandbox::url`] is then that of a load balancer in
    /// front of them, which gives each new connection to the next one; [`Sandbox::server_url`] is
    /// that of one of them. Default: one.
    #[must_use]
    pub fn servers(mut self, count: usize) -> Builder {
        self.settings.servers = count.max(1);
        self
    }

    /// Starts the sandbox. Fails when the port is taken or the system has no randomness.
    pub fn start(self) -> anyhow::Result<Sandbox> {
        let listener = bind(self.port)?;
        let port = listener.local_addr()?.port();
        let identity = Identity::new()?;
        let world = identity.world(port, &self.settings)?;
        let (listeners, ports) = bind_servers(self.settings.servers)?;
        let mut sandbox = Sandbox {
            builder: self,
            port,
            ports,
            identity,
            shared: Arc::new(Shared::new(world)),
            running: None,
            reserved: vec![],
        };
        sandbox.run(listener, listeners)?;
        Ok(sandbox)
    }
}

/// The keys that outlive a rebuild.
struct Identity {
    authority: Arc<Authority>,
    admin: Issued,
    admin_v1: Issued,
    admin_token: String,
}

impl Identity {
    fn new() -> anyhow::Result<Identity> {
        let authority = Authority::new()?;
        Ok(Identity {
            admin: authority.client("admin", MASTERS)?,
            admin_v1: authority.client_v1("admin", MASTERS)?,
            admin_token: format!("sandbox-admin-{}", object::new_uid()),
            authority: Arc::new(authority),
        })
    }

    fn world(&self, port: u16, settings: &Settings) -> anyhow::Result<World> {
        World::new(
            self.authority.clone(),
            self.admin_token.clone(),
            format!("127.0.0.1:{port}"),
            settings.clone(),
        )
    }
}

/// The thread that serves, and how to end it.
struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
    /// Its folder in `/proc`.
    process: PathBuf,
}

/// A running API server. Dropping it stops it.
pub struct Sandbox {
    builder: Builder,
    port: u16,
    /// The ports of the servers behind it, where there are several.
    ports: Vec<u16>,
    identity: Identity,
    shared: Arc<Shared>,
    running: Option<Running>,
    /// Holds the ports while nothing is served at them: another server may get them else.
    reserved: Vec<Socket>,
}

impl Sandbox {
    /// Starts a sandbox with the defaults. Fails when the system has no port or no randomness.
    pub fn start() -> anyhow::Result<Sandbox> {
        Sandbox::builder().start()
    }

    /// A sandbox with other settings.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The URL of the API server.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The URL of one of several API servers, past the load balancer; that of the only one where
    /// there is one. Servers are counted from 0.
    pub fn server_url(&self, server: usize) -> String {
        let port = self.ports.get(server).copied().unwrap_or(self.port);
        format!("https://127.0.0.1:{port}")
    }

    /// Lets one of the API servers hear of no changes any more, or hear of all again: meanwhile
    /// its authentication, its authorization and its reviews go by what it knew. What it reads and
    /// writes of the objects themselves is up to date, as with a real one whose caches lag.
    pub fn lag(&self, server: usize, lags: bool) {
        let mut world = self.shared.world();
        if lags {
            let known = world.store.snapshot();
            world.lagging.insert(server, known);
        } else {
            world.lagging.remove(&server);
        }
    }

    /// The same for a while: it hears of all again when `how_long` is over.
    pub fn lag_for(&self, server: usize, how_long: Duration) {
        self.lag(server, true);
        let shared = Arc::clone(&self.shared);
        std::thread::spawn(move || {
            std::thread::sleep(how_long);
            shared.world().lagging.remove(&server);
        });
    }

    /// The certificate authority's certificate, PEM.
    pub fn ca_pem(&self) -> String {
        self.identity.authority.pem()
    }

    /// A kubeconfig for a member of `system:masters`, with an X.509 v3 client certificate. Its
    /// context is named `sandbox`.
    pub fn admin_kubeconfig(&self) -> String {
        self.kubeconfig(&Login::Certificate(&self.identity.admin))
    }

    /// The same with an X.509 v1 certificate, which kube-apiserver takes and webpki refuses.
    pub fn admin_kubeconfig_v1(&self) -> String {
        self.kubeconfig(&Login::Certificate(&self.identity.admin_v1))
    }

    /// The same with a static bearer token.
    pub fn admin_kubeconfig_token(&self) -> String {
        self.kubeconfig(&Login::Token(&self.identity.admin_token))
    }

    /// A kubeconfig with any bearer token.
    pub fn kubeconfig_for_token(&self, token: &str) -> String {
        self.kubeconfig(&Login::Token(token))
    }

    fn kubeconfig(&self, login: &Login<'_>) -> String {
        kubeconfig::render(&self.url(), &self.ca_pem(), login)
    }

    /// Injects a fault, behind those that are already there. The first that matches acts.
    pub fn fault(&self, fault: Fault) {
        self.shared.faults().add(fault, None);
    }

    /// The same for the requests to one of several API servers.
    pub fn fault_at(&self, server: usize, fault: Fault) {
        self.shared.faults().add(fault, Some(server));
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.shared.faults().clear();
    }

    /// Every request so far, in the order of the answers.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.requests().clone()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.shared.requests().clear();
    }

    /// Every stored object, whole, with `apiVersion` and kind.
    pub fn objects(&self) -> Vec<Value> {
        self.shared.world().store.all().cloned().collect()
    }

    /// Forgets every earlier state, as etcd does every five minutes: a list that began before this
    /// cannot go on.
    pub fn compact(&self) {
        self.shared.world().store.compact();
    }

    /// Every ServiceAccount token that was minted since the cluster was built, oldest first.
    pub fn minted_tokens(&self) -> Vec<String> {
        self.shared.world().signer.minted()
    }

    /// Stops the clock that tokens live by at an instant; until then it is the real one.
    pub fn set_now(&self, now: DateTime<Utc>) {
        self.builder.settings.clock.set(now);
    }

    /// Makes the server's clock wrong: that of the `Date` of its answers and of its tokens.
    pub fn set_skew(&self, by: TimeDelta) {
        self.builder.settings.clock.skew(by);
    }

    /// Stores an object as it is, past authentication, RBAC and validation; a uid and a creation
    /// time are added if missing. Fails for a kind the sandbox does not serve.
    pub fn put_object(&self, mut object: Value) -> anyhow::Result<()> {
        let kind = object::text(&object, "/kind").to_owned();
        let api_version = object::text(&object, "/apiVersion").to_owned();
        let resource = resource::of_kind(&api_version, &kind)
            .with_context(|| format!("the sandbox has no {api_version} {kind}"))?;
        if object::uid(&object).is_empty() {
            object::set(&mut object, "uid", object::new_uid());
        }
        if object::text(&object, "/metadata/creationTimestamp").is_empty() {
            object::set(&mut object, "creationTimestamp", object::now());
        }
        let mut world = self.shared.world();
        let stored = world.store.put(resource, object);
        world.after_write(resource, &stored);
        Ok(())
    }

    /// Takes an object away at once, finalizers and all. Nothing happens if it is not there.
    pub fn remove_object(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
        name: &str,
    ) {
        let mut world = self.shared.world();
        if let Some(resource) = resource::of_kind(api_version, kind)
            && let Some(gone) = world
                .store
                .remove(resource, namespace.unwrap_or_default(), name)
        {
            world.after_remove(resource, &gone);
        }
    }

    /// Whether it has nothing to do: all that was sent to it is read, and waits or is answered.
    pub fn is_idle(&self) -> bool {
        let running = self.running.as_ref();
        running.is_none_or(|running| is_thread_asleep(&running.process))
    }

    /// Stops serving; connections end, the state stays. Stopping twice changes nothing.
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            // A thread that is already gone needs no telling, and left nothing to join for.
            running.stop.send(()).unwrap_or_default();
            running.thread.join().unwrap_or_default();
            self.shared.world().store.end_watches();
            let ports = std::iter::once(self.port).chain(self.ports.iter().copied());
            self.reserved = ports.filter_map(|port| reserve(port).ok()).collect();
        }
    }

    /// Serves again: same port, same certificate authority, same state. Fails when someone else
    /// took the port.
    pub fn restart(&mut self) -> anyhow::Result<()> {
        self.stop();
        self.reserved.clear();
        let listener = bind(self.port)?;
        let listeners = (self.ports.iter()).map(|port| bind(*port));
        let listeners = listeners.collect::<anyhow::Result<_>>()?;
        self.run(listener, listeners)
    }

    /// Replaces the cluster by a new one at the same address with the same certificate authority:
    /// every object is gone, `kube-system` has another uid, `ServiceAccount` tokens of the old one
    /// are refused. Fails like [`Sandbox::restart`].
    pub fn rebuild(&mut self) -> anyhow::Result<()> {
        self.stop();
        let world = self.identity.world(self.port, &self.builder.settings)?;
        *self.shared.world() = world;
        self.restart()
    }

    /// The same with a new certificate authority: the old admin kubeconfigs are refused too.
    pub fn rebuild_with_new_ca(&mut self) -> anyhow::Result<()> {
        self.identity = Identity::new()?;
        self.rebuild()
    }

    fn run(&mut self, front: TcpListener, listeners: Vec<TcpListener>) -> anyhow::Result<()> {
        let acceptor = self.acceptor()?;
        let shared = self.shared.clone();
        let (stop, stopped) = oneshot::channel();
        let behind = listeners.into_iter().enumerate();
        let all: Vec<(TcpListener, Option<usize>)> = std::iter::once((front, None))
            .chain(behind.map(|(server, listener)| (listener, Some(server))))
            .collect();
        for (listener, _) in &all {
            listener.set_nonblocking(true)?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (name, named) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("sandbox".into())
            .spawn(move || {
                // The name is waited for; without `/proc` it is empty.
                let process = std::fs::canonicalize("/proc/thread-self");
                name.send(process.unwrap_or_default()).unwrap_or_default();
                runtime.block_on(async move {
                    server::resume(&shared);
                    for (listener, server) in all {
                        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
                            return;
                        };
                        let (shared, acceptor) = (shared.clone(), acceptor.clone());
                        tokio::spawn(server::serve(shared, listener, acceptor, server));
                    }
                    // An error is the owner going away, which ends the server as well.
                    stopped.await.unwrap_or_default();
                });
            })?;
        self.running = Some(Running {
            stop,
            thread,
            process: named.recv()?,
        });
        Ok(())
    }

    fn acceptor(&self) -> anyhow::Result<TlsAcceptor> {
        let (certificate, key) = self.identity.authority.server()?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(Arc::new(AnyClient))
            .with_single_cert(vec![certificate], key)?;
        config.alpn_protocols = if self.builder.http1_only {
            vec![b"http/1.1".to_vec()]
        } else {
            vec![b"h2".to_vec(), b"http/1.1".to_vec()]
        };
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Takes a port without listening at it: who connects is refused.
fn reserve(port: u16) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    Ok(socket)
}

fn bind(port: u16) -> anyhow::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .with_context(|| format!("cannot listen on 127.0.0.1:{port}"))
}

/// Listeners of several servers and their ports; none where one server is all there is.
fn bind_servers(servers: usize) -> anyhow::Result<(Vec<TcpListener>, Vec<u16>)> {
    let count = if servers > 1 { servers } else { 0 };
    let listeners: Vec<TcpListener> = (0..count).map(|_| bind(0)).collect::<Result<_, _>>()?;
    let ports = listeners.iter().map(|one| Ok(one.local_addr()?.port()));
    let ports = ports.collect::<anyhow::Result<_>>()?;
    Ok((listeners, ports))
}
