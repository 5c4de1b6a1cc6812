//! Who is acting. Frozen: fields are added, never renamed or retyped.

use crate::ops::whoami::Who;
use crate::output::{Table, Time, View};

shape! {
    struct MembershipView {
        project: String,
        role: &'static str,
    }
}

frozen! {
    /// Who is acting.
    pub(crate) struct WhoView from who: &Who {
        let projects = who.projects.iter().map(|(project, role)| MembershipView {
            project: project.clone(),
            role,
        });
        let proves = match &who.acting {
            Some(server) if who.served.is_some() => format!(
                "that you proved to server '{server}' that you are '{}'; it acts for you, and both names are recorded",
                who.user
            ),
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
        user: String = who.user.clone(),
        role: &'static str = who.role,
        projects: Vec<MembershipView> = projects.collect(),
        held_by: Option<String> = who.acting.clone(),
        organization: String = who.organization.clone(),
        installation: String = who.installation.to_string(),
        key: Option<String> = who.key.clone(),
        fingerprint: Option<String> = who.fingerprint.clone(),
        /// Only where somebody logs in by tokens.
        #[serde(skip_serializing_if = "Option::is_none")]
        oidc: Option<String> = who.oidc.clone(),
        identity: String = who.identity.trim_matches('`').to_owned(),
        store: String = who.store.display().to_string(),
        proves: String = proves,
        /// Only where somebody else set the key.
        #[serde(skip_serializing_if = "Option::is_none")]
        key_set_by: Option<String> = who.key_set.as_ref().map(|it| it.by.clone()),
        #[serde(skip_serializing_if = "Option::is_none")]
        key_set_at: Option<Time> = who.key_set.as_ref().map(|it| Time(it.at)),
    }
}

impl View for WhoView {
    fn table(&self) -> Table<'_> {
        let projects = self.projects.iter();
        let projects = projects.map(|it| format!("{} ({})", it.project, it.role));
        let projects: Vec<String> = projects.collect();
        Table::record(self)
            .col("User", |it| match &it.held_by {
                None => it.user.clone(),
                Some(holder) => format!("{} (held by {holder})", it.user),
            })
            .col("Role", |it| it.role)
            .col("Projects", |_| &projects)
            .col("Organization", |it| &it.organization)
            .col("Key", |it| &it.fingerprint)
            .some("Logs in", |it| it.oidc.as_ref())
            .col("Identity", |it| &it.identity)
            .col("Store", |it| &it.store)
            .col("Proves", |it| &it.proves)
            .wide("Public key", |it| &it.key)
            .wide("Installation", |it| &it.installation)
            .named(|it| format!("user/{}", it.user))
    }
}
