//! Users. Frozen: fields are added, never renamed or retyped.

use std::collections::BTreeMap;

use crate::domain::oidc::OidcLink;
use crate::domain::project::{Project, ProjectRole};
use crate::domain::user::User;
use crate::ops::project::kept::Kept;
use crate::output::{Table, Time, View};

frozen! {
    /// A user.
    pub(crate) struct UserView from user: User {
        name: String = user.name.to_string(),
        email: Option<String> = user.email.map(|email| email.to_string()),
        role: &'static str = user.role.as_str(),
        active: bool = user.active,
        key: Option<String> = user.key,
        oidc: Option<LoginLinkView> = user.oidc.as_ref().map(LoginLinkView::from),
        created_at: Time = Time(user.created_at),
        /// Only where one user is shown.
        #[serde(skip_serializing_if = "Option::is_none")]
        projects: Option<Vec<MembershipView>> = None,
        /// Only where one user is shown: shared kubeconfigs that they have no right to any more.
        #[serde(skip_serializing_if = "Option::is_none")]
        keeps: Option<Vec<String>> = None,
    }
}

shape! {
    /// By which tokens a user logs in.
    pub(crate) struct LoginLinkView {
        kind: &'static str,
        issuer: String,
        claims: BTreeMap<String, String>,
    }
}

impl From<&OidcLink> for LoginLinkView {
    fn from(link: &OidcLink) -> Self {
        let claims = link.claims().iter();
        Self {
            kind: link.kind.as_str(),
            issuer: link.issuer.to_string(),
            claims: claims
                .map(|it| (it.name.clone(), it.value.clone()))
                .collect(),
        }
    }
}

impl LoginLinkView {
    fn words(&self) -> String {
        let claims = self.claims.iter();
        let claims = claims.map(|(name, value)| format!("{name}={value} "));
        let claims: String = claims.collect();
        format!("{claims}at {}", self.issuer)
    }
}

shape! {
    /// What a user is in a project.
    pub(crate) struct MembershipView {
        project: String,
        role: &'static str,
    }
}

impl UserView {
    /// Shapes a user, what they are in their projects, and what they keep of others.
    pub(crate) fn with_projects(
        user: User,
        projects: Vec<(Project, ProjectRole)>,
        kept: &[Kept],
    ) -> Self {
        let projects = projects.into_iter().map(|(project, role)| MembershipView {
            project: project.name.to_string(),
            role: role.as_str(),
        });
        Self {
            projects: Some(projects.collect()),
            keeps: Some(
                kept.iter()
                    .map(|kept| format!("cluster {}: {}", kept.cluster, kept.description()))
                    .collect(),
            ),
            ..Self::from(user)
        }
    }

    fn state(&self) -> &'static str {
        if self.active { "active" } else { "disabled" }
    }

    fn key_kind(&self) -> Option<&'static str> {
        let is_ssh = self.key.as_ref()?.starts_with("ssh-");
        Some(if is_ssh { "ssh-ed25519" } else { "age" })
    }

    fn memberships(&self) -> Option<String> {
        let projects = self.projects.as_ref()?.iter();
        let projects = projects.map(|it| format!("{} ({})", it.project, it.role));
        Some(projects.collect::<Vec<_>>().join(","))
    }
}

impl View for UserView {
    fn table(&self) -> Table<'_> {
        let mut table = Table::record(self)
            .col("Name", |it| &it.name)
            .col("Role", |it| it.role)
            .col("State", UserView::state)
            .col("E-mail", |it| &it.email)
            .col("Key", |it| &it.key)
            .some("Logs in", |it| it.oidc.as_ref().map(LoginLinkView::words))
            .col("Added", |it| it.created_at)
            .some("Projects", UserView::memberships);
        for kept in self.keeps.iter().flatten() {
            table = table.col("Keeps", |_| kept);
        }
        table.named(|it| format!("user/{}", it.name))
    }
}

impl View for Vec<UserView> {
    fn table(&self) -> Table<'_> {
        Table::of(self)
            .col("NAME", |it| &it.name)
            .col("ROLE", |it| it.role)
            .col("STATE", UserView::state)
            .col("EMAIL", |it| &it.email)
            .narrow("KEY", UserView::key_kind)
            .wide("KEY", |it| &it.key)
            .col("AGE", |it| it.created_at)
            .named(|it| format!("user/{}", it.name))
    }
}
