//! What a machine keeps of a database that it used: names to complete, and whether its role was judged.

use super::{PEOPLE, home, on};
use crate::home::{Home, Ran, called};

/// What a shell is told of these words, whose last is unfinished.
fn completed(home: &Home, words: &str) -> Ran {
    let index = words.split_whitespace().count().to_string();
    let world = home
        .fixture()
        .clone()
        .variable("COMPLETE", "fish")
        .variable("_CLAP_COMPLETE_INDEX", &index);
    called(&world, &format!("-- kubegrant {words}"), kubegrant::run)
}

#[test]
fn names_are_completed_without_asking_the_database() {
    let Some((server, name, home)) = home() else {
        return;
    };
    on(&home, &PEOPLE);
    on(&home, &["project create shop", "user add carol"]);
    let (good, answer) = server.psql(&name, &format!("ALTER ROLE {name} NOLOGIN"));
    assert!(good, "{answer}");
    drop(home.call("user list").code_is(2));
    for (words, there) in [
        ("cluster show d", "dev"),
        ("user show car", "carol"),
        ("project show sh", "shop"),
    ] {
        let ran = completed(&home, words).success();
        assert!(ran.stdout.starts_with(there), "{words}: {ran}");
        assert_eq!(ran.stderr, "", "{words}");
    }
    // Somebody else's names are theirs.
    let other = Home::new();
    on(&other, &["init --organization Other --owner olga"]);
    let other = other.with_variable("KUBEGRANT_STORE", &server.address(&name));
    let ran = completed(&other, "cluster show d").success();
    assert!(!ran.stdout.contains("dev"), "{ran}");
}

#[test]
fn a_role_that_could_change_the_log_is_warned_of_once_a_day() {
    let Some((server, name, home)) = home() else {
        return;
    };
    let warns = |ran: &Ran| ran.stderr.contains("could change the log of this store");
    let first = home.call(PEOPLE[0]).success();
    assert!(warns(&first), "{first}");
    assert!(first.stderr.contains("it owns the tables"), "{first}");
    assert!(!warns(&home.call("user add bob").success()));
    home.fixture().advance(chrono::TimeDelta::hours(25));
    assert!(warns(&home.call("user list").success()));
    let roles = home.call("store roles").success().stdout;
    let roles = roles.replace("kubegrant_", &format!("{name}_"));
    let (good, answer) = server.psql(&name, &roles);
    assert!(good, "{answer}");
    server.role(&format!("{name}_operator"), &format!("{name}_app"));
    let home = home.at(&server.address_as(&format!("{name}_operator"), &name));
    let ran = home.call("user add carol").success();
    assert!(!warns(&ran), "{ran}");
}
