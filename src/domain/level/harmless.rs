//! Resources of others that `write` carries as they were aggregated into `edit`: what becomes of
//! such an object stays in its own namespace, or is no more than its maker may do anyway.

/// A group's resources (empty means all), and why they are harmless.
type Entry = (&'static str, &'static [&'static str], &'static str);

const PODS: &str = "it runs pods in its own namespace, under what guards that";
const SECRET: &str = "it ends in a Secret of its own namespace";
const READ: &str = "it is read, and tells numbers";
const ROUTES: &str = "it routes to what is in its own namespace, or was opened to it";
const SCALES: &str = "it scales what is in its own namespace";
const OPENSHIFT: &str = "it is OpenShift's own part of edit, made for the tenants of a namespace";

const HARMLESS: [Entry; 27] = [
    (
        "cert-manager.io",
        &["certificates", "certificaterequests", "issuers"],
        SECRET,
    ),
    ("acme.cert-manager.io", &["challenges", "orders"], SECRET),
    ("bitnami.com", &["sealedsecrets"], SECRET),
    (
        "monitoring.coreos.com",
        &[
            "alertmanagerconfigs",
            "podmonitors",
            "probes",
            "prometheusrules",
            "scrapeconfigs",
            "servicemonitors",
        ],
        "Prometheus and Alertmanager read it, and ask what it names",
    ),
    (
        "argoproj.io",
        &[
            "rollouts",
            "analysistemplates",
            "analysisruns",
            "experiments",
        ],
        PODS,
    ),
    (
        "tekton.dev",
        &[
            "tasks",
            "taskruns",
            "pipelines",
            "pipelineruns",
            "runs",
            "customruns",
        ],
        PODS,
    ),
    (
        "serving.knative.dev",
        &["services", "routes", "configurations", "revisions"],
        PODS,
    ),
    (
        "gateway.networking.k8s.io",
        &[
            "backendtlspolicies",
            "gateways",
            "grpcroutes",
            "httproutes",
            "listenersets",
            "referencegrants",
            "tcproutes",
            "tlsroutes",
            "udproutes",
        ],
        ROUTES,
    ),
    (
        "networking.istio.io",
        &[
            "destinationrules",
            "gateways",
            "serviceentries",
            "sidecars",
            "virtualservices",
            "workloadentries",
            "workloadgroups",
        ],
        ROUTES,
    ),
    (
        "security.istio.io",
        &[
            "authorizationpolicies",
            "peerauthentications",
            "requestauthentications",
        ],
        ROUTES,
    ),
    ("telemetry.istio.io", &["telemetries"], READ),
    (
        "traefik.io",
        &[
            "ingressroutes",
            "ingressroutetcps",
            "ingressrouteudps",
            "middlewares",
            "middlewaretcps",
            "tlsoptions",
            "tlsstores",
        ],
        ROUTES,
    ),
    ("projectcontour.io", &["httpproxies"], ROUTES),
    (
        "externaldns.k8s.io",
        &["dnsendpoints"],
        "it names an address, as an Ingress does",
    ),
    (
        "keda.sh",
        &["scaledjobs", "scaledobjects", "triggerauthentications"],
        SCALES,
    ),
    (
        "autoscaling.k8s.io",
        &["verticalpodautoscalers", "verticalpodautoscalercheckpoints"],
        SCALES,
    ),
    ("metrics.k8s.io", &[], READ),
    ("custom.metrics.k8s.io", &[], READ),
    ("external.metrics.k8s.io", &[], READ),
    (
        "snapshot.storage.k8s.io",
        &["volumesnapshots"],
        "it copies a volume of its own namespace",
    ),
    (
        "policy.linkerd.io",
        &[
            "authorizationpolicies",
            "httproutes",
            "meshtlsauthentications",
            "networkauthentications",
            "serverauthorizations",
            "servers",
        ],
        ROUTES,
    ),
    ("wgpolicyk8s.io", &["policyreports"], READ),
    ("apps.openshift.io", &[], OPENSHIFT),
    ("build.openshift.io", &[], OPENSHIFT),
    ("image.openshift.io", &[], OPENSHIFT),
    (
        "route.openshift.io",
        &["routes", "routes/custom-host"],
        OPENSHIFT,
    ),
    ("template.openshift.io", &[], OPENSHIFT),
];

/// Says why objects of this kind are harmless in the hands of who edits a namespace; `None` where
/// nothing is known of them.
pub(super) fn harmless(group: &str, resource: &str) -> Option<&'static str> {
    let kind = resource.split('/').next().unwrap_or(resource);
    let found = HARMLESS.iter().find(|(of, resources, _)| {
        *of == group && (resources.is_empty() || resources.contains(&kind))
    });
    found.map(|(_, _, why)| *why)
}
