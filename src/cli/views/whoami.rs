//! Who is acting. Frozen: fields are added, never renamed or retyped.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::ops::whoami::Who;
use crate::output::{Cells, View, time};

#[derive(Serialize)]
struct MembershipView {
    project: String,
    role: &'static str,
}

/// Who is acting.
#[derive(Serialize)]
pub(crate) struct WhoView {
    user: String,
    role: &'static str,
    projects: Vec<MembershipView>,
    held_by: Option<String>,
    organization: String,
    installation: String,
    key: String,
    fingerprint: String,
    identity: String,
    store: String,
    proves: String,
    /// Only where somebody else set the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    key_set_by: Option<String>,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "time::serialize_option"
    )]
    key_set_at: Option<DateTime<Utc>>,
}

impl From<&Who> for WhoView {
    fn from(who: &Who) -> Self {
        let identity = who.identity.trim_matches('`').to_owned();
        let proves = match &who.acting {
            None => format!(
                "that you hold the private key of '{}'; whoever can read {} can do the same",
                who.user, who.identity
            ),
            Some(holder) => format!(
                "that you hold the private key of '{holder}', who acts as '{}' with --as; both \
                 names are recorded",
                who.user
            ),
        };
        Self {
            user: who.user.clone(),
            role: who.role,
            projects: who
                .projects
                .iter()
                .map(|(project, role)| MembershipView {
                    project: project.clone(),
                    role,
                })
                .collect(),
            held_by: who.acting.clone(),
            organization: who.organization.clone(),
            installation: who.installation.to_string(),
            key: who.key.clone(),
            fingerprint: who.fingerprint.clone(),
            identity,
            store: who.store.display().to_string(),
            proves,
            key_set_by: who.key_set.as_ref().map(|it| it.by.clone()),
            key_set_at: who.key_set.as_ref().map(|it| it.at),
        }
    }
}

impl View for WhoView {
    fn headers(&self, wide: bool) -> Vec<&'static str> {
        let mut headers = vec![
            "User",
            "Role",
            "Projects",
            "Organization",
            "Key",
            "Identity",
            "Store",
            "Proves",
        ];
        if wide {
            headers.extend(["Public key", "Installation"]);
        }
        headers
    }
    fn rows(&self, wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let user = match &self.held_by {
            None => self.user.clone(),
            Some(holder) => format!("{} (held by {holder})", self.user),
        };
        let word = |it: &MembershipView| format!("{} ({})", it.project, it.role);
        let projects: Vec<String> = self.projects.iter().map(word).collect();
        let mut row = vec![
            user,
            self.role.to_owned(),
            cells.list(&projects),
            self.organization.clone(),
            self.fingerprint.clone(),
            self.identity.clone(),
            self.store.clone(),
            self.proves.clone(),
        ];
        if wide {
            row.extend([self.key.clone(), self.installation.clone()]);
        }
        vec![row]
    }
    fn names(&self) -> Vec<String> {
        vec![format!("user/{}", self.user)]
    }
    fn detail(&self) -> bool {
        true
    }
}
