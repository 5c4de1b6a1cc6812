//! What guards the cluster, and what runs as root on its nodes.

use serde_json::json;

use super::{Names, Probe, RBAC, named};

/// Making, changing and removing them.
pub(super) fn guards(names: &Names<'_>) -> Vec<Probe> {
    let made = [
        (
            "admissionregistration.k8s.io/v1",
            "ValidatingAdmissionPolicy",
            "validatingadmissionpolicies",
        ),
        (
            "admissionregistration.k8s.io/v1",
            "ValidatingAdmissionPolicyBinding",
            "validatingadmissionpolicybindings",
        ),
        (
            "admissionregistration.k8s.io/v1",
            "MutatingAdmissionPolicy",
            "mutatingadmissionpolicies",
        ),
        (
            "admissionregistration.k8s.io/v1",
            "MutatingAdmissionPolicyBinding",
            "mutatingadmissionpolicybindings",
        ),
        (
            "certificates.k8s.io/v1beta1",
            "ClusterTrustBundle",
            "clustertrustbundles",
        ),
        ("resource.k8s.io/v1", "DeviceClass", "deviceclasses"),
        ("resource.k8s.io/v1", "ResourceSlice", "resourceslices"),
        ("storage.k8s.io/v1", "CSIDriver", "csidrivers"),
        ("storage.k8s.io/v1", "StorageClass", "storageclasses"),
        ("storage.k8s.io/v1", "VolumeAttachment", "volumeattachments"),
        ("node.k8s.io/v1", "RuntimeClass", "runtimeclasses"),
    ];
    let mut probes = Vec::new();
    for (version, kind, plural) in made {
        let path = format!("/apis/{version}/{plural}");
        let probe = Probe::new(format!("make a {kind}"), "POST", &path);
        probes.push(probe.body(named(version, kind)));
        probes.push(Probe::new(
            format!("remove a {kind}"),
            "DELETE",
            format!("{path}/guard"),
        ));
    }
    let system = "/api/v1/namespaces/kube-system";
    let ours = |role: &str| {
        format!(
            "{RBAC}/clusterroles/kubegrant:{}:{role}",
            names.installation
        )
    };
    probes.extend([
        Probe::new(
            "change what the DNS answers",
            "PATCH",
            format!("{system}/configmaps/coredns"),
        )
        .body(json!({ "data": {} })),
        Probe::new(
            "map a cloud's users",
            "POST",
            format!("{system}/configmaps"),
        )
        .body(named("v1", "ConfigMap")),
        Probe::new(
            "go through a service",
            "GET",
            format!("{system}/services/x/proxy/"),
        ),
        Probe::new(
            "relabel one's own namespace",
            "PATCH",
            "/api/v1/namespaces/default",
        )
        .body(json!({ "metadata": { "labels": { "a": "b" } } })),
        Probe::new(
            "relabel it by its status",
            "PATCH",
            "/api/v1/namespaces/default/status",
        )
        .body(json!({ "metadata": { "labels": { "a": "b" } } })),
        Probe::new("change a node's status", "PATCH", "/api/v1/nodes/n/status").body(json!({})),
        Probe::new("add to what we call edit", "PATCH", ours("edit")).body(json!({ "rules": [] })),
        Probe::new("add to what we call view", "PATCH", ours("view")).body(json!({ "rules": [] })),
    ]);
    probes
}
