//! Who may do what: bindings, aggregation, escalation, impersonation.

use kubegrant_sandbox::Sandbox;
use serde_json::{Value, json};

use crate::client::{Answer, Ask, Client};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

/// A sandbox with one account, `team/alice`, and its token.
struct Team {
    sandbox: Sandbox,
    admin: Client,
    alice: Client,
}

impl Team {
    fn new() -> Team {
        let sandbox = Sandbox::start().expect("a sandbox starts");
        let admin = Client::admin(&sandbox);
        admin
            .post("/api/v1/namespaces", &named("v1", "Namespace", "team"))
            .must(201);
        let accounts = "/api/v1/namespaces/team/serviceaccounts";
        admin
            .post(accounts, &named("v1", "ServiceAccount", "alice"))
            .must(201);
        let token = admin
            .post(&format!("{accounts}/alice/token"), &token_request())
            .must(201);
        let alice = Client::bearer(&sandbox, &token.text("/status/token"));
        Team {
            sandbox,
            admin,
            alice,
        }
    }

    fn bind(&self, role: &str) {
        let binding = cluster_role_binding("alice-is", role);
        self.admin
            .post(&format!("{RBAC}/clusterrolebindings"), &binding)
            .must(201);
    }

    fn role(&self, name: &str, rules: &Value) {
        let mut role = named("rbac.authorization.k8s.io/v1", "ClusterRole", name);
        role["rules"] = rules.clone();
        self.admin
            .post(&format!("{RBAC}/clusterroles"), &role)
            .must(201);
    }
}

fn named(api_version: &str, kind: &str, name: &str) -> Value {
    json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": name } })
}

fn token_request() -> Value {
    json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": { "expirationSeconds": 3600 },
    })
}

fn cluster_role_binding(name: &str, role: &str) -> Value {
    let mut binding = named("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", name);
    binding["roleRef"] = json!({
        "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role,
    });
    binding["subjects"] =
        json!([{ "kind": "ServiceAccount", "name": "alice", "namespace": "team" }]);
    binding
}

fn message(answer: &Answer) -> String {
    answer.text("/message")
}

#[test]
fn a_binding_gives_and_its_end_takes_at_once() {
    let team = Team::new();
    team.alice.get("/api/v1/pods").must(403);
    team.bind("view");
    team.alice.get("/api/v1/pods").must(200);
    team.alice.get("/api/v1/secrets").must(403);
    team.admin
        .delete(&format!("{RBAC}/clusterrolebindings/alice-is"))
        .must(200);
    team.alice.get("/api/v1/pods").must(403);
}

#[test]
fn a_role_binding_reaches_its_namespace_only() {
    let team = Team::new();
    let mut binding = cluster_role_binding("alice-edits", "edit");
    binding["kind"] = "RoleBinding".into();
    team.admin
        .post(&format!("{RBAC}/namespaces/team/rolebindings"), &binding)
        .must(201);
    let map = named("v1", "ConfigMap", "c");
    team.alice
        .post("/api/v1/namespaces/team/configmaps", &map)
        .must(201);
    team.alice
        .post("/api/v1/namespaces/default/configmaps", &map)
        .must(403);
    // Being let into a namespace shows the namespace itself, not the list of all.
    team.alice.get("/api/v1/namespaces/team").must(200);
    team.alice.get("/api/v1/namespaces").must(403);
}

