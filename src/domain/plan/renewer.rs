//! The accounts that mint for others.

use super::{Object, binding_name};
use crate::domain::account_name;
use crate::domain::installation::InstallationId;
use crate::domain::power::Rule;

/// An account that may mint tokens of another, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Renewer {
    /// The account.
    pub(crate) account: String,
    /// Whose tokens it mints.
    pub(crate) of: String,
    /// Whether it mints its own too.
    pub(crate) is_rolling: bool,
}

/// Whether an object is the list of one of them.
pub(crate) fn is_renewal(installation: &InstallationId, object: &Object) -> bool {
    let prefix = binding_name(installation, "renew:");
    matches!(object, Object::Binding(Some(_), name) if name.starts_with(&prefix))
}

impl Renewer {
    /// The name of its Role, and of the RoleBinding: `kubegrant:<installation>:renew:<account>`.
    pub(crate) fn role(&self, installation: &InstallationId) -> String {
        let (_, label) = account_name::parts(&self.account);
        binding_name(installation, &format!("renew:{label}"))
    }

    /// The namespace of all of it.
    pub(crate) fn namespace(&self) -> &'static str {
        account_name::parts(&self.account).0.namespace()
    }

    /// What its Role gives. A name holds for `create` on a subresource: it is in the URL.
    pub(crate) fn rules(&self) -> Vec<Rule> {
        let mut names = vec![account_name::parts(&self.of).1.to_owned()];
        if self.is_rolling {
            names.push(account_name::parts(&self.account).1.to_owned());
        }
        vec![Rule {
            groups: vec![String::new()],
            resources: vec!["serviceaccounts/token".to_owned()],
            verbs: vec!["create".to_owned()],
            names,
            urls: vec![],
        }]
    }
}
