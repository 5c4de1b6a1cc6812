//! Kubeconfigs. Frozen: fields are added, never renamed or retyped.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::ops::kubeconfig::{AllDownloaded, Downloaded, Removed, Rotated, Version};
use crate::output::{Cells, View, time};

/// A hand-over. Never the file's text.
#[derive(Serialize)]
pub(crate) struct DownloadView {
    cluster: String,
    user: String,
    shared_with: Option<String>,
    version: u32,
    level: &'static str,
    path: Option<String>,
    sealed: bool,
    #[serde(serialize_with = "time::serialize")]
    expires_at: DateTime<Utc>,
}

impl From<&Downloaded> for DownloadView {
    fn from(done: &Downloaded) -> Self {
        Self {
            cluster: done.cluster.to_string(),
            user: done.user.to_string(),
            shared_with: done.shared_with.clone(),
            version: done.version,
            level: done.power.as_str(),
            path: done.path.as_ref().map(|path| path.display().to_string()),
            sealed: done.sealed,
            expires_at: done.expires_at,
        }
    }
}

impl View for DownloadView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["CLUSTER", "USER", "VERSION", "LEVEL", "EXPIRES", "FILE"]
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        vec![vec![
            self.cluster.clone(),
            self.user.clone(),
            self.version.to_string(),
            self.level.to_owned(),
            cells.time(self.expires_at),
            cells.text_or_none(self.path.as_deref()),
        ]]
    }
    fn names(&self) -> Vec<String> {
        vec![format!(
            "kubeconfig/{}@{}-v{}",
            self.user, self.cluster, self.version
        )]
    }
}

/// A rotation.
#[derive(Serialize)]
pub(crate) struct RotateView {
    cluster: String,
    user: String,
    ended_version: Option<u32>,
    version: u32,
    applied: bool,
    path: Option<String>,
    #[serde(serialize_with = "time::serialize_option")]
    expires_at: Option<DateTime<Utc>>,
}

impl RotateView {
    /// Shapes a rotation, and the hand-over where there was one.
    pub(crate) fn new(done: &Rotated, handed: Option<&Downloaded>) -> Self {
        let path = handed.and_then(|handed| handed.path.as_ref());
        Self {
            cluster: done.cluster.to_string(),
            user: done.user.to_string(),
            ended_version: done.ended,
            version: done.begun,
            applied: done.applied.owed.is_empty(),
            path: path.map(|path| path.display().to_string()),
            expires_at: handed.map(|handed| handed.expires_at),
        }
    }
}

impl View for RotateView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec![
            "CLUSTER", "USER", "ENDED", "VERSION", "APPLIED", "EXPIRES", "FILE",
        ]
    }
    fn rows(&self, _wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let ended = self.ended_version.map(|version| version.to_string());
        vec![vec![
            self.cluster.clone(),
            self.user.clone(),
            cells.text_or_none(ended.as_deref()),
            self.version.to_string(),
            cells.yes(self.applied),
            cells.time_or_none(self.expires_at),
            cells.text_or_none(self.path.as_deref()),
        ]]
    }
    fn names(&self) -> Vec<String> {
        vec![format!(
            "kubeconfig/{}@{}-v{}",
            self.user, self.cluster, self.version
        )]
    }
}

#[derive(Serialize)]
struct DeliveryView {
    to: String,
    by: String,
    #[serde(serialize_with = "time::serialize")]
    at: DateTime<Utc>,
    #[serde(serialize_with = "time::serialize")]
    expires_at: DateTime<Utc>,
    form: String,
    jti: Option<String>,
}

#[derive(Serialize)]
struct VersionView {
    cluster: String,
    user: String,
    version: u32,
    state: &'static str,
    level: &'static str,
    account: String,
    #[serde(serialize_with = "time::serialize_option")]
    issued_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "time::serialize_option")]
    expires_at: Option<DateTime<Utc>>,
    #[serde(serialize_with = "time::serialize_option")]
    revoked_at: Option<DateTime<Utc>>,
    ended_because: Option<String>,
    downloads: Vec<DeliveryView>,
}

/// The versions of a kubeconfig, oldest first.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct VersionsView(Vec<VersionView>);

