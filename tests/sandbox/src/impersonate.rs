//! Impersonation: the modes of Kubernetes 1.36, the constrained ones first and the old one last.
//!
//! A real server believes a constrained impersonation for 10 seconds more; the sandbox asks anew.

use std::collections::BTreeMap;

use crate::call::{Call, decode};
use crate::rbac;
use crate::status::Status;
use crate::user::{self, ANONYMOUS, AUTHENTICATED, Attributes, MASTERS, UNAUTHENTICATED, User};
use crate::validate::is_subdomain;
use crate::world::World;

const NODE_PREFIX: &str = "system:node:";
const NODE_NAME: &str = "authentication.kubernetes.io/node-name";
const EXTRA_PREFIX: &str = "impersonate-extra-";
/// From so many groups or extra values on, a right to all of them is looked for first.
const MANY: usize = 4;

/// The ways in which somebody may act as somebody else, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// An account acts as the node it runs on.
    AssociatedNode,
    /// As any node.
    ArbitraryNode,
    /// As a `ServiceAccount`.
    Account,
    /// As anybody else.
    UserInfo,
    /// The verb `impersonate`, which allows everything at once.
    Legacy,
}

const MODES: [Mode; 5] = [
    Mode::AssociatedNode,
    Mode::ArbitraryNode,
    Mode::Account,
    Mode::UserInfo,
    Mode::Legacy,
];

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Mode::AssociatedNode => "associated-node",
            Mode::ArbitraryNode => "arbitrary-node",
            Mode::Account => "serviceaccount",
            Mode::UserInfo => "user-info",
            Mode::Legacy => "",
        }
    }

    fn verb(self) -> String {
        match self {
            Mode::Legacy => "impersonate".to_owned(),
            _ => format!("impersonate:{}", self.name()),
        }
    }

    /// Whether the mode is about such a wish at all.
    fn applies(self, requestor: &User, wanted: &User) -> bool {
        let only_name =
            wanted.uid.is_empty() && wanted.groups.is_empty() && wanted.extra.is_empty();
        let node = node_of(&wanted.name);
        let account = account_of(&wanted.name);
        match self {
            Mode::AssociatedNode => {
                let own = requestor.extra.get(NODE_NAME).map(Vec::as_slice);
                only_name
                    && account_of(&requestor.name).is_some()
                    && node.is_some_and(|node| own == Some(&[node.to_owned()]))
            }
            Mode::ArbitraryNode => only_name && node.is_some(),
            Mode::Account => only_name && account.is_some(),
            Mode::UserInfo => node.is_none() && account.is_none(),
            Mode::Legacy => true,
        }
    }
}

impl World {
    /// Changes the user as the impersonation headers ask. Fails with 403 when no mode allows it.
    pub(crate) fn impersonate(&mut self, user: User, call: &Call) -> Result<User, Status> {
        let Some(wanted) = wanted(call)? else {
            return Ok(user);
        };
        // Whichever mode worked last is tried first, and speaks for all that refuse.
        let last = self.impersonations.get(&user.name).copied();
        let rest = MODES.into_iter().filter(|mode| Some(*mode) != last);
        let mut refused = None;
        for mode in last.into_iter().chain(rest) {
            if !mode.applies(&user, &wanted) {
                continue;
            }
            match self.impersonate_in(mode, &user, &wanted, &call.attributes) {
                Ok(impersonated) => {
                    self.impersonations.insert(user.name.clone(), mode);
                    return Ok(impersonated);
                }
                Err(status) => refused = refused.or(Some(status)),
            }
        }
        Err(refused.unwrap_or_else(|| Status::internal("all impersonation modes failed")))
    }

    fn impersonate_in(
        &self,
        mode: Mode,
        user: &User,
        wanted: &User,
        request: &Attributes,
    ) -> Result<User, Status> {
        if mode != Mode::Legacy {
            let verb = format!("impersonate-on:{}:{}", mode.name(), request.verb);
            let request = Attributes {
                verb,
                ..request.clone()
            };
            self.must_allow(user, &request)?;
        }
        let mut impersonated = wanted.clone();
        self.must_allow(user, &name_asked(mode, wanted, &mut impersonated))?;
        if !wanted.uid.is_empty() {
            self.must_allow(user, &asked(mode, "uids", &wanted.uid))?;
        }
        self.check_groups(mode, user, &wanted.groups)?;
        self.check_extra(mode, user, &wanted.extra)?;
        if impersonated.name == ANONYMOUS {
            impersonated.join(UNAUTHENTICATED);
        } else if !impersonated.is_in(UNAUTHENTICATED) {
            impersonated.join(AUTHENTICATED);
        }
        Ok(impersonated)
    }

