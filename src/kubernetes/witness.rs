//! The cluster as a witness of the audit log: its head is an annotation of our namespace, which
//! `edit` cannot write, wherever it is bound.

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ListParams, Patch, PatchParams};
use serde_json::json;

use super::connection::Connection;
use super::error::Error;
use super::objects::{self, KUBEGRANT};
use crate::domain::audit::Head;
use crate::domain::plan::NAMESPACE;

/// The label by which every API server lets a namespace be found by its name.
pub(super) const NAME: &str = "kubernetes.io/metadata.name";
const SYSTEM: &str = "kube-system";

/// What a cluster is known by, and what it knows.
#[derive(Debug)]
pub(crate) struct Pins {
    /// The UID of `kube-system`: it names the cluster, and changes when it is rebuilt.
    pub(crate) cluster_uid: String,
    /// The head of our log that it holds.
    pub(crate) head: Option<Head>,
}

/// Two installations on one cluster share the namespace, and keep a head each.
fn annotation(installation: &str) -> String {
    format!("kubegrant.io/head-{installation}")
}

impl Connection {
    /// Asks for both side by side: by name, since a list waits on a busy cluster until the API
    /// server's watch cache has caught up (up to 100 ms), and a single object does not.
    pub(crate) async fn pins(&self) -> Result<Pins, Error> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        let (system, own) =
            futures::join!(api.get_metadata(SYSTEM), api.get_metadata_opt(NAMESPACE));
        let what = "namespace 'kube-system'";
        let system = system.map_err(|error| Error::from_kube(error, what))?;
        let own = own.map_err(|error| Error::from_kube(error, "namespace 'kubegrant'"))?;
        let uid = system.metadata.uid;
        let cluster_uid = uid.ok_or_else(|| Error::garbled(what, "it has no UID"))?;
        let found = own.and_then(|own| own.metadata.annotations);
        // Who can garble it can remove it: it counts as absent.
        let head = found.and_then(|found| {
            let text = found.get(&annotation(&self.installation))?;
            text.parse().ok()
        });
        Ok(Pins { cluster_uid, head })
    }

    /// Lists whose versions our accounts are, as they say themselves: owner and number.
    pub(crate) async fn versions_held(&self) -> Result<Vec<(String, u32)>, Error> {
        let ours = ListParams::default().labels(&objects::selector(&self.installation));
        let listed = self.accounts().list_metadata(&ours).await;
        let listed = listed.map_err(|error| Error::from_kube(error, "our accounts"))?;
        let versions = listed.items.into_iter().filter_map(|account| {
            let name = account.metadata.name?;
            let (_, number) = name.rsplit_once("-v")?;
            let owner = account.metadata.annotations?.remove(objects::USER)?;
            Some((owner, number.parse().ok()?))
        });
        Ok(versions.collect())
    }

    /// Remembers what the cluster holds.
    pub(crate) fn set_witnessed(&mut self, head: Head) {
        self.witnessed = Some(head);
    }

    /// The head that the cluster was seen to hold.
    pub(crate) fn witnessed(&self) -> Option<&Head> {
        self.witnessed.as_ref()
    }

    /// Lets the cluster hold the head, unless it does. A witness that could not be told knows
    /// less; nothing else is less true, so the caller goes on.
    pub(crate) async fn witness(&self, head: &Head) -> Result<(), Error> {
        if self.witnessed.as_ref() == Some(head) {
            return Ok(());
        }
        let name = annotation(&self.installation);
        let patch = json!({ "metadata": { "annotations": { name: head.to_string() } } });
        let patch = Patch::Merge(patch);
        let params = PatchParams {
            field_manager: Some(KUBEGRANT.into()),
            ..PatchParams::default()
        };
        let api: Api<Namespace> = Api::all(self.client.clone());
        let written = api.patch_metadata(NAMESPACE, &params, &patch).await;
        written
            .map(drop)
            .map_err(|error| Error::from_kube(error, "the head of the audit log"))
    }
}
