//! `kubegrant cluster add`: every way to log in, and everything that is refused.

use std::time::Duration;

use kubegrant_sandbox::{Action, Fault, Match, Sandbox};
use serde_json::{Value, json};

use crate::home::{Home, PODS, get, set_mode, yaml};

fn home() -> Home {
    Home::organization(Sandbox::builder())
}

/// The admin's kubeconfig with one thing changed.
fn altered(kg: &Home, change: impl Fn(&mut Value)) -> String {
    let mut config = yaml(&kg.sandbox.admin_kubeconfig_token());
    change(&mut config);
    serde_saphyr::to_string(&config).expect("YAML")
}

/// Adds the cluster from a kubeconfig with one thing changed.
fn add_altered(kg: &mut Home, change: impl Fn(&mut Value)) -> crate::home::Ran {
    let text = altered(kg, change);
    kg.write("k.conf", &text);
    kg.run("cluster add prod --kubeconfig k.conf")
}

#[test]
fn adding_a_cluster_pins_it_and_makes_a_manager() {
    let mut kg = home();
    kg.write("admin.conf", &kg.sandbox.admin_kubeconfig_token());
    insta::assert_snapshot!(
        kg.run("cluster add prod --kubeconfig admin.conf --owner alice --label env=prod"),
        @r"
        Name:         prod
        Server:       https://127.0.0.1:[PORT]
        Version:      v1.36.0+sandbox
        Identity:     [UID]
        Owner:        alice
        Context:      sandbox
        Manager:      kubegrant-manager (login: token)
        Login ends:   2036-11-19T10:00:00Z
        ----- stderr -----
        Cluster 'prod' is registered.
        hint: give access with `kubegrant access grant USER --cluster prod --level read`
        [exit 0]
    "
    );
    kg.run("cluster check prod").success();
}

