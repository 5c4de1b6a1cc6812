//! Registering a cluster, and renewing what was registered.

use super::approach::{Approach, Source, approach, retire_others, warnings};
use super::custody::{Account, Custody, ObjectOptions, Request, take_custody};
use super::survey::survey;
use std::collections::BTreeSet;

use crate::domain::audit::{EventSeq, Phase};
use crate::domain::cluster::{Address, Cluster, FormerManager, WriteScope};
use crate::domain::name::{ClusterName, ProjectName, UserRef, shell_word};
use crate::domain::policy::{ClusterAction, OrganizationAction, ProjectAction};
use crate::domain::project::Project;
use crate::domain::refusal::Refusal;
use crate::domain::text;
use crate::domain::user::User;
use crate::domain::{Confirmed, Timestamp};
use crate::kubernetes::undo::New;
use crate::ops::commit::{Question, commit_for};
use crate::ops::journal::Journal;
use crate::ops::{
    Applied, Done, Error, Intent, Unasked, excess, find, manager, reseal, settle, ssh_key,
};
use crate::secrets::SshKey;
use crate::session::{App, Principal, Session};
use crate::store::clusters::NewCluster;
use crate::store::{self, WriteTxn};

/// A cluster to register.
#[derive(Debug)]
pub(crate) struct Add {
    /// Name.
    pub(crate) name: ClusterName,
    /// Where the login comes from.
    pub(crate) source: Source,
    /// To whom it is assigned.
    pub(crate) owner: Option<UserRef>,
    /// The project that it is put in.
    pub(crate) project: Option<ProjectName>,
    /// One line for people.
    pub(crate) description: String,
    /// What is made on it, and where.
    pub(crate) objects: ObjectOptions,
    /// How far write reaches.
    pub(crate) write_scope: WriteScope,
    /// Namespaces held back from write.
    pub(crate) held_back: BTreeSet<String>,
    /// Keep the operator's credential instead of making a manager.
    pub(crate) keep_credential: bool,
    /// The key pair of its nodes, and whether it came from a file.
    pub(crate) ssh_key: Option<(SshKey, bool)>,
    /// Whether somebody insists, where others would have a way in, or a level is more than it says.
    pub(crate) insists: Option<Confirmed>,
}

/// A cluster as it was registered.
#[derive(Debug)]
pub(crate) struct Registered {
    /// The cluster.
    pub(crate) cluster: Cluster,
    /// Its owner's name.
    pub(crate) owner: Option<String>,
    /// The context that was used.
    pub(crate) context: String,
    /// What a person should know.
    pub(crate) warnings: Vec<String>,
    /// What a renewal ended.
    pub(crate) applied: Applied,
}

/// The project that a new cluster is put in, for those who may say so.
fn project_of(
    app: &App,
    (actor, journal): (&Principal, &Journal),
    name: Option<&ProjectName>,
) -> Result<Option<Project>, Error> {
    let Some(name) = name else {
        return Ok(None);
    };
    find::allow(app, actor, journal, OrganizationAction::ManageProjects)?;
    find::project(app, actor, journal, name, ProjectAction::See).map(Some)
}

/// A registration in words, for the audit log.
fn detail_of_add(approach: &Approach, agreed: &[String]) -> String {
    let although = excess::although(agreed);
    let (server, version) = (&approach.address.server, &approach.version);
    format!("register {server} ({version}){although}")
}

/// Refuses what is registered already.
fn refuse_known(app: &App, approach: &Approach) -> Result<(), Error> {
    refuse_same(app, &approach.uid, |_| true)?;
    refuse_same_place(app, &approach.address)
}

/// What registering would do, a sentence each.
fn plan_add<'a>(
    name: &ClusterName,
    server: &str,
    project: Option<&Project>,
    notes: impl Iterator<Item = &'a String>,
) -> Vec<String> {
    let mut lines = vec![
        format!("make the manager account on {server}"),
        format!("register it as cluster '{name}'"),
    ];
    lines.extend(project.map(|project| format!("put it in project '{}'", project.name)));
    lines.extend(notes.map(|what| format!("although {what}")));
    lines
}

