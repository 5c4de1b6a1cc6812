//! `kubegrant user offboard`.

use kubegrant_sandbox::{Action, Fault, Gate, Match};
use serde_json::json;

use crate::home::{Home, PODS, get};

/// `alice` owns `prod`, and has a grant and a file on `second`.
fn home() -> (Home, kubegrant_sandbox::Sandbox, Vec<String>) {
    let mut kg = Home::new();
    let second = kg.add_cluster("second");
    kg.run("cluster transfer prod --to alice --yes").success();
    kg.run("access grant alice -c second -l write").success();
    let mut files = vec![];
    for name in ["prod", "second"] {
        kg.run(&format!(
            "kubeconfig download {name} --user alice --plain -f {name}.alice"
        ))
        .success();
        files.push(kg.read(&format!("{name}.alice")));
    }
    (kg, second, files)
}

#[test]
fn the_plan_comes_first_and_a_cluster_keeps_an_owner() {
    let (mut kg, _second, files) = home();
    insta::assert_snapshot!(kg.run("user offboard alice --yes"), @r"
        ----- stderr -----
        error: cluster 'prod' would be without owner

        hint: run `kubegrant user offboard alice --new-owner USER`
        [exit 5]
        ");
    insta::assert_snapshot!(kg.run("user offboard alice --new-owner bob --dry-run"), @"
    USER    HAS                   WHAT
    alice   role                  developer
    alice   owns cluster          prod
    alice   has grant             write on cluster 'second'
    alice   has live kubeconfig   version 1 on cluster 'prod'
    alice   has live kubeconfig   version 1 on cluster 'second'
    alice   was handed            the kubeconfig of version 1 on cluster 'prod'
    alice   was handed            the kubeconfig of version 1 on cluster 'second'
    alice   could open            the issuer login of cluster 'prod'
    ----- stderr -----
    Nothing was changed (dry run).
    [exit 0]
    ");
    kg.run("user offboard alice --new-owner alice --yes")
        .exit(2);
    kg.run("user offboard alice --new-owner bob").exit(2);
    for file in &files {
        assert_eq!(get(file, PODS), 200);
    }
}

#[test]
fn leaving_ends_everything_everywhere_with_a_receipt() {
    let (mut kg, _second, files) = home();
    insta::assert_snapshot!(kg.run("user offboard alice --new-owner bob --yes"), @"
    USER    RESULT        WHAT
    alice   left          2026-11-22T10:00:00Z by olivia
    alice   transferred   cluster 'prod' to 'bob'
    alice   removed       grant write on cluster 'second'
    alice   ended         version 1 of 'alice' on cluster 'prod'
    alice   ended         version 1 of 'alice' on cluster 'second'
    alice   to rotate     the issuer login of cluster 'prod'
    ----- stderr -----
    'alice' role: developer
    'alice' owns cluster: prod
    'alice' has grant: write on cluster 'second'
    'alice' has live kubeconfig: version 1 on cluster 'prod'
    'alice' has live kubeconfig: version 1 on cluster 'second'
    'alice' was handed: the kubeconfig of version 1 on cluster 'prod'
    'alice' was handed: the kubeconfig of version 1 on cluster 'second'
    'alice' could open: the issuer login of cluster 'prod'
    'alice' has left.
    warning: they could open the issuer login of cluster 'prod': rotate it at its source
    warning: 'alice' handed out kubeconfigs on cluster 'prod': tokens that were minted for developers' accounts live on as long as those do
    hint: end it with `kubegrant cluster rotate-accounts prod`, which lists what others bound
    Version 1 of 'alice' no longer works on cluster 'prod' (read back).
    Version 1 of 'alice' no longer works on cluster 'second' (read back).
    [exit 0]
    ");
    for file in &files {
        assert!(matches!(get(file, PODS), 401 | 403));
    }
    let all = ["olivia", "alice", "bob"];
    assert_eq!(kg.openers_of_issuer(&all), ["olivia", "bob"]);
    kg.run_as("alice", "cluster list").exit(4);
    // Coming back gives nothing back.
    kg.run("user enable alice").success();
    kg.run_as("alice", "cluster show second").exit(3);
    kg.run_as("alice", "cluster show prod").exit(3);
}

#[test]
fn the_receipt_for_machines() {
    let (mut kg, _second, _) = home();
    let ran = kg.run("user offboard alice --new-owner bob --yes -q -o json");
    insta::assert_snapshot!(ran.success().stdout, @r#"
    {
      "user": "alice",
      "at": "2026-11-22T10:00:00Z",
      "by": "olivia",
      "new_owner": "bob",
      "transferred": [
        "prod"
      ],
      "had": {
        "user": "alice",
        "role": "developer",
        "owns": [
          "prod"
        ],
        "grants": [
          "write on cluster 'second'"
        ],
        "bindings": [],
        "projects": [],
        "credentials": [
          "version 1 on cluster 'prod'",
          "version 1 on cluster 'second'"
        ],
        "holds": [
          "the kubeconfig of version 1 on cluster 'prod'",
          "the kubeconfig of version 1 on cluster 'second'"
        ],
        "could_open": [
          "the issuer login of cluster 'prod'"
        ]
      },
      "ended": [
        "version 1 of 'alice' on cluster 'prod'",
        "version 1 of 'alice' on cluster 'second'"
      ],
      "pending": [],
      "rotate_at_source": [
        "the issuer login of cluster 'prod'"
      ],
      "complete": true
    }
    "#);
}

#[test]
fn what_a_cluster_that_is_away_owes_is_said_and_paid_later() {
    let (mut kg, mut second, files) = home();
    second.stop();
    let ran = kg.run("user offboard alice --new-owner bob --yes -o json");
    let receipt = ran.exit(6).json();
    assert_eq!(receipt["complete"], false);
    assert_eq!(
        receipt["pending"].as_array().map(Vec::len),
        Some(1),
        "{receipt}"
    );
    assert!(matches!(get(&files[0], PODS), 401 | 403));
    second.restart().expect("back");
    assert_eq!(get(&files[1], PODS), 200, "nobody could tell it");
    kg.run("reconcile").success();
    assert!(matches!(get(&files[1], PODS), 401 | 403));
}

#[test]
fn a_cluster_that_is_away_and_changes_hands_is_owed_once() {
    let (mut kg, _second, _) = home();
    kg.sandbox.stop();
    let ran = kg.run("user offboard alice --new-owner bob --yes -o json");
    let receipt = ran.exit(6).json();
    assert_eq!(
        receipt["pending"].as_array().map(Vec::len),
        // Its version, the issuer whose login it could open, and the lists that this one writes: each once.
        Some(3),
        "{receipt}"
    );
}

/// What nobody gets wrong on one cluster may stop on another.
fn everything_else_is_done(kg: &mut Home, file_of_second: &str, receipt: &serde_json::Value) {
    assert_eq!(receipt["complete"], false, "{receipt}");
    assert_eq!(receipt["transferred"], json!(["prod"]), "{receipt}");
    assert!(matches!(get(file_of_second, PODS), 401 | 403));
    kg.run("user show alice").success().says("disabled");
    kg.run("cluster show prod").success().says("bob");
    let grants = kg.run("access list --user alice -o json").json();
    assert_eq!(grants, json!([]));
    let all = ["olivia", "alice", "bob"];
    assert_eq!(kg.openers_of_issuer(&all), ["olivia", "bob"]);
}

#[test]
fn a_cluster_that_is_being_deleted_stops_nothing() {
    let (mut kg, _second, files) = home();
    kg.sandbox.fault(Fault {
        matches: Match {
            method: Some("DELETE".to_owned()),
            ..Match::default()
        },
        action: Action::ResetBefore,
    });
    kg.run("cluster delete prod --yes --confirm prod")
        .exit(6)
        .never_says("download");
    let ran = kg.run("user offboard alice --new-owner bob --yes -o json");
    let receipt = ran.exit(6).json();
    everything_else_is_done(&mut kg, &files[1], &receipt);
    ran.says("its deletion is pending");
    kg.sandbox.clear_faults();
    kg.run("reconcile").success();
    assert!(matches!(get(&files[0], PODS), 401 | 403));
    kg.run("cluster show prod").exit(3);
}

#[test]
fn a_forged_head_stops_nothing() {
    let (mut kg, _second, files) = home();
    let (_, mut namespace) = kg
        .objects("Namespace")
        .into_iter()
        .find(|(name, _)| name == "kubegrant")
        .expect("our namespace");
    let notes = namespace["metadata"]["annotations"]
        .as_object_mut()
        .expect("annotations");
    for (key, value) in notes.iter_mut().filter(|(key, _)| key.contains("head")) {
        assert!(!key.is_empty());
        let text = value.as_str().expect("text").to_owned();
        let mut parts: Vec<&str> = text.split(' ').collect();
        parts[1] = "999999";
        *value = json!(parts.join(" "));
    }
    kg.sandbox.put_object(namespace).expect("put");
    let ran = kg.run("user offboard alice --new-owner bob --yes -o json");
    // Not written with the manager's login, it is no head.
    let receipt = ran.success().says("it is not relied upon").json();
    assert_eq!(receipt["complete"], true, "{receipt}");
    for file in &files {
        assert!(matches!(get(file, PODS), 401 | 403));
    }
}

#[test]
fn clusters_that_are_slow_are_told_side_by_side() {
    let mut kg = Home::new();
    let others = ["two", "three", "four"].map(|name| kg.add_cluster(name));
    for name in ["prod", "two", "three", "four"] {
        kg.run(&format!("cluster transfer {name} --to alice --yes"))
            .success();
        kg.run(&format!(
            "kubeconfig download {name} --user alice --plain -f {name}.kc"
        ))
        .success();
    }
    // None answers before all were asked.
    let gate = Gate::opens_for(4);
    for sandbox in others.iter().chain([&kg.sandbox]) {
        sandbox.fault(Fault {
            matches: Match {
                nth: Some(1),
                ..Match::default()
            },
            action: Action::Wait(gate.clone()),
        });
    }
    kg.run("user offboard alice --new-owner bob --yes")
        .success();
}

#[test]
fn a_cluster_that_is_being_deleted_changes_hands() {
    let (mut kg, _second, _files) = home();
    kg.sandbox.fault(Fault {
        matches: Match {
            method: Some("DELETE".to_owned()),
            ..Match::default()
        },
        action: Action::ResetBefore,
    });
    kg.run("cluster delete prod --yes --confirm prod").exit(6);
    kg.run("cluster transfer prod --to bob --yes")
        .exit(6)
        .says("its deletion is pending");
    kg.sandbox.clear_faults();
    let all = ["olivia", "alice", "bob"];
    assert_eq!(kg.openers_of_issuer(&all), ["olivia", "bob"]);
    // Who got it can go on with it, as far as an owner may who is no admin.
    kg.run_as("bob", "cluster delete prod --yes --confirm prod")
        .exit(6)
        .says("more than its issuer may");
    kg.run("reconcile")
        .success()
        .says("its deletion is finished");
}

#[test]
fn leaving_again_tries_what_is_owed_again_and_then_changes_nothing() {
    let (mut kg, mut second, files) = home();
    second.stop();
    kg.run("user offboard alice --new-owner bob --yes").exit(6);
    kg.run("user offboard alice --new-owner bob --yes").exit(6);
    second.restart().expect("back");
    kg.run("user offboard alice --yes").success();
    assert!(matches!(get(&files[1], PODS), 401 | 403));
    insta::assert_snapshot!(kg.run("user offboard alice --yes"), @r"
        USER    RESULT   WHAT
        alice   left     2026-11-22T10:00:00Z by olivia
        ----- stderr -----
        'alice' role: developer
        'alice' has left already; nothing was changed.
        [exit 0]
        ");
}

#[test]
fn nobody_offboards_themselves_the_last_owner_or_above_them() {
    let mut kg = Home::new();
    kg.add_user("ada", "admin");
    insta::assert_snapshot!(kg.run("user offboard olivia --yes"), @r"
        ----- stderr -----
        error: offboarding yourself would lock you out

        hint: let another owner or admin do it
        [exit 5]
        ");
    insta::assert_snapshot!(kg.run_as("ada", "user offboard olivia --yes"), @r"
        ----- stderr -----
        error: 'ada' may not do this: only organization owners may

        hint: ask 'olivia'
        [exit 4]
        ");
    insta::assert_snapshot!(kg.run_as("alice", "user offboard bob --yes"), @r"
        ----- stderr -----
        error: 'alice' may not manage users: organization owners and admins may

        hint: ask 'ada' or 'olivia'
        [exit 4]
        ");
}
