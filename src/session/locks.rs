//! The locks of clusters: between the processes of one machine, or of all that share a database.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{App, Error, nofollow, nonblock};
use sha2::{Digest, Sha256};

use crate::domain::cluster::{Cluster, ClusterId};
use crate::domain::name::ClusterName;
use crate::domain::place::{Database, Place};
use crate::domain::text::hex;
use crate::kubernetes::connection::StillHeld;
use crate::store;

/// How long to wait for another process that works on the same cluster.
const LOCK_WAIT_MAX: Duration = Duration::from_mins(2);

/// How often a database is asked for a lock that somebody else has.
const ASKED_EVERY: Duration = Duration::from_millis(20);
/// How many clusters a process locks in a database at once: each takes a connection, of which a server
/// has a hundred by default.
const CONNECTIONS_MAX: usize = 24;

/// A cluster's lock; the kernel frees it when it is dropped or the process dies.
#[derive(Debug)]
pub(crate) struct Lock {
    kept: Kept,
}

/// What keeps a lock.
#[derive(Debug)]
enum Kept {
    /// A file beside the store.
    File { _file: File },
    /// A transaction of the database.
    Held {
        held: Arc<store::Held>,
        /// The place that it takes among those that this process has at once.
        _slot: Option<OwnedSemaphorePermit>,
    },
}

impl Lock {
    fn of_database(held: Arc<store::Held>, slot: Option<OwnedSemaphorePermit>) -> Self {
        let kept = Kept::Held { held, _slot: slot };
        Self { kept }
    }

    fn of_file(file: File) -> Self {
        let kept = Kept::File { _file: file };
        Self { kept }
    }
}

/// The locks of clusters that a database keeps for this process, by the cluster's number.
#[derive(Debug)]
pub(super) struct HeldLocks {
    all: Mutex<BTreeMap<ClusterId, Weak<store::Held>>>,
    slots: Arc<Semaphore>,
    /// A connection that is made before it is needed, where that is worth it.
    ahead: Option<Mutex<Ahead>>,
}

/// A connection for a lock that will be taken.
#[derive(Debug, Default)]
enum Ahead {
    /// Nobody asked for it.
    #[default]
    Unasked,
    /// It is being made.
    Coming(JoinHandle<store::Result<store::Held>>),
    /// It was taken.
    Taken,
}

impl Default for HeldLocks {
    fn default() -> Self {
        Self {
            all: Mutex::default(),
            slots: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            ahead: None,
        }
    }
}

impl HeldLocks {
    /// Connects for the first lock as soon as somebody says that it will be taken: for a process that does one thing.
    pub(super) fn ahead(mut self) -> Self {
        self.ahead = Some(Mutex::default());
        self
    }

    /// A connection for a lock; the one that was made ahead, if it stands.
    fn connection(&self, database: &Database) -> store::Result<store::Held> {
        let ahead = self.ahead.as_ref().map(|ahead| {
            let mut ahead = ahead.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *ahead, Ahead::Taken)
        });
        if let Some(Ahead::Coming(coming)) = ahead
            && let Ok(Ok(held)) = coming.join()
            && held.stands()
        {
            return Ok(held);
        }
        store::Held::connect(database)
    }

    fn note(&self, cluster: ClusterId, lock: &Lock) {
        if let Kept::Held { held, .. } = &lock.kept {
            let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
            all.insert(cluster, Arc::downgrade(held));
        }
    }

    fn of(&self, cluster: ClusterId) -> Option<Weak<store::Held>> {
        let all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&cluster).cloned()
    }
}

