//! Between a command line and a request to a server: each is made of the other, by the table of routes.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches};
use serde_json::{Map, Value};

use crate::api::{ROUTES, Route, in_path};

/// The arguments of a request, by their names.
pub(crate) type Fields = Map<String, Value>;

/// The command of a route.
pub(super) fn command_of(route: &Route) -> Option<clap::Command> {
    let mut command = super::command();
    for word in route.verb {
        command = command.find_subcommand(word)?.clone();
    }
    Some(command)
}

/// Why a request is no command line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RelayError {
    /// A field that the route does not know.
    #[error("there is no field '{0}' here")]
    Unknown(String),
    /// A field of another type.
    #[error("the field '{0}' is of another type")]
    Type(String),
    /// A route whose command is not there.
    #[error("there is no such command")]
    NoCommand,
}

/// Makes the command line of a request, but for who asks. Values never pass for flags: each is joined to its own,
/// or stands behind `--`.
pub(crate) fn to_args(route: &Route, fields: &Fields) -> Result<Vec<OsString>, RelayError> {
    let command = command_of(route).ok_or(RelayError::NoCommand)?;
    let mut flags: Vec<String> = route.fixed.iter().map(|it| (*it).to_owned()).collect();
    let mut places: Vec<(usize, Vec<String>)> = Vec::new();
    for (name, value) in fields {
        let known =
            route.fields.contains(&name.as_str()) || in_path(route.path).any(|it| it == name);
        if !known {
            return Err(RelayError::Unknown(name.clone()));
        }
        if name == "yes" {
            if is_true(name, value)? {
                flags.push("--yes".to_owned());
            }
            continue;
        }
        let arg = command
            .get_arguments()
            .find(|arg| arg.get_id() == name.as_str());
        let arg = arg.ok_or_else(|| RelayError::Unknown(name.clone()))?;
        if is_switch(arg) {
            if is_true(name, value)? {
                flags.push(format!("--{}", long(arg)));
            }
            continue;
        }
        let values = texts(name, value)?;
        let place = command
            .get_positionals()
            .position(|it| it.get_id() == arg.get_id());
        match place {
            Some(index) => places.push((index, values)),
            None => flags.extend(
                values
                    .iter()
                    .map(|value| format!("--{}={value}", long(arg))),
            ),
        }
    }
    places.sort_by_key(|(index, _)| *index);
    let words = route.verb.iter().map(|it| (*it).to_owned());
    let places: Vec<String> = places.into_iter().flat_map(|(_, values)| values).collect();
    let end = "--".to_owned();
    let rest: Vec<String> = if command.get_positionals().any(Arg::is_last_set) {
        // What stands behind `--` is a command of its own there, and never comes from elsewhere.
        let is_flag = |it: &&String| it.starts_with('-');
        if let Some(value) = places.iter().find(is_flag) {
            return Err(RelayError::Type(value.clone()));
        }
        places
    } else {
        std::iter::once(end).chain(places).collect()
    };
    let args = words.chain(flags).chain(rest);
    Ok(args.map(OsString::from).collect())
}

fn long(arg: &Arg) -> String {
    let long = arg.get_long().map(str::to_owned);
    long.unwrap_or_else(|| arg.get_id().to_string())
}

fn is_switch(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue)
}

fn is_true(name: &str, value: &Value) -> Result<bool, RelayError> {
    match value {
        Value::Bool(value) => Ok(*value),
        // A query has texts alone.
        Value::String(text) if text == "true" => Ok(true),
        Value::String(text) if text == "false" => Ok(false),
        _ => Err(RelayError::Type(name.to_owned())),
    }
}

fn texts(name: &str, value: &Value) -> Result<Vec<String>, RelayError> {
    match value {
        Value::String(text) => Ok(vec![text.clone()]),
        Value::Number(number) => Ok(vec![number.to_string()]),
        Value::Null => Ok(vec![]),
        Value::Array(all) => {
            let all = all.iter().map(|one| texts(name, one));
            Ok(all.collect::<Result<Vec<_>, _>>()?.concat())
        }
        Value::Bool(_) | Value::Object(_) => Err(RelayError::Type(name.to_owned())),
    }
}

/// A request that does what a command line says.
#[derive(Debug)]
pub(crate) struct Relayed {
    /// Which route.
    pub(crate) route: &'static Route,
    /// All arguments that were given, those of the path too.
    pub(crate) fields: Fields,
    /// Arguments that no server takes: what they say is for this machine.
    pub(crate) own: Vec<String>,
}

