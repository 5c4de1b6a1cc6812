//! The organization. Frozen: fields are added, never renamed or retyped.

use serde::Serialize;

use crate::ops::init::Initialized;
use crate::output::{Cells, View};

/// The organization after `init`.
#[derive(Serialize)]
pub(crate) struct InitView {
    organization: String,
    owner: String,
    key: String,
    store: String,
    identity: String,
    changed: bool,
}

impl From<&Initialized> for InitView {
    fn from(done: &Initialized) -> Self {
        Self {
            organization: done.organization.clone(),
            owner: done.owner.clone(),
            key: done.key.clone(),
            store: done.store.display().to_string(),
            identity: done.identity.trim_matches('`').to_owned(),
            changed: !done.unchanged,
        }
    }
}

impl View for InitView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["Organization", "Owner", "Key", "Store", "Identity"]
    }
    fn rows(&self, _wide: bool, _cells: &Cells) -> Vec<Vec<String>> {
        let row = [
            &self.organization,
            &self.owner,
            &self.key,
            &self.store,
            &self.identity,
        ];
        vec![row.map(String::clone).to_vec()]
    }
    fn names(&self) -> Vec<String> {
        vec![format!("user/{}", self.owner)]
    }
    fn detail(&self) -> bool {
        true
    }
}