/// Registers a cluster.
pub(crate) async fn add(
    session: &Session,
    wish: Add,
    intent: &Intent<Unasked>,
) -> Result<Done<Registered>, Error> {
    let actor = find::principal(session, "cluster add")?;
    let journal = Journal::new(&actor, "cluster add").cluster_name(&wish.name);
    let register = OrganizationAction::RegisterCluster;
    find::allow(session, &actor, &journal, register)?;
    refuse_taken(session, &wish.name)?;
    let owner = wish
        .owner
        .as_ref()
        .map(|owner| active_user(session, owner))
        .transpose()?;
    let project = project_of(session, (&actor, &journal), wish.project.as_ref())?;
    let approach = approach(session, &wish.name, &wish.source, wish.keep_credential).await?;
    let approach = approach.with_marks(&wish.objects.marks);
    refuse_known(session, &approach)?;
    let survey = Box::pin(survey(session, &wish.name, &approach)).await?;
    if intent.is_preview() {
        let notes = survey.to_agree.iter().chain(&survey.warnings);
        let lines = plan_add(
            &wish.name,
            &approach.address.server,
            project.as_ref(),
            notes,
        );
        return Ok(Done::planned(lines));
    }
    let agreed = excess::agreed(survey.to_agree, wish.insists)?;
    let detail = detail_of_add(&approach, &agreed);
    let request = journal.record_alone(session, Phase::Requested, detail.clone(), None)?;
    let registration = Registration {
        wish: &wish,
        owner: owner.as_ref(),
        project: project.as_ref(),
        approach: &approach,
        detail,
        request,
    };
    let mut new = New::default();
    let registered = Box::pin(registration.make(session, &actor, &journal, &mut new)).await;
    let (cluster, mut warnings) = match registered {
        Ok(registered) => registered,
        Err(error) => {
            // Nothing knows of what was made: nobody could take it away later.
            let left = approach.connection.undo(&new).await;
            let error = left_behind(error, &approach.imported.context, &left);
            journal.record_alone(session, Phase::Failed, text::chain(&error), Some(request))?;
            return Err(error);
        }
    };
    warnings.extend(agreed.into_iter().chain(survey.warnings));
    let retired = retire_others(session, &cluster, None, &journal);
    let (pending, told) = futures::join!(retired, tell_first(session, &cluster));
    told?;
    Ok(Done::Did(Registered {
        cluster,
        owner: owner.map(|owner| owner.name.to_string()),
        context: approach.imported.context,
        warnings,
        applied: Applied {
            pending: pending.into_iter().collect(),
            ..Applied::default()
        },
    }))
}

/// Lets a new cluster hold the head of the log: with the first change on it, it is a witness.
async fn tell_first(session: &Session, cluster: &Cluster) -> Result<(), Error> {
    let installation = find::installation(session)?;
    manager::tell(session, &session.approach(cluster, &installation)?).await
}

/// An error with the commands that take away what is left on the cluster.
fn left_behind(error: Error, context: &str, left: &[String]) -> Error {
    if left.is_empty() {
        return error;
    }
    let context = shell_word(context);
    Error::LeftBehind {
        source: Box::new(error),
        commands: left
            .iter()
            .map(|command| format!("kubectl --context {context} {command}"))
            .collect(),
    }
}

/// A registration that was asked for, allowed and noted.
struct Registration<'a> {
    wish: &'a Add,
    owner: Option<&'a User>,
    project: Option<&'a Project>,
    approach: &'a Approach,
    detail: String,
    request: EventSeq,
}

impl Registration<'_> {
    /// Makes the manager, and stores the cluster with its login; gives it, with what a person should
    /// know.
    async fn make(
        &self,
        session: &Session,
        actor: &Principal,
        journal: &Journal,
        new: &mut New,
    ) -> Result<(Cluster, Vec<String>), Error> {
        let (wish, approach) = (self.wish, self.approach);
        let spare = manager::new_name(session);
        let request = Request {
            account: Account::First(&spare),
            keep_credential: wish.keep_credential,
            adopt_namespace: wish.objects.adopt_namespace,
        };
        let custody = take_custody(session, &wish.name, approach, request, new).await?;
        let now = session.now();
        let mut warnings = warnings(approach, &custody, wish.write_scope, now);
        if new.before.is_some() {
            warnings.push(
                "namespace 'kubegrant' was there before: it is taken over, and stays when the cluster \
                 is deleted"
                    .to_owned(),
            );
        }
        let installation = find::installation(session)?;
        // The cluster was asked meanwhile, and may have been slow.
        let mut rules = vec![OrganizationAction::RegisterCluster];
        rules.extend(self.project.map(|_| OrganizationAction::ManageProjects));
        let cluster = commit_for(session, "cluster add", &rules, |tx| {
            self.owner.map_or(Ok(()), |it| still_active(tx, it))?;
            if let Some(project) = self.project {
                crate::ops::project::still_there(tx, project)?;
            }
            let new = self.cluster(&custody, now);
            let cluster = store::clusters::insert(tx, &new, |cluster| {
                reseal::seal_login(tx, cluster, &installation, &custody.secret)
            })?;
            let detail = self.detail.clone();
            journal.record(session, tx, Phase::Done, detail, Some(self.request))?;
            if let Some((key, imported)) = &wish.ssh_key {
                let owner = (&cluster, actor);
                ssh_key::insert_first(session, tx, owner, journal, (key, *imported))?;
            }
            Ok::<_, Error>(cluster)
        })?;
        Ok((cluster, warnings))
    }

    fn cluster<'a>(&'a self, custody: &'a Custody, now: Timestamp) -> NewCluster<'a> {
        let (wish, approach) = (self.wish, self.approach);
        NewCluster {
            name: &wish.name,
            owner: self.owner.map(|owner| owner.id),
            project: self.project.map(|project| project.id),
            description: &wish.description,
            labels: &wish.objects.marks.labels,
            marks: &wish.objects.marks,
            address: &approach.address,
            kube_system_uid: &approach.uid,
            version: &approach.version,
            manager: &custody.manager,
            manager_kind: custody.kind,
            manager_expires_at: custody.expires_at,
            write_scope: wish.write_scope,
            held_back: &wish.held_back,
            created_at: now,
        }
    }
}

