//! Get, list and watch.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use crate::call::Call;
use crate::form::{self, Form};
use crate::object;
use crate::reply::{Content, Reply};
use crate::resource::Resource;
use crate::selector::Selection;
use crate::status::Status;
use crate::store::{Stored, Watcher};
use crate::table;
use crate::world::World;

impl World {
    /// Answers with one object.
    pub(crate) fn get(&self, call: &Call, resource: &'static Resource) -> Result<Reply, Status> {
        let wanted = &call.attributes;
        let namespace = scope(call, resource).unwrap_or_default();
        let object = self
            .store
            .find(resource, namespace, &wanted.name)
            .ok_or_else(|| Status::not_found(resource, &wanted.name))?;
        Ok(match Form::of(call) {
            Form::Table => {
                Reply::json(200, &table::render(resource, &[object.value()], &json!({})))
            }
            Form::Metadata | Form::MetadataList => {
                Reply::json(200, &form::metadata_of(object.value()))
            }
            Form::Whole => Reply::json_text(200, object.whole()),
        })
    }

    /// Answers with the objects that match, page by page if a limit is given. All pages show the
    /// state of the first one.
    pub(crate) fn list(&self, call: &Call, resource: &'static Resource) -> Result<Reply, Status> {
        let selection = select(call, resource)?;
        let form = Form::of(call);
        if form == Form::Metadata {
            return Err(Status::not_acceptable(format!(
                "you requested PartialObjectMetadata, but the requested object is a list \
                 (*core.{}List)",
                resource.kind
            )));
        }
        let namespace = scope(call, resource);
        let page = Page::read(call)?;
        let revision = page.revision.unwrap_or_else(|| self.store.revision());
        let all = match page.revision {
            None => self.store.range(resource, namespace).collect(),
            Some(revision) => match self.store.range_at(resource, namespace, revision) {
                Some(all) => all,
                None => return Ok(page.expired()),
            },
        };
        let found: Vec<&Stored> = all
            .into_iter()
            .filter(|stored| selection.matches(stored.value()))
            .filter(|stored| {
                let start = page.start.as_ref();
                start.is_none_or(|start| start.reached(stored.value(), namespace.is_some()))
            })
            .collect();
        let mut metadata = Map::new();
        metadata.insert("resourceVersion".into(), revision.to_string().into());
        let length = if page.limit == 0 {
            found.len()
        } else {
            found.len().min(page.limit)
        };
        if length < found.len() {
            let last = Start::behind(found[length - 1].value(), namespace.is_some());
            metadata.insert("continue".into(), last.token(revision.into()).into());
            if !selection.is_filtered() {
                metadata.insert("remainingItemCount".into(), (found.len() - length).into());
            }
        }
        let metadata = Value::Object(metadata);
        let shown = &found[..length];
        let values = || shown.iter().map(|stored| stored.value());
        Ok(match form {
            Form::Table => Reply::json(
                200,
                &table::render(resource, &values().collect::<Vec<_>>(), &metadata),
            ),
            Form::Whole => Reply::json_text(200, list_of(resource, shown, &metadata)),
            _ => Reply::json(200, &form::metadata_list(values(), &metadata)),
        })
    }

    /// Answers with changes as they happen.
    pub(crate) fn watch(
        &mut self,
        call: &Call,
        resource: &'static Resource,
    ) -> Result<Reply, Status> {
        let selection = select(call, resource)?;
        // Who asks for what exists as events gets a bookmark where that ends.
        let bookmarked = call.flag("sendInitialEvents");
        let version = call.query("resourceVersion");
        let since = if bookmarked || matches!(version, "" | "0") {
            None
        } else {
            Some(version.parse().map_err(|_| {
                Status::bad_request(format!("invalid resource version {version:?}"))
            })?)
        };
        let (sender, receiver) = mpsc::unbounded_channel();
        self.store.watch(
            Watcher {
                resource: resource.index,
                selection,
                sender,
            },
            since,
            bookmarked,
        );
        let seconds = call
            .query("timeoutSeconds")
            .parse()
            .ok()
            .map(Duration::from_secs);
        Ok(Reply {
            status: 200,
            content_type: "application/json",
            headers: Vec::new(),
            content: Content::Watch(receiver, seconds),
        })
    }
}

/// The namespace a call is about: none for cluster-scoped resources and for all namespaces.
pub(crate) fn scope<'a>(call: &'a Call, resource: &Resource) -> Option<&'a str> {
    let namespace = call.attributes.namespace.as_str();
    (resource.namespaced && !namespace.is_empty()).then_some(namespace)
}

