//! Named ways up: what neither `read` nor `write` may do.

mod guards;
mod issuer;
mod ours;

use serde_json::{Value, json};

use crate::caller::{Answer, Caller, Header};
use crate::home::Account;

/// A request by which somebody would gain what they were not given.
pub(crate) struct Probe {
    /// What it would be.
    pub(crate) name: String,
    method: &'static str,
    path: String,
    body: Option<Value>,
    headers: Vec<Header>,
}

impl Probe {
    fn new(name: impl Into<String>, method: &'static str, path: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            method,
            path: path.into(),
            body: None,
            headers: vec![],
        }
    }

    fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Tries it; nothing is stored even where it succeeds.
    pub(crate) fn attempt(&self, who: &Caller) -> Answer {
        let writes = self.method != "GET";
        let path = if writes {
            let mark = if self.path.contains('?') { '&' } else { '?' };
            format!("{}{mark}dryRun=All", self.path)
        } else {
            self.path.clone()
        };
        who.ask_as(self.method, &path, self.body.as_ref(), &self.headers)
    }

    /// Whether somebody is refused, by the authorizer and by nothing else.
    pub(crate) fn refuses(&self, who: &Caller) -> bool {
        is_by_the_rules(&self.attempt(who))
    }

    /// Checks it.
    #[track_caller]
    pub(crate) fn is_refused(&self, who: &Caller, whom: &str) {
        let answer = self.attempt(who);
        assert!(
            is_by_the_rules(&answer),
            "{whom} may: {} ({} {}): {} {}",
            self.name,
            self.method,
            self.path,
            answer.status,
            answer.body
        );
    }

    /// Checks that the probe asks for something that can be had: who may everything is not
    /// refused by the rules, whatever else may be wrong with the request.
    #[track_caller]
    pub(crate) fn is_open_to(&self, admin: &Caller) {
        let answer = self.attempt(admin);
        let refused = answer.status == 401 || is_by_the_rules(&answer);
        assert!(!refused, "{} is refused: {}", self.name, answer.body);
    }
}

/// Whether the authorizer refused, and not an admission plugin, which says 403 too.
fn is_by_the_rules(answer: &Answer) -> bool {
    let message = answer.body["message"].as_str().unwrap_or_default();
    answer.status == 403 && message.contains("forbidden: User \"")
}

/// Whom the probes are about.
pub(crate) struct Names<'a> {
    /// The manager's account.
    pub(crate) manager: &'a Account,
    /// The issuer's account.
    pub(crate) issuer: &'a Account,
    /// The prober's own account.
    pub(crate) own: &'a Account,
    /// Another user's account.
    pub(crate) other: &'a Account,
    /// The installation's id.
    pub(crate) installation: &'a str,
    /// A namespace with an account `robot` that is cluster-admin.
    pub(crate) privileged: &'a str,
}

pub(crate) use issuer::of_issuer;

/// The namespaces of our accounts.
const OURS: [&str; 2] = ["kubegrant", "kubegrant-users"];
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

fn token_request() -> Value {
    json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {} })
}

fn pod_spec(account: &str) -> Value {
    json!({
        "serviceAccountName": account,
        "restartPolicy": "Never",
        "containers": [{ "name": "c", "image": "i" }],
    })
}

fn pod(account: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": "probe" }, "spec": pod_spec(account),
    })
}

fn workload(api_version: &str, kind: &str) -> Value {
    let template = json!({
        "metadata": { "labels": { "a": "b" } }, "spec": pod_spec("default"),
    });
    let spec = match kind {
        "Job" => json!({ "template": template }),
        "CronJob" => json!({
            "schedule": "* * * * *", "jobTemplate": { "spec": { "template": template } },
        }),
        _ => json!({ "selector": { "matchLabels": { "a": "b" } }, "template": template }),
    };
    json!({
        "apiVersion": api_version, "kind": kind,
        "metadata": { "name": "probe" }, "spec": spec,
    })
}

fn binding(kind: &str, role: &str, account: &Account) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
        "metadata": { "name": "probe" },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role,
        },
        "subjects": [account.subject()],
    })
}

fn role(kind: &str, verb: &str, labels: &Value) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
        "metadata": { "name": "probe", "labels": labels },
        "rules": [{ "apiGroups": ["*"], "resources": ["*"], "verbs": [verb] }],
    })
}