    fn check_groups(&self, mode: Mode, user: &User, groups: &[String]) -> Result<(), Status> {
        if mode != Mode::Legacy {
            let never =
                |name: &str, why: &str| Err(rbac::refusal(user, &asked(mode, "groups", name), why));
            if groups.iter().any(String::is_empty) {
                return never("", "impersonating the empty string group is not allowed");
            }
            if groups.iter().any(|group| group == MASTERS) {
                let why = "impersonating the system:masters group is not allowed";
                return never(MASTERS, why);
            }
            if groups.len() >= MANY && self.must_allow(user, &asked(mode, "groups", "*")).is_ok() {
                return Ok(());
            }
        }
        groups
            .iter()
            .try_for_each(|group| self.must_allow(user, &asked(mode, "groups", group)))
    }

    fn check_extra(
        &self,
        mode: Mode,
        user: &User,
        extra: &BTreeMap<String, Vec<String>>,
    ) -> Result<(), Status> {
        let of = |key: &str, value: &str| Attributes {
            subresource: key.to_owned(),
            ..asked(mode, "userextras", value)
        };
        let count: usize = extra.values().map(Vec::len).sum();
        if mode != Mode::Legacy && count >= MANY && self.must_allow(user, &of("*", "*")).is_ok() {
            return Ok(());
        }
        for (key, values) in extra {
            for value in values {
                self.must_allow(user, &of(key, value))?;
            }
        }
        Ok(())
    }

    fn must_allow(&self, user: &User, attributes: &Attributes) -> Result<(), Status> {
        let decision = self.authorize(user, attributes);
        if decision.allowed {
            Ok(())
        } else {
            Err(rbac::refusal(user, attributes, &decision.reason))
        }
    }
}

/// Whom the headers ask to be. Fails with 400 where they name no user.
fn wanted(call: &Call) -> Result<Option<User>, Status> {
    let texts = |name: &str| -> Vec<String> {
        let values = call.headers.get_all(name).iter();
        values
            .filter_map(|value| value.to_str().ok())
            .map(str::to_owned)
            .collect()
    };
    let mut extra = BTreeMap::new();
    for header in call.headers.keys() {
        if let Some(key) = header.as_str().strip_prefix(EXTRA_PREFIX) {
            extra.insert(decode(key, false), texts(header.as_str()));
        }
    }
    let wanted = User {
        name: call.header("impersonate-user").to_owned(),
        uid: call.header("impersonate-uid").to_owned(),
        groups: texts("impersonate-group"),
        extra,
    };
    if !wanted.name.is_empty() {
        return Ok(Some(wanted));
    }
    if wanted.uid.is_empty() && wanted.groups.is_empty() && wanted.extra.is_empty() {
        return Ok(None);
    }
    let groups: Vec<String> = wanted.groups.iter().map(|one| format!("{one:?}")).collect();
    Err(Status::bad_request(format!(
        "requested &user.DefaultInfo{{Name:\"\", UID:{:?}, Groups:[]string{{{}}}, \
         Extra:map[string][]string(nil)}} without impersonating a user name",
        wanted.uid,
        groups.join(", "),
    )))
}

/// The right to the name, and the groups that come with it.
fn name_asked(mode: Mode, wanted: &User, impersonated: &mut User) -> Attributes {
    if mode != Mode::Legacy
        && let Some(node) = node_of(&wanted.name)
    {
        impersonated.groups = vec!["system:nodes".to_owned()];
        // Whoever may be the node it runs on may be each of them, wherever it runs.
        let name = if mode == Mode::AssociatedNode {
            "*"
        } else {
            node
        };
        return asked(mode, "nodes", name);
    }
    let Some((namespace, account)) = account_of(&wanted.name) else {
        return asked(mode, "users", &wanted.name);
    };
    if wanted.groups.is_empty() {
        impersonated.groups = user::account_groups(namespace);
    }
    Attributes {
        namespace: namespace.to_owned(),
        ..asked(mode, "serviceaccounts", account)
    }
}

fn asked(mode: Mode, resource: &str, name: &str) -> Attributes {
    // The old mode has names and groups in the core group, and the rest where all of the new is.
    let old = mode == Mode::Legacy && matches!(resource, "users" | "groups" | "serviceaccounts");
    Attributes {
        verb: mode.verb(),
        group: if old { "" } else { "authentication.k8s.io" }.to_owned(),
        resource: resource.to_owned(),
        name: name.to_owned(),
        ..Attributes::default()
    }
}

fn node_of(user: &str) -> Option<&str> {
    user.strip_prefix(NODE_PREFIX)
        .filter(|node| is_subdomain(node))
}

/// Namespace and name of an account, where the user name is one's: no account has other names.
fn account_of(user: &str) -> Option<(&str, &str)> {
    user::account_of(user)
        .filter(|(namespace, name)| is_subdomain(name) && is_subdomain(namespace))
        .filter(|(namespace, _)| !namespace.contains('.'))
}
