//! Objects: server-side apply, patches, lists, deletes, watches, namespaces.

use std::time::{Duration, Instant};

use kubegrant_sandbox::Sandbox;
use serde_json::{Value, json};

use crate::client::{Answer, Ask, Client};

const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const C: &str = "/api/v1/namespaces/default/configmaps/c";
const MERGE: &str = "application/merge-patch+json";

fn start() -> (Sandbox, Client) {
    let sandbox = Sandbox::start().expect("a sandbox starts");
    let admin = Client::admin(&sandbox);
    (sandbox, admin)
}

fn map(name: &str, data: &Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name }, "data": data })
}

fn data(answer: &Answer) -> Value {
    answer.json()["data"].clone()
}

#[test]
fn apply_creates_keeps_and_drops_what_is_no_longer_applied() {
    let (_sandbox, admin) = start();
    let first = admin
        .apply(C, "", &map("c", &json!({ "a": "1", "b": "2" })))
        .must(201);
    let again = admin
        .apply(C, "", &map("c", &json!({ "a": "1", "b": "2" })))
        .must(200);
    assert_eq!(first.json(), again.json());
    admin
        .patch(C, MERGE, &json!({ "data": { "z": "9" } }))
        .must(200);
    let less = admin
        .apply(C, "", &map("c", &json!({ "a": "1" })))
        .must(200);
    assert_eq!(data(&less), json!({ "a": "1", "z": "9" }));
}

#[test]
fn apply_over_another_manager_needs_force() {
    let (_sandbox, admin) = start();
    admin.post(MAPS, &map("c", &json!({ "a": "1" }))).must(201);
    let refused = admin
        .apply(C, "", &map("c", &json!({ "a": "2" })))
        .must(409);
    assert_eq!(
        refused.text("/message"),
        "Apply failed with 1 conflict: conflict with \"unknown\" using v1: .data.a"
    );
    assert_eq!(
        refused.text("/details/causes/0/reason"),
        "FieldManagerConflict"
    );
    let forced = admin
        .apply(C, "&force=true", &map("c", &json!({ "a": "2" })))
        .must(200);
    assert_eq!(data(&forced), json!({ "a": "2" }));
    let managers: Vec<Value> = forced.json()["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| entry["fieldsV1"].clone())
        .collect();
    assert_eq!(
        managers,
        [json!({ "f:data": { "f:a": {} } }), json!({ "f:data": {} })]
    );
    // The same value is shared, not fought over.
    let ask = format!("{C}?fieldManager=second");
    admin
        .patch(
            &ask,
            "application/apply-patch+yaml",
            &map("c", &json!({ "a": "2" })),
        )
        .must(200);
}

#[test]
fn apply_wants_a_manager() {
    let (_sandbox, admin) = start();
    let refused = admin
        .patch(C, "application/apply-patch+yaml", &map("c", &json!({})))
        .must(422);
    assert!(
        refused
            .text("/message")
            .contains("is required for apply patch")
    );
}

#[test]
fn every_patch_patches() {
    let (_sandbox, admin) = start();
    admin.post(MAPS, &map("c", &json!({ "a": "1" }))).must(201);
    let operations = json!([
        { "op": "test", "path": "/data/a", "value": "1" },
        { "op": "add", "path": "/data/b", "value": "2" },
        { "op": "remove", "path": "/data/a" },
    ]);
    let patched = admin
        .patch(C, "application/json-patch+json", &operations)
        .must(200);
    assert_eq!(data(&patched), json!({ "b": "2" }));
    admin
        .patch(C, "application/json-patch+json", &operations)
        .must(422);
    let strategic = "application/strategic-merge-patch+json";
    let patched = admin
        .patch(C, strategic, &json!({ "data": { "b": null, "c": "3" } }))
        .must(200);
    assert_eq!(data(&patched), json!({ "c": "3" }));
    let stale = json!({ "metadata": { "resourceVersion": "1" }, "data": { "d": "4" } });
    admin.patch(C, MERGE, &stale).must(409);
    admin.patch(C, "text/plain", &json!({})).must(415);
}

#[test]
fn strategic_patches_merge_lists_by_name() {
    let (_sandbox, admin) = start();
    let path = "/apis/apps/v1/namespaces/default/deployments";
    let container = |name: &str, image: &str| json!({ "name": name, "image": image });
    let body = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": "d" },
        "spec": { "template": { "spec": {
            "containers": [container("one", "a"), container("two", "a")],
        } } },
    });
    let created = admin.post(path, &body).must(201);
    assert_eq!(created.json()["metadata"]["generation"], 1);
    let patch = json!({ "spec": { "template": { "spec": {
        "containers": [container("two", "b"), container("three", "c")],
    } } } });
    let patched = admin
        .patch(
            &format!("{path}/d"),
            "application/strategic-merge-patch+json",
            &patch,
        )
        .must(200);
    assert_eq!(
        patched.json()["spec"]["template"]["spec"]["containers"],
        json!([
            container("one", "a"),
            container("two", "b"),
            container("three", "c")
        ])
    );
    assert_eq!(patched.json()["metadata"]["generation"], 2);
}

