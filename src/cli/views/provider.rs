//! A provider token, masked. Frozen: fields are added, never renamed or retyped.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::ops::provider::Masked;
use crate::output::{Cells, View, time};

/// A provider token, masked.
#[derive(Serialize)]
pub(crate) struct TokenView {
    cluster: String,
    provider: String,
    token: String,
    #[serde(serialize_with = "time::serialize")]
    set_at: DateTime<Utc>,
    set_by: String,
    servers: Option<u64>,
    server_names: Option<Vec<String>>,
}

impl From<&Masked> for TokenView {
    fn from(masked: &Masked) -> Self {
        Self {
            cluster: masked.cluster.to_string(),
            provider: masked.provider.clone(),
            token: masked.token.clone(),
            set_at: masked.set_at,
            set_by: masked.set_by.clone(),
            servers: masked.project.as_ref().map(|project| project.servers),
            server_names: masked.project.as_ref().map(|project| project.names.clone()),
        }
    }
}

impl View for TokenView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        let mut headers = vec!["Cluster", "Provider", "Token", "Set", "By"];
        if self.servers.is_some() {
            headers.push("Opens");
        }
        headers
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let mut row = vec![
            self.cluster.clone(),
            self.provider.clone(),
            self.token.clone(),
            cells.time(self.set_at),
            self.set_by.clone(),
        ];
        if let (Some(servers), Some(names)) = (self.servers, &self.server_names) {
            row.push(format!(
                "a project with {servers} servers: {}",
                cells.list(names)
            ));
        }
        vec![row]
    }
    fn names(&self) -> Vec<String> {
        vec![format!("provider-token/{}", self.cluster)]
    }
    fn detail(&self) -> bool {
        true
    }
}
