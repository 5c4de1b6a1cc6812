//! Ending one's own version, and beginning the next.

use std::path::Path;

use super::download::{Destination, DownloadRequest, Downloaded, hand_out};
use super::form::form;
use super::issue::{Issue, Terms, issue};
use super::received::holds_only;
use super::{Asked, Overwrite, Way, case};
use crate::artifact::file::check_writable_destination;
use crate::domain::action::Action;
use crate::domain::credential::State;
use crate::domain::effect::Effect;
use crate::domain::name::ClusterName;
use crate::domain::subject::SubjectName;
use crate::ops::change;
use crate::ops::{Applied, Done, Error, Intent, Pending, Unasked};
use crate::session::{App, Session};
use crate::store;

/// A rotation.
pub(crate) struct Rotated {
    /// The cluster's name.
    pub(crate) cluster: ClusterName,
    /// Whose it is: a user's, or a project's level.
    pub(crate) user: SubjectName,
    /// The version that ended, if there was one.
    pub(crate) ended: Option<u32>,
    /// The version that began.
    pub(crate) begun: u32,
    /// What it did on the cluster.
    pub(crate) applied: Applied,
    /// The hand-over of the new version, where it was asked for and the old one has ended.
    pub(crate) handed: Option<Result<Downloaded, Error>>,
}

/// Ends the live version, begins the next one when the old one is seen to be gone, and hands it
/// over where that is asked.
pub(crate) async fn rotate(
    session: &Session,
    cluster: &ClusterName,
    mut wanted: Option<DownloadRequest>,
    intent: &Intent<Unasked>,
) -> Result<Done<Rotated>, Error> {
    let ask = || case(session, Action::KubeconfigRotate, cluster, None, Way::Own);
    let asked = ask()?;
    // Before anything ends: the new one has a place to go to.
    let place = match &mut wanted {
        Some(wanted) => place_of(session, &asked, wanted)?,
        None => None,
    };
    let hands_over = wanted.is_some();
    if let Some(wanted) = &mut wanted {
        // What renewed itself goes on doing so.
        let live = super::live(session, &asked)?;
        wanted.renew |= live.is_some_and(|live| live.renews.is_some());
    }
    let terms = Terms {
        anew: true,
        renews: wanted.as_ref().is_some_and(|wanted| wanted.renew),
        hands_over,
        insists: None,
    };
    if intent.is_preview() {
        let rotation = Issue {
            case: &asked,
            terms,
        };
        let mut planned = change::planned(session, &rotation).await?;
        planned.steps.extend(place);
        return Ok(Done::Planned(planned));
    }
    let (case, recorded) = issue(session, ask, terms).await?;
    let ended = recorded.before()?.live(case.of).map(|live| live.version);
    let begun = recorded.effects().iter().find_map(|effect| match effect {
        Effect::BeginVersion { version, .. } => Some(*version),
        _ => None,
    });
    // One reconcile: lists lose the old account before the new one is made.
    let mut applied = recorded.reconcile_locked(session).await?;
    recorded.close(session, &applied)?;
    drop(recorded);
    // What is pending for others keeps nobody from theirs.
    let is_done = applied.pending.is_empty()
        || has_taken_effect(session, &case, ended, begun.unwrap_or_default())?;
    if !case.is_by_manager() {
        applied = own_part(applied, &case, is_done);
    }
    let handed = match wanted {
        Some(wanted) if is_done => Some(hand_over(session, &wanted).await),
        _ => None,
    };
    Ok(Done::Did(Rotated {
        handed,
        cluster: case.cluster.name,
        user: case.owner,
        ended,
        begun: begun.unwrap_or_default(),
        applied,
    }))
}

/// Whether the old version is seen to be gone, and the new one to be there.
fn has_taken_effect(
    app: &App,
    case: &Asked,
    ended: Option<u32>,
    begun: u32,
) -> Result<bool, Error> {
    let versions = app
        .store()?
        .read(|tx| store::credentials::versions_of(tx, case.cluster.id, case.of))?;
    let is = |version: u32, state: State| {
        let mut of_it = versions.iter().filter(|it| it.version == version);
        of_it.any(|it| it.state == state)
    };
    Ok(is(begun, State::Active) && ended.is_none_or(|ended| is(ended, State::Revoked)))
}

/// What of it is about whoever rotates: of others' troubles on a cluster those are told who manage it.
fn own_part(applied: Applied, case: &Asked, is_done: bool) -> Applied {
    let owner = format!("'{}'", case.owner);
    let is_own = |it: &Pending| !is_done && it.what.contains(&owner);
    let mut pending: Vec<Pending> = applied.pending.into_iter().filter(is_own).collect();
    for item in &mut pending {
        item.why = None;
    }
    if pending.is_empty() && !is_done {
        pending.push(Pending {
            cluster: case.cluster.name.clone(),
            what: format!("the next version of {owner} is pending"),
            why: None,
            until: None,
        });
    }
    Applied {
        ended: applied.ended,
        pending,
        notes: vec![],
    }
}

async fn hand_over(session: &Session, wanted: &DownloadRequest) -> Result<Downloaded, Error> {
    let action = Action::KubeconfigDownload;
    let case = case(session, action, &wanted.cluster, None, Way::Own)?;
    let form = form(session, &case, wanted)?;
    Box::pin(hand_out(session, wanted, form)).await
}

/// Sees that the next version can be put where it is asked, and says what that means; nothing
/// where it goes to standard output.
fn place_of(
    session: &Session,
    case: &Asked,
    wanted: &mut DownloadRequest,
) -> Result<Option<String>, Error> {
    let asked = wanted.overwrite;
    wanted.overwrite = Overwrite::Force;
    let form = form(session, case, wanted)?;
    let Some(path) = form.path else {
        return Ok(None);
    };
    let shown = path.display();
    if matches!(wanted.destination, Destination::Merge { .. }) {
        return Ok(Some(format!("merge it into `{shown}`")));
    }
    if asked == Overwrite::Never && !holds_only_this(session, case, &path)? {
        check_writable_destination(&path, asked)?;
        wanted.overwrite = asked;
    }
    Ok(Some(format!("write `{shown}`")))
}

/// Whether a file holds logins of this kubeconfig, and nothing else: then it is dead after the
/// rotation, and nobody misses it.
fn holds_only_this(app: &App, case: &Asked, path: &Path) -> Result<bool, Error> {
    let versions = app
        .store()?
        .read(|tx| store::credentials::versions_of(tx, case.cluster.id, case.of))?;
    let accounts = versions.iter().map(|it| it.account.to_string());
    Ok(holds_only(path, &accounts.collect::<Vec<_>>()))
}
