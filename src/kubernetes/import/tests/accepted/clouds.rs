//! Kubeconfigs of hosted clusters, whose logins a program makes.

use super::*;

const EKS: &str = "apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {CA}
    server: https://0123456789ABCDEF.gr7.eu-central-1.eks.amazonaws.com
  name: arn:aws:eks:eu-central-1:123456789012:cluster/prod
contexts:
- context:
    cluster: arn:aws:eks:eu-central-1:123456789012:cluster/prod
    user: arn:aws:eks:eu-central-1:123456789012:cluster/prod
  name: arn:aws:eks:eu-central-1:123456789012:cluster/prod
current-context: arn:aws:eks:eu-central-1:123456789012:cluster/prod
kind: Config
preferences: {}
users:
- name: arn:aws:eks:eu-central-1:123456789012:cluster/prod
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      args:
      - --region
      - eu-central-1
      - eks
      - get-token
      - --cluster-name
      - prod
      - --output
      - json
      command: aws
      env:
      - name: AWS_PROFILE
        value: prod
";

#[test]
fn eks_is_taken_with_permission() {
    let allowed = Allowed {
        exec: true,
        ..Allowed::default()
    };
    let imported = take(EKS, allowed).expect("EKS's file");
    assert_eq!(
        imported.server,
        "https://0123456789abcdef.gr7.eu-central-1.eks.amazonaws.com"
    );
    let plugin = plugin(&imported);
    assert_eq!(plugin.command, Path::new("aws"));
    assert_eq!(plugin.args[3], "get-token");
    assert_eq!(plugin.env, [("AWS_PROFILE".to_owned(), "prod".to_owned())]);
    assert!(!plugin.provide_cluster_info);
}

#[test]
fn eks_is_refused_without_and_names_the_command() {
    let error = take(EKS, Allowed::default())
        .expect_err("a command")
        .to_string();
    assert!(
        error.contains("aws --region eu-central-1 eks get-token"),
        "{error}"
    );
    assert!(error.contains("--allow-exec"), "{error}");
}

const GKE: &str = "apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {CA}
    server: https://34.90.1.2
  name: gke_shop_europe-west4_prod
contexts:
- context:
    cluster: gke_shop_europe-west4_prod
    user: gke_shop_europe-west4_prod
  name: gke_shop_europe-west4_prod
current-context: gke_shop_europe-west4_prod
kind: Config
users:
- name: gke_shop_europe-west4_prod
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      command: gke-gcloud-auth-plugin
      installHint: Install gke-gcloud-auth-plugin for use with kubectl by following
        https://cloud.google.com/kubernetes-engine/docs/how-to/cluster-access-for-kubectl#install_plugin
      interactiveMode: IfAvailable
      provideClusterInfo: true
";

#[test]
fn gke() {
    let allowed = Allowed {
        exec: true,
        ..Allowed::default()
    };
    let imported = take(GKE, allowed).expect("GKE's file");
    let plugin = plugin(&imported);
    assert_eq!(plugin.command, Path::new("gke-gcloud-auth-plugin"));
    assert!(plugin.provide_cluster_info);
    assert!(
        plugin
            .install_hint
            .as_deref()
            .is_some_and(|hint| hint.contains("following https://"))
    );
}

#[test]
fn aks_has_both_and_the_token_is_taken() {
    let text = KIND.replace("kind-dev", "prod").replace(
        "https://127.0.0.1:45331",
        "https://prod-dns-1a2b.hcp.westeurope.azmk8s.io:443",
    ) + "    token: 0123456789abcdef\n";
    let imported = take(&text, Allowed::default()).expect("AKS's file");
    assert_eq!(
        imported.server,
        "https://prod-dns-1a2b.hcp.westeurope.azmk8s.io"
    );
    assert_eq!(token(&imported), "0123456789abcdef");
}