#[test]
fn lists_come_in_pages_and_by_selector() {
    let (_sandbox, admin) = start();
    for (name, tier) in [("a", "web"), ("b", "web"), ("c", "db"), ("d", "")] {
        let mut map = map(name, &json!({}));
        if !tier.is_empty() {
            map["metadata"]["labels"] = json!({ "tier": tier });
        }
        admin.post(MAPS, &map).must(201);
    }
    let names = |query: &str| -> Vec<String> {
        let list = admin.get(&format!("{MAPS}?{query}")).must(200).json();
        list["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|item| item["metadata"]["name"].as_str())
            .filter(|name| *name != "kube-root-ca.crt")
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(names("labelSelector=tier%3Dweb"), ["a", "b"]);
    assert_eq!(names("labelSelector=tier"), ["a", "b", "c"]);
    assert_eq!(names("labelSelector=!tier"), ["d"]);
    assert_eq!(names("labelSelector=tier!%3Dweb"), ["c", "d"]);
    assert_eq!(
        names("labelSelector=tier+in+(db,+web),tier+notin+(web)"),
        ["c"]
    );
    assert_eq!(names("fieldSelector=metadata.name%3Db"), ["b"]);
    admin.get(&format!("{MAPS}?labelSelector=a+b+c")).must(400);
    let mut path = format!("{MAPS}?limit=2");
    let mut pages = Vec::new();
    loop {
        let page = admin.get(&path).must(200).json();
        pages.push(page["items"].as_array().map_or(0, Vec::len));
        match page["metadata"]["continue"].as_str() {
            Some(next) => path = format!("{MAPS}?limit=2&continue={next}"),
            None => break,
        }
    }
    assert_eq!(pages, [2, 2, 1]);
    // Every namespace in one list, page by page.
    let all = admin.get("/api/v1/configmaps?limit=1").must(200).json();
    let next = all["metadata"]["continue"]
        .as_str()
        .expect("there is more")
        .to_owned();
    let rest = admin
        .get(&format!("/api/v1/configmaps?continue={next}"))
        .must(200)
        .json();
    let count = rest["items"].as_array().map_or(0, Vec::len);
    assert_eq!(all["metadata"]["remainingItemCount"], json!(count));
}

#[test]
fn a_dry_run_stores_nothing() {
    let (sandbox, admin) = start();
    let before = sandbox.objects();
    admin
        .post(&format!("{MAPS}?dryRun=All"), &map("c", &json!({})))
        .must(201);
    admin
        .delete("/api/v1/namespaces/kube-node-lease?dryRun=All")
        .must(200);
    assert_eq!(before, sandbox.objects());
}

#[test]
fn finalizers_hold_an_object_until_they_are_gone() {
    let (_sandbox, admin) = start();
    let mut held = map("c", &json!({}));
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    admin.post(MAPS, &held).must(201);
    let deleted = admin.delete(C).must(200);
    assert!(!deleted.text("/metadata/deletionTimestamp").is_empty());
    admin.get(C).must(200);
    admin
        .patch(C, MERGE, &json!({ "metadata": { "finalizers": null } }))
        .must(200);
    admin.get(C).must(404);
}

#[test]
fn a_deleted_namespace_takes_everything_with_it() {
    let (_sandbox, admin) = start();
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "n" },
    });
    admin.post("/api/v1/namespaces", &namespace).must(201);
    admin
        .get("/api/v1/namespaces/n/serviceaccounts/default")
        .must(200);
    admin
        .get("/api/v1/namespaces/n/configmaps/kube-root-ca.crt")
        .must(200);
    admin.delete("/api/v1/namespaces/n").must(200);
    let start = Instant::now();
    while admin.get("/api/v1/namespaces/n").status == 200 {
        assert!(
            start.elapsed() < Duration::from_mins(5),
            "the namespace stays"
        );
    }
    admin.post("/api/v1/namespaces", &namespace).must(201);
    admin.delete("/api/v1/namespaces/kube-system").must(403);
}

