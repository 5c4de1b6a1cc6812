//! Controllers that act, with rights of their own, on what an object tells them.
//!
//! Whoever may make such an object in any one namespace does what the controller may: installs
//! what it installs, or reaches the cloud account that it works with.

/// A kind of object that a controller acts on.
struct Deputy {
    /// Its API group; `*.x` means every group that ends so.
    group: &'static str,
    /// Its resources; empty means all of the group.
    resources: &'static [&'static str],
    /// What becomes of it.
    why: &'static str,
}

const fn deputy_of(
    group: &'static str,
    resources: &'static [&'static str],
    why: &'static str,
) -> Deputy {
    Deputy {
        group,
        resources,
        why,
    }
}

const FLUX: &str = "Flux applies what it is told with rights of its own, cluster-admin as a rule";
const OLM: &str = "the Operator Lifecycle Manager installs what it is told, with any rights";
const CROSSPLANE: &str = "Crossplane acts with the rights of its providers, in the cloud too";
const ARGO: &str =
    "Argo CD applies what it is told with rights of its own, cluster-admin as a rule";
const NAMESPACE_CONFIGURATION: &str =
    "the operator makes what it is told, in any namespace and with rights of its own";
const CATTLE: &str = "Rancher and its controllers act on it with cluster-admin";
const CLOUD: &str = "its controller makes it with rights in the cloud account";
const TERRAFORM: &str = "it runs a program with the rights of its runner, in the cloud too";
const HUB: &str = "Open Cluster Management applies it with rights of its own";
const GUARD: &str = "it changes or lifts what guards the cluster";
const OPENSHIFT: &str = "OpenShift's own operators make the cluster so";
const COPIES: &str = "it decides what is copied between namespaces, bindings too";

const DEPUTIES: [Deputy; 47] = [
    deputy_of("*.toolkit.fluxcd.io", &[], FLUX),
    deputy_of("fluxcd.controlplane.io", &[], FLUX),
    deputy_of("infra.contrib.fluxcd.io", &[], TERRAFORM),
    deputy_of("flux.weave.works", &[], FLUX),
    deputy_of("helm.fluxcd.io", &[], FLUX),
    deputy_of("operators.coreos.com", &[], OLM),
    deputy_of("olm.operatorframework.io", &[], OLM),
    deputy_of("crossplane.io", &[], CROSSPLANE),
    deputy_of("*.crossplane.io", &[], CROSSPLANE),
    deputy_of("*.upbound.io", &[], CROSSPLANE),
    deputy_of("redhatcop.redhat.io", &[], NAMESPACE_CONFIGURATION),
    deputy_of(
        "argoproj.io",
        &["applications", "applicationsets", "appprojects", "argocds"],
        ARGO,
    ),
    deputy_of("cattle.io", &[], CATTLE),
    deputy_of("*.cattle.io", &[], CATTLE),
    deputy_of("kro.run", &[], NAMESPACE_CONFIGURATION),
    deputy_of("*.kro.run", &[], NAMESPACE_CONFIGURATION),
    deputy_of(
        "velero.io",
        &[],
        "Velero makes what was saved, with cluster-admin",
    ),
    deputy_of("*.services.k8s.aws", &[], CLOUD),
    deputy_of("iamauthenticator.k8s.aws", &[], GUARD),
    deputy_of("*.cnrm.cloud.google.com", &[], CLOUD),
    deputy_of("*.azure.com", &[], CLOUD),
    deputy_of("aadpodidentity.k8s.io", &[], CLOUD),
    deputy_of("app.terraform.io", &[], TERRAFORM),
    deputy_of("tf.galleybytes.com", &[], TERRAFORM),
    deputy_of("tf.upbound.io", &[], TERRAFORM),
    deputy_of("pulumi.com", &[], TERRAFORM),
    deputy_of("cluster.x-k8s.io", &[], CLOUD),
    deputy_of("*.cluster.x-k8s.io", &[], CLOUD),
    deputy_of("karpenter.sh", &[], CLOUD),
    deputy_of("*.open-cluster-management.io", &[], HUB),
    deputy_of("kyverno.io", &[], GUARD),
    deputy_of("policies.kyverno.io", &[], GUARD),
    deputy_of("*.gatekeeper.sh", &[], GUARD),
    deputy_of("policies.kubewarden.io", &[], GUARD),
    deputy_of("hnc.x-k8s.io", &[], COPIES),
    deputy_of("capsule.clastix.io", &[], COPIES),
    deputy_of(
        "k8s.cni.cncf.io",
        &[],
        "its plugins run as root on the nodes",
    ),
    deputy_of("tuned.openshift.io", &[], "it runs as root on the nodes"),
    deputy_of(
        "sriovnetwork.openshift.io",
        &[],
        "it runs as root on the nodes",
    ),
    deputy_of("machineconfiguration.openshift.io", &[], OPENSHIFT),
    deputy_of("machine.openshift.io", &[], OPENSHIFT),
    deputy_of("config.openshift.io", &[], OPENSHIFT),
    deputy_of("operator.openshift.io", &[], OPENSHIFT),
    deputy_of("oauth.openshift.io", &["oauthclients"], OPENSHIFT),
    deputy_of(
        "user.openshift.io",
        &["users", "groups", "identities", "useridentitymappings"],
        OPENSHIFT,
    ),
    deputy_of("security-profiles-operator.x-k8s.io", &[], GUARD),
    deputy_of("addons.cluster.x-k8s.io", &[], NAMESPACE_CONFIGURATION),
];

/// What a rule about every group names where it means one of these.
const WELL_KNOWN: [&str; 15] = [
    "applications",
    "applicationsets",
    "appprojects",
    "buckets",
    "catalogsources",
    "clusterserviceversions",
    "gitrepositories",
    "helmchartconfigs",
    "helmcharts",
    "helmreleases",
    "installplans",
    "kustomizations",
    "ocirepositories",
    "policyexceptions",
    "subscriptions",
];

/// Says what becomes of an object of this kind where a controller is known to act on it with
/// rights of its own. Its status is what the controller says, and nothing that it is told.
pub(crate) fn deputy(group: &str, resource: &str) -> Option<&'static str> {
    if resource.ends_with("/status") || resource.ends_with("/finalizers") {
        return None;
    }
    let resource = resource.split('/').next().unwrap_or(resource);
    if group == "*" && WELL_KNOWN.contains(&resource) {
        return Some("a controller may act on it with rights of its own");
    }
    let here = |deputy: &&Deputy| {
        let of_group = match deputy.group.strip_prefix('*') {
            Some(end) => group.ends_with(end),
            None => group == deputy.group,
        };
        let any = deputy.resources.is_empty() || resource == "*";
        of_group && (any || deputy.resources.contains(&resource))
    };
    DEPUTIES.iter().find(here).map(|deputy| deputy.why)
}
