//! Role bindings: roles of the cluster's own that a user has beside, or instead of, a level.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use super::Timestamp;
use super::account_name::Home;
use super::cluster::ClusterId;
use super::installation::InstallationId;
use super::plan::{Place, binding_name};
use super::power::{RoleRef, Rule};
use super::shard::Shard;
use super::user::UserId;

/// The longest name of an object that holds a list.
const LIST_NAME_BYTES_MAX: usize = 253;
/// The longest name of a role that is taken.
const ROLE_NAME_BYTES_MAX: usize = 253;

/// A binding's row number in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BindingId(pub(crate) i64);

/// A role's name as typed: a segment of a path, as the API server has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RoleName(String);

impl RoleName {
    /// The name as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoleName {
    type Err = String;
    fn from_str(input: &str) -> Result<Self, String> {
        let shown = input.escape_default();
        if input.is_empty() || input == "." || input == ".." {
            return Err(format!("'{shown}' is not the name of a role"));
        }
        if input.len() > ROLE_NAME_BYTES_MAX {
            return Err(format!(
                "the name of a role has at most {ROLE_NAME_BYTES_MAX} characters, this one has {}",
                input.len()
            ));
        }
        let good = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | '%' | '\\' | '\'' | '"');
        if !input.chars().all(good) {
            return Err(format!(
                "'{shown}' is not the name of a role: no spaces, quotes, '/' or '%'"
            ));
        }
        Ok(Self(input.to_owned()))
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A role in a place: what one list of ours on a cluster is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bound {
    /// Where: cluster-wide, or in a namespace.
    pub(crate) place: Place,
    /// Which role.
    pub(crate) role: RoleRef,
}

impl Bound {
    /// The name of its list: `kubegrant:<installation>:clusterrole:<name>`, or `…:role:<name>`; of the
    /// second `…:clusterrole-2:<name>`, as a role may be called `<name>-2`.
    ///
    /// What would be too long is hashed, under a word that no plain name has.
    pub(crate) fn list_name(&self, installation: &InstallationId, shard: Shard) -> String {
        let (name, word) = (self.role.name(), self.word());
        let plain = binding_name(installation, &format!("{word}{shard}:{name}"));
        if plain.len() <= LIST_NAME_BYTES_MAX {
            return plain;
        }
        let hash = super::text::hex(&Sha256::digest(name.as_bytes()));
        binding_name(installation, &format!("{word}-sha256{shard}:{hash}"))
    }

    fn word(&self) -> &'static str {
        match self.role {
            RoleRef::Cluster(_) => "clusterrole",
            RoleRef::Namespaced(_) => "role",
        }
    }

    /// The kind of the role, as Kubernetes has it.
    pub(crate) fn kind(&self) -> &'static str {
        self.role.kind()
    }

    /// The namespace that the role is in, in words; nothing for one that is cluster-wide.
    pub(crate) fn place_of_role(&self) -> String {
        match (&self.role, &self.place) {
            (RoleRef::Namespaced(_), Some(namespace)) => format!(" in namespace '{namespace}'"),
            _ => String::new(),
        }
    }

    /// Whether it is one of the two roles that levels are made of.
    pub(crate) fn is_a_level(&self) -> bool {
        matches!(&self.role, RoleRef::Cluster(name) if name == "view" || name == "edit")
    }

    /// Whether the role is one of ours, of whatever installation: the manager's.
    pub(crate) fn is_ours(&self) -> bool {
        self.role.name().starts_with("kubegrant:")
    }

    /// Whether the role is one of Kubernetes' own components.
    pub(crate) fn is_system(&self) -> bool {
        self.role.name().starts_with("system:")
    }

    /// Why nobody may have a role with these rules here, whoever asks; `None` if they may.
    ///
    /// Whoever writes in our namespace, or reads a Secret there, is the manager a moment later.
    pub(crate) fn is_refused(&self, rules: &[Rule]) -> Option<String> {
        if self.is_ours() {
            return Some("it is kubegrant's own, for its manager alone".to_owned());
        }
        let home = self.place.as_deref().and_then(Home::of)?;
        let name = self.role.name();
        (name == "cluster-admin" || rules.iter().any(super::escalation::takes)).then(|| {
            format!(
                "it can write, or read Secrets, in namespace '{}', and so become {}",
                home.namespace(),
                match home {
                    Home::Own => "kubegrant's manager",
                    Home::Users => "any developer",
                }
            )
        })
    }
}

/// What several lists that share their accounts out have in common: the words of their name, without
/// which one of them it is, and the role.
pub(super) fn kind_of_list(name: &str) -> (&str, &str) {
    // `kubegrant:<installation>:` and then a level, or a word and a role.
    let own = name.splitn(3, ':').nth(2).unwrap_or(name);
    let (word, role) = own.split_once(':').unwrap_or((own, ""));
    (Shard::split(word).0, role)
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} '{}'", self.kind(), self.role.name())?;
        match &self.place {
            None => f.write_str(" cluster-wide"),
            Some(namespace) => write!(f, " in namespace '{namespace}'"),
        }
    }
}

