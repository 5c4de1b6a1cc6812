//! Reading the audit log, checking it, and accepting the store as it was found.

use std::time::Duration;

use futures::{StreamExt, stream};

use super::backup::doubted_keys;
use super::journal::Journal;
use super::{Done, Error, Intent, Obstacle, find};
use crate::domain::Timestamp;
use crate::domain::action::Action;
use crate::domain::audit::{Entry, EventSeq, Head, Phase};
use crate::domain::cluster::Cluster;
use crate::domain::name::{ClusterName, ProjectName, UserRef};
use crate::domain::policy::OrganizationAction;
use crate::domain::text;
use crate::secrets::Verifier;
use crate::session::{App, CLUSTERS_AT_ONCE, Session};
use crate::store::copy::Doubted;
use crate::store::integrity::{self, Scope};
use crate::store::{self, ReadTxn};

pub(crate) use crate::session::Known;
pub(crate) use crate::store::audit::verify::Until;
pub(crate) use crate::store::audit::{Filter, Verdict};
pub(crate) use crate::store::recorded::Rows;

/// How long one of them is waited for.
const ASK_MAX: Duration = Duration::from_secs(10);

/// What somebody is shown of who has what.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// Only this cluster; else all.
    pub(crate) cluster: Option<ClusterName>,
    /// Only this user; else all.
    pub(crate) user: Option<UserRef>,
    /// Only this project's members and clusters.
    pub(crate) project: Option<ProjectName>,
}

impl Shown {
    /// What that relies on. Of what is not found nothing is shown.
    fn scopes(&self, tx: &ReadTxn<'_>) -> store::Result<Vec<Scope>> {
        let mut scopes = vec![Scope::Organization];
        if let Some(project) = &self.project {
            if let Some(project) = store::projects::find(tx, project)? {
                let clusters = store::clusters::of_project(tx, project.id)?.into_iter();
                scopes.extend(clusters.map(|cluster| Scope::Cluster(cluster.id)));
                scopes.push(Scope::Project(project.id));
            }
        } else if let Some(cluster) = &self.cluster {
            let cluster = store::clusters::find(tx, cluster)?;
            scopes.extend(cluster.map(|cluster| Scope::Cluster(cluster.id)));
            scopes.push(Scope::Users);
        } else if let Some(user) = &self.user {
            let user = store::users::find_unchecked(tx, user)?;
            scopes.extend(user.map(|user| Scope::OfUser(user.id)));
            scopes.push(Scope::Clusters);
        } else {
            scopes.push(Scope::Rows);
        }
        Ok(scopes)
    }
}

/// A look for what somebody changed without kubegrant, which goes on beside what is shown.
pub(crate) enum Doubt {
    /// It was quick.
    Known(store::Result<Vec<String>>),
    /// It goes on.
    Looking(std::thread::JoinHandle<store::Result<Vec<String>>>),
}

/// Begins to look, for those who are shown who has what, for what of it somebody changed.
pub(crate) fn begin_doubt(session: &Session, shown: Shown) -> Doubt {
    fn changed(app: &App, shown: &Shown) -> store::Result<Vec<String>> {
        app.store()?.read(|tx| {
            let scopes = shown.scopes(tx)?;
            integrity::changed_of(tx, scopes)
        })
    }
    // Of one user there is little, which another connection would read once more; one to a database costs more
    // than it saves, unless it is for all.
    let is_some = shown.cluster.is_some() || shown.project.is_some();
    let is_file = session.place().file().is_some();
    if (shown.user.is_some() && !is_some) || (is_some && !is_file) {
        return Doubt::Known(changed(session, &shown));
    }
    let app = session.app();
    Doubt::Looking(std::thread::spawn(move || changed(&app, &shown)))
}

/// Says what was found, in words; without names for whoever may not know everybody.
pub(crate) fn doubt(session: &Session, doubt: Doubt) -> Result<Option<String>, Error> {
    let changed = match doubt {
        Doubt::Known(changed) => changed,
        Doubt::Looking(looking) => looking
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
    }?;
    if changed.is_empty() {
        return Ok(None);
    }
    let what = if session.principal_unchecked()?.user.role.is_admin() {
        changed.join(", ")
    } else {
        "some of its records".to_owned()
    };
    Ok(Some(format!(
        "{what}: changed without kubegrant, so that what is shown may not be true"
    )))
}

