//! Bad input: each has its own message and its exit code.

use crate::home::Home;

#[test]
fn granting_to_an_owner_or_an_admin() {
    let mut kg = Home::new();
    kg.add_user("ada", "admin");
    insta::assert_snapshot!(kg.run("access grant olivia -c prod -l read"), @r"
        ----- stderr -----
        error: 'olivia' is an organization owner, who has full access to every cluster

        hint: to limit them, run `kubegrant user set-role olivia developer`
        [exit 5]
        ");
    insta::assert_snapshot!(kg.run("access grant ada -c prod -l write"), @r"
        ----- stderr -----
        error: 'ada' is an organization admin, who has full access to every cluster

        hint: to limit them, run `kubegrant user set-role ada developer`
        [exit 5]
        ");
}

#[test]
fn downgrading_a_cluster_owner() {
    let mut kg = Home::new();
    kg.run("cluster transfer prod --to alice --yes").success();
    insta::assert_snapshot!(kg.run("access grant alice -c prod -l read"), @r"
        ----- stderr -----
        error: 'alice' owns cluster 'prod' and has write, which no grant changes

        hint: to change that, run `kubegrant cluster transfer prod --to USER`
        [exit 5]
        ");
    insta::assert_snapshot!(kg.run("access revoke alice -c prod --yes"), @r"
        ----- stderr -----
        error: 'alice' owns cluster 'prod' and has write, which no grant changes

        hint: to change that, run `kubegrant cluster transfer prod --to USER`
        [exit 5]
        ");
}

#[test]
fn acting_on_oneself_where_it_locks_one_out() {
    let mut kg = Home::new();
    kg.run("user add oscar --role owner").success();
    insta::assert_snapshot!(kg.run("user disable olivia --yes"), @r"
        ----- stderr -----
        error: disabling yourself would lock you out

        hint: let another owner or admin do it
        [exit 5]
        ");
    insta::assert_snapshot!(kg.run("user offboard olivia --yes"), @r"
        ----- stderr -----
        error: offboarding yourself would lock you out

        hint: let another owner or admin do it
        [exit 5]
        ");
}

#[test]
fn removing_the_last_owner() {
    let mut kg = Home::new();
    insta::assert_snapshot!(kg.run("user set-role olivia developer"), @r"
        ----- stderr -----
        error: 'olivia' is the last active owner of the organization, and stays

        hint: make somebody else an owner first: `kubegrant user set-role NAME owner`
        [exit 5]
        ");
    insta::assert_snapshot!(kg.run("user disable olivia --yes"), @r"
        ----- stderr -----
        error: 'olivia' is the last active owner of the organization, and stays

        hint: make somebody else an owner first: `kubegrant user set-role NAME owner`
        [exit 5]
        ");
}

#[test]
fn a_transfer_to_a_disabled_user() {
    let mut kg = Home::new();
    kg.run("user disable alice --yes").success();
    insta::assert_snapshot!(kg.run("cluster transfer prod --to alice --yes"), @r"
        ----- stderr -----
        error: 'alice' is disabled and can own nothing

        hint: run `kubegrant user enable alice` first
        [exit 5]
        ");
    insta::assert_snapshot!(kg.run("access grant alice -c prod -l read"), @r"
        ----- stderr -----
        error: 'alice' is disabled and has nothing

        hint: run `kubegrant user enable alice` first
        [exit 5]
        ");
}

#[test]
fn a_grant_that_ends_in_the_past() {
    let mut kg = Home::new();
    insta::assert_snapshot!(kg.run("access grant alice -c prod -l read --until 2026-11-22T09:00:00Z"), @r"
        ----- stderr -----
        error: a grant cannot end in the past

        hint: give a later `--until`, or remove access with `kubegrant access revoke`
        [exit 2]
        ");
    insta::assert_snapshot!(kg.run("access grant alice -c prod -l read --for 0h"), @r"
        ----- stderr -----
        error: invalid value '0h' for '--for <DURATION>': a length of time must be at least one second

        For more information, try '--help'.
        [exit 2]
        ");
}

#[test]
fn revoking_twice() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l read").success();
    kg.run("access revoke alice -c prod --yes").success();
    insta::assert_snapshot!(kg.run("access revoke alice -c prod --yes"), @r"
        USER    CLUSTER   LEVEL   ENDS     APPLIED
        alice   prod      none    <none>   yes
        ----- stderr -----
        'alice' has no access to cluster 'prod'; nothing was changed.
        [exit 0]
        ");
}

#[test]
fn an_archived_cluster() {
    let mut kg = Home::new();
    kg.run("cluster archive prod --yes").success();
    insta::assert_snapshot!(kg.run("kubeconfig download prod"), @r"
        ----- stderr -----
        error: cluster 'prod' is archived: nobody can download or rotate a kubeconfig

        hint: run `kubegrant cluster unarchive prod`
        [exit 5]
        ");
    insta::assert_snapshot!(kg.run("cluster archive prod --yes"), @r"
        ----- stderr -----
        error: cluster 'prod' is archived already

        hint: run `kubegrant cluster unarchive prod`
        [exit 5]
        ");
}

#[test]
fn a_protected_cluster() {
    let mut kg = Home::new();
    kg.run("cluster protect prod").success();
    insta::assert_snapshot!(kg.run("cluster delete prod --yes --confirm prod"), @r"
        ----- stderr -----
        error: cluster 'prod' is protected: nobody can delete

        hint: run `kubegrant cluster unprotect prod`
        [exit 5]
        ");
}

#[test]
fn a_blocked_user() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l read").success();
    kg.run("team revoke alice -c prod --yes").success();
    insta::assert_snapshot!(kg.run_as("alice", "kubeconfig download prod"), @r"
        ----- stderr -----
        error: Access Revoked: an admin revoked the kubeconfig of 'alice' on cluster 'prod'

        hint: ask 'olivia' to run `kubegrant team restore alice --cluster prod`
        [exit 4]
        ");
}

#[test]
fn a_cluster_that_vanishes_half_way() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    kg.sandbox.stop();
    insta::assert_snapshot!(kg.run("kubeconfig download prod"), @r"
        ----- stderr -----
        error: cluster 'prod': cannot reach https://127.0.0.1:[PORT]: tcp connect error: Connection refused (os error 111)

        hint: nothing was changed; try again when it answers
        [exit 8]
        ");
    insta::assert_snapshot!(kg.run("access grant alice -c prod -l write"), @r"
        USER    CLUSTER   LEVEL   ENDS     APPLIED
        alice   prod      write   <none>   no
        ----- stderr -----
        'alice' can write cluster 'prod'.
        warning: cluster 'prod': revocation of version 1 of 'alice' is pending; its tokens may work until 2026-12-22T10:00:00Z
        warning: cluster 'prod': cannot reach https://127.0.0.1:[PORT]: tcp connect error: Connection refused (os error 111)
        error: recorded, but not yet true on the cluster

        hint: run `kubegrant reconcile` when the cluster answers; `kubegrant status` shows what is pending
        [exit 6]
        ");
}

#[test]
fn taking_a_stronger_login_into_ones_own_hands() {
    let mut kg = Home::new();
    kg.add_user("ada", "admin");
    kg.run("cluster transfer prod --to alice --yes").success();
    insta::assert_snapshot!(kg.run_as("alice", "kubeconfig download prod --user ada --plain"), @r"
        ----- stderr -----
        error: 'alice' may not act as another user: organization owners and admins may

        hint: leave out `--plain`: the file is sealed to its owner then
        [exit 4]
        ");
    // Ada is an admin: hers stands where the issuer has nothing to say.
    kg.run_as("alice", "kubeconfig download prod --user ada")
        .exit(4)
        .says("mints no token for 'ada'");
    assert_eq!(kg.files(), ["admin.conf"]);
    kg.run("kubeconfig download prod --user ada").success();
    assert_eq!(kg.files(), ["admin.conf", "prod.ada.kubeconfig.age"]);
}

#[test]
fn a_developer_whose_key_opens_no_login_rotates_nothing() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    let rotations = |kg: &mut Home| {
        let phases = ["requested", "done", "owed", "denied"];
        phases.map(|phase| kg.events("kubeconfig rotate", phase))
    };
    assert_eq!(rotations(&mut kg), [0; 4]);
    insta::assert_snapshot!(kg.run_as("alice", "kubeconfig rotate prod --yes"), @"
    ----- stderr -----
    error: your key does not open the issuer login of cluster 'prod'

    hint: only organization owners and admins and the cluster's owner can use it: ask one of them to do this, or, for a kubeconfig of yours, to run `kubegrant kubeconfig download prod --user YOU`
    [exit 4]
    ");
    assert_eq!(rotations(&mut kg), [0, 0, 0, 1], "the refusal alone");
    assert_eq!(crate::home::get(&file, crate::home::PODS), 200);
}

#[test]
fn an_end_that_is_owed_is_tried_again_by_the_same_command() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    kg.grant_and_download("bob", "read");
    kg.sandbox.stop();
    for line in [
        "access grant alice -c prod -l write",
        "user disable bob --yes",
    ] {
        kg.run(line).exit(6);
        kg.run(line).exit(6);
    }
    kg.sandbox.restart().expect("back");
    for line in [
        "access grant alice -c prod -l write",
        "user disable bob --yes",
    ] {
        kg.run(line).success();
    }
    assert!(kg.accounts().is_empty());
}

#[test]
fn what_was_typed_begins_no_line_of_its_own_and_hides_nothing() {
    let mut kg = Home::new();
    let odd = "x\nerror: forged\u{202e}\u{1b}[2Jy\u{2800}";
    for words in [
        vec![
            "access", "grant", "alice", "-c", "prod", "-l", "read", "--reason", odd,
        ],
        vec!["access", "grant", "alice", "-c", "prod", "-l", odd],
        vec!["access", "grant", odd, "-c", "prod", "-l", "read"],
        vec!["access", "list", odd],
        vec!["access", "list", &format!("--{odd}")],
        vec!["access", odd],
        vec!["cluster", "set", "prod", "--label", odd],
        vec!["cluster", "set", "prod", "--description", odd],
        vec!["kubeconfig", "whose", odd],
        vec!["cluster", "add", "new", "--kubeconfig", odd],
    ] {
        let ran = kg.run_words(&words);
        assert_ne!(ran.code, 0, "{words:?}");
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!said.contains("\nerror: forged"), "{words:?}: {said}");
        let raw = |c: char| c != '\n' && (c.is_control() || "\u{202e}\u{2800}".contains(c));
        assert!(!said.chars().any(raw), "{words:?}: {said:?}");
    }
}

#[test]
fn what_a_cluster_calls_its_roles_is_escaped_in_every_format_and_lost_in_none() {
    let mut kg = Home::new();
    let name = "odd\u{202e}\u{200b}\u{e0041}role";
    kg.sandbox
        .put_object(
            serde_json::json!({ "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole", "metadata": { "name": name }, "rules": [] }),
        )
        .expect("a role");
    for format in ["table", "wide", "json", "yaml", "name"] {
        let ran = kg.run(&format!("rbac roles prod -o {format}"));
        ran.success();
        assert!(ran.stdout.contains("odd"), "{ran}");
        let raw = |c: char| "\u{202e}\u{200b}\u{e0041}".contains(c);
        assert!(!ran.stdout.chars().any(raw), "{format}: {:?}", ran.stdout);
        if matches!(format, "json" | "yaml") {
            let value = crate::home::yaml(&ran.stdout);
            assert!(value.to_string().contains(name), "{format}: {value}");
        }
    }
}