#[test]
fn resource_names_subresources_and_urls_are_told_apart() {
    let team = Team::new();
    let rules = json!([
        { "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["one"], "verbs": ["get"] },
        { "apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create"] },
        { "apiGroups": ["apps"], "resources": ["*/status"], "verbs": ["get"] },
        { "nonResourceURLs": ["/metrics/*"], "verbs": ["get"] },
    ]);
    team.role("narrow", &rules);
    team.bind("narrow");
    let alice = &team.alice;
    alice.get("/api/v1/namespaces/team/secrets/one").must(404);
    alice.get("/api/v1/namespaces/team/secrets/two").must(403);
    alice.get("/api/v1/namespaces/team/secrets").must(403);
    let exec = alice
        .post("/api/v1/namespaces/team/pods/p/exec", &json!({}))
        .must(400);
    assert!(message(&exec).contains("runs no containers"));
    alice.get("/api/v1/namespaces/team/pods/p/exec").must(403);
    alice.get("/api/v1/namespaces/team/pods/p").must(403);
    alice
        .get("/apis/apps/v1/namespaces/team/deployments/d/status")
        .must(404);
    alice
        .get("/apis/apps/v1/namespaces/team/deployments/d")
        .must(403);
    alice.get("/metrics/x").must(404);
    let refused = alice.get("/metrics").must(403);
    assert_eq!(
        message(&refused),
        "forbidden: User \"system:serviceaccount:team:alice\" cannot get path \"/metrics\""
    );
}

#[test]
fn a_binding_to_a_missing_role_is_named_in_the_refusal() {
    let team = Team::new();
    team.bind("nothing");
    let refused = team.alice.get("/api/v1/pods").must(403);
    assert!(
        message(&refused).ends_with(
            "at the cluster scope: RBAC: clusterrole.rbac.authorization.k8s.io \"nothing\" not \
             found"
        ),
        "{}",
        message(&refused)
    );
}

#[test]
fn a_labelled_role_joins_the_aggregated_ones_at_once() {
    let team = Team::new();
    team.bind("view");
    team.alice.get("/api/v1/nodes").must(403);
    let mut role = named(
        "rbac.authorization.k8s.io/v1",
        "ClusterRole",
        "nodes-for-viewers",
    );
    role["metadata"]["labels"] = json!({ "rbac.authorization.k8s.io/aggregate-to-view": "true" });
    role["rules"] = json!([{ "apiGroups": [""], "resources": ["nodes"], "verbs": ["list"] }]);
    team.admin
        .post(&format!("{RBAC}/clusterroles"), &role)
        .must(201);
    team.alice.get("/api/v1/nodes").must(200);
    for aggregated in ["view", "edit", "admin"] {
        let role = team
            .admin
            .get(&format!("{RBAC}/clusterroles/{aggregated}"))
            .must(200);
        assert!(
            role.json()["rules"].to_string().contains("\"nodes\""),
            "{aggregated}"
        );
    }
    team.admin
        .delete(&format!("{RBAC}/clusterroles/nodes-for-viewers"))
        .must(200);
    team.alice.get("/api/v1/nodes").must(403);
}

#[test]
fn nobody_grants_what_they_do_not_hold() {
    let team = Team::new();
    let rules = json!([{
        "apiGroups": ["rbac.authorization.k8s.io"],
        "resources": ["clusterroles", "clusterrolebindings"],
        "verbs": ["create", "patch", "get"],
    }]);
    team.role("role-writer", &rules);
    team.bind("role-writer");
    let mut role = named("rbac.authorization.k8s.io/v1", "ClusterRole", "x");
    role["rules"] = json!([
        { "apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list"] },
        { "nonResourceURLs": ["/metrics"], "verbs": ["get"] },
    ]);
    let refused = team
        .alice
        .post(&format!("{RBAC}/clusterroles"), &role)
        .must(403);
    assert_eq!(
        message(&refused),
        "clusterroles.rbac.authorization.k8s.io \"x\" is forbidden: user \
         \"system:serviceaccount:team:alice\" (groups=[\"system:serviceaccounts\" \
         \"system:serviceaccounts:team\" \"system:authenticated\"]) is attempting to grant RBAC \
         permissions not currently held:\n\
         {APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\" \"list\"]}\n\
         {NonResourceURLs:[\"/metrics\"], Verbs:[\"get\"]}"
    );
    role["rules"] = json!([{
        "apiGroups": ["rbac.authorization.k8s.io"],
        "resources": ["clusterroles"],
        "verbs": ["get"],
    }]);
    team.alice
        .post(&format!("{RBAC}/clusterroles"), &role)
        .must(201);
    role["metadata"]["name"] = "y".into();
    role["aggregationRule"] = json!({ "clusterRoleSelectors": [{ "matchLabels": { "a": "b" } }] });
    let refused = team
        .alice
        .post(&format!("{RBAC}/clusterroles"), &role)
        .must(403);
    assert!(
        message(&refused).ends_with(
            "is forbidden: must have cluster-admin privileges to use the aggregationRule"
        )
    );
    let bindings = format!("{RBAC}/clusterrolebindings");
    team.alice
        .post(&bindings, &cluster_role_binding("own", "x"))
        .must(201);
    team.alice
        .post(&bindings, &cluster_role_binding("more", "view"))
        .must(403);
    team.alice
        .post(&bindings, &cluster_role_binding("none", "absent"))
        .must(404);
}

