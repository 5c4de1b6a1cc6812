//! Users. Frozen: fields are added, never renamed or retyped.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::project::{Project, ProjectRole};
use crate::domain::user::User;
use crate::ops::project::kept::Kept;
use crate::output::{Cells, View, time};

/// A user.
#[derive(Serialize)]
pub(crate) struct UserView {
    name: String,
    email: Option<String>,
    role: &'static str,
    active: bool,
    key: Option<String>,
    #[serde(serialize_with = "time::serialize")]
    created_at: DateTime<Utc>,
    /// Only where one user is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    projects: Option<Vec<MembershipView>>,
    /// Only where one user is shown: shared kubeconfigs that they have no right to any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    keeps: Option<Vec<String>>,
}

/// What a user is in a project.
#[derive(Serialize)]
pub(crate) struct MembershipView {
    project: String,
    role: &'static str,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            name: user.name.to_string(),
            email: user.email.map(|email| email.to_string()),
            role: user.role.as_str(),
            active: user.active,
            key: user.key,
            created_at: user.created_at,
            projects: None,
            keeps: None,
        }
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
                    .map(|kept| format!("cluster {}: {}", kept.cluster, kept.words()))
                    .collect(),
            ),
            ..Self::from(user)
        }
    }

    fn state(&self) -> &'static str {
        if self.active { "active" } else { "disabled" }
    }

    fn row(&self, wide: bool, cells: &Cells) -> Vec<String> {
        let mut row = vec![
            self.name.clone(),
            self.role.to_owned(),
            self.state().to_owned(),
            cells.text_or_none(self.email.as_deref()),
        ];
        if wide {
            row.push(cells.text_or_none(self.key.as_deref()));
        } else {
            let kind = self.key.as_ref().map(|key| {
                if key.starts_with("ssh-") {
                    "ssh-ed25519"
                } else {
                    "age"
                }
            });
            row.push(cells.text_or_none(kind));
        }
        row.push(cells.time(self.created_at));
        row
    }
}

impl View for UserView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        let mut headers = vec!["Name", "Role", "State", "E-mail", "Key", "Added"];
        headers.extend(self.projects.as_ref().map(|_| "Projects"));
        headers.extend(self.keeps.iter().flatten().map(|_| "Keeps"));
        headers
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let mut row = self.row(true, cells);
        row.extend(self.projects.as_ref().map(|projects| {
            let word = |it: &MembershipView| format!("{} ({})", it.project, it.role);
            cells.list(&projects.iter().map(word).collect::<Vec<_>>())
        }));
        row.extend(self.keeps.iter().flatten().cloned());
        vec![row]
    }
    fn names(&self) -> Vec<String> {
        vec![format!("user/{}", self.name)]
    }
    fn detail(&self) -> bool {
        true
    }
}

/// Users by name.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct UserListView(Vec<UserView>);

impl UserListView {
    /// Shapes users.
    pub(crate) fn new(users: Vec<User>) -> Self {
        Self(users.into_iter().map(UserView::from).collect())
    }
}

impl View for UserListView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["NAME", "ROLE", "STATE", "EMAIL", "KEY", "AGE"]
    }
    fn rows(&self, wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        self.0.iter().map(|user| user.row(wide, cells)).collect()
    }
    fn names(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|user| format!("user/{}", user.name))
            .collect()
    }
}
