//! What registering decides, on rows alone.

use super::{Add, AddSeen, Pins};
use crate::domain::cluster::{Address, Cluster, WriteScope};
use crate::domain::policy::OrganizationAction;
use crate::domain::refusal::Refusal;
use crate::domain::snapshot::fixture::World;
use crate::ops::change::fixture::{decide, decide_as, who};
use crate::ops::change::{Change, Decision, Target};
use crate::ops::cluster::survey::Survey;

fn add(name: &str) -> Add {
    Add {
        name: name.parse().expect("a name"),
        source: super::Source::default(),
        owner: None,
        project: None,
        description: String::new(),
        objects: super::ObjectOptions::default(),
        write_scope: WriteScope::Namespaces,
        excluded: [].into(),
        keep_credential: false,
        ssh_key: None,
        insists: None,
    }
}

fn owned_by(owner: &str) -> Add {
    Add {
        owner: Some(owner.parse().expect("a name")),
        ..add("new")
    }
}

fn put_in(project: &str) -> Add {
    Add {
        project: Some(project.parse().expect("a name")),
        ..add("new")
    }
}

/// `prod` is registered.
fn world() -> World {
    let mut world = World::new();
    world.0.registered = vec![prod(&world)];
    world
}

fn prod(world: &World) -> Cluster {
    world.0.clusters[0].cluster.clone()
}

/// A cluster that nobody knows yet, as it was seen.
fn seen(change: impl FnOnce(&mut Pins)) -> AddSeen {
    let mut pins = Pins {
        address: Address {
            server: "https://new:6443".to_owned(),
            ca_pem: None,
            tls_server_name: None,
            proxy_url: None,
        },
        uid: "uid-of-new".to_owned(),
        version: "v1.36.2".to_owned(),
    };
    change(&mut pins);
    AddSeen {
        pins: Some(pins),
        ..AddSeen::default()
    }
}

fn decided(world: &World, change: &Add, seen: &AddSeen) -> Result<Decision, Refusal> {
    change.decide(&world.0, &who(world, "ada"), seen)
}

fn later(world: &World, decision: &Decision) -> Vec<String> {
    let all = decision.later.iter();
    all.map(|it| world.0.describe(it)).collect()
}

#[test]
fn the_rules_of_the_organization_are_asked() {
    let about = add("new");
    let target = about.about().target;
    let Target::Organization(action) = target else {
        panic!("{target:?}");
    };
    assert_eq!(action, OrganizationAction::RegisterCluster);
}

#[test]
fn a_cluster_is_registered_once_its_manager_is_proven() {
    let world = world();
    let decision = decided(&world, &owned_by("eve"), &seen(|_| {})).expect("allowed");
    assert!(decision.effects.is_empty());
    assert_eq!(
        later(&world, &decision),
        [
            "make the manager's account on https://new:6443, and register it as cluster 'new', \
          assigned to 'eve'"
        ]
    );
    assert_eq!(decision.detail, "register https://new:6443 (v1.36.2)");
}

#[test]
fn a_name_that_is_taken_is_refused_before_the_cluster_is_asked() {
    let refused = decide(&world(), &add("prod")).expect_err("refused");
    assert_eq!(
        refused,
        Refusal::ClusterExists("prod".parse().expect("a name"))
    );
}

#[test]
fn the_same_cluster_is_refused_under_another_name() {
    let world = world();
    let uid = prod(&world).kube_system_uid;
    let refused = decided(&world, &add("new"), &seen(|it| it.uid = uid)).expect_err("refused");
    assert_eq!(
        refused,
        Refusal::SameCluster("prod".parse().expect("a name"))
    );
}

#[test]
fn another_cluster_at_the_same_address_is_refused() {
    let world = world();
    let address = prod(&world).address;
    let seen = seen(|it| it.address = address);
    let refused = decided(&world, &add("new"), &seen).expect_err("refused");
    assert_eq!(
        refused,
        Refusal::SameAddress("prod".parse().expect("a name"))
    );
}

#[test]
fn a_disabled_user_is_assigned_no_cluster() {
    let refused = decide(&world(), &owned_by("dan")).expect_err("refused");
    assert_eq!(refused, Refusal::CannotOwn("dan".parse().expect("a name")));
}

#[test]
fn an_owner_who_is_not_there_is_refused() {
    let refused = decide(&world(), &owned_by("zoe")).expect_err("refused");
    assert_eq!(
        refused,
        Refusal::UnknownUser("zoe".parse().expect("a name"))
    );
}

#[test]
fn a_project_is_for_those_who_manage_projects() {
    let refused = decide_as(&world(), "bob", &put_in("shop")).expect_err("refused");
    assert!(matches!(refused, Refusal::Denied(_)));
    decide(&world(), &put_in("shop")).expect("an admin does");
}

#[test]
fn a_project_that_is_not_there_is_refused() {
    let refused = decide(&world(), &put_in("none")).expect_err("refused");
    assert_eq!(
        refused,
        Refusal::UnknownProject("none".parse().expect("a name"))
    );
}

#[test]
fn what_the_survey_found_needs_consent_and_is_in_the_log() {
    let world = world();
    let seen = AddSeen {
        survey: Survey {
            to_agree: vec!["everybody may do anything".to_owned()],
            warnings: vec![],
        },
        ..seen(|_| {})
    };
    let decision = decided(&world, &add("new"), &seen).expect("allowed");
    assert_eq!(decision.needs_consent, ["everybody may do anything"]);
    assert!(
        decision
            .detail
            .ends_with("; although everybody may do anything")
    );
}