#[test]
fn a_watch_tells_what_was_and_what_comes() {
    let (sandbox, admin) = start();
    let list = admin.get(MAPS).must(200);
    let version = list.text("/metadata/resourceVersion");
    admin.post(MAPS, &map("early", &json!({}))).must(201);
    let watcher = admin.clone();
    let path = format!("{MAPS}?watch=true&resourceVersion={version}&timeoutSeconds=2");
    let watching = std::thread::spawn(move || {
        let ask = Ask {
            method: "GET",
            path: &path,
            ..Ask::default()
        };
        watcher.send(&ask).expect("the watch ends by itself")
    });
    while !sandbox
        .requests()
        .iter()
        .any(|request| request.path.contains("watch=true"))
    {
        std::thread::yield_now();
    }
    admin.post(MAPS, &map("c", &json!({}))).must(201);
    admin
        .patch(C, MERGE, &json!({ "data": { "a": "1" } }))
        .must(200);
    admin.delete(C).must(200);
    let answer = watching.join().expect("the watcher's thread ends");
    let events: Vec<String> = String::from_utf8_lossy(&answer.body)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|event| {
            let name = event["object"]["metadata"]["name"].as_str()?;
            Some(format!("{} {name}", event["type"].as_str()?))
        })
        .collect();
    assert_eq!(
        events,
        ["ADDED early", "ADDED c", "MODIFIED c", "DELETED c"]
    );
}

#[test]
fn a_test_may_put_and_remove_past_all_rules() {
    let (sandbox, admin) = start();
    let mut odd = map("c", &json!({}));
    odd["metadata"]["namespace"] = "default".into();
    odd["metadata"]["labels"] = json!({ "app.kubernetes.io/managed-by": "someone-else" });
    sandbox.put_object(odd).expect("the kind is known");
    admin.get(C).must(200);
    sandbox.remove_object("v1", "ConfigMap", Some("default"), "c");
    admin.get(C).must(404);
    assert!(
        sandbox
            .put_object(json!({ "apiVersion": "v1", "kind": "Nothing" }))
            .is_err()
    );
}

