//! What people have of a server beside one kubeconfig at a time.

use crate::desk::Desk;
use crate::serve::home;

#[test]
fn all_kubeconfigs_come_in_one_file() {
    let mut kg = home();
    let stage = kg.add_cluster("stage");
    kg.run("access grant bob -c stage --level read").success();
    let desk = Desk::open(&mut kg);
    kg.run("cluster set stage --self-service on").success();
    let far = desk.log_in(&mut kg, "bob");
    let root = kg.root().join("far/bob");
    let there = |name: &str| std::fs::read_to_string(root.join(name));
    Desk::run(&mut kg, &far, "kubeconfig download --all")
        .success()
        .says("stage")
        .says("for 2 clusters");
    let file = there("work/kubegrant.kubeconfig").expect("a file");
    assert!(
        file.contains("bob@prod") && file.contains("bob@stage"),
        "{file}"
    );
    // It stays, unless it is added to.
    let refused = Desk::run(&mut kg, &far, "kubeconfig download --all");
    refused.exit(5).says("kubegrant.kubeconfig");
    for flag in ["--force", "-f -", "--renew", "--shared", "--user alice"] {
        Desk::run(&mut kg, &far, &format!("kubeconfig download --all {flag}")).exit(2);
    }
    // Those that answer are handed over, the others named.
    kg.run("team revoke bob -c stage --yes").success();
    let listed = Desk::run(&mut kg, &far, "kubeconfig download --all --merge -o json");
    let listed = listed.exit(4).says("Access Revoked").json();
    assert_eq!(listed[0]["cluster"], "prod");
    assert!(listed[1].is_null());
    let merged = there("home/.kube/config").expect("a kubeconfig");
    assert!(merged.contains("bob@prod") && !merged.contains("bob@stage"));
    drop(stage);
}
