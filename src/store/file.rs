//! The store's file and directory: made private, and refused when they are not.

use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::{Error, Result};

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| match source.kind() {
        ErrorKind::StorageFull => Error::Full { path },
        _ => Error::Io { path, source },
    }
}

fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn owner() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Makes the directory with mode 0700 if it is not there, and checks it if it is.
pub(super) fn prepare_directory(path: &Path) -> Result<()> {
    let directory = directory_of(path);
    if !directory.exists() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(io(&directory))?;
    }
    check_directory(&directory)
}

fn check_directory(directory: &Path) -> Result<()> {
    let found = std::fs::metadata(directory).map_err(io(directory))?;
    let refuse = |why: String, way_out: String| {
        Err(Error::Unsafe {
            path: directory.to_owned(),
            why,
            way_out,
        })
    };
    if !found.is_dir() {
        return refuse(
            "it is not a directory".to_owned(),
            "choose another `--store`".to_owned(),
        );
    }
    let sticky = found.mode() & 0o1000 != 0;
    if found.uid() != owner() && !(found.uid() == 0 && sticky) {
        return refuse(
            format!("the directory belongs to user {}", found.uid()),
            "choose a `--store` in a directory of your own".to_owned(),
        );
    }
    if found.mode() & 0o022 != 0 && !sticky {
        return refuse(
            format!(
                "others can write its directory (mode {:03o})",
                found.mode() & 0o777
            ),
            format!("run `chmod 700 {}`", directory.display()),
        );
    }
    Ok(())
}

/// Creates the file with mode 0600 from birth; `false` when something stands there.
pub(super) fn create_private(path: &Path) -> Result<bool> {
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(io(path)(error)),
    }
}

/// Checks that the store is a regular file of ours that nobody else can read or write.
pub(super) fn check(path: &Path) -> Result<()> {
    let found = match std::fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Error::Absent {
                path: path.to_owned(),
            });
        }
        Err(error) => return Err(io(path)(error)),
    };
    let refuse = |why: String, way_out: String| {
        Err(Error::Unsafe {
            path: path.to_owned(),
            why,
            way_out,
        })
    };
    if found.is_symlink() {
        return refuse(
            "it is a link".to_owned(),
            "name the file itself with `--store`".to_owned(),
        );
    }
    if !found.is_file() {
        return refuse(
            "it is not a file".to_owned(),
            "choose another `--store`".to_owned(),
        );
    }
    if found.uid() != owner() {
        return refuse(
            format!("it belongs to user {}", found.uid()),
            format!(
                "run as that user, or use a store of your own (you are user {})",
                owner()
            ),
        );
    }
    if found.mode() & 0o077 != 0 {
        return refuse(
            format!("others can use it (mode {:03o})", found.mode() & 0o777),
            format!(
                "find out who could read or write it, `chmod 600 {}`, and run `kubegrant audit verify`",
                path.display()
            ),
        );
    }
    if found.nlink() > 1 {
        return refuse(
            format!("it has {} names (hard links)", found.nlink()),
            "remove the other names".to_owned(),
        );
    }
    check_directory(&directory_of(path))
}
