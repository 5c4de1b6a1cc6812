//! Where what is kept lies: private files in a private folder, in memory where there is such a place.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::artifact::file::{
    FileError, LockFile, Overwrite, ensure_private_dir, read_own, write_private,
};
use crate::artifact::renewal::{KEPT_BYTES_MAX, Kept, Token};
use crate::domain::text::{chain, hex};
use crate::session::Workspace;

/// The place of one renewal's.
pub(super) struct Cache {
    kept: PathBuf,
    lock: PathBuf,
}

impl Cache {
    /// Finds the place for the renewal of a path: in the first folder that is private and one's own.
    pub(super) fn open(workspace: &Workspace, renewal: &Path) -> Result<Self, FileError> {
        let name = hex(&Sha256::digest(renewal.as_os_str().as_bytes()));
        let mut failed = None;
        for folder in workspace.env.cache_dirs() {
            match ensure_private_dir(&folder) {
                Ok(()) => {
                    return Ok(Self {
                        kept: folder.join(format!("cred-{name}")),
                        lock: folder.join(format!("cred-{name}.lock")),
                    });
                }
                Err(error) => failed = Some(error),
            }
        }
        Err(failed.unwrap_or_else(|| FileError::NoDirectory {
            path: PathBuf::from("~/.cache"),
        }))
    }

    /// What is kept for the renewal of this digest. What others could have written is not believed,
    /// nor is what makes no sense: a new token is as good.
    pub(super) fn read(&self, digest: &str) -> Option<Kept> {
        Kept::from_bytes(&read_own(&self.kept, KEPT_BYTES_MAX).ok()?, digest)
    }

    /// Keeps something.
    pub(super) fn write(&self, kept: &Kept, digest: &str) -> Result<(), FileError> {
        write_private(&self.kept, &kept.to_bytes(digest), Overwrite::Force)
    }

    /// The lock of those who mint.
    pub(super) fn lock(&self) -> Result<LockFile, FileError> {
        LockFile::open(&self.lock)
    }

    /// Whether the process that asks was given this token before. It is noted that it is now.
    pub(super) fn is_asked_again(&self, workspace: &Workspace, token: &Token) -> bool {
        let Some(parent) = workspace.env.parent_id else {
            return false;
        };
        let note = format!("{parent} {}", token.begins_at().timestamp_millis());
        // A hint that cannot be had is none.
        let before = self.lock().and_then(|mut lock| lock.exchange_note(&note));
        before.is_ok_and(|before| before == note)
    }
}

/// What a person should know where nothing can be kept.
pub(super) fn unusable(error: &FileError) -> String {
    format!(
        "the token cannot be kept for the next call, which will ask the cluster again: {}",
        chain(error)
    )
}
