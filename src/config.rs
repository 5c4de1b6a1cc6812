//! Where things are: store and identity, from flags, the environment, a file of settings, and XDG's defaults.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::artifact::file::{FileError, read_private};
use crate::domain::name::UserRef;
use crate::domain::place::{AddressError, Database, Password, Place};
use crate::env::Env;

/// What the command line says about places and persons.
#[derive(Debug, Default, Clone)]
pub(crate) struct Options {
    /// `--store`.
    pub(crate) store: Option<PathBuf>,
    /// `--insecure-store`.
    pub(crate) insecure_store: bool,
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
    /// The store.
    pub(crate) store: Place,
    /// The identity.
    pub(crate) identity: IdentitySource,
    /// The user to act as.
    pub(crate) acting_as: Option<UserRef>,
    /// Whether somebody said where the store is.
    pub(crate) is_store_named: bool,
    /// Whether a store's database need not prove who it is.
    pub(crate) insecure_store: bool,
}

/// The largest file of settings that is read, in bytes.
const SETTINGS_BYTES_MAX: usize = 64 * 1024;

/// The file of settings: it may hold a password, and is shown nowhere.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The store: a file, of the folder of this one, or the address of a database.
    store: Option<String>,
}

/// Why the places are unknown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A password stands where every process of the machine can read it.
    #[error(
        "a password in `--store` can be read by everybody on this machine: put it into ~/.pgpass \
         (mode 0600), or the whole address into KUBEGRANT_STORE"
    )]
    PasswordInArguments,
    /// The store's address is none.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The file of settings cannot be used.
    #[error("cannot use the settings")]
    SettingsFile(#[source] FileError),
    /// The file of settings is not one.
    #[error("`{}`: line {line} is not `store = \"PLACE\"`", path.display())]
    Settings {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
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

    /// Works out the places: flag, then variable, then the file of settings, then XDG's default.
    pub(crate) fn new(env: &Env, options: Options) -> Result<Self, Error> {
        let (store, is_store_named) = place(env, &options)?;
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
            insecure_store: options.insecure_store,
            is_store_named,
            store,
            identity,
            acting_as: options.acting_as,
        })
    }
}

/// Where the store is, and whether somebody said so.
fn place(env: &Env, options: &Options) -> Result<(Place, bool), Error> {
    if let Some(named) = &options.store {
        let place = place_of(env, named, options.insecure_store)?;
        return Ok((place, true));
    }
    if let Some(named) = env.path_variable("KUBEGRANT_STORE") {
        let place = read_place(env, &env.current_dir, &named, options.insecure_store)?;
        return Ok((place, true));
    }
    if let Some(folder) = env.config_dir()
        && let Some(named) = Settings::read(&folder)?.store
    {
        let place = read_place(env, &folder, Path::new(&named), options.insecure_store)?;
        return Ok((place, true));
    }
    let usual = env.data_dir().map(|dir| dir.join("store.db"));
    let usual = usual.ok_or(Error::NoHome { flag: "--store" })?;
    Ok((Place::File(usual), false))
}

impl Settings {
    /// Reads them from the folder of settings, if they are there.
    fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("config.toml");
        if !matches!(path.try_exists(), Ok(true)) {
            return Ok(Self::default());
        }
        let bytes = read_private(&path, SETTINGS_BYTES_MAX).map_err(Error::SettingsFile)?;
        let garbled = |at: usize| Error::Settings {
            path: path.clone(),
            line: bytes.iter().take(at).filter(|byte| **byte == b'\n').count() + 1,
        };
        let text = std::str::from_utf8(&bytes).map_err(|error| garbled(error.valid_up_to()))?;
        // The library's own words could show what stands there.
        toml::from_str(text).map_err(|error| garbled(error.span().map_or(0, |span| span.start)))
    }
}

/// A place that an argument names, where no password may stand.
pub(crate) fn place_of(env: &Env, named: &Path, insecure: bool) -> Result<Place, Error> {
    let address = named.to_str().filter(|text| Place::is_address(text));
    if let Some(text) = address
        && Database::parse(text, true)?.password.is_some()
    {
        return Err(Error::PasswordInArguments);
    }
    read_place(env, &env.current_dir, named, insecure)
}

/// A place as it is written; a file is one of `folder`.
fn read_place(env: &Env, folder: &Path, named: &Path, insecure: bool) -> Result<Place, Error> {
    match named.to_str().filter(|text| Place::is_address(text)) {
        None => Ok(Place::File(folder.join(named))),
        Some(text) => Ok(Place::Database(Box::new(database(env, text, insecure)?))),
    }
}

/// A database by its address, with what the environment says of passwords.
fn database(env: &Env, text: &str, insecure: bool) -> Result<Database, AddressError> {
    let mut database = Database::parse(text, insecure)?;
    if database.password.is_none() {
        let password = env.variable("PGPASSWORD");
        database.password = password.map(|text| Password::new(text.to_owned()));
    }
    let files = [&mut database.root, &mut database.passfile];
    for file in files.into_iter().flatten() {
        *file = env.current_dir.join(&*file);
    }
    if database.passfile.is_none() {
        let usual = env.home_dir().map(|home| home.join(".pgpass"));
        database.passfile = env.path_variable("PGPASSFILE").or(usual);
    }
    Ok(database)
}
