//! Opening a file that was sealed to the holder of the identity. Needs no store.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{Error, Obstacle, credential};
use crate::artifact::file::{Overwrite, check_writable_destination, write_private};
use crate::artifact::kubeconfig::{KubeconfigFields, Login, render};
use crate::artifact::renewal::{Renewal, RenewalError};
use crate::secrets::{ExposeSecret, OpenError, open_file};
use crate::session::{Given, Session, is_stream};

/// The largest file that is opened, in bytes.
pub(crate) const BYTES_MAX: usize = 16 * 1024 * 1024;

/// How the file of the age tools begins, binary and as text.
const BEGINNINGS: [&[u8]; 2] = [
    b"age-encryption.org/",
    b"-----BEGIN AGE ENCRYPTED FILE-----",
];

/// Why a file did not open.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenFileError {
    /// It is sealed to other keys.
    #[error("it is not sealed to your key")]
    NotForYou,
    /// It is sealed with a passphrase.
    #[error("it is sealed with a passphrase, not to a key")]
    Passphrase,
    /// It is no sealed file.
    #[error("it is not a sealed file, as kubegrant, age and rage make them")]
    NotSealed,
    /// It was changed, or cut short.
    #[error("it is damaged: it was changed or cut short on its way")]
    Damaged,
}

/// Where the opened bytes go.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Beside the sealed file, without `.age`; what came through a pipe to standard output.
    Usual,
    /// Into this file.
    File(PathBuf),
    /// To standard output.
    Stdout,
}

/// An opened file.
pub(crate) struct Opened {
    /// Where what renews it was put, where it is a kubeconfig that renews itself.
    pub(crate) renewal: Option<PathBuf>,
    /// Where it was written; `None` where it goes to standard output.
    pub(crate) path: Option<PathBuf>,
    bytes: Zeroizing<Vec<u8>>,
}

impl Opened {
    /// Gives the bytes to standard output, where that was asked for; says whether it was.
    pub(crate) fn hand_to_stdout<E>(
        &self,
        hand: impl FnOnce(&[u8]) -> Result<(), E>,
    ) -> Result<bool, E> {
        if self.path.is_some() {
            return Ok(false);
        }
        hand(&self.bytes).map(|()| true)
    }

    /// Whether it is a kubeconfig, by its first lines.
    pub(crate) fn is_kubeconfig(&self) -> bool {
        let start = self.bytes.get(..64.min(self.bytes.len()));
        let start = String::from_utf8_lossy(start.unwrap_or_default());
        start.contains("apiVersion: v1") && start.contains("kind: Config")
    }
}

/// Opens a sealed file with the identity, and writes what was in it.
pub(crate) async fn open(
    session: &Session,
    source: &Path,
    into: &Target,
    overwrite: Overwrite,
) -> Result<Opened, Error> {
    let path = target(session, source, into)?;
    if let Some(path) = &path {
        check_writable_destination(path, overwrite)?;
    }
    let Given {
        bytes: sealed,
        name: what,
        ..
    } = session.workspace.read_given(source, BYTES_MAX)?;
    let failed = |source| Error::Open {
        what: what.clone(),
        source,
    };
    let text = sealed.trim_ascii_start();
    if !BEGINNINGS.iter().any(|start| text.starts_with(start)) {
        return Err(failed(OpenFileError::NotSealed));
    }
    let bytes = open_file(text, session.identity()?).map_err(|error| match error {
        OpenError::NotForThisKey => failed(OpenFileError::NotForYou),
        OpenError::Passphrase => failed(OpenFileError::Passphrase),
        _ => failed(OpenFileError::Damaged),
    })?;
    let (bytes, renewal) = match Renewal::from_bytes(&bytes) {
        Ok(renewal) => {
            if overwrite == Overwrite::Never {
                let identity = session.identity()?;
                credential::may_replace(&session.workspace, identity, &renewal)
                    .map_err(|error| Error::Renewal(Box::new(error)))?;
            }
            let (text, place) = install(session, &renewal).await?;
            (text, Some(place))
        }
        // Anything may be sealed to somebody, JSON too.
        Err(RenewalError::NotRenewal) => (bytes, None),
        Err(_) if !names_a_renewer(&bytes) => (bytes, None),
        Err(source) => {
            return Err(Error::Renewal(Box::new(credential::Error::unread(
                what, source,
            ))));
        }
    };
    if let Some(path) = &path {
        write_private(path, &bytes, overwrite)?;
    }
    Ok(Opened {
        renewal,
        path,
        bytes,
    })
}

/// Whether a document says that it is about what renews a kubeconfig.
fn names_a_renewer(bytes: &[u8]) -> bool {
    const FIELD: &[u8] = b"\"credential_version\"";
    bytes.windows(FIELD.len()).any(|it| it == FIELD)
}

/// Puts what renews a kubeconfig where `credential` looks for it, and gives the kubeconfig.
async fn install(
    session: &Session,
    renewal: &Renewal,
) -> Result<(Zeroizing<Vec<u8>>, PathBuf), Error> {
    let (cluster, user) = (&renewal.cluster, &renewal.subject);
    let salt = u32::from_be_bytes(session.random::<4>());
    let fields = KubeconfigFields {
        cluster: format!("kubegrant-{cluster}-{salt:08x}"),
        user: format!("kubegrant-{user}@{cluster}-{salt:08x}-v{}", renewal.version),
        context: format!("{user}@{cluster}"),
        server: renewal.address.server.clone(),
        ca_pem: renewal.address.ca_pem.clone(),
        tls_server_name: renewal.address.tls_server_name.clone(),
        proxy_url: renewal.address.proxy_url.clone(),
        namespace: None,
        login: Login::Renewing {
            renewal: renewal.name().to_string(),
        },
    };
    let text = render(&fields)?;
    let key = session.identity()?.recipient();
    let place = credential::put(&session.workspace, renewal, &key).await;
    let place = place.map_err(|error| Error::Renewal(Box::new(error)))?;
    let bytes = text.expose_secret().as_bytes().to_vec();
    Ok((Zeroizing::new(bytes), place))
}

fn target(session: &Session, sealed: &Path, into: &Target) -> Result<Option<PathBuf>, Error> {
    let here = |path: &Path| Some(session.workspace.env.current_dir.join(path));
    match into {
        Target::Stdout => Ok(None),
        Target::Usual if is_stream(sealed) => Ok(None),
        Target::File(path) => Ok(here(path)),
        Target::Usual => {
            let bare = sealed.extension().is_some_and(|end| end == "age");
            if !bare || sealed.file_stem().is_none_or(|stem| stem == ".age") {
                return Err(Error::Obstacle(Obstacle::NoSuffix(sealed.to_owned())));
            }
            Ok(here(&sealed.with_extension("")))
        }
    }
}