/// Lists events, oldest first, one by one. For organization owners and admins.
pub(crate) fn list<E: From<Error>>(
    session: &Session,
    filter: &Filter,
    hand: impl FnMut(Entry) -> Result<(), E>,
) -> Result<(), E> {
    each(session, Action::AuditList, filter, hand)
}

/// Hands events over one by one, oldest first. For organization owners and admins.
pub(crate) fn export<E: From<Error>>(
    session: &Session,
    filter: &Filter,
    mut hand: impl FnMut(&Entry) -> Result<(), E>,
) -> Result<(), E> {
    each(session, Action::AuditExport, filter, |entry| hand(&entry))
}

fn each<E: From<Error>>(
    session: &Session,
    action: Action,
    filter: &Filter,
    mut hand: impl FnMut(Entry) -> Result<(), E>,
) -> Result<(), E> {
    /// The end of the work, whoever caused it.
    enum Stop<E> {
        Store(store::Error),
        Hand(E),
    }
    impl<E> From<store::Error> for Stop<E> {
        fn from(error: store::Error) -> Self {
            Self::Store(error)
        }
    }
    let (actor, journal) = find::reading(session, action)?;
    find::may(session, &actor, &journal, OrganizationAction::ReadAudit)?;
    if action == Action::AuditList {
        session.end_at_once();
    }
    let store = session.store().map_err(Error::from)?;
    let done =
        store.read(|tx| store::audit::each(tx, filter, |entry| hand(entry).map_err(Stop::Hand)));
    done.map_err(|stop| match stop {
        Stop::Store(error) => Error::from(error).into(),
        Stop::Hand(error) => error,
    })
}

/// What a check of the store found.
#[derive(Debug)]
pub(crate) struct Report {
    /// The chain of events.
    pub(crate) verdict: Verdict,
    /// What was changed without this program.
    pub(crate) changed: Vec<String>,
    /// Which of it are tables, indexes and triggers.
    misshapen: Vec<String>,
    /// The tables whose rows are not what the log tells.
    pub(crate) untold: Vec<&'static str>,
    /// What this machine knows of the store.
    pub(crate) known: Known,
}

impl Report {
    /// Whether there is nothing to complain about.
    pub(crate) fn is_good(&self) -> bool {
        matches!(self.verdict, Verdict::Whole { .. })
            && self.changed.is_empty()
            && self.untold.is_empty()
            && !matches!(self.known, Known::Differs(..))
    }

    /// What is wrong, a sentence a line.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Verdict::Broken { seq, why } = &self.verdict {
            lines.push(format!(
                "event {seq} of the audit log is not as it was written: {why}"
            ));
        }
        if let Known::Differs(_, why) = &self.known {
            lines.push(format!(
                "the store is not the one that this machine knows: {why}"
            ));
        }
        let changed = self.changed.iter();
        lines.extend(changed.map(|what| format!("{what} was changed without kubegrant")));
        let untold = self.untold.iter();
        lines.extend(untold.map(|table| {
            format!("the audit log tells of other rows of table '{table}' than there are")
        }));
        lines
    }
}

/// Checks that no event was changed, removed or inserted, that all are signed by those who did it, that all guarded
/// records are as the log says, and that the store is not older than what this machine knows. For everybody.
pub(crate) fn verify(app: &App) -> Result<Report, Error> {
    let report = app.look(|tx, known| {
        let told = store::audit::verify::told(tx, Until::End)?;
        let changed = store::integrity::changed(tx)?;
        let misshapen = store::integrity::misshapen(tx)?;
        // Of what is wrong already nobody needs to be told twice.
        let is_whole = matches!(told.verdict, Verdict::Whole { .. }) && changed.is_empty();
        let untold = match told.rows.filter(|_| is_whole) {
            Some(rows) => store::audit::verify::differing(tx, rows)?,
            None => vec![],
        };
        Ok(Report {
            verdict: told.verdict,
            changed,
            misshapen,
            untold,
            known,
        })
    })?;
    Ok(report)
}

