//! Kubeconfigs as their makers write them.

mod clouds;

use super::*;

pub(super) const KIND: &str = "apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {CA}
    server: https://127.0.0.1:45331
  name: kind-dev
contexts:
- context:
    cluster: kind-dev
    user: kind-dev
  name: kind-dev
current-context: kind-dev
kind: Config
preferences: {}
users:
- name: kind-dev
  user:
    client-certificate-data: {CERT}
    client-key-data: {KEY}
";

fn certificate(imported: &Imported) {
    let OperatorCredential::ClientCertificate {
        certificate_pem,
        key_pem,
    } = &imported.credential
    else {
        panic!("{:?} is no client certificate", imported.credential);
    };
    assert!(certificate_pem.starts_with("-----BEGIN CERTIFICATE-----\n"));
    assert!(
        key_pem
            .expose_secret()
            .starts_with("-----BEGIN PRIVATE KEY-----\n")
    );
}

fn token(imported: &Imported) -> &str {
    match &imported.credential {
        OperatorCredential::Token(token) => token.expose_secret(),
        other => panic!("{other:?} is no token"),
    }
}

fn plugin(imported: &Imported) -> &ExecPlugin {
    match &imported.credential {
        OperatorCredential::Exec(plugin) => plugin,
        other => panic!("{other:?} is no command"),
    }
}

#[test]
fn kind() {
    let imported = take(KIND, Allowed::default()).expect("kind's file");
    assert_eq!(imported.context, "kind-dev");
    assert_eq!(imported.server, "https://127.0.0.1:45331");
    assert_eq!(
        imported.ca_pem.as_deref().map(normal),
        Some(normal(&CA_PEM))
    );
    certificate(&imported);
}

fn normal(pem: &str) -> String {
    pem.replace('\r', "").trim_end().to_owned()
}

#[test]
fn k3s() {
    let text = KIND.replace("kind-dev", "default").replace("45331", "6443");
    let imported = take(&text, Allowed::default()).expect("k3s's file");
    assert_eq!(imported.context, "default");
    certificate(&imported);
}

#[test]
fn kubeadm() {
    let text = "apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {CA}
    server: https://control-plane.example:6443
  name: kubernetes
contexts:
- context: {cluster: kubernetes, user: kubernetes-admin}
  name: kubernetes-admin@kubernetes
current-context: kubernetes-admin@kubernetes
kind: Config
users:
- name: kubernetes-admin
  user:
    client-certificate-data: {CERT}
    client-key-data: {KEY}
";
    let imported = take(text, Allowed::default()).expect("kubeadm's file");
    assert_eq!(imported.server, "https://control-plane.example:6443");
    certificate(&imported);
}

const MINIKUBE: &str = "apiVersion: v1
clusters:
- cluster:
    certificate-authority: /home/op/.minikube/ca.crt
    extensions:
    - extension:
        last-update: Mon, 02 Nov 2026 10:00:00 UTC
        provider: minikube.sigs.k8s.io
        version: v1.37.0
      name: cluster_info
    server: https://192.168.49.2:8443
  name: minikube
contexts:
- context:
    cluster: minikube
    extensions:
    - extension:
        last-update: Mon, 02 Nov 2026 10:00:00 UTC
        provider: minikube.sigs.k8s.io
        version: v1.37.0
      name: context_info
    namespace: default
    user: minikube
  name: minikube
current-context: minikube
kind: Config
preferences: {}
users:
- name: minikube
  user:
    client-certificate: ../.minikube/profiles/minikube/client.crt
    client-key: /home/op/.minikube/profiles/minikube/client.key
";

#[test]
fn minikube_with_its_files_read() {
    // "../" is left to the file system, so the made-up one cannot know it.
    let text = MINIKUBE.replace("../.minikube", "/home/op/.minikube");
    let allowed = Allowed {
        files: true,
        ..Allowed::default()
    };
    let imported = take(&text, allowed).expect("minikube's file");
    certificate(&imported);
}

