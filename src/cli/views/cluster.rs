//! Clusters. Frozen: fields are added, never renamed or retyped.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;

mod settings;

use super::left_out::LeftOutView;
use crate::domain::access::{Power, strongest};
use crate::ops::cluster::{Checked, Line, Registered, Shown};
use crate::output::{Cells, View, time};
pub(crate) use settings::SettingsView;

fn labels_text(labels: &BTreeMap<String, String>) -> Option<String> {
    let pairs: Vec<String> = labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    (!pairs.is_empty()).then(|| pairs.join(","))
}

/// One cluster of a list.
#[derive(Serialize)]
pub(crate) struct LineView {
    name: String,
    state: &'static str,
    protected: bool,
    owner: Option<String>,
    access: Option<&'static str>,
    through: &'static str,
    access_revoked: bool,
    project: Option<String>,
    server: String,
    public_server: Option<String>,
    public_tls_server_name: Option<String>,
    version: String,
    description: String,
    labels: BTreeMap<String, String>,
    credentials: Option<usize>,
    owed: Option<usize>,
    #[serde(serialize_with = "time::serialize")]
    created_at: DateTime<Utc>,
    #[serde(serialize_with = "time::serialize_option")]
    reached_at: Option<DateTime<Utc>>,
}

impl From<&Line> for LineView {
    fn from(line: &Line) -> Self {
        let cluster = &line.cluster;
        let (access, through) = strongest(line.access, line.role);
        Self {
            name: cluster.name.to_string(),
            state: cluster.state.as_str(),
            protected: cluster.protected,
            owner: line.owner.clone(),
            access: access.map(Power::as_str),
            through,
            access_revoked: line.revoked,
            project: line.project.clone(),
            server: cluster.address.server.clone(),
            public_server: cluster.public.as_ref().map(|public| public.server.clone()),
            public_tls_server_name: cluster
                .public
                .as_ref()
                .and_then(|public| public.tls_server_name.clone()),
            version: cluster.version.clone(),
            description: cluster.description.clone(),
            labels: cluster.labels.clone(),
            credentials: line.credentials,
            owed: line.owed,
            created_at: cluster.created_at,
            reached_at: cluster.reached_at,
        }
    }
}

/// Clusters by name.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct ClusterListView(Vec<LineView>);

impl ClusterListView {
    /// Shapes the lines.
    pub(crate) fn new(lines: Vec<Line>) -> Self {
        Self(
            lines
                .into_iter()
                .map(|line| LineView::from(&line))
                .collect(),
        )
    }
}

impl View for ClusterListView {
    fn headers(&self, wide: bool) -> Vec<&'static str> {
        let mut headers = vec!["NAME", "STATE", "OWNER", "YOUR ACCESS", "OWED", "AGE"];
        if wide {
            headers = vec![
                "NAME",
                "STATE",
                "PROTECTED",
                "OWNER",
                "PROJECT",
                "YOUR ACCESS",
                "OWED",
                "CREDENTIALS",
                "SERVER",
                "VERSION",
                "LABELS",
                "AGE",
            ];
        }
        headers
    }
    fn rows(&self, wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let count = |number: Option<usize>| number.map_or("-".to_owned(), |n| n.to_string());
        let row = |line: &LineView| {
            let owner = cells.text_or_none(line.owner.as_deref());
            let revoked = if line.access_revoked {
                " (revoked)"
            } else {
                ""
            };
            let access = format!("{}{revoked}", line.access.unwrap_or("none"));
            let (name, state) = (line.name.clone(), line.state.to_owned());
            let (owed, age) = (count(line.owed), cells.time(line.created_at));
            if wide {
                let labels = labels_text(&line.labels);
                vec![
                    name,
                    state,
                    cells.yes(line.protected),
                    owner,
                    cells.text_or_none(line.project.as_deref()),
                    access,
                    owed,
                    count(line.credentials),
                    line.server.clone(),
                    line.version.clone(),
                    cells.text_or_none(labels.as_deref()),
                    age,
                ]
            } else {
                vec![name, state, owner, access, owed, age]
            }
        };
        self.0.iter().map(row).collect()
    }
    fn names(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|line| format!("cluster/{}", line.name))
            .collect()
    }
    fn empty(&self) -> Option<String> {
        Some("You can see no cluster.".to_owned())
    }
}

