//! Users. Frozen: fields are added, never renamed or retyped.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::domain::user::User;
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
        }
    }
}

impl UserView {
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
        vec!["Name", "Role", "State", "E-mail", "Key", "Added"]
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        vec![self.row(true, cells)]
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
