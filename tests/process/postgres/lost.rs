//! The connection that keeps a cluster's lock is gone: what was not given yet is not given any more.

use super::{PEOPLE, home, on, verified, waiting_download};
use crate::proof::{Tally, full};

/// Ends the connection that keeps a lock; the count of those that did.
const CUT: &str =
    "SELECT count(pg_terminate_backend(pid)) FROM pg_locks JOIN pg_stat_activity USING (pid)
   WHERE locktype = 'advisory' AND pg_locks.granted AND datname = current_database()";

#[test]
fn whatever_is_asked_when_the_lock_is_lost_nothing_is_given_after_it() {
    let Some((server, name, home)) = home() else {
        return;
    };
    on(&home, &PEOPLE);
    let step = if full() { 1 } else { 9 };
    let (mut wrong, mut refused, mut tried) = (Vec::new(), 0, 0);
    for nth in (1..).step_by(step) {
        let user = format!("u{nth}");
        let Some((gate, slow)) = waiting_download(&home, &user, "write", nth) else {
            break;
        };
        let (good, said) = server.psql(&name, CUT);
        assert!(good && said.trim() == "1", "one lock is held: {said}");
        let before = home.sandbox.requests().len();
        gate.open();
        let ran = slow.finish();
        tried += 1;
        let requests = home.sandbox.requests();
        let after = requests.iter().skip(before);
        // What waited is answered; what follows it changes nothing.
        let gave = after.filter(|it| it.method != "GET" && !it.path.contains("subject"));
        let gave: Vec<&str> = gave.map(|it| it.path.as_str()).collect();
        let has_file = home.read(&format!("{user}.conf")).is_some();
        if gave.len() > 1 || ![(6, false), (0, true)].contains(&(ran.code, has_file)) {
            wrong.push(format!("{nth}: {gave:?}, file {has_file}: {ran}"));
        }
        refused += i32::from(ran.code == 6);
    }
    assert!(refused > 0, "none was refused");
    Tally::of("lost locks", tried, wrong).end(3);
    on(&home, &["reconcile"]);
    verified(&home);
}
