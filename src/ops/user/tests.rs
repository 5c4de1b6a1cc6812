//! What changes of users decide, on rows alone.

use super::{AddUser, Disable, Enable, SetKey, SetOidc, SetRole};
use crate::domain::access::{Level, Power};
use crate::domain::effect::Effect;
use crate::domain::name::UserRef;
use crate::domain::oidc::{LinkKind, OidcLink, Provider};
use crate::domain::policy::Denial;
use crate::domain::project::{ProjectRole, SharedLevel};
use crate::domain::refusal::Refusal;
use crate::domain::snapshot::fixture::World;
use crate::domain::user::Role;
use crate::ops::change::fixture::{all_effects, decide, decide_as, effects, reseals};
use crate::secrets::Identity;

fn user(name: &str) -> UserRef {
    name.parse().expect("a name")
}

fn add(name: &str, role: Role) -> AddUser {
    AddUser {
        name: name.parse().expect("a name"),
        email: None,
        role,
        key: None,
        oidc: None,
    }
}

fn role(name: &str, role: Role) -> SetRole {
    SetRole {
        user: user(name),
        role,
    }
}

fn disable(name: &str) -> Disable {
    Disable { user: user(name) }
}

fn enable(name: &str) -> Enable {
    Enable { user: user(name) }
}

fn key(name: &str) -> SetKey {
    SetKey {
        user: user(name),
        key: Identity::generate().recipient(),
    }
}

/// With the key of the change in the hands of somebody.
fn with_key(world: World, name: &str, change: &SetKey) -> World {
    let key = change.key.to_string();
    world.with_user(name, |user| user.key = Some(key))
}

#[test]
fn a_user_is_added() {
    let world = World::new();
    let added = all_effects(&world, &add("zoe", Role::Developer));
    assert_eq!(added, ["add user 'zoe' as developer"]);
}

#[test]
fn nobody_is_added_twice() {
    let refused = decide(&World::new(), &add("bob", Role::Developer)).expect_err("taken");
    assert!(matches!(refused, Refusal::UserExists(name) if name.as_str() == "bob"));
}

#[test]
fn an_address_is_one_persons() {
    let email = "bob@example.com";
    let world = World::new().with_user("bob", |it| it.email = email.parse().ok());
    let change = AddUser {
        email: email.parse().ok(),
        ..add("zoe", Role::Developer)
    };
    let refused = decide(&world, &change).expect_err("taken");
    assert!(matches!(refused, Refusal::AddressTaken { user, .. } if user.as_str() == "bob"));
}

#[test]
fn a_key_is_one_persons() {
    let change = key("carol");
    let world = with_key(World::new(), "bob", &change);
    let refused = decide(&world, &change).expect_err("taken");
    assert!(matches!(refused, Refusal::KeyTaken { user } if user.as_str() == "bob"));
    let change = AddUser {
        key: Some(change.key),
        ..add("zoe", Role::Developer)
    };
    let refused = decide(&world, &change).expect_err("taken");
    assert!(matches!(refused, Refusal::KeyTaken { .. }));
}

#[test]
fn only_an_admin_with_a_key_opens_what_admins_open() {
    let world = World::new();
    let cluster = world.0.clusters[0].cluster.clone();
    let with_key = |role| AddUser {
        key: Some(Identity::generate().recipient()),
        ..add("zoe", role)
    };
    assert!(reseals(&with_key(Role::Admin), &world.0, &cluster));
    assert!(!reseals(&with_key(Role::Developer), &world.0, &cluster));
    assert!(!reseals(&add("zoe", Role::Admin), &world.0, &cluster));
}

#[test]
fn a_role_changes_and_says_from_what() {
    let world = World::new();
    let changed = all_effects(&world, &role("bob", Role::Admin));
    assert_eq!(changed, ["make 'bob' admin instead of developer"]);
}

#[test]
fn the_same_role_is_no_effect() {
    let decided = decide(&World::new(), &role("bob", Role::Developer)).expect("allowed");
    assert!(decided.effects.is_empty() && !decided.reaches_clusters);
}

#[test]
fn only_owners_touch_owners() {
    let world = World::new();
    let denied = Refusal::Denied(Denial::OwnersOnly);
    let make = role("bob", Role::Owner);
    assert_eq!(decide(&world, &make).expect_err("denied"), denied);
    let demote = role("olga", Role::Admin);
    assert_eq!(decide(&world, &demote).expect_err("denied"), denied);
    assert!(decide_as(&world, "olga", &make).is_ok());
    assert_eq!(
        decide(&world, &disable("olga")).expect_err("denied"),
        denied
    );
    assert_eq!(decide(&world, &key("olga")).map(drop), Err(denied));
}

