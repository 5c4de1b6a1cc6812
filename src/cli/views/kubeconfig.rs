//! Kubeconfigs. Frozen: fields are added, never renamed or retyped.

use std::path::Path;
use std::slice;

use serde_json::Value;

use crate::domain::access::Power;
use crate::ops::kubeconfig::{AllDownloaded, Downloaded, Part, Removed, Rotated, Version};
use crate::output::{Table, Time, View};

frozen! {
    /// A hand-over. Never the file's text.
    pub(crate) struct DownloadView from done: &Downloaded {
        cluster: String = done.cluster.to_string(),
        user: String = done.user.to_string(),
        shared_with: Option<String> = done.shared_with.clone(),
        version: u32 = done.version,
        level: &'static str = done.power.as_str(),
        path: Option<String> = done.path.as_ref().map(|path| path.display().to_string()),
        sealed: bool = done.sealed,
        expires_at: Time = Time(done.expires_at),
    }
}

impl DownloadView {
    /// Shapes a hand-over by a server, which says all but where the file is.
    pub(crate) fn received(data: &Value, path: Option<&Path>) -> Option<Self> {
        let text = |name: &str| data[name].as_str().map(str::to_owned);
        Some(Self {
            cluster: text("cluster")?,
            user: text("user")?,
            shared_with: text("shared_with"),
            version: data["version"].as_u64()?.try_into().ok()?,
            level: data["level"].as_str()?.parse::<Power>().ok()?.as_str(),
            path: path.map(|path| path.display().to_string()),
            sealed: data["sealed"].as_bool()?,
            expires_at: Time::parse(data["expires_at"].as_str()?)?,
        })
    }
}

fn downloads(views: &[DownloadView]) -> Table<'_> {
    Table::of(views)
        .col("CLUSTER", |it| &it.cluster)
        .col("USER", |it| &it.user)
        .col("VERSION", |it| it.version)
        .col("LEVEL", |it| it.level)
        .col("EXPIRES", |it| it.expires_at)
        .col("FILE", |it| &it.path)
        .named(|it| version_name(&it.user, &it.cluster, it.version))
}

fn version_name(user: &str, cluster: &str, version: u32) -> String {
    format!("kubeconfig/{user}@{cluster}-v{version}")
}

impl View for DownloadView {
    fn table(&self) -> Table<'_> {
        downloads(slice::from_ref(self))
    }
}

/// Shapes a hand-over of several clusters: one for each.
pub(crate) fn parts(done: &AllDownloaded) -> Vec<DownloadView> {
    let path = done.path.as_ref().map(|path| path.display().to_string());
    let view = |part: &Part| DownloadView {
        cluster: part.cluster.to_string(),
        user: part.owner.to_string(),
        shared_with: (part.owner.to_string() != done.user).then(|| done.user.clone()),
        version: part.version,
        level: part.power.as_str(),
        path: path.clone(),
        sealed: done.sealed,
        expires_at: Time(part.expires_at),
    };
    done.parts.iter().map(view).collect()
}

impl View for Vec<DownloadView> {
    fn table(&self) -> Table<'_> {
        downloads(self).empty("No cluster could be asked.")
    }
}

shape! {
    /// A rotation.
    pub(crate) struct RotateView {
        cluster: String,
        user: String,
        ended_version: Option<u32>,
        version: u32,
        applied: bool,
        path: Option<String>,
        expires_at: Option<Time>,
    }
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
            applied: done.applied.pending.is_empty(),
            path: path.map(|path| path.display().to_string()),
            expires_at: handed.map(|handed| Time(handed.expires_at)),
        }
    }
}

impl RotateView {
    /// Shapes a rotation by a server, which says all but where the file is.
    pub(crate) fn received(data: &Value, path: Option<&Path>) -> Option<Self> {
        let text = |name: &str| data[name].as_str().map(str::to_owned);
        let number = |name: &str| data[name].as_u64()?.try_into().ok();
        Some(Self {
            cluster: text("cluster")?,
            user: text("user")?,
            ended_version: number("ended_version"),
            version: number("version")?,
            applied: data["applied"].as_bool()?,
            path: path.map(|path| path.display().to_string()),
            expires_at: data["expires_at"].as_str().and_then(Time::parse),
        })
    }
}