/// Everything together.
pub(crate) fn all(names: &Names<'_>) -> Vec<Probe> {
    let mut probes = Vec::new();
    tokens(names, &mut probes);
    impersonation(names, &mut probes);
    pods(names, &mut probes);
    secrets(names, &mut probes);
    rules(names, &mut probes);
    probes.extend(ours::ours(names));
    cluster(names, &mut probes);
    probes
}

fn tokens(names: &Names<'_>, probes: &mut Vec<Probe>) {
    let ours = [names.manager, names.issuer, names.own, names.other].map(Account::clone);
    let others = [
        ("kubegrant", "default"),
        ("kubegrant-users", "default"),
        ("kube-system", "default"),
        ("kube-system", "namespace-controller"),
        ("kube-system", "clusterrole-aggregation-controller"),
        ("kube-public", "default"),
        (names.privileged, "robot"),
        (names.privileged, "default"),
    ];
    let others = others.map(|(namespace, name)| Account::new(namespace, name));
    for account in ours.into_iter().chain(others) {
        let name = format!("mint a token of {}", account.login());
        let probe = Probe::new(name, "POST", format!("{}/token", account.path()));
        probes.push(probe.body(token_request()));
    }
}

fn impersonation(names: &Names<'_>, probes: &mut Vec<Probe>) {
    let user = |namespace: &str, name: &str| Account::new(namespace, name).login();
    let users = [
        names.manager.login(),
        names.issuer.login(),
        names.other.login(),
        user("kube-system", "default"),
        user("kube-system", "clusterrole-aggregation-controller"),
        user(names.privileged, "robot"),
        "admin".to_owned(),
        "system:kube-controller-manager".to_owned(),
        "system:admin".to_owned(),
    ];
    let path = "/api"; // Everybody may ask this, once they are who they say.
    for user in users {
        let probe = Probe::new(format!("impersonate {user}"), "GET", path);
        probes.push(probe.header("Impersonate-User", user));
    }
    let own = names.own.login();
    for group in ["system:masters", "system:serviceaccounts:kube-system"] {
        let probe = Probe::new(format!("impersonate group {group}"), "GET", path);
        probes.push(
            probe
                .header("Impersonate-User", own.clone())
                .header("Impersonate-Group", group),
        );
    }
}

fn pods(names: &Names<'_>, probes: &mut Vec<Probe>) {
    for namespace in OURS.into_iter().chain(["kube-system", names.privileged]) {
        let account = match namespace {
            "kubegrant" => &names.manager.name,
            "kubegrant-users" => &names.other.name,
            _ => "default",
        };
        let pods = format!("/api/v1/namespaces/{namespace}/pods");
        let name = |what: &str| format!("{what} in {namespace}");
        probes.extend([
            Probe::new(name("run a pod"), "POST", &pods).body(pod(account)),
            Probe::new(name("exec"), "POST", format!("{pods}/p/exec?command=sh")),
            Probe::new(
                name("exec by GET"),
                "GET",
                format!("{pods}/p/exec?command=sh"),
            ),
            Probe::new(name("attach"), "POST", format!("{pods}/p/attach")),
            Probe::new(
                name("port-forward"),
                "POST",
                format!("{pods}/p/portforward"),
            ),
            Probe::new(name("proxy a pod"), "GET", format!("{pods}/p/proxy/")),
            Probe::new(
                name("add a debug container"),
                "PATCH",
                format!("{pods}/p/ephemeralcontainers"),
            )
            .body(json!({})),
            Probe::new(name("delete pods"), "DELETE", &pods),
            Probe::new(name("evict"), "POST", format!("{pods}/p/eviction")).body(json!({
                "apiVersion": "policy/v1", "kind": "Eviction", "metadata": { "name": "p" },
            })),
        ]);
        for (group, kind, plural) in [
            ("apps/v1", "Deployment", "deployments"),
            ("apps/v1", "DaemonSet", "daemonsets"),
            ("apps/v1", "StatefulSet", "statefulsets"),
            ("batch/v1", "Job", "jobs"),
            ("batch/v1", "CronJob", "cronjobs"),
        ] {
            let path = format!("/apis/{group}/namespaces/{namespace}/{plural}");
            let probe = Probe::new(name(&format!("create a {kind}")), "POST", path);
            probes.push(probe.body(workload(group, kind)));
        }
    }
}