/// With which key an event is signed, as OpenSSH writes it, and its signature as `ssh-keygen -Y sign` does.
pub(crate) fn signature_of(entry: &Entry) -> Option<(String, String)> {
    let verifier = Verifier::of(entry.signer.as_deref()?)?;
    let armored = verifier.armored(store::audit::NAMESPACE, entry.signature.as_deref()?)?;
    Some((verifier.to_openssh()?, armored))
}

/// The rows that decide something as they stood once, from the log alone.
#[derive(Debug)]
pub(crate) struct Replayed {
    /// The last event that counts.
    pub(crate) seq: EventSeq,
    /// When it was.
    pub(crate) at: Timestamp,
    /// The rows.
    pub(crate) rows: Rows,
}

/// Tells from the log alone how the rows stood that decide something. For organization owners and admins.
pub(crate) fn replay(session: &Session, until: Until) -> Result<Replayed, Error> {
    let (actor, journal) = find::reading(session, Action::AuditReplay)?;
    session.end_at_once();
    find::may(session, &actor, &journal, OrganizationAction::ReadAudit)?;
    let store = session.store()?;
    let told = store.read(|tx| store::audit::verify::told(tx, until))?;
    let (events, since) = match told.verdict {
        Verdict::Broken { seq, why } => {
            return Err(Error::Obstacle(Obstacle::BrokenLog { seq, why }));
        }
        Verdict::Whole {
            rows, signed_from, ..
        } => (rows, signed_from),
    };
    if let Until::Seq(seq) = until
        && (seq.0 < 1 || seq.0 > events)
    {
        return Err(Error::Obstacle(Obstacle::NoEvent { seq, events }));
    }
    match told.rows.zip(told.at) {
        Some((rows, (seq, at))) => Ok(Replayed { seq, at, rows }),
        None => Err(Error::Obstacle(Obstacle::NotTold {
            // What an upgrade says stands in the event before the first that is signed.
            since: since.map_or(EventSeq::FIRST, |since| EventSeq((since.0 - 1).max(1))),
        })),
    }
}

/// What an owner accepted.
#[derive(Debug)]
pub(crate) struct Accepted {
    /// What was wrong, a sentence a line.
    pub(crate) complaints: Vec<String>,
    /// What the clusters said, a sentence a line: those that do not vouch for the store.
    pub(crate) clusters: Vec<String>,
    /// Clusters that must be looked at first.
    pub(crate) looks: Vec<String>,
    /// Clusters whose SSH key may be in somebody's hands.
    pub(crate) doubted: Vec<String>,
    /// Where the log stands now.
    pub(crate) head: Option<Head>,
}

/// Takes the store as it stands for right, with all that a check complains about. For owners whose
/// own record is beyond doubt; it is recorded, and what was wrong stays in the log for good.
///
/// Nobody knows what a younger copy of this store handed out. So all is in doubt that a restored
/// backup leaves in doubt, in the same transaction; and only a cluster that is seen to hold a head
/// of this very log takes the doubt back for itself, if this machine knows of no younger one.
pub(crate) async fn accept(
    session: &Session,
    reason: &str,
    intent: &Intent,
) -> Result<Done<Accepted>, Error> {
    let action = Action::AuditAccept;
    let (actor, journal) = find::reading(session, action)?;
    find::may(session, &actor, &journal, OrganizationAction::Restore)?;
    let report = verify(session)?;
    if let Verdict::Broken { seq, .. } = report.verdict {
        return Err(Error::Obstacle(Obstacle::ForgedEvent(seq)));
    }
    if let Some(what) = report.misshapen.first() {
        return Err(Error::Obstacle(Obstacle::Misshapen(what.clone())));
    }
    let complaints = report.complaints();
    if intent.is_preview() {
        return Ok(Done::planned(planned(&complaints)));
    }
    let kept = match &report.known {
        Known::Nothing => None,
        Known::Fits(head) | Known::Superseded(head) | Known::Differs(head, _) => Some(head),
    };
    let (intact, doubted) = session.store()?.write(|tx| {
        if !store::integrity::is_user_intact(tx, actor.holder.id)? {
            return Err(Error::Obstacle(Obstacle::ForgedActor(
                actor.holder.name.clone(),
            )));
        }
        let mut intact = Vec::new();
        for cluster in store::clusters::list(tx)? {
            // Whoever wrote a cluster's records may have put its key back, too.
            if integrity::is_cluster_intact(tx, cluster.id)? {
                intact.push(cluster);
            }
        }
        let doubted = store::copy::doubt(tx, session.now(), &|_| false)?;
        store::audit::begin_epoch(tx, session.now(), kept)?;
        integrity::accept(tx)?;
        let found = if complaints.is_empty() {
            "nothing was wrong here".to_owned()
        } else {
            complaints.join("; ")
        };
        journal.record(session, tx, Phase::Done, format!("{reason}: {found}"), None)?;
        Ok((intact, doubted))
    })?;
    let younger_here = matches!(report.known, Known::Differs(..));
    let mut said = Vec::new();
    if !younger_here {
        said = ask_clusters(session, &journal, &intact, &doubted).await?;
    }
    let store = session.store()?;
    let (looks, doubted, head) = store.read(|tx| {
        let clusters = store::clusters::list(tx)?;
        let mut looks = Vec::new();
        for cluster in &clusters {
            if store::clusters::are_orphans_pending(tx, cluster.id)? {
                looks.push(cluster.name.to_string());
            }
        }
        let doubted = doubted_keys(tx, &clusters)?;
        Ok::<_, store::Error>((looks, doubted, store::audit::head(tx)?))
    })?;
    Ok(Done::Did(Accepted {
        complaints,
        clusters: said,
        looks,
        doubted,
        head,
    }))
}