#[test]
fn minikube_without_permission_reads_nothing() {
    let error = take(MINIKUBE, Allowed::default()).expect_err("file references");
    assert!(
        matches!(error.refused, Refused::FileReference { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("--inline-files"), "{error}");
}

#[test]
fn a_relative_path_starts_at_its_file() {
    let error = take_all(
        &[(
            "sub/config",
            &MINIKUBE.replace("/home/op/.minikube/ca.crt", "pki/ca.crt"),
        )],
        Allowed::default(),
    )
    .expect_err("file references");
    match error.refused {
        Refused::FileReference { path, .. } => assert_eq!(path, Path::new("sub/pki/ca.crt")),
        other => panic!("{other}"),
    }
}

#[test]
fn rancher_has_a_path_and_quotes() {
    let text = r#"apiVersion: v1
kind: Config
clusters:
- name: "prod"
  cluster:
    server: "https://rancher.example/k8s/clusters/c-m-abc123/"
- name: "prod-node1"
  cluster:
    server: "https://10.0.0.1:6443"
    certificate-authority-data: "{CA}"
users:
- name: "prod"
  user:
    token: "kubeconfig-user-abc:secretsecret"
contexts:
- name: "prod"
  context:
    user: "prod"
    cluster: "prod"
- name: "prod-node1"
  context:
    user: "prod"
    cluster: "prod-node1"
current-context: "prod"
"#;
    let imported = take(text, Allowed::default()).expect("Rancher's file");
    assert_eq!(
        imported.server,
        "https://rancher.example/k8s/clusters/c-m-abc123"
    );
    assert_eq!(imported.ca_pem, None);
    assert_eq!(token(&imported), "kubeconfig-user-abc:secretsecret");
    let node = Allowed {
        context: Some("prod-node1"),
        ..Allowed::default()
    };
    assert_eq!(
        take(text, node).expect("the other").server,
        "https://10.0.0.1:6443"
    );
}

#[test]
fn digitalocean() {
    let text = "apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {CA}
    server: https://8e0e-4a2b.k8s.ondigitalocean.com
  name: do-fra1-prod
contexts:
- context:
    cluster: do-fra1-prod
    user: do-fra1-prod-admin
  name: do-fra1-prod
current-context: do-fra1-prod
kind: Config
preferences: {}
users:
- name: do-fra1-prod-admin
  user:
    token: dop_v1_0123456789abcdef
";
    let imported = take(text, Allowed::default()).expect("DigitalOcean's file");
    assert_eq!(token(&imported), "dop_v1_0123456789abcdef");
}

#[test]
fn microk8s() {
    let text = KIND
        .replace("kind-dev", "microk8s")
        .replace("45331", "16443");
    let imported = take(&text, Allowed::default()).expect("MicroK8s' file");
    assert_eq!(imported.server, "https://127.0.0.1:16443");
    certificate(&imported);
}

#[test]
fn an_x509_v1_client_certificate_is_taken() {
    let certificate_data = STANDARD.encode(include_str!("../../tls/tests/v1-client.crt"));
    let key_data = STANDARD.encode(include_str!("../../tls/tests/v1-client.key"));
    let text = KIND
        .replace("{CERT}", &certificate_data)
        .replace("{KEY}", &key_data);
    certificate(&take(&text, Allowed::default()).expect("MicroK8s' file"));
}

#[test]
fn openshift() {
    let text = "apiVersion: v1
clusters:
- cluster:
    server: https://api.ocp.example:6443
  name: api-ocp-example:6443
contexts:
- context:
    cluster: api-ocp-example:6443
    namespace: shop
    user: kube:admin/api-ocp-example:6443
  name: shop/api-ocp-example:6443/kube:admin
current-context: shop/api-ocp-example:6443/kube:admin
kind: Config
preferences: {}
users:
- name: kube:admin/api-ocp-example:6443
  user:
    token: sha256~abcDEF-123_456
";
    let imported = take(text, Allowed::default()).expect("OpenShift's file");
    assert_eq!(imported.context, "shop/api-ocp-example:6443/kube:admin");
    assert_eq!(token(&imported), "sha256~abcDEF-123_456");
}

#[test]
fn a_file_of_json_is_yaml_too() {
    let text = r#"{"apiVersion":"v1","kind":"Config","current-context":"a",
        "clusters":[{"name":"c","cluster":{"server":"https://c.example"}}],
        "contexts":[{"name":"a","context":{"cluster":"c","user":"u"}}],
        "users":[{"name":"u","user":{"username":"me","password":"p:w"}}]}"#;
    let imported = take(text, Allowed::default()).expect("a JSON file");
    match imported.credential {
        OperatorCredential::Basic { username, password } => {
            assert_eq!((username.as_str(), password.expose_secret()), ("me", "p:w"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_token_file_is_read_and_trimmed_and_goes_before_the_token() {
    let text = KIND
        .replace(
            "    client-certificate-data: {CERT}\n",
            "    tokenFile: token\n",
        )
        .replace("    client-key-data: {KEY}\n", "    token: other\n");
    let allowed = Allowed {
        files: true,
        ..Allowed::default()
    };
    assert_eq!(
        token(&take(&text, allowed).expect("a token file")),
        "file-token"
    );
}

#[test]
fn inline_data_goes_before_a_file() {
    let text = KIND.replace(
        "    server:",
        "    certificate-authority: /nowhere\n    server:",
    );
    assert!(take(&text, Allowed::default()).is_ok());
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_do_not_matter() {
    let text = format!("\u{feff}{}", KIND.replace('\n', "\r\n"));
    assert!(take(&text, Allowed::default()).is_ok());
}

#[test]
fn a_private_key_in_the_authority_is_left_behind() {
    let both = format!("junk\n{}{}", *KEY_PEM, *CA_PEM);
    let text = KIND.replace("{CA}", &STANDARD.encode(both));
    let imported = take(&text, Allowed::default()).expect("an authority with more");
    assert!(!imported.ca_pem.expect("an authority").contains("PRIVATE"));
}

#[test]
fn proxies_and_server_names_are_taken() {
    let text = KIND.replace(
        "    server:",
        "    tls-server-name: kubernetes\n    proxy-url: socks5://127.0.0.1:1080\n    server:",
    );
    let imported = take(&text, Allowed::default()).expect("a proxy");
    assert_eq!(imported.tls_server_name.as_deref(), Some("kubernetes"));
    assert_eq!(
        imported.proxy_url.as_deref(),
        Some("socks5://127.0.0.1:1080")
    );
}

#[test]
fn the_other_entries_are_not_judged() {
    let text = KIND.replace(
        "contexts:\n",
        "- name: bad\n  cluster: {server: 'http://x', odd: 1}\ncontexts:\n",
    ) + "- name: bad\n  user: {auth-provider: {name: gcp}, exec: {command: rm}}\n";
    assert!(take(&text, Allowed::default()).is_ok());
}

#[test]
fn nothing_secret_is_shown_by_debug() {
    let text = KIND.to_owned() + "    token: canary\n";
    let imported = take(&text, Allowed::default()).expect("a token");
    assert!(!format!("{imported:?}").contains("canary"));
}

#[test]
fn what_is_for_login_commands_is_told_to_them() {
    let text = "clusters: [{name: c, cluster: {server: 'https://c.example', extensions: [\
                {name: other, extension: 1}, {name: client.authentication.k8s.io/exec, \
                extension: {audience: ops, ttl: 7, deep: [true, null, 1.5, '1', 0x7]}}]}}]\n\
                contexts: [{name: a, context: {cluster: c, user: u}}]\n\
                users: [{name: u, user: {token: t}}]\n";
    let imported = take(text, Allowed::default()).expect("a kubeconfig");
    let expected = serde_json::json!({
        "audience": "ops", "ttl": 7, "deep": [true, null, 1.5, "1", "0x7"],
    });
    assert_eq!(imported.exec_config, Some(expected));
}
