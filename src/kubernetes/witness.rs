//! The cluster as a witness of the audit log: its head is an annotation of our namespace.
//!
//! Others than us may write there: whoever may patch namespaces, and the manager of every
//! installation on the cluster. So a head carries a tag under a key that is derived from the
//! manager's login, and one without the right tag is no head. What is left to those who may write
//! there: to take it away, or to put an earlier one of ours back. Then the cluster knows less, and
//! notices only what is older still; it never stops anybody. With a new login of the manager all
//! earlier heads are worth nothing.
//!
//! Who works with an issuer's login keeps a head of their own, in namespace `kubegrant-users`, under a key
//! of that login: nobody is stopped by what somebody wrote whose login is weaker.

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, ListParams, ObjectMeta, PartialObjectMeta, Patch, PatchParams};
use serde_json::json;

use super::connection::Connection;
use super::error::Error;
use super::objects::{self, KUBEGRANT};
use crate::domain::audit::Head;
use crate::domain::installation::InstallationId;
use crate::domain::subject::SubjectName;
use crate::secrets::{MacKey, SecretString};

/// The label by which every API server lets a namespace be found by its name.
pub(super) const NAME: &str = "kubernetes.io/metadata.name";
const SYSTEM: &str = "kube-system";

/// What a cluster is known by, and what it knows.
#[derive(Debug)]
pub(crate) struct Pins {
    /// The UID of `kube-system`: it names the cluster, and changes when it is rebuilt.
    pub(crate) cluster_uid: String,
    /// What stands where the head of our log is kept.
    pub(crate) head: Option<Found>,
    /// Of our namespaces the one that stands worst.
    pub(crate) namespace: OurNamespace,
}

/// A namespace of ours, and how it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OurNamespace {
    /// Its name.
    pub(crate) name: &'static str,
    /// How it stands.
    pub(crate) standing: Standing,
}

impl OurNamespace {
    /// One that is there.
    pub(crate) fn there(name: &'static str) -> Self {
        Self {
            name,
            standing: Standing::There,
        }
    }
}

/// How our namespace stands, as it was seen when we connected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// It is there.
    #[default]
    There,
    /// It is being deleted.
    Going,
    /// There is none.
    Gone,
}

/// What stands where the head of our log is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// A head that was written with the manager's login.
    Proven(Head),
    /// A head without a tag: as earlier versions of this program wrote it, and as anybody could.
    Untagged,
    /// Something else.
    Foreign,
}

/// Two installations on one cluster share the namespace, and keep a head each.
pub(crate) fn annotation(installation: &InstallationId) -> String {
    format!("kubegrant.io/head-{installation}")
}

/// The key of the heads on a cluster: whoever has the manager's login has it, and nobody else.
fn key(login: &SecretString, installation: &InstallationId, cluster_uid: &str) -> MacKey {
    MacKey::derive(
        login,
        "kubegrant head v1",
        &[installation.as_str(), cluster_uid],
    )
}

fn tagged(head: &Head, key: &MacKey) -> String {
    let text = head.to_string();
    format!("{text} {}", key.tag(&text))
}

fn read(text: &str, key: Option<&MacKey>) -> Found {
    if text.parse::<Head>().is_ok() {
        return Found::Untagged;
    }
    let proven = text.rsplit_once(' ').and_then(|(text, tag)| {
        let head = text.parse().ok()?;
        key?.is_tag_of(tag, text).then_some(head)
    });
    proven.map_or(Found::Foreign, Found::Proven)
}

impl Connection {
    /// Makes the heads of our log on this cluster readable, and writable.
    pub(crate) fn with_heads_of(mut self, login: &SecretString, cluster_uid: &str) -> Self {
        self.heads = Some(key(login, &self.installation, cluster_uid));
        self
    }

