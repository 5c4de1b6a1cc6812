//! `kubegrant cluster protect`, `unprotect`, `archive`, `unarchive` and `transfer`.

use crate::home::{Home, PODS, get};

#[test]
fn a_protected_cluster_is_neither_archived_nor_deleted() {
    let mut kg = Home::new();
    insta::assert_snapshot!(kg.run("cluster protect prod"), @r"
        NAME   STATE    PROTECTED   APPLIED
        prod   active   yes         yes
        ----- stderr -----
        Cluster 'prod' is protected now.
        [exit 0]
        ");
    insta::assert_snapshot!(kg.run("cluster archive prod --yes"), @r"
        ----- stderr -----
        error: cluster 'prod' is protected: nobody can archive

        hint: run `kubegrant cluster unprotect prod`
        [exit 5]
        ");
    insta::assert_snapshot!(kg.run("cluster delete prod --yes --confirm prod"), @r"
        ----- stderr -----
        error: cluster 'prod' is protected: nobody can delete

        hint: run `kubegrant cluster unprotect prod`
        [exit 5]
        ");
    kg.run("cluster delete prod --forget --yes --confirm prod")
        .exit(5);
    insta::assert_snapshot!(kg.run("cluster protect prod"), @r"
        NAME   STATE    PROTECTED   APPLIED
        prod   active   yes         yes
        ----- stderr -----
        Cluster 'prod' is protected already; nothing was changed.
        [exit 0]
        ");
    kg.run("cluster unprotect prod").success();
    kg.run("cluster archive prod --yes").success();
}

#[test]
fn an_archived_cluster_hands_out_nothing_and_still_revokes() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    insta::assert_snapshot!(kg.run("cluster archive prod --yes"), @r"
        NAME   STATE      PROTECTED   APPLIED
        prod   archived   no          yes
        ----- stderr -----
        Cluster 'prod' is archived.
        hint: kubeconfigs that were handed out still work; end them with `kubegrant cluster archive prod --revoke-all`
        [exit 0]
        ");
    assert_eq!(get(&file, PODS), 200, "what was handed out goes on");
    for line in [
        "kubeconfig download prod",
        "kubeconfig download prod --user alice",
        "kubeconfig rotate prod --yes",
        "team rotate alice -c prod --yes",
    ] {
        kg.run(line).exit(5).says("cluster 'prod' is archived");
    }
    for line in [
        "cluster list",
        "cluster show prod",
        "team list",
        "access list",
    ] {
        kg.run(line).success();
    }
    kg.run("access revoke alice -c prod --yes").success();
    assert!(matches!(get(&file, PODS), 401 | 403));
    kg.run("cluster unarchive prod").success();
    kg.run("kubeconfig download prod").success();
}

#[test]
fn an_archive_may_end_everything_at_once_or_later() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    insta::assert_snapshot!(kg.run("cluster archive prod --revoke-all --yes"), @r"
        NAME   STATE      PROTECTED   APPLIED
        prod   archived   no          yes
        ----- stderr -----
        Cluster 'prod' is archived.
        Version 1 of 'alice' no longer works on cluster 'prod' (read back).
        [exit 0]
        ");
    assert!(matches!(get(&file, PODS), 401 | 403));
    kg.run("cluster unarchive prod").success();
    let file = kg.download_for("alice");
    kg.run("cluster archive prod --yes").success();
    kg.run("cluster archive prod --revoke-all --yes").success();
    assert!(matches!(get(&file, PODS), 401 | 403));
    kg.run("cluster archive prod --yes").exit(5);
}

#[test]
fn an_archive_of_a_cluster_that_is_away_is_recorded_and_owed() {
    let mut kg = Home::new();
    let file = kg.grant_and_download("alice", "read");
    kg.sandbox.stop();
    kg.run("cluster archive prod --revoke-all --yes").exit(6);
    kg.run("kubeconfig download prod").exit(5);
    kg.sandbox.restart().expect("back");
    kg.run("reconcile").success();
    assert!(matches!(get(&file, PODS), 401 | 403));
}

#[test]
fn unarchiving_what_is_not_archived_is_said() {
    let mut kg = Home::new();
    insta::assert_snapshot!(kg.run("cluster unarchive prod"), @r"
        ----- stderr -----
        error: cluster 'prod' is not archived
        [exit 5]
        ");
}

#[test]
fn a_transfer_says_first_what_the_old_owner_will_have() {
    let mut kg = Home::new();
    kg.run("cluster transfer prod --to alice --yes").success();
    insta::assert_snapshot!(kg.run("cluster transfer prod --to bob --yes"), @"
    NAME   STATE    PROTECTED   APPLIED   OWNER
    prod   active   no          yes       bob
    ----- stderr -----
    After this, 'alice' has no access on cluster 'prod'.
    'bob' owns cluster 'prod'.
    warning: 'alice' handed out kubeconfigs on cluster 'prod': tokens that were minted for developers' accounts live on as long as those do
    hint: end it with `kubegrant cluster rotate-accounts prod`, which lists what others bound
    [exit 0]
    ");
    kg.run_as("alice", "cluster show prod").exit(3);
    kg.run("access grant alice -c prod -l read").success();
    kg.run("cluster transfer prod --to alice --yes").success();
    insta::assert_snapshot!(kg.run("cluster transfer prod --to bob --dry-run"), @"
    WOULD
    transfer cluster 'prod' from 'alice' to 'bob'
    make another account the issuer of cluster 'prod', and end account 'kubegrant-issuer-811df171'
    'alice' has read (grant) then
    ----- stderr -----
    Nothing was changed (dry run).
    [exit 0]
    ");
    insta::assert_snapshot!(kg.run("cluster transfer prod --to alice --yes"), @r"
        NAME   STATE    PROTECTED   APPLIED   OWNER
        prod   active   no          yes       alice
        ----- stderr -----
        'alice' owns cluster 'prod' already; nothing was changed.
        [exit 0]
        ");
}

#[test]
fn a_transfer_ends_what_no_longer_fits() {
    let mut kg = Home::new();
    kg.run("cluster transfer prod --to alice --yes").success();
    let hers = kg.download_for("alice");
    let his = kg.grant_and_download("bob", "read");
    kg.run("cluster transfer prod --to bob --yes").success();
    assert!(matches!(get(&hers, PODS), 401 | 403));
    assert!(matches!(get(&his, PODS), 401 | 403));
    assert_eq!(get(&kg.download_for("bob"), PODS), 200);
}

#[test]
fn a_transfer_seals_anew_and_the_old_owners_key_opens_nothing() {
    let mut kg = Home::new();
    let all = ["olivia", "alice", "bob"];
    assert_eq!(kg.openers(&all), ["olivia"]);
    kg.run("cluster transfer prod --to alice --yes").success();
    assert_eq!(kg.openers(&all), ["olivia"]);
    assert_eq!(kg.openers_of_issuer(&all), ["olivia", "alice"]);
    kg.run_as("alice", "kubeconfig download prod").success();
    kg.run("cluster transfer prod --to bob --yes").success();
    assert_eq!(kg.openers(&all), ["olivia"]);
    assert_eq!(kg.openers_of_issuer(&all), ["olivia", "bob"]);
}

#[test]
fn a_transfer_while_the_cluster_is_away_is_recorded_and_owed() {
    let mut kg = Home::new();
    kg.run("cluster transfer prod --to alice --yes").success();
    let hers = kg.download_for("alice");
    kg.sandbox.stop();
    kg.run("cluster transfer prod --to bob --yes").exit(6);
    let all = ["olivia", "alice", "bob"];
    assert_eq!(kg.openers_of_issuer(&all), ["olivia", "bob"]);
    kg.sandbox.restart().expect("back");
    kg.run("reconcile").success();
    assert!(matches!(get(&hers, PODS), 401 | 403));
}

#[test]
fn a_demoted_admin_opens_nothing_and_what_they_could_open_is_listed() {
    let mut kg = Home::new();
    kg.add_user("ada", "admin");
    kg.run_with_input(
        "cluster provider-token set prod --file -",
        "a-token-with-some-length-4321",
    )
    .success();
    let provider = "SELECT secret FROM provider_tokens";
    assert_eq!(kg.openers(&["olivia", "ada"]), ["olivia", "ada"]);
    assert!(kg.open("ada", &kg.sealed(provider)).is_some());
    insta::assert_snapshot!(kg.run("user set-role ada developer"), @"
    Name:     ada
    Role:     developer
    State:    active
    E-mail:   <none>
    Key:      [KEY]
    Added:    2026-11-22T10:00:00Z
    ----- stderr -----
    'ada' is developer now.
    warning: they could open the manager login of cluster 'prod': rotate it at its source
    warning: they could open the provider token of cluster 'prod': rotate it at its source
    warning: 'ada' had all power on cluster 'prod': tokens that were minted with it for other accounts, the manager's too, and bindings that were made live on
    hint: end it with `kubegrant cluster rotate-accounts prod`, which lists what others bound
    [exit 0]
    ");
    assert_eq!(kg.openers(&["olivia", "ada"]), ["olivia"]);
    assert!(kg.open("ada", &kg.sealed(provider)).is_none());
    assert!(kg.open("olivia", &kg.sealed(provider)).is_some());
}

#[test]
fn somebody_is_disabled_although_a_secret_they_could_open_is_damaged() {
    let mut kg = Home::new();
    kg.add_user("ada", "admin");
    kg.run_with_input(
        "cluster provider-token set prod --file -",
        "a-token-with-some-length-4321",
    )
    .success();
    let sql = rusqlite::Connection::open(kg.store()).expect("open");
    sql.execute_batch("UPDATE provider_tokens SET secret = substr(secret, 1, 100)")
        .expect("a damaged secret");
    // The owner takes the store as it is: the secret stays damaged.
    kg.run("audit accept --reason seen --yes").success();
    // What gives is refused whole: the new admin would be told that they can open everything.
    kg.run("user set-role alice admin")
        .exit(7)
        .says("the provider token of cluster 'prod'");
    kg.run("user show alice").says("developer");
    // What takes is done, for every other secret too, and says what is left.
    kg.run("user disable ada --yes").exit(6).says(
        "the provider token could not be sealed anew, and 'ada' could still open it: \
         `kubegrant cluster provider-token set prod`",
    );
    kg.run("user show ada").says("disabled");
    assert_eq!(kg.openers(&["olivia", "ada"]), ["olivia"]);
    // The disable itself, and the secret beside it.
    assert_eq!(kg.events("user disable", "owed"), 2);
    kg.run("audit verify").success();
}
