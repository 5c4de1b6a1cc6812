//! What setting and removing a provider's token decide, on rows alone.

use super::{RemoveToken, SetToken};
use crate::domain::cluster::Cluster;
use crate::domain::policy::ClusterAction;
use crate::domain::sealed::SealedSecret;
use crate::domain::snapshot::fixture::World;
use crate::ops::change::fixture::{all_effects, decide};
use crate::ops::change::{Change, Target};

fn set(text: &str) -> SetToken {
    let prod = "prod".parse().expect("a name");
    SetToken::new(&prod, text, false).expect("a token")
}

fn remove() -> RemoveToken {
    RemoveToken {
        cluster: "prod".parse().expect("a name"),
    }
}

fn with_token() -> World {
    let mut world = World::new();
    let cluster: Cluster = world.on().cluster.clone();
    world
        .on()
        .secrets
        .push(SealedSecret::provider_token(&cluster, 1));
    world
}

#[test]
fn a_token_is_set_also_over_another() {
    for world in [World::new(), with_token()] {
        assert_eq!(
            all_effects(&world, &set("0123456789abcdef")),
            ["set the provider token of cluster 'prod'"]
        );
    }
}

#[test]
fn a_token_is_removed_once() {
    let world = with_token();
    let decided = decide(&world, &remove()).expect("allowed");
    assert_eq!(decided.effects.len(), 1);
    let after = world.0.after(&decided.effects);
    assert!(after.clusters[0].secrets.is_empty());
    assert!(all_effects(&World::new(), &remove()).is_empty());
}

#[test]
fn it_is_sensitive_and_the_token_stands_nowhere() {
    let change = set("0123456789abcdef");
    for about in [change.about(), remove().about()] {
        assert!(matches!(
            about.target,
            Target::Cluster(_, ClusterAction::Sensitive)
        ));
    }
    let decided = decide(&World::new(), &change).expect("allowed");
    for shown in [format!("{change:?}"), format!("{decided:?}")] {
        assert!(!shown.contains("0123456789abcdef"), "{shown}");
    }
}
