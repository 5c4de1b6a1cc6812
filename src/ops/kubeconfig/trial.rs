//! What a hand-over rests upon: that the version still stands, and that its token works.

use super::download::IssuedVersion;
use super::{Asked, live, overtaken};
use crate::domain::audit::EventSeq;
use crate::domain::cluster::Cluster;
use crate::domain::credential::{CredentialId, State};
use crate::domain::refusal::Refusal;
use crate::kubernetes::connection::Connection;
use crate::kubernetes::token::Minted;
use crate::ops::{Error, find, reconciling};
use crate::session::{App, Session};
use crate::store;

/// Connects to where something is to be given: our namespace must be there.
pub(super) async fn connect(session: &Session, cluster: &Cluster) -> Result<Connection, Error> {
    let installation = find::installation(session)?;
    let connection = session.connect(cluster, &installation).await?;
    match connection.must_have_namespace() {
        Ok(()) => Ok(connection),
        Err(source) => Err(Error::Cluster {
            cluster: cluster.name.to_string(),
            source,
        }),
    }
}

/// Mints a token and uses it once, at the address that the file will name: what is refused there is
/// not handed over, and counts as nobody's.
pub(in crate::ops) async fn mint_and_try(
    connection: &Connection,
    cluster: &Cluster,
    account: &str,
    ttl: i64,
) -> Result<Minted, Error> {
    let tried = async {
        let minted = connection.mint(account, ttl).await?;
        connection.try_token(&minted.token, account).await?;
        Ok(minted)
    };
    tried.await.map_err(|source| Error::Cluster {
        cluster: cluster.name.to_string(),
        source,
    })
}

/// Begins the next version where the one that stood was just seen to have ended, because somebody
/// deleted its account: its tokens are dead, and a new one is what was asked for.
pub(super) async fn another_if_deleted(
    app: &App,
    version: IssuedVersion<'_>,
    connection: Connection,
    reconciled: reconciling::Reconciled,
) -> Result<(CredentialId, reconciling::Reconciled), Error> {
    let IssuedVersion { case, id, request } = version;
    let found = app.store()?.read(|tx| store::credentials::get(tx, id))?;
    let was_deleted = found.is_some_and(|it| {
        it.state == State::Revoked
            && it.ended_because.as_deref() == Some(reconciling::ACCOUNT_DELETED)
    });
    if !was_deleted {
        return Ok((id, reconciled));
    }
    // A shared version may go on by itself.
    let next = match live(app, case)? {
        Some(live) => live.id,
        None => begin(app, case, request)?,
    };
    let (cluster, journal) = (&case.cluster, &case.journal);
    let depth = reconciling::Depth::Whole;
    let again = reconciling::run_on(app, cluster, connection, journal, Some(request), depth);
    let mut again = Box::pin(again).await?;
    again.notes.splice(0..0, reconciled.notes);
    Ok((next, again))
}

/// Begins the next version of what is asked for.
fn begin(app: &App, case: &Asked, request: EventSeq) -> Result<CredentialId, Error> {
    app.store()?.write(|tx| {
        let on = store::snapshots::whole(tx, case.cluster.id)?;
        if on.orphans_pending {
            let restored = Refusal::RestoredSince(on.cluster.name.clone());
            return Err(Error::Refused(restored));
        }
        let begin = [on.begin(case.of, case.power)];
        reconciling::commit(app, tx, &on, &begin, &case.journal, Some(request))?;
        let versions = store::credentials::versions_of(tx, case.cluster.id, case.of)?;
        let begun = versions.into_iter().find(|it| it.state.is_live());
        begun.map(|it| it.id).ok_or_else(|| overtaken(case))
    })
}
