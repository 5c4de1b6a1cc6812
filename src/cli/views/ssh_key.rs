//! SSH keys. Frozen: fields are added, never renamed or retyped.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::ops::ssh_key::{HandedOut, RollOut, Shown};
use crate::output::{Cells, View, time};

/// A cluster's key.
#[derive(Serialize)]
pub(crate) struct KeyView {
    cluster: String,
    fingerprint: String,
    #[serde(rename = "type")]
    kind: String,
    state: String,
    origin: &'static str,
    #[serde(serialize_with = "time::serialize")]
    made_at: DateTime<Utc>,
    made_by: String,
    #[serde(serialize_with = "time::serialize_option")]
    taken_at: Option<DateTime<Utc>>,
    taken_by: Option<String>,
    handed_out_by: Option<String>,
    public: String,
    nodes: Vec<NodeView>,
    owed: Vec<String>,
}

/// A node that holds the key.
#[derive(Serialize)]
struct NodeView {
    address: String,
    port: Option<u16>,
    login: String,
    #[serde(serialize_with = "time::serialize_option")]
    installed_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "time::serialize_option")]
    proven_at: Option<DateTime<Utc>>,
}

impl From<&Shown> for KeyView {
    fn from(shown: &Shown) -> Self {
        let pair = &shown.pair;
        Self {
            cluster: shown.cluster.to_string(),
            fingerprint: pair.fingerprint.clone(),
            kind: pair.kind.clone(),
            state: pair.custody.to_string(),
            origin: if pair.imported {
                "imported"
            } else {
                "generated"
            },
            made_at: pair.made_at,
            made_by: shown.made_by.clone(),
            taken_at: shown.taken.as_ref().map(|taken| taken.at),
            taken_by: shown.taken.as_ref().map(|taken| taken.to.clone()),
            handed_out_by: shown.taken.as_ref().map(|taken| taken.by.clone()),
            public: pair.public.clone(),
            nodes: shown
                .nodes
                .iter()
                .map(|node| NodeView {
                    address: node.address.clone(),
                    port: node.port,
                    login: node.login.clone(),
                    installed_at: node.installed_at,
                    proven_at: node.proven_at,
                })
                .collect(),
            owed: shown.owed.clone(),
        }
    }
}

impl View for KeyView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec![
            "Cluster",
            "Fingerprint",
            "Type",
            "State",
            "Made",
            "By",
            "Taken",
            "Taken by",
            "Nodes",
            "Public",
        ]
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let nodes: Vec<String> = self
            .nodes
            .iter()
            .map(|node| {
                let port = node.port.map(|port| format!(":{port}")).unwrap_or_default();
                let proven = if node.proven_at.is_some() {
                    ""
                } else {
                    " (not proven)"
                };
                format!("{}@{}{port}{proven}", node.login, node.address)
            })
            .collect();
        vec![vec![
            self.cluster.clone(),
            self.fingerprint.clone(),
            self.kind.clone(),
            self.state.clone(),
            format!("{}, {}", cells.time(self.made_at), self.origin),
            self.made_by.clone(),
            cells.time_or_none(self.taken_at),
            cells.text_or_none(self.taken_by.as_deref()),
            cells.list(&nodes),
            self.public.clone(),
        ]]
    }
    fn names(&self) -> Vec<String> {
        vec![format!("ssh-key/{}", self.cluster)]
    }
    fn detail(&self) -> bool {
        true
    }
}

/// A hand-out.
#[derive(Serialize)]
pub(crate) struct HandedOutView {
    cluster: String,
    fingerprint: String,
    user: String,
    path: Option<String>,
    sealed: bool,
    #[serde(serialize_with = "time::serialize")]
    taken_at: DateTime<Utc>,
    nodes: Vec<String>,
}

impl From<&HandedOut> for HandedOutView {
    fn from(done: &HandedOut) -> Self {
        Self {
            cluster: done.cluster.to_string(),
            fingerprint: done.fingerprint.clone(),
            user: done.user.clone(),
            path: done.path.as_ref().map(|path| path.display().to_string()),
            sealed: done.sealed,
            taken_at: done.at,
            nodes: done
                .nodes
                .iter()
                .map(|(_, node)| node.address.clone())
                .collect(),
        }
    }
}

impl View for HandedOutView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["Cluster", "Fingerprint", "User", "File", "Taken"]
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        vec![vec![
            self.cluster.clone(),
            self.fingerprint.clone(),
            self.user.clone(),
            cells.text_or_none(self.path.as_deref()),
            cells.time(self.taken_at),
        ]]
    }
    fn names(&self) -> Vec<String> {
        vec![format!("ssh-key/{}", self.cluster)]
    }
}

/// What came of the nodes.
#[derive(Serialize)]
pub(crate) struct RollOutView {
    cluster: String,
    fingerprint: String,
    nodes: Vec<OutcomeView>,
    owed: Vec<String>,
    /// Why the cluster could not say which nodes there are.
    cluster_not_asked: Option<String>,
}

#[derive(Serialize)]
struct OutcomeView {
    node: String,
    login: Option<String>,
    proven: bool,
    outcome: String,
}

impl From<&RollOut> for RollOutView {
    fn from(done: &RollOut) -> Self {
        Self {
            cluster: done.cluster.to_string(),
            fingerprint: done.fingerprint.clone(),
            nodes: done
                .reports
                .iter()
                .map(|report| OutcomeView {
                    node: report.node.clone(),
                    login: report.login.clone(),
                    proven: report.outcome.as_ref().is_ok_and(|outcome| outcome.proven),
                    outcome: match &report.outcome {
                        Ok(outcome) => outcome.words(),
                        Err(error) => error.to_string(),
                    },
                })
                .collect(),
            owed: done.owed.clone(),
            cluster_not_asked: done.unasked.clone(),
        }
    }
}

impl View for RollOutView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["Node", "Proven", "Outcome"]
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        self.nodes
            .iter()
            .map(|node| {
                let login = node.login.as_deref().filter(|login| *login != "root");
                vec![
                    login.map_or_else(|| node.node.clone(), |it| format!("{it}@{}", node.node)),
                    cells.yes(node.proven),
                    cells.text(&node.outcome),
                ]
            })
            .collect()
    }
    fn names(&self) -> Vec<String> {
        self.nodes
            .iter()
            .map(|node| format!("node/{}", node.node))
            .collect()
    }
}
