//! `download --all`: every cluster that a user can reach, in one file.

use std::path::PathBuf;

use futures::{StreamExt, stream};

use super::download::{Ready, ask, hand_over, prepare, record_delivery, terms};
use super::form::{Form, fields, form_of, mark};
use super::issue::Issue;
use super::merge::{self, MergeNews};
use super::{Asked, DownloadRequest};
use crate::artifact::kubeconfig::Login;
use crate::artifact::kubeconfig::render_all;
use crate::artifact::merge::{Addition, Mark};
use crate::domain::Timestamp;
use crate::domain::access::Power;
use crate::domain::action::Action;
use crate::domain::audit::Phase;
use crate::domain::cluster::State;
use crate::domain::name::ClusterName;
use crate::domain::subject::SubjectName;
use crate::domain::text;
use crate::ops::change;
use crate::ops::{Done, Error, Intent, Obstacle, Planned, Unasked, excess, find};
use crate::secrets::{ExposeSecret, SecretString};
use crate::session::{App, CLUSTERS_AT_ONCE, Session};
use crate::store;

/// The file's name, where no cluster gives it one.
const STEM: &str = "kubegrant";

/// What is told while the work goes on.
#[derive(Debug)]
pub(crate) enum ProgressEvent<'a> {
    /// On how many clusters.
    Begins(usize),
    /// One is ready, or is not.
    Finished(&'a ClusterName, Option<&'a Error>),
}

/// One cluster of the file.
#[derive(Debug)]
pub(crate) struct Part {
    /// The cluster's name.
    pub(crate) cluster: ClusterName,
    /// Whose version it is: a user's, or a project's level.
    pub(crate) owner: SubjectName,
    /// Which version.
    pub(crate) version: u32,
    /// What it carries.
    pub(crate) power: Power,
    /// When the token in it really ends.
    pub(crate) expires_at: Timestamp,
    /// The lifetime that was asked for, where the server gave less, in seconds.
    pub(crate) shortened_from: Option<i64>,
    /// Where it carries more than it says: agreed to.
    pub(crate) excess: Vec<String>,
}

/// A hand-over of several clusters.
pub(crate) struct AllDownloaded {
    /// The user's name.
    pub(crate) user: String,
    /// What is in the file, by cluster.
    pub(crate) parts: Vec<Part>,
    /// What is not, and why.
    pub(crate) failed: Vec<(ClusterName, Error)>,
    /// The file, unless it goes to standard output, or nothing went anywhere.
    pub(crate) path: Option<PathBuf>,
    /// Whether it is sealed to the user.
    pub(crate) sealed: bool,
    /// What merging came to, where it was merged.
    pub(crate) merged: Option<MergeNews>,
    bytes: Option<SecretString>,
    /// What people should know of the clusters beside, a sentence each.
    pub(crate) notes: Vec<String>,
}

impl AllDownloaded {
    /// Gives the text to standard output, where that was asked for; says whether it was.
    pub(crate) fn hand_to_stdout<E>(
        &self,
        hand: impl FnOnce(&[u8]) -> Result<(), E>,
    ) -> Result<bool, E> {
        let Some(bytes) = &self.bytes else {
            return Ok(false);
        };
        hand(bytes.expose_secret().as_bytes()).map(|()| true)
    }
}

/// The clusters that are not in the file, and why.
type Failed = Vec<(ClusterName, Error)>;

/// Asks the rules of every cluster in use that the user can reach.
fn cases(
    session: &Session,
    wanted: &impl Fn(ClusterName) -> DownloadRequest,
    user: Option<&crate::domain::name::UserRef>,
) -> Result<(Vec<Asked>, Failed), Error> {
    let actor = find::principal(session, Action::KubeconfigDownload)?;
    // Whom it is for may be told only by one who sees the cluster: `case` asks that of each.
    let subject = match user {
        Some(name) if actor.user.role.is_admin() => find::user(session, name)?,
        _ => actor.user.clone(),
    };
    let names = session.store()?.read(|tx| {
        let mut names = Vec::new();
        for cluster in store::clusters::list(tx)? {
            let in_use = cluster.state == State::Active && cluster.deleting_at.is_none();
            if in_use && find::sees(tx, session, &subject, &cluster)? {
                names.push(cluster.name);
            }
        }
        Ok::<_, store::Error>(names)
    })?;
    let (mut cases, mut failed) = (Vec::new(), Vec::new());
    for name in names {
        match ask(session, &wanted(name.clone())) {
            Ok(case) => cases.push(case),
            Err(error) => failed.push((name, error)),
        }
    }
    Ok((cases, failed))
}