#[test]
fn bind_and_escalate_lift_the_checks() {
    let team = Team::new();
    let rules = json!([
        {
            "apiGroups": ["rbac.authorization.k8s.io"],
            "resources": ["clusterrolebindings"],
            "verbs": ["create"],
        },
        {
            "apiGroups": ["rbac.authorization.k8s.io"],
            "resources": ["clusterroles"],
            "resourceNames": ["view"],
            "verbs": ["bind"],
        },
        {
            "apiGroups": ["rbac.authorization.k8s.io"],
            "resources": ["clusterroles"],
            "verbs": ["create", "escalate"],
        },
    ]);
    team.role("binder", &rules);
    team.bind("binder");
    let bindings = format!("{RBAC}/clusterrolebindings");
    team.alice
        .post(&bindings, &cluster_role_binding("view", "view"))
        .must(201);
    team.alice
        .post(&bindings, &cluster_role_binding("edit", "edit"))
        .must(403);
    let mut role = named("rbac.authorization.k8s.io/v1", "ClusterRole", "all");
    role["rules"] = json!([{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }]);
    team.alice
        .post(&format!("{RBAC}/clusterroles"), &role)
        .must(201);
}

#[test]
fn edit_mints_and_impersonates_every_account() {
    let team = Team::new();
    team.bind("edit");
    let controller = "clusterrole-aggregation-controller";
    let path = format!("/api/v1/namespaces/kube-system/serviceaccounts/{controller}/token");
    team.alice.post(&path, &token_request()).must(201);
    let mut as_controller = team.alice.clone();
    as_controller.headers.push((
        "impersonate-user".into(),
        format!("system:serviceaccount:kube-system:{controller}"),
    ));
    as_controller.get(&format!("{RBAC}/clusterroles")).must(200);
    let mut as_bob = team.alice.clone();
    as_bob
        .headers
        .push(("impersonate-user".into(), "bob".into()));
    let refused = as_bob.get("/api/v1/pods").must(403);
    assert_eq!(
        message(&refused),
        "users \"bob\" is forbidden: User \"system:serviceaccount:team:alice\" cannot impersonate \
         resource \"users\" in API group \"\" at the cluster scope"
    );
    let mut as_master = team.admin.clone();
    as_master
        .headers
        .push(("impersonate-user".into(), "bob".into()));
    as_master
        .headers
        .push(("impersonate-group".into(), "system:masters".into()));
    as_master.get("/api/v1/secrets").must(200);
}

#[test]
fn reviews_say_what_the_authorizer_says() {
    let team = Team::new();
    team.bind("view");
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": "system:serviceaccount:team:alice",
            "resourceAttributes": { "verb": "get", "resource": "pods", "namespace": "team" },
        },
    });
    let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    let answer = team.admin.post(path, &review).must(201);
    assert_eq!(
        answer.text("/status/reason"),
        "RBAC: allowed by ClusterRoleBinding \"alice-is\" of ClusterRole \"view\" to \
         ServiceAccount \"alice/team\""
    );
    team.alice.post(path, &review).must(403);
    let objects = team.sandbox.objects();
    assert!(
        objects
            .iter()
            .any(|object| object["metadata"]["name"] == "alice-is")
    );
}

