//! A level is what the API server says it is: where it says more, somebody is told and must insist.

use std::time::Duration;

use serde_json::json;

use crate::home::Home;
use crate::levels::RBAC;
use crate::others::bind;
use crate::world;

/// How long an authorizer may take to hear of a binding.
const HEARD: Duration = Duration::from_millis(500);

#[test]
fn a_group_that_every_account_is_in_makes_a_level_more_than_it_says() {
    let world = world::alone(None);
    let world = world.as_ref();
    let home = Home::new(world);
    let admin = world.admin();
    for user in ["bob", "carol"] {
        home.run(&format!("user add {user}")).success();
    }
    home.grant("carol", "read");
    for group in [
        "system:serviceaccounts",
        "system:serviceaccounts:kubegrant",
        "system:serviceaccounts:kubegrant-users",
        "system:authenticated",
        "system:unauthenticated",
    ] {
        for role in ["cluster-admin", "edit"] {
            let whom = json!({
                "kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": group,
            });
            bind(&admin, None, "permissive", role, &whom);
            let path = format!("{RBAC}/clusterrolebindings/permissive");
            let named = format!("to Group \"{group}\"");
            // The authorizer hears of a binding in moments.
            world.let_pass(HEARD);
            home.run("access grant bob -c prod --level read")
                .exit(5)
                .says(&named)
                .says("permissive");
            home.run("access list --user bob -o json").success();
            home.run("kubeconfig download prod --user carol --plain -f c.kubeconfig")
                .exit(5)
                .says(&named);
            assert!(!home.path("c.kubeconfig").exists());
            home.run("cluster check prod").says(&named);
            admin.delete(&path).expect(200);
            world.let_pass(HEARD);
        }
    }
    // Nothing was recorded, and nothing was made.
    let shown = home
        .run("kubeconfig show prod --user carol -o json")
        .success();
    assert_eq!(shown.stdout.trim(), "[]");
    home.run("access list --user bob -o json")
        .success()
        .says("[]");
    home.run("cluster check prod").success();
    home.grant("bob", "read");
    home.download("bob");
    home.download("carol");
}

#[test]
fn who_insists_is_warned_and_it_is_recorded() {
    let world = world::alone(None);
    let world = world.as_ref();
    let home = Home::new(world);
    let admin = world.admin();
    home.run("user add bob").success();
    let whom = json!({
        "kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "system:authenticated",
    });
    bind(&admin, None, "permissive", "edit", &whom);
    world.let_pass(HEARD);
    home.run("access grant bob -c prod --level write").exit(5);
    home.run("access grant bob -c prod --level write --dry-run")
        .success()
        .says("although");
    home.run("access grant bob -c prod --level write --yes")
        .success()
        .says("warning:")
        .says("permissive");
    let download = "kubeconfig download prod --user bob --plain -f bob.kubeconfig";
    home.run(download).exit(5);
    home.run(&format!("{download} --dry-run"))
        .success()
        .says("although");
    home.run("--as bob kubeconfig download --all --plain -f all.kubeconfig")
        .exit(5)
        .says("permissive");
    home.run(&format!("{download} --yes"))
        .success()
        .says("permissive");
    home.run("audit list -o json").success().says("although");
    // Less than before is refused to nobody, and taking away neither.
    home.run("access grant bob -c prod --level read")
        .success()
        .says("permissive");
    home.run("access revoke bob -c prod --yes").success();
    // Whoever has everything has nothing beyond it.
    home.run("kubeconfig download prod -f ana.kubeconfig")
        .success();
}

#[test]
fn a_server_without_rbac_is_said_before_anybody_is_told_read() {
    let world = world::without_rbac();
    let world = world.as_ref();
    let home = Home::empty();
    home.put_admin(world);
    let add = "cluster add prod --kubeconfig admin.kubeconfig";
    home.run(add)
        .exit(5)
        .says("AlwaysAllow")
        .says("without RBAC");
    home.run("cluster show prod").exit(3);
    home.run(&format!("{add} --yes"))
        .success()
        .says("AlwaysAllow");
    home.run("cluster check prod").says("AlwaysAllow");
    home.run("user add bob").success();
    home.run("access grant bob -c prod --level read")
        .exit(5)
        .says("AlwaysAllow");
    home.run("access grant bob -c prod --level read --yes")
        .success();
    home.run("--as bob shell prod --level read -- true")
        .exit(5)
        .says("AlwaysAllow");
    home.run("kubeconfig download prod --user bob --plain -f bob.kubeconfig")
        .exit(5)
        .says("AlwaysAllow");
    home.run("kubeconfig download prod --user bob --plain -f bob.kubeconfig --yes")
        .success()
        .says("AlwaysAllow");
}
