//! Where a person's files lie: the XDG base directories.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// The base directories; nothing where neither a home nor a variable says where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseDirs {
    /// The home, where `HOME` is an absolute path.
    pub home: Option<PathBuf>,
    /// Settings.
    pub config: Option<PathBuf>,
    /// Data.
    pub data: Option<PathBuf>,
    /// What is neither, and is kept all the same.
    pub state: Option<PathBuf>,
    /// What can be made again.
    pub cache: Option<PathBuf>,
    /// What lasts as long as somebody is logged in; there is no such place without a variable.
    pub runtime: Option<PathBuf>,
}

impl BaseDirs {
    /// Asks `directories`, where a home is named.
    ///
    /// Not elsewhere: it takes a relative `HOME`, and the store would depend on where a command is
    /// started; without `HOME` it asks the password file, and a store would begin in a home that
    /// nobody named and kubectl does not look in; and in a container that has neither it gives
    /// nothing, though the variables say where.
    pub(super) fn real(variables: &BTreeMap<String, OsString>) -> Self {
        let named = Self::of(variables);
        match directories::BaseDirs::new() {
            Some(found) if named.home.is_some() => Self {
                home: named.home,
                config: Some(found.config_dir().to_owned()),
                data: Some(found.data_dir().to_owned()),
                // Systems without a place for state have that of XDG.
                state: found
                    .state_dir()
                    .map_or(named.state, |dir| Some(dir.to_owned())),
                cache: Some(found.cache_dir().to_owned()),
                runtime: named.runtime,
            },
            _ => named,
        }
    }

    /// What a world of these variables has, if `Env` is put together by hand.
    ///
    /// Follows the variables by the specification: relative and empty values are ignored, for a
    /// store must not depend on where a command was started.
    pub fn of(variables: &BTreeMap<String, OsString>) -> Self {
        let absolute = |name| {
            let path = variables.get(name).map(PathBuf::from);
            path.filter(|path| path.is_absolute())
        };
        let home = absolute("HOME");
        let base = |name, below_home| {
            absolute(name).or_else(|| Some(home.as_ref()?.join::<&str>(below_home)))
        };
        Self {
            config: base("XDG_CONFIG_HOME", ".config"),
            data: base("XDG_DATA_HOME", ".local/share"),
            state: base("XDG_STATE_HOME", ".local/state"),
            cache: base("XDG_CACHE_HOME", ".cache"),
            runtime: absolute("XDG_RUNTIME_DIR"),
            home,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dirs(variables: &[(&str, &str)]) -> BaseDirs {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), OsString::from(value)));
        BaseDirs::of(&variables.collect())
    }

    fn at(path: &str) -> PathBuf {
        PathBuf::from(path)
    }

    #[test]
    fn the_variables_go_first_and_the_home_is_the_rest() {
        let found = dirs(&[("HOME", "/home/ana"), ("XDG_DATA_HOME", "/d")]);
        assert_eq!(found.home, Some(at("/home/ana")));
        assert_eq!(found.config, Some(at("/home/ana/.config")));
        assert_eq!(found.data, Some(at("/d")));
        assert_eq!(found.state, Some(at("/home/ana/.local/state")));
        assert_eq!(found.cache, Some(at("/home/ana/.cache")));
        assert_eq!(found.runtime, None);
    }

    #[test]
    fn relative_and_empty_values_are_ignored() {
        let found = dirs(&[
            ("HOME", "/h"),
            ("XDG_DATA_HOME", "here"),
            ("XDG_STATE_HOME", ""),
            ("XDG_RUNTIME_DIR", "run"),
        ]);
        assert_eq!(found.runtime, None);
        assert_eq!(found.data, Some(at("/h/.local/share")));
        assert_eq!(found.state, Some(at("/h/.local/state")));
        for home in ["", "ana"] {
            assert_eq!(dirs(&[("HOME", home)]), BaseDirs::default(), "{home:?}");
        }
    }

    #[test]
    fn without_a_home_what_is_named_is_still_found() {
        let found = dirs(&[("XDG_STATE_HOME", "/s")]);
        assert_eq!((found.data, found.state), (None, Some(at("/s"))));
    }

    #[test]
    fn in_this_process_the_crate_and_the_specification_agree() {
        let env = crate::env::Env::real();
        assert_eq!(env.base_dirs, BaseDirs::of(&env.variables));
    }
}
