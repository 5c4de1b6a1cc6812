//! Putting the cluster's public line on the nodes; and what a rotation does as well before and after
//! the work on the nodes.

use std::cell::Cell;

use super::candidates::{Candidates, Consent, Meant, Target, recorded};
use super::pending::resolve_all;
use super::roll_out::{
    NodeReport, ProgressEvent, RollOut, RollOutRequest, Work, failures, file_key, ready,
};
use crate::domain::action::Action;
use crate::domain::audit::Phase;
use crate::domain::cluster::Cluster;
use crate::domain::effect::Effect;
use crate::domain::policy::ClusterAction;
use crate::domain::refusal::{Refusal, SshKeyRefusal};
use crate::domain::rows::Rows;
use crate::domain::ssh::{NodeKey, SshKeyEffect};
use crate::nodes::Node;
use crate::ops::change::{self, About, Change, Decision, Recorded, Who};
use crate::ops::journal::Journal;
use crate::ops::{Done, Error, Intent, Unasked};
use crate::secrets::SshKey;
use crate::session::{App, Session};
use crate::store;

/// What the nodes are found for.
pub(super) struct Preparing<'a> {
    pub(super) command: Action,
    pub(super) wanted: &'a RollOutRequest,
    /// Who agreed to nodes that are new; `None` is a preview, which resolves, forgets and asks nothing.
    pub(super) consent: Option<Consent>,
    pub(super) is_rotation: bool,
}

/// What install and rotate have in common before anything is decided: what was cut off is resolved,
/// nodes that are gone are forgotten, and the nodes that are meant are found.
pub(super) async fn prepare(
    session: &Session,
    rows: &Rows,
    preparing: Preparing<'_>,
) -> Result<Meant, Error> {
    let Preparing {
        command,
        wanted,
        consent,
        is_rotation,
    } = preparing;
    let cluster = &rows.only().map_err(Error::Refused)?.cluster;
    let actor = session.principal()?;
    if consent.is_some() {
        resolve_all(session, command, rows)?;
        let journal = Journal::new(&actor, command).cluster(cluster);
        forget(session, cluster, &journal, &wanted.forget)?;
    }
    let recorded = recorded(session, cluster)?;
    let candidates = Candidates {
        session,
        cluster,
        actor: &actor.user,
        recorded: &recorded,
    };
    let mut meant = candidates.meant(wanted, is_rotation).await?;
    if meant.is_empty() && (is_rotation || wanted.forget.is_empty()) {
        return Err(Error::from(SshKeyRefusal::NoNodes(wanted.cluster.clone())));
    }
    if let Some(consent) = consent {
        meant.agree(&wanted.cluster, consent)?;
    }
    Ok(meant)
}

/// What was seen before the public line is put on nodes.
#[derive(Default)]
struct InstallSeen {
    meant: Meant,
    /// The key in the file that was given, if it can be read here.
    file: Option<SshKey>,
}

/// The cluster's public line is put on the nodes.
struct Install<'a> {
    wanted: &'a RollOutRequest,
    /// Who agreed to nodes that are new; `None` is a preview.
    consent: Option<Consent>,
}

const INSTALL: Action = Action::SshKeyInstall;

impl Change for Install<'_> {
    type Seen = Option<InstallSeen>;
    type Consent = Unasked;

    fn about(&self) -> About<'_> {
        let target = change::Target::on(&self.wanted.cluster, ClusterAction::ManageSshKey);
        About::gives(INSTALL, target).ssh_keys()
    }

    async fn look(&self, session: &Session, rows: &Rows) -> Result<Option<InstallSeen>, Error> {
        let preparing = Preparing {
            command: INSTALL,
            wanted: self.wanted,
            consent: self.consent,
            is_rotation: false,
        };
        Ok(Some(InstallSeen {
            meant: prepare(session, rows, preparing).await?,
            // What cannot be read is said before anything is recorded.
            file: file_key(session, self.wanted)?,
        }))
    }

    fn decide(
        &self,
        rows: &Rows,
        _: &Who,
        seen: &Option<InstallSeen>,
    ) -> Result<Decision, Refusal> {
        let meant = seen.as_ref().map(|seen| &seen.meant);
        let pair = rows.the_ssh_key()?;
        let nodes = meant.map_or(0, |meant| meant.targets.len());
        let fingerprint = pair.fingerprint.clone();
        let targets = meant.iter().flat_map(|meant| &meant.targets);
        let line = |target: &Target| format!("put SSH key {fingerprint} on node {target}");
        let remarks = meant.iter().flat_map(|meant| meant.remarks());
        Ok(Decision {
            detail: format!("key {fingerprint} to {nodes} nodes"),
            notes: targets.map(line).chain(remarks).collect(),
            effects: vec![Effect::SshKey {
                cluster: pair.cluster,
                change: SshKeyEffect::Bring {
                    fingerprint: Some(fingerprint.clone()),
                    nodes,
                },
            }],
            goes_on: true,
            ..Decision::default()
        })
    }
}

