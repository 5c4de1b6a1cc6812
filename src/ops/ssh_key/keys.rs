//! `ssh-key generate`, `import` and `reset`: which key a cluster has.

use std::path::Path;

use zeroize::Zeroizing;

use super::pending::resolve_all;
use super::{Shown, look, none};
use crate::domain::Confirmed;
use crate::domain::action::Action;
use crate::domain::cluster::Cluster;
use crate::domain::effect::Effect;
use crate::domain::name::ClusterName;
use crate::domain::policy::ClusterAction;
use crate::domain::refusal::{Refusal, SshKeyRefusal};
use crate::domain::rows::Rows;
use crate::domain::sealed::{SealedSecret, Which};
use crate::domain::ssh::{KeyPair, KeyPlace, SshKeyEffect};
use crate::ops::change::{self, About, Change, Decision, Target, Who};
use crate::ops::{Done, Error, Intent, Unasked, reseal};
use crate::secrets::{KEY_BYTES_MAX, SecretString, SshKey, SshKeyKind};
use crate::session::{App, Session};
use crate::store::ssh_keys::NewSshKey;
use crate::store::{self, WriteTxn};

/// The comment of a cluster's keys.
fn comment(name: &ClusterName) -> String {
    format!("kubegrant:{name}")
}

/// Makes a pair for a cluster, in memory.
pub(crate) fn make(app: &App, name: &ClusterName, kind: SshKeyKind) -> Result<SshKey, Error> {
    let seed = Zeroizing::new(app.random());
    SshKey::generate(kind, &seed, &comment(name)).map_err(Error::SshKey)
}

/// Reads a private key from a file, in memory; `ask` gives its passphrase.
pub(crate) fn read_file(
    session: &Session,
    name: &ClusterName,
    path: &Path,
    ask: &mut dyn FnMut() -> Option<SecretString>,
) -> Result<SshKey, Error> {
    let given = session.workspace.read_given(path, KEY_BYTES_MAX)?;
    SshKey::import(&given.bytes, &comment(name), ask).map_err(|source| Error::SshKeyFile {
        path: path.to_owned(),
        source,
    })
}

/// Where a new key came from, and which part it will play.
pub(super) struct NewKey<'a> {
    pub(super) key: &'a SshKey,
    pub(super) imported: bool,
    pub(super) place: KeyPlace,
}

/// Seals a key and inserts it, in the transaction that decides it.
pub(super) fn insert(
    tx: &WriteTxn<'_>,
    cluster: &Cluster,
    who: &Who,
    given: &NewKey<'_>,
) -> Result<(), Error> {
    let installation = store::meta::installation(tx)?;
    let new = NewSshKey {
        cluster: cluster.id,
        generation: store::ssh_keys::next_generation(tx, cluster.id)?,
        place: given.place,
        kind: given.key.kind(),
        public: given.key.public_line().map_err(Error::SshKey)?,
        fingerprint: given.key.fingerprint(),
        imported: given.imported,
        made_at: who.now,
        made_by: who.holder.id,
    };
    let text = given.key.to_file().map_err(Error::SshKey)?;
    let id = store::ssh_keys::insert(tx, &new, |id| {
        let secret = SealedSecret {
            cluster: cluster.id,
            on: cluster.name.clone(),
            which: Which::SshKey {
                id,
                fingerprint: new.fingerprint.clone(),
            },
            generation: new.generation,
        };
        reseal::seal_to_openers(tx, cluster, &secret, &installation, &text)
    })?;
    let which = Which::SshKey {
        id,
        fingerprint: new.fingerprint.clone(),
    };
    reseal::note_readers(tx, cluster, &which)?;
    Ok(())
}

/// The key pair of the nodes of a cluster that is being registered.
#[derive(Debug)]
pub(crate) struct FirstKey {
    /// The key.
    pub(crate) key: SshKey,
    /// Whether it came from a file.
    pub(crate) imported: bool,
}

