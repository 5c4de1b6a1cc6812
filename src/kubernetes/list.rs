//! LISTs: page by page, and bounded in every object, in every namespace and in all.
//!
//! Whoever may write objects in one namespace of a cluster can make them large, many and oddly
//! named. None of that may keep anybody from reading the rest: a page that is too large is asked
//! for again in smaller ones, down to single objects; of an object that is too large the head is
//! read, which names it; and where even the way past an object is blocked, every namespace is
//! listed by itself, so that only that one stays unread. What could not be read is named, never
//! left out: its reader decides what to think of it.

use std::collections::BTreeMap;

use futures::stream::{StreamExt as _, TryStreamExt as _};
use http_body_util::BodyExt as _;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1 as rbac;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{ListParams, ObjectMeta};
use kube::core::Request;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::client::{Bound, Head};
use super::connection::Connection;
use super::error::Error;
use super::pieces::{self, Pieces};
use crate::domain::text::clean;

mod budget;
#[cfg(test)]
mod tests;

use self::budget::{Budget, sift};

/// How many objects a page has at most.
const PAGE: u32 = 500;
/// The largest page that is read, in bytes. Five hundred ordinary bindings have half of it.
const PAGE_BYTES: usize = 2 * 1024 * 1024;
/// The largest object that is read where others than the cluster's admins may make objects.
const OBJECT_BYTES: usize = 256 * 1024;
/// The largest object that is read where only they may.
const ADMIN_BYTES: usize = 16 * 1024 * 1024;
/// How much is kept of one namespace, in bytes; of more only the names are.
const NAMESPACE_BYTES: usize = 2 * 1024 * 1024;
/// How much is kept of our own namespace, in which only the cluster's admins make objects: some hundred
/// thousand accounts.
const OWN_BYTES: usize = 128 * 1024 * 1024;
/// How much is kept of all that is not ours.
const TOTAL_BYTES: usize = 16 * 1024 * 1024;
/// How much of an answer that is too large is read: what it is called stands at its beginning.
const HEAD_BYTES: usize = 64 * 1024;
/// The longest token that leads to the next page. An object can be called so that it gets longer;
/// proxies refuse addresses of more than 8 KB.
const TOKEN_BYTES: usize = 4096;
/// How often a list begins again that the server cannot go on with.
const BEGINNINGS: u32 = 3;
/// How many namespaces are listed at once.
const AT_ONCE: usize = 8;

/// Where the objects of a list are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope<'a> {
    /// In no namespace.
    Cluster,
    /// In every namespace.
    Everywhere,
    /// In one namespace.
    Namespace(&'a str),
}

impl<'a> Scope<'a> {
    fn namespace(self) -> Option<&'a str> {
        match self {
            Self::Namespace(name) => Some(name),
            Self::Cluster | Self::Everywhere => None,
        }
    }

    /// The largest object that is read: what is in no namespace was made by the cluster's admins.
    fn object_bytes(self) -> usize {
        match self {
            Self::Cluster => ADMIN_BYTES,
            Self::Everywhere | Self::Namespace(_) => OBJECT_BYTES,
        }
    }
}

/// An object of a list.
pub(super) enum Found<K> {
    /// It was read.
    Object(K),
    /// It was not, or not all of it is kept.
    TooLarge(Box<Outline>),
}

/// What is known of an object that was not read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Outline {
    metadata: OutlineMeta,
    role_ref: Option<rbac::RoleRef>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct OutlineMeta {
    name: String,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    deletion_timestamp: Option<Time>,
    finalizers: Option<Vec<String>>,
}

impl Outline {
    /// The role of a binding, where it was seen.
    pub(super) fn role(&self) -> Option<&rbac::RoleRef> {
        self.role_ref.as_ref()
    }

    /// As much of the metadata as was seen.
    pub(super) fn into_meta(self) -> ObjectMeta {
        let meta = self.metadata;
        ObjectMeta {
            name: Some(meta.name),
            namespace: meta.namespace,
            uid: meta.uid,
            resource_version: meta.resource_version,
            labels: meta.labels,
            deletion_timestamp: meta.deletion_timestamp,
            finalizers: meta.finalizers,
            ..ObjectMeta::default()
        }
    }
}

/// What is kept of an object.
pub(super) trait Kept {
    /// About how many bytes it holds on to.
    fn weight(&self) -> usize;

    /// Whether it is ours, and counts within its namespace only.
    fn is_ours(&self) -> bool {
        false
    }
}

impl Kept for ObjectMeta {
    fn weight(&self) -> usize {
        let maps = [&self.labels, &self.annotations]
            .into_iter()
            .flatten()
            .flatten();
        let words = maps.map(|(key, value)| key.len() + value.len() + 64);
        size_of::<ObjectMeta>() + words.sum::<usize>()
    }
}

impl Kept for (String, u32) {
    fn weight(&self) -> usize {
        self.0.weight()
    }
}