/// Where write reaches.
#[derive(Serialize, Default)]
pub(crate) struct ReachView {
    reaches: Vec<String>,
    held_back: BTreeMap<String, String>,
    included: BTreeMap<String, String>,
    left_out: Vec<LeftOutView>,
}

impl From<&crate::ops::cluster::Reach> for ReachView {
    fn from(reach: &crate::ops::cluster::Reach) -> Self {
        Self {
            reaches: reach.reaches.iter().cloned().collect(),
            held_back: reach.held_back.clone(),
            included: reach.included.clone(),
            left_out: reach.left_out.iter().map(LeftOutView::from).collect(),
        }
    }
}

/// One cluster.
#[derive(Serialize)]
pub(crate) struct ClusterView {
    #[serde(flatten)]
    line: LineView,
    kube_system_uid: String,
    manager: String,
    manager_login: &'static str,
    #[serde(serialize_with = "time::serialize_option")]
    manager_expires_at: Option<DateTime<Utc>>,
    write_scope: &'static str,
    held_back_by_operator: Vec<String>,
    write: Option<ReachView>,
}

impl From<&Shown> for ClusterView {
    fn from(shown: &Shown) -> Self {
        let cluster = &shown.line.cluster;
        Self {
            line: LineView::from(&shown.line),
            kube_system_uid: cluster.kube_system_uid.clone(),
            manager: cluster.manager.clone(),
            manager_login: cluster.manager_kind.as_str(),
            manager_expires_at: cluster.manager_expires_at,
            write_scope: cluster.write_scope.as_str(),
            held_back_by_operator: cluster.held_back.iter().cloned().collect(),
            write: shown
                .reach
                .as_ref()
                .and_then(|reach| reach.as_ref().ok())
                .map(ReachView::from),
        }
    }
}

impl View for ClusterView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec![
            "Name",
            "State",
            "Protected",
            "Owner",
            "Project",
            "Your access",
            "Description",
            "Labels",
            "Server",
            "Version",
            "Identity",
            "Manager",
            "Credentials",
            "Owed",
            "Write",
            "Held back",
            "Registered",
            "Reached",
        ]
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let line = &self.line;
        let count = |number: Option<usize>| number.map_or("-".to_owned(), |n| n.to_string());
        let login = match self.manager_expires_at {
            Some(end) => format!(
                "{} (login: {}, ends {})",
                self.manager,
                self.manager_login,
                cells.time(end)
            ),
            None => format!("{} (login: {})", self.manager, self.manager_login),
        };
        let write = match (&self.write, self.write_scope) {
            (_, "cluster") => "cluster-wide edit (can climb to cluster-admin)".to_owned(),
            (Some(reach), _) => format!("edit in {}", cells.list(&reach.reaches)),
            (None, _) => "edit where it is not held back".to_owned(),
        };
        let held = |reach: &ReachView| -> Vec<String> {
            reach
                .held_back
                .iter()
                .map(|(ns, why)| format!("{ns}: {why}"))
                .collect()
        };
        let held = if let Some(reach) = &self.write {
            held(reach)
        } else {
            // The cluster was not asked, or did not answer: no list is not an empty list.
            let by_operator = self.held_back_by_operator.iter();
            by_operator
                .map(|ns| format!("{ns}: held back by the operator"))
                .chain(["others: not known".to_owned()])
                .collect()
        };
        let first = cells.text_or_none(held.first().map(String::as_str));
        let labels = labels_text(&line.labels);
        let mut rows = vec![vec![
            line.name.clone(),
            line.state.to_owned(),
            cells.yes(line.protected),
            cells.text_or_none(line.owner.as_deref()),
            cells.text_or_none(line.project.as_deref()),
            format!(
                "{} ({}){}",
                line.access.unwrap_or("none"),
                line.through,
                if line.access_revoked {
                    ", Access Revoked"
                } else {
                    ""
                }
            ),
            cells.text_or_none(Some(line.description.as_str()).filter(|text| !text.is_empty())),
            cells.text_or_none(labels.as_deref()),
            match &line.public_server {
                Some(public) => format!("{} (files carry {public})", line.server),
                None => line.server.clone(),
            },
            line.version.clone(),
            self.kube_system_uid.clone(),
            login,
            count(line.credentials),
            count(line.owed),
            write,
            first,
            cells.time(line.created_at),
            cells.time_or_none(line.reached_at),
        ]];
        for more in held.into_iter().skip(1) {
            let mut row = vec![String::new(); 18];
            row[15] = more;
            rows.push(row);
        }
        rows
    }
    fn names(&self) -> Vec<String> {
        vec![format!("cluster/{}", self.line.name)]
    }
    fn detail(&self) -> bool {
        true
    }
}

