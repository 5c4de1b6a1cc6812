//! `kubegrant doctor`, and the topics of `kubegrant help`.

use kubegrant_sandbox::Sandbox;
use serde_json::Value;

use crate::home::{Home, Ran, set_mode};
use crate::json_schema::Schemas;

/// What is said of one thing.
fn of<'r>(report: &'r Value, check: &str) -> &'r Value {
    let lines = report.as_array().expect("a list").iter();
    let mut found = lines.filter(|line| line["check"] == check);
    found
        .next()
        .unwrap_or_else(|| panic!("nothing of {check}: {report}"))
}

fn told(ran: &Ran) -> Value {
    ran.json()
}

#[test]
fn all_is_well_where_it_is() {
    let mut kg = Home::new();
    let before = kg.events("access grant", "done");
    let ran = kg.run("doctor -o json");
    let report = told(ran.success());
    for check in ["identity", "store", "modes", "you", "clock", "cluster prod"] {
        assert_eq!(of(&report, check)["state"], "ok", "{report}");
        assert_eq!(of(&report, check)["next"], Value::Null);
    }
    assert_eq!(of(&report, "modes")["what"], "identity 0600, store 0600");
    assert_eq!(
        of(&report, "you")["what"],
        "'olivia', owner of the organization"
    );
    let document = include_str!("../../docs/reference/schemas/doctor.json");
    let schema: Value = serde_json::from_str(document).expect("a schema");
    let mut fields = schema.clone();
    for word in ["$schema", "title", "$defs"] {
        fields.as_object_mut().expect("an object").remove(word);
    }
    let faults = Schemas(schema).faults(&fields, &report, "doctor");
    assert!(faults.is_empty(), "{faults:?}");
    assert_eq!(kg.events("access grant", "done"), before);
    assert!(
        kg.sandbox
            .requests()
            .iter()
            .rev()
            .take(3)
            .all(|it| it.method == "GET")
    );
}

#[test]
fn who_has_nothing_is_told_how_to_begin() {
    let mut kg = Home::empty(Sandbox::builder());
    let ran = kg.run("doctor");
    ran.exit(3).says("run `kubegrant init`");
    assert_eq!(
        ran.stdout
            .lines()
            .filter(|line| line.starts_with("identity"))
            .count(),
        1
    );
}

#[test]
fn a_file_that_others_can_read_is_unsafe_and_comes_first() {
    let mut kg = Home::new();
    set_mode(&kg.identity("olivia"), 0o644);
    kg.run("doctor").exit(7).says("identity");
}

#[test]
fn a_cluster_that_is_away_is_named_and_hides_no_other() {
    let mut kg = Home::new();
    let beside = kg.add_cluster("beside");
    kg.sandbox.stop();
    let ran = kg.run("doctor -o json");
    ran.exit(8);
    let report = told(&ran);
    assert_eq!(of(&report, "cluster prod")["state"], "not well", "{report}");
    assert!(of(&report, "cluster prod")["next"].is_string(), "{report}");
    assert_eq!(of(&report, "cluster beside")["state"], "ok", "{report}");
    drop(beside);
}

#[test]
fn a_clock_that_differs_is_said_with_both_times() {
    let mut kg = Home::new();
    kg.drift(2);
    kg.run("doctor")
        .exit(5)
        .says("2026-11-22T12:00:00Z here, 2026-11-22T10:00:00Z on cluster 'prod'");
}

#[test]
fn a_developer_is_told_of_their_clusters_and_no_other() {
    let mut kg = Home::new();
    kg.add_cluster("secret");
    kg.run("access grant bob -c prod --level read").success();
    let ran = kg.run_as("bob", "doctor");
    ran.success().says("cluster prod").never_says("secret");
}

#[test]
fn topics_are_told_without_a_store() {
    let mut kg = Home::empty(Sandbox::builder());
    for (topic, word) in [
        ("exit-codes", "pending on the cluster"),
        ("files", "store.db"),
        ("environment", "KUBEGRANT_STORE"),
        ("security", "rotate-accounts"),
    ] {
        kg.run(&format!("help {topic}")).success().says(word);
    }
    kg.run("help access grant")
        .success()
        .says("Kubernetes' `view`");
    kg.run("help nothing").exit(2);
}

#[test]
fn without_a_command_one_is_told_what_most_come_for() {
    let mut kg = Home::empty(Sandbox::builder());
    let ran = kg.run_words::<&str>(&[]);
    ran.exit(2)
        .says("Most come for one of these:")
        .says("kubegrant access revoke");
    assert!(ran.stderr.lines().count() <= 40, "{ran}");
}