fn planned(complaints: &[String]) -> Vec<String> {
    let first = complaints.iter().take(text::SENTENCES_MAX);
    let mut lines: Vec<String> = first.map(|line| format!("accept that {line}")).collect();
    if let Some(more) = complaints.len().checked_sub(text::SENTENCES_MAX + 1) {
        let more = more + 1;
        lines.push(format!(
            "accept {more} more changes, which `kubegrant audit verify -o json` lists"
        ));
    }
    lines.push(
        "doubt every SSH key that is still here, and what the clusters hold beyond this store, \
         but where a cluster vouches for it"
            .to_owned(),
    );
    lines
}

/// Asks the clusters whose head they hold, and takes the doubt back where it is one of this log;
/// nowhere if one of them knows a younger one. Gives what speaks against it, in words.
async fn ask_clusters(
    session: &Session,
    journal: &Journal,
    clusters: &[Cluster],
    doubted: &Doubted,
) -> Result<Vec<String>, Error> {
    let installation = find::installation(session)?;
    let asked = clusters.iter().map(|cluster| {
        let installation = &installation;
        async move {
            let connecting = Box::pin(session.connect(cluster, installation));
            let head = match tokio::time::timeout(ASK_MAX, connecting).await {
                Err(_) => Err("it did not answer in time".to_owned()),
                Ok(Err(error)) => Err(error.to_string()),
                Ok(Ok(connection)) => Ok(connection.witnessed().cloned()),
            };
            (cluster, head)
        }
    });
    let answers = stream::iter(asked).buffer_unordered(CLUSTERS_AT_ONCE);
    let answers: Vec<_> = answers.collect().await;
    let (mut vouching, mut said, mut younger) = (Vec::new(), Vec::new(), false);
    for (cluster, head) in answers {
        let name = &cluster.name;
        match head {
            Err(why) => said.push(format!(
                "cluster '{name}' could not be asked whether it knows a younger store: {why}"
            )),
            Ok(None) => said.push(format!("cluster '{name}' holds no head of the audit log")),
            Ok(Some(head)) if session.store()?.read(|tx| store::audit::holds(tx, &head))? => {
                vouching.push(cluster);
            }
            Ok(Some(head)) => {
                younger = true;
                said.push(format!(
                    "cluster '{name}' knows a younger store, or another one: event {} is not in \
                     this log",
                    head.seq
                ));
            }
        }
    }
    said.sort();
    if !younger && !vouching.is_empty() {
        session.store()?.write(|tx| {
            for cluster in &vouching {
                store::copy::trust_again(tx, cluster.id, doubted)?;
            }
            let names: Vec<&str> = vouching.iter().map(|it| it.name.as_str()).collect();
            let detail = format!("these clusters vouch for the log: {}", names.join(", "));
            journal.record(session, tx, Phase::Done, detail, None)?;
            Ok::<_, store::Error>(())
        })?;
    }
    Ok(said)
}