impl App {
    /// Says that the lock of a cluster will be taken: a database is connected to meanwhile.
    pub(crate) fn will_lock(&self) {
        let (Place::Database(database), Some(ahead)) = (self.place(), &self.held.ahead) else {
            return;
        };
        let mut ahead = ahead.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*ahead, Ahead::Unasked) {
            let database = database.clone();
            // What fails is tried again by whoever takes it.
            let thread = thread::Builder::new().spawn(move || store::Held::connect(&database));
            *ahead = thread.map_or(Ahead::Taken, Ahead::Coming);
        }
    }

    /// Takes a cluster's lock, waiting for another process to finish with it.
    pub(crate) async fn lock(&self, cluster: &Cluster) -> Result<Lock, Error> {
        self.lock_within(cluster, LOCK_WAIT_MAX).await
    }

    /// [`App::lock`] with another limit.
    pub(crate) async fn lock_within(
        &self,
        cluster: &Cluster,
        limit: Duration,
    ) -> Result<Lock, Error> {
        let file = format!("cluster-{}", cluster.id.0);
        let lock = self.lock_file(&cluster.name, &file, limit).await?;
        self.held.note(cluster.id, &lock);
        Ok(lock)
    }

    /// Whether a lock that a database keeps of a cluster still stands: where the connection that had it is
    /// gone, somebody else may work there by now.
    pub(super) fn still_held(&self, cluster: ClusterId) -> Option<StillHeld> {
        let held = self.held.of(cluster)?;
        // What asks does not keep the lock.
        Some(Arc::new(move || {
            held.upgrade().is_none_or(|held| held.stands())
        }))
    }

    /// Takes a cluster's lock if nobody has it.
    pub(crate) fn try_lock(&self, cluster: &Cluster) -> Result<Option<Lock>, Error> {
        let name = &cluster.name;
        let file = format!("cluster-{}", cluster.id.0);
        let path = match self.place() {
            Place::File(path) => lock_path(path, &file),
            Place::Database(database) => {
                let held = self.held.connection(database)?;
                let is_had = held.try_lock(&file)?;
                let lock = Lock::of_database(Arc::new(held), None);
                self.held.note(cluster.id, &lock);
                return Ok(is_had.then_some(lock));
            }
        };
        let file = open_lock(name, &path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock::of_file(file))),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(source)) => Err(lock_failed(name, &path, source)),
        }
    }

    /// Takes the lock of a cluster's SSH keys: nodes may be slow, and no revocation waits for them.
    pub(crate) async fn lock_ssh_keys(&self, cluster: &Cluster) -> Result<Lock, Error> {
        let file = format!("ssh-keys-{}", cluster.id.0);
        self.lock_file(&cluster.name, &file, LOCK_WAIT_MAX).await
    }

    /// Takes the lock of those who register a cluster, told by the UID of its namespace
    /// `kube-system`: two at once would take the manager's rights from each other.
    pub(crate) async fn lock_registration(
        &self,
        name: &ClusterName,
        uid: &str,
    ) -> Result<Lock, Error> {
        let mut file = format!("register-{}", hex(&Sha256::digest(uid.as_bytes())));
        file.truncate(25);
        self.lock_file(name, &file, LOCK_WAIT_MAX).await
    }

    /// Takes all locks of some clusters at once, for whoever moves the store.
    pub(crate) async fn lock_all(&self, clusters: &[Cluster]) -> Result<Vec<Lock>, Error> {
        let mut locks = Vec::new();
        let Place::Database(database) = self.place() else {
            for cluster in clusters {
                locks.push(self.lock(cluster).await?);
                locks.push(self.lock_ssh_keys(cluster).await?);
            }
            return Ok(locks);
        };
        let held = Arc::new(store::Held::connect(database)?);
        for cluster in clusters {
            for kind in ["cluster", "ssh-keys"] {
                let lock = format!("{kind}-{}", cluster.id.0);
                wait(&held, &cluster.name, &lock, LOCK_WAIT_MAX).await?;
            }
        }
        locks.push(Lock::of_database(held, None));
        Ok(locks)
    }

    /// Takes a lock of a database.
    async fn held(
        &self,
        database: &Database,
        name: &ClusterName,
        lock: &str,
        limit: Duration,
    ) -> Result<Lock, Error> {
        // What is locked beside a cluster's own waits for no other cluster's.
        let slot = if lock.starts_with("cluster-") {
            let slots = Arc::clone(&self.held.slots);
            slots.acquire_owned().await.ok()
        } else {
            None
        };
        let held = Arc::new(self.held.connection(database)?);
        wait(&held, name, lock, limit).await?;
        Ok(Lock::of_database(held, slot))
    }

    async fn lock_file(
        &self,
        name: &ClusterName,
        file: &str,
        limit: Duration,
    ) -> Result<Lock, Error> {
        let path = match self.place() {
            Place::File(path) => lock_path(path, file),
            Place::Database(database) => return self.held(database, name, file, limit).await,
        };
        let failed = |source| lock_failed(name, &path, source);
        let file = open_lock(name, &path)?;
        let started = tokio::time::Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock::of_file(file)),
                Err(std::fs::TryLockError::WouldBlock) => {}
                Err(std::fs::TryLockError::Error(source)) => return Err(failed(source)),
            }
            if started.elapsed() > limit {
                return Err(Error::Locked {
                    cluster: name.to_string(),
                    seconds: limit.as_secs(),
                });
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Waits for a lock of a database.
async fn wait(
    held: &store::Held,
    name: &ClusterName,
    lock: &str,
    limit: Duration,
) -> Result<(), Error> {
    let started = tokio::time::Instant::now();
    while !held.try_lock(lock)? {
        if started.elapsed() > limit {
            return Err(Error::Locked {
                cluster: name.to_string(),
                seconds: limit.as_secs(),
            });
        }
        tokio::time::sleep(ASKED_EVERY).await;
    }
    Ok(())
}

fn lock_path(store: &Path, file: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(format!(".{file}.lock"));
    PathBuf::from(name)
}

/// Opens a lock's file. Whoever else made it could hold it for ever, and nothing could be revoked
/// meanwhile: such a one is refused.
fn open_lock(cluster: &ClusterName, path: &Path) -> Result<File, Error> {
    let opened = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .custom_flags(nofollow() | nonblock())
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(source) => {
            store::file::check_named(path, "lock")?;
            return Err(lock_failed(cluster, path, source));
        }
    };
    store::file::check_open(&file, path, "lock")?;
    Ok(file)
}

fn lock_failed(cluster: &ClusterName, path: &Path, source: std::io::Error) -> Error {
    if store::file::knows_no_locks(&source) {
        let path = path.to_owned();
        return store::Error::NoLocks { path, source }.into();
    }
    Error::Lock {
        cluster: cluster.to_string(),
        path: path.to_owned(),
        source,
    }
}
