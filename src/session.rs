//! One run's hold on the world: store, identity, locks and connections, each opened when needed.

mod app;
mod clocks;
mod given;
mod head;
mod keyring;
mod locks;
mod names;
mod operator;
mod shells;

use std::cell::{Cell, OnceCell, RefCell};
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;

use crate::artifact::file::FileError;
use crate::config::{Config, IdentitySource};
use crate::domain::action::Action;
use crate::domain::cluster::Cluster;
use crate::domain::installation::InstallationId;
use crate::domain::name::UserRef;
use crate::domain::sealed::SealedSecret;
use crate::domain::user::User;
use crate::env::Env;
use crate::kubernetes::connection::Connection;
use crate::kubernetes::error::Error as ClusterError;
use crate::secrets::{Identity, IdentityError, OpenError, SecretString, Signer};
use crate::store::{self, ReadTxn};
use zeroize::Zeroizing;

pub(crate) use app::{App, CLUSTERS_AT_ONCE};
pub(crate) use given::{Given, is_stream};
pub(crate) use head::{Known, NoHead, Note};
pub(crate) use keyring::{ClusterLogin, record_name};
pub(crate) use locks::Lock;
pub(crate) use names::NameKind;
use operator::operator_login;
pub(crate) use operator::operator_text;
pub(crate) use shells::{FILES as SHELL_FILES, FOLDER as SHELL_FOLDER, ShellLife};

/// The largest identity file that is read, in bytes.
const IDENTITY_BYTES_MAX: usize = 64 * 1024;

/// Asks for a passphrase; the argument says of what. `None` where nobody is there to answer.
pub(crate) type Ask = Box<dyn Fn(&str) -> std::io::Result<Option<Zeroizing<String>>>>;

/// Says a line at once, whatever else is going on.
pub(crate) type Say = Box<dyn Fn(&str)>;

