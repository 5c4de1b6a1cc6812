//! `kubegrant kubeconfig download`.

use std::time::Duration;

use kubegrant_sandbox::{Action, Fault, Match, Sandbox};

use crate::home::{Home, PODS, get, guessable, set_mode, yaml};

#[test]
fn the_first_download_issues_version_1_and_the_file_works() {
    let mut kg = Home::new();
    insta::assert_snapshot!(kg.run("kubeconfig download prod"), @r"
        CLUSTER   USER     VERSION   LEVEL   EXPIRES                FILE
        prod      olivia   1         full    2026-12-22T10:00:00Z   [HOME]/work/prod.kubeconfig
        ----- stderr -----
        Version 1 of 'olivia' on cluster 'prod' (full). It ends on 2026-12-22T10:00:00Z.
        hint: try `kubectl --kubeconfig [HOME]/work/prod.kubeconfig get namespaces`
        [exit 0]
    ");
    assert_eq!(kg.mode("prod.kubeconfig"), 0o600);
    assert_eq!(get(&kg.read("prod.kubeconfig"), PODS), 200);
    assert_eq!(
        get(&kg.read("prod.kubeconfig"), "/api/v1/secrets"),
        200,
        "an organization owner has full access"
    );
}

#[test]
fn a_file_is_never_overwritten_without_force() {
    let mut kg = Home::new();
    kg.run("kubeconfig download prod").success();
    let first = kg.read("prod.kubeconfig");
    kg.sandbox.clear_requests();
    insta::assert_snapshot!(kg.run("kubeconfig download prod"), @r"
        ----- stderr -----
        error: a file is already at '[HOME]/work/prod.kubeconfig'; replace it with `--force` or choose another name
        [exit 5]
    ");
    assert_eq!(kg.read("prod.kubeconfig"), first);
    assert!(kg.sandbox.requests().is_empty(), "nothing minted in vain");
    kg.run("kubeconfig download prod --force").success();
    assert_ne!(kg.read("prod.kubeconfig"), first);
}

#[test]
fn force_does_not_go_through_a_link() {
    let mut kg = Home::new();
    kg.write("precious", "mine");
    std::os::unix::fs::symlink(kg.path("precious"), kg.path("prod.kubeconfig")).expect("linked");
    let said = kg.run("kubeconfig download prod --force");
    assert_ne!(said.code, 0, "{said}");
    assert_eq!(kg.read("precious"), "mine");
}

#[test]
fn a_replaced_file_is_private_again() {
    let mut kg = Home::new();
    kg.write("prod.kubeconfig", "old");
    set_mode(&kg.path("prod.kubeconfig"), 0o644);
    kg.run("kubeconfig download prod --force").success();
    assert_eq!(kg.mode("prod.kubeconfig"), 0o600);
}

#[test]
fn a_second_download_mints_a_new_token_of_the_same_version() {
    let mut kg = Home::new();
    kg.run("kubeconfig download prod -f a").success();
    kg.run("kubeconfig download prod -f b").success();
    let (a, b) = (yaml(&kg.read("a")), yaml(&kg.read("b")));
    assert_ne!(
        a["users"][0]["user"]["token"],
        b["users"][0]["user"]["token"]
    );
    let name =
        |text: &serde_json::Value| guessable(text["users"][0]["name"].as_str().expect("a name"));
    assert_eq!(name(&a), name(&b));
    assert_ne!(
        a["users"][0]["name"], b["users"][0]["name"],
        "nobody can guess the next one"
    );
    assert_eq!(get(&kg.read("a"), PODS), 200);
    assert_eq!(get(&kg.read("b"), PODS), 200);
    assert_eq!(kg.accounts().len(), 1);
}

#[test]
fn names_in_the_file_are_unique_per_cluster_user_and_version() {
    let mut kg = Home::new();
    let file = yaml(&kg.grant_and_download("alice", "read"));
    let name = |list: &str| guessable(file[list][0]["name"].as_str().expect("a name"));
    assert_eq!(name("clusters"), "kubegrant-prod");
    assert_eq!(name("users"), "kubegrant-alice@prod-v1");
    assert_eq!(file["contexts"][0]["name"], "alice@prod");
    assert_eq!(file["current-context"], "alice@prod");
}

#[test]
fn the_context_and_its_namespace_may_be_chosen() {
    let mut kg = Home::new();
    kg.run("kubeconfig download prod --context-name work --namespace default")
        .success();
    let file = yaml(&kg.read("prod.kubeconfig"));
    assert_eq!(file["current-context"], "work");
    assert_eq!(file["contexts"][0]["name"], "work");
    assert_eq!(file["contexts"][0]["context"]["namespace"], "default");
}

#[test]
fn a_namespace_that_is_none_is_refused() {
    let mut kg = Home::new();
    insta::assert_snapshot!(kg.run("kubeconfig download prod --namespace Not_One"), @r"
        ----- stderr -----
        error: invalid value 'Not_One' for '--namespace <NAMESPACE>': 'Not_One' is not a namespace: lower-case letters, digits and '-', at most 63

        For more information, try '--help'.
        [exit 2]
    ");
}

#[test]
fn for_somebody_else_the_file_is_sealed_to_their_key() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l read").success();
    insta::assert_snapshot!(kg.run("kubeconfig download prod --user alice"), @r"
        CLUSTER   USER    VERSION   LEVEL   EXPIRES                FILE
        prod      alice   1         read    2026-12-22T10:00:00Z   [HOME]/work/prod.alice.kubeconfig.age
        ----- stderr -----
        Version 1 of 'alice' on cluster 'prod' (read), sealed to their key. It ends on 2026-12-22T10:00:00Z.
        warning: the address in the file, https://127.0.0.1:[PORT], leads whoever uses it to their own machine: `kubegrant cluster set prod --public-server URL` puts another into files
        hint: 'alice' opens it with `kubegrant open [HOME]/work/prod.alice.kubeconfig.age`, or `age -d -i IDENTITY [HOME]/work/prod.alice.kubeconfig.age`
        [exit 0]
    ");
    assert_eq!(kg.mode("prod.alice.kubeconfig.age"), 0o600);
    let sealed = kg.read("prod.alice.kubeconfig.age");
    let opened = kg.open("alice", sealed.as_bytes()).expect("alice opens it");
    assert_eq!(get(&opened, PODS), 200);
    assert!(kg.open("bob", sealed.as_bytes()).is_none());
    assert!(kg.open("olivia", sealed.as_bytes()).is_none());
}

#[test]
fn plain_for_somebody_else_is_insisted_on_and_recorded() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l read").success();
    insta::assert_snapshot!(kg.run("kubeconfig download prod --user alice --plain"), @r"
        CLUSTER   USER    VERSION   LEVEL   EXPIRES                FILE
        prod      alice   1         read    2026-12-22T10:00:00Z   [HOME]/work/prod.alice.kubeconfig
        ----- stderr -----
        Version 1 of 'alice' on cluster 'prod' (read). It ends on 2026-12-22T10:00:00Z.
        warning: the address in the file, https://127.0.0.1:[PORT], leads whoever uses it to their own machine: `kubegrant cluster set prod --public-server URL` puts another into files
        hint: try `kubectl --kubeconfig [HOME]/work/prod.alice.kubeconfig get namespaces`
        [exit 0]
    ");
    assert_eq!(get(&kg.read("prod.alice.kubeconfig"), PODS), 200);
}

#[test]
fn somebody_without_a_key_gets_no_sealed_file() {
    let mut kg = Home::new();
    kg.run("user add carol").success();
    kg.run("access grant carol -c prod -l read").success();
    insta::assert_snapshot!(kg.run("kubeconfig download prod --user carol"), @r"
        ----- stderr -----
        error: 'carol' has no key to seal the file to

        hint: run `kubegrant user set-key carol --key FILE`, or insist with `--plain`
        [exit 5]
    ");
    assert!(kg.accounts().is_empty());
}

#[test]
fn somebody_without_access_gets_nothing() {
    let mut kg = Home::new();
    insta::assert_snapshot!(kg.run("kubeconfig download prod --user alice"), @r"
        ----- stderr -----
        error: 'alice' has no access to cluster 'prod'

        hint: run `kubegrant access grant alice --cluster prod --level read`
        [exit 5]
    ");
    assert!(kg.accounts().is_empty());
}

#[test]
fn a_developer_downloads_for_nobody_else() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l write").success();
    kg.run("access grant bob -c prod -l read").success();
    insta::assert_snapshot!(
        kg.run_as("alice", "kubeconfig download prod --user bob --plain"),
        @r"
        ----- stderr -----
        error: 'alice' may not download a kubeconfig for somebody else on cluster 'prod': organization owners and admins, and the cluster's owner may

        hint: ask 'olivia'
        [exit 4]
    "
    );
}

#[test]
fn a_developers_key_opens_no_manager_login_and_the_way_out_is_said() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l read").success();
    insta::assert_snapshot!(kg.run_as("alice", "kubeconfig download prod"), @"
    ----- stderr -----
    error: your key does not open the issuer login of cluster 'prod'

    hint: only organization owners and admins and the cluster's owner can use it: ask one of them to do this, or, for a kubeconfig of yours, to run `kubegrant kubeconfig download prod --user YOU`
    [exit 4]
    ");
    assert!(kg.accounts().is_empty());
}

#[test]
fn standard_output_is_the_file_and_nothing_else() {
    let mut kg = Home::new();
    let ran = kg.run("kubeconfig download prod -f -");
    assert_eq!(get(&ran.success().stdout, PODS), 200);
    assert!(ran.stdout.starts_with("apiVersion: v1\n"), "{}", ran.stdout);
    insta::assert_snapshot!(ran.stderr, @"Version 1 of 'olivia' on cluster 'prod' (full). It ends on 2026-12-22T10:00:00Z.");
    assert_eq!(kg.files(), ["admin.conf"]);
}

#[test]
fn a_secret_on_a_terminal_is_warned_about() {
    let mut kg = Home::new();
    let ran = kg.run_where(|f| f.terminal(true), "kubeconfig download prod -f -");
    ran.success().says("this is a secret, on your screen");
}

#[test]
fn a_lifetime_is_between_10_minutes_and_90_days() {
    let mut kg = Home::new();
    insta::assert_snapshot!(kg.run("kubeconfig download prod --ttl 5m"), @r"
        ----- stderr -----
        error: invalid value '5m' for '--ttl <DURATION>': at least 10 minutes: no API server gives less

        For more information, try '--help'.
        [exit 2]
    ");
    insta::assert_snapshot!(kg.run("kubeconfig download prod --ttl 91d"), @r"
        ----- stderr -----
        error: invalid value '91d' for '--ttl <DURATION>': at most 90 days

        For more information, try '--help'.
        [exit 2]
    ");
    let done = kg.run("kubeconfig download prod --ttl 90d -o json");
    assert_eq!(done.json()["expires_at"], "2027-02-20T10:00:00Z");
    let done = kg.run("kubeconfig download prod --ttl 10m --force -o json");
    assert_eq!(done.json()["expires_at"], "2026-11-22T10:10:00Z");
}

#[test]
fn a_shortened_lifetime_is_read_back_and_warned_about() {
    let day = Duration::from_hours(24);
    let mut kg = Home::with(Sandbox::builder().max_token_ttl(Some(day)));
    insta::assert_snapshot!(kg.run("kubeconfig download prod"), @r"
        CLUSTER   USER     VERSION   LEVEL   EXPIRES                FILE
        prod      olivia   1         full    2026-11-23T10:00:00Z   [HOME]/work/prod.kubeconfig
        ----- stderr -----
        Version 1 of 'olivia' on cluster 'prod' (full). It ends on 2026-11-23T10:00:00Z.
        warning: the API server gave less than the 30d that were asked for
        hint: try `kubectl --kubeconfig [HOME]/work/prod.kubeconfig get namespaces`
        [exit 0]
    ");
}

#[test]
fn a_token_does_not_outlive_its_grant() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l read --for 8h")
        .success();
    insta::assert_snapshot!(kg.run("kubeconfig download prod --user alice"), @r"
        CLUSTER   USER    VERSION   LEVEL   EXPIRES                FILE
        prod      alice   1         read    2026-11-22T18:00:00Z   [HOME]/work/prod.alice.kubeconfig.age
        ----- stderr -----
        Version 1 of 'alice' on cluster 'prod' (read), sealed to their key. It ends on 2026-11-22T18:00:00Z.
        warning: the address in the file, https://127.0.0.1:[PORT], leads whoever uses it to their own machine: `kubegrant cluster set prod --public-server URL` puts another into files
        warning: the grant ends on 2026-11-22T18:00:00Z
        hint: 'alice' opens it with `kubegrant open [HOME]/work/prod.alice.kubeconfig.age`, or `age -d -i IDENTITY [HOME]/work/prod.alice.kubeconfig.age`
        [exit 0]
    ");
}

#[test]
fn a_token_that_expired_is_refused_by_the_cluster() {
    let mut kg = Home::new();
    kg.run("kubeconfig download prod --ttl 1h").success();
    let file = kg.read("prod.kubeconfig");
    assert_eq!(get(&file, PODS), 200);
    kg.tick(2);
    assert_eq!(get(&file, PODS), 401);
}

#[test]
fn an_unreachable_cluster_changes_nothing() {
    let mut kg = Home::new();
    kg.sandbox.stop();
    insta::assert_snapshot!(kg.run("kubeconfig download prod"), @r"
        ----- stderr -----
        error: cluster 'prod': cannot reach https://127.0.0.1:[PORT]: tcp connect error: Connection refused (os error 111)

        hint: nothing was changed; try again when it answers
        [exit 8]
    ");
    assert_eq!(kg.files(), ["admin.conf"]);
    kg.run("status").success();
    kg.run("kubeconfig show prod").success().says("No ");
}

#[test]
fn a_failure_half_way_leaves_no_file_and_says_what_to_do() {
    let mut kg = Home::new();
    kg.sandbox.fault(Fault {
        matches: Match {
            method: Some("POST".to_owned()),
            path_contains: Some("/token".to_owned()),
            nth: None,
        },
        action: Action::Status {
            code: 500,
            retry_after: None,
        },
    });
    insta::assert_snapshot!(kg.run("kubeconfig download prod"), @r"
        ----- stderr -----
        error: version 1 of 'olivia' is on cluster 'prod', but no file was handed over
          caused by: cluster 'prod': the server failed at a token of account 'olivia-[HEX]-v1' with status 500: Internal error occurred: a fault of the sandbox

        hint: download again: every download mints a new token of the version
        [exit 6]
    ");
    assert_eq!(kg.files(), ["admin.conf"]);
    kg.sandbox.clear_faults();
    kg.run("kubeconfig download prod").success();
    assert_eq!(kg.accounts().len(), 1);
}

#[test]
fn every_answer_may_be_lost_and_the_next_run_finishes() {
    for nth in 1..=6 {
        let mut kg = Home::new();
        kg.run("access grant alice -c prod -l write").success();
        kg.sandbox.fault(Fault {
            matches: Match {
                method: Some("POST".to_owned()),
                path_contains: None,
                nth: Some(nth),
            },
            action: Action::ResetAfter,
        });
        let line = "kubeconfig download prod --user alice --plain";
        let first = kg.run(line);
        assert!(matches!(first.code, 0 | 6 | 8), "nth {nth}: {first}");
        kg.sandbox.clear_faults();
        kg.run("reconcile").success();
        kg.run(&format!("{line} --force")).success();
        let file = kg.read("prod.alice.kubeconfig");
        assert_eq!(get(&file, PODS), 200, "nth {nth}");
        assert_eq!(kg.accounts().len(), 1, "nth {nth}");
        kg.run("cluster check prod").success();
    }
}
