//! Which shells live: each holds a lock of its own, which the kernel frees when its process dies.
//!
//! The lock's file stands beside the store, and names the folder of the shell's kubeconfig, so
//! that whoever finds the shell gone can tidy up after it.

use std::ffi::OsStr;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::{App, nofollow};
use crate::domain::account_name::AccountName;

/// How the folder of every shell begins.
pub(crate) const FOLDER: &str = "kubegrant-shell-";
/// What a shell's folder may hold.
pub(crate) const FILES: [&str; 4] = ["kubeconfig", "bashrc", ".zshenv", ".zshrc"];
/// The longest path that is believed, in bytes.
const PATH_BYTES_MAX: u64 = 4096;

/// The proof that a shell lives.
#[derive(Debug)]
pub(crate) struct ShellLife {
    _file: File,
}

impl App {
    /// Says that a shell lives from now on, as long as what is given back.
    pub(crate) fn live_shell(&self, account: &AccountName, folder: &Path) -> io::Result<ShellLife> {
        let lock = self.shell_lock(account);
        if let (None, Some(folder)) = (self.place().file(), lock.parent()) {
            let mut made = std::fs::DirBuilder::new();
            made.recursive(true).mode(0o700).create(folder)?;
        }
        let mut file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .custom_flags(nofollow())
            .open(lock)?;
        file.lock()?;
        file.write_all(folder.as_os_str().as_bytes())?;
        Ok(ShellLife { _file: file })
    }

    /// Whether the process of a shell lives.
    pub(crate) fn shell_lives(&self, account: &AccountName) -> bool {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(nofollow())
            .open(self.shell_lock(account));
        match file {
            Ok(file) => match file.try_lock_shared() {
                Ok(()) => false,
                // What cannot be told ends by its time.
                Err(TryLockError::WouldBlock | TryLockError::Error(_)) => true,
            },
            // Of a store that several machines share, a shell may be another machine's: it ends by its time.
            Err(error) => error.kind() != io::ErrorKind::NotFound || self.place().file().is_none(),
        }
    }

    /// Removes what a shell left behind: its folder, and its lock's file.
    pub(crate) fn bury_shell(&self, account: &AccountName) {
        let lock = self.shell_lock(account);
        let mut bytes = Vec::new();
        let read = OpenOptions::new()
            .read(true)
            .custom_flags(nofollow())
            .open(&lock)
            .and_then(|file| file.take(PATH_BYTES_MAX).read_to_end(&mut bytes));
        if read.is_ok() {
            remove_folder(Path::new(OsStr::from_bytes(&bytes)), self.user_id);
        }
        // What stays lies in a private folder, and is of no use to anybody.
        let _removed = std::fs::remove_file(lock);
    }

    fn shell_lock(&self, account: &AccountName) -> PathBuf {
        let lock = format!("shell-{}.lock", account.label());
        if let Some(store) = self.place().file() {
            let mut name = store.as_os_str().to_owned();
            name.push(format!(".{lock}"));
            return PathBuf::from(name);
        }
        let folder = self.state_dir.clone().unwrap_or_default();
        folder.join(lock)
    }
}

/// Removes a shell's folder, if it is one: of ours, no link, and with nothing else in it.
fn remove_folder(folder: &Path, user_id: u32) {
    let named = folder
        .file_name()
        .is_some_and(|name| name.as_bytes().starts_with(FOLDER.as_bytes()));
    let is_ours = std::fs::symlink_metadata(folder)
        .is_ok_and(|found| found.is_dir() && found.uid() == user_id);
    if !named || !folder.is_absolute() || !is_ours {
        return;
    }
    for name in FILES {
        let _removed = std::fs::remove_file(folder.join(name));
    }
    let _removed = std::fs::remove_dir(folder);
}
