//! The head of the audit log on a cluster: who can write there, and what it is worth.

use std::fmt::Write as _;

use ring::hmac;
use serde_json::{Value, json};

use crate::cluster_rotate_manager::token;
use crate::home::{Home, PODS, answer, get};

const NAMESPACE: &str = "/api/v1/namespaces/kubegrant";

fn namespace(kg: &Home) -> Value {
    let admin = kg.sandbox.admin_kubeconfig_token();
    answer(&admin, "GET", NAMESPACE, None)
}

/// The annotation and its text.
fn head(kg: &Home) -> (String, String) {
    let namespace = namespace(kg);
    let annotations = namespace["metadata"]["annotations"].as_object();
    let mut found = annotations.into_iter().flatten();
    let (name, text) = found
        .find(|(name, _)| name.starts_with("kubegrant.io/head-"))
        .expect("a head");
    (name.clone(), text.as_str().expect("a text").to_owned())
}

/// Writes there, as somebody who may change namespaces.
fn forge(kg: &Home, text: &str) {
    let (name, _) = head(kg);
    let mut namespace = namespace(kg);
    namespace["metadata"]["annotations"][name] = text.into();
    let admin = kg.sandbox.admin_kubeconfig_token();
    answer(&admin, "PUT", NAMESPACE, Some(&namespace));
}

/// What somebody can write who knows the manager's login.
fn proven(kg: &Home, login: &str, head_text: &str) -> String {
    let installation = head(kg).0.replace("kubegrant.io/head-", "");
    let uid = kg
        .objects("Namespace")
        .into_iter()
        .find(|(name, _)| name == "kube-system")
        .expect("it is there")
        .1["metadata"]["uid"]
        .as_str()
        .expect("a UID")
        .to_owned();
    let secret = hmac::Key::new(hmac::HMAC_SHA256, login.as_bytes());
    let mut context = hmac::Context::with_key(&secret);
    for part in ["kubegrant head v1", &installation, &uid] {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, context.sign().as_ref());
    let tag = hmac::sign(&key, head_text.as_bytes());
    let mut hex = String::new();
    for byte in tag.as_ref() {
        write!(hex, "{byte:02x}").expect("a string takes it");
    }
    format!("{head_text} {hex}")
}

/// One line of anybody who may change namespaces made revoking impossible, for good.
#[test]
fn a_new_cluster_holds_a_head_at_once() {
    let mut kg = Home::new();
    let (_, text) = head(&kg);
    // It is one that the store knows, so that the next command trusts the store by it.
    kg.run("audit verify").success();
    kg.run("reconcile").success();
    assert_eq!(head(&kg).1, text);
}

#[test]
fn a_forged_head_is_said_and_stops_nobody() {
    let zeros = "0".repeat(64);
    let tagged = format!("1 999999 {zeros} {zeros}");
    for forged in [
        format!("9223372036854775807 999999 {zeros}"),
        format!("0 999999 {zeros}"),
        tagged,
        "nonsense".to_owned(),
        String::new(),
    ] {
        let mut kg = Home::new();
        let file = kg.grant_and_download("alice", "read");
        forge(&kg, &forged);
        let name = head(&kg).0;
        kg.run("cluster check prod")
            .success()
            .says("it is not relied upon")
            .says(&name)
            .says("kubectl get namespace kubegrant");
        kg.run("access revoke alice --cluster prod --yes")
            .success()
            .says("it is not relied upon");
        assert_ne!(get(&file, PODS), 200, "{forged}");
        // That change wrote it anew.
        kg.run("cluster check prod")
            .success()
            .never_says("not relied upon");
    }
}

#[test]
fn a_head_of_an_older_version_is_said_once_and_replaced() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    let (_, text) = head(&kg);
    let (untagged, _) = text.rsplit_once(' ').expect("a tag");
    forge(&kg, untagged);
    insta::assert_snapshot!(kg.run("access grant alice -c prod -l write"), @r"
        USER    CLUSTER   LEVEL   ENDS     APPLIED
        alice   prod      write   <none>   yes
        ----- stderr -----
        'alice' can write cluster 'prod'.
        Version 1 of 'alice' no longer works on cluster 'prod' (read back).
        hint: hand it over with `kubegrant kubeconfig download prod --user alice`
        warning: cluster 'prod': the head of the audit log there does not prove who wrote it: an older kubegrant, or anybody who may change namespaces; it is not relied upon
        hint: look at the annotation kubegrant.io/head-e8dd943d of namespace 'kubegrant' with `kubectl get namespace kubegrant -o yaml --show-managed-fields`; the next change on the cluster writes it anew
        [exit 0]
        ");
    assert_eq!(head(&kg).1.split(' ').count(), 4);
    kg.run("reconcile").success().never_says("relied");
}

/// Who may change the namespace can put an earlier one back: the cluster knows less, no more.
#[test]
fn an_earlier_head_of_ours_stops_nobody() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    let (_, early) = head(&kg);
    kg.run("access grant alice -c prod -l write").success();
    kg.download_for("alice");
    assert_ne!(head(&kg).1, early);
    forge(&kg, &early);
    kg.run("cluster check prod").success().never_says("relied");
    kg.run("access revoke alice -c prod --yes").success();
    // Worth nothing under another login.
    kg.run("cluster rotate-manager prod")
        .success()
        .never_says("relied");
    forge(&kg, &early);
    kg.run("cluster check prod")
        .success()
        .says("was not written with the manager's login that is stored here");
}

/// Somebody who knew the manager's login writes what looks like a younger store.
#[test]
fn a_head_under_the_managers_own_login_is_accepted_away_or_relinked_away() {
    for way_out in [
        "audit accept --reason looked --yes",
        "cluster relink prod --kubeconfig admin.conf --yes",
    ] {
        let mut kg = Home::new();
        kg.grant_and_download("alice", "read");
        let login = token(&kg);
        let zeros = "0".repeat(64);
        // An epoch that has not come, though it could soon.
        let soon = "2026-11-22T20:00:00Z".parse::<chrono::DateTime<chrono::Utc>>();
        let soon = soon.expect("a time").timestamp();
        forge(&kg, &proven(&kg, &login, &format!("{soon} 999999 {zeros}")));
        let name = head(&kg).0;
        kg.run("cluster check prod").exit(7).says(&name);
        kg.run(way_out).success();
        // An accepted store leaves in doubt what another copy of it may have issued.
        kg.run("reconcile").success().never_says("relied");
        kg.run("cluster check prod").success().never_says("relied");
        kg.run("access revoke alice -c prod --yes").success();
        // One of a time far away is not believed at all.
        let login = token(&kg);
        let far = i64::MAX;
        forge(&kg, &proven(&kg, &login, &format!("{far} 999999 {zeros}")));
        kg.run("cluster check prod")
            .success()
            .says("is of a time that has not come");
    }
}

#[test]
fn what_is_no_secret_is_in_no_head() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    let (_, text) = head(&kg);
    let login = token(&kg);
    assert!(!text.contains(&login));
    assert_eq!(json!(text).as_str().map(str::len), Some(text.len()));
    assert!(text.len() < 200, "{text}");
}
