//! A cluster's settings. Frozen: fields are added, never renamed or retyped.

use std::collections::BTreeMap;

use serde::Serialize;

use super::labels_text;
use crate::ops::cluster::SetOutcome;
use crate::output::{Cells, View};

/// A cluster's settings.
#[derive(Serialize)]
pub(crate) struct SettingsView {
    name: String,
    description: String,
    labels: BTreeMap<String, String>,
    project: Option<String>,
    write_scope: &'static str,
    held_back_by_operator: Vec<String>,
    included: Vec<String>,
    write_allow: Vec<String>,
    public_server: Option<String>,
    public_tls_server_name: Option<String>,
}

impl From<&SetOutcome> for SettingsView {
    fn from(done: &SetOutcome) -> Self {
        let cluster = &done.cluster;
        Self {
            project: done.project.clone(),
            public_server: cluster.public.as_ref().map(|public| public.server.clone()),
            public_tls_server_name: cluster
                .public
                .as_ref()
                .and_then(|public| public.tls_server_name.clone()),
            name: cluster.name.to_string(),
            description: cluster.description.clone(),
            labels: cluster.labels.clone(),
            write_scope: cluster.write_scope.as_str(),
            held_back_by_operator: cluster.held_back.iter().cloned().collect(),
            included: cluster.included.iter().cloned().collect(),
            write_allow: cluster
                .write_allow
                .iter()
                .map(ToString::to_string)
                .collect(),
        }
    }
}

impl View for SettingsView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        let mut headers = vec![
            "Name",
            "Description",
            "Labels",
            "Project",
            "Write scope",
            "Held back",
            "Included",
            "Allowed",
        ];
        // Most clusters have one address.
        if self.public_server.is_some() {
            headers.push("In files");
        }
        headers
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let labels = labels_text(&self.labels);
        let mut row = vec![
            self.name.clone(),
            cells.text_or_none(Some(self.description.as_str()).filter(|text| !text.is_empty())),
            cells.text_or_none(labels.as_deref()),
            cells.text_or_none(self.project.as_deref()),
            self.write_scope.to_owned(),
            cells.list(&self.held_back_by_operator),
            cells.list(&self.included),
            cells.list(&self.write_allow),
        ];
        row.extend(self.public_server.clone());
        vec![row]
    }
    fn names(&self) -> Vec<String> {
        vec![format!("cluster/{}", self.name)]
    }
    fn detail(&self) -> bool {
        true
    }
}
