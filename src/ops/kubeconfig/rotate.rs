//! Ending one's own version, and beginning the next.

use std::path::Path;

use super::download::{Destination, DownloadWish, Downloaded, hand_out};
use super::form::form;
use super::{Case, Overwrite, Way, begin_version, case};
use crate::artifact::file::{check_writable_destination, read_bounded};
use crate::artifact::merge::{BYTES_MAX, tokens_alone};
use crate::domain::audit::Phase;
use crate::domain::name::ClusterName;
use crate::domain::plan::NAMESPACE;
use crate::domain::subject::SubjectName;
use crate::kubernetes::token::claims;
use crate::ops::locked::LockedCluster;
use crate::ops::{Applied, Done, Error, Mode, find, settle};
use crate::session::Session;
use crate::store;

/// A rotation.
pub(crate) struct Rotated {
    /// Where.
    pub(crate) cluster: ClusterName,
    /// Whose.
    pub(crate) user: SubjectName,
    /// The version that ended, if there was one.
    pub(crate) ended: Option<u32>,
    /// The version that began.
    pub(crate) begun: u32,
    /// What it did on the cluster.
    pub(crate) applied: Applied,
    /// The hand-over of the new version, where it was wished and the old one has ended.
    pub(crate) handed: Option<Result<Downloaded, Error>>,
}

/// Ends the live version, begins the next one when the old one is seen to be gone, and hands it
/// over where that is wished.
pub(crate) async fn rotate(
    session: &Session,
    cluster: &ClusterName,
    mut wish: Option<DownloadWish>,
    mode: Mode,
) -> Result<Done<Rotated>, Error> {
    let asked = case(session, "kubeconfig rotate", cluster, None, Way::Own)?;
    // Before anything ends: the new one has a place to go to.
    let place = match &mut wish {
        Some(wish) => place_of(session, &asked, wish)?,
        None => None,
    };
    let lock = LockedCluster::take(session, &asked.cluster).await?;
    // Asked again under the lock: who lost their access while we waited gets no new version.
    let case = case(session, "kubeconfig rotate", cluster, None, Way::Own)?;
    // Who cannot open the cluster's login cannot finish: nothing is begun, and the way out is said.
    session.manager_login(&case.cluster, &find::installation(session)?)?;
    let (live, next) = session.store()?.read(|tx| {
        let live = store::credentials::versions_of(tx, case.cluster.id, case.of)?
            .into_iter()
            .find(|credential| credential.state.is_live());
        let next = store::credentials::next_version(tx, case.cluster.id, case.of)?;
        Ok::<_, store::Error>((live, next))
    })?;
    if mode == Mode::Plan {
        let ends = live
            .iter()
            .map(|live| format!("end version {}", live.version));
        let begins = format!("issue version {next} of '{}' ({})", case.owner, case.power);
        return Ok(Done::planned(ends.chain([begins]).chain(place).collect()));
    }
    let request = session.store()?.write(|tx| {
        let detail = format!("rotate the kubeconfig of '{}'", case.owner);
        let request = case
            .journal
            .record(session, tx, Phase::Requested, detail, None)?;
        if let Some(live) = &live {
            let on = settle::snapshot(tx, case.cluster.id)?;
            let end = [on.end_of(live, "rotated")];
            settle::commit(session, tx, &on, &end, &case.journal, Some(request))?;
        }
        begin_version(session, tx, &case, request)?;
        Ok::<_, Error>(request)
    })?;
    // One converge: lists lose the old account before the new one is made.
    let applied = settle::pay(session, &lock, &case.journal, Some(request)).await?;
    let phase = if applied.owed.is_empty() {
        Phase::Done
    } else {
        Phase::Owed
    };
    let detail = format!("version {next} of '{}' begun", case.owner);
    case.journal
        .record_alone(session, phase, detail, Some(request))?;
    drop(lock);
    let handed = match wish {
        Some(wish) if applied.owed.is_empty() => Some(hand_over(session, &wish).await),
        _ => None,
    };
    Ok(Done::Did(Rotated {
        handed,
        cluster: case.cluster.name,
        user: case.owner,
        ended: live.map(|live| live.version),
        begun: next,
        applied,
    }))
}

async fn hand_over(session: &Session, wish: &DownloadWish) -> Result<Downloaded, Error> {
    let action = "kubeconfig download";
    let case = case(session, action, &wish.cluster, None, Way::Own)?;
    let form = form(session, &case, wish)?;
    Box::pin(hand_out(session, wish, form)).await
}

/// Sees that the next version can be put where it is wished, and says what that means; nothing
/// where it goes to standard output.
fn place_of(
    session: &Session,
    case: &Case,
    wish: &mut DownloadWish,
) -> Result<Option<String>, Error> {
    let asked = wish.overwrite;
    wish.overwrite = Overwrite::Force;
    let form = form(session, case, wish)?;
    let Some(path) = form.path else {
        return Ok(None);
    };
    let shown = path.display();
    if matches!(wish.destination, Destination::Merge { .. }) {
        return Ok(Some(format!("merge it into `{shown}`")));
    }
    if asked == Overwrite::Never && !holds_only_this(session, case, &path)? {
        check_writable_destination(&path, asked)?;
        wish.overwrite = asked;
    }
    Ok(Some(format!("write `{shown}`")))
}

/// Whether a file holds logins of this kubeconfig, and nothing else: then it is dead after the
/// rotation, and nobody misses it.
fn holds_only_this(session: &Session, case: &Case, path: &Path) -> Result<bool, Error> {
    let read = read_bounded(path, BYTES_MAX).ok();
    let Some(tokens) = read.and_then(|bytes| tokens_alone(&bytes)) else {
        return Ok(false);
    };
    let versions = session
        .store()?
        .read(|tx| store::credentials::versions_of(tx, case.cluster.id, case.of))?;
    let is_of_this = |token: &str| {
        let prefix = format!("system:serviceaccount:{NAMESPACE}:");
        let claims = claims(token);
        let account = claims.as_ref().and_then(|it| it.sub.strip_prefix(&prefix));
        account.is_some_and(|account| versions.iter().any(|it| it.account.as_str() == account))
    };
    Ok(!tokens.is_empty() && tokens.iter().all(|token| is_of_this(token)))
}