fn names_of(list: &Value) -> Vec<String> {
    list["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|item| item["metadata"]["name"].as_str())
        .map(str::to_owned)
        .collect()
}

#[test]
fn all_pages_of_a_list_show_the_state_of_the_first() {
    let (sandbox, admin) = start();
    for name in ["a", "b", "c", "d"] {
        admin.post(MAPS, &map(name, &json!({}))).must(201);
    }
    let first = admin.get(&format!("{MAPS}?limit=1")).must(200).json();
    let version = first["metadata"]["resourceVersion"].clone();
    let next = first["metadata"]["continue"]
        .as_str()
        .expect("there is more");
    admin.post(MAPS, &map("aa", &json!({}))).must(201);
    admin.delete(&format!("{MAPS}/b")).must(200);
    admin
        .patch(C, MERGE, &json!({ "data": { "new": "1" } }))
        .must(200);
    let path = format!("{MAPS}?limit=9&continue={next}");
    let rest = admin.get(&path).must(200).json();
    assert_eq!(names_of(&rest), ["b", "c", "d", "kube-root-ca.crt"]);
    assert_eq!(rest["items"][1]["data"], json!({}));
    assert_eq!(rest["metadata"]["resourceVersion"], version);

    sandbox.compact();
    let expired = admin.get(&path).must(410);
    assert_eq!(expired.text("/reason"), "Expired");
    let resumed = expired.text("/metadata/continue");
    let rest = admin
        .get(&format!("{MAPS}?continue={resumed}"))
        .must(200)
        .json();
    assert_eq!(names_of(&rest), ["aa", "c", "d", "kube-root-ca.crt"]);
    let version = version.as_str().expect("a list has a version");
    admin
        .get(&format!("{MAPS}?limit=1&resourceVersion={version}"))
        .must(410);

    admin
        .get(&format!("{MAPS}?continue={next}&resourceVersion={version}"))
        .must(400);
    admin.get(&format!("{MAPS}?continue=garbage")).must(400);
    // Whatever any state will do for is not cut into pages.
    let cached = admin.get(&format!("{MAPS}?limit=1&resourceVersion=0"));
    assert!(cached.must(200).json()["metadata"]["continue"].is_null());
}

#[test]
fn metadata_comes_alone_where_it_is_asked_for() {
    let (_sandbox, mut admin) = start();
    admin.post(MAPS, &map("a", &json!({ "k": "v" }))).must(201);
    let accept = |kind: &str| {
        let form = format!("application/json;as={kind};g=meta.k8s.io;v=v1");
        vec![("accept".to_owned(), form)]
    };
    admin.headers = accept("PartialObjectMetadataList");
    let list = admin.get(&format!("{MAPS}?limit=1")).must(200).json();
    assert_eq!(list["kind"], "PartialObjectMetadataList");
    assert_eq!(list["items"][0]["kind"], "PartialObjectMetadata");
    assert_eq!(list["items"][0]["metadata"]["name"], "a");
    assert!(list["items"][0]["data"].is_null());
    assert!(list["metadata"]["continue"].is_string());
    admin.headers = accept("PartialObjectMetadata");
    let one = admin.get(&format!("{MAPS}/a")).must(200).json();
    assert_eq!(one["kind"], "PartialObjectMetadata");
    assert!(one["data"].is_null());
    let label = json!({ "metadata": { "labels": { "x": "y" } } });
    let patched = admin.patch(&format!("{MAPS}/a"), MERGE, &label).must(200);
    assert_eq!(patched.json()["kind"], "PartialObjectMetadata");
    admin.get(MAPS).must(406);
    admin.get(&format!("{MAPS}/none")).must(404);
}

#[test]
fn a_terminating_object_changes_but_is_never_held_back_anew() {
    let (_sandbox, admin) = start();
    let mut held = map("c", &json!({}));
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    admin.post(MAPS, &held).must(201);
    let bare = json!({ "metadata": { "finalizers": ["hold"] } });
    admin.patch(C, MERGE, &bare).must(422);
    let first = admin.delete(C).must(200).json();
    assert_eq!(first["metadata"]["deletionGracePeriodSeconds"], 0);
    assert_eq!(admin.delete(C).must(200).json(), first);

    let alive = json!({ "metadata": { "deletionTimestamp": null } });
    let patched = admin.patch(C, MERGE, &alive).must(200);
    assert!(!patched.text("/metadata/deletionTimestamp").is_empty());
    let more = json!({ "metadata": { "finalizers": ["example.com/hold", "example.com/more"] } });
    let refused = admin.patch(C, MERGE, &more).must(422);
    assert_eq!(
        refused.text("/message"),
        "ConfigMap \"c\" is invalid: metadata.finalizers: Forbidden: no new finalizers can be \
         added if the object is being deleted, found new finalizers []string{\"example.com/more\"}"
    );
    let again = admin.post(MAPS, &map("c", &json!({}))).must(409);
    assert_eq!(
        again.text("/message"),
        "object is being deleted: configmaps \"c\" already exists"
    );
    let applied = admin.apply(C, "&force=true", &map("c", &json!({ "a": "1" })));
    assert_eq!(data(&applied.must(200)), json!({ "a": "1" }));
    let operations = json!([{ "op": "remove", "path": "/metadata/finalizers/0" }]);
    admin
        .patch(C, "application/json-patch+json", &operations)
        .must(200);
    admin.get(C).must(404);
}