impl View for RotateView {
    fn table(&self) -> Table<'_> {
        Table::of([self])
            .col("CLUSTER", |it| &it.cluster)
            .col("USER", |it| &it.user)
            .col("ENDED", |it| it.ended_version)
            .col("VERSION", |it| it.version)
            .col("APPLIED", |it| it.applied)
            .col("EXPIRES", |it| it.expires_at)
            .col("FILE", |it| &it.path)
            .named(|it| version_name(&it.user, &it.cluster, it.version))
    }
}

shape! {
    struct DeliveryView {
        to: String,
        by: String,
        at: Time,
        expires_at: Time,
        form: String,
        jti: Option<String>,
    }
}

shape! {
    /// A version of a kubeconfig.
    pub(crate) struct VersionView {
        cluster: String,
        user: String,
        version: u32,
        state: &'static str,
        level: &'static str,
        renews: Option<&'static str>,
        account: String,
        namespace: &'static str,
        issued_at: Option<Time>,
        expires_at: Option<Time>,
        revoked_at: Option<Time>,
        ended_because: Option<String>,
        downloads: Vec<DeliveryView>,
    }
}

impl VersionView {
    /// Shapes a version.
    pub(crate) fn new(cluster: &str, version: Version) -> Self {
        let credential = version.credential;
        let deliveries = version.deliveries.into_iter();
        Self {
            cluster: cluster.to_owned(),
            user: version.user.to_string(),
            version: credential.version,
            state: credential.state.as_str(),
            level: credential.power.as_str(),
            renews: credential
                .renews
                .map(crate::domain::credential::Renews::as_str),
            account: credential.account.label().to_owned(),
            namespace: credential.account.home().namespace(),
            issued_at: credential.issued_at.map(Time),
            expires_at: credential.token_expires_at.map(Time),
            revoked_at: credential.revoked_at.map(Time),
            ended_because: credential.ended_because,
            downloads: deliveries
                .map(|(to, by, delivery)| DeliveryView {
                    to,
                    by,
                    at: Time(delivery.at),
                    expires_at: Time(delivery.expires_at),
                    form: delivery.form,
                    jti: delivery.jti,
                })
                .collect(),
        }
    }
}

impl View for Vec<VersionView> {
    fn table(&self) -> Table<'_> {
        // With a project's among them (`shop/read`) the table says whose each is.
        let has_shared = self.iter().any(|version| version.user.contains('/'));
        Table::of(self)
            .some("KUBECONFIG", |it| has_shared.then_some(&it.user))
            .col("VERSION", |it| it.version)
            .col("STATE", |it| it.state)
            .col("LEVEL", |it| it.level)
            .col("ISSUED", |it| it.issued_at)
            .col("EXPIRES", |it| it.expires_at)
            .col("DOWNLOADED", |it| it.downloads.last().map(|last| last.at))
            .col("BY", |it| it.downloads.last().map(|last| &last.by))
            .some("RENEWS", |it| it.renews)
            .wide("TIMES", |it| it.downloads.len())
            .wide("ENDED BECAUSE", |it| &it.ended_because)
            .wide("ACCOUNT", |it| format!("{}/{}", it.namespace, it.account))
            .named(|it| version_name(&it.user, &it.cluster, it.version))
            .empty("No kubeconfig was issued yet: the first download issues version 1.")
    }
}

frozen! {
    /// What was taken out of the user's kubeconfig.
    pub(crate) struct RemoveView from done: &Removed {
        cluster: String = done.cluster.to_string(),
        path: String = done.path.display().to_string(),
        entries: usize = done.news.changed,
    }
}

impl View for RemoveView {
    fn table(&self) -> Table<'_> {
        Table::of([self])
            .col("CLUSTER", |it| &it.cluster)
            .col("ENTRIES", |it| it.entries)
            .col("FILE", |it| &it.path)
            .named(|it| format!("cluster/{}", it.cluster))
    }
}
