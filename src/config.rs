//! Where things are: store and identity, from flags, the environment, and XDG's defaults.

use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::domain::name::UserRef;
use crate::env::Env;

/// What the command line says about places and persons.
#[derive(Debug, Default, Clone)]
pub(crate) struct Options {
    /// `--store`.
    pub(crate) store: Option<PathBuf>,
    /// `--identity`.
    pub(crate) identity: Option<PathBuf>,
    /// `--as`.
    pub(crate) acting_as: Option<UserRef>,
}

/// Where the identity comes from.
pub(crate) enum IdentitySource {
    /// A private file.
    File(PathBuf),
    /// The variable `KUBEGRANT_IDENTITY`, for CI.
    Variable(Zeroizing<String>),
}

/// Where things are.
pub(crate) struct Config {
    /// The store's file.
    pub(crate) store: PathBuf,
    /// The identity.
    pub(crate) identity: IdentitySource,
    /// The user to act as.
    pub(crate) acting_as: Option<UserRef>,
}

/// Why the places are unknown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Neither flags nor variables nor HOME say.
    #[error("no home directory: set HOME, or say where with `{flag}`")]
    NoHome {
        /// The flag that would say.
        flag: &'static str,
    },
}

impl Config {
    /// The places of a command that opens no store: it goes without a home.
    pub(crate) fn without_store(env: &Env, options: Options) -> Result<Self, Error> {
        let store = Some(env.current_dir.join("store.db"));
        Self::new(env, Options { store, ..options })
    }

    /// Works out the places: flag, then variable, then XDG's default.
    pub(crate) fn new(env: &Env, options: Options) -> Result<Self, Error> {
        let store = options
            .store
            .or_else(|| env.path_variable("KUBEGRANT_STORE"))
            .map(|path| env.current_dir.join(path))
            .or_else(|| Some(env.data_dir()?.join("store.db")))
            .ok_or(Error::NoHome { flag: "--store" })?;
        let file = options
            .identity
            .or_else(|| env.path_variable("KUBEGRANT_IDENTITY_FILE"));
        let identity = match (file, env.variable("KUBEGRANT_IDENTITY")) {
            (Some(path), _) => IdentitySource::File(env.current_dir.join(path)),
            (None, Some(text)) => IdentitySource::Variable(Zeroizing::new(text.to_owned())),
            (None, None) => {
                let dir = env
                    .config_dir()
                    .ok_or(Error::NoHome { flag: "--identity" })?;
                IdentitySource::File(dir.join("identity"))
            }
        };
        Ok(Self {
            store,
            identity,
            acting_as: options.acting_as,
        })
    }
}
