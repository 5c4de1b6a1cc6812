//! Projects: one shared kubeconfig for all members of a level, which dies for all of them at once.

use crate::home::{File, Home};
use crate::world;

const PODS: &str = "/api/v1/namespaces/default/pods";
const SECRETS: &str = "/api/v1/namespaces/kube-system/secrets";

/// The project `shop` with `prod` in it, and these members.
fn shop(home: &Home, members: &[(&str, &str)]) {
    home.run("project create shop").success();
    home.run("cluster set prod --project shop").success();
    for (user, role) in members {
        home.run(&format!("user add {user}")).success();
        let line = format!("project add-member {user} --project shop --role {role}");
        home.run(&line).success();
    }
}

fn take(home: &Home, user: &str) -> File {
    home.run(&format!(
        "kubeconfig download prod --shared --user {user} --plain -f {user}.shared --force"
    ))
    .success();
    home.file(&format!("{user}.shared"))
}

#[test]
fn rotating_ends_a_shared_kubeconfig_for_all_of_its_holders() {
    let world = world::shared();
    let home = Home::new(world.as_ref());
    shop(
        &home,
        &[("olga", "owner"), ("ed", "editor"), ("vic", "viewer")],
    );
    let (olga, ed, vic) = (take(&home, "olga"), take(&home, "ed"), take(&home, "vic"));
    assert_eq!(olga.account, ed.account, "one version for the level");
    assert_ne!(olga.text, ed.text, "a token each");
    for admin in [&olga, &ed] {
        admin.caller.get(SECRETS).expect(200);
    }
    vic.caller.get(PODS).expect(200);
    vic.caller.get(SECRETS).expect(403);
    home.run("project rotate shop --level admin --yes")
        .success()
        .says("was held by 'olga', 'ed': they must download again");
    for admin in [&olga, &ed] {
        let (_, after) = admin.caller.wait_for(PODS, &[401, 403]);
        crate::say(&format!(
            "e2e: a shared kubeconfig was refused after {after:?}"
        ));
    }
    vic.caller.get(PODS).expect(200);
    take(&home, "ed").caller.get(SECRETS).expect(200);
    home.run("project show shop")
        .success()
        .says("prod admin: olga");
}

#[test]
fn a_member_who_leaves_takes_nothing_that_works_along() {
    let world = world::shared();
    let home = Home::new(world.as_ref());
    shop(
        &home,
        &[("olga", "owner"), ("ed", "editor"), ("vic", "viewer")],
    );
    let (olga, ed, vic) = (take(&home, "olga"), take(&home, "ed"), take(&home, "vic"));
    home.run("project remove-member ed --project shop --yes")
        .success();
    for file in [&olga, &ed] {
        file.caller.wait_for(PODS, &[401, 403]);
    }
    vic.caller.get(PODS).expect(200);
    // Disabling is leaving too; moving the cluster out ends what is left.
    let next = take(&home, "olga");
    next.caller.get(SECRETS).expect(200);
    home.run("user disable vic --yes").success();
    vic.caller.wait_for(PODS, &[401, 403]);
    home.run("cluster set prod --no-project").success();
    next.caller.wait_for(PODS, &[401, 403]);
}
