//! Who a request speaks for, and what it wants to do.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The one group that may do everything.
pub(crate) const MASTERS: &str = "system:masters";
/// The group of everybody with a credential.
pub(crate) const AUTHENTICATED: &str = "system:authenticated";
/// The group of everybody without.
pub(crate) const UNAUTHENTICATED: &str = "system:unauthenticated";
/// The name of everybody without a credential.
pub(crate) const ANONYMOUS: &str = "system:anonymous";
const ACCOUNT_PREFIX: &str = "system:serviceaccount:";

/// An authenticated, or anonymous, or impersonated user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    /// The user name.
    pub(crate) name: String,
    /// The uid; empty for most users.
    pub(crate) uid: String,
    /// The groups, in the order the server reports them.
    pub(crate) groups: Vec<String>,
    /// Extra facts, the credential id for instance.
    pub(crate) extra: BTreeMap<String, Vec<String>>,
}

impl User {
    /// Someone with a name and groups, and `system:authenticated`.
    pub(crate) fn authenticated(name: &str, groups: Vec<String>) -> User {
        let mut user = User {
            name: name.to_owned(),
            uid: String::new(),
            groups,
            extra: BTreeMap::new(),
        };
        user.join(AUTHENTICATED);
        user
    }

    /// Whoever shows no credential.
    pub(crate) fn anonymous() -> User {
        User {
            name: ANONYMOUS.into(),
            uid: String::new(),
            groups: vec![UNAUTHENTICATED.into()],
            extra: BTreeMap::new(),
        }
    }

    /// A `ServiceAccount`.
    pub(crate) fn account(namespace: &str, name: &str, uid: &str) -> User {
        let mut user = User::authenticated(
            &format!("{ACCOUNT_PREFIX}{namespace}:{name}"),
            account_groups(namespace),
        );
        uid.clone_into(&mut user.uid);
        user
    }

    /// Adds a group, once.
    pub(crate) fn join(&mut self, group: &str) {
        if !self.is_in(group) {
            self.groups.push(group.to_owned());
        }
    }

    /// Whether the user is in a group.
    pub(crate) fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|own| own == group)
    }

    /// Whether authorization is not asked about this user.
    pub(crate) fn is_master(&self) -> bool {
        self.is_in(MASTERS)
    }

    /// The `userInfo` of a review.
    pub(crate) fn info(&self) -> Value {
        let mut info = Map::new();
        info.insert("username".into(), self.name.clone().into());
        if !self.uid.is_empty() {
            info.insert("uid".into(), self.uid.clone().into());
        }
        if !self.groups.is_empty() {
            info.insert("groups".into(), json!(self.groups));
        }
        if !self.extra.is_empty() {
            info.insert("extra".into(), json!(self.extra));
        }
        Value::Object(info)
    }
}

/// The groups every `ServiceAccount` of a namespace is in.
pub(crate) fn account_groups(namespace: &str) -> Vec<String> {
    vec![
        "system:serviceaccounts".into(),
        format!("system:serviceaccounts:{namespace}"),
    ]
}

/// Namespace and name of a `ServiceAccount`'s user name.
pub(crate) fn account_of(user: &str) -> Option<(&str, &str)> {
    user.strip_prefix(ACCOUNT_PREFIX)?.split_once(':')
}

/// What is asked of the authorizer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attributes {
    /// `get`, `create`, `bind` and so on; the lower-case method for other paths.
    pub(crate) verb: String,
    /// API group; empty for the core.
    pub(crate) group: String,
    /// Plural name; empty for other paths.
    pub(crate) resource: String,
    /// Subresource; empty for the resource itself.
    pub(crate) subresource: String,
    /// Namespace; empty at cluster scope.
    pub(crate) namespace: String,
    /// Name of the object; empty for lists and creations.
    pub(crate) name: String,
    /// The path, when it is no resource.
    pub(crate) path: Option<String>,
}

impl Attributes {
    /// `pods` or `pods/exec`.
    pub(crate) fn combined(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }
}
