//! A clock that is wrong ends nothing by time, and is said.

use crate::home::{Home, PODS, get};

/// `alice` has a grant for some hours, and a file.
fn home() -> (Home, String) {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l read --for 48h")
        .success();
    let file = kg.download_for("alice");
    (kg, file)
}

#[test]
fn what_ended_by_a_clock_that_is_ahead_is_not_ended() {
    let (mut kg, file) = home();
    kg.drift(400 * 24);
    let ran = kg.run("reconcile");
    ran.exit(6)
        .says("the clock of this machine says 2027-12-27T10:00:00Z, that of cluster 'prod' says 2026-11-22T10:00:00Z")
        .says("set the clock right");
    assert_eq!(get(&file, PODS), 200, "it works on");
    kg.run("reconcile --dry-run").exit(6);
    // Somebody else's change on the cluster ends nothing of it either.
    kg.run("access grant bob -c prod -l read").success();
    drop(kg.run("access revoke bob -c prod --yes"));
    assert_eq!(get(&file, PODS), 200, "it works on");
    // What is taken away otherwise goes all the same.
    drop(kg.run("team revoke alice -c prod --yes"));
    assert!(matches!(get(&file, PODS), 401 | 403));
}

#[test]
fn with_the_right_clock_a_grant_ends() {
    let (mut kg, file) = home();
    kg.tick(49);
    kg.run("reconcile").success();
    assert!(matches!(get(&file, PODS), 401 | 403));
}

#[test]
fn a_shell_whose_time_is_over_by_a_wrong_clock_and_some_minutes() {
    let (mut kg, _file) = home();
    // A few minutes are nothing.
    kg.drift_minutes(4);
    kg.run("reconcile").success().never_says("the clock of");
    kg.drift_minutes(4);
    kg.run("reconcile").success().says("the clock of");
}

#[test]
fn a_wrong_clock_is_said_where_an_end_is_set() {
    let (mut kg, _file) = home();
    kg.drift(400 * 24);
    kg.run("access grant bob -c prod -l read --for 1h")
        .success()
        .says("that of cluster 'prod' says 2026-11-22T10:00:00Z");
    kg.run("kubeconfig download prod --user bob --plain -f bob")
        .success()
        .says("that of cluster 'prod' says 2026-11-22T10:00:00Z");
}

#[test]
fn a_token_that_outlives_its_grant_is_said_where_it_is_made() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l read --for 1m")
        .success()
        .says("works until 2026-11-22T10:10:00Z, unless `kubegrant reconcile` runs after");
    kg.run("kubeconfig download prod --user alice --plain -f alice")
        .success()
        .says(
            "the grant ends on 2026-11-22T10:01:00Z, and the file works until 2026-11-22T10:10:00Z",
        );
    kg.run("access grant bob -c prod -l read --for 1h")
        .success()
        .never_says("unless");
}