#[test]
fn a_refused_write_leaves_no_trace() {
    let team = Team::new();
    let before = team.sandbox.objects();
    let ask = Ask {
        method: "PATCH",
        path: &format!("{RBAC}/clusterroles/view"),
        content_type: "application/merge-patch+json",
        body: json!({ "metadata": { "labels": { "a": "b" } } }).to_string(),
    };
    team.alice
        .send(&ask)
        .expect("the sandbox answers")
        .must(403);
    assert_eq!(before, team.sandbox.objects());
}

#[test]
fn a_terminating_binding_goes_on_giving_until_it_is_gone() {
    let team = Team::new();
    let mut binding = cluster_role_binding("alice-is", "view");
    binding["metadata"]["finalizers"] = json!(["example.com/hold"]);
    let path = format!("{RBAC}/clusterrolebindings");
    team.admin.post(&path, &binding).must(201);
    let own = format!("{path}/alice-is");
    team.admin.delete(&own).must(200);
    team.alice.get("/api/v1/pods").must(200);
    let merge = "application/merge-patch+json";
    let emptied = team
        .admin
        .patch(&own, merge, &json!({ "subjects": [] }))
        .must(200);
    assert!(emptied.json()["subjects"].is_null());
    team.alice.get("/api/v1/pods").must(403);
    let free = json!({ "metadata": { "finalizers": [] } });
    team.admin.patch(&own, merge, &free).must(200);
    team.admin.get(&own).must(404);
}

/// `alice` with `impersonate-*` headers.
fn acting_as(alice: &Client, user: &str, groups: &[&str]) -> Client {
    let mut client = alice.clone();
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    client.headers.push(header("impersonate-user", user));
    for group in groups {
        client.headers.push(header("impersonate-group", group));
    }
    client
}

#[test]
fn constrained_impersonation_wants_the_user_and_the_deed() {
    let team = Team::new();
    let rules = json!([
        {
            "apiGroups": ["authentication.k8s.io"],
            "resources": ["users", "groups"],
            "verbs": ["impersonate:user-info"],
        },
        {
            "apiGroups": [""],
            "resources": ["secrets"],
            "verbs": ["impersonate-on:user-info:list"],
        },
    ]);
    team.role("actor", &rules);
    team.bind("actor");
    let mut admins = cluster_role_binding("admins", "cluster-admin");
    admins["subjects"] = json!([{
        "kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "platform-admins",
    }]);
    team.admin
        .post(&format!("{RBAC}/clusterrolebindings"), &admins)
        .must(201);
    let acting = acting_as(&team.alice, "x", &["platform-admins"]);
    acting.get("/api/v1/secrets").must(200);
    let refused = acting.get("/api/v1/pods").must(403);
    assert_eq!(
        message(&refused),
        "pods is forbidden: User \"system:serviceaccount:team:alice\" cannot \
         impersonate-on:user-info:list resource \"pods\" in API group \"\" at the cluster scope"
    );
    let refused = acting_as(&team.alice, "x", &["system:masters"])
        .get("/api/v1/secrets")
        .must(403);
    assert!(message(&refused).ends_with("impersonating the system:masters group is not allowed"));
    // Accounts and nodes have modes of their own.
    for other in ["system:serviceaccount:team:bob", "system:node:n1"] {
        let client = acting_as(&team.alice, other, &[]);
        client.get("/api/v1/secrets").must(403);
    }
    // What no account is called is a user like any other.
    acting_as(
        &team.alice,
        "system:serviceaccount:team:a:b",
        &["platform-admins"],
    )
    .get("/api/v1/secrets")
    .must(200);
    acting_as(&team.alice, "", &["platform-admins"])
        .get("/api/v1/secrets")
        .must(400);
}

