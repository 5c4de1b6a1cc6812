//! Who keeps a shared kubeconfig without being entitled to it is shown wherever access is looked
//! at, until it is rotated; and who held what a move between projects ends is named.

use crate::home::{Home, get};

const SECRETS: &str = "/api/v1/namespaces/kube-system/secrets";

fn shop() -> Home {
    let mut kg = Home::new();
    for name in ["shop", "web"] {
        kg.run(&format!("project create {name}")).success();
    }
    kg.run("cluster set prod --project shop").success();
    for user in ["alice", "bob"] {
        let line = format!("project add-member {user} --project shop --role editor");
        kg.run(&line).success();
    }
    kg
}

fn take(kg: &mut Home, user: &str) -> String {
    let line = format!("kubeconfig download prod --user {user} --shared --plain -f -");
    kg.run(&line).success().stdout.clone()
}

#[test]
fn who_keeps_a_shared_kubeconfig_is_seen_everywhere_until_it_is_rotated() {
    let mut kg = shop();
    kg.run("access grant bob --cluster prod --level read")
        .success();
    let file = take(&mut kg, "bob");
    take(&mut kg, "alice");
    kg.run("project remove-member bob --project shop --keep-shared --yes")
        .success();
    assert_eq!(get(&file, SECRETS), 200);
    let views = [
        (
            "access list",
            "kept shared kubeconfig of project shop, until it is rotated",
        ),
        (
            "access list --user bob --cluster prod",
            "kept shared kubeconfig of project shop, until it is rotated",
        ),
        (
            "access explain bob --cluster prod",
            "'bob' gets full on cluster 'prod' by a shared kubeconfig that was kept, until it is \
             rotated",
        ),
        (
            "status",
            "'bob' has full (kept shared kubeconfig of project 'shop', version 1, until it is \
             rotated)",
        ),
        (
            "user show bob",
            "full (kept shared kubeconfig of project 'shop', version 1, until it is rotated)",
        ),
        ("team list", "shop/admin (kept by bob)"),
        ("team list --user bob", "shop/admin (kept by bob)"),
        (
            "project show shop",
            "held by alice, bob (kept, without being entitled to it)",
        ),
    ];
    for (line, what) in views {
        kg.run(line).success().says(what);
    }
    let own = "kept shared kubeconfig of project";
    kg.run_as("bob", "access list").success().says(own);
    kg.run_as("bob", "status").success().says(own);
    kg.run_as("bob", "user show bob").success().says(own);
    kg.run_as("alice", "status").success().says(own);
    let listed = kg.run("access list --user bob -o json").json();
    let kept = listed.as_array().expect("a list").iter();
    let kept: Vec<_> = kept.filter(|line| line["through"] == "kept").collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0]["level"], "full");
    assert_eq!(kept[0]["project"], "shop");
    let shown = kg.run("status -o json").json();
    assert_eq!(shown["kept"][0]["user"], "bob");
    assert_eq!(shown["kept"][0]["version"], 1);

    kg.run("project rotate shop --yes").success();
    assert_eq!(get(&file, SECRETS), 401);
    for (line, _) in views {
        kg.run(line).success().never_says("kept");
    }
}

#[test]
fn who_was_lowered_and_keeps_the_stronger_one_is_shown_and_who_has_it_again_is_not() {
    let mut kg = shop();
    take(&mut kg, "bob");
    kg.run("project set-role bob --project shop --role viewer --keep-shared")
        .success();
    for line in ["access list", "status", "user show bob"] {
        kg.run(line)
            .success()
            .says("kept shared kubeconfig of project");
    }
    kg.run("access explain bob --cluster prod")
        .success()
        .says("'bob' gets full");
    kg.run("project set-role bob --project shop --role editor")
        .success();
    for line in [
        "access list",
        "status",
        "user show bob",
        "access explain bob --cluster prod",
    ] {
        kg.run(line).success().never_says("kept");
    }
}

#[test]
fn a_hand_over_counts_where_the_ledger_of_holders_lacks_it() {
    let mut kg = shop();
    let file = take(&mut kg, "bob");
    let sql = rusqlite::Connection::open(kg.store()).expect("open");
    sql.execute_batch("DELETE FROM holders").expect("edited");
    drop(sql);
    // An owner who does not see it accepts it: the hand-over still counts.
    kg.run("audit accept --reason careless --yes").success();
    kg.run("project show shop").success().says("held by bob");
    kg.run("project remove-member bob --project shop --yes")
        .success();
    assert_eq!(get(&file, SECRETS), 401);
}

#[test]
fn a_move_between_projects_names_who_held_what_it_ends() {
    for to in ["--project web", "--no-project"] {
        let mut kg = shop();
        kg.run("project add-member olivia --project shop --role viewer")
            .success();
        let file = take(&mut kg, "bob");
        take(&mut kg, "alice");
        kg.run(&format!("cluster set prod {to} --dry-run"))
            .success()
            .says("end version 1 of 'shop/admin' on cluster 'prod', held by 'alice', 'bob'");
        kg.run(&format!("cluster set prod {to}"))
            .success()
            .says("Version 1 of 'shop/admin' on cluster 'prod' was held by 'alice', 'bob'.");
        assert_eq!(get(&file, SECRETS), 401);
    }
}
