//! Ways up through what is ours: the accounts, the lists, the roles, the namespaces.

use serde_json::json;

use super::{Names, OURS, Probe, RBAC};

pub(super) fn ours(names: &Names<'_>) -> Vec<Probe> {
    let id = names.installation;
    let list = |role: &str| format!("{RBAC}/clusterrolebindings/kubegrant:{id}:{role}");
    let subjects = json!({ "subjects": [names.own.subject()] });
    let edit = format!("{RBAC}/namespaces/default/rolebindings/kubegrant:{id}:edit");
    let mut probes = vec![
        Probe::new("join our cluster-admins", "PATCH", list("cluster-admin"))
            .body(subjects.clone()),
        Probe::new("join our readers", "PATCH", list("view")).body(subjects.clone()),
        Probe::new("join our writers", "PATCH", edit.clone()).body(subjects.clone()),
        Probe::new("delete our readers", "DELETE", list("view")),
        Probe::new("delete our writers", "DELETE", edit),
        Probe::new("delete another's account", "DELETE", names.other.path()),
    ];
    for (role, account) in [("manager", names.manager), ("issuer", names.issuer)] {
        let users = format!("{RBAC}/namespaces/kubegrant-users");
        let name = |what: &str| format!("{what} the {role}");
        let bound = format!("rolebindings/kubegrant:{id}:{role}");
        probes.extend([
            Probe::new(name("join"), "PATCH", list(role)).body(subjects.clone()),
            Probe::new(name("join there"), "PATCH", format!("{users}/{bound}"))
                .body(subjects.clone()),
            Probe::new(
                name("change the role of"),
                "PATCH",
                format!("{RBAC}/clusterroles/kubegrant:{id}:{role}"),
            )
            .body(json!({ "rules": [] })),
            Probe::new(
                name("change the role there of"),
                "PATCH",
                format!("{users}/roles/kubegrant:{id}:{role}"),
            )
            .body(json!({ "rules": [] })),
            Probe::new(name("delete"), "DELETE", account.path()),
        ]);
    }
    for namespace in OURS {
        let path = format!("/api/v1/namespaces/{namespace}");
        let accounts = format!("{path}/serviceaccounts");
        let name = |what: &str| format!("{what} in {namespace}");
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "probe" },
        });
        probes.extend([
            Probe::new(name("make an account"), "POST", &accounts).body(account),
            Probe::new(name("delete all accounts"), "DELETE", &accounts),
            Probe::new(format!("relabel {namespace}"), "PATCH", &path)
                .body(json!({ "metadata": { "labels": { "a": "b" } } })),
            Probe::new(format!("delete {namespace}"), "DELETE", &path),
        ]);
    }
    probes
}
