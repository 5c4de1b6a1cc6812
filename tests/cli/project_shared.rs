//! The shared kubeconfigs of a project: download, rotate, revoke, and who may.

use kubegrant_sandbox::Sandbox;

use crate::home::{CONFIG_MAPS, Home, PODS, call, get, guessable, yaml};
use crate::project::{shop, take};

const SECRETS: &str = "/api/v1/namespaces/kube-system/secrets";

#[test]
fn viewers_read_and_owners_are_cluster_admin() {
    let mut kg = shop();
    let (admin, read) = (take(&mut kg, "alice"), take(&mut kg, "bob"));
    assert_eq!((get(&admin, PODS), get(&admin, SECRETS)), (200, 200));
    assert_eq!((get(&read, PODS), get(&read, SECRETS)), (200, 403));
    let map = serde_json::json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}
    });
    assert_eq!(call(&admin, "POST", CONFIG_MAPS, Some(&map)), 201);
    assert_eq!(call(&read, "POST", CONFIG_MAPS, Some(&map)), 403);
}

#[test]
fn it_is_what_a_member_gets_who_has_no_other_way_in() {
    let mut kg = shop();
    insta::assert_snapshot!(kg.run("kubeconfig download prod --user bob"), @r"
    CLUSTER   USER        VERSION   LEVEL   EXPIRES                FILE
    prod      shop/read   1         read    2026-12-22T10:00:00Z   [HOME]/work/prod.bob.shared.kubeconfig.age
    ----- stderr -----
    Version 1 of 'shop/read' on cluster 'prod' (read), sealed to their key. It ends on 2026-12-22T10:00:00Z.
    It is shared: if 'bob' loses this level, it ends for everybody who has it.
    warning: the address in the file, https://127.0.0.1:[PORT], leads whoever uses it to their own machine: `kubegrant cluster set prod --public-server URL` puts another into files
    hint: 'bob' opens it with `kubegrant open [HOME]/work/prod.bob.shared.kubeconfig.age`, or `age -d -i IDENTITY [HOME]/work/prod.bob.shared.kubeconfig.age`
    [exit 0]
    ");
    let sealed = std::fs::read(kg.path("prod.bob.shared.kubeconfig.age")).expect("a file");
    let text = kg.open("bob", &sealed).expect("sealed to bob");
    assert_eq!(get(&text, PODS), 200);
    // With a grant of his own, it is his own, and the shared one where it is asked for.
    kg.run("access grant bob -c prod -l write").success();
    kg.run("kubeconfig download prod --user bob -f own")
        .success()
        .says("Version 1 of 'bob'");
    kg.run("kubeconfig download prod --user bob --shared -f shared")
        .success()
        .says("Version 1 of 'shop/read'");
}

#[test]
fn nobody_but_members_gets_it() {
    let mut kg = shop();
    insta::assert_snapshot!(kg.run("kubeconfig download prod --shared"), @r"
    ----- stderr -----
    error: 'olivia' may not download the project's shared kubeconfig on cluster 'prod': members of the cluster's project may

    hint: become a member: `kubegrant project add-member olivia --project PROJECT --role viewer`
    [exit 4]
    ");
    kg.run("access grant alice -c prod -l read").success();
    kg.run("project set-role bob --project shop --role owner")
        .success();
    kg.run("project remove-member alice --project shop --yes")
        .success();
    kg.run_as("alice", "kubeconfig download prod --shared")
        .exit(4)
        .says("members of the cluster's project may");
    kg.run("kubeconfig download prod --shared --user alice")
        .exit(5)
        .says("no member of a project");
}

#[test]
fn a_member_has_no_kubeconfig_of_their_own_to_rotate() {
    let mut kg = shop();
    insta::assert_snapshot!(kg.run_as("bob", "kubeconfig rotate prod"), @r"
    ----- stderr -----
    error: 'bob' may not download or rotate a kubeconfig on cluster 'prod': organization owners and admins, the cluster's owner, and users with a grant or a role binding may

    hint: take the project's: `kubegrant kubeconfig download prod --shared`
    [exit 4]
    ");
}

#[test]
fn all_holders_share_the_version_and_each_hand_over_is_recorded() {
    let mut kg = shop();
    kg.run("project set-role bob --project shop --role editor")
        .success();
    let (one, two) = (take(&mut kg, "alice"), take(&mut kg, "bob"));
    let user = |text: &str| {
        let name = yaml(text)["users"][0]["name"].clone();
        guessable(name.as_str().expect("a name"))
    };
    assert_eq!(user(&one), "kubegrant-shop/admin@prod-v1");
    assert_eq!(user(&one), user(&two));
    assert_eq!(kg.accounts().len(), 1);
    let shown = kg.run("project show shop -o json").json();
    assert_eq!(
        shown["shared"][0]["holders"],
        serde_json::json!(["alice", "bob"])
    );
    kg.run("audit list -o json")
        .says("version 1 of 'shop/admin' handed over to 'alice'")
        .says("version 1 of 'shop/admin' handed over to 'bob'");
}

#[test]
fn no_personal_file_has_the_same_names() {
    let mut kg = shop();
    // A user who is called as the account of the project is.
    kg.add_user("shop-admin", "developer");
    let own = kg.grant_and_download("shop-admin", "read");
    let shared = take(&mut kg, "alice");
    let names = |text: &str| {
        let file = yaml(text);
        (
            file["users"][0]["name"].clone(),
            file["contexts"][0]["name"].clone(),
        )
    };
    let (own, shared) = (names(&own), names(&shared));
    assert_ne!(own.0, shared.0);
    assert_ne!(own.1, shared.1);
}

#[test]
fn rotate_ends_it_for_all_and_show_says_who_must_download_again() {
    let mut kg = shop();
    kg.run("project set-role bob --project shop --role editor")
        .success();
    let (one, two) = (take(&mut kg, "alice"), take(&mut kg, "bob"));
    insta::assert_snapshot!(kg.run("project rotate shop --dry-run"), @r"
    WOULD
    end version 1 of 'shop/admin' on cluster 'prod', held by 'alice', 'bob'
    begin version 2 of 'shop/admin' on cluster 'prod'
    ----- stderr -----
    Nothing was changed (dry run).
    [exit 0]
    ");
    assert_eq!(get(&one, PODS), 200);
    insta::assert_snapshot!(kg.run("project rotate shop --yes"), @r"
    CLUSTER   KUBECONFIG   ENDED   VERSION   APPLIED   MUST DOWNLOAD AGAIN
    prod      shop/admin   1       2         yes       alice,bob
    ----- stderr -----
    Version 1 of 'shop/admin' on cluster 'prod' was held by 'alice', 'bob': they must download again.
    warning: whoever held 'shop/admin' had all power on cluster 'prod': tokens that were minted with it for other accounts, the manager's too, and bindings that were made live on
    hint: end it with `kubegrant cluster rotate-accounts prod`, which lists what others bound
    Version 1 of 'shop/admin' no longer works on cluster 'prod' (read back).
    [exit 0]
    ");
    for file in [&one, &two] {
        assert!(matches!(get(file, PODS), 401 | 403));
    }
    let again = |kg: &mut Home| {
        let shown = kg.run("project show shop -o json").json();
        shown["shared"][0]["must_download_again"].clone()
    };
    assert_eq!(again(&mut kg), serde_json::json!(["alice", "bob"]));
    let new = take(&mut kg, "alice");
    assert_eq!(get(&new, PODS), 200);
    assert_eq!(again(&mut kg), serde_json::json!(["bob"]));
    kg.run("project show shop")
        .success()
        .says("prod admin: bob");
}

#[test]
fn revoke_ends_it_without_a_new_one() {
    let mut kg = shop();
    let (admin, read) = (take(&mut kg, "alice"), take(&mut kg, "bob"));
    kg.run("project revoke shop --level admin")
        .exit(2)
        .says("--yes");
    kg.run("project revoke shop --level admin --yes")
        .success()
        .says("Version 1 of 'shop/admin' no longer works");
    assert!(matches!(get(&admin, PODS), 401 | 403));
    assert_eq!(get(&read, PODS), 200);
    assert_eq!(kg.accounts().len(), 1);
    kg.run("project revoke shop --level admin --yes")
        .success()
        .says("nothing to end");
    assert_eq!(
        kg.events("project revoke", "requested"),
        2,
        "the wish and the end"
    );
    // The next download issues the next version.
    let next = take(&mut kg, "alice");
    let name = yaml(&next)["users"][0]["name"].clone();
    assert_eq!(
        guessable(name.as_str().expect("a name")),
        "kubegrant-shop/admin@prod-v2"
    );
}

#[test]
fn what_cannot_be_ended_now_is_owed() {
    let mut kg = Home::with(Sandbox::builder());
    kg.run("project create shop").success();
    kg.run("cluster set prod --project shop").success();
    kg.run("project add-member bob --project shop --role viewer")
        .success();
    let file = take(&mut kg, "bob");
    kg.sandbox.stop();
    let ran = kg.run("project revoke shop --yes");
    ran.exit(6)
        .says("revocation of version 1 of 'shop/read' is pending");
    kg.run("status").says("shop/read");
    kg.sandbox.restart().expect("back");
    kg.run("reconcile").success();
    assert!(matches!(get(&file, PODS), 401 | 403));
    kg.run("status").success().never_says("shop/read");
}

#[test]
fn a_projects_owner_may_end_it_and_who_cannot_reach_the_cluster_owes_it() {
    let mut kg = shop();
    let file = take(&mut kg, "bob");
    kg.run_as("bob", "project revoke shop --yes")
        .exit(4)
        .says("and the project's owners");
    // Her key does not open the cluster's login: the decision stands, and an admin's reconcile
    // makes it true.
    kg.run_as("alice", "project rotate shop --yes").exit(4);
    assert_eq!(get(&file, PODS), 200);
    kg.run_as("alice", "project revoke shop --yes").exit(6);
    kg.run("reconcile").success();
    assert!(matches!(get(&file, PODS), 401 | 403));
}

#[test]
fn a_block_ends_what_is_shared_with_them_too() {
    let mut kg = shop();
    kg.add_user("carol", "developer");
    kg.run("project add-member carol --project shop --role viewer")
        .success();
    let file = take(&mut kg, "bob");
    kg.run("team revoke bob -c prod --yes")
        .success()
        .says("Version 1 of 'shop/read' no longer works");
    assert!(matches!(get(&file, PODS), 401 | 403));
    for line in [
        "kubeconfig download prod",
        "kubeconfig download prod --shared",
    ] {
        kg.run_as("bob", line).exit(4).says("Access Revoked");
        kg.run(&format!("{line} --user bob"))
            .exit(4)
            .says("Access Revoked");
    }
    let hers = take(&mut kg, "carol");
    assert_eq!(get(&hers, PODS), 200);
    kg.run("team restore bob -c prod").success();
    assert_eq!(get(&take(&mut kg, "bob"), PODS), 200);
    assert_eq!(get(&hers, PODS), 200);
}

#[test]
fn disabling_or_offboarding_a_holder_ends_it() {
    for (line, again) in [
        ("user disable bob --yes", true),
        ("user offboard bob --yes", false),
    ] {
        let mut kg = shop();
        let file = take(&mut kg, "bob");
        kg.run("user disable bob --dry-run")
            .success()
            .says("end version 1 of 'shop/read' on cluster 'prod'");
        kg.run(line).success().says("ersion 1 of 'shop/read'");
        assert!(matches!(get(&file, PODS), 401 | 403));
        kg.run("user enable bob").success();
        // Who was offboarded is no member any more; who was disabled is one again.
        let code = if again { 0 } else { 5 };
        kg.run("kubeconfig download prod --shared --user bob")
            .exit(code);
    }
}

#[test]
fn nobody_takes_more_than_they_have_by_taking_it_for_others() {
    let mut kg = shop();
    kg.add_user("carol", "developer");
    kg.run("cluster transfer prod --to carol --yes").success();
    // Carol has write on the cluster; what alice has through the project is cluster-admin.
    kg.run_as(
        "carol",
        "kubeconfig download prod --shared --user alice --plain",
    )
    .exit(4);
    // What gives more than the issuer may is an admin's to make.
    kg.run_as("carol", "kubeconfig download prod --shared --user alice")
        .exit(4)
        .says("mints no token for 'shop/admin'");
    kg.run("kubeconfig download prod --shared --user alice")
        .success();
}

#[test]
fn a_new_project_of_an_old_name_begins_when_the_old_file_is_dead() {
    let mut kg = shop();
    let merge = "kubeconfig download prod --shared --user bob --plain --merge -f both";
    kg.run(merge).success();
    let old = kg.read("both");
    kg.run("project rename shop --to old").success();
    kg.run("project create shop").success();
    kg.run("project add-member bob --project shop --role viewer")
        .success();
    assert_eq!(get(&old, PODS), 200, "it goes on under the old name");
    kg.run("cluster set prod --project shop").success();
    assert!(matches!(get(&old, PODS), 401 | 403));
    // The same name for another login: in one file the new one takes the old one's place.
    kg.run(merge).success();
    let merged = yaml(&kg.read("both"));
    assert_eq!(merged["users"].as_array().map(Vec::len), Some(1));
    assert_ne!(merged["users"][0]["name"], yaml(&old)["users"][0]["name"]);
    assert_eq!(get(&kg.read("both"), PODS), 200);
}

#[test]
fn a_member_sees_the_shared_one_and_what_they_were_handed_of_it() {
    let mut kg = shop();
    drop((take(&mut kg, "alice"), take(&mut kg, "bob")));
    insta::assert_snapshot!(kg.run_as("bob", "kubeconfig show prod"), @r"
    KUBECONFIG   VERSION   STATE    LEVEL   ISSUED                 EXPIRES                DOWNLOADED             BY
    shop/read    1         active   read    2026-11-22T10:00:00Z   2026-12-22T10:00:00Z   2026-11-22T10:00:00Z   olivia
    [exit 0]
    ");
    kg.add_user("carol", "developer");
    kg.run("project add-member carol --project shop --role viewer")
        .success();
    let shown = kg.run_as("carol", "kubeconfig show prod -o json").json();
    assert_eq!(shown[0]["user"], "shop/read");
    assert_eq!(shown[0]["downloads"], serde_json::json!([]));
    // Who was lowered still sees what they had.
    kg.run("project set-role bob --project shop --role owner")
        .success();
    kg.run("project set-role alice --project shop --role viewer --yes")
        .success();
    let shown = kg.run_as("alice", "kubeconfig show prod -o json").json();
    let of = |number: usize| {
        (
            shown[number]["user"].clone(),
            shown[number]["state"].clone(),
        )
    };
    assert_eq!(of(0), ("shop/read".into(), "active".into()));
    assert_eq!(of(1), ("shop/admin".into(), "revoked".into()));
}

#[test]
fn whoever_ends_a_holder_says_who_must_download_again() {
    let again = "Version 1 of 'shop/read' on cluster 'prod' was held by 'carol': they must \
                 download again.";
    for line in [
        "user disable bob --yes",
        "user offboard bob --yes",
        "team revoke bob --cluster prod --yes",
    ] {
        let mut kg = shop();
        kg.add_user("carol", "developer");
        kg.run("project add-member carol --project shop --role viewer")
            .success();
        let (his, hers) = (take(&mut kg, "bob"), take(&mut kg, "carol"));
        if line.starts_with("team") {
            kg.run("team revoke bob --cluster prod --dry-run")
                .success()
                .says(
                    "block the kubeconfig of 'bob' on cluster 'prod', end version 1 of 'shop/read'",
                );
        }
        kg.run(line).success().says(again);
        for file in [his, hers] {
            assert!(matches!(get(&file, PODS), 401 | 403), "{line}");
        }
    }
}