/// Hands out one kubeconfig for every cluster that the user can reach.
///
/// Clusters are asked at once. Those that answer are handed over, the others named.
pub(crate) async fn download_all(
    session: &Session,
    wanted: impl Fn(ClusterName) -> DownloadRequest,
    intent: &Intent<Unasked>,
    on_progress: &mut dyn FnMut(ProgressEvent<'_>),
) -> Result<Done<AllDownloaded>, Error> {
    let any: ClusterName = STEM
        .parse()
        .map_err(|_| Error::Obstacle(Obstacle::NoneInReach))?;
    let whole = wanted(any);
    let (cases, mut failed) = cases(session, &wanted, whole.user.as_ref())?;
    if cases.is_empty() {
        return match failed.into_iter().next() {
            Some((_, error)) => Err(error),
            None => Err(Error::Obstacle(Obstacle::NoneInReach)),
        };
    }
    let form = form_of(session, &cases, &whole, STEM)?;
    if intent.is_preview() {
        return preview(session, &cases, &whole, &form)
            .await
            .map(Done::Planned);
    }
    on_progress(ProgressEvent::Begins(cases.len()));
    let mut work = stream::iter(&cases)
        .map(|case| {
            let wanted = wanted(case.cluster.name.clone());
            async move {
                // Its lock goes before the others are waited for: a slow cluster holds up no other.
                let ready = prepare(session, &wanted).await.map(Ready::unlocked);
                (case.cluster.name.clone(), ready)
            }
        })
        .buffer_unordered(CLUSTERS_AT_ONCE);
    let mut ready = Vec::new();
    while let Some((name, outcome)) = work.next().await {
        on_progress(ProgressEvent::Finished(&name, outcome.as_ref().err()));
        match outcome {
            Ok(one) => ready.push(one),
            Err(error) => failed.push((name, error)),
        }
    }
    drop(work);
    ready.sort_by(|a, b| a.case.cluster.name.cmp(&b.case.cluster.name));
    failed.sort_by(|a, b| a.0.cmp(&b.0));
    let outcome = deliver_all(session, &whole, &form, &ready).await;
    let (bytes, merged) = match outcome {
        Ok(done) => done,
        Err(error) => {
            for one in &ready {
                let why = text::chain(&error);
                let request = Some(one.request);
                let journal = &one.case.journal;
                journal.record_alone(session, Phase::Failed, why, request)?;
            }
            return Err(error);
        }
    };
    let part = |one: &Ready| Part {
        cluster: one.case.cluster.name.clone(),
        owner: one.case.owner.clone(),
        version: one.credential.version,
        power: one.credential.power,
        expires_at: one.minted.expires_at,
        shortened_from: one.shortened_from(session),
        excess: one.excess.clone(),
    };
    Ok(Done::Did(AllDownloaded {
        user: cases[0].subject.name.to_string(),
        parts: ready.iter().map(part).collect(),
        failed,
        path: form.path.filter(|_| !ready.is_empty()),
        sealed: form.seal_to.is_some(),
        merged,
        bytes,
        notes: ready.into_iter().flat_map(|one| one.notes).collect(),
    }))
}

/// Says what would be handed out.
async fn preview(
    session: &Session,
    cases: &[Asked],
    wanted: &DownloadRequest,
    form: &Form,
) -> Result<Planned, Error> {
    let mut all = Planned::default();
    for case in cases {
        let terms = terms(wanted);
        match change::planned(session, &Issue { case, terms }).await {
            Ok(one) => all.extend(one),
            // The others are handed over all the same.
            Err(Error::Refused(refusal)) if cases.len() > 1 => {
                let name = &case.cluster.name;
                all.steps
                    .push(format!("nothing for cluster '{name}': {refusal}"));
            }
            Err(error) => return Err(error),
        }
    }
    all.steps.extend(form.step());
    let asked = cases
        .iter()
        .map(|case| excess::of_level(session, &case.cluster, case.power));
    let excess = futures::future::join_all(asked).await.into_iter().flatten();
    all.steps
        .extend(excess.map(|what| format!("although {what}")));
    Ok(all)
}

/// Writes the file or merges it, and records every delivery.
async fn deliver_all(
    app: &App,
    wanted: &DownloadRequest,
    form: &Form,
    ready: &[Ready],
) -> Result<(Option<SecretString>, Option<MergeNews>), Error> {
    let Some(first) = ready.first() else {
        return Ok((None, None));
    };
    let all: Vec<_> = ready
        .iter()
        .map(|one| {
            let login = Login::Token(one.minted.token.clone());
            fields(app, &one.case, wanted, one.credential.version, login)
        })
        .collect();
    let (mut bytes, mut merged) = (None, None);
    match (form.merge, &form.path) {
        (Some(_), Some(path)) => {
            let marks: Vec<Mark> = ready
                .iter()
                .map(|one| mark(app, &one.case))
                .collect::<Result<_, _>>()?;
            let additions: Vec<Addition<'_>> = all
                .iter()
                .zip(&marks)
                .map(|(fields, mark)| Addition {
                    fields,
                    mark,
                    context_is_chosen: false,
                })
                .collect();
            // Of several, none is the one to become current.
            merged = Some(merge::add(path, &additions, false).await?);
        }
        _ => bytes = hand_over(form, wanted, &first.case, &render_all(&all)?)?,
    }
    for one in ready {
        record_delivery(app, one, form.description())?;
    }
    Ok((bytes, merged))
}
