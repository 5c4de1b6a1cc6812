//! What changes of settings decide, on rows alone.

use super::{IntoProject, Set, Settings, SettingsSeen};
use crate::domain::access::{Level, Power};
use crate::domain::cluster::{PublicAddress, WriteScope};
use crate::domain::policy::{ClusterAction, Denial, OrganizationAction};
use crate::domain::project::{ProjectRole, SharedLevel};
use crate::domain::refusal::Refusal;
use crate::domain::snapshot::fixture::World;
use crate::ops::change::fixture::{all_effects, decide, decide_as, effects, who};
use crate::ops::change::{Change, Target};

fn set(settings: Settings) -> Set {
    Set {
        cluster: "prod".parse().expect("a name"),
        settings,
        insists: None,
    }
}

fn described(text: &str) -> Set {
    set(Settings {
        description: Some(text.to_owned()),
        ..Settings::default()
    })
}

fn moved(place: IntoProject) -> Set {
    set(Settings {
        project: place,
        ..Settings::default()
    })
}

fn asked(change: &Set) -> ClusterAction {
    match change.about().target {
        Target::Cluster(_, action) => action,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_setting_that_changes_is_one_effect() {
    let change = set(Settings {
        description: Some("customer traffic".to_owned()),
        labels: [("env".to_owned(), "prod".to_owned())].into(),
        write_scope: Some(WriteScope::Cluster),
        exclude: ["monitoring".to_owned()].into(),
        allow: ["cert-manager.io/certificates".parse().expect("a resource")].into(),
        ..Settings::default()
    });
    assert_eq!(
        all_effects(&World::new(), &change),
        [
            "description: customer traffic",
            "labels: env=prod",
            "write scope: cluster",
            "excluded from write: monitoring",
            "allowed to write: cert-manager.io/certificates",
        ]
    );
}

#[test]
fn what_is_so_already_is_no_effect_and_what_is_pending_is_tried() {
    let world = World::new().cluster(|it| it.description = "x".to_owned());
    let decided = decide(&world, &described("x")).expect("allowed");
    assert!(decided.effects.is_empty());
    assert!(decided.reaches_clusters);
}

#[test]
fn words_for_people_reach_no_cluster() {
    let decided = decide(&World::new(), &described("x")).expect("allowed");
    assert!(!decided.reaches_clusters);
    assert_eq!(decided.detail, "description: x");
}

#[test]
fn where_write_reaches_is_pending_there() {
    let world = World::new();
    let change = set(Settings {
        exclude: ["shop".to_owned()].into(),
        ..Settings::default()
    });
    let decided = decide(&world, &change).expect("allowed");
    assert!(decided.reaches_clusters);
    let after = world.0.after(&decided.effects);
    assert!(after.clusters[0].reach_pending);
    assert!(after.clusters[0].cluster.excluded.contains("shop"));
}

#[test]
fn labels_are_for_writers_and_where_write_reaches_for_who_manages() {
    assert_eq!(asked(&described("x")), ClusterAction::ChangeSettings);
    let sensitive = [
        Settings {
            exclude_removed: ["x".to_owned()].into(),
            ..Settings::default()
        },
        Settings {
            include_removed: ["x".to_owned()].into(),
            ..Settings::default()
        },
        Settings {
            public: super::Public::Registered,
            ..Settings::default()
        },
    ];
    for settings in sensitive {
        assert_eq!(asked(&set(settings)), ClusterAction::Sensitive);
    }
}

#[test]
fn a_project_is_not_for_the_owner_of_a_cluster_to_give() {
    let world = World::new().grant("bob", Level::Write, None);
    let into = moved(IntoProject::In("shop".parse().expect("a name")));
    let denied = Refusal::Denied(Denial::AdminsOnly(OrganizationAction::ManageProjects));
    for name in ["eve", "bob"] {
        let refused = decide_as(&world, name, &into).expect_err("refused");
        assert_eq!(refused, denied);
    }
    assert_eq!(all_effects(&world, &into), ["project: shop"]);
}

#[test]
fn a_project_that_is_not_there_is_refused() {
    let change = moved(IntoProject::In("blog".parse().expect("a name")));
    assert!(matches!(
        decide(&World::new(), &change),
        Err(Refusal::UnknownProject(_))
    ));
}

#[test]
fn what_the_project_shared_ends_where_the_cluster_leaves_it() {
    let world = World::new()
        .in_shop()
        .member("bob", ProjectRole::Viewer)
        .shared(SharedLevel::Read, &["bob"])
        .personal("eve", Power::Write);
    assert_eq!(
        all_effects(&world, &moved(IntoProject::Nowhere)),
        [
            "project: none",
            "end version 1 of 'shop/read' on cluster 'prod'"
        ]
    );
}

#[test]
fn what_was_looked_at_must_be_what_is_changed() {
    let world = World::new();
    let looked_at = world.0.clusters[0].cluster.clone();
    let now = world.cluster(|it| it.description = "meanwhile".to_owned());
    let seen = SettingsSeen {
        before: Some(looked_at.clone()),
        ..SettingsSeen::default()
    };
    let decided = described("x").decide(&now.0, &who(&now, "ada"), &seen);
    assert!(matches!(decided, Err(Refusal::ChangedMeanwhile(Some(_)))));
    // Who owns it, and when it answered, is of no concern.
    let now = World::new().cluster(|it| it.owner = None);
    let decided = described("x").decide(&now.0, &who(&now, "ada"), &seen);
    assert_eq!(decided.expect("allowed").effects.len(), 1);
}

#[test]
fn an_address_is_recorded_as_it_was_tried() {
    let world = World::new();
    let public = |name: Option<&str>| PublicAddress {
        server: "https://k8s.example.net:6443".to_owned(),
        tls_server_name: name.map(str::to_owned),
    };
    let change = set(Settings {
        public: super::Public::At(public(None)),
        ..Settings::default()
    });
    let seen = SettingsSeen {
        public: Some(public(Some("kubernetes"))),
        ..SettingsSeen::default()
    };
    let decided = change.decide(&world.0, &who(&world, "ada"), &seen);
    let decided = decided.expect("allowed");
    assert_eq!(
        effects(&world, &decided),
        ["files carry https://k8s.example.net:6443 (tls-server-name: kubernetes)"]
    );
    // Again without a name, what was found stays.
    let world = world.cluster(|it| it.public = Some(public(Some("kubernetes"))));
    assert!(all_effects(&world, &change).is_empty());
}

#[test]
fn what_lets_writers_escalate_needs_consent_and_is_said() {
    let world = World::new();
    let change = set(Settings {
        include: ["ci".to_owned()].into(),
        ..Settings::default()
    });
    let seen = SettingsSeen {
        insisted: [
            ("namespace 'ci'".to_owned(), "a reason".to_owned()),
            ("objects of 'x/y'".to_owned(), "another".to_owned()),
        ]
        .into(),
        ..SettingsSeen::default()
    };
    let decided = change.decide(&world.0, &who(&world, "ada"), &seen);
    let decided = decided.expect("allowed");
    assert_eq!(
        decided.needs_consent,
        [
            "write on cluster 'prod' would reach namespace 'ci', and could escalate: a reason (and 1 more)"
        ]
    );
    assert_eq!(
        decided.although,
        ["namespace 'ci': a reason", "objects of 'x/y': another"]
    );
    assert_eq!(
        decided.detail,
        "included in write: ci; although namespace 'ci': a reason; although objects of 'x/y': another"
    );
}