fn secrets(names: &Names<'_>, probes: &mut Vec<Probe>) {
    probes.push(Probe::new("list all Secrets", "GET", "/api/v1/secrets"));
    probes.push(Probe::new(
        "watch all Secrets",
        "GET",
        "/api/v1/secrets?watch=true&timeoutSeconds=1",
    ));
    let others = ["kube-system", "kube-public", names.privileged];
    for namespace in OURS.into_iter().chain(others) {
        let path = format!("/api/v1/namespaces/{namespace}/secrets");
        let probe = Probe::new(format!("list Secrets of {namespace}"), "GET", &path);
        probes.push(probe);
        let one = format!("{path}/bootstrap-token-abcdef");
        probes.push(Probe::new(
            format!("get a Secret of {namespace}"),
            "GET",
            &one,
        ));
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": { "name": "probe", "annotations": {
                "kubernetes.io/service-account.name": names.manager.name,
            } },
            "type": "kubernetes.io/service-account-token",
        });
        let probe = Probe::new(
            format!("ask for a token Secret in {namespace}"),
            "POST",
            &path,
        );
        probes.push(probe.body(secret));
    }
    let path = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication";
    let probe = Probe::new("change whom the API server trusts", "PATCH", path);
    probes.push(probe.body(json!({ "data": {} })));
}

fn rules(names: &Names<'_>, probes: &mut Vec<Probe>) {
    let (own, none) = (names.own, json!({}));
    let crb = format!("{RBAC}/clusterrolebindings");
    let roles = format!("{RBAC}/clusterroles");
    let to_edit = json!({ "rbac.authorization.k8s.io/aggregate-to-edit": "true" });
    let to_view = json!({ "rbac.authorization.k8s.io/aggregate-to-view": "true" });
    probes.extend([
        Probe::new("bind oneself to cluster-admin", "POST", &crb).body(binding(
            "ClusterRoleBinding",
            "cluster-admin",
            own,
        )),
        Probe::new("bind oneself to edit everywhere", "POST", &crb).body(binding(
            "ClusterRoleBinding",
            "edit",
            own,
        )),
        Probe::new(
            "join cluster-admin's binding",
            "PATCH",
            format!("{crb}/cluster-admin"),
        )
        .body(json!({ "subjects": [] })),
        Probe::new("make a role of everything", "POST", &roles).body(role(
            "ClusterRole",
            "*",
            &none,
        )),
        Probe::new("make a role that escalates", "POST", &roles).body(role(
            "ClusterRole",
            "escalate",
            &none,
        )),
        Probe::new("make a role that binds", "POST", &roles).body(role(
            "ClusterRole",
            "bind",
            &none,
        )),
        Probe::new("add rules to edit", "POST", &roles).body(role("ClusterRole", "*", &to_edit)),
        Probe::new("add rules to view", "POST", &roles).body(role("ClusterRole", "*", &to_view)),
        Probe::new("change view", "PATCH", format!("{roles}/view")).body(json!({ "rules": [] })),
        Probe::new("change edit", "PATCH", format!("{roles}/edit")).body(json!({ "rules": [] })),
    ]);
    let others = ["default", "kube-system", names.privileged];
    for namespace in OURS.into_iter().chain(others) {
        let base = format!("{RBAC}/namespaces/{namespace}");
        for given in ["cluster-admin", "admin"] {
            let name = format!("bind oneself to {given} in {namespace}");
            let probe = Probe::new(name, "POST", format!("{base}/rolebindings"));
            probes.push(probe.body(binding("RoleBinding", given, own)));
        }
        let name = format!("make a role of everything in {namespace}");
        let probe = Probe::new(name, "POST", format!("{base}/roles"));
        probes.push(probe.body(role("Role", "*", &none)));
    }
}