#[test]
fn what_is_made_is_labelled_and_nothing_more_than_the_manager() {
    let mut kg = home();
    kg.sandbox.clear_requests();
    kg.add_prod();
    let mut made: Vec<String> = kg
        .sandbox
        .objects()
        .iter()
        .filter(|object| {
            object["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "kubegrant"
        })
        .map(|object| {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            let kind = object["kind"].as_str().unwrap_or_default();
            format!("{kind} {}", name.replace(char::is_numeric, "#"))
        })
        .collect();
    made.sort();
    // Two namespaces; accounts, logins, and roles with their bindings of the manager and the issuer.
    assert_eq!(made.len(), 2 + 2 + 2 + 2 * 5, "{made:?}");
    let token = kg.objects("ServiceAccount");
    let manager = token
        .iter()
        .find(|(name, _)| name == "kubegrant/kubegrant-manager")
        .expect("the manager");
    assert!(manager.1["metadata"]["labels"]["kubegrant.io/installation"].is_string());
    assert_eq!(manager.1["automountServiceAccountToken"], false);
}

#[test]
fn a_client_certificate_is_taken_and_its_group_warned_about() {
    let mut kg = home();
    kg.write("admin.conf", &kg.sandbox.admin_kubeconfig());
    let said = kg.run("cluster add prod --kubeconfig admin.conf");
    said.success().says("system:masters");
    kg.run("cluster check prod").success();
}

// kube-apiserver and kubectl take version 1 certificates; rustls alone would refuse them.
#[test]
fn a_version_1_client_certificate_is_taken() {
    let mut kg = home();
    kg.write("admin.conf", &kg.sandbox.admin_kubeconfig_v1());
    kg.run("cluster add prod --kubeconfig admin.conf").success();
    kg.run("cluster check prod").success();
}

#[test]
fn a_version_1_certificate_that_is_kept_still_works() {
    let mut kg = home();
    kg.write("admin.conf", &kg.sandbox.admin_kubeconfig_v1());
    kg.run("cluster add prod --kubeconfig admin.conf --keep-credential")
        .success()
        .says("credential is kept");
    assert_eq!(get(&kg.grant_and_download("alice", "read"), PODS), 200);
}

#[test]
fn a_kubeconfig_comes_from_standard_input() {
    let mut kg = home();
    let text = kg.sandbox.admin_kubeconfig();
    kg.run_with_input("cluster add prod --kubeconfig -", &text)
        .success();
}

#[test]
fn a_kubeconfig_comes_from_the_list_of_the_variable_whose_first_file_is_right() {
    let mut kg = home();
    let other = altered(&kg, |config| {
        config["current-context"] = "elsewhere".into();
    });
    kg.write("a", &kg.sandbox.admin_kubeconfig_token());
    kg.write("b", &other);
    let list = format!(
        "{}:{}:{}",
        kg.path("absent").display(),
        kg.path("a").display(),
        kg.path("b").display()
    );
    let said = kg.run_where(
        |fixture| fixture.variable("KUBECONFIG", list.clone()),
        "cluster add prod",
    );
    said.success();
}

#[test]
fn a_kubeconfig_comes_from_the_home_directory_last() {
    let mut kg = home();
    let folder = kg.root().join("home/.kube");
    std::fs::create_dir(&folder).expect("a folder");
    kg.write("admin.conf", &kg.sandbox.admin_kubeconfig_token());
    std::fs::rename(kg.path("admin.conf"), folder.join("config")).expect("moved");
    kg.run("cluster add prod").success();
}

#[test]
fn without_a_kubeconfig_the_flag_is_named() {
    let mut kg = home();
    insta::assert_snapshot!(kg.run("cluster add prod"), @r"
        ----- stderr -----
        error: there is no kubeconfig

        hint: name one with `--kubeconfig FILE`, or set KUBECONFIG
        [exit 2]
    ");
    insta::assert_snapshot!(kg.run("cluster add prod --kubeconfig absent.conf"), @r"
        ----- stderr -----
        error: there is no file '[HOME]/work/absent.conf'
        [exit 3]
    ");
}

#[test]
fn of_several_contexts_one_is_chosen() {
    let mut kg = home();
    let several = |config: &mut Value| {
        let mut second = config["contexts"][0].clone();
        second["name"] = "second".into();
        let list = config["contexts"].as_array_mut().expect("a list");
        list.push(second);
        if let Value::Object(config) = config {
            config.shift_remove("current-context");
        }
    };
    insta::assert_snapshot!(add_altered(&mut kg, several), @r"
        ----- stderr -----
        error: the kubeconfig cannot be used
          caused by: [HOME]/work/k.conf: there are several contexts: 'sandbox', 'second'; choose one with `--context`
        [exit 2]
    ");
    insta::assert_snapshot!(
        kg.run("cluster add prod --kubeconfig k.conf --context secnod"),
        @r"
        ----- stderr -----
        error: the kubeconfig cannot be used
          caused by: [HOME]/work/k.conf: there is no context 'secnod'; did you mean 'second'?
        [exit 2]
    "
    );
    kg.run("cluster add prod --kubeconfig k.conf --context second")
        .success();
}

#[test]
fn plain_http_is_refused() {
    let mut kg = home();
    let said = add_altered(&mut kg, |config| {
        config["clusters"][0]["cluster"]["server"] = "http://127.0.0.1:8080".into();
    });
    insta::assert_snapshot!(said, @r"
        ----- stderr -----
        error: the kubeconfig cannot be used
          caused by: [HOME]/work/k.conf: the server of cluster 'sandbox' is plain http, where anyone on the way reads the credential; give the cluster's https address
        [exit 2]
    ");
}

#[test]
fn an_exec_plugin_is_not_run_unless_allowed() {
    let mut kg = home();
    let admin = kg.sandbox.admin_kubeconfig_token();
    let token = yaml(&admin)["users"][0]["user"]["token"].clone();
    let answer = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
        "status": { "token": token },
    });
    let witness = kg.path("was-run");
    kg.write(
        "plugin.sh",
        &format!("#!/bin/sh\ntouch {}\necho '{answer}'\n", witness.display()),
    );
    set_mode(&kg.path("plugin.sh"), 0o755);
    let command = kg.path("plugin.sh").display().to_string();
    let said = add_altered(&mut kg, |config| {
        config["users"][0]["user"] = json!({ "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": command, "interactiveMode": "Never",
        }});
    });
    insta::assert_snapshot!(said, @r"
        ----- stderr -----
        error: the kubeconfig cannot be used
          caused by: [HOME]/work/k.conf: user 'sandbox' logs in by running `[HOME]/work/plugin.sh`, which was not run; `--allow-exec` runs it once
        [exit 2]
    ");
    assert!(!witness.exists());
    kg.run("cluster add prod --kubeconfig k.conf --allow-exec --keep-credential")
        .exit(2)
        .says("short-lived");
    kg.run("cluster add prod --kubeconfig k.conf --allow-exec")
        .success();
    assert!(witness.exists());
}

#[test]
fn referenced_files_are_read_only_when_asked_for() {
    let mut kg = home();
    let token = yaml(&kg.sandbox.admin_kubeconfig_token())["users"][0]["user"]["token"].clone();
    kg.write("token", token.as_str().expect("text"));
    let said = add_altered(&mut kg, |config| {
        config["users"][0]["user"] = json!({ "tokenFile": "token" });
    });
    insta::assert_snapshot!(said, @r"
        ----- stderr -----
        error: the kubeconfig cannot be used
          caused by: [HOME]/work/k.conf: `tokenFile` of user 'sandbox' points to the file '[HOME]/work/token', which was not read; `--inline-files` reads it
        [exit 2]
    ");
    kg.run("cluster add prod --kubeconfig k.conf --inline-files")
        .success();
}

#[test]
fn an_auth_provider_is_refused_with_a_way_out() {
    let mut kg = home();
    let said = add_altered(&mut kg, |config| {
        config["users"][0]["user"] = json!({ "auth-provider": { "name": "gcp" } });
    });
    insta::assert_snapshot!(said, @r"
        ----- stderr -----
        error: the kubeconfig cannot be used
          caused by: [HOME]/work/k.conf: user 'sandbox' logs in by the auth provider 'gcp', which Kubernetes removed in 1.26; give a token or a client certificate
        [exit 2]
    ");
}

#[test]
fn skipping_the_check_of_the_servers_certificate_is_refused() {
    let mut kg = home();
    let said = add_altered(&mut kg, |config| {
        config["clusters"][0]["cluster"]["insecure-skip-tls-verify"] = true.into();
    });
    insta::assert_snapshot!(said, @r"
        ----- stderr -----
        error: the kubeconfig cannot be used
          caused by: [HOME]/work/k.conf: cluster 'sandbox' sets `insecure-skip-tls-verify`, so anyone could play the API server; remove it and set `certificate-authority-data` instead
        [exit 2]
    ");
}

#[test]
fn impersonation_is_refused() {
    let mut kg = home();
    let said = add_altered(&mut kg, |config| {
        config["users"][0]["user"]["as"] = "system:admin".into();
    });
    said.exit(2);
}

#[test]
fn what_is_no_kubeconfig_is_refused_in_its_own_words() {
    let mut kg = home();
    for (text, words) in [
        ("", "the file is empty"),
        ("{", "is not YAML"),
        ("apiVersion: v1\nkind: Pod\n", "this is no kubeconfig"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "YAML anchor"),
        (
            "apiVersion: v1\nkind: Config\nkind: Config\n",
            "second time",
        ),
        ("apiVersion: v1\nkind: Config\n", "context"),
    ] {
        kg.write("k.conf", text);
        let said = kg.run("cluster add prod --kubeconfig k.conf");
        said.exit(2).says(words);
    }
    kg.run("cluster show prod").exit(3);
}

#[test]
fn twenty_megabytes_are_no_kubeconfig() {
    let mut kg = home();
    kg.write("k.conf", &"#".repeat(20 * 1024 * 1024));
    insta::assert_snapshot!(kg.run("cluster add prod --kubeconfig k.conf"), @r"
        ----- stderr -----
        error: '[HOME]/work/k.conf' is larger than 16777216 bytes
        [exit 2]
    ");
    let input = "#".repeat(20 * 1024 * 1024);
    kg.run_with_input("cluster add prod --kubeconfig -", &input)
        .exit(2);
}

#[test]
fn a_name_is_taken_once() {
    let mut kg = Home::new();
    kg.sandbox.clear_requests();
    insta::assert_snapshot!(kg.run("cluster add prod --kubeconfig admin.conf"), @r"
        ----- stderr -----
        error: cluster 'prod' exists already

        hint: choose another name, or renew its address and pins with `kubegrant cluster relink prod`
        [exit 5]
    ");
    assert!(kg.sandbox.requests().is_empty());
}

#[test]
fn one_cluster_is_registered_once() {
    let mut kg = Home::new();
    kg.sandbox.clear_requests();
    insta::assert_snapshot!(kg.run("cluster add other --kubeconfig admin.conf"), @r"
        ----- stderr -----
        error: cluster 'prod', which is this very one, exists already

        hint: run `kubegrant cluster show prod`
        [exit 5]
    ");
    assert!(!kg.was_changed());
}

#[test]
fn where_tokens_are_capped_the_manager_logs_in_with_a_secret() {
    let day = Duration::from_hours(24);
    let mut kg = Home::with(Sandbox::builder().max_token_ttl(Some(day)));
    let shown = kg.run("cluster show prod -o json").json();
    assert_eq!(shown["manager_login"], "secret");
    assert_eq!(shown["manager_expires_at"], Value::Null);
    kg.tick(48);
    kg.run("cluster check prod").success();
}

#[test]
fn where_nothing_fills_a_token_secret_nothing_is_left_behind() {
    let day = Duration::from_hours(24);
    let sandbox = Sandbox::builder()
        .max_token_ttl(Some(day))
        .controllers(false);
    let mut kg = Home::organization(sandbox);
    kg.write("admin.conf", &kg.sandbox.admin_kubeconfig_token());
    let said = kg.run("cluster add prod --kubeconfig admin.conf");
    said.exit(5).says("nothing fills token Secrets");
    assert!(kg.objects("Secret").is_empty());
}

#[test]
fn the_operators_credential_is_not_kept_and_the_manager_outlives_it() {
    let mut kg = Home::new();
    kg.sandbox.clear_requests();
    kg.grant_and_download("alice", "read");
    let users: Vec<String> = kg
        .sandbox
        .requests()
        .into_iter()
        .map(|request| request.user)
        .collect();
    // The manager; and the account whose token is tried before it is handed over.
    let manager = "system:serviceaccount:kubegrant:kubegrant-manager";
    let alice = "system:serviceaccount:kubegrant-users:alice-";
    let is_known = |user: &String| user == manager || user.starts_with(alice);
    assert!(users.iter().all(is_known), "{users:?}");
}

#[test]
fn a_login_without_the_rights_changes_nothing() {
    let mut kg = Home::new();
    let weak = kg.grant_and_download("alice", "read");
    let mut other = Home::organization(Sandbox::builder());
    other.write("weak.conf", &weak);
    kg.sandbox.clear_requests();
    insta::assert_snapshot!(other.run("cluster add prod --kubeconfig weak.conf"), @r"
        ----- stderr -----
        error: the login in context 'alice@prod' may not create namespaces, create serviceaccounts, create serviceaccounts/token, create roles, create rolebindings, create clusterroles, patch clusterroles, create clusterrolebindings, bind clusterroles 'cluster-admin', list clusterroles

        hint: use a kubeconfig whose login is cluster-admin, with `--context`
        [exit 4]
    ");
    assert!(!kg.was_changed());
}

#[test]
fn a_dead_server_a_slow_one_and_a_stranger_are_told_apart() {
    let mut kg = home();
    kg.write("admin.conf", &kg.sandbox.admin_kubeconfig_token());
    let stranger = Sandbox::start().expect("another sandbox");
    let text = altered(&kg, |config| {
        config["clusters"][0]["cluster"]["server"] = stranger.url().into();
    });
    kg.write("stranger.conf", &text);
    insta::assert_snapshot!(kg.run("cluster add prod --kubeconfig stranger.conf"), @r"
        ----- stderr -----
        error: cannot use context 'sandbox' for cluster 'prod': no trusted connection to https://127.0.0.1:[PORT]: its certificate is not signed by the known certificate authority

        hint: compare the kubeconfig's certificate authority and address with those of the cluster
        [exit 7]
    ");
    kg.sandbox.stop();
    insta::assert_snapshot!(kg.run("cluster add prod --kubeconfig admin.conf"), @r"
        ----- stderr -----
        error: cannot use context 'sandbox' for cluster 'prod': cannot reach https://127.0.0.1:[PORT]: tcp connect error: Connection refused (os error 111)

        hint: nothing was changed; try again when it answers
        [exit 8]
    ");
    kg.run("cluster list -o name").success().never_says("prod");
}

#[test]
fn a_credential_that_is_not_accepted_is_said_to_be() {
    let mut kg = home();
    kg.write("k.conf", &kg.sandbox.kubeconfig_for_token("nonsense"));
    insta::assert_snapshot!(kg.run("cluster add prod --kubeconfig k.conf"), @r"
        ----- stderr -----
        error: cannot use context 'sandbox' for cluster 'prod': the server does not accept the credential for namespace 'kube-system': Unauthorized

        hint: the login in this kubeconfig is not accepted: get a fresh kubeconfig
        [exit 4]
    ");
}

#[test]
fn what_answers_like_no_api_server_is_refused() {
    let mut kg = home();
    kg.sandbox.fault(Fault {
        matches: Match::default(),
        action: Action::Raw {
            status: 200,
            body: "<html>hello</html>".to_owned(),
        },
    });
    kg.write("admin.conf", &kg.sandbox.admin_kubeconfig_token());
    insta::assert_snapshot!(kg.run("cluster add prod --kubeconfig admin.conf"), @r"
        ----- stderr -----
        error: cannot use context 'sandbox' for cluster 'prod': namespace 'kube-system' got an answer that no Kubernetes API server gives: 200 OK with a body that is not JSON (application/json)

        hint: is this address really a Kubernetes API server's?
        [exit 7]
    ");
}

#[test]
fn a_failure_half_way_may_be_repeated() {
    let mut kg = home();
    kg.write("admin.conf", &kg.sandbox.admin_kubeconfig_token());
    for nth in 1..=5 {
        kg.sandbox.fault(Fault {
            matches: Match {
                method: Some("PATCH".to_owned()),
                path_contains: None,
                nth: Some(nth),
            },
            action: Action::ResetAfter,
        });
        let said = kg.run("cluster add prod --kubeconfig admin.conf");
        kg.sandbox.clear_faults();
        if said.code == 0 {
            break;
        }
        said.exit(8);
    }
    let said = kg.run("cluster add prod --kubeconfig admin.conf");
    assert!(matches!(said.code, 0 | 5), "{said}");
    kg.run("cluster check prod").success();
}

#[test]
fn write_for_the_whole_cluster_is_warned_about() {
    let mut kg = home();
    kg.write("admin.conf", &kg.sandbox.admin_kubeconfig_token());
    kg.run("cluster add prod --kubeconfig admin.conf --write-scope cluster")
        .success()
        .says("become cluster-admin");
}

#[test]
fn a_developer_registers_nothing() {
    let mut kg = home();
    kg.write("admin.conf", &kg.sandbox.admin_kubeconfig_token());
    kg.sandbox.clear_requests();
    insta::assert_snapshot!(
        kg.run_as("alice", "cluster add prod --kubeconfig admin.conf"),
        @r"
        ----- stderr -----
        error: 'alice' may not register a cluster: organization owners and admins may

        hint: ask 'olivia'
        [exit 4]
    "
    );
    assert!(kg.sandbox.requests().is_empty());
}

#[test]
fn an_owner_must_exist_and_be_active() {
    let mut kg = home();
    kg.write("admin.conf", &kg.sandbox.admin_kubeconfig_token());
    kg.run("cluster add prod --kubeconfig admin.conf --owner zed")
        .exit(3);
    kg.run("user disable bob --yes").success();
    kg.run("cluster add prod --kubeconfig admin.conf --owner bob")
        .exit(5)
        .says("disabled");
}

#[test]
fn a_registered_address_is_not_registered_again_though_it_gives_another_identity() {
    // Found by the hostile servers of tests/process/proof: it took the first one's manager away.
    let mut kg = Home::new();
    kg.sandbox.rebuild().expect("rebuilt");
    kg.sandbox.clear_requests();
    kg.write("again.conf", &kg.sandbox.admin_kubeconfig());
    kg.run("cluster add other --kubeconfig again.conf")
        .exit(5)
        .says("cluster 'prod' with this very address and CA")
        .says("kubegrant cluster relink prod");
    assert!(!kg.was_changed());
}
