//! Several API servers behind one address: an end is true when each of them has heard of it.

use std::time::Duration;

use kubegrant_sandbox::{Action, Fault, Match, Sandbox};
use serde_json::json;

use crate::home::{Home, get};

/// A path of every cluster that readers may read.
const PODS: &str = "/api/v1/pods";
const SERVERS: usize = 3;

/// What each of the servers answers to somebody's file.
fn each(kg: &Home, file: &str) -> [u16; SERVERS] {
    let at = |server| {
        let own = kg.sandbox.server_url(server);
        get(&file.replace(&kg.sandbox.url(), &own), PODS)
    };
    std::array::from_fn(at)
}

fn refused(codes: [u16; SERVERS]) -> bool {
    codes.iter().all(|code| matches!(code, 401 | 403))
}

#[test]
fn no_end_is_said_while_one_of_the_servers_has_not_heard_of_it() {
    let mut kg = Home::with(Sandbox::builder().servers(SERVERS));
    kg.add_user("carol", "developer");
    let files = ["alice", "bob", "carol"].map(|user| (user, kg.grant_and_download(user, "read")));
    // The balancer gives each connection to the next server: of three commands that asked over one
    // alone, one would have asked the server that has heard.
    for (user, file) in &files {
        assert_eq!(each(&kg, file), [200; SERVERS]);
        for lags in [1, 2] {
            kg.sandbox.lag_for(lags, Duration::from_millis(1500));
        }
        kg.run(&format!("access revoke {user} -c prod --yes"))
            .success();
        assert!(refused(each(&kg, file)), "{user}");
    }
}

#[test]
fn a_server_that_hears_of_nothing_any_more_is_owed_and_said() {
    let mut kg = Home::with(Sandbox::builder().servers(SERVERS));
    let file = kg.grant_and_download("bob", "read");
    kg.sandbox.lag(1, true);
    kg.run("access revoke bob -c prod --yes")
        .exit(6)
        .says("an API server behind this address still lets account");
    assert_eq!(each(&kg, &file)[1], 200);
    kg.run("status").exit(6);
    kg.sandbox.lag(1, false);
    kg.run("reconcile").success();
    kg.run("status").success();
    assert!(refused(each(&kg, &file)));
}

#[test]
fn a_binding_by_a_group_is_waited_out() {
    let mut kg = Home::with(Sandbox::builder().token_cache(true));
    let file = kg.grant_and_download("bob", "read");
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": { "name": "theirs" },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view",
        },
        "subjects": [{
            "apiGroup": "rbac.authorization.k8s.io", "kind": "Group",
            "name": "system:serviceaccounts:kubegrant-users",
        }],
    });
    kg.sandbox.put_object(binding).expect("put");
    // The server knows the token from here on, and lets it in for ten seconds whatever happens.
    assert_eq!(get(&file, PODS), 200);
    kg.run("access revoke bob -c prod --yes")
        .success()
        .says("lets account");
    assert!(matches!(get(&file, PODS), 401 | 403));
}

#[test]
fn a_server_that_hangs_beside_others_keeps_nothing_pending() {
    let mut kg = Home::with(Sandbox::builder().servers(SERVERS));
    kg.run("access grant alice -c prod --level read").success();
    kg.run("rbac bind alice -c prod --cluster-role admin -n default --yes")
        .success();
    let file = kg.download_for("alice");
    let secrets = "/api/v1/namespaces/default/secrets";
    for line in [
        "rbac unbind alice -c prod --cluster-role admin -n default --yes",
        "access revoke alice -c prod --yes",
    ] {
        // The balancer gives the next connection to the next server: the command's own goes there,
        // and the one that hangs is met by a further one alone.
        kg.sandbox.clear_faults();
        assert_eq!(get(&file, PODS), 200);
        let last = kg.sandbox.requests().last().expect("a request").server;
        kg.sandbox.fault_at(
            (last + 2) % SERVERS,
            Fault {
                matches: Match::default(),
                action: Action::Hang,
            },
        );
        kg.run(line).success();
        kg.run("status").success();
    }
    kg.sandbox.clear_faults();
    assert_eq!(get(&file, secrets), 401);
}