/// Refuses a name that another cluster has.
fn refuse_taken(app: &App, name: &ClusterName) -> Result<(), Error> {
    let taken = app.store()?.read(|tx| store::clusters::find(tx, name))?;
    match taken {
        None => Ok(()),
        Some(_) => Err(Error::Exists {
            what: format!("cluster '{name}'"),
            hint: format!(
                "choose another name, or renew its address and pins with `kubegrant cluster relink {name}`"
            ),
        }),
    }
}

/// Refuses a cluster that is registered already, under whatever name.
fn refuse_same(app: &App, uid: &str, counts: impl Fn(&Cluster) -> bool) -> Result<(), Error> {
    let known = app.store()?.read(store::clusters::list)?;
    let same = known
        .into_iter()
        .find(|cluster| cluster.kube_system_uid == uid && counts(cluster));
    match same {
        None => Ok(()),
        Some(same) => Err(Error::Exists {
            what: format!("cluster '{}', which is this very one,", same.name),
            hint: format!("run `kubegrant cluster show {}`", same.name),
        }),
    }
}

/// Refuses another name for a place that is registered. What answers there with another identity
/// was rebuilt, or lies; to make a manager on it would take away the first one's.
fn refuse_same_place(app: &App, address: &Address) -> Result<(), Error> {
    let known = app.store()?.read(store::clusters::list)?;
    match known.into_iter().find(|known| known.address == *address) {
        None => Ok(()),
        Some(same) => Err(Error::Exists {
            what: format!("cluster '{}' with this very address and CA", same.name),
            hint: format!(
                "if it was rebuilt, run `kubegrant cluster relink {}`",
                same.name
            ),
        }),
    }
}

/// Puts the account that is to be the manager on the list of those that must go, before it is made,
/// and the one before: cut off, the next command ends them. Gives its name, and the request.
fn announce(
    session: &Session,
    question: &Question<'_>,
    old: Option<FormerManager>,
    journal: &Journal,
    what: &str,
) -> Result<(String, EventSeq), Error> {
    let next = manager::new_name(session);
    let request = question.commit(session, |tx, cluster| {
        let new = FormerManager::from(next.as_str());
        let former: Vec<FormerManager> = old.into_iter().chain([new]).collect();
        store::managers::add_former(tx, cluster.id, &former)?;
        Ok(journal.record(session, tx, Phase::Requested, what, None)?)
    })?;
    Ok((next, request))
}

/// What a cluster is renewed from.
#[derive(Debug)]
pub(crate) struct Relink {
    /// Where the login comes from.
    pub(crate) source: Source,
    /// Keep the operator's credential instead of making a manager.
    pub(crate) keep_credential: bool,
    /// What is made on it, and where: beside what was asked for before.
    pub(crate) objects: ObjectOptions,
}

/// A renewal in words.
fn detail_of_relink(name: &ClusterName, approach: &Approach, rebuilt: bool) -> String {
    if rebuilt {
        format!(
            "take {} for cluster '{name}' from now on, and end all credentials of the old one",
            approach.address.server
        )
    } else {
        format!("renew the address, the CA and the manager of cluster '{name}'")
    }
}