fn cluster(names: &Names<'_>, probes: &mut Vec<Probe>) {
    let webhook = |kind: &str| {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
            "metadata": { "name": "probe" }, "webhooks": [],
        })
    };
    let admission = "/apis/admissionregistration.k8s.io/v1";
    let csr = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
    probes.extend([
        Probe::new(
            "a mutating webhook",
            "POST",
            format!("{admission}/mutatingwebhookconfigurations"),
        )
        .body(webhook("MutatingWebhookConfiguration")),
        Probe::new(
            "a validating webhook",
            "POST",
            format!("{admission}/validatingwebhookconfigurations"),
        )
        .body(webhook("ValidatingWebhookConfiguration")),
        Probe::new("ask for a certificate", "POST", csr)
            .body(named("certificates.k8s.io/v1", "CertificateSigningRequest")),
        Probe::new(
            "approve a certificate",
            "PATCH",
            format!("{csr}/x/approval"),
        )
        .body(json!({})),
        Probe::new("sign a certificate", "PATCH", format!("{csr}/x/status")).body(json!({})),
        Probe::new("reach a kubelet", "GET", "/api/v1/nodes/n/proxy/pods"),
        Probe::new(
            "run through a kubelet",
            "POST",
            "/api/v1/nodes/n/proxy/run/a/b/c",
        ),
        Probe::new("change a node", "PATCH", "/api/v1/nodes/n").body(json!({})),
        Probe::new("delete nodes", "DELETE", "/api/v1/nodes"),
        Probe::new(
            "an API service",
            "POST",
            "/apis/apiregistration.k8s.io/v1/apiservices",
        )
        .body(named("apiregistration.k8s.io/v1", "APIService")),
        Probe::new(
            "a resource definition",
            "POST",
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        )
        .body(named("apiextensions.k8s.io/v1", "CustomResourceDefinition")),
    ]);
    probes.extend(objects(names));
    probes.extend(guards::guards(names));
}

/// An object of a kind, empty.
fn named(api_version: &str, kind: &str) -> Value {
    json!({
        "apiVersion": api_version, "kind": kind, "metadata": { "name": "probe" }, "spec": {},
    })
}

fn objects(names: &Names<'_>) -> [Probe; 7] {
    [
        Probe::new("a namespace", "POST", "/api/v1/namespaces").body(named("v1", "Namespace")),
        Probe::new(
            "unprotect a namespace",
            "PATCH",
            format!("/api/v1/namespaces/{}", names.privileged),
        )
        .body(json!({ "metadata": { "labels": { "a": "b" } } })),
        Probe::new("a volume of a node", "POST", "/api/v1/persistentvolumes")
            .body(named("v1", "PersistentVolume")),
        Probe::new(
            "ask whose a token is",
            "POST",
            "/apis/authentication.k8s.io/v1/tokenreviews",
        )
        .body(named("authentication.k8s.io/v1", "TokenReview")),
        Probe::new(
            "take a leader's lease",
            "PATCH",
            "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-scheduler",
        )
        .body(json!({})),
        Probe::new(
            "redirect a service",
            "PATCH",
            "/api/v1/namespaces/kube-system/services/kube-dns",
        )
        .body(json!({})),
        Probe::new(
            "let traffic in",
            "POST",
            "/apis/networking.k8s.io/v1/namespaces/kube-system/networkpolicies",
        )
        .body(named("networking.k8s.io/v1", "NetworkPolicy")),
    ]
}

/// What `write` may and `read` may not: every change in an open namespace, and every Secret.
pub(crate) fn writes(namespace: &str) -> Vec<Probe> {
    let core = format!("/api/v1/namespaces/{namespace}");
    let config = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "probe" },
    });
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "probe" },
    });
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "probe" },
        "spec": { "ports": [{ "port": 80 }] },
    });
    let default = format!("system:serviceaccount:{namespace}:default");
    let mut probes = vec![
        Probe::new("create a config map", "POST", format!("{core}/configmaps")).body(config),
        Probe::new("create a Service", "POST", format!("{core}/services")).body(service),
        Probe::new("create a Secret", "POST", format!("{core}/secrets")).body(secret),
        Probe::new("list Secrets", "GET", format!("{core}/secrets")),
        Probe::new("get a Secret", "GET", format!("{core}/secrets/x")),
        Probe::new("run a pod", "POST", format!("{core}/pods")).body(pod("default")),
        Probe::new("delete pods", "DELETE", format!("{core}/pods")),
        Probe::new("exec", "POST", format!("{core}/pods/p/exec?command=sh")),
        Probe::new("port-forward", "POST", format!("{core}/pods/p/portforward")),
        Probe::new(
            "mint a token",
            "POST",
            format!("{core}/serviceaccounts/default/token"),
        )
        .body(token_request()),
        Probe::new("impersonate an account", "GET", "/api").header("Impersonate-User", default),
    ];
    for (group, kind, plural) in [
        ("apps/v1", "Deployment", "deployments"),
        ("apps/v1", "StatefulSet", "statefulsets"),
        ("batch/v1", "Job", "jobs"),
        ("batch/v1", "CronJob", "cronjobs"),
    ] {
        let path = format!("/apis/{group}/namespaces/{namespace}/{plural}");
        let probe = Probe::new(format!("create a {kind}"), "POST", path);
        probes.push(probe.body(workload(group, kind)));
    }
    probes
}
