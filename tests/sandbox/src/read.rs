//! Get, list and watch.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use crate::call::Call;
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
        if table::is_wanted(call) {
            let table = table::render(resource, &[object.value()], &json!({}));
            return Ok(Reply::json(200, &table));
        }
        Ok(Reply::json_text(200, object.whole()))
    }

    /// Answers with the objects that match, page by page if a limit is given.
    pub(crate) fn list(&self, call: &Call, resource: &'static Resource) -> Result<Reply, Status> {
        let selection = select(call, resource)?;
        let start = start_of_page(call.query("continue"))?;
        let limit: usize = call.query("limit").parse().unwrap_or_default();
        let namespace = scope(call, resource);
        let found: Vec<&Stored> = self
            .store
            .range(resource, namespace)
            .filter(|stored| selection.matches(stored.value()))
            .filter(|stored| {
                start
                    .as_ref()
                    .is_none_or(|start| start.reached(stored.value()))
            })
            .collect();
        let mut metadata = Map::new();
        metadata.insert(
            "resourceVersion".into(),
            self.store.revision().to_string().into(),
        );
        let page = if limit == 0 || found.len() <= limit {
            found.len()
        } else {
            limit
        };
        if page < found.len() {
            let last = found[page - 1].value();
            metadata.insert(
                "continue".into(),
                self.end_of_page(last, namespace.is_some()).into(),
            );
            if !selection.is_filtered() {
                metadata.insert("remainingItemCount".into(), (found.len() - page).into());
            }
        }
        let metadata = Value::Object(metadata);
        let page = &found[..page];
        if table::is_wanted(call) {
            let values: Vec<&Value> = page.iter().map(|stored| stored.value()).collect();
            return Ok(Reply::json(
                200,
                &table::render(resource, &values, &metadata),
            ));
        }
        Ok(Reply::json_text(200, list_of(resource, page, &metadata)))
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

    fn end_of_page(&self, last: &Value, within_namespace: bool) -> String {
        let (namespace, name) = (object::namespace(last), object::name(last));
        let start = if within_namespace || namespace.is_empty() {
            format!("{name}\0")
        } else {
            format!("{namespace}/{name}\0")
        };
        let token = json!({ "v": "meta.k8s.io/v1", "rv": self.store.revision(), "start": start });
        URL_SAFE_NO_PAD.encode(token.to_string())
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

/// Where a page begins.
struct Start {
    /// Empty when the list is about one namespace, or about none.
    namespace: String,
    name: String,
}

impl Start {
    fn reached(&self, object: &Value) -> bool {
        let name = object::name(object);
        if self.namespace.is_empty() {
            return name >= self.name.as_str();
        }
        (object::namespace(object), name) >= (self.namespace.as_str(), self.name.as_str())
    }
}

fn start_of_page(token: &str) -> Result<Option<Start>, Status> {
    if token.is_empty() {
        return Ok(None);
    }
    let start = URL_SAFE_NO_PAD
        .decode(token.trim_end_matches('='))
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        .and_then(|value| {
            value
                .get("start")
                .and_then(Value::as_str)
                .map(str::to_owned)
        })
        .ok_or_else(|| Status::bad_request("continue key is not valid: unexpected token"))?;
    let (namespace, name) = start.split_once('/').unwrap_or(("", &start));
    Ok(Some(Start {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    }))
}
