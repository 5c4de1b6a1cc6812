//! `kubegrant project describe`.

use crate::project::shop;

#[test]
fn describing_twice_changes_nothing() {
    let mut kg = shop();
    kg.sandbox.clear_requests();
    insta::assert_snapshot!(kg.run("project describe shop elsewhere"), @r"
    NAME   AGE
    shop   2026-11-22T10:00:00Z
    ----- stderr -----
    The description of project 'shop' is set.
    [exit 0]
    ");
    insta::assert_snapshot!(kg.run("project describe shop elsewhere"), @r"
    NAME   AGE
    shop   2026-11-22T10:00:00Z
    ----- stderr -----
    Nothing was changed: that is its description already.
    [exit 0]
    ");
    assert_eq!(kg.events("project describe", "done"), 1);
    assert!(kg.sandbox.requests().is_empty(), "no cluster is asked");
}

#[test]
fn a_preview_says_the_new_description() {
    let mut kg = shop();
    insta::assert_snapshot!(kg.run("project describe shop \"the old shop\" --dry-run"), @r"
    WOULD
    describe project 'shop' as 'the old shop'
    ----- stderr -----
    Nothing was changed (dry run).
    [exit 0]
    ");
    insta::assert_snapshot!(kg.run("project describe shop \"the old shop\" --dry-run -o json"), @r#"
    {
      "steps": [
        "describe project 'shop' as 'the old shop'"
      ],
      "effects": [
        {
          "effect": "describe-project",
          "project": "shop",
          "to": "the old shop"
        }
      ]
    }
    ----- stderr -----
    Nothing was changed (dry run).
    [exit 0]
    "#);
    insta::assert_snapshot!(kg.run("project describe shop \"the web shop\" --dry-run"), @r"
    NAME   AGE
    shop   2026-11-22T10:00:00Z
    ----- stderr -----
    Nothing was changed: that is its description already.
    [exit 0]
    ");
}

#[test]
fn every_list_shows_it_and_an_empty_one_is_none() {
    let mut kg = shop();
    insta::assert_snapshot!(kg.run("project describe shop \" the old shop \" -o wide"), @r"
    NAME   AGE                    DESCRIPTION
    shop   2026-11-22T10:00:00Z   the old shop
    ----- stderr -----
    The description of project 'shop' is set.
    [exit 0]
    ");
    insta::assert_snapshot!(kg.run("project list -o wide"), @r"
    NAME   MEMBERS   CLUSTERS   YOUR ROLE   AGE                    DESCRIPTION
    shop   2         1          <none>      2026-11-22T10:00:00Z   the old shop
    [exit 0]
    ");
    insta::assert_snapshot!(kg.run("project describe shop \"\" -o wide"), @r"
    NAME   AGE                    DESCRIPTION
    shop   2026-11-22T10:00:00Z   <none>
    ----- stderr -----
    The description of project 'shop' is set.
    [exit 0]
    ");
    let shown = kg.run("project show shop -o json").json();
    assert_eq!(shown["description"], "");
}

#[test]
fn what_is_refused_leaves_nothing_behind() {
    let mut kg = shop();
    kg.add_user("carol", "developer");
    insta::assert_snapshot!(kg.run_as("alice", "project describe shop mine"), @r"
    ----- stderr -----
    error: 'alice' may not rename, describe or delete it in this project: organization owners and admins may

    hint: ask 'olivia'
    [exit 4]
    ");
    kg.run_as("carol", "project describe shop mine").exit(3);
    kg.run("project describe shap mine")
        .exit(3)
        .says("did you mean 'shop'?");
    let long = "a".repeat(201);
    kg.run(&format!("project describe shop {long}")).exit(2);
    let shown = kg.run("project show shop -o json").json();
    assert_eq!(shown["description"], "the web shop");
    assert_eq!(kg.events("project describe", "done"), 0);
    assert_eq!(kg.events("project describe", "denied"), 3);
}
