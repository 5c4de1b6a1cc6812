//! A private key that a server handed over: once, so nothing that can be known before is found out after it.

use std::path::{Path, PathBuf};

use super::hand_out::{Destination, in_the_way};
use crate::artifact::file::{Overwrite, check_writable_destination, write_private};
use crate::domain::name::ClusterName;
use crate::ops::{Error, kubeconfig};
use crate::secrets::{ExposeSecret, SecretString};
use crate::session::Session;

/// Where a key was put.
pub(crate) struct Received {
    /// The file, unless it goes to standard output.
    pub(crate) path: Option<PathBuf>,
    /// Whether it is still sealed: nothing here opens it.
    pub(crate) sealed: bool,
    text: SecretString,
}

impl Received {
    /// Gives the text to standard output, where that was asked for; says whether it was.
    pub(crate) fn hand_to_stdout<E>(
        &self,
        hand: impl FnOnce(&[u8]) -> Result<(), E>,
    ) -> Result<bool, E> {
        if self.path.is_some() {
            return Ok(false);
        }
        hand(self.text.expose_secret().as_bytes()).map(|()| true)
    }
}

/// Finds the place for a cluster's key, and sees that it is free.
pub(crate) fn place(
    session: &Session,
    cluster: &ClusterName,
    destination: &Destination,
) -> Result<Option<PathBuf>, Error> {
    let path = match destination {
        Destination::Stdout => return Ok(None),
        Destination::File(path) => path.clone(),
        Destination::Usual => PathBuf::from(format!("ssh-key-{cluster}.pem")),
    };
    let path = session.workspace.env.current_dir.join(path);
    // It may come to lie beside, sealed as it came.
    for path in [&path, &sealed_path(&path)] {
        check_writable_destination(path, Overwrite::Never).map_err(in_the_way)?;
    }
    Ok(Some(path))
}

fn sealed_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".age");
    PathBuf::from(name)
}

/// Opens what came, and puts it in its place. What does not open is kept as it came: there is no other.
pub(crate) fn put(
    session: &Session,
    path: Option<PathBuf>,
    file: &[u8],
) -> Result<Received, Error> {
    let opened = kubeconfig::opened(session, file);
    let (text, sealed) = match opened {
        Ok(text) => (text, false),
        Err(_) => (
            SecretString::from(String::from_utf8_lossy(file).into_owned()),
            true,
        ),
    };
    let path = path.map(|path| if sealed { sealed_path(&path) } else { path });
    if let Some(path) = &path {
        let bytes = text.expose_secret().as_bytes();
        write_private(path, bytes, Overwrite::Never).map_err(in_the_way)?;
    }
    Ok(Received { path, sealed, text })
}
