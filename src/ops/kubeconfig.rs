//! Kubeconfigs: issue on first download, hand out, rotate, show.

mod download;

pub(crate) use download::{Destination, DownloadWish, Downloaded, download};

use super::journal::Journal;
use super::{Applied, Done, Error, Mode, find, settle};
pub(crate) use crate::artifact::file::Overwrite;
use crate::domain::access::{Access, Power};
use crate::domain::audit::Phase;
use crate::domain::cluster::Cluster;
use crate::domain::credential::{self, Credential, CredentialId, Delivery};
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::policy::{ClusterAction, Denial};
use crate::domain::user::User;
use crate::session::{Actor, Session};
use crate::store::{self, WriteTxn};

/// Whose kubeconfig a wish is about, after the rules were asked.
pub(super) struct Case {
    actor: Actor,
    journal: Journal,
    cluster: Cluster,
    subject: User,
    access: Access,
    power: Power,
    /// What the actor has there.
    actor_power: Option<Power>,
}

/// Finds the case and asks the rules: of the actor, and of the one whose file it will be.
fn case(
    session: &Session,
    action: &'static str,
    cluster: &ClusterName,
    user: Option<&UserRef>,
) -> Result<Case, Error> {
    let actor = find::actor(session, action)?;
    let journal = Journal::new(&actor, action);
    let own = user.is_none_or(|user| is_own(&actor, user));
    let asked = if own {
        ClusterAction::OwnKubeconfig
    } else {
        ClusterAction::KubeconfigFor
    };
    let found = find::cluster(session, &actor, &journal, cluster, asked)?;
    let journal = journal.cluster(&found.cluster);
    let (subject, access) = match user {
        Some(name) if !own => {
            let subject = find::user(session, name)?;
            let (access, blocked) = session.store()?.read(|tx| {
                let access = find::access_of(tx, session, &subject, &found.cluster)?;
                let blocked = store::blocks::contains(tx, found.cluster.id, subject.id)?;
                Ok::<_, store::Error>((access, blocked))
            })?;
            let journal = journal.clone().user(&subject);
            if !subject.active {
                let denial = Denial::Disabled;
                return Err(journal.deny(session, denial, Some(cluster), &subject, vec![]));
            }
            if blocked {
                let help = vec![format!(
                    "run `kubegrant team restore {} --cluster {cluster}`",
                    subject.name
                )];
                let denial = Denial::AccessRevoked;
                return Err(journal.deny(session, denial, Some(cluster), &subject, help));
            }
            (subject, access)
        }
        _ => (actor.user.clone(), found.access),
    };
    let power = access.power().ok_or_else(|| no_access(&subject, cluster))?;
    let journal = journal.user(&subject);
    Ok(Case {
        actor,
        journal,
        cluster: found.cluster,
        subject,
        access,
        power,
        actor_power: found.access.power(),
    })
}

/// The case of a user whom an admin rotates.
pub(super) fn case_for(
    session: &Session,
    actor: &Actor,
    journal: &Journal,
    (cluster, subject): (&Cluster, &User),
) -> Result<Case, Error> {
    let access = session
        .store()?
        .read(|tx| find::access_of(tx, session, subject, cluster))?;
    let power = access
        .power()
        .ok_or_else(|| no_access(subject, &cluster.name))?;
    Ok(Case {
        actor: actor.clone(),
        journal: journal.clone(),
        cluster: cluster.clone(),
        subject: subject.clone(),
        access,
        power,
        // Only those with full access rotate others' credentials.
        actor_power: Some(Power::Full),
    })
}

fn no_access(subject: &User, cluster: &ClusterName) -> Error {
    Error::Forbidden {
        why: format!("'{}' has no access to cluster '{cluster}'", subject.name),
        hint: format!(
            "run `kubegrant access grant {} --cluster {cluster} --level read`",
            subject.name
        ),
    }
}

/// Whether somebody points at themselves, by name or by address.
fn is_own(actor: &Actor, user: &UserRef) -> bool {
    match user {
        UserRef::Name(name) => *name == actor.user.name,
        UserRef::Email(email) => actor.user.email.as_ref() == Some(email),
    }
}

/// Inserts the next version as pending; its account's name is stored before it is created.
pub(super) fn begin_version(
    session: &Session,
    tx: &WriteTxn<'_>,
    case: &Case,
    request: i64,
) -> Result<CredentialId, Error> {
    if store::clusters::owes_orphans(tx, case.cluster.id)? {
        let name = &case.cluster.name;
        return Err(Error::Forbidden {
            why: format!(
                "the store was restored from a backup, and what was issued on cluster '{name}' \
                 since is not yet ended"
            ),
            hint: format!("run `kubegrant reconcile {name}` first"),
        });
    }
    let version = store::credentials::next_version(tx, case.cluster.id, case.subject.id)?;
    let account = credential::account_name(&case.subject.name, session.random(), version);
    let new = store::credentials::NewCredential {
        cluster: case.cluster.id,
        user: case.subject.id,
        version,
        account: &account,
        power: case.power,
        created_at: session.now(),
    };
    let id = store::credentials::insert(tx, &new)?;
    let detail = format!(
        "version {version} of '{}' ({})",
        case.subject.name, case.power
    );
    case.journal
        .record(session, tx, Phase::Requested, detail, Some(request))?;
    Ok(id)
}