#[test]
fn the_last_owner_stays() {
    let world = World::new();
    let last = |it: Refusal| matches!(it, Refusal::LastOwner(name) if name.as_str() == "olga");
    let demoted = decide_as(&world, "olga", &role("olga", Role::Admin));
    assert!(last(demoted.expect_err("refused")));
    assert!(last(
        decide_as(&world, "olga", &disable("olga")).expect_err("refused")
    ));
    // A disabled owner is none.
    let world = world.with_user("dan", |it| it.role = Role::Owner);
    let demoted = decide_as(&world, "olga", &role("olga", Role::Admin));
    assert!(last(demoted.expect_err("refused")));
}

#[test]
fn one_of_two_owners_may_go() {
    let world = World::new().with_user("tom", |it| it.role = Role::Owner);
    assert!(decide_as(&world, "olga", &role("olga", Role::Developer)).is_ok());
    assert!(decide_as(&world, "olga", &disable("tom")).is_ok());
}

#[test]
fn nobody_disables_themselves() {
    let world = World::new();
    assert_eq!(
        decide(&world, &disable("ada")).map(drop),
        Err(Refusal::LocksOut("disabling"))
    );
    let world = world.with_user("tom", |it| it.role = Role::Owner);
    let refused = decide_as(&world, "olga", &disable("olga")).map(drop);
    assert_eq!(refused, Err(Refusal::LocksOut("disabling")));
}

#[test]
fn disabling_ends_everything_somebody_has() {
    let world = World::new()
        .grant("bob", Level::Read, None)
        .personal("bob", Power::Read)
        .in_shop()
        .member("bob", ProjectRole::Viewer)
        .shared(SharedLevel::Read, &["bob"]);
    assert_eq!(
        all_effects(&world, &disable("bob")),
        [
            "disable 'bob'",
            "end version 1 of 'bob' on cluster 'prod'",
            "end version 1 of 'shop/read' on cluster 'prod'",
            "begin version 2 of 'shop/read' on cluster 'prod'",
        ]
    );
}

#[test]
fn disabling_twice_decides_nothing_and_tries_again_what_is_pending() {
    let decided = decide(&World::new(), &disable("dan")).expect("allowed");
    assert!(decided.effects.is_empty() && decided.reaches_clusters);
    let decided = decide(&World::new(), &enable("bob")).expect("allowed");
    assert!(decided.effects.is_empty());
}

#[test]
fn enabling_gives_back_no_kubeconfig() {
    let world = World::new().grant("dan", Level::Read, None);
    assert_eq!(all_effects(&world, &enable("dan")), ["enable 'dan'"]);
}

#[test]
fn a_demotion_ends_full_access() {
    let world = World::new().personal("ada", Power::Full);
    let changed = decide_as(&world, "olga", &role("ada", Role::Developer)).expect("allowed");
    assert_eq!(
        world.follow(&changed.effects),
        ["end version 1 of 'ada' on cluster 'prod'"]
    );
}

#[test]
fn a_promotion_ends_what_carried_less() {
    let world = World::new()
        .grant("bob", Level::Read, None)
        .personal("bob", Power::Read);
    assert_eq!(
        all_effects(&world, &role("bob", Role::Admin)),
        [
            "make 'bob' admin instead of developer",
            "end version 1 of 'bob' on cluster 'prod'",
        ]
    );
}

#[test]
fn secrets_are_sealed_anew_when_somebody_may_open_them_or_no_longer() {
    let world = World::new();
    let prod = &world.0.clusters[0].cluster;
    assert!(reseals(&role("bob", Role::Admin), &world.0, prod));
    assert!(reseals(&role("ada", Role::Developer), &world.0, prod));
    assert!(!reseals(&role("ada", Role::Owner), &world.0, prod));
    assert!(!reseals(&role("bob", Role::Developer), &world.0, prod));
    // Of her own cluster, its owner; of any, an admin; of none, a developer.
    assert!(reseals(&disable("eve"), &world.0, prod));
    assert!(reseals(&disable("ada"), &world.0, prod));
    assert!(!reseals(&disable("bob"), &world.0, prod));
    assert!(reseals(&key("eve"), &world.0, prod));
    assert!(!reseals(&key("bob"), &world.0, prod));
    // Who has no key opens nothing.
    let world = world.with_user("ada", |it| it.key = None);
    let prod = &world.0.clusters[0].cluster;
    assert!(!reseals(&disable("ada"), &world.0, prod));
    assert!(!reseals(&role("ada", Role::Developer), &world.0, prod));
    // A first key may open.
    assert!(reseals(&key("ada"), &world.0, prod));
}

#[test]
fn everybody_may_change_their_own_key_and_nobody_anothers() {
    let world = World::new();
    let own = decide_as(&world, "bob", &key("bob")).expect("allowed");
    assert_eq!(own.effects.len(), 1);
    let others = decide_as(&world, "bob", &key("carol")).expect_err("denied");
    assert!(matches!(others, Refusal::Denied(Denial::AdminsOnly(_))));
    assert!(decide(&world, &key("carol")).is_ok());
}

