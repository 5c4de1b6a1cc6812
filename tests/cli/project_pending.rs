//! A project's owner decides, and her key opens no cluster's login: what she decided is pending,
//! nobody says otherwise, and whoever can act is named.

use crate::home::{Home, get};

const SECRETS: &str = "/api/v1/namespaces/kube-system/secrets";

/// Project `shop` with cluster `prod`: alice owns it, bob edits it and took its kubeconfig, and
/// carol may look.
fn shop() -> (Home, String) {
    let mut kg = Home::new();
    kg.add_user("carol", "developer");
    kg.add_user("dave", "developer");
    kg.run("project create shop").success();
    kg.run("cluster set prod --project shop").success();
    for (user, role) in [("alice", "owner"), ("bob", "editor"), ("carol", "viewer")] {
        kg.run(&format!(
            "project add-member {user} --project shop --role {role}"
        ))
        .success();
    }
    let line = "kubeconfig download prod --user bob --shared --plain -f -";
    let file = kg.run(line).success().stdout.clone();
    (kg, file)
}

const ASK: &str = "ask 'olivia' to run `kubegrant reconcile prod` now";

#[test]
fn what_a_projects_owner_decides_is_pending_and_everybody_concerned_is_told() {
    let (mut kg, file) = shop();
    assert_eq!(get(&file, SECRETS), 200);
    kg.run_as("alice", "project remove-member bob --project shop --yes")
        .exit(6)
        .says("revocation of version 1 of 'shop/admin' is pending")
        .says(ASK)
        .never_says("when the cluster answers");
    for _again in 0..2 {
        assert_eq!(get(&file, SECRETS), 200, "it is pending");
        for member in ["alice", "carol"] {
            kg.run_as(member, "status")
                .exit(6)
                .says("revocation of version 1 of 'shop/admin' is pending")
                .says(ASK)
                .never_says("run `kubegrant reconcile`\n")
                .never_says("Nothing is");
            kg.run_as(member, "reconcile")
                .exit(6)
                .says("revocation of version 1 of 'shop/admin' is pending")
                .says(ASK)
                .never_says("There is no cluster");
        }
        kg.run_as("alice", "reconcile prod").exit(4).says("olivia");
        kg.run_as("alice", "project show shop")
            .success()
            .says("version 1 is ended and not yet gone: it may still let bob in");
        // Asked for again, it is said again, not denied.
        kg.run_as("alice", "project remove-member bob --project shop --yes")
            .exit(6)
            .says(ASK);
        kg.run("status")
            .exit(6)
            .says("run `kubegrant reconcile`")
            .never_says("ask ");
    }
    // To whom it is no concern, it is not told.
    for stranger in ["dave", "bob"] {
        kg.run_as(stranger, "status").success().says("Nothing is");
        kg.run_as(stranger, "reconcile")
            .success()
            .says("There is no cluster");
    }
    kg.run("reconcile prod").success();
    assert_eq!(get(&file, SECRETS), 401);
    kg.run_as("alice", "status").success().says("Nothing is");
    kg.run_as("alice", "project show shop")
        .never_says("not yet gone");
    kg.run_as("alice", "project remove-member bob --project shop --yes")
        .exit(3);
}

#[test]
fn every_end_that_a_projects_owner_decides_is_pending_alike() {
    for line in [
        "project set-role bob --project shop --role viewer",
        "project revoke shop --yes",
    ] {
        let (mut kg, file) = shop();
        kg.run_as("alice", line).exit(6).says(ASK);
        kg.run_as("alice", "status").exit(6).says(ASK);
        kg.run_as("alice", "reconcile").exit(6).says(ASK);
        assert_eq!(get(&file, SECRETS), 200);
        let status = kg.run_as("alice", "status -o json").json();
        let ask = &status["ask"][0];
        assert_eq!(ask["cluster"], "prod");
        assert_eq!(ask["users"][0], "olivia");
        assert_eq!(ask["command"], "kubegrant reconcile prod");
        kg.run("reconcile").success();
        assert_eq!(get(&file, SECRETS), 401);
        kg.run_as("alice", "status").success();
    }
}

#[test]
fn a_cluster_that_is_away_is_waited_for_by_whoever_can_and_nobody_is_asked() {
    let (mut kg, _) = shop();
    kg.add_user("adam", "admin");
    kg.sandbox.stop();
    kg.run_as("adam", "project remove-member bob --project shop --yes")
        .exit(6)
        .says("when the cluster answers")
        .never_says("ask ");
    kg.run_as("alice", "status")
        .exit(6)
        .says("'adam' or 'olivia'");
}

#[test]
fn who_still_holds_what_was_ended_before_is_not_said_to_be_out() {
    let (mut kg, file) = shop();
    kg.run_as("alice", "project revoke shop --yes").exit(6);
    assert_eq!(get(&file, SECRETS), 200, "it is pending");
    kg.run_as("alice", "project remove-member bob --project shop --yes")
        .exit(6)
        .says("revocation of version 1 of 'shop/admin' is pending")
        .says(ASK);
    kg.run("reconcile prod").success();
    assert_eq!(get(&file, SECRETS), 401);
}
