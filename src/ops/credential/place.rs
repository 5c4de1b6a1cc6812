//! Where renewals lie, and how one is named.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::cache::Cache;
use super::{Error, TURN_LOOK_EVERY, TURN_WAIT_MAX};
use crate::artifact::file::{
    FileError, LockFile, Overwrite, ensure_private_dir, read_private, write_private,
};
use crate::artifact::renewal::{BYTES_MAX, Renewal, RenewalName};
use crate::domain::text::{clean, hex};
use crate::secrets::{Identity, Recipient};
use crate::session::Workspace;

/// The folder of the renewals, below that of our data.
const FOLDER: &str = "renew";

/// Which renewal is meant.
#[derive(Debug, Clone)]
pub(super) struct Meant {
    /// Its file.
    pub(super) path: PathBuf,
    /// Its name, where it was named.
    pub(super) name: Option<RenewalName>,
}

impl Meant {
    /// A path has a slash in it, or the ending of a sealed file; all else is a name.
    pub(super) fn of(workspace: &Workspace, renewal: &OsStr) -> Result<Self, Error> {
        let path = Path::new(renewal);
        if path.components().count() > 1
            || path.is_absolute()
            || path.extension().is_some_and(|end| end == "age")
        {
            return Ok(Self {
                path: workspace.env.current_dir.join(path),
                name: None,
            });
        }
        let text = renewal.to_string_lossy();
        let name: RenewalName = text
            .parse()
            .map_err(|()| Error::NoName { text: clean(&text) })?;
        Ok(Self {
            path: folder(workspace)?.join(name.file_name()),
            name: Some(name),
        })
    }

    /// The sealed bytes, and their digest.
    pub(super) fn read(&self) -> Result<(Zeroizing<Vec<u8>>, String), Error> {
        let sealed = read_private(&self.path, BYTES_MAX).map_err(|error| match error {
            FileError::Missing { path } => Error::Absent {
                path,
                cluster: self.name.as_ref().map(|name| name.cluster().to_owned()),
            },
            error => Error::File(error),
        })?;
        let digest = digest(&sealed);
        Ok((sealed, digest))
    }
}

/// By what it is known whether a renewal is the same as it was.
pub(super) fn digest(sealed: &[u8]) -> String {
    hex(&Sha256::digest(sealed))
}

/// Where renewals lie.
fn folder(workspace: &Workspace) -> Result<PathBuf, Error> {
    Ok(workspace.env.data_dir().ok_or(Error::NoPlace)?.join(FOLDER))
}

/// Seals a renewal to whom it belongs, and puts it where `credential` looks for it on this machine:
/// in the place of an older one. Gives the path.
pub(crate) async fn put(
    workspace: &Workspace,
    renewal: &Renewal,
    to: &Recipient,
) -> Result<PathBuf, Error> {
    let folder = folder(workspace)?;
    ensure_private_dir(&folder)?;
    let path = folder.join(renewal.name().file_name());
    let sealed = renewal.seal(to)?;
    // Whoever mints now may be about to seal the older one anew.
    let lock = Cache::open(workspace, &path).and_then(|cache| cache.lock());
    let _turn = match lock {
        Ok(lock) => waited_for(lock).await,
        Err(_) => None,
    };
    write_private(&path, &sealed, Overwrite::Force)?;
    Ok(path)
}

/// Refuses a renewal that would take the place of another which is newer, or of one that leads elsewhere:
/// anybody may seal something to anybody. One that cannot be read is no loss.
pub(crate) fn may_replace(
    workspace: &Workspace,
    identity: &Identity,
    renewal: &Renewal,
) -> Result<(), Error> {
    let path = folder(workspace)?.join(renewal.name().file_name());
    let Ok(sealed) = read_private(&path, BYTES_MAX) else {
        return Ok(());
    };
    let Ok(installed) = Renewal::open(&sealed, identity) else {
        return Ok(());
    };
    let (theirs, ours) = (&renewal.address, &installed.address);
    let differs = if renewal.version < installed.version {
        format!(
            "is of version {}, and this one of version {}",
            installed.version, renewal.version
        )
    } else if theirs.server != ours.server {
        format!("asks {}, and this one {}", ours.server, theirs.server)
    } else if renewal.cluster_uid != installed.cluster_uid
        || theirs.ca_pem != ours.ca_pem
        || theirs.tls_server_name != ours.tls_server_name
        || theirs.proxy_url != ours.proxy_url
    {
        "trusts another API server than this one".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::Installed {
        name: renewal.name(),
        differs,
    })
}

/// Waits for a lock, not for ever.
async fn waited_for(lock: LockFile) -> Option<LockFile> {
    let started = tokio::time::Instant::now();
    while started.elapsed() < TURN_WAIT_MAX {
        if lock.try_lock().ok()? {
            return Some(lock);
        }
        tokio::time::sleep(TURN_LOOK_EVERY).await;
    }
    None
}