/// Gives a cluster that is being registered its key, in the same transaction; gives what the audit log
/// says of it.
pub(in crate::ops) fn insert_first(
    tx: &WriteTxn<'_>,
    cluster: &Cluster,
    who: &Who,
    first: &FirstKey,
) -> Result<String, Error> {
    let key = &first.key;
    let new = NewKey {
        key,
        imported: first.imported,
        place: KeyPlace::Current,
    };
    insert(tx, cluster, who, &new)?;
    Ok(format!("SSH key {} ({})", key.fingerprint(), key.kind()))
}

/// Where a new key comes from.
#[derive(Debug)]
pub(crate) enum Origin {
    /// It is made here.
    Generate(SshKeyKind),
    /// It was read from a file.
    Import(Box<SshKey>),
    /// It is to be read from a file, once the rules were asked.
    Unread,
}

/// A cluster gets its SSH key.
#[derive(Debug)]
pub(crate) struct AddKey {
    /// Which cluster.
    pub(crate) cluster: ClusterName,
    /// Where the key comes from.
    pub(crate) origin: Origin,
}

impl Change for AddKey {
    /// The key that was made.
    type Seen = Option<SshKey>;
    type Consent = Unasked;

    fn about(&self) -> About<'_> {
        let words = match self.origin {
            Origin::Generate(_) => Action::SshKeyGenerate,
            Origin::Import(_) | Origin::Unread => Action::SshKeyImport,
        };
        let target = Target::on(&self.cluster, ClusterAction::ManageSshKey);
        About::gives(words, target).ssh_keys()
    }

    fn looks_for_preview(&self) -> bool {
        false
    }

    async fn look(&self, session: &Session, _: &Rows) -> Result<Option<SshKey>, Error> {
        match &self.origin {
            Origin::Generate(kind) => make(session, &self.cluster, *kind).map(Some),
            Origin::Import(_) | Origin::Unread => Ok(None),
        }
    }

    fn seal(
        &self,
        tx: &WriteTxn<'_>,
        rows: &Rows,
        who: &Who,
        made: &Option<SshKey>,
    ) -> Result<(), Error> {
        let (key, imported) = match (&self.origin, made) {
            (Origin::Import(key), _) => (&**key, true),
            (Origin::Generate(_), Some(made)) => (made, false),
            (Origin::Generate(_), None) | (Origin::Unread, _) => {
                return Err(changed(&self.cluster));
            }
        };
        let cluster = &rows.only().map_err(Error::Refused)?.cluster;
        let new = NewKey {
            key,
            imported,
            place: KeyPlace::Current,
        };
        insert(tx, cluster, who, &new)
    }

    fn decide(&self, rows: &Rows, _: &Who, made: &Option<SshKey>) -> Result<Decision, Refusal> {
        let cluster = &rows.only()?.cluster;
        if let Some(pair) = rows.ssh_key() {
            return Err(SshKeyRefusal::Exists {
                cluster: cluster.name.clone(),
                fingerprint: pair.fingerprint.clone(),
            }
            .into());
        }
        let (key, fingerprint) = match &self.origin {
            Origin::Import(key) => (Some(&**key), Some(key.fingerprint())),
            Origin::Generate(_) | Origin::Unread => (made.as_ref(), None),
        };
        if let Some(known) = &fingerprint
            && rows.ssh_keys.iter().any(|it| it.fingerprint == *known)
        {
            return Err(SshKeyRefusal::Known {
                cluster: cluster.name.clone(),
                fingerprint: known.clone(),
            }
            .into());
        }
        Ok(Decision {
            effects: vec![Effect::SshKey {
                cluster: cluster.id,
                change: SshKeyEffect::Add { fingerprint },
            }],
            detail: key.map_or(String::new(), |key| described("key", key)),
            ..Decision::default()
        })
    }
}

/// A key as the audit log names it.
pub(super) fn described(noun: &str, key: &SshKey) -> String {
    format!("{noun} {} ({})", key.fingerprint(), key.kind())
}

/// The key that was made is not there: what asked for it was no more when it was decided.
pub(super) fn changed(cluster: &ClusterName) -> Error {
    Error::Refused(Refusal::ChangedMeanwhile(Some(cluster.clone())))
}

