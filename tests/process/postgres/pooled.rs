//! A pooler in between, which lends a connection for a transaction and has fewer of them than there are commands.

use super::{PEOPLE, home, on, verified};

#[test]
fn commands_that_wait_for_a_lock_keep_no_connection_of_a_pooler() {
    let Some((server, name, home)) = home() else {
        return;
    };
    // One transaction keeps the lock, one works under it, one works beside it.
    let Some(address) = server.pooled(&name, 3) else {
        return;
    };
    let home = home.at(&address);
    on(&home, &PEOPLE);
    let users = ["u1", "u2", "u3", "u4", "u5", "u6"];
    for user in users {
        on(&home, &[&format!("user add {user}")]);
    }
    let each = |line: &dyn Fn(&str) -> String| {
        let started = users.map(|user| home.start(&line(user)));
        for run in started {
            drop(run.finish().success());
        }
    };
    each(&|user| format!("access grant {user} --cluster dev --level read"));
    each(&|user| format!("kubeconfig download dev --user {user} --plain -f {user}.conf"));
    each(&|user| format!("access revoke {user} --cluster dev --yes"));
    verified(&home);
}
