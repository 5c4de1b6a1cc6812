//! The organization. Frozen: fields are added, never renamed or retyped.

use crate::ops::organization::Organization;
use crate::output::{Table, View};

frozen! {
    /// The organization.
    pub(crate) struct OrganizationView from organization: Organization {
        name: String = organization.name,
        installation: String = organization.installation.to_string(),
        oidc_issuer: Option<String> = organization.provider.as_ref().map(|it| it.issuer.to_string()),
        oidc_client_id: Option<String> = organization.provider.map(|it| it.client_id),
        server: Option<String> = organization.server,
    }
}

impl View for OrganizationView {
    fn table(&self) -> Table<'_> {
        Table::record(self)
            .col("Name", |it| &it.name)
            .col("Installation", |it| &it.installation)
            .col("Issuer", |it| &it.oidc_issuer)
            .some("Client id", |it| it.oidc_client_id.as_ref())
            .some("Server", |it| it.server.as_ref())
            .named(|it| format!("organization/{}", it.name))
    }
}