/// A cluster as it was registered.
#[derive(Serialize)]
pub(crate) struct RegisteredView {
    name: String,
    server: String,
    version: String,
    kube_system_uid: String,
    owner: Option<String>,
    context: String,
    manager: String,
    manager_login: &'static str,
    #[serde(serialize_with = "time::serialize_option")]
    manager_expires_at: Option<DateTime<Utc>>,
}

impl From<&Registered> for RegisteredView {
    fn from(done: &Registered) -> Self {
        let cluster = &done.cluster;
        Self {
            name: cluster.name.to_string(),
            server: cluster.address.server.clone(),
            version: cluster.version.clone(),
            kube_system_uid: cluster.kube_system_uid.clone(),
            owner: done.owner.clone(),
            context: done.context.clone(),
            manager: cluster.manager.clone(),
            manager_login: cluster.manager_kind.as_str(),
            manager_expires_at: cluster.manager_expires_at,
        }
    }
}

impl View for RegisteredView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec![
            "Name",
            "Server",
            "Version",
            "Identity",
            "Owner",
            "Context",
            "Manager",
            "Login ends",
        ]
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        vec![vec![
            self.name.clone(),
            self.server.clone(),
            self.version.clone(),
            self.kube_system_uid.clone(),
            cells.text_or_none(self.owner.as_deref()),
            self.context.clone(),
            format!("{} (login: {})", self.manager, self.manager_login),
            cells.time_or_none(self.manager_expires_at),
        ]]
    }
    fn names(&self) -> Vec<String> {
        vec![format!("cluster/{}", self.name)]
    }
    fn detail(&self) -> bool {
        true
    }
}

/// What a check found.
#[derive(Serialize)]
pub(crate) struct CheckView {
    cluster: String,
    server: String,
    reachable: bool,
    version: String,
    pins_match: bool,
    missing_rights: Vec<String>,
    missing: Vec<String>,
    changed: Vec<String>,
    widened: Vec<String>,
    foreign: Vec<String>,
    harmless: Vec<String>,
    other_installations: Vec<String>,
    cluster_admins: Vec<String>,
    ways_in: Vec<String>,
    more_than_levels: Vec<String>,
    immortal_tokens: Vec<String>,
    immortal_tokens_everywhere: bool,
    bound: Vec<String>,
    owed: usize,
    write_everywhere: bool,
    write: ReachView,
}

