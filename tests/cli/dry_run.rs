//! `--dry-run` says what would be done, and touches nothing.

use crate::home::Home;

/// Every byte of the store and of the working directory.
fn bytes(kg: &Home) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for folder in ["data/kubegrant", "work", "config/kubegrant"] {
        for entry in std::fs::read_dir(kg.root().join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.display().to_string();
            // Locks are empty; the index of the log is rebuilt by every reader.
            let is_lock = path.extension().is_some_and(|end| end == "lock");
            if !name.ends_with("-shm") && !is_lock {
                found.push((name, std::fs::read(&path).expect("bytes")));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_dry_run_touches_nothing() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    kg.run("kubeconfig download prod -f mine").success();
    let other = kubegrant_sandbox::Sandbox::start().expect("a sandbox");
    kg.set_clock(&other);
    kg.write("other.conf", &other.admin_kubeconfig_token());
    let key = kg.make_identity("new");
    kg.run("ssh-key generate prod").success();
    kg.write("admin.token", "a-token-with-some-length");
    for line in [
        "project create shop",
        "project create blog",
        "cluster set prod --project shop",
        "project add-member bob --project shop --role editor",
        "project add-member olivia --project shop --role owner",
        "kubeconfig download prod --shared --user bob",
        "cluster provider-token set prod --file admin.token",
    ] {
        kg.run(line).success();
    }
    let before = bytes(&kg);
    kg.sandbox.clear_requests();
    other.clear_requests();
    for line in [
        "access grant alice -c prod -l write",
        "access grant bob -c prod -l read",
        "access revoke alice -c prod --yes",
        "access revoke alice -c prod",
        "user add carol",
        "user set-role alice admin",
        "user disable alice --yes",
        "user disable alice",
        &format!("user set-key alice --key {key}"),
        "cluster add other --kubeconfig other.conf",
        "cluster set prod --label a=b --exclude default",
        "cluster relink prod --kubeconfig admin.conf --yes",
        "kubeconfig download prod",
        "kubeconfig download prod --user alice",
        "kubeconfig rotate prod",
        "team rotate alice -c prod --yes",
        "team revoke alice -c prod",
        "team revoke alice --all-clusters --yes",
        "team restore bob -c prod",
        "cluster transfer prod --to alice --yes",
        "cluster protect prod",
        "cluster archive prod --revoke-all --yes",
        "cluster delete prod",
        "cluster delete prod --forget",
        "cluster rotate-manager prod",
        "cluster rotate-accounts prod",
        "cluster rotate-credentials prod",
        "team rotate --all-users --cluster prod",
        "team revoke --all-users --cluster prod",
        "cluster provider-token set prod --file admin.token",
        "cluster provider-token remove prod",
        "ssh-key download prod",
        "ssh-key download prod -f -",
        "ssh-key install prod --node 127.0.0.1:1",
        "ssh-key rotate prod --node 127.0.0.1:1",
        "ssh-key reset prod",
        "user offboard alice --yes",
        "project create mine",
        "project describe shop \"the web shop\"",
        "project rename shop --to store",
        "project delete blog --yes",
        "project delete blog",
        "project add-member alice --project shop --role viewer",
        "project set-role bob --project shop --role viewer",
        "project remove-member bob --project shop --yes",
        "project remove-member bob --project shop --keep-shared",
        "project rotate shop",
        "project revoke shop --level admin",
        "cluster set prod --no-project",
        "cluster set prod --project blog",
        "cluster add other --kubeconfig other.conf --project shop",
        "kubeconfig download prod --shared",
        "kubeconfig download prod --shared --user bob -f another",
        "user disable bob --yes",
        "reconcile",
    ] {
        let ran = kg.run(&format!("{line} --dry-run"));
        ran.success().says("dry run");
        assert!(!ran.stdout.is_empty(), "{line}: {ran}");
        assert!(!kg.was_changed(), "{line} changed the cluster");
        assert!(before == bytes(&kg), "{line} changed a file");
    }
    let asked = other.requests();
    assert!(
        asked
            .iter()
            .all(|it| it.method == "GET" || it.path.contains("accessreviews")),
        "{asked:?}"
    );
}

#[test]
fn a_dry_run_says_what_would_end() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    insta::assert_snapshot!(kg.run("access grant alice -c prod -l write --dry-run"), @r"
        WOULD
        give 'alice' write on cluster 'prod'
        end version 1 of 'alice' on cluster 'prod'
        ----- stderr -----
        Nothing was changed (dry run).
        [exit 0]
    ");
    insta::assert_snapshot!(kg.run("access revoke alice -c prod --dry-run"), @r"
        WOULD
        take the access of 'alice' to cluster 'prod'
        end version 1 of 'alice' on cluster 'prod'
        ----- stderr -----
        Nothing was changed (dry run).
        [exit 0]
    ");
    insta::assert_snapshot!(kg.run("user disable alice --dry-run"), @r"
        WOULD
        disable 'alice'
        end version 1 of 'alice' on cluster 'prod'
        ----- stderr -----
        Nothing was changed (dry run).
        [exit 0]
    ");
    insta::assert_snapshot!(kg.run("kubeconfig download prod --dry-run"), @r"
        WOULD
        begin version 1 of 'olivia' on cluster 'prod'
        hand version 1 of 'olivia' on cluster 'prod' to 'olivia'
        write `[HOME]/work/prod.kubeconfig`
        ----- stderr -----
        Nothing was changed (dry run).
        [exit 0]
    ");
    insta::assert_snapshot!(kg.run("kubeconfig rotate prod --dry-run"), @r"
        WOULD
        begin version 1 of 'olivia' on cluster 'prod'
        hand version 1 of 'olivia' on cluster 'prod' to 'olivia'
        write `[HOME]/work/prod.kubeconfig`
        ----- stderr -----
        Nothing was changed (dry run).
        [exit 0]
    ");
}

#[test]
fn a_dry_run_of_a_reconcile_says_what_drifted() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    let account = kg.accounts().pop().expect("an account");
    let (namespace, name) = account.split_once('/').expect("a place");
    kg.sandbox
        .remove_object("v1", "ServiceAccount", Some(namespace), name);
    insta::assert_snapshot!(kg.run("reconcile --dry-run"), @"
    CLUSTER   STATE          WHAT
    prod      would change   end version 1 of 'alice': its account was deleted on the cluster (account 'kubegrant-users/alice-[HEX]-v1')
    ----- stderr -----
    Nothing was changed (dry run).
    [exit 0]
    ");
    assert!(kg.accounts().is_empty());
}

#[test]
fn a_dry_run_is_refused_where_the_thing_itself_would_be() {
    let mut kg = Home::new();
    kg.run_as("alice", "access grant bob -c prod -l read --dry-run")
        .exit(3);
    kg.run_as("alice", "user add mallory --dry-run").exit(4);
    kg.run("user disable olivia --dry-run").exit(5);
    kg.run("user set-role olivia developer --dry-run").exit(5);
}
