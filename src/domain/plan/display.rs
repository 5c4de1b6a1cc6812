//! A plan in sentences.

use std::collections::BTreeSet;
use std::fmt;

use super::{Object, Place, Plan, Step};

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(name) => write!(f, "account '{name}'"),
            Self::Role(name) => write!(f, "ClusterRole '{name}'"),
            Self::Binding(None, name) => write!(f, "binding '{name}'"),
            Self::Binding(Some(namespace), name) => {
                write!(f, "binding '{name}' in namespace '{namespace}'")
            }
        }
    }
}

fn place_text(place: &Place) -> String {
    match place {
        None => "cluster-wide".to_owned(),
        Some(namespace) => format!("in namespace '{namespace}'"),
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |accounts: &BTreeSet<String>| {
            let names: Vec<&str> = accounts.iter().map(String::as_str).collect();
            names.join(", ")
        };
        match self {
            Self::CreateAccount(account) => {
                write!(
                    f,
                    "create account {} ({} of '{}')",
                    account.name, account.power, account.user
                )
            }
            Self::DeleteAccount { name, .. } => write!(f, "delete account {name}"),
            Self::CreateBinding {
                place,
                name,
                accounts,
                ..
            } => {
                write!(
                    f,
                    "create binding {name} {} with {}",
                    place_text(place),
                    list(accounts)
                )
            }
            Self::SetBinding {
                place,
                name,
                accounts,
                ..
            } => {
                write!(
                    f,
                    "set binding {name} {} to {}",
                    place_text(place),
                    list(accounts)
                )
            }
            Self::SetRole { name, rules } => {
                write!(f, "set ClusterRole {name} to {} rules", rules.len())
            }
            Self::DeleteRole { name } => write!(f, "delete ClusterRole {name}"),
            Self::DeleteBinding { place, name, .. } => {
                write!(f, "delete binding {name} {}", place_text(place))
            }
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in self.steps() {
            writeln!(f, "{step}")?;
        }
        Ok(())
    }
}