#[test]
fn accounts_and_nodes_are_impersonated_in_their_own_modes() {
    let team = Team::new();
    let node = named("v1", "Node", "n1");
    team.admin.post("/api/v1/nodes", &node).must(201);
    let rules = json!([
        {
            "apiGroups": ["authentication.k8s.io"],
            "resources": ["serviceaccounts"],
            "resourceNames": ["default"],
            "verbs": ["impersonate:serviceaccount"],
        },
        {
            "apiGroups": ["authentication.k8s.io"],
            "resources": ["nodes"],
            "verbs": ["impersonate:arbitrary-node"],
        },
        {
            "apiGroups": ["authentication.k8s.io"],
            "resources": ["selfsubjectreviews"],
            "verbs": ["impersonate-on:serviceaccount:create", "impersonate-on:arbitrary-node:create"],
        },
    ]);
    team.role("actor", &rules);
    team.bind("actor");
    let who = |user: &str| {
        let review = named("authentication.k8s.io/v1", "SelfSubjectReview", "");
        acting_as(&team.alice, user, &[])
            .post("/apis/authentication.k8s.io/v1/selfsubjectreviews", &review)
    };
    let groups = |answer: Answer| answer.must(201).json()["status"]["userInfo"]["groups"].clone();
    assert_eq!(
        groups(who("system:serviceaccount:kube-system:default")),
        json!([
            "system:serviceaccounts",
            "system:serviceaccounts:kube-system",
            "system:authenticated"
        ])
    );
    who("system:serviceaccount:kube-system:other").must(403);
    assert_eq!(
        groups(who("system:node:n1")),
        json!(["system:nodes", "system:authenticated"])
    );
}

#[test]
fn an_account_may_act_as_the_node_it_runs_on() {
    let team = Team::new();
    for node in ["n1", "n2"] {
        let node = named("v1", "Node", node);
        team.admin.post("/api/v1/nodes", &node).must(201);
    }
    let mut pod = named("v1", "Pod", "agent");
    pod["spec"] = json!({ "nodeName": "n1", "serviceAccountName": "alice", "containers": [] });
    let pods = "/api/v1/namespaces/team/pods";
    team.admin.post(pods, &pod).must(201);
    let mut request = token_request();
    request["spec"]["boundObjectRef"] = json!({
        "apiVersion": "v1", "kind": "Pod", "name": "agent",
    });
    let path = "/api/v1/namespaces/team/serviceaccounts/alice/token";
    let token = team.admin.post(path, &request).must(201);
    let agent = Client::bearer(&team.sandbox, &token.text("/status/token"));
    let rules = json!([
        {
            "apiGroups": ["authentication.k8s.io"],
            "resources": ["nodes"],
            "verbs": ["impersonate:associated-node"],
        },
        {
            "apiGroups": [""],
            "resources": ["pods"],
            "verbs": ["impersonate-on:associated-node:list"],
        },
    ]);
    team.role("actor", &rules);
    team.bind("actor");
    let mut readers = cluster_role_binding("nodes-read", "view");
    readers["subjects"] = json!([{
        "kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "system:nodes",
    }]);
    team.admin
        .post(&format!("{RBAC}/clusterrolebindings"), &readers)
        .must(201);
    acting_as(&agent, "system:node:n1", &[]).get(pods).must(200);
    acting_as(&agent, "system:node:n2", &[]).get(pods).must(403);
    // The same account without a pod runs nowhere.
    acting_as(&team.alice, "system:node:n1", &[])
        .get(pods)
        .must(403);
}

#[test]
fn who_may_write_what_is_there_makes_nothing_by_its_name() {
    let team = Team::new();
    team.role(
        "lists",
        &json!([
            {
                "apiGroups": ["rbac.authorization.k8s.io"],
                "resources": ["rolebindings"], "verbs": ["update", "patch"],
                "resourceNames": ["list"],
            },
            {
                "apiGroups": ["rbac.authorization.k8s.io"],
                "resources": ["clusterroles"], "verbs": ["bind"], "resourceNames": ["view"],
            },
        ]),
    );
    team.bind("lists");
    let path = format!("{RBAC}/namespaces/team/rolebindings/list");
    let mut list = cluster_role_binding("list", "view");
    list["kind"] = json!("RoleBinding");
    let put = |who: &Client| who.put(&path, &list);
    for refused in [put(&team.alice), team.alice.apply(&path, "", &list)] {
        let refused = refused.must(403).text("/message");
        assert!(refused.contains("cannot create resource"), "{refused}");
    }
    put(&team.admin).must(201);
    put(&team.alice).must(200);
    team.alice.apply(&path, "&force=true", &list).must(200);
}
