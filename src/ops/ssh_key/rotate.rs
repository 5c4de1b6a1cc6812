//! Replacing the key on every node, or going on with a replacement that was cut off.

use std::cell::Cell;

use super::candidates::{Consent, Meant};
use super::install::{Preparing, close, prepare};
use super::keys::{NewKey, changed, described, insert, make};
use super::roll_out::{ProgressEvent, RollOut, RollOutRequest, Work, failures, file_key, ready};
use crate::domain::action::Action;
use crate::domain::audit::Phase;
use crate::domain::effect::Effect;
use crate::domain::policy::ClusterAction;
use crate::domain::refusal::{Refusal, SshKeyRefusal};
use crate::domain::rows::Rows;
use crate::domain::ssh::{KeyPair, KeyPlace, NodeKey, SshKeyEffect};
use crate::ops::change::{self, About, Change, Decision, Target, Who};
use crate::ops::{Done, Error, Intent, Unasked};
use crate::secrets::SshKey;
use crate::session::{App, Session};
use crate::store::{self, WriteTxn};

const ROTATE: Action = Action::SshKeyRotate;

/// The keys of a cluster in their parts.
struct Keys<'a> {
    current: &'a KeyPair,
    next: Option<&'a KeyPair>,
    old: Vec<&'a KeyPair>,
}

impl<'a> Keys<'a> {
    fn of(rows: &'a Rows) -> Result<Self, Refusal> {
        let with = |place: KeyPlace| rows.ssh_keys.iter().filter(move |it| it.place == place);
        Ok(Self {
            current: rows.the_ssh_key()?,
            next: with(KeyPlace::Next).next_back(),
            old: with(KeyPlace::Old).collect(),
        })
    }

    /// Whether a rotation was begun and is not finished.
    fn is_unfinished(&self, wanted: &RollOutRequest, nodes: &[NodeKey]) -> bool {
        let is_old = |node: &NodeKey| self.old.iter().any(|it| it.id == node.key);
        let is_held = nodes.iter().any(|it| it.may_hold() && is_old(it));
        // Nodes are forgotten to end a rotation, not to begin another.
        let forgets = !wanted.forget.is_empty() && !self.old.is_empty();
        // A key that nobody has is still on its way to nodes that were away or left out. Since a
        // restore, or an owner's word for the store, nobody knows who has it.
        let is_fresh = self.current.custody.is_held() && self.current.doubted_at.is_none();
        let on_its_way = is_fresh && !self.old.is_empty();
        self.next.is_some() || is_held || forgets || on_its_way
    }

    /// The key that is brought: one that is there, or one that is to be made.
    fn brought(&self, wanted: &RollOutRequest, nodes: &[NodeKey]) -> Option<&'a KeyPair> {
        let goes_on = self.is_unfinished(wanted, nodes);
        self.next.or_else(|| goes_on.then_some(self.current))
    }
}

/// The cluster's key is replaced on every node, or a rotation that was cut off is gone on with.
pub(super) struct Rotate<'a> {
    pub(super) wanted: &'a RollOutRequest,
    /// Who agreed to nodes that are new; `None` is a preview.
    pub(super) consent: Option<Consent>,
}

/// What was seen before a rotation.
#[derive(Default)]
pub(super) struct RotateSeen {
    meant: Meant,
    /// The key in the file that was given, if it can be read here.
    file: Option<SshKey>,
    /// The key that was made, where none is there to go on with.
    made: Option<SshKey>,
}

impl Change for Rotate<'_> {
    type Seen = RotateSeen;
    type Consent = Unasked;

    fn about(&self) -> About<'_> {
        let target = Target::on(&self.wanted.cluster, ClusterAction::ManageSshKey);
        About::gives(ROTATE, target).ssh_keys()
    }

    async fn look(&self, session: &Session, rows: &Rows) -> Result<RotateSeen, Error> {
        let preparing = Preparing {
            command: ROTATE,
            wanted: self.wanted,
            consent: self.consent,
            is_rotation: true,
        };
        let meant = prepare(session, rows, preparing).await?;
        let mut seen = RotateSeen {
            meant,
            // What cannot be read is said before anything is recorded, and no key is made in vain.
            file: file_key(session, self.wanted)?,
            made: None,
        };
        if self.consent.is_none() {
            return Ok(seen);
        }
        if seen.meant.targets.is_empty() {
            // No key is made that nobody would get.
            let left = seen.meant.left_out.iter();
            let left = left.map(|left| format!("node '{}' is left out: {}", left.name, left.why));
            return Err(Error::from(SshKeyRefusal::AllLeftOut(left.collect())));
        }
        // What was cut off is resolved, and some nodes may be forgotten.
        let cluster = &rows.only().map_err(Error::Refused)?.cluster;
        let now = with_keys(session, rows)?;
        let keys = Keys::of(&now).map_err(Error::Refused)?;
        if keys.brought(self.wanted, &now.ssh_nodes).is_none() {
            seen.made = Some(make(session, &cluster.name, self.wanted.kind)?);
        }
        Ok(seen)
    }

    fn seal(
        &self,
        tx: &WriteTxn<'_>,
        rows: &Rows,
        who: &Who,
        seen: &RotateSeen,
    ) -> Result<(), Error> {
        let keys = Keys::of(rows).map_err(Error::Refused)?;
        if keys.brought(self.wanted, &rows.ssh_nodes).is_some() {
            return Ok(());
        }
        let new = NewKey {
            key: seen
                .made
                .as_ref()
                .ok_or_else(|| changed(&self.wanted.cluster))?,
            imported: false,
            place: KeyPlace::Next,
        };
        insert(tx, &rows.only().map_err(Error::Refused)?.cluster, who, &new)
    }

    fn decide(&self, rows: &Rows, _: &Who, seen: &RotateSeen) -> Result<Decision, Refusal> {
        let cluster = rows.only()?.cluster.id;
        let keys = Keys::of(rows)?;
        let found = keys.brought(self.wanted, &rows.ssh_nodes);
        let nodes = seen.meant.targets.len();
        let mut effects = Vec::new();
        let mut notes = Vec::new();
        let detail = match (found, &seen.made) {
            (Some(pair), _) => {
                notes.push(format!(
                    "go on with the rotation to SSH key {}",
                    pair.fingerprint
                ));
                format!("key {} to {nodes} nodes", pair.fingerprint)
            }
            (None, made) => {
                effects.push(Effect::SshKey {
                    cluster,
                    change: SshKeyEffect::Add { fingerprint: None },
                });
                let new = made.as_ref().map(|made| described("new key", made));
                format!("{} to {nodes} nodes", new.unwrap_or_default())
            }
        };
        effects.push(Effect::SshKey {
            cluster,
            change: SshKeyEffect::Bring {
                fingerprint: found.map(|pair| pair.fingerprint.clone()),
                nodes,
            },
        });
        notes.extend(seen.meant.targets.iter().map(|target| {
            format!(
                "put the new key on node {target}, log in with it, and remove the old one there"
            )
        }));
        notes.extend(seen.meant.remarks());
        Ok(Decision {
            effects,
            detail,
            notes,
            goes_on: true,
            ..Decision::default()
        })
    }
}

