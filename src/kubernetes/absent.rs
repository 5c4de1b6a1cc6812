//! Accounts of ours that are gone for certain.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::Api;

use super::connection::Connection;
use super::error::Error;
use super::reconcile::CONCURRENCY;

impl Connection {
    /// Which of these accounts are gone: a question by name and a list both say so. Nothing is
    /// believed while the manager's own account or the namespace is not there.
    pub(crate) async fn accounts_gone(
        &self,
        manager: &str,
        names: &[&str],
    ) -> Result<BTreeSet<String>, Error> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let accounts = self.accounts();
        let around = async {
            let namespace = namespaces.get_metadata_opt(self.own_namespace());
            let manager = async {
                // An issuer sees no account but those that it handles.
                if self.is_issuer {
                    return Ok(None);
                }
                accounts.get_metadata_opt(manager).await
            };
            let found = futures::try_join!(namespace, manager);
            found.map_err(|error| Error::from_kube(error, "our namespace"))
        };
        let asked = names.iter().map(|name| {
            let what = format!("account '{name}'");
            async move {
                let (accounts, label) = self.account(name);
                let (named, listed) =
                    futures::join!(accounts.get_metadata(label), self.lists_account(name));
                let is_gone = match named.map_err(|error| Error::from_kube(error, &what)) {
                    Ok(_) => false,
                    // It must be said of this very account, and not of a path or a server.
                    Err(Error::NotFound { message, .. }) => message.contains(label),
                    Err(error) => return Err(error),
                };
                Ok::<_, Error>((is_gone && !listed?).then(|| (*name).to_owned()))
            }
        });
        let asked = stream::iter(asked).buffer_unordered(CONCURRENCY);
        let asked = asked.try_collect::<Vec<_>>();
        let ((namespace, manager), gone) = futures::try_join!(around, asked)?;
        let namespace = namespace.is_some_and(|it| it.metadata.deletion_timestamp.is_none());
        let manager = manager.is_some_and(|it| it.metadata.deletion_timestamp.is_none());
        if !namespace || !(manager || self.is_issuer) {
            return Ok(BTreeSet::new());
        }
        Ok(gone.into_iter().flatten().collect())
    }
}
