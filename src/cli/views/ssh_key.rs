//! SSH keys. Frozen: fields are added, never renamed or retyped.

use std::path::Path;

use serde_json::Value;

use std::borrow::Cow;

use crate::ops::ssh_key::{HandedOut, RollOut, Shown};
use crate::output::{Table, Time, View};

frozen! {
    /// A cluster's key.
    pub(crate) struct KeyView from shown: &Shown {
        let (pair, taken) = (&shown.pair, shown.taken.as_ref());
        let nodes = shown.nodes.iter().map(|node| NodeView {
            address: node.address.clone(),
            port: node.port,
            login: node.login.clone(),
            installed_at: node.installed_at.map(Time),
            proven_at: node.proven_at.map(Time),
        });
        cluster: String = shown.cluster.to_string(),
        fingerprint: String = pair.fingerprint.clone(),
        #[serde(rename = "type")]
        kind: String = pair.kind.clone(),
        state: String = pair.custody.to_string(),
        origin: &'static str = if pair.imported { "imported" } else { "generated" },
        made_at: Time = Time(pair.made_at),
        made_by: String = shown.made_by.clone(),
        taken_at: Option<Time> = taken.map(|taken| Time(taken.at)),
        taken_by: Option<String> = taken.map(|taken| taken.to.clone()),
        handed_out_by: Option<String> = taken.map(|taken| taken.by.clone()),
        public: String = pair.public.clone(),
        nodes: Vec<NodeView> = nodes.collect(),
        pending: Vec<String> = shown.pending.clone(),
    }
}

shape! {
    /// A node that holds the key.
    struct NodeView {
        address: String,
        port: Option<u16>,
        login: String,
        installed_at: Option<Time>,
        proven_at: Option<Time>,
    }
}

impl NodeView {
    fn description(&self) -> String {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let proven = if self.proven_at.is_some() {
            ""
        } else {
            " (not proven)"
        };
        format!("{}@{}{port}{proven}", self.login, self.address)
    }
}

impl View for KeyView {
    fn table(&self) -> Table<'_> {
        let nodes: Vec<String> = self.nodes.iter().map(NodeView::description).collect();
        Table::record(self)
            .col("Cluster", |it| &it.cluster)
            .col("Fingerprint", |it| &it.fingerprint)
            .col("Type", |it| &it.kind)
            .col("State", |it| &it.state)
            .col("Made", |it| {
                [it.made_at.into(), ", ".into(), it.origin.into()]
            })
            .col("By", |it| &it.made_by)
            .col("Taken", |it| it.taken_at)
            .col("Taken by", |it| &it.taken_by)
            .col("Nodes", |_| &nodes)
            .col("Public", |it| &it.public)
            .named(|it| format!("ssh-key/{}", it.cluster))
    }
}

frozen! {
    /// A hand-out.
    pub(crate) struct HandedOutView from done: &HandedOut {
        cluster: String = done.cluster.to_string(),
        fingerprint: String = done.fingerprint.clone(),
        user: String = done.user.clone(),
        path: Option<String> = done.path.as_ref().map(|path| path.display().to_string()),
        sealed: bool = done.sealed,
        taken_at: Time = Time(done.at),
        nodes: Vec<String> = done.nodes.iter().map(|(_, node)| node.address.clone()).collect(),
    }
}

impl HandedOutView {
    /// Shapes a hand-out by a server, which says all but where the file is.
    pub(crate) fn received(data: &Value, path: Option<&Path>, sealed: bool) -> Option<Self> {
        let text = |name: &str| data[name].as_str().map(str::to_owned);
        let nodes = data["nodes"].as_array()?.iter();
        Some(Self {
            cluster: text("cluster")?,
            fingerprint: text("fingerprint")?,
            user: text("user")?,
            path: path.map(|path| path.display().to_string()),
            sealed,
            taken_at: Time::parse(data["taken_at"].as_str()?)?,
            nodes: nodes
                .filter_map(|it| it.as_str().map(str::to_owned))
                .collect(),
        })
    }

    /// The addresses of the nodes.
    pub(crate) fn nodes(&self) -> &[String] {
        &self.nodes
    }
}

impl View for HandedOutView {
    fn table(&self) -> Table<'_> {
        Table::of([self])
            .col("Cluster", |it| &it.cluster)
            .col("Fingerprint", |it| &it.fingerprint)
            .col("User", |it| &it.user)
            .col("File", |it| &it.path)
            .col("Taken", |it| it.taken_at)
            .named(|it| format!("ssh-key/{}", it.cluster))
    }
}

frozen! {
    /// What came of the nodes.
    pub(crate) struct RollOutView from done: &RollOut {
        let nodes = done.reports.iter().map(|report| OutcomeView {
            node: report.node.clone(),
            login: report.login.clone(),
            proven: report.outcome.as_ref().is_ok_and(|outcome| outcome.proven),
            outcome: match &report.outcome {
                Ok(outcome) => outcome.description(),
                Err(error) => error.to_string(),
            },
        });
        cluster: String = done.cluster.to_string(),
        fingerprint: String = done.fingerprint.clone(),
        nodes: Vec<OutcomeView> = nodes.collect(),
        pending: Vec<String> = done.pending.clone(),
        /// Why the cluster could not say which nodes there are.
        cluster_not_asked: Option<String> = done.unasked.clone(),
    }
}

shape! {
    struct OutcomeView {
        node: String,
        login: Option<String>,
        proven: bool,
        outcome: String,
    }
}

impl OutcomeView {
    fn place(&self) -> Cow<'_, str> {
        match self.login.as_deref() {
            None | Some("root") => Cow::Borrowed(&self.node),
            Some(login) => Cow::Owned(format!("{login}@{}", self.node)),
        }
    }
}

impl View for RollOutView {
    fn table(&self) -> Table<'_> {
        Table::of(&self.nodes)
            .col("Node", OutcomeView::place)
            .col("Proven", |it| it.proven)
            .col("Outcome", |it| Some(&it.outcome))
            .named(|it| format!("node/{}", it.node))
    }
}