impl VersionsView {
    /// Shapes versions.
    pub(crate) fn new(cluster: &str, versions: Vec<Version>) -> Self {
        let shaped = versions.into_iter().map(|version| {
            let credential = version.credential;
            VersionView {
                cluster: cluster.to_owned(),
                user: version.user.to_string(),
                version: credential.version,
                state: credential.state.as_str(),
                level: credential.power.as_str(),
                account: credential.account.to_string(),
                issued_at: credential.issued_at,
                expires_at: credential.token_expires_at,
                revoked_at: credential.revoked_at,
                ended_because: credential.ended_because,
                downloads: version
                    .deliveries
                    .into_iter()
                    .map(|(to, by, delivery)| DeliveryView {
                        to,
                        by,
                        at: delivery.at,
                        expires_at: delivery.expires_at,
                        form: delivery.form,
                        jti: delivery.jti,
                    })
                    .collect(),
            }
        });
        Self(shaped.collect())
    }
}

impl VersionsView {
    /// Whether any is a project's (`shop/read`): then the table says whose each is.
    fn has_shared(&self) -> bool {
        self.0.iter().any(|version| version.user.contains('/'))
    }
}

impl View for VersionsView {
    fn headers(&self, wide: bool) -> Vec<&'static str> {
        let mut headers = if self.has_shared() {
            vec!["KUBECONFIG"]
        } else {
            vec![]
        };
        headers.extend([
            "VERSION",
            "STATE",
            "LEVEL",
            "ISSUED",
            "EXPIRES",
            "DOWNLOADED",
            "BY",
        ]);
        if wide {
            headers.extend(["TIMES", "ENDED BECAUSE", "ACCOUNT"]);
        }
        headers
    }
    fn rows(&self, wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let row = |version: &VersionView| {
            let last = version.downloads.last();
            let mut row = if self.has_shared() {
                vec![version.user.clone()]
            } else {
                vec![]
            };
            row.extend([
                version.version.to_string(),
                version.state.to_owned(),
                version.level.to_owned(),
                cells.time_or_none(version.issued_at),
                cells.time_or_none(version.expires_at),
                cells.time_or_none(last.map(|delivery| delivery.at)),
                cells.text_or_none(last.map(|delivery| delivery.by.as_str())),
            ]);
            if wide {
                row.push(version.downloads.len().to_string());
                row.push(cells.text_or_none(version.ended_because.as_deref()));
                row.push(version.account.clone());
            }
            row
        };
        self.0.iter().map(row).collect()
    }
    fn names(&self) -> Vec<String> {
        let name = |v: &VersionView| format!("kubeconfig/{}@{}-v{}", v.user, v.cluster, v.version);
        self.0.iter().map(name).collect()
    }
    fn empty(&self) -> Option<String> {
        Some("No kubeconfig was issued yet: the first download issues version 1.".to_owned())
    }
}

/// What was taken out of the user's kubeconfig.
#[derive(Serialize)]
pub(crate) struct RemoveView {
    cluster: String,
    path: String,
    entries: usize,
}

impl From<&Removed> for RemoveView {
    fn from(done: &Removed) -> Self {
        Self {
            cluster: done.cluster.to_string(),
            path: done.path.display().to_string(),
            entries: done.news.changed,
        }
    }
}

impl View for RemoveView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["CLUSTER", "ENTRIES", "FILE"]
    }
    fn rows(&self, _wide: bool, _cells: &Cells) -> Vec<Vec<String>> {
        vec![vec![
            self.cluster.clone(),
            self.entries.to_string(),
            self.path.clone(),
        ]]
    }
    fn names(&self) -> Vec<String> {
        vec![format!("cluster/{}", self.cluster)]
    }
}

/// A hand-over of several clusters: one line for each.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct AllView(Vec<DownloadView>);

impl From<&AllDownloaded> for AllView {
    fn from(done: &AllDownloaded) -> Self {
        let path = done.path.as_ref().map(|path| path.display().to_string());
        let view = |part: &crate::ops::kubeconfig::Part| DownloadView {
            cluster: part.cluster.to_string(),
            user: part.owner.to_string(),
            shared_with: (part.owner.to_string() != done.user).then(|| done.user.clone()),
            version: part.version,
            level: part.power.as_str(),
            path: path.clone(),
            sealed: done.sealed,
            expires_at: part.expires_at,
        };
        Self(done.parts.iter().map(view).collect())
    }
}

impl View for AllView {
    fn headers(&self, _wide: bool) -> Vec<&'static str> {
        vec!["CLUSTER", "USER", "VERSION", "LEVEL", "EXPIRES", "FILE"]
    }
    fn rows(&self, wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let rows = self.0.iter().flat_map(|one| one.rows(wide, cells));
        rows.collect()
    }
    fn names(&self) -> Vec<String> {
        self.0.iter().flat_map(View::names).collect()
    }
    fn empty(&self) -> Option<String> {
        Some("No cluster could be asked.".to_owned())
    }
}
