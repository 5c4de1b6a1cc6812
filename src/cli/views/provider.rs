//! A provider token, masked. Frozen: fields are added, never renamed or retyped.

use crate::ops::provider::Masked;
use crate::output::{NONE, Table, Time, View};

frozen! {
    /// A provider token, masked.
    pub(crate) struct TokenView from masked: &Masked {
        let project = masked.project.as_ref();
        cluster: String = masked.cluster.to_string(),
        provider: String = masked.provider.clone(),
        token: String = masked.token.clone(),
        set_at: Time = Time(masked.set_at),
        set_by: String = masked.set_by.clone(),
        servers: Option<u64> = project.map(|project| project.servers),
        server_names: Option<Vec<String>> = project.map(|project| project.names.clone()),
    }
}

impl View for TokenView {
    fn table(&self) -> Table<'_> {
        let names = self.server_names.as_ref().map(|names| names.join(","));
        let names = names.filter(|names| !names.is_empty());
        let names = names.as_deref().unwrap_or(NONE);
        Table::record(self)
            .col("Cluster", |it| &it.cluster)
            .col("Provider", |it| &it.provider)
            .col("Token", |it| &it.token)
            .col("Set", |it| it.set_at)
            .col("By", |it| &it.set_by)
            .some("Opens", |it| {
                let servers = it.servers?;
                Some(format!("a project with {servers} servers: {names}"))
            })
            .named(|it| format!("provider-token/{}", it.cluster))
    }
}