impl From<Checked> for CheckView {
    fn from(checked: Checked) -> Self {
        Self {
            cluster: checked.cluster.to_string(),
            server: checked.server,
            // Anything else ended with an error before this view was made.
            reachable: true,
            pins_match: true,
            version: checked.version,
            missing_rights: checked.missing_rights,
            missing: checked.missing,
            changed: checked.changed,
            widened: checked.widened,
            foreign: checked.foreign,
            harmless: checked.harmless,
            other_installations: checked.other_installations,
            cluster_admins: checked.cluster_admins,
            ways_in: checked.ways_in,
            more_than_levels: checked.excess,
            immortal_tokens: checked.immortal_tokens,
            immortal_tokens_everywhere: !checked.immortal_is_partial,
            bound: checked.bound,
            owed: checked.owed,
            write_everywhere: checked.write_everywhere,
            write: ReachView::from(&checked.reach),
        }
    }
}

impl View for CheckView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["CHECK", "RESULT", "WHAT"]
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let row = |check: &str, result: &str, what: &str| {
            vec![check.to_owned(), result.to_owned(), cells.text(what)]
        };
        let mut rows = vec![
            row("reachable", "ok", &self.server),
            row(
                "pins",
                "ok",
                "the CA and the identity are those that were registered",
            ),
            row("version", "ok", &self.version),
        ];
        let mut list = |check: &str, bad: &str, none: &str, found: &[String]| {
            if found.is_empty() {
                rows.push(row(check, "ok", none));
            }
            for item in found {
                rows.push(row(check, bad, item));
            }
        };
        list(
            "rights",
            "missing",
            "the manager may do its work",
            &self.missing_rights,
        );
        list("objects", "missing", "all of ours are there", &self.missing);
        let changed: Vec<String> = self.changed.iter().chain(&self.widened).cloned().collect();
        list("objects", "changed", "none of ours was changed", &changed);
        let none = if self.harmless.is_empty() {
            "nothing foreign in our namespace".to_owned()
        } else {
            // What platforms put into every namespace is no alarm for ever.
            let harmless = self.harmless.join("; ");
            format!("of others in our namespace, and no way to our accounts: {harmless}")
        };
        list("objects", "foreign", &none, &self.foreign);
        if !self.other_installations.is_empty() {
            list("objects", "not ours", "", &self.other_installations);
        }
        list(
            "admins",
            "foreign",
            "nobody else is bound to cluster-admin, or to a role as strong",
            &self.cluster_admins,
        );
        list(
            "ways in",
            "danger",
            "no role gives others a way to our accounts, or past them",
            &self.ways_in,
        );
        list(
            "levels",
            "danger",
            "no account may do more than its level, as far as the API server was asked",
            &self.more_than_levels,
        );
        let none = "no Secret of others, where it was looked, holds one that never ends";
        list("tokens", "immortal", none, &self.immortal_tokens);
        if !self.immortal_tokens_everywhere {
            let why = "elsewhere: who may list Secrets may read them, so the manager may not";
            list("tokens", "not looked", "", &[why.to_owned()]);
        }
        list(
            "roles",
            "look",
            "none that is bound is gone or climbs",
            &self.bound,
        );
        if self.write_everywhere {
            let what = crate::ops::cluster::WRITE_SCOPE_WARNING.to_owned();
            list("write", "everywhere", "", &[what]);
        } else {
            let write = &self.write;
            list("write", "reaches", "no namespace", &write.reaches);
            let held = write.held_back.iter();
            let held: Vec<String> = held.map(|(ns, why)| format!("{ns}: {why}")).collect();
            list("write", "held back", "no namespace is held back", &held);
            for (namespace, why) in &write.included {
                rows.push(row("write", "included", &format!("{namespace}: {why}")));
            }
        }
        for left in &self.write.left_out {
            rows.push(row(left.level, "leaves out", &left.line(&self.cluster)));
        }
        if self.owed > 0 {
            rows.push(row(
                "debts",
                "owed",
                &format!("{} recorded here, not yet there", self.owed),
            ));
        }
        rows
    }
    fn names(&self) -> Vec<String> {
        vec![format!("cluster/{}", self.cluster)]
    }
}
