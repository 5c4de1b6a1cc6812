//! A kubeconfig that a server handed over: opened with one's own key, and put where it is wanted. Needs no store.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::merge::{self, MergeNews, mark};
use super::{Destination, Overwrite};
use crate::artifact::file::{check_writable_destination, read_bounded, write_private};
use crate::artifact::kubeconfig::{KubeconfigFields, read, render};
use crate::artifact::merge::{Addition, BYTES_MAX, tokens_alone};
use crate::domain::account_name;
use crate::domain::installation::InstallationId;
use crate::domain::name::ClusterName;
use crate::domain::subject::SubjectName;
use crate::kubernetes::token::claims;
use crate::ops::Error;
use crate::ops::open::OpenFileError;
use crate::secrets::{ExposeSecret, OpenError, SecretString, open_file};
use crate::session::Session;

/// Where it goes, seen to be free before anything is asked of the server.
pub(crate) struct Place {
    path: Option<PathBuf>,
    /// Merged, and whether the context becomes the current one.
    merge: Option<bool>,
    overwrite: Overwrite,
}

/// What the server handed over, and what is known of it.
pub(crate) struct Incoming<'a> {
    /// The file as it came: sealed to the identity, or as it is for who has no key there.
    pub(crate) file: &'a [u8],
    /// Of which installation.
    pub(crate) installation: InstallationId,
    /// For which cluster.
    pub(crate) cluster: &'a ClusterName,
    /// Whose version it is.
    pub(crate) owner: SubjectName,
    /// Whether the context's name was chosen.
    pub(crate) context_is_chosen: bool,
}

/// Where it was put.
pub(crate) struct Received {
    /// The file, unless it goes to standard output.
    pub(crate) path: Option<PathBuf>,
    /// What merging came to, where it was merged.
    pub(crate) merged: Option<MergeNews>,
    bytes: Zeroizing<Vec<u8>>,
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
        hand(&self.bytes).map(|()| true)
    }
}

/// Finds the place for the kubeconfig of a cluster, and sees that it can be put there. `accounts` are those of
/// its older versions: a file that holds nothing but their logins is replaced.
pub(crate) fn place(
    session: &Session,
    cluster: &ClusterName,
    destination: &Destination,
    overwrite: Overwrite,
    accounts: &[String],
) -> Result<Place, Error> {
    let here = &session.workspace.env.current_dir;
    let mut place = Place {
        path: None,
        merge: None,
        overwrite,
    };
    match destination {
        Destination::Stdout => return Ok(place),
        Destination::Merge { file, set_current } => {
            let path = match file {
                Some(file) => here.join(file),
                None => merge::usual_path(session)?,
            };
            merge::check(&path, &[], *set_current)?;
            place.merge = Some(*set_current);
            place.path = Some(path);
            return Ok(place);
        }
        Destination::File(path) => place.path = Some(here.join(path)),
        Destination::Usual => place.path = Some(here.join(format!("{cluster}.kubeconfig"))),
    }
    if let Some(path) = &place.path {
        if overwrite == Overwrite::Never && holds_only(path, accounts) {
            place.overwrite = Overwrite::Force;
        }
        check_writable_destination(path, place.overwrite)?;
    }
    Ok(place)
}

/// Refuses a place where something is already that stays.
pub(crate) fn free(session: &Session, path: &Path, overwrite: Overwrite) -> Result<(), Error> {
    let path = session.workspace.env.current_dir.join(path);
    Ok(check_writable_destination(&path, overwrite)?)
}

/// Whether a file holds logins of these accounts, and nothing else.
pub(super) fn holds_only(path: &Path, accounts: &[String]) -> bool {
    let read = read_bounded(path, BYTES_MAX).ok();
    let Some(tokens) = read.and_then(|bytes| tokens_alone(&bytes)) else {
        return false;
    };
    let is_of_these = |token: &str| {
        let account = claims(token).and_then(|it| account_name::of_login(&it.sub));
        account.is_some_and(|account| accounts.contains(&account))
    };
    !tokens.is_empty() && tokens.iter().all(|token| is_of_these(token))
}

/// Opens what came, and puts it in its place.
pub(crate) async fn put(
    session: &Session,
    place: Place,
    incoming: Incoming<'_>,
) -> Result<Received, Error> {
    // Written anew from what it says: a server that was taken over hands out no file that runs a program here.
    let fields = received_fields(session, incoming.file)?;
    let bytes = Zeroizing::new(render(&fields)?.expose_secret().as_bytes().to_vec());
    let mut merged = None;
    if let (Some(path), Some(set_current)) = (&place.path, place.merge) {
        let mark = mark(&incoming.installation, incoming.cluster, incoming.owner);
        let addition = Addition {
            fields: &fields,
            mark: &mark,
            context_is_chosen: incoming.context_is_chosen,
        };
        merged = Some(merge::add(path, &[addition], set_current).await?);
    } else if let Some(path) = &place.path {
        write_private(path, &bytes, place.overwrite)?;
    }
    Ok(Received {
        path: place.path,
        merged,
        bytes,
    })
}

/// What a kubeconfig says that a server handed over: read so, it runs nothing here.
pub(in crate::ops) fn received_fields(
    session: &Session,
    file: &[u8],
) -> Result<KubeconfigFields, Error> {
    read(&opened(session, file)?).ok_or_else(damaged)
}

fn damaged() -> Error {
    Error::Open {
        what: "what the server sent".to_owned(),
        source: OpenFileError::Damaged,
    }
}

/// What is in the file. What is not sealed is taken as it is: it came over TLS, in one's own session.
pub(in crate::ops) fn opened(session: &Session, file: &[u8]) -> Result<SecretString, Error> {
    let text = |bytes: &[u8]| SecretString::from(String::from_utf8_lossy(bytes).into_owned());
    if !file.trim_ascii_start().starts_with(b"-----BEGIN AGE") {
        return Ok(text(file));
    }
    let bytes = open_file(file, session.identity()?).map_err(|error| match error {
        OpenError::NotForThisKey => Error::Open {
            what: "what the server sent".to_owned(),
            source: OpenFileError::NotForYou,
        },
        _ => damaged(),
    })?;
    Ok(text(&bytes))
}
