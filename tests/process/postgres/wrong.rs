//! Databases that are of no use, or of less: what takes away is done all the same, and said. Who may log in.

use kubegrant_sandbox::postgres::CERTIFIED;

use super::{PEOPLE, home, on, verified};
use crate::home::Home;

#[test]
fn a_standby_is_read_and_revoking_on_it_cuts_off_all_the_same() {
    let Some((server, name, home)) = home() else {
        return;
    };
    on(&home, &PEOPLE);
    on(
        &home,
        &[
            "access grant bob --cluster dev --level write",
            "kubeconfig download dev --user bob --plain -f bob.conf",
        ],
    );
    let standby = server.standby();
    let primary = server.address(&name);
    let home = home.at(&standby.address(&name));
    let count = "SELECT count(*) FROM kubegrant.credentials";
    home.wait_until("the standby has caught up", |_| {
        standby.psql(&name, count).1.trim() == "1"
    });
    on(
        &home,
        &["user list", "status", "access list", "audit verify"],
    );
    for words in [
        "user add carol",
        "access grant bob --cluster dev --level read",
        "kubeconfig download dev --user bob --plain -f bob.conf --force",
    ] {
        let refused = home.call(words).code_is(5);
        assert!(refused.stderr.contains("cannot be written"), "{refused}");
    }
    let cut = home
        .call("access revoke bob --cluster dev --yes")
        .code_is(6);
    assert!(cut.stderr.contains("no longer works"), "{cut}");
    assert_eq!(accounts(&home), Vec::<String>::new());
    let home = home.at(&primary);
    on(
        &home,
        &["reconcile", "access revoke bob --cluster dev --yes"],
    );
    verified(&home);
}

/// The accounts of bob on the cluster.
fn accounts(home: &Home) -> Vec<String> {
    let objects = home.sandbox.objects().into_iter();
    let accounts = objects.filter(|object| object["kind"] == "ServiceAccount");
    accounts
        .filter_map(|object| object["metadata"]["name"].as_str().map(ToOwned::to_owned))
        .filter(|name| name.starts_with("bob-"))
        .collect()
}

#[test]
fn a_certificate_logs_in_and_somebody_elses_does_not() {
    let Some((server, name, home)) = home() else {
        return;
    };
    on(&home, &PEOPLE[..1]);
    let role = format!("CREATE ROLE {CERTIFIED} LOGIN IN ROLE {name}");
    let (good, answer) = server.psql(&name, &role);
    assert!(good, "{answer}");
    let work = home.work();
    let theirs = server.with_certificate(&name, CERTIFIED, &work);
    let others = server.with_certificate(&name, "mallory", &work);
    let home = home.at(&theirs);
    let shown = home.call("store show -o json").success();
    assert!(shown.stdout.contains("\"role\": \"certified\""), "{shown}");
    on(&home, &["user add bob"]);
    verified(&home);
    let home = home.at(&others);
    let refused = home.call("user list").code_is(2);
    assert!(refused.stderr.contains("certificate"), "{refused}");
    let none = format!(
        "{}&sslcert=none.pem&sslkey=none.key",
        theirs.split("&sslcert").next().expect("an address")
    );
    let home = home.at(&none);
    let refused = home.call("user list").code_is(2);
    assert!(refused.stderr.contains("none.pem"), "{refused}");
}
