//! Ways up for whoever has an issuer's login.

use serde_json::{Value, json};

use super::{Names, Probe, RBAC, binding, pod, token_request};
use crate::caller::{APPLY, CONTENT_TYPE};
use crate::home::Account;

/// What an issuer could become more by than write is: the prober's own account is the issuer's.
pub(crate) fn of_issuer(names: &Names<'_>) -> Vec<Probe> {
    let id = names.installation;
    let [view, edit, admins, issuer] =
        ["view", "edit", "cluster-admin", "issuer"].map(|role| format!("kubegrant:{id}:{role}"));
    let named = |kind: &str, name: &str, role: &str| {
        let mut made = binding(kind, role, names.own);
        made["metadata"]["name"] = json!(name);
        made
    };
    let lists = format!("{RBAC}/clusterrolebindings");
    let mut probes = vec![
        Probe::new(
            "put the list of admins anew",
            "PUT",
            format!("{lists}/{admins}"),
        )
        .body(named("ClusterRoleBinding", &admins, "cluster-admin")),
        apply("apply the list of admins", &format!("{lists}/{admins}")).body(named(
            "ClusterRoleBinding",
            &admins,
            "cluster-admin",
        )),
        Probe::new("another list of readers", "POST", &lists).body(named(
            "ClusterRoleBinding",
            &format!("{view}-41"),
            "view",
        )),
        Probe::new("a new list by name", "PUT", format!("{lists}/{view}-40")).body(named(
            "ClusterRoleBinding",
            &format!("{view}-40"),
            "view",
        )),
        apply("apply a new list", &format!("{lists}/{view}-40")).body(named(
            "ClusterRoleBinding",
            &format!("{view}-40"),
            "view",
        )),
        Probe::new(
            "a successor",
            "POST",
            "/api/v1/namespaces/kubegrant/serviceaccounts",
        )
        .body(json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": { "name": "kubegrant-issuer-00000000" },
        })),
        Probe::new(
            "its own next token",
            "POST",
            format!("{}/token", names.own.path()),
        )
        .body(token_request()),
        Probe::new(
            "put its role anew",
            "PUT",
            format!("{RBAC}/clusterroles/{issuer}"),
        )
        .body(json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": { "name": issuer },
            "rules": [{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }],
        })),
        Probe::new(
            "delete our readers to make them anew",
            "DELETE",
            format!("{lists}/{view}"),
        ),
    ];
    // The rules name our list of writers everywhere; where there is none, nobody makes one by its name.
    for namespace in [
        "kube-system",
        "kubegrant",
        "kubegrant-users",
        names.privileged,
    ] {
        let path = format!("{RBAC}/namespaces/{namespace}/rolebindings");
        let list = named("RoleBinding", &edit, "edit");
        let name = |what: &str| format!("{what} in {namespace}");
        probes.extend([
            Probe::new(name("make our list of writers"), "POST", &path).body(list.clone()),
            Probe::new(
                name("put our list of writers"),
                "PUT",
                format!("{path}/{edit}"),
            )
            .body(list.clone()),
            apply(name("apply our list of writers"), &format!("{path}/{edit}")).body(list),
        ]);
    }
    probes.extend(through_users(names));
    probes
}

/// What would be more than an account in the namespace where it may make them.
fn through_users(names: &Names<'_>) -> [Probe; 4] {
    let users = "/api/v1/namespaces/kubegrant-users";
    let [of_own, of_other] = [names.own, names.other].map(account_name);
    [
        Probe::new("run a pod as a user", "POST", format!("{users}/pods")).body(pod("default")),
        Probe::new(
            "a Secret that is a token",
            "POST",
            format!("{users}/secrets"),
        )
        .body(json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
            "metadata": { "name": "probe", "annotations": of_other },
        })),
        Probe::new(
            "a Secret that is its own token",
            "POST",
            "/api/v1/namespaces/kubegrant/secrets",
        )
        .body(json!({
            "apiVersion": "v1", "kind": "Secret",
            "type": "kubernetes.io/service-account-token",
            "metadata": { "name": "probe", "annotations": of_own },
        })),
        Probe::new("impersonate a user's account", "GET", "/api").header(
            "Impersonate-User",
            Account::new("kubegrant-users", "default").login(),
        ),
    ]
}

fn account_name(account: &Account) -> Value {
    json!({ "kubernetes.io/service-account.name": account.name })
}

/// A server-side apply, which makes what is not there.
fn apply(name: impl Into<String>, path: &str) -> Probe {
    let path = format!("{path}?fieldManager=probe&force=true");
    Probe::new(name, "PATCH", path).header(CONTENT_TYPE, APPLY)
}
