//! The moment of a hand-out, with the cluster as a witness.
//!
//! A copy of the store on another machine would hand the same key out once more. So the cluster is
//! asked first whether this is the store that it knows, and told of the hand-out before it is done:
//! the copy is not that store any more. Where the cluster is away a person takes that upon
//! themselves: the key of the nodes is needed most when the API server does not answer.

use std::path::Path;
use std::time::Duration;

use super::hand_out::{HandOut, HandOutSeen, Ready, in_the_way};
use crate::artifact::file::{Overwrite, write_private};
use crate::domain::audit::Phase;
use crate::domain::cluster::Cluster;
use crate::domain::name::ClusterName;
use crate::domain::refusal::SshKeyRefusal;
use crate::domain::ssh::KeyPair;
use crate::domain::text;
use crate::kubernetes::connection::Connection;
use crate::ops::change::Recorded;
use crate::ops::{Error, find};
use crate::secrets::{ExposeSecret, SecretString};
use crate::session::{App, Session};
use crate::store;

/// How long the cluster is waited for, each time.
const WITNESS_WAIT: Duration = Duration::from_secs(5);

/// Asks the cluster whether this is the store that it knows: the connection, or why it was not
/// asked. A cluster that knows another one is an error.
pub(super) async fn vouched(
    session: &Session,
    cluster: &Cluster,
) -> Result<Result<Connection, String>, Error> {
    let ask = async {
        let installation = find::installation(session)?;
        let connection = session.connect(cluster, &installation).await?;
        Ok::<_, Error>(connection)
    };
    match tokio::time::timeout(WITNESS_WAIT, Box::pin(ask)).await {
        Ok(Ok(connection)) => Ok(Ok(connection)),
        Ok(Err(error)) if error.is_distrust() => Err(error),
        Ok(Err(error)) => Ok(Err(text::chain(&error))),
        Err(_) => Ok(Err(format!(
            "no answer within {} s",
            WITNESS_WAIT.as_secs()
        ))),
    }
}

/// Tells the cluster where the log stands, so that no copy from before is taken for this store.
async fn tell(app: &App, connection: &Connection) -> Result<Result<(), String>, Error> {
    let Some(head) = app.store()?.read(store::audit::head)? else {
        return Ok(Ok(()));
    };
    let told = tokio::time::timeout(WITNESS_WAIT, connection.witness(&head)).await;
    Ok(match told {
        Ok(told) => told.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} s", WITNESS_WAIT.as_secs())),
    })
}

pub(super) fn unsure(cluster: &ClusterName, why: &str) -> Error {
    Error::Unsure {
        what: format!(
            "cluster '{cluster}' could not be asked whether this is the store that it knows ({why}): \
             if there is another copy of it, the SSH key may be taken there too"
        ),
    }
}

/// A hand-out in the making.
pub(super) struct Giving<'a> {
    pub(super) session: &'a Session,
    pub(super) change: &'a HandOut,
    pub(super) recorded: &'a Recorded<HandOutSeen>,
    pub(super) pair: &'a KeyPair,
}

impl Giving<'_> {
    /// Lets the cluster know, where it answers: the reason why not, if a person agreed to that.
    async fn witness(&self, vouched: &Result<Connection, String>) -> Result<Option<String>, Error> {
        let told = match vouched {
            Ok(connection) => tell(self.session, connection).await?,
            Err(why) => Err(why.clone()),
        };
        match (told, self.change.consent) {
            (Ok(()), _) => Ok(None),
            (Err(why), Some(_)) => Ok(Some(why)),
            (Err(why), None) => Err(unsure(&self.change.cluster, &why)),
        }
    }

    /// Records that nothing was handed out. If this cannot be recorded either, the next command finds
    /// no such file and releases the key.
    fn give_back(&self, why: &dyn std::fmt::Display) -> Result<(), Error> {
        let (pair, recorded) = (self.pair, self.recorded);
        let _unrecorded = self.session.store()?.write(|tx| {
            store::ssh_keys::release(tx, pair.id)?;
            let detail = format!("no file was written, the key can still be taken: {why}");
            let (journal, request) = (recorded.journal(), recorded.request());
            journal.record(self.session, tx, Phase::Failed, detail, request)
        });
        Ok(())
    }

    /// What was claimed is told, written and recorded: the file exists complete before the sealed half
    /// is destroyed. `false` if a reader keeps the sealed half in the store's log.
    pub(super) async fn to_file(
        &self,
        ready: &Ready,
        path: &Path,
        bytes: &SecretString,
    ) -> Result<(Option<String>, bool), Error> {
        let Self { session, pair, .. } = *self;
        let unwitnessed = match self.witness(&ready.vouched).await {
            Ok(unwitnessed) => unwitnessed,
            Err(error) => {
                self.give_back(&error)?;
                return Err(error);
            }
        };
        let written = write_private(path, bytes.expose_secret().as_bytes(), Overwrite::Never);
        if let Err(error) = written {
            self.give_back(&error)?;
            return Err(in_the_way(error));
        }
        let recorded = session.store()?.write(|tx| {
            store::ssh_keys::complete(tx, pair.id)?;
            let detail = format!(
                "key {} handed out to `{}`; the sealed copy is destroyed{}",
                pair.fingerprint,
                path.display(),
                description(unwitnessed.as_ref())
            );
            let (journal, request) = (self.recorded.journal(), self.recorded.request());
            journal.record(session, tx, Phase::Done, detail, request)?;
            Ok::<_, store::Error>(())
        });
        let emptied = recorded
            .and_then(|()| session.store()?.empty_log())
            .map_err(|source| Error::Unrecorded {
                what: format!("the SSH key is in `{}`", path.display()),
                source: Box::new(source),
            })?;
        Ok((unwitnessed, emptied))
    }

    /// Tells, records, then hands out: what goes to standard output cannot be looked at afterwards.
    pub(super) async fn to_stdout(&self, ready: &Ready) -> Result<(Option<String>, bool), Error> {
        let Self { session, pair, .. } = *self;
        let (recorded, change) = (self.recorded, self.change);
        let taken = async {
            let unwitnessed = self.witness(&ready.vouched).await?;
            recorded.commit_later(session, change, |tx, _, _| {
                if !store::ssh_keys::take(tx, pair.id, &ready.claim)? {
                    return Err(overtaken(&change.cluster, pair));
                }
                let detail = format!(
                    "key {} handed out to standard output{}",
                    pair.fingerprint,
                    description(unwitnessed.as_ref())
                );
                let (journal, request) = (recorded.journal(), recorded.request());
                journal.record(session, tx, Phase::Done, detail, request)?;
                Ok(())
            })?;
            Ok::<_, Error>(unwitnessed)
        };
        match taken.await {
            Ok(unwitnessed) => Ok((unwitnessed, session.store()?.empty_log()?)),
            Err(error) => Err(recorded.failed(session, error)),
        }
    }
}

/// What the log says of a hand-out without a witness.
fn description(unwitnessed: Option<&String>) -> String {
    unwitnessed.map_or_else(String::new, |why| {
        format!("; the cluster could not be asked or told: {why}")
    })
}

/// Under the lock nobody else can be first, short of a copy of the store.
pub(super) fn overtaken(cluster: &ClusterName, pair: &KeyPair) -> Error {
    Error::from(SshKeyRefusal::Overtaken {
        cluster: cluster.clone(),
        fingerprint: pair.fingerprint.clone(),
    })
}