/// Rows with the cluster's SSH keys as they are now.
fn with_keys(app: &App, rows: &Rows) -> Result<Rows, Error> {
    let cluster = rows.only().map_err(Error::Refused)?.cluster.id;
    let (ssh_keys, ssh_nodes) = app
        .store()?
        .read(|tx| store::ssh_keys::with_nodes(tx, cluster))?;
    Ok(Rows {
        ssh_keys,
        ssh_nodes,
        ..rows.clone()
    })
}

/// Replaces the cluster's key on every node, or goes on with a rotation that was cut off.
pub(crate) async fn rotate(
    session: &Session,
    wanted: &RollOutRequest,
    intent: &Intent<Unasked>,
    consent: Consent,
    on_progress: &mut dyn FnMut(ProgressEvent<'_>),
) -> Result<Done<RollOut>, Error> {
    let consent = (!intent.is_preview()).then_some(consent);
    let change = Rotate { wanted, consent };
    if intent.is_preview() {
        return change::planned(session, &change).await.map(Done::Planned);
    }
    let mut recorded = Box::pin(change::record(session, &change)).await?;
    let RotateSeen { meant, file, .. } = recorded.take_seen().unwrap_or_default();
    let cluster = &recorded.before()?.cluster;
    let before = Keys::of(recorded.rows()).map_err(Error::Refused)?;
    let resumed = before.is_unfinished(wanted, &recorded.rows().ssh_nodes);
    let now = with_keys(session, recorded.rows())?;
    let keys = Keys::of(&now).map_err(Error::Refused)?;
    let new = keys.next.unwrap_or(keys.current);
    let others = keys.old.into_iter().chain(keys.next.map(|_| keys.current));
    let old = others
        .map(|pair| ready(session, cluster, pair.clone(), file.as_ref()))
        .collect::<Result<Vec<_>, _>>();
    let failed = |error| recorded.failed(session, error);
    let new_key = ready(session, cluster, new.clone(), file.as_ref());
    let work = Work {
        session,
        waits: Cell::new(new.place == KeyPlace::Next),
        new: new_key.map_err(failed)?,
        old: old.map_err(failed)?,
        cluster,
        journal: recorded.journal(),
        wanted,
    };
    let reports = work.bring_all(&meant, on_progress).await?;
    let mut pending = failures(&reports, &meant);
    let left = finish(session, &work, pending.is_empty())?;
    pending.extend(left);
    pending.sort();
    pending.dedup();
    close(session, &recorded, &reports, &pending)?;
    Ok(Done::Did(RollOut {
        cluster: cluster.name.clone(),
        fingerprint: new.fingerprint.clone(),
        resumed,
        reports,
        unasked: meant.unasked,
        pending,
    }))
}

/// Puts aside the old keys that no node holds any more, with their sealed halves; all of them, if
/// every node was seen.
fn finish(app: &App, work: &Work<'_>, is_everywhere: bool) -> Result<Vec<String>, Error> {
    if work.waits.get() {
        return Ok(vec![format!(
            "SSH key {} is on no node yet; the old one stays the cluster's key",
            work.new.pair.fingerprint
        )]);
    }
    let pending = app.store()?.write(|tx| {
        let detail = format!("key {} has taken its place", work.new.pair.fingerprint);
        work.journal.record(app, tx, Phase::Done, detail, None)?;
        for old in &work.old {
            if !is_everywhere {
                // A node that was not seen may hold it: by its image, or by somebody's hand.
                store::ssh_keys::set_place(tx, old.pair.id, KeyPlace::Old)?;
                continue;
            }
            store::ssh_keys::put_aside(tx, old.pair.id)?;
            let nodes = store::ssh_keys::nodes(tx, old.pair.id)?;
            if !nodes.iter().any(NodeKey::may_hold) {
                store::ssh_keys::destroy(tx, old.pair.id)?;
            }
        }
        // Those that have not got it yet are named with the reason already.
        let pending = super::pending_on(tx, work.cluster)?;
        Ok::<_, store::Error>([pending.here, pending.on_nodes].concat())
    })?;
    app.store()?.empty_log()?;
    Ok(pending)
}