    /// Asks for both, by name: a list waits on a busy cluster until the API server's watch cache has
    /// caught up (up to 100 ms), and a single object does not. Where the first answer says that it
    /// is another cluster than `expected`, nothing follows.
    pub(crate) async fn pins(&self, expected: &str) -> Result<Pins, Error> {
        let api: Api<Namespace> = Api::all(self.client.clone());
        let what = "namespace 'kube-system'";
        let system = api.get_metadata(SYSTEM).await;
        let system = system.map_err(|error| Error::from_kube(error, what))?;
        let uid = system.metadata.uid;
        let cluster_uid = uid.ok_or_else(|| Error::garbled(what, "it has no UID"))?;
        if cluster_uid != expected {
            return Ok(Pins {
                cluster_uid,
                head: None,
                namespace: OurNamespace::there(self.own_namespace()),
            });
        }
        let name = self.own_namespace();
        let asked = self.homes.iter().map(|home| {
            let (api, name) = (&api, home.namespace());
            async move {
                let found = api.get_metadata_opt(name).await;
                let failed = |error| Error::from_kube(error, &format!("namespace '{name}'"));
                Ok::<_, Error>((name, found.map_err(failed)?))
            }
        });
        let mut found = futures::future::try_join_all(asked).await?;
        let standing = |(name, found): &(&'static str, Option<PartialObjectMeta<Namespace>>)| {
            let standing = match found {
                None => Standing::Gone,
                Some(found) if found.metadata.deletion_timestamp.is_some() => Standing::Going,
                Some(_) => Standing::There,
            };
            OurNamespace { name, standing }
        };
        let namespace = found.iter().map(standing).max_by_key(|it| it.standing);
        let namespace = namespace.unwrap_or(OurNamespace::there(name));
        let own = found.iter_mut().find(|(it, _)| *it == name);
        let own = own.and_then(|(_, own)| own.take());
        let found = own.and_then(|own| own.metadata.annotations);
        let head = found.and_then(|found| {
            let text = found.get(&annotation(&self.installation))?;
            Some(read(text, self.heads.as_ref()))
        });
        Ok(Pins {
            cluster_uid,
            head,
            namespace,
        })
    }

    /// Remembers how our namespaces stand.
    pub(crate) fn set_namespace(&mut self, namespace: OurNamespace) {
        self.namespace = namespace;
    }

    /// Refuses where a namespace of ours is going or gone: nothing can be given, or looked at, in it.
    pub(crate) fn must_have_namespace(&self) -> Result<(), Error> {
        let OurNamespace { name, standing } = self.namespace;
        match standing {
            Standing::There => Ok(()),
            Standing::Going => Err(Error::terminating(&format!("namespace '{name}'"))),
            Standing::Gone => Err(Error::NamespaceGone(name)),
        }
    }

    /// Lists whose versions our accounts are, as they say themselves: owner and number.
    pub(crate) async fn versions_held(&self) -> Result<Vec<(SubjectName, u32)>, Error> {
        let ours = ListParams::default().labels(&objects::selector(&self.installation));
        let version = |_, account: ObjectMeta| {
            let name = account.name?;
            let (_, number) = name.rsplit_once("-v")?;
            let owner = account.annotations?.remove(objects::USER)?;
            Some((owner, number.parse().ok()?))
        };
        let held = self.list_accounts(&ours, version).await?;
        // What names nobody is no version of anybody's.
        let named = |(owner, version): (String, u32)| Some((owner.parse().ok()?, version));
        Ok(held.into_iter().filter_map(named).collect())
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
        let Some(key) = &self.heads else {
            return Ok(()); // Not the manager's login: what it wrote would be no head.
        };
        if self.witnessed.as_ref() == Some(head) {
            return Ok(());
        }
        let name = annotation(&self.installation);
        let patch = json!({ "metadata": { "annotations": { name: tagged(head, key) } } });
        let patch = Patch::Merge(patch);
        let params = PatchParams {
            field_manager: Some(KUBEGRANT.into()),
            ..PatchParams::default()
        };
        let api: Api<Namespace> = Api::all(self.client.clone());
        let written = api
            .patch_metadata(self.own_namespace(), &params, &patch)
            .await;
        written
            .map(drop)
            .map_err(|error| Error::from_kube(error, "the head of the audit log"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audit::EventSeq;

    #[test]
    fn a_head_is_one_only_with_the_tag_of_this_login_installation_and_cluster() {
        let login = SecretString::from("token");
        let (ours, other) = (InstallationId::new([0; 4]), InstallationId::new([1; 4]));
        let mine = key(&login, &ours, "uid");
        let head = Head {
            epoch: 1_790_000_000,
            seq: EventSeq(42),
            hash: "0a".repeat(32),
        };
        let text = tagged(&head, &mine);
        assert_eq!(read(&text, Some(&mine)), Found::Proven(head.clone()));
        assert_eq!(read(&head.to_string(), Some(&mine)), Found::Untagged);
        let later = text.replacen("42", "43", 1);
        for foreign in ["", "nonsense", &later, &format!("{text} 0"), &text[1..]] {
            assert_eq!(read(foreign, Some(&mine)), Found::Foreign, "{foreign}");
        }
        let others = [
            key(&SecretString::from("other"), &ours, "uid"),
            key(&login, &other, "uid"),
            key(&login, &ours, "rebuilt"),
        ];
        for other in others {
            assert_eq!(read(&text, Some(&other)), Found::Foreign);
        }
        assert_eq!(read(&text, None), Found::Foreign);
    }
}
