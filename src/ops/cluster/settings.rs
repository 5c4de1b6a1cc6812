//! Changing a cluster's settings.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;

use super::approach::WRITE_SCOPE_WARNING;
use super::insisted::insisted;
use super::public::tried;
use crate::domain::Confirmed;
use crate::domain::action::Action;
use crate::domain::cluster::{Cluster, PublicAddress, SelfService, WriteScope};
use crate::domain::effect::Effect;
use crate::domain::level::{Allowed, LeftOut};
use crate::domain::name::{ClusterName, ProjectName};
use crate::domain::policy::{ClusterAction, OrganizationAction};
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::domain::sealed::Which;
use crate::domain::setting::Setting;
use crate::ops::change::{self, About, Change, Decision, Resealed, Target, Who};
use crate::ops::project::shared::Over;
use crate::ops::{Applied, Done, Error, Intent, Unasked};
use crate::session::Session;

/// Which project a cluster is to be in.
#[derive(Debug, Clone, Default)]
pub(crate) enum IntoProject {
    /// The one that it is in, if any.
    #[default]
    Same,
    /// This one.
    In(ProjectName),
    /// None.
    Nowhere,
}

/// Which address files carry.
#[derive(Debug, Clone, Default)]
pub(crate) enum Public {
    /// The one that they carry now.
    #[default]
    Same,
    /// This one.
    At(PublicAddress),
    /// The one that was registered.
    Registered,
}

/// What `cluster set` changes; `None` leaves a thing as it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    /// One line for people.
    pub(crate) description: Option<String>,
    /// Labels to set.
    pub(crate) labels: BTreeMap<String, String>,
    /// Labels to remove.
    pub(crate) labels_removed: BTreeSet<String>,
    /// How far write reaches.
    pub(crate) write_scope: Option<WriteScope>,
    /// Which project it is in.
    pub(crate) project: IntoProject,
    /// Namespaces to exclude.
    pub(crate) exclude: BTreeSet<String>,
    /// Namespaces to exclude no longer.
    pub(crate) exclude_removed: BTreeSet<String>,
    /// Excluded namespaces that write is to reach all the same.
    pub(crate) include: BTreeSet<String>,
    /// Namespaces that it is to reach so no longer.
    pub(crate) include_removed: BTreeSet<String>,
    /// Resources of others that write is to carry as `edit` does.
    pub(crate) allow: BTreeSet<Allowed>,
    /// Resources that it is to carry so no longer.
    pub(crate) allow_removed: BTreeSet<Allowed>,
    /// How long a version that carries write relies on the last look.
    pub(crate) scan_every: Option<TimeDelta>,
    /// Which address files carry.
    pub(crate) public: Public,
    /// Whether developers serve themselves.
    pub(crate) self_service: Option<SelfService>,
}

impl Settings {
    /// Whether it changes where write reaches, or what it carries.
    fn moves_write(&self) -> bool {
        let namespaces = [&self.exclude, &self.exclude_removed, &self.include];
        self.write_scope.is_some()
            || !namespaces.iter().all(|list| list.is_empty())
            || !self.include_removed.is_empty()
            || !self.allow.is_empty()
            || !self.allow_removed.is_empty()
    }

    /// The cluster as it is to be, but for its project.
    fn applied_to(&self, before: &Cluster) -> Cluster {
        let wanted = self.clone();
        let mut after = before.clone();
        if let Some(description) = wanted.description {
            after.description = description;
        }
        after
            .labels
            .retain(|key, _| !wanted.labels_removed.contains(key));
        after.labels.extend(wanted.labels);
        if let Some(scope) = wanted.write_scope {
            after.write_scope = scope;
        }
        after
            .excluded
            .retain(|namespace| !wanted.exclude_removed.contains(namespace));
        after.excluded.extend(wanted.exclude);
        after
            .included
            .retain(|namespace| !wanted.include_removed.contains(namespace));
        after.included.extend(wanted.include);
        after
            .write_allow
            .retain(|allowed| !wanted.allow_removed.contains(allowed));
        after.write_allow.extend(wanted.allow);
        if let Some(every) = wanted.scan_every {
            after.scan_every = every;
        }
        if let Some(how) = wanted.self_service {
            after.self_service = how;
        }
        match wanted.public {
            Public::Same => {}
            Public::Registered => after.public = None,
            // A name of the certificate that was found before stays, unless another is given.
            Public::At(public) => {
                let known = after.public.as_ref().is_some_and(|known| {
                    known.server == public.server && public.tls_server_name.is_none()
                });
                if !known {
                    after.public = Some(public);
                }
            }
        }
        after
    }
}