/// Asks the rules before a passphrase is asked for.
pub(crate) async fn may_add(session: &Session, name: &ClusterName) -> Result<(), Error> {
    let asked = AddKey {
        cluster: name.clone(),
        origin: Origin::Unread,
    };
    change::planned(session, &asked).await?;
    Ok(())
}

/// Gives a cluster its key.
pub(crate) async fn add(
    session: &Session,
    change: &AddKey,
    intent: &Intent<Unasked>,
) -> Result<Done<Shown>, Error> {
    let done = match change::run(session, change, intent).await? {
        Done::Planned(planned) => return Ok(Done::Planned(planned)),
        Done::Did(done) => done,
    };
    let cluster = &done.after.only().map_err(Error::Refused)?.cluster;
    let mut shown = look(session, cluster)?.ok_or_else(|| none(&change.cluster))?;
    shown.warning = match &change.origin {
        Origin::Import(key) => key.warning(),
        Origin::Generate(_) | Origin::Unread => None,
    };
    Ok(Done::Did(shown))
}

/// A cluster gets a new key at once, and the private half of the old one is destroyed.
///
/// The nodes still accept the old one, wherever it is; [`rotate()`](super::rotate()) brings them the
/// new one.
#[derive(Debug)]
pub(crate) struct Reset {
    /// Which cluster.
    pub(crate) cluster: ClusterName,
    /// Which kind of key.
    pub(crate) kind: SshKeyKind,
}

/// The end of a key that is the cluster's no more.
fn retiring(pair: &KeyPair) -> Effect {
    Effect::SshKey {
        cluster: pair.cluster,
        change: SshKeyEffect::Retire {
            key: pair.id,
            fingerprint: pair.fingerprint.clone(),
            is_in_use: pair.is_in_use(),
        },
    }
}

impl Change for Reset {
    /// The key that was made.
    type Seen = Option<SshKey>;
    type Consent = Confirmed;

    fn about(&self) -> About<'_> {
        let target = Target::on(&self.cluster, ClusterAction::ManageSshKey);
        About::gives(Action::SshKeyReset, target).ssh_keys()
    }

    fn looks_for_preview(&self) -> bool {
        false
    }

    async fn look(&self, session: &Session, rows: &Rows) -> Result<Option<SshKey>, Error> {
        // A file that a cut-off hand-out left complete is in somebody's hands, and not destroyed.
        resolve_all(session, Action::SshKeyReset, rows)?;
        make(session, &self.cluster, self.kind).map(Some)
    }

    fn seal(
        &self,
        tx: &WriteTxn<'_>,
        rows: &Rows,
        who: &Who,
        made: &Option<SshKey>,
    ) -> Result<(), Error> {
        let cluster = &rows.only().map_err(Error::Refused)?.cluster;
        let new = NewKey {
            key: made.as_ref().ok_or_else(|| changed(&self.cluster))?,
            imported: false,
            place: KeyPlace::Current,
        };
        insert(tx, cluster, who, &new)
    }

    fn decide(&self, rows: &Rows, _: &Who, made: &Option<SshKey>) -> Result<Decision, Refusal> {
        let cluster = rows.the_ssh_key()?.cluster;
        let ending = rows.ssh_keys.iter();
        let ending = ending.filter(|it| it.is_in_use() || it.custody.is_held());
        let add = Effect::SshKey {
            cluster,
            change: SshKeyEffect::Add { fingerprint: None },
        };
        Ok(Decision {
            effects: ending.map(retiring).chain([add]).collect(),
            detail: made
                .as_ref()
                .map_or(String::new(), |key| described("new key", key)),
            ..Decision::default()
        })
    }
}

/// Gives a cluster a new key at once.
pub(crate) async fn reset(
    session: &Session,
    change: &Reset,
    intent: &Intent,
) -> Result<Done<Shown>, Error> {
    let done = match change::run(session, change, intent).await? {
        Done::Planned(planned) => return Ok(Done::Planned(planned)),
        Done::Did(done) => done,
    };
    session.store()?.empty_log()?;
    let cluster = &done.after.only().map_err(Error::Refused)?.cluster;
    let shown = look(session, cluster)?;
    Ok(Done::Did(shown.ok_or_else(|| none(&change.cluster))?))
}