impl Kept for String {
    fn weight(&self) -> usize {
        self.len() + size_of::<String>()
    }
}

/// A list.
#[derive(Debug)]
pub(super) struct Listed<T> {
    /// What is kept of its objects.
    pub(super) items: Vec<T>,
    /// The namespaces that could not be listed to their end.
    pub(super) unread: Vec<String>,
}

/// A list as it is asked for.
struct Asked<'a> {
    what: &'a str,
    request: Request,
    params: &'a ListParams,
    is_metadata: bool,
    /// The largest object that is read.
    object_bytes: usize,
}

/// Why a list does not go on.
enum Stopped {
    /// The server has forgotten how it was when it began.
    Expired,
    /// The way to the next page is barred by the name of an object.
    Barred,
    Failed(Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Connection {
    /// Lists the objects of a kind, and keeps of each what `keep` says.
    pub(super) async fn list<K, T>(
        &self,
        what: &str,
        scope: Scope<'_>,
        params: &ListParams,
        keep: impl Fn(Found<K>) -> Option<T> + Sync,
    ) -> Result<Listed<T>, Error>
    where
        K: kube::Resource<DynamicType = ()> + DeserializeOwned,
        T: Kept + Send,
    {
        let asked = Asked {
            what,
            request: Request::new(K::url_path(&(), scope.namespace())),
            params,
            is_metadata: false,
            object_bytes: scope.object_bytes(),
        };
        let read = |piece: &[u8]| serde_json::from_slice(piece).ok();
        match Box::pin(self.list_all(&asked, &read, &keep)).await {
            Err(Stopped::Barred) if scope == Scope::Everywhere => {
                Box::pin(self.list_each(what, params, K::url_path, &read, &keep)).await
            }
            other => other.map_err(|stopped| stopped.into_error(what)),
        }
    }

    /// Lists the metadata of the objects of a kind, and keeps of each what `keep` says.
    pub(super) async fn list_metadata<K, T>(
        &self,
        what: &str,
        scope: Scope<'_>,
        params: &ListParams,
        keep: impl Fn(ObjectMeta) -> Option<T> + Sync,
    ) -> Result<Vec<T>, Error>
    where
        K: kube::Resource<DynamicType = ()>,
        T: Kept + Send,
    {
        let asked = Asked {
            what,
            request: Request::new(K::url_path(&(), scope.namespace())),
            params,
            is_metadata: true,
            object_bytes: OBJECT_BYTES,
        };
        let read = |piece: &[u8]| serde_json::from_slice::<Bare>(piece).ok();
        let keep = |found: Found<Bare>| match found {
            Found::Object(bare) => keep(bare.metadata),
            Found::TooLarge(outline) => keep(outline.into_meta()),
        };
        let listed = Box::pin(self.list_all(&asked, &read, &keep)).await;
        Ok(listed.map_err(|stopped| stopped.into_error(what))?.items)
    }

    /// Lists namespace by namespace.
    async fn list_each<K, T>(
        &self,
        what: &str,
        params: &ListParams,
        path: fn(&(), Option<&str>) -> String,
        read: &(impl Fn(&[u8]) -> Option<K> + Sync),
        keep: &(impl Fn(Found<K>) -> Option<T> + Sync),
    ) -> Result<Listed<T>, Error>
    where
        T: Kept + Send,
    {
        let everything = ListParams::default();
        let name = |meta: ObjectMeta| meta.name;
        let namespaces = self
            .list_metadata::<Namespace, String>("the namespaces", Scope::Cluster, &everything, name)
            .await?;
        let each = namespaces.into_iter().map(|namespace| async move {
            let asked = Asked {
                what,
                request: Request::new(path(&(), Some(&namespace))),
                params,
                is_metadata: false,
                object_bytes: OBJECT_BYTES,
            };
            match Box::pin(self.list_all(&asked, read, keep)).await {
                Ok(listed) => Ok(listed),
                Err(Stopped::Barred) => Ok(Listed {
                    items: Vec::new(),
                    unread: vec![namespace],
                }),
                Err(stopped) => Err(stopped.into_error(what)),
            }
        });
        let mut all = Listed {
            items: Vec::new(),
            unread: Vec::new(),
        };
        let mut each = futures::stream::iter(each).buffered(AT_ONCE);
        while let Some(listed) = each.try_next().await? {
            all.items.extend(listed.items);
            all.unread.extend(listed.unread);
        }
        Ok(all)
    }

    /// Lists from the beginning to the end, and begins again where the server has to.
    async fn list_all<K, T: Kept>(
        &self,
        asked: &Asked<'_>,
        read: &impl Fn(&[u8]) -> Option<K>,
        keep: &impl Fn(Found<K>) -> Option<T>,
    ) -> Result<Listed<T>, Stopped> {
        let mut beginning = 1;
        loop {
            match self.list_once(asked, read, keep).await {
                Err(Stopped::Expired) if beginning < BEGINNINGS => beginning += 1,
                other => return other,
            }
        }
    }

    async fn list_once<K, T: Kept>(
        &self,
        asked: &Asked<'_>,
        read: &impl Fn(&[u8]) -> Option<K>,
        keep: &impl Fn(Found<K>) -> Option<T>,
    ) -> Result<Listed<T>, Stopped> {
        let largest = asked.params.limit.unwrap_or(PAGE).clamp(1, PAGE);
        let mut limit = largest;
        let mut token = String::new();
        let mut budget = Budget::default();
        let mut items = Vec::new();
        loop {
            let page = self.page(asked, limit, &token).await?;
            let next = match &page {
                Page::Whole(body) => {
                    let Pieces { next, items: found } = pieces::of_list(body)
                        .ok_or_else(|| garbled(asked.what, "it is no list"))?;
                    for piece in found {
                        let item = sift(piece, asked, &mut budget, read, keep)?;
                        items.extend(item);
                    }
                    limit = limit.saturating_mul(4).min(largest);
                    next
                }
                Page::Head(_) if limit > 1 => {
                    limit = (limit / 8).max(1);
                    continue;
                }
                Page::Head(head) => {
                    // Where even the token is longer than that, it leads nowhere.
                    let (next, outline) = pieces::of_head(head).ok_or(Stopped::Barred)?;
                    if next.is_empty() {
                        self.must_be_last(asked, &token).await?;
                    }
                    items.extend(keep(Found::TooLarge(Box::new(outline))));
                    next
                }
            };
            if next.is_empty() || asked.params.limit.is_some_and(|most| most == 1) {
                return Ok(Listed {
                    items,
                    unread: Vec::new(),
                });
            }
            if next.len() > TOKEN_BYTES {
                return Err(Stopped::Barred);
            }
            token = next;
        }
    }

    /// Asks for one page.
    async fn page(&self, asked: &Asked<'_>, limit: u32, token: &str) -> Result<Page, Stopped> {
        let mut params = asked.params.clone().limit(limit);
        if !token.is_empty() {
            params = params.continue_token(token);
        }
        let request = if asked.is_metadata {
            asked.request.list_metadata(&params)
        } else {
            asked.request.list(&params)
        };
        let mut request = request.map_err(|error| garbled(asked.what, &error.to_string()))?;
        request.extensions_mut().insert(Bound {
            whole: if limit == 1 {
                asked.object_bytes.max(PAGE_BYTES)
            } else {
                PAGE_BYTES
            },
            head: HEAD_BYTES,
        });
        let failed = |error| Error::from_kube(error, asked.what);
        let answer = self
            .client
            .send(request.map(kube::client::Body::from))
            .await;
        let answer = answer.map_err(failed)?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(failed)?.to_bytes();
        if parts.status.is_success() {
            let is_head = parts.extensions.get::<Head>().is_some();
            return Ok(if is_head {
                Page::Head(body)
            } else {
                Page::Whole(body)
            });
        }
        let status: kube::core::Status = serde_json::from_slice(&body)
            .map_err(|_| garbled(asked.what, "a refusal without words"))?;
        if status.code == 410 {
            return Err(Stopped::Expired);
        }
        Err(failed(kube::Error::Api(Box::new(status))).into())
    }

    /// Makes sure that an object which was not read, and behind which no page comes, is the last:
    /// a server that knows no pages would hide all others behind it.
    async fn must_be_last(&self, asked: &Asked<'_>, token: &str) -> Result<(), Stopped> {
        let names = Asked {
            what: asked.what,
            request: asked.request.clone(),
            params: asked.params,
            is_metadata: true,
            object_bytes: asked.object_bytes,
        };
        let page = self.page(&names, 2, token).await?;
        let is_last = match &page {
            Page::Whole(body) => {
                pieces::of_list(body).is_some_and(|pieces| pieces.items.len() <= 1)
            }
            Page::Head(_) => false,
        };
        if is_last {
            Ok(())
        } else {
            Err(Stopped::Barred)
        }
    }
}

/// A page of a list.
enum Page {
    Whole(hyper::body::Bytes),
    /// It is too large, and this is its beginning.
    Head(hyper::body::Bytes),
}

/// An object of which nothing but the metadata was asked for.
#[derive(Deserialize)]
struct Bare {
    metadata: ObjectMeta,
}

impl Stopped {
    fn into_error(self, what: &str) -> Error {
        match self {
            Self::Failed(error) => error,
            Self::Expired => Error::inconsistent(&format!(
                "{what} could not be read to the end, {BEGINNINGS} times: the server forgets too \
                 quickly how they were"
            )),
            Self::Barred => garbled(
                what,
                "an object is named so that no page can begin behind it",
            ),
        }
    }
}

fn garbled(what: &str, reason: &str) -> Error {
    Error::garbled(what, &clean(reason))
}
