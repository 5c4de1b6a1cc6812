//! A cluster's settings. Frozen: fields are added, never renamed or retyped.

use std::collections::BTreeMap;

use super::{labels_text, scan_every};
use crate::ops::cluster::SetOutcome;
use crate::output::{Table, View};

frozen! {
    /// A cluster's settings.
    pub(crate) struct SettingsView from done: &SetOutcome {
        let cluster = &done.cluster;
        let public = cluster.public.as_ref();
        name: String = cluster.name.to_string(),
        description: String = cluster.description.clone(),
        labels: BTreeMap<String, String> = cluster.labels.clone(),
        project: Option<String> = done.project.clone(),
        write_scope: &'static str = cluster.write_scope.as_str(),
        excluded_by_operator: Vec<String> = cluster.excluded.iter().cloned().collect(),
        included: Vec<String> = cluster.included.iter().cloned().collect(),
        write_allow: Vec<String> = cluster.write_allow.iter().map(ToString::to_string).collect(),
        scan_every_seconds: i64 = cluster.scan_every.num_seconds(),
        public_server: Option<String> = public.map(|it| it.server.clone()),
        public_tls_server_name: Option<String> = public.and_then(|it| it.tls_server_name.clone()),
        self_service: &'static str = cluster.self_service.as_str(),
    }
}

impl View for SettingsView {
    fn table(&self) -> Table<'_> {
        Table::record(self)
            .col("Name", |it| &it.name)
            .col("Description", |it| Some(&it.description))
            .col("Labels", |it| Some(labels_text(&it.labels)))
            .col("Project", |it| &it.project)
            .col("Write scope", |it| it.write_scope)
            .col("Excluded", |it| &it.excluded_by_operator)
            .col("Included", |it| &it.included)
            .col("Allowed", |it| &it.write_allow)
            .some("Scan every", |it| scan_every(it.scan_every_seconds))
            .some("Self-service", |it| {
                (it.self_service != "off").then_some(it.self_service)
            })
            // Most clusters have one address.
            .some("In files", |it| it.public_server.as_ref())
            .named(|it| format!("cluster/{}", it.name))
    }
}