#[test]
fn who_may_not_know_all_users_is_not_told_that_one_does_not_exist() {
    let world = World::new();
    let refused = decide_as(&world, "bob", &key("zoe")).expect_err("denied");
    assert!(matches!(refused, Refusal::Denied(Denial::AdminsOnly(_))));
    let refused = decide(&world, &key("zoe")).expect_err("unknown");
    assert!(matches!(refused, Refusal::UnknownUser(_)));
}

#[test]
fn the_same_key_is_no_effect() {
    let change = key("bob");
    let world = with_key(World::new(), "bob", &change);
    assert!(decide(&world, &change).expect("allowed").effects.is_empty());
}

#[test]
fn a_key_is_named_whole_where_it_is_committed_and_by_its_print_in_the_log() {
    let change = key("bob");
    let world = World::new();
    let decided = decide(&world, &change).expect("allowed");
    let whole = change.key.to_string();
    assert!(matches!(&decided.effects[..], [Effect::SetKey { key, .. }] if *key == whole));
    assert!(!decided.detail.contains(&whole), "{}", decided.detail);
    assert_eq!(effects(&world, &decided).len(), 1);
}

#[test]
fn whoever_is_not_there_is_named() {
    let world = World::new();
    let unknown = |it: Refusal| matches!(it, Refusal::UnknownUser(_));
    assert!(unknown(
        decide(&world, &role("zoe", Role::Admin)).expect_err("unknown")
    ));
    assert!(unknown(
        decide(&world, &disable("zoe")).expect_err("unknown")
    ));
    assert!(unknown(
        decide(&world, &enable("zoe")).expect_err("unknown")
    ));
}

fn link(kind: LinkKind, claim: &str) -> OidcLink {
    let issuer = "https://id.example".parse().expect("an issuer");
    let claim = claim.parse().expect("a claim");
    OidcLink::new(kind, issuer, vec![claim]).expect("a link")
}

fn set_oidc(name: &str, link: Option<OidcLink>) -> SetOidc {
    SetOidc {
        user: user(name),
        link,
    }
}

/// With an issuer that people log in with, and a job.
fn with_issuer() -> World {
    let world = World::new().change_people(|people| {
        people.provider = Some(Provider {
            issuer: "https://id.example".parse().expect("an issuer"),
            client_id: "kubegrant".to_owned(),
        });
    });
    world.with_user("tom", |it| it.oidc = Some(link(LinkKind::Job, "ref=main")))
}

#[test]
fn a_person_is_linked_once_and_by_the_organizations_issuer() {
    let bobs = set_oidc("bob", Some(link(LinkKind::Person, "sub=7")));
    assert_eq!(
        decide(&World::new(), &bobs).map(drop),
        Err(Refusal::NoProvider)
    );
    let world = with_issuer();
    assert_eq!(
        all_effects(&world, &bobs),
        ["let 'bob' log in by tokens with sub=7 at https://id.example"]
    );
    let world = world.with_user("bob", |it| it.oidc = Some(link(LinkKind::Person, "sub=7")));
    assert!(all_effects(&world, &bobs).is_empty());
    let carols = set_oidc("carol", Some(link(LinkKind::Person, "sub=7")));
    let refused = decide(&world, &carols).map(drop);
    assert!(matches!(refused, Err(Refusal::LinkTaken { user }) if user.as_str() == "bob"));
    assert_eq!(all_effects(&world, &set_oidc("bob", None)).len(), 1);
}

#[test]
fn a_job_stays_a_job_and_a_person_a_person() {
    let world = with_issuer();
    for (name, link) in [
        ("tom", Some(link(LinkKind::Person, "sub=7"))),
        ("tom", None),
        ("bob", Some(link(LinkKind::Job, "ref=main2"))),
    ] {
        let refused = decide(&world, &set_oidc(name, link)).map(drop);
        assert!(matches!(refused, Err(Refusal::OtherKind { .. })), "{name}");
    }
    let other = set_oidc("tom", Some(link(LinkKind::Job, "ref=main2")));
    assert_eq!(all_effects(&world, &other).len(), 1);
}

#[test]
fn only_owners_say_who_an_owner_is() {
    let olga = set_oidc("olga", Some(link(LinkKind::Person, "sub=7")));
    let denied = Refusal::Denied(Denial::OwnersOnly);
    assert_eq!(decide(&with_issuer(), &olga).map(drop), Err(denied));
    assert!(decide_as(&with_issuer(), "olga", &olga).is_ok());
    let server = with_issuer().with_user("bob", |it| it.role = Role::Server);
    let bobs = set_oidc("bob", Some(link(LinkKind::Person, "sub=7")));
    assert_eq!(
        decide_as(&server, "olga", &bobs).map(drop),
        Err(Refusal::ServersStay)
    );
}
