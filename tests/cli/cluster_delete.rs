//! `kubegrant cluster delete`.

use std::time::Duration;

use kubegrant_sandbox::{Action, Fault, Match, Sandbox};

use crate::home::{Home, PODS, get};

fn quick() -> Home {
    Home::with(Sandbox::builder().token_cache(false))
}

/// Everything of ours on the cluster.
fn ours(kg: &Home) -> Vec<String> {
    let mut found: Vec<String> = kg
        .sandbox
        .objects()
        .into_iter()
        .filter(|object| {
            let label = &object["metadata"]["labels"]["app.kubernetes.io/managed-by"];
            label == "kubegrant" || object["metadata"]["name"] == "kubegrant"
        })
        .map(|object| format!("{} {}", object["kind"], object["metadata"]["name"]))
        .collect();
    found.sort();
    found
}

#[test]
fn a_deleted_cluster_holds_nothing_of_ours_and_the_store_no_login() {
    let mut kg = quick();
    let file = kg.grant_and_download("alice", "write");
    insta::assert_snapshot!(kg.run("cluster delete prod --yes --confirm prod"), @r"
        NAME   RESULT    ENDED CREDENTIALS
        prod   deleted   1
        ----- stderr -----
        Cluster 'prod' is deleted.
        Nothing of ours is left on it (verified).
        [exit 0]
        ");
    assert_eq!(ours(&kg), Vec::<String>::new());
    assert!(matches!(get(&file, PODS), 401 | 403));
    kg.run("cluster show prod").exit(3);
    kg.run("status").success();
    let sql = rusqlite::Connection::open(kg.store()).expect("open");
    let kept: i64 = sql
        .query_row(
            "SELECT count(*) FROM clusters WHERE manager_secret IS NOT NULL",
            [],
            |row| row.get(0),
        )
        .expect("counted");
    assert_eq!(kept, 0, "the sealed login went");
    // The name is free again.
    kg.add_prod();
}

#[test]
fn with_the_operators_credential_the_end_of_the_namespace_is_awaited_too() {
    let builder = Sandbox::builder().namespace_cleanup(Duration::from_millis(300));
    let mut kg = Home::organization(builder);
    kg.write("admin.conf", &kg.sandbox.admin_kubeconfig_token());
    kg.run("cluster add prod --kubeconfig admin.conf --keep-credential")
        .success();
    kg.grant_and_download("alice", "read");
    kg.run("cluster delete prod --yes --confirm prod")
        .success()
        .says("Nothing of ours is left on it (verified).");
    assert_eq!(ours(&kg), Vec::<String>::new());
}

#[test]
fn the_name_is_typed_or_confirmed() {
    let mut kg = quick();
    insta::assert_snapshot!(kg.run("cluster delete prod"), @r"
        ----- stderr -----
        error: cannot ask without a terminal; say it with `--yes --confirm NAME`
        [exit 2]
        ");
    insta::assert_snapshot!(kg.run("cluster delete prod --yes"), @r"
        ----- stderr -----
        error: cannot ask without a terminal; say it with `--yes --confirm NAME`
        [exit 2]
        ");
    insta::assert_snapshot!(kg.run("cluster delete prod --yes --confirm pord"), @r"
        ----- stderr -----
        error: the typed name is not 'prod'; nothing was changed
        [exit 2]
        ");
    kg.run("cluster delete prod --confirm prod").exit(2);
    let typed = |text: &'static str| {
        move |fixture: kubegrant::env::Fixture| {
            let fixture = fixture.terminal(true);
            fixture.type_in(text);
            fixture
        }
    };
    let line = "cluster delete prod --color never";
    assert_ne!(kg.run_where(typed("y\n"), line).code, 0);
    kg.run("cluster show prod").success();
    kg.run_where(typed("prod\n"), line).success();
    kg.run("cluster show prod").exit(3);
}

#[test]
fn another_installation_stays_whole() {
    let mut kg = quick();
    // Another installation has another id, which is drawn at `init`.
    let mut other = Home::empty(Sandbox::builder());
    other
        .run_where(
            |fixture| fixture.seed(99),
            "init --organization Other --owner olivia",
        )
        .success();
    other.write("shared.conf", &kg.sandbox.admin_kubeconfig_token());
    other
        .run("cluster add prod --kubeconfig shared.conf")
        .success();
    let theirs = other.download_for("olivia");
    kg.grant_and_download("alice", "write");
    kg.run("cluster delete prod --yes --confirm prod")
        .success()
        .says("another installation of kubegrant lives there");
    let id = kg.run("whoami -o json").json()["installation"].clone();
    for object in kg.sandbox.objects() {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let label = &object["metadata"]["labels"]["kubegrant.io/installation"];
        let list = format!("kubegrant:{}:", id.as_str().expect("an id"));
        let ours = name.starts_with(&list) || *label == id;
        assert!(!ours, "{object}");
    }
    assert_eq!(get(&theirs, PODS), 200);
    other.run("cluster check prod").success();
    other
        .run("cluster delete prod --yes --confirm prod")
        .success();
}

#[test]
fn a_delete_that_is_cut_short_anywhere_is_finished_by_the_next() {
    let mut lost = 0;
    for nth in 1..60 {
        // Many deletes, each of which may end early: quick ones.
        let cluster = Sandbox::builder().namespace_cleanup(Duration::from_millis(50));
        let mut kg = Home::with(cluster);
        kg.run("access grant alice -c prod -l read").success();
        kg.download_for("alice");
        kg.sandbox.fault(Fault {
            matches: Match {
                nth: Some(nth),
                ..Match::default()
            },
            action: Action::ResetAfter,
        });
        let first = kg.run("cluster delete prod --yes --confirm prod");
        kg.sandbox.clear_faults();
        if first.code == 0 {
            // Where the account went before its last binding could be seen to, that is said.
            let is_said = first.stderr.contains("perhaps the binding");
            assert!(ours(&kg).is_empty() || is_said, "request {nth}: {first}");
            if lost > 0 && nth > lost + 3 {
                return;
            }
            continue;
        }
        lost = nth;
        assert!(matches!(first.code, 6 | 8), "request {nth}: {first}");
        if first.code == 6 {
            kg.run("kubeconfig download prod")
                .exit(5)
                .says("cluster 'prod' is being deleted");
        }
        let next = kg.run("cluster delete prod --yes --confirm prod");
        next.success();
        let is_said = next.stderr.contains("perhaps the binding");
        assert!(ours(&kg).is_empty() || is_said, "request {nth}: {next}");
    }
}

#[test]
fn a_delete_that_is_cut_short_is_owed_and_reconcile_finishes_it() {
    // Before anything went, and when the manager had nothing left but the power to leave.
    for place in ["", "/api/v1/namespaces/kubegrant"] {
        let mut kg = quick();
        kg.run("access grant alice -c prod -l read").success();
        kg.download_for("alice");
        kg.sandbox.fault(Fault {
            matches: Match {
                method: Some("DELETE".to_owned()),
                path_contains: Some(format!("{place}?")).filter(|_| !place.is_empty()),
                ..Match::default()
            },
            action: Action::ResetBefore,
        });
        kg.run("cluster delete prod --yes --confirm prod").exit(6);
        let was_met = kg
            .sandbox
            .requests()
            .iter()
            .any(|request| request.method == "DELETE" && request.path.contains(place));
        assert!(was_met, "{place}");
        kg.sandbox.clear_faults();
        kg.run("status").exit(6).says("its deletion is pending");
        kg.run("reconcile --dry-run")
            .exit(0)
            .says("finish its deletion");
        kg.run("reconcile")
            .success()
            .says("its deletion is finished");
        assert_eq!(ours(&kg), Vec::<String>::new(), "{place}");
        kg.run("cluster show prod").exit(3);
        kg.run("status").success();
        kg.run("audit verify").success();
    }
}

/// A login that is refused proves nothing about the users' accounts.
#[test]
fn a_delete_that_ended_nobody_yet_is_not_finished_by_a_manager_that_is_refused() {
    for (kind, name) in [
        ("ServiceAccount", "kubegrant-manager"),
        ("ClusterRoleBinding", "manager"),
    ] {
        let mut kg = quick();
        let file = kg.grant_and_download("alice", "read");
        kg.sandbox.fault(Fault {
            matches: Match {
                path_contains: Some("bindings".to_owned()),
                method: Some("PATCH".to_owned()),
                ..Match::default()
            },
            action: Action::ResetBefore,
        });
        kg.sandbox.fault(Fault {
            matches: Match {
                method: Some("DELETE".to_owned()),
                ..Match::default()
            },
            action: Action::ResetBefore,
        });
        kg.run("cluster delete prod --yes --confirm prod").exit(6);
        kg.sandbox.clear_faults();
        assert_eq!(get(&file, PODS), 200, "nothing went yet");
        for object in kg.sandbox.objects() {
            let part = |pointer| object.pointer(pointer).and_then(serde_json::Value::as_str);
            let is_it = part("/kind") == Some(kind)
                && part("/metadata/name").is_some_and(|it| it.ends_with(name));
            if is_it {
                kg.sandbox.remove_object(
                    part("/apiVersion").expect("a version"),
                    kind,
                    part("/metadata/namespace"),
                    part("/metadata/name").expect("a name"),
                );
            }
        }
        for line in ["reconcile", "cluster delete prod --yes --confirm prod"] {
            let code = kg.run(line).code;
            assert_ne!(code, 0, "{kind}: {line}");
            assert_eq!(get(&file, PODS), 200, "{kind}: {line}");
            kg.run("status").exit(6).says("version 1 of 'alice'");
        }
    }
}

#[test]
fn whoever_could_not_look_does_not_say_verified() {
    let mut kg = quick();
    kg.sandbox.fault(Fault {
        matches: Match {
            method: Some("DELETE".to_owned()),
            ..Match::default()
        },
        action: Action::ResetBefore,
    });
    kg.run("cluster delete prod --yes --confirm prod").exit(6);
    kg.sandbox.clear_faults();
    kg.sandbox.remove_object(
        "v1",
        "ServiceAccount",
        Some("kubegrant"),
        "kubegrant-manager",
    );
    insta::assert_snapshot!(kg.run("cluster delete prod --yes --confirm prod"), @r"
        NAME   RESULT    ENDED CREDENTIALS
        prod   deleted   0
        ----- stderr -----
        Cluster 'prod' is deleted.
        warning: left behind: perhaps the binding kubegrant:[INSTALLATION]:cluster-admin, where an earlier delete was cut short at its very end: the manager's login is refused, and could not look
        [exit 0]
        ");
}

#[test]
fn a_cluster_that_is_away_is_not_deleted() {
    let mut kg = quick();
    kg.grant_and_download("alice", "read");
    kg.sandbox.stop();
    kg.run("cluster delete prod --yes --confirm prod").exit(8);
    kg.run("cluster show prod").success().never_says("deleting");
}

#[test]
fn forgetting_says_what_may_be_left_behind() {
    let mut kg = quick();
    kg.grant_and_download("alice", "read");
    kg.add_user("ada", "admin");
    kg.add_user("cora", "developer");
    kg.run("cluster transfer prod --to cora --yes").success();
    kg.sandbox.stop();
    kg.run_as("cora", "cluster delete prod --forget --yes --confirm prod")
        .exit(4)
        .says("only organization owners may");
    insta::assert_snapshot!(kg.run_as("ada", "cluster delete prod --forget --yes --confirm prod"), @r"
        ----- stderr -----
        error: 'ada' may not do this: only organization owners may

        hint: ask 'olivia'
        [exit 4]
        ");
    insta::assert_snapshot!(kg.run("cluster delete prod --forget --yes --confirm prod"), @"
    NAME   RESULT      ENDED CREDENTIALS
    prod   forgotten   1
    ----- stderr -----
    Cluster 'prod' is forgotten; it was not asked.
    warning: left behind: account kubegrant-users/alice-[HEX]-v1 (version 1 of 'alice'), whose tokens may work until they end
    warning: left behind: account kubegrant/kubegrant-manager and the bindings kubegrant:[INSTALLATION]:manager, kubegrant:[INSTALLATION]:view and kubegrant:[INSTALLATION]:cluster-admin
    warning: left behind: account kubegrant/kubegrant-issuer-8d91efc5, the bindings kubegrant:[INSTALLATION]:issuer and namespace kubegrant-users
    [exit 0]
    ");
    kg.run("cluster show prod").exit(3);
    kg.run("status").success();
}

#[test]
fn nobodys_finalizer_keeps_the_managers_rights_there() {
    let mut kg = quick();
    for kind in ["ClusterRole", "ClusterRoleBinding"] {
        let mut objects = kg.objects(kind).into_iter();
        let found = objects.find(|(name, _)| name.ends_with(":manager"));
        let (_, mut object) = found.expect("the manager's own");
        object["metadata"]["finalizers"] = serde_json::json!(["example.com/keep"]);
        kg.sandbox.put_object(object).expect("put");
    }
    kg.run("cluster delete prod --yes --confirm prod").success();
    for kind in ["ClusterRole", "ClusterRoleBinding"] {
        let left = kg.objects(kind).into_iter();
        let ours: Vec<String> = left
            .map(|(name, _)| name)
            .filter(|name| name.starts_with("kubegrant:"))
            .collect();
        assert_eq!(ours, [""; 0], "{kind}");
    }
}