/// Puts the cluster's public line on the nodes.
pub(crate) async fn install(
    session: &Session,
    wanted: &RollOutRequest,
    intent: &Intent<Unasked>,
    consent: Consent,
    on_progress: &mut dyn FnMut(ProgressEvent<'_>),
) -> Result<Done<RollOut>, Error> {
    let consent = (!intent.is_preview()).then_some(consent);
    let change = Install { wanted, consent };
    if intent.is_preview() {
        return change::planned(session, &change).await.map(Done::Planned);
    }
    let mut recorded = Box::pin(change::record(session, &change)).await?;
    let InstallSeen { meant, file } = recorded.take_seen().flatten().unwrap_or_default();
    let cluster = &recorded.before()?.cluster;
    let pair = recorded.rows().the_ssh_key().map_err(Error::Refused)?;
    let new = ready(session, cluster, pair.clone(), file.as_ref());
    let work = Work {
        session,
        new: new.map_err(|error| recorded.failed(session, error))?,
        old: vec![],
        waits: Cell::new(false),
        cluster,
        journal: recorded.journal(),
        wanted,
    };
    let reports = work.bring_all(&meant, on_progress).await?;
    let pending = failures(&reports, &meant);
    close(session, &recorded, &reports, &pending)?;
    Ok(Done::Did(RollOut {
        cluster: cluster.name.clone(),
        fingerprint: pair.fingerprint.clone(),
        resumed: false,
        reports,
        unasked: meant.unasked,
        pending,
    }))
}

/// Marks nodes that are gone for good, so that nobody waits for them.
fn forget(app: &App, cluster: &Cluster, journal: &Journal, nodes: &[Node]) -> Result<(), Error> {
    if nodes.is_empty() {
        return Ok(());
    }
    app.store()?.write(|tx| {
        let mut is_changed = false;
        for pair in store::ssh_keys::list(tx, cluster.id)? {
            for held in store::ssh_keys::nodes(tx, pair.id)? {
                let named = nodes.iter().any(|node| {
                    node.address == held.address && (node.port.is_none() || node.port == held.port)
                });
                if named && held.may_hold() {
                    let removed_at = Some(app.now());
                    store::ssh_keys::set_node(tx, &NodeKey { removed_at, ..held })?;
                    is_changed = true;
                }
            }
        }
        let before = store::ssh_keys::left_out(tx, cluster.id)?;
        let mut left = before.clone();
        left.retain(|(name, _)| {
            !nodes
                .iter()
                .any(|node| node.address.eq_ignore_ascii_case(name))
        });
        if !is_changed && left.len() == before.len() {
            return Ok(());
        }
        store::ssh_keys::set_left_out(tx, cluster.id, &left)?;
        let names: Vec<String> = nodes.iter().map(ToString::to_string).collect();
        let detail = format!("nodes that are gone: {}", names.join(", "));
        journal.record(app, tx, Phase::Done, detail, None)?;
        Ok(())
    })
}

/// Records what came of the nodes.
pub(super) fn close<S>(
    app: &App,
    recorded: &Recorded<S>,
    reports: &[NodeReport],
    pending: &[String],
) -> Result<(), Error> {
    let phase = Phase::ending(pending);
    let words = reports.iter().map(|report| match &report.outcome {
        Ok(outcome) => format!("{}: {}", report.place(), outcome.description()),
        Err(error) => format!("{}: {error}", report.place()),
    });
    let detail = words.collect::<Vec<_>>().join("; ");
    let (journal, request) = (recorded.journal(), recorded.request());
    journal.record_alone(app, phase, detail, request)?;
    Ok(())
}
