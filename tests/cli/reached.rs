//! Who had all power on a cluster could have kept some: said wherever somebody loses it.

use kubegrant_sandbox::Sandbox;

use crate::home::Home;
use crate::project::{shop, take};

const SAID: &str = "had all power on cluster 'prod'";
const COMMAND: &str = "`kubegrant cluster rotate-accounts prod`";

fn says(kg: &mut Home, line: &str) {
    kg.run(line).success().says(SAID).says(COMMAND);
}

fn never(kg: &mut Home, line: &str) {
    kg.run(line).success().never_says("had all power");
}

/// Whoever could have minted tokens of every account was let go without a word.
#[test]
fn a_member_who_had_the_admin_level() {
    for (line, whom) in [
        ("project remove-member alice --project shop --yes", "alice"),
        (
            "project set-role alice --project shop --role viewer",
            "alice",
        ),
        ("project rotate shop --yes", "whoever held 'shop/admin'"),
        (
            "project revoke shop --level admin --yes",
            "whoever held 'shop/admin'",
        ),
        ("cluster set prod --no-project", "alice"),
        ("user disable alice --yes", "alice"),
        ("user offboard alice --yes", "alice"),
    ] {
        let mut kg = shop();
        kg.run("project add-member olivia --project shop --role owner")
            .success();
        take(&mut kg, "alice");
        take(&mut kg, "bob");
        kg.run(line).success().says(SAID).says(whom).says(COMMAND);
    }
}

#[test]
fn a_viewer_had_none() {
    for line in [
        "project remove-member bob --project shop --yes",
        "project rotate shop --level read --yes",
        "user disable bob --yes",
    ] {
        let mut kg = shop();
        take(&mut kg, "bob");
        never(&mut kg, line);
    }
    // Nor had who never took it, though they might have.
    let mut kg = shop();
    kg.run("project add-member olivia --project shop --role owner")
        .success();
    never(&mut kg, "project remove-member alice --project shop --yes");
}

#[test]
fn once_all_accounts_were_rotated_there_is_nothing_to_say() {
    let mut kg = shop();
    kg.run("project add-member olivia --project shop --role owner")
        .success();
    take(&mut kg, "alice");
    says(&mut kg, "project remove-member alice --project shop --yes");
    // Also much later, by another way.
    says(&mut kg, "user disable alice --yes");
    kg.tick(1);
    kg.run("cluster rotate-accounts prod --yes").success();
    never(&mut kg, "user disable alice --yes");
}

#[test]
fn admins_and_cluster_owners() {
    let mut kg = Home::new();
    kg.add_user("ada", "admin");
    kg.run_as("ada", "kubeconfig download prod -f mine")
        .success();
    never(&mut kg, "user set-role ada owner");
    says(&mut kg, "user set-role ada developer");
    kg.run("cluster transfer prod --to alice --yes").success();
    // The issuer, with which its owner works, is not all power; and it ends with them.
    never(&mut kg, "cluster transfer prod --to bob --yes");
    kg.run("cluster check prod").success();
    never(&mut kg, "user offboard bob --new-owner olivia --yes");
    kg.run("cluster check prod").success();
}

#[test]
fn all_clusters_are_named() {
    let mut kg = Home::new();
    let _other = kg.add_cluster("dev");
    kg.add_user("ada", "admin");
    kg.run("user disable ada --yes")
        .success()
        .says("'ada' had all power on clusters 'dev', 'prod'")
        .says("`kubegrant cluster rotate-accounts CLUSTER`");
}

#[test]
fn a_full_shell_and_no_other() {
    let mut kg = Home::with(Sandbox::builder());
    says(&mut kg, "shell prod -- true");
    never(&mut kg, "shell prod --level read -- true");
}

#[test]
fn a_write_that_is_cluster_wide_and_a_role_that_is() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "write");
    never(&mut kg, "access revoke alice -c prod --yes");
    kg.run("cluster set prod --write-scope cluster").success();
    kg.grant_and_download("alice", "write");
    says(&mut kg, "access revoke alice -c prod --yes");
    kg.run("rbac bind bob -c prod --cluster-role edit --yes")
        .success();
    says(&mut kg, "rbac unbind bob -c prod --cluster-role edit --yes");
}

#[test]
fn a_new_key_says_what_the_old_one_opened_and_the_person_is_told() {
    let mut kg = Home::new();
    kg.add_user("ada", "admin");
    kg.run("ssh-key generate prod").success();
    let key = kg.make_identity("ada-new");
    insta::assert_snapshot!(kg.run(&format!("user set-key ada --key {key}")), @"
    Name:     ada
    Role:     admin
    State:    active
    E-mail:   <none>
    Key:      [KEY]
    Added:    2026-11-22T10:00:00Z
    ----- stderr -----
    'ada' has a new key.
    warning: the old key could open the manager login of cluster 'prod': rotate it at its source, if somebody else has that key
    warning: the old key could open SSH key [FINGERPRINT] of cluster 'prod': rotate it at its source, if somebody else has that key
    hint: `kubegrant cluster rotate-accounts CLUSTER` ends a manager login, and all that could be made with it
    [exit 0]
    ");
    kg.run_as("ada-new", "whoami")
        .success()
        .says("'olivia' set your key at 2026-11-22T10:00:00Z");
    kg.run_as("ada-new", "status")
        .success()
        .says("'olivia' set your key");
    let shown = kg.run_as("ada-new", "whoami -o json").json();
    assert_eq!(shown["key_set_by"], "olivia");
    kg.tick(31 * 24);
    kg.run_as("ada-new", "status")
        .success()
        .never_says("set your key");
    // One's own is no news.
    let own = kg.make_identity("ada-own");
    kg.run_as("ada-new", &format!("user set-key ada --key {own}"))
        .success()
        .says("the old key could open the manager login of cluster 'prod'");
    kg.run_as("ada-own", "whoami")
        .success()
        .never_says("set your key");
    // A developer's opens nothing.
    let bobs = kg.make_identity("bob-new");
    kg.run(&format!("user set-key bob --key {bobs}"))
        .success()
        .never_says("could open");
}