/// What a change of settings came to.
#[derive(Debug)]
pub(crate) struct SetOutcome {
    /// The cluster as it is now.
    pub(crate) cluster: Cluster,
    /// The project that it is in now.
    pub(crate) project: Option<String>,
    /// Whether it was so before.
    pub(crate) unchanged: bool,
    /// The shared versions that ended because the cluster left their project.
    pub(crate) over: Vec<Over>,
    /// What a person should know.
    pub(crate) warnings: Vec<String>,
    /// What the levels leave out, where what write carries was changed and the cluster answered.
    pub(crate) left_out: Vec<LeftOut>,
    /// What it did on the cluster.
    pub(crate) applied: Applied,
}

/// A cluster's settings change. Where write reaches is sensitive; labels are not.
#[derive(Debug, Clone)]
pub(crate) struct Set {
    /// Which cluster.
    pub(crate) cluster: ClusterName,
    /// What changes.
    pub(crate) settings: Settings,
    /// Who agreed to what lets writers escalate.
    pub(crate) insists: Option<Confirmed>,
}

impl Set {
    /// The cluster as it is to be; what is seen of its address is not yet.
    fn wanted(&self, rows: &Rows, before: &Cluster) -> Result<Cluster, Refusal> {
        let mut after = self.settings.applied_to(before);
        after.project = match &self.settings.project {
            IntoProject::Same => before.project,
            IntoProject::Nowhere => None,
            IntoProject::In(name) => Some(rows.people.project(name)?),
        };
        Ok(after)
    }

    fn moves_project(&self) -> bool {
        !matches!(self.settings.project, IntoProject::Same)
    }
}

/// What was seen before settings are changed.
#[derive(Debug, Default)]
pub(crate) struct SettingsSeen {
    /// The cluster that was looked at.
    before: Option<Cluster>,
    /// The address that files are to carry, as it was tried.
    public: Option<PublicAddress>,
    /// What a person should know.
    warnings: Vec<String>,
    /// What write will reach or carry that it should not, and why.
    insisted: BTreeMap<String, String>,
}

impl Change for Set {
    type Seen = SettingsSeen;
    type Consent = Unasked;