/// Makes a request of a command line; nothing where no server does such a thing.
pub(crate) fn to_request(matches: &ArgMatches) -> Option<Relayed> {
    let mut words = Vec::new();
    let mut inner = matches;
    while let Some((word, next)) = inner.subcommand() {
        words.push(word);
        inner = next;
    }
    let route = ROUTES.iter().find(|route| route.verb == words.as_slice())?;
    let command = command_of(route)?;
    let (mut fields, mut own) = (Fields::new(), Vec::new());
    for arg in command.get_arguments() {
        let id = arg.get_id().as_str();
        if inner.value_source(id) != Some(ValueSource::CommandLine) {
            continue;
        }
        if !route.fields.contains(&id) && !in_path(route.path).any(|it| it == id) {
            if !arg.is_global_set() {
                own.push(id.to_owned());
            }
            continue;
        }
        let value = if is_switch(arg) {
            Value::Bool(inner.get_flag(id))
        } else {
            let raw = inner.get_raw(id).into_iter().flatten();
            let mut raw: Vec<Value> = raw
                .map(|it| Value::String(it.to_string_lossy().into_owned()))
                .collect();
            match raw.len() {
                1 => raw.remove(0),
                _ => Value::Array(raw),
            }
        };
        fields.insert(id.to_owned(), value);
    }
    // A flag that every command takes, and these alone care for.
    if route.fields.contains(&"yes") && inner.get_flag("yes") {
        fields.insert("yes".to_owned(), Value::Bool(true));
    }
    Some(Relayed { route, fields, own })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_a_command_with_these_arguments() {
        for route in ROUTES {
            let command = command_of(route).unwrap_or_else(|| panic!("{:?}", route.verb));
            let has = |name: &str| command.get_arguments().any(|arg| arg.get_id() == name);
            for name in route.fields.iter().copied().chain(in_path(route.path)) {
                assert!(name == "yes" || has(name), "{:?}: {name}", route.verb);
            }
        }
    }

    fn there_and_back(line: &str) -> String {
        let args = line.split(' ');
        let matches = super::super::command()
            .try_get_matches_from(args)
            .expect("a line");
        let request = to_request(&matches).expect("a request");
        let args = to_args(request.route, &request.fields).expect("a command line");
        let args: Vec<String> = args
            .iter()
            .map(|it| it.to_string_lossy().into_owned())
            .collect();
        args.join(" ")
    }

    #[test]
    fn a_command_line_goes_there_and_comes_back() {
        assert_eq!(there_and_back("kubegrant cluster list"), "cluster list --");
        assert_eq!(
            there_and_back("kubegrant access grant bob -c prod --level read --for 8h"),
            "access grant --cluster=prod --level=read --for=8h -- bob"
        );
        assert_eq!(
            there_and_back("kubegrant kubeconfig download prod --ttl 1h --merge"),
            "kubeconfig download --file=- --ttl=1h -- prod"
        );
        assert_eq!(
            there_and_back("kubegrant access revoke bob -c prod --yes"),
            "access revoke --cluster=prod --yes -- bob"
        );
        assert_eq!(
            there_and_back("kubegrant team list --show-revoked"),
            "team list --show-revoked --"
        );
    }

    #[test]
    fn no_value_passes_for_a_flag() {
        let route = ROUTES.iter().find(|it| it.verb == ["access", "grant"]);
        let mut fields = Fields::new();
        fields.insert("user".to_owned(), "--as=olivia".into());
        fields.insert("level".to_owned(), "read --yes".into());
        let args = to_args(route.expect("a route"), &fields).expect("a command line");
        assert_eq!(
            args,
            ["access", "grant", "--level=read --yes", "--", "--as=olivia"]
        );
        for (name, value) in [
            ("store", Value::from("/etc/passwd")),
            ("identity", "x".into()),
            ("acting_as", "olivia".into()),
            ("output", "yaml".into()),
        ] {
            let mut fields = Fields::new();
            fields.insert(name.to_owned(), value);
            let refused = to_args(route.expect("a route"), &fields);
            assert!(matches!(refused, Err(RelayError::Unknown(_))), "{name}");
        }
        let shell = ROUTES.iter().find(|it| it.verb == ["shell"]);
        let mut fields = Fields::new();
        fields.insert("cluster".to_owned(), "prod".into());
        let args = to_args(shell.expect("a route"), &fields).expect("a command line");
        assert_eq!(args, ["shell", "prod"]);
        for value in ["--as=olivia", "--", "-h"] {
            fields.insert("cluster".to_owned(), value.into());
            assert!(
                to_args(shell.expect("a route"), &fields).is_err(),
                "{value}"
            );
        }
        let mut fields = Fields::new();
        fields.insert("dry_run".to_owned(), "x".into());
        let refused = to_args(route.expect("a route"), &fields);
        assert!(matches!(refused, Err(RelayError::Type(_))));
    }
}