/// A rotation.
#[derive(Debug)]
pub(crate) struct Rotated {
    /// Where.
    pub(crate) cluster: ClusterName,
    /// Whose.
    pub(crate) user: String,
    /// The version that ended, if there was one.
    pub(crate) ended: Option<u32>,
    /// The version that began.
    pub(crate) begun: u32,
    /// What it did on the cluster.
    pub(crate) applied: Applied,
}

/// Ends the live version, and begins the next one when the old one is seen to be gone.
pub(crate) async fn rotate(
    session: &Session,
    cluster: &ClusterName,
    mode: Mode,
) -> Result<Done<Rotated>, Error> {
    let asked = case(session, "kubeconfig rotate", cluster, None)?;
    let lock = session.lock(&asked.cluster).await?;
    // Asked again under the lock: who lost their access while we waited gets no new version.
    let case = case(session, "kubeconfig rotate", cluster, None)?;
    // Who cannot open the cluster's login cannot finish: nothing is begun, and the way out is said.
    session.manager_login(&case.cluster, &find::installation(session)?)?;
    let (live, next) = session.store()?.read(|tx| {
        let live = store::credentials::versions(tx, case.cluster.id, case.subject.id)?
            .into_iter()
            .find(|credential| credential.state.is_live());
        let next = store::credentials::next_version(tx, case.cluster.id, case.subject.id)?;
        Ok::<_, store::Error>((live, next))
    })?;
    if mode == Mode::Plan {
        let ends = live
            .iter()
            .map(|live| format!("end version {}", live.version));
        let begins = format!(
            "issue version {next} of '{}' ({})",
            case.subject.name, case.power
        );
        return Ok(Done::Planned(ends.chain([begins]).collect()));
    }
    let request = session.store()?.write(|tx| {
        let detail = format!("rotate the kubeconfig of '{}'", case.subject.name);
        let request = case
            .journal
            .record(session, tx, Phase::Requested, detail, None)?;
        if let Some(live) = &live {
            let picture = settle::picture(tx, case.cluster.id)?;
            settle::end(
                session,
                tx,
                live,
                &picture,
                "rotated",
                &case.journal,
                Some(request),
            )?;
        }
        begin_version(session, tx, &case, request)?;
        Ok::<_, Error>(request)
    })?;
    // One converge: lists lose the old account before the new one is made.
    let applied = settle::pay(session, &case.cluster, &lock, &case.journal, Some(request)).await?;
    let phase = if applied.owed.is_empty() {
        Phase::Done
    } else {
        Phase::Owed
    };
    let detail = format!("version {next} of '{}' begun", case.subject.name);
    case.journal
        .record_alone(session, phase, detail, Some(request))?;
    Ok(Done::Did(Rotated {
        cluster: case.cluster.name,
        user: case.subject.name.to_string(),
        ended: live.map(|live| live.version),
        begun: next,
        applied,
    }))
}

/// One version of `kubeconfig show`.
#[derive(Debug)]
pub(crate) struct Version {
    /// The version.
    pub(crate) credential: Credential,
    /// Whose it is.
    pub(crate) user: String,
    /// Its hand-overs: to whom, by whom, and the record.
    pub(crate) deliveries: Vec<(String, String, Delivery)>,
}

/// Lists the versions of a user's kubeconfig on a cluster, oldest first.
pub(crate) fn show(
    session: &Session,
    cluster: &ClusterName,
    user: Option<&UserRef>,
) -> Result<Vec<Version>, Error> {
    let actor = find::actor(session, "kubeconfig show")?;
    let journal = Journal::new(&actor, "kubeconfig show");
    let found = find::cluster(session, &actor, &journal, cluster, ClusterAction::See)?;
    let subject = match user {
        None => actor.user.clone(),
        Some(name) if is_own(&actor, name) => actor.user.clone(),
        Some(name) => {
            find::cluster(session, &actor, &journal, cluster, ClusterAction::TeamList)?;
            find::user(session, name)?
        }
    };
    session.store()?.read(|tx| {
        let users = store::users::list(tx)?;
        let name = |id| {
            users
                .iter()
                .find(|user| user.id == id)
                .map(|user| user.name.to_string())
        };
        let mut versions = Vec::new();
        for credential in store::credentials::versions(tx, found.cluster.id, subject.id)? {
            let deliveries = store::credentials::deliveries(tx, credential.id)?
                .into_iter()
                .map(|delivery| {
                    let to = name(delivery.to).unwrap_or_default();
                    (to, name(delivery.by).unwrap_or_default(), delivery)
                })
                .collect();
            versions.push(Version {
                credential,
                user: subject.name.to_string(),
                deliveries,
            });
        }
        Ok(versions)
    })
}
