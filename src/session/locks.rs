//! The locks of clusters, between the processes of one machine.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{App, Error, nofollow, nonblock};
use sha2::{Digest, Sha256};

use crate::domain::cluster::Cluster;
use crate::domain::name::ClusterName;
use crate::domain::text::hex;
use crate::store;

/// How long to wait for another process that works on the same cluster.
const LOCK_WAIT_MAX: Duration = Duration::from_mins(2);

/// A cluster's lock; the kernel frees it when it is dropped or the process dies.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl App {
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
        self.lock_file(&cluster.name, &file, limit).await
    }

    /// Takes a cluster's lock if nobody has it.
    pub(crate) fn try_lock(&self, cluster: &Cluster) -> Result<Option<Lock>, Error> {
        let path = lock_path(self.store_path(), &format!("cluster-{}", cluster.id.0));
        let name = &cluster.name;
        let file = open_lock(name, &path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { _file: file })),
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

    async fn lock_file(
        &self,
        name: &ClusterName,
        file: &str,
        limit: Duration,
    ) -> Result<Lock, Error> {
        let path = lock_path(self.store_path(), file);
        let failed = |source| lock_failed(name, &path, source);
        let file = open_lock(name, &path)?;
        let started = tokio::time::Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _file: file }),
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