    fn about(&self) -> About<'_> {
        let is_public_same = matches!(self.settings.public, Public::Same);
        let is_sensitive =
            self.settings.scan_every.is_some() || self.settings.self_service.is_some();
        let action = if self.settings.moves_write() || is_sensitive || !is_public_same {
            ClusterAction::Sensitive
        } else {
            ClusterAction::ChangeSettings
        };
        // Two changes at once both count: each begins where the other ended.
        About::gives(Action::ClusterSet, Target::on(&self.cluster, action))
    }

    fn insists(&self) -> Option<Confirmed> {
        self.insists
    }

    // What servers open of it.
    fn resealed<'a>(&'a self, rows: &'a Rows) -> Option<Resealed<'a>> {
        let on = rows.only().ok()?;
        let how = self.settings.self_service?;
        let changes = how != on.cluster.self_service;
        changes.then(|| -> Resealed<'a> {
            Box::new(move |cluster, which| {
                let served = matches!(which, Which::IssuerLogin | Which::SshKey { .. });
                cluster.id == on.cluster.id && served
            })
        })
    }

    async fn look(&self, session: &Session, rows: &Rows) -> Result<SettingsSeen, Error> {
        let before = &rows.only().map_err(Error::Refused)?.cluster;
        let mut after = self.wanted(rows, before).map_err(Error::Refused)?;
        let mut seen = SettingsSeen {
            before: Some(before.clone()),
            ..SettingsSeen::default()
        };
        if let Some(public) = after.public.take()
            && before.public.as_ref() != Some(&public)
        {
            let (public, notes) = tried(session, before, public).await?;
            seen.public = Some(public);
            seen.warnings = notes;
        }
        seen.insisted = insisted(session, before, &after).await?;
        Ok(seen)
    }

    fn decide(&self, rows: &Rows, who: &Who, seen: &SettingsSeen) -> Result<Decision, Refusal> {
        let cluster = &rows.only()?.cluster;
        // Whoever is in the project gets in: that is not for the cluster's owner to give.
        if self.moves_project() {
            who.may(OrganizationAction::ManageProjects)?;
        }
        let mut after = self.wanted(rows, cluster)?;
        if let Some(before) = &seen.before
            // A deleted project takes no lock, for example: what was changed since is not changed back.
            && !cluster.is_as_it_was(before)
        {
            return Err(Refusal::ChangedMeanwhile(Some(cluster.name.clone())));
        }
        if let Some(public) = &seen.public {
            after.public = Some(public.clone());
        }
        let settings = Setting::between(cluster, &after);
        if after.self_service != SelfService::Off && cluster.issuer.is_none() {
            return Err(Refusal::NoIssuer(cluster.name.clone()));
        }
        let widens = settings.iter().any(|it| it.widens_write(cluster));
        // An owner who opens no more than the issuer's login must not become cluster-admin by what the
        // manager's then does for him.
        if cluster.issuer.is_some() && (widens || !seen.insisted.is_empty()) {
            who.may_on(rows.only()?, ClusterAction::WidenWrite)?;
        }
        let set = |setting: &Setting| Effect::Set {
            cluster: cluster.id,
            setting: setting.clone(),
        };
        let effects: Vec<Effect> = settings.iter().map(set).collect();
        let although = seen.insisted.iter();
        let although: Vec<String> = although
            .map(|(what, why)| format!("{what}: {why}"))
            .collect();
        let words = effects.iter().map(|effect| rows.describe(effect));
        let words: Vec<String> = words
            .chain(although.iter().map(|what| format!("although {what}")))
            .collect();
        let moves = |it: &Setting| it.reaches_cluster() || matches!(it, Setting::Project(_));
        Ok(Decision {
            detail: words.join("; "),
            needs_consent: needs_consent(cluster, &seen.insisted),
            although,
            // Also where there is nothing to decide: what is pending is tried again.
            reaches_clusters: effects.is_empty() || settings.iter().any(moves),
            effects,
            ..Decision::default()
        })
    }
}

/// What somebody must agree to, in one sentence.
fn needs_consent(cluster: &Cluster, insisted: &BTreeMap<String, String>) -> Vec<String> {
    let Some((what, why)) = insisted.first_key_value() else {
        return vec![];
    };
    let more = match insisted.len() {
        1 => String::new(),
        several => format!(" (and {} more)", several - 1),
    };
    vec![format!(
        "write on cluster '{}' would reach {what}, and could escalate: {why}{more}",
        cluster.name
    )]
}

/// Changes a cluster's settings.
///
/// What lets writers escalate is refused with [`Error::Escalates`] until a person agreed.
pub(crate) async fn set(
    session: &Session,
    change: &Set,
    intent: &Intent<Unasked>,
) -> Result<Done<SetOutcome>, Error> {
    let done = match Box::pin(change::run(session, change, intent)).await? {
        Done::Planned(planned) => return Ok(Done::Planned(planned)),
        Done::Did(done) => done,
    };
    let on = done.after.only().map_err(Error::Refused)?;
    let moves_write = change.settings.moves_write();
    let mut warnings = done.seen.warnings.clone();
    if moves_write && on.cluster.write_scope == WriteScope::Cluster {
        warnings.push(WRITE_SCOPE_WARNING.to_owned());
    }
    let moved =
        |effect: &Effect| matches!(effect, Effect::Set { setting, .. } if setting.moves_write());
    let is_asked = if done.is_unchanged() {
        moves_write && matches!(intent, Intent::Perform(_))
    } else {
        done.effects.iter().any(moved)
    };
    let project = on.cluster.project;
    let project = project.and_then(|id| on.people.projects.get(&id));
    Ok(Done::Did(SetOutcome {
        left_out: left_out(session, &on.cluster, is_asked).await,
        cluster: on.cluster.clone(),
        project: project.map(ToString::to_string),
        unchanged: done.is_unchanged(),
        over: done.over(),
        warnings,
        applied: done.applied,
    }))
}

/// What the levels leave out now, where the cluster says so.
async fn left_out(session: &Session, cluster: &Cluster, is_asked: bool) -> Vec<LeftOut> {
    if !is_asked {
        return vec![];
    }
    let seen = super::look(session, cluster).await;
    seen.map(|seen| seen.left_out).unwrap_or_default()
}
