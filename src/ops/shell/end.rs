//! The end of a shell.

use std::path::Path;

use super::Begun;
use crate::domain::audit::EventSeq;
use crate::domain::cluster::Cluster;
use crate::domain::credential::{Credential, CredentialId, State};
use crate::ops::journal::Journal;
use crate::ops::{Applied, Error, reconciling};
use crate::session::Session;
use crate::store::{self};

/// How a shell's credential ended.
#[derive(Debug)]
pub(crate) struct EndedShell {
    /// How far its end came.
    pub(crate) applied: Applied,
    /// Why it had been ended before the command was.
    pub(crate) before: Option<String>,
}

/// Ends a shell's credential, and removes its files.
pub(crate) async fn end(session: &Session, begun: Begun) -> Result<EndedShell, Error> {
    let Begun {
        cluster,
        id,
        account,
        journal,
        request,
        life,
        folder,
        ..
    } = begun;
    // The file first: whatever follows, nobody finds it.
    forget(&folder);
    let ended = end_credential(session, &cluster, id, &journal, request).await;
    drop(life);
    session.bury_shell(&account);
    ended
}

pub(super) fn forget(folder: &Path) {
    for name in crate::session::SHELL_FILES {
        // A child that tidied up itself did us a favour.
        let _removed = std::fs::remove_file(folder.join(name));
    }
}

async fn end_credential(
    session: &Session,
    cluster: &Cluster,
    id: CredentialId,
    journal: &Journal,
    request: EventSeq,
) -> Result<EndedShell, Error> {
    let look = || -> Result<Option<Credential>, Error> {
        Ok(session
            .store()?
            .read(|tx| store::credentials::get(tx, id))?)
    };
    let found = look()?;
    let before = found
        .as_ref()
        .filter(|it| !it.state.is_live())
        .and_then(|it| it.ended_because.clone());
    if found.is_none_or(|found| found.state == State::Revoked) {
        let applied = Applied::default();
        return Ok(EndedShell { applied, before });
    }
    // Decided before anything is waited for: from here on it is pending at worst.
    session.store()?.write(|tx| {
        if let Some(credential) = store::credentials::get(tx, id)? {
            let snapshot = reconciling::snapshot(tx, cluster.id)?;
            let end = [snapshot.end_of(&credential, "the shell has ended")];
            reconciling::commit(session, tx, &snapshot, &end, journal, Some(request))?;
        }
        Ok::<_, Error>(())
    })?;
    let applied = reconciling::reconcile_taking(session, cluster, journal, Some(request)).await?;
    Ok(EndedShell { applied, before })
}