/// The record that gives a user a role on a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Binding {
    /// Row number.
    pub(crate) id: BindingId,
    /// Who has it.
    pub(crate) user: UserId,
    /// On which cluster.
    pub(crate) cluster: ClusterId,
    /// Which role, and where there.
    pub(crate) bound: Bound,
    /// Since when.
    pub(crate) bound_at: Timestamp,
    /// By whom.
    pub(crate) bound_by: UserId,
    /// The reason that somebody gave.
    pub(crate) reason: String,
    /// Whether it was taken away.
    pub(crate) is_removed: bool,
    /// Whether its coming or going was not yet seen on the cluster.
    pub(crate) is_pending: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::plan::NAMESPACE;

    fn cluster_role(name: &str, place: Option<&str>) -> Bound {
        Bound {
            place: place.map(str::to_owned),
            role: RoleRef::Cluster(name.to_owned()),
        }
    }

    fn rule(group: &str, resource: &str, verb: &str) -> Rule {
        Rule {
            groups: vec![group.to_owned()],
            resources: vec![resource.to_owned()],
            verbs: vec![verb.to_owned()],
            ..Rule::default()
        }
    }

    #[test]
    fn names_of_lists_tell_roles_apart_and_fit() {
        let id = InstallationId::new([0x0b, 0xad, 0xca, 0xfe]);
        let plain = cluster_role("system:node-reader.v1", None);
        let name = plain.list_name(&id, Shard::FIRST);
        assert_eq!(name, "kubegrant:0badcafe:clusterrole:system:node-reader.v1");
        let role = Bound {
            place: Some("shop".to_owned()),
            role: RoleRef::Namespaced("view".to_owned()),
        };
        let second = Shard::new(2).expect("not 0");
        for (shard, name) in [(Shard::FIRST, "role:view"), (second, "role-2:view")] {
            let list = role.list_name(&id, shard);
            assert_eq!(list, format!("kubegrant:0badcafe:{name}"));
            assert_eq!(kind_of_list(&list), ("role", "view"));
        }
        for (list, kind) in [
            ("kubegrant:0badcafe:view", ("view", "")),
            ("kubegrant:0badcafe:view-12", ("view", "")),
            ("kubegrant:0badcafe:clusterrole:a-2", ("clusterrole", "a-2")),
            (
                "kubegrant:0badcafe:clusterrole-2:a:b-2",
                ("clusterrole", "a:b-2"),
            ),
        ] {
            assert_eq!(kind_of_list(list), kind);
        }
        let long = |end: &str| cluster_role(&format!("{}{end}", "x".repeat(250)), None);
        let of = |role: &Bound, shard| role.list_name(&id, shard);
        let (one, other) = (of(&long("a"), Shard::FIRST), of(&long("b"), Shard::FIRST));
        assert_ne!(of(&long("a"), second), one);
        assert_eq!(kind_of_list(&of(&long("a"), second)), kind_of_list(&one));
        assert!(one.len() <= 253 && one != other, "{one}");
        // No role can be named so that its plain list is a hashed one's.
        let forged = one.trim_start_matches("kubegrant:0badcafe:clusterrole");
        assert_ne!(of(&cluster_role(forged, None), Shard::FIRST), one);
    }

    #[test]
    fn no_role_name_is_a_path_or_moves_the_cursor() {
        for bad in ["", ".", "..", "a/b", "a%2fb", "a b", "a\nb", "a'b", "ä"] {
            assert!(bad.parse::<RoleName>().is_err(), "{bad:?}");
        }
        for good in ["view", "system:node", "Team.Reader_1", "a-b:c.d"] {
            assert!(good.parse::<RoleName>().is_ok(), "{good:?}");
        }
        assert!("x".repeat(254).parse::<RoleName>().is_err());
    }

    #[test]
    fn nobody_writes_or_reads_secrets_in_our_own_namespace() {
        let here = cluster_role("r", Some(NAMESPACE));
        for taking in [
            rule("", "configmaps", "patch"),
            rule("", "secrets", "get"),
            rule("", "serviceaccounts/token", "create"),
            rule("*", "*", "get"),
            rule("", "pods", "delete"),
        ] {
            assert!(
                here.is_refused(std::slice::from_ref(&taking)).is_some(),
                "{taking:?}"
            );
            let elsewhere = cluster_role("r", Some("shop"));
            assert!(elsewhere.is_refused(&[taking]).is_none());
        }
        assert!(here.is_refused(&[rule("", "pods", "list")]).is_none());
        let admin = cluster_role("cluster-admin", Some(NAMESPACE));
        assert!(admin.is_refused(&[]).is_some());
        let manager = cluster_role("kubegrant:0badcafe:manager", None);
        assert!(manager.is_refused(&[]).is_some());
    }
}
