//! What changes of projects decide, on rows alone.

use super::{Create, Delete, Describe, Rename};
use crate::domain::policy::Denial;
use crate::domain::refusal::Refusal;
use crate::domain::snapshot::fixture::World;
use crate::ops::change::fixture::{all_effects, decide};

fn create(name: &str) -> Create {
    Create {
        name: name.parse().expect("a name"),
        description: String::new(),
    }
}

fn rename(to: &str) -> Rename {
    Rename {
        project: "shop".parse().expect("a name"),
        to: to.parse().expect("a name"),
    }
}

fn describe(text: &str) -> Describe {
    Describe {
        project: "shop".parse().expect("a name"),
        description: text.to_owned(),
    }
}

fn delete() -> Delete {
    Delete {
        project: "shop".parse().expect("a name"),
    }
}

#[test]
fn a_project_is_made_once() {
    let world = World::new();
    assert_eq!(
        all_effects(&world, &create("blog")),
        ["make project 'blog'"]
    );
    let refused = decide(&world, &create("shop")).expect_err("taken");
    assert!(matches!(refused, Refusal::ProjectExists(_)));
}

#[test]
fn a_project_gets_another_name_that_no_project_has() {
    let world = World::new();
    assert_eq!(
        all_effects(&world, &rename("blog")),
        ["rename project 'shop' to 'blog'"]
    );
    assert!(all_effects(&world, &rename("shop")).is_empty());
    let world = world.change_people(|people| {
        people.projects_by_name.insert(
            "blog".parse().expect("a name"),
            crate::domain::project::ProjectId(2),
        );
    });
    let refused = decide(&world, &rename("blog")).expect_err("taken");
    assert!(matches!(refused, Refusal::ProjectExists(_)));
}

#[test]
fn a_project_gets_another_description_once() {
    let mut world = World::new();
    assert_eq!(
        all_effects(&world, &describe("the web shop")),
        ["describe project 'shop' as 'the web shop'"]
    );
    let project = world.0.project.as_mut().expect("a project");
    project.description = "the web shop".to_owned();
    assert!(all_effects(&world, &describe("the web shop")).is_empty());
    assert_eq!(
        all_effects(&world, &describe("")),
        ["describe project 'shop' as ''"]
    );
    let decided = decide(&world, &describe("the old shop")).expect("allowed");
    assert_eq!(decided.detail, "project 'shop': 'the old shop'");
}

#[test]
fn a_project_that_is_not_in_view_is_not_described() {
    let mut world = World::new();
    world.0.project = None;
    let refused = decide(&world, &describe("x")).expect_err("unknown");
    assert!(matches!(refused, Refusal::Denied(Denial::UnknownProject)));
}

#[test]
fn a_project_that_has_clusters_stays() {
    let refused = decide(&World::new().in_shop(), &delete()).expect_err("refused");
    assert!(matches!(refused, Refusal::HasClusters { clusters, .. } if clusters.len() == 1));
}

#[test]
fn a_project_without_clusters_goes() {
    let mut world = World::new();
    world.0.clusters.clear();
    let decided = decide(&world, &delete()).expect("allowed");
    assert_eq!(decided.effects.len(), 1);
}