/// Renews a cluster's address, pins and manager: after a move, a new CA, or a rebuild.
pub(crate) async fn relink(
    session: &Session,
    name: &ClusterName,
    wish: &Relink,
    intent: &Intent,
) -> Result<Done<Registered>, Error> {
    let actor = find::principal(session, "cluster relink")?;
    let journal = Journal::new(&actor, "cluster relink");
    let found = find::cluster(session, &actor, &journal, name, ClusterAction::Sensitive)?;
    let journal = journal.cluster(&found.cluster);
    let question = Question {
        command: "cluster relink",
        action: ClusterAction::Sensitive,
        also: None,
        cluster: &found.cluster,
    };
    let (lock, before) = question.lock(session).await?;
    let (mut labels, mut marks) = (before.labels.clone(), before.marks.clone());
    labels.extend(wish.objects.marks.labels.clone());
    marks.extend(&wish.objects.marks);
    let approach = approach(session, name, &wish.source, wish.keep_credential).await?;
    let approach = approach.with_marks(&marks);
    let rebuilt = approach.uid != before.kube_system_uid;
    refuse_same(session, &approach.uid, |other| other.id != before.id)?;
    let what = detail_of_relink(name, &approach, rebuilt);
    if intent.is_preview() {
        return Ok(Done::planned(vec![what]));
    }
    let survey = Box::pin(survey(session, name, &approach)).await?;
    let installation = find::installation(session)?;
    let old = if rebuilt {
        None // Its account is on the cluster that is gone.
    } else {
        Some(manager::present(session, &before, &installation, &approach.connection).await?)
    };
    // Approaching took its time, and so will making the manager: asked before it and after it.
    let (next, request) = announce(session, &question, old, &journal, &what)?;
    let before_name = before.manager.clone();
    let beside = (!rebuilt).then_some(before_name.as_str());
    let asked = Request {
        account: Account::Next(&next, beside),
        keep_credential: wish.keep_credential,
        adopt_namespace: wish.objects.adopt_namespace,
    };
    let custody = take_custody(session, name, &approach, asked, &mut New::default()).await?;
    let mut warnings = warnings(&approach, &custody, before.write_scope, session.now());
    warnings.extend(survey.to_agree.into_iter().chain(survey.warnings));
    let renewed = |before: &Cluster| Cluster {
        address: approach.address.clone(),
        kube_system_uid: approach.uid.clone(),
        version: approach.version.clone(),
        manager: custody.manager.clone(),
        manager_kind: custody.kind,
        manager_generation: before.manager_generation + 1,
        manager_expires_at: custody.expires_at,
        reached_at: Some(session.now()),
        labels: labels.clone(),
        marks: marks.clone(),
        ..before.clone()
    };
    let cluster = question.commit(session, |tx, before| {
        let cluster = renewed(before);
        let sealed = reseal::seal_login(tx, &cluster, &installation, &custody.secret)?;
        store::clusters::relink(tx, &cluster, &sealed)?;
        manager::unlist(tx, &cluster)?;
        let stored = "a new login of the manager is stored";
        journal.record(session, tx, Phase::Requested, stored, Some(request))?;
        if rebuilt {
            let snapshot = settle::snapshot(tx, cluster.id)?;
            let all = snapshot.credentials.iter();
            let ends = all.map(|it| snapshot.end_of(it, "the cluster was rebuilt"));
            let ends: Vec<_> = ends.collect();
            settle::commit(session, tx, &snapshot, &ends, &journal, Some(request))?;
        }
        Ok(cluster)
    })?;
    // What the cluster knows of the log goes on under the new login, whoever wrote there before.
    let new = session.approach(&cluster, &installation)?;
    manager::tell(session, &new).await?;
    let old = (!rebuilt).then_some(before_name.as_str());
    let older = retire_others(session, &cluster, old, &journal).await;
    let mut applied = settle::reconcile(session, &lock, &journal, Some(request)).await?;
    applied.pending.extend(older);
    journal.close(session, &applied, what, request)?;
    let owner = owner_name(session, &cluster)?;
    let context = approach.imported.context;
    Ok(Done::Did(Registered {
        cluster,
        owner,
        context,
        warnings,
        applied,
    }))
}

pub(in crate::ops) fn active_user(app: &App, name: &UserRef) -> Result<User, Error> {
    let user = find::user(app, name)?;
    if user.active {
        return Ok(user);
    }
    Err(cannot_own(&user))
}

/// Refuses an owner who was disabled meanwhile.
fn still_active(tx: &WriteTxn<'_>, owner: &User) -> Result<(), Error> {
    let users = store::users::list(tx)?;
    let active = users.iter().any(|it| it.id == owner.id && it.active);
    if active {
        Ok(())
    } else {
        Err(cannot_own(owner))
    }
}

/// Why a disabled user gets no cluster.
fn cannot_own(user: &User) -> Error {
    Error::Refused(Refusal::CannotOwn(user.name.clone()))
}

fn owner_name(app: &App, cluster: &Cluster) -> Result<Option<String>, Error> {
    let users = app.store()?.read(store::users::list)?;
    Ok(users
        .into_iter()
        .find(|user| cluster.owner == Some(user.id))
        .map(|user| user.name.to_string()))
}