/// Why the session could not give what was asked of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The store.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// There is no identity.
    #[error("no identity at `{}`", path.display())]
    NoIdentity {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The identity's file is not private, or cannot be read.
    #[error("cannot use the identity")]
    IdentityFile(#[source] FileError),
    /// The identity is not one.
    #[error("cannot use the identity from {place}")]
    Identity {
        /// Where it came from.
        place: String,
        /// The file, if it was one.
        path: Option<PathBuf>,
        /// What is wrong.
        #[source]
        source: IdentityError,
    },
    /// The identity names nobody in this store.
    #[error("the key {key} belongs to no user of this organization")]
    Stranger {
        /// The public half, shortened.
        key: String,
    },
    /// The user to act as is not there.
    #[error("no user '{name}'")]
    UnknownUser {
        /// As typed.
        name: UserRef,
    },
    /// The lock's file cannot be used.
    #[error("cannot lock cluster '{cluster}' at `{}`", path.display())]
    Lock {
        /// Which cluster.
        cluster: String,
        /// Which file.
        path: PathBuf,
        /// The system's message.
        #[source]
        source: std::io::Error,
    },
    /// Another process works on the cluster.
    #[error("another kubegrant has been working on cluster '{cluster}' for {seconds} s")]
    Locked {
        /// Which cluster.
        cluster: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The identity does not open a secret.
    #[error("your key does not open the {} of cluster '{}'", .0.noun(), .0.on)]
    NotForYou(SealedSecret),
    /// A server's key opens nothing of the cluster.
    #[error("developers do not serve themselves on cluster '{cluster}'")]
    NotServed {
        /// Which cluster.
        cluster: String,
    },
    /// Something sealed is damaged or another record's.
    #[error("the {} of cluster '{}' is damaged", secret.noun(), secret.on)]
    Tampered {
        /// What was to be opened.
        secret: SealedSecret,
        /// What is wrong.
        #[source]
        source: OpenError,
    },
    /// The address now belongs to another cluster.
    #[error("cluster '{cluster}' is not the one that was registered: it was rebuilt or replaced")]
    WrongCluster {
        /// Which cluster.
        cluster: String,
    },
    /// The cluster.
    #[error("cluster '{cluster}': {source}")]
    Cluster {
        /// Which cluster.
        cluster: String,
        /// What happened.
        source: ClusterError,
    },
}

/// Who acts: whose key it is, whose rights count, and what signs it.
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    /// Signs with the key that it is.
    pub(crate) signer: Arc<Signer>,
    /// Whose key it is.
    pub(crate) holder: User,
    /// Whose rights count: the holder, or the user given with `--as`.
    pub(crate) user: User,
}

impl Principal {
    /// Whether the holder acts as somebody else.
    pub(crate) fn is_acting_as(&self) -> bool {
        self.holder.id != self.user.id
    }
}

/// Where somebody acts: their directory, variables, terminal and streams.
pub(crate) struct Workspace {
    /// The world around.
    pub(crate) env: Env,
    say: Say,
}

impl Workspace {
    /// Says a line at once: somebody is waiting, or a program that was started has something to
    /// say.
    pub(crate) fn say(&self, line: &str) {
        (self.say)(line);
    }
}

/// What opens sealed secrets: an identity, read when it is needed.
struct Keyring {
    identity: OnceCell<Identity>,
    ask: Ask,
    /// Whether nobody is to be asked, though somebody may be there.
    asks_nobody: Cell<bool>,
    /// What the identity did not open.
    shut: RefCell<Vec<SealedSecret>>,
}

/// One run of somebody: what all share, whose identity it is, and where they are.
///
/// What needs nothing of the run takes the [`App`] alone, which a session stands for.
pub(crate) struct Session {
    app: Arc<App>,
    keyring: Keyring,
    /// Where the run takes place.
    pub(crate) workspace: Workspace,
    /// Where things are.
    pub(crate) config: Config,
    notes: RefCell<Vec<Note>>,
    /// What this run is about, in the words of the audit log.
    action: Cell<Option<Action>>,
}

impl Deref for Session {
    type Target = App;
    fn deref(&self) -> &App {
        &self.app
    }
}

impl Session {
    /// Starts somebody's session; nothing is opened yet.
    pub(crate) fn new(app: Arc<App>, env: Env, config: Config, ask: Ask, say: Say) -> Self {
        Self {
            app,
            keyring: Keyring {
                identity: OnceCell::new(),
                ask,
                asks_nobody: Cell::new(false),
                shut: RefCell::default(),
            },
            workspace: Workspace { env, say },
            config,
            notes: RefCell::default(),
            action: Cell::new(None),
        }
    }

    /// Asks nobody for a passphrase from here on: the terminal is somebody else's.
    pub(crate) fn ask_nobody(&self) {
        self.keyring.asks_nobody.set(true);
    }

    /// Where the identity comes from, for people.
    pub(crate) fn identity_place(&self) -> String {
        match &self.config.identity {
            IdentitySource::File(path) => format!("`{}`", path.display()),
            IdentitySource::Variable(_) => "the variable KUBEGRANT_IDENTITY".to_owned(),
        }
    }

    /// The identity, read at first use.
    pub(crate) fn identity(&self) -> Result<&Identity, Error> {
        if let Some(identity) = self.keyring.identity.get() {
            return Ok(identity);
        }
        let bytes = match &self.config.identity {
            IdentitySource::Variable(text) => Zeroizing::new(text.as_bytes().to_vec()),
            IdentitySource::File(path) => {
                let absent = matches!(path.try_exists(), Ok(false));
                if absent {
                    return Err(Error::NoIdentity { path: path.clone() });
                }
                let read = self.workspace.read_given_private(path, IDENTITY_BYTES_MAX);
                read.map_err(Error::IdentityFile)?
            }
        };
        let asked = |what: &str| {
            if self.keyring.asks_nobody.get() {
                Ok(None)
            } else {
                (self.keyring.ask)(what)
            }
        };
        let mut ask = |what: &str| match asked(what) {
            Ok(Some(passphrase)) => Ok(SecretString::from(passphrase.as_str())),
            Ok(None) => Err(IdentityError::PassphraseNeeded {
                what: what.to_owned(),
            }),
            Err(source) => Err(IdentityError::Prompt {
                what: what.to_owned(),
                source,
            }),
        };
        let identity =
            Identity::parse_bytes(&bytes, &mut ask).map_err(|source| Error::Identity {
                place: self.identity_place(),
                path: match &self.config.identity {
                    IdentitySource::File(path) => Some(path.clone()),
                    IdentitySource::Variable(_) => None,
                },
                source,
            })?;
        Ok(self.keyring.identity.get_or_init(|| identity))
    }

    /// Works out who is acting, if their records are as this program left them. Whether they may is a
    /// question for the rules.
    pub(crate) fn principal(&self) -> Result<Principal, Error> {
        self.principal_by(store::users::find_by_key, store::users::find)
    }

    /// The same, whatever somebody made of their records.
    pub(crate) fn principal_unchecked(&self) -> Result<Principal, Error> {
        self.principal_by(
            store::users::find_by_key_unchecked,
            store::users::find_unchecked,
        )
    }

    fn principal_by(
        &self,
        by_key: impl Fn(&ReadTxn<'_>, &str) -> store::Result<Option<User>>,
        by_name: impl Fn(&ReadTxn<'_>, &UserRef) -> store::Result<Option<User>>,
    ) -> Result<Principal, Error> {
        // The store first: without one, the identity says nothing.
        let store = self.store()?;
        let identity = self.identity()?;
        let (key, signer) = (identity.recipient(), identity.signer());
        store.read(|tx| {
            let holder = by_key(tx, &key.to_string())?.ok_or_else(|| Error::Stranger {
                key: key.fingerprint(),
            })?;
            let user = match &self.config.acting_as {
                None => holder.clone(),
                Some(name) => {
                    by_name(tx, name)?.ok_or_else(|| Error::UnknownUser { name: name.clone() })?
                }
            };
            Ok(Principal {
                signer,
                holder,
                user,
            })
        })
    }

    /// Has all that `work` reads seen in one look, of the store that can be trusted. Whatever is to be typed to
    /// open the identity is typed before.
    pub(crate) fn one_look<T, E: From<Error> + From<store::Error>>(
        &self,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        if self.keyring.identity.get().is_none() {
            self.trust()?;
            self.identity()?;
        }
        self.app.one_look(work)
    }

    /// What is shared with whatever else works in this process.
    pub(crate) fn app(&self) -> Arc<App> {
        Arc::clone(&self.app)
    }

    /// Says what this run is about, in the words of the audit log.
    pub(crate) fn is_about(&self, action: Action) {
        self.action.set(Some(action));
    }

    /// Has a signal end this run at once, which changes nothing and asks nothing any more: it may be long, and looks
    /// at nothing but the store.
    pub(crate) fn end_at_once(&self) {
        self.workspace.env.interrupt.end_at_once();
    }

    /// What this run is about, once it is known.
    pub(crate) fn action(&self) -> Option<Action> {
        self.action.get()
    }

    /// Connects to a cluster as its manager, and checks that it is the one that was registered.
    ///
    /// The first call asks for one UID, and for the head of our log that is kept there, and nothing
    /// else: where the UID differs, or the store is older than that head, nothing follows.
    pub(crate) async fn connect(
        &self,
        cluster: &Cluster,
        installation: &InstallationId,
    ) -> Result<Connection, Error> {
        match self.connect_to_take(cluster, installation).await? {
            (connection, None) => Ok(connection),
            (_, Some(distrust)) => Err(distrust.into()),
        }
    }

    /// [`Session::connect`] for what only takes away: a head that the store does not fit is given
    /// beside the connection. It is a witness, and may be a forged one; no witness keeps anybody's
    /// access alive.
    pub(crate) async fn connect_to_take(
        &self,
        cluster: &Cluster,
        installation: &InstallationId,
    ) -> Result<(Connection, Option<store::Error>), Error> {
        let failed = |source| Error::Cluster {
            cluster: cluster.name.to_string(),
            source,
        };
        let mut connection = self.approach(cluster, installation)?;
        let pins = Box::pin(connection.pins(&cluster.kube_system_uid))
            .await
            .map_err(failed)?;
        self.note_clock(cluster, connection.server_time());
        if pins.cluster_uid != cluster.kube_system_uid {
            return Err(Error::WrongCluster {
                cluster: cluster.name.to_string(),
            });
        }
        connection.set_namespace(pins.namespace);
        let distrust = self.heed(cluster, &mut connection, pins.head)?;
        Ok((connection, distrust))
    }

    /// The connection that [`Session::connect`] would check, unchecked: for a manager that may
    /// have lost the right to be answered.
    pub(crate) fn approach(
        &self,
        cluster: &Cluster,
        installation: &InstallationId,
    ) -> Result<Connection, Error> {
        let failed = |source| Error::Cluster {
            cluster: cluster.name.to_string(),
            source,
        };
        match self.login(cluster, installation)? {
            ClusterLogin::Manager(secret) => self.connect_with(cluster, installation, &secret),
            ClusterLogin::Issuer(secret) => self.connect_as_issuer(cluster, installation, &secret),
        }
        .map_err(failed)
    }
}

fn nofollow() -> i32 {
    i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0)
}

/// A pipe in a file's place must not make anybody wait.
fn nonblock() -> i32 {
    i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0)
}
