//! What all who act in one process share: the store, the time, randomness, the locks of clusters, and
//! what is known of their clocks.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use thread_local::ThreadLocal;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::locks::HeldLocks;
use super::{clocks, operator_login};
use crate::domain::Timestamp;
use crate::domain::cluster::{Address, Cluster, ManagerKind};
use crate::domain::installation::InstallationId;
use crate::domain::place::Place;
use crate::env::{Clock, Env, Random};
use crate::kubernetes::client::{self, Endpoint, Login};
use crate::kubernetes::connection::Connection;
use crate::kubernetes::error::{Error as ClusterError, SetupError};
use crate::secrets::SecretString;
use crate::store::{self, Store};

/// How many clusters are begun at once: one that does not answer takes a place from none that does.
pub(crate) const CLUSTERS_AT_ONCE: usize = 128;
/// How many of them are worked on at once, as far as they go on: what is seen of one takes some
/// megabytes.
const AT_WORK: usize = 16;
/// How long a cluster waits for the others to be done with, which may have fallen silent.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// What all who act in one process share.
pub(crate) struct App {
    place: Place,
    /// A connection for each thread: a transaction never waits for another thread's.
    stores: ThreadLocal<Store>,
    /// Whether anything was recorded.
    recorded: Arc<AtomicBool>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// The variables that name proxies.
    proxies: BTreeMap<String, OsString>,
    pub(super) state_dir: Option<PathBuf>,
    /// Whose store it is, once it was read.
    pub(super) installation: OnceLock<InstallationId>,
    pub(super) user_id: u32,
    pub(super) clocks: clocks::Seen,
    pub(super) held: HeldLocks,
    /// Whether the store is opened to be moved.
    moves: AtomicBool,
    at_work: Semaphore,
}

impl App {
    /// Takes of a world what is shared; nothing is opened yet.
    pub(crate) fn new(env: &Env, store: &Place) -> Self {
        let is_proxy = |name: &str| name.to_ascii_lowercase().ends_with("_proxy");
        let variables = env.variables.iter();
        let proxies = variables.filter(|(name, _)| is_proxy(name));
        Self {
            place: store.clone(),
            stores: ThreadLocal::new(),
            recorded: Arc::default(),
            clock: Arc::clone(&env.clock),
            random: Arc::clone(&env.random),
            proxies: proxies.map(|(k, v)| (k.clone(), v.clone())).collect(),
            state_dir: env.state_dir(),
            installation: OnceLock::new(),
            user_id: env.user_id,
            clocks: clocks::Seen::default(),
            held: HeldLocks::default(),
            moves: AtomicBool::new(false),
            at_work: Semaphore::new(AT_WORK),
        }
    }

    /// The same for a process that carries out one command.
    pub(crate) fn for_one_command(env: &Env, store: &Place) -> Self {
        let app = Self::new(env, store);
        Self {
            held: app.held.ahead(),
            ..app
        }
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        // Stored times have whole seconds; so have all that are compared with them.
        Timestamp::from_timestamp(self.clock.now().timestamp(), 0).unwrap_or_default()
    }

    /// Waits until few clusters are worked on, while what is given lives; not for long.
    pub(crate) async fn at_work(&self) -> Option<SemaphorePermit<'_>> {
        let permit = tokio::time::timeout(WAIT_MAX, self.at_work.acquire()).await;
        permit.ok()?.ok()
    }

    /// Random bytes, for names.
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.fill(&mut bytes);
        bytes
    }

    /// Where the store is.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// The store, opened at first use.
    pub(crate) fn store(&self) -> Result<&Store, store::Error> {
        let open = || {
            let store = if self.moves.load(Ordering::Relaxed) {
                Store::open_to_move(&self.place)
            } else {
                Store::open_at(&self.place)
            };
            Ok(store?.noting(&self.recorded))
        };
        self.stores.get_or_try(open)
    }

    /// Has all that `work` reads seen in one look; it waits for nobody meanwhile.
    pub(crate) fn one_look<T, E: From<store::Error>>(
        &self,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        self.store()?.one_look(work)
    }

    /// The store, if this thread has opened it.
    pub(super) fn opened_store(&self) -> Option<&Store> {
        self.stores.get()
    }

    /// Has the store opened to be moved, from its first use on: also one that was not moved to the end.
    pub(crate) fn moves_store(&self) {
        self.moves.store(true, Ordering::Relaxed);
    }

    /// Takes a store that was just made.
    pub(crate) fn adopt(&self, store: Store) -> &Store {
        self.stores.get_or(|| store.noting(&self.recorded))
    }

    /// Remembers that an event was recorded in another way than through [`App::store`].
    pub(crate) fn note_recorded(&self) {
        self.recorded.store(true, Ordering::Relaxed);
    }

    /// Whether this process recorded an event.
    pub(super) fn has_recorded(&self) -> bool {
        self.recorded.load(Ordering::Relaxed)
    }

    /// A connection to a cluster with its issuer's login, which is at hand.
    pub(crate) fn connect_as_issuer(
        &self,
        cluster: &Cluster,
        installation: &InstallationId,
        secret: &SecretString,
    ) -> Result<Connection, ClusterError> {
        let endpoint = self.endpoint(&cluster.address)?;
        let connection = Connection::open(&endpoint, Login::Token(secret.clone()), installation)?;
        let connection = connection
            .with_marks(cluster.marks.clone())
            .with_issuer()
            .giving_while(self.still_held(cluster.id));
        Ok(connection.with_heads_of(secret, &cluster.kube_system_uid))
    }

    /// A connection to a cluster with a login of its manager that is at hand.
    pub(crate) fn connect_with(
        &self,
        cluster: &Cluster,
        installation: &InstallationId,
        secret: &SecretString,
    ) -> Result<Connection, ClusterError> {
        let login = match cluster.manager_kind {
            ManagerKind::Token | ManagerKind::Secret => Login::Token(secret.clone()),
            ManagerKind::Operator => operator_login(secret)
                .ok_or_else(|| ClusterError::garbled("the operator's credential", "it is none"))?,
        };
        let endpoint = self.endpoint(&cluster.address)?;
        let connection = Connection::open(&endpoint, login, installation)?;
        let mut connection = connection
            .with_marks(cluster.marks.clone())
            .giving_while(self.still_held(cluster.id));
        if cluster.issuer.is_some() {
            connection = connection.with_users();
        }
        Ok(connection.with_heads_of(secret, &cluster.kube_system_uid))
    }

    /// The endpoint of an address; a proxy of the environment counts where none was registered.
    pub(crate) fn endpoint(&self, address: &Address) -> Result<Endpoint, ClusterError> {
        let variable = |name: &str| {
            let value = self.proxies.get(name)?.to_str()?;
            (!value.is_empty()).then(|| value.to_owned())
        };
        let proxy_url = match &address.proxy_url {
            Some(url) => Some(url.clone()),
            None => client::proxy::proxy_for(&address.server, &variable).map_err(|error| {
                SetupError::Proxy {
                    server: address.server.clone(),
                    reason: error.to_string(),
                }
            })?,
        };
        Ok(Endpoint {
            server: address.server.clone(),
            ca_pem: address.ca_pem.clone(),
            tls_server_name: address.tls_server_name.clone(),
            proxy_url,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::App;

    #[test]
    fn several_threads_can_share_it() {
        fn is_shared<T: Send + Sync>() {}
        is_shared::<App>();
    }
}