/// The selection of a list, a watch or a collection delete.
pub(crate) fn select(call: &Call, resource: &Resource) -> Result<Selection, Status> {
    Selection::parse(
        scope(call, resource),
        call.query("labelSelector"),
        call.query("fieldSelector"),
    )
}

/// A list of objects, whose items carry no kind of their own, as JSON.
pub(crate) fn list_of(resource: &Resource, objects: &[&Stored], metadata: &Value) -> String {
    let items: Vec<&str> = objects.iter().map(|object| object.item()).collect();
    format!(
        "{{\"kind\":\"{}List\",\"apiVersion\":\"{}\",\"metadata\":{metadata},\"items\":[{}]}}",
        resource.kind,
        resource.api_version(),
        items.join(","),
    )
}

/// Which part of a list is asked for, and of which state.
struct Page {
    /// The longest it may be; 0 for no limit.
    limit: usize,
    /// Where it begins.
    start: Option<Start>,
    /// The revision whose state is shown, where it is not the present one.
    revision: Option<u64>,
}

impl Page {
    fn read(call: &Call) -> Result<Page, Status> {
        let version = call.query("resourceVersion");
        let limit = call.query("limit").parse().unwrap_or_default();
        let token = call.query("continue");
        if !token.is_empty() {
            let (start, revision) = Start::read(token).map_err(|why| {
                Status::bad_request(format!(
                    "invalid continue token: continue key is not valid{why}"
                ))
            })?;
            if !matches!(version, "" | "0") {
                return Err(Status::bad_request(
                    "specifying resource version is not allowed when using continue",
                ));
            }
            return Ok(Page {
                limit,
                start: Some(start),
                // A negative one goes on with what there is now.
                revision: u64::try_from(revision).ok(),
            });
        }
        let parsed: u64 = match version {
            "" => 0,
            _ => version.parse().map_err(|_| {
                Status::bad_request(format!("invalid resource version: {version:?}"))
            })?,
        };
        let exact = match call.query("resourceVersionMatch") {
            "Exact" => true,
            "" => limit > 0,
            _ => false,
        };
        Ok(Page {
            // What any state will do for comes whole, out of the cache.
            limit: if version == "0" { 0 } else { limit },
            start: None,
            revision: (exact && parsed > 0).then_some(parsed),
        })
    }

    fn expired(&self) -> Reply {
        let mut body = Status::expired(self.start.is_some()).body();
        if let Some(start) = &self.start {
            body["metadata"] = json!({ "continue": start.token(-1) });
        }
        Reply::json(410, &body)
    }
}

/// Where a page begins: a key, as etcd has it behind the prefix of the list.
struct Start(String);

impl Start {
    /// Behind an object.
    fn behind(last: &Value, within_namespace: bool) -> Start {
        Start(format!("{}\0", key_of(last, within_namespace)))
    }

    fn reached(&self, object: &Value, within_namespace: bool) -> bool {
        key_of(object, within_namespace).as_str() >= self.0.as_str()
    }

    fn token(&self, revision: i128) -> String {
        let token = json!({ "v": "meta.k8s.io/v1", "rv": json!(revision), "start": self.0 });
        URL_SAFE_NO_PAD.encode(token.to_string())
    }

    /// The start and the revision in a token. Fails with what is wrong.
    fn read(token: &str) -> Result<(Start, i64), String> {
        let bytes = URL_SAFE_NO_PAD
            .decode(token)
            .map_err(|error| format!(": {error}"))?;
        let token: Value = serde_json::from_slice(&bytes).map_err(|error| format!(": {error}"))?;
        let revision = token.get("rv").and_then(Value::as_i64).unwrap_or_default();
        let start = object::text(&token, "/start");
        if revision == 0 {
            let why = ": incorrect encoded start resourceVersion (version meta.k8s.io/v1)";
            return Err(why.into());
        }
        if start.is_empty() {
            return Err(": encoded start key empty (version meta.k8s.io/v1)".into());
        }
        Ok((Start(start.to_owned()), revision))
    }
}

fn key_of(object: &Value, within_namespace: bool) -> String {
    let (namespace, name) = (object::namespace(object), object::name(object));
    if within_namespace || namespace.is_empty() {
        format!("/{name}")
    } else {
        format!("/{namespace}/{name}")
    }
}
