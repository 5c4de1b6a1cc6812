//! Everybody's at once, with more accounts than one list takes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::caller::Caller;
use crate::home::Home;
use crate::levels::{config_map, config_maps, installation, namespace};
use crate::world;

const PODS: &str = "/api/v1/namespaces/default/pods";
const LISTS: &str = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";

/// Puts readers into the store whose versions are pending, and makes them: in either namespace, as some are
/// from before there was an issuer.
fn readers(home: &Home, count: u32) {
    let store = home.path(".local/share/kubegrant/store.db");
    let sql = rusqlite::Connection::open(store).expect("a database");
    sql.execute_batch(&format!(
        "WITH RECURSIVE n (n) AS (SELECT 1001 UNION ALL SELECT n + 1 FROM n WHERE n < {count} + 1000)
         INSERT INTO users (id, name, role, created_at) SELECT n, 'reader-' || n, 'developer', 0 FROM n;
         INSERT INTO grants (cluster, user, level, granted_at, granted_by)
           SELECT 1, id, 'read', 0, 1 FROM users WHERE id > 1000;
         INSERT INTO credentials (cluster, kind, user, version, account, power, state, created_at)
           SELECT 1, 'personal', id, 1,
             iif(id % 2 = 0, 'kubegrant-users/', '') || name || '-0badcafe-v1', 'read', 'pending', 0
           FROM users WHERE id > 1000;"
    ))
    .expect("rows");
    drop(sql);
    home.run("audit accept --reason filled --yes").success();
    home.reconcile();
}

/// How many subjects the lists of readers have.
fn lists(admin: &Caller, installation: &str) -> Vec<usize> {
    let found = admin.get(LISTS).expect(200);
    let items = found["items"].as_array().expect("a list");
    let ours = format!("kubegrant:{installation}:view");
    let ours = items.iter().filter(|it| {
        let name = it["metadata"]["name"].as_str();
        name.is_some_and(|name| name == ours || name.strip_prefix(&ours) == Some("-2"))
    });
    let subjects = |it: &Value| it["subjects"].as_array().map_or(0, Vec::len);
    ours.map(subjects).collect()
}

#[test]
fn everybodys_files_are_dead_when_it_is_said_and_the_next_ones_work() {
    let world = world::alone(None);
    let home = Home::new(world.as_ref());
    let admin = Caller::new(&world.admin_kubeconfig());
    let alice = home.developer("alice", "read");
    readers(&home, 505);
    // He is on the second list, and writes.
    let bob = home.developer("bob", "write");
    alice.caller.wait_for(PODS, &[200]);
    bob.caller.wait_for(PODS, &[200]);
    let id = installation(world.as_ref(), &alice.account);
    assert_eq!(lists(&admin, &id), [500, 7]);
    // Somebody gave one of them more.
    let more = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": { "name": "more" },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view",
        },
        "subjects": [bob.account.subject()],
    });
    admin.post(LISTS, &more).expect(201);
    home.run("team rotate --all-users -c prod --yes")
        .success()
        .says("507 versions no longer work")
        .says("binding 'more', which somebody else made");
    for file in [&alice, &bob] {
        let answer = file.caller.get(PODS);
        assert!(matches!(answer.status, 401 | 403), "{}", answer.status);
    }
    assert_eq!(lists(&admin, &id), [500, 7]);
    let (alice, bob) = (home.download("alice"), home.download("bob"));
    alice.caller.wait_for(PODS, &[200]);
    bob.caller.wait_for(PODS, &[200]);
    home.run("team revoke --all-users -c prod --yes").success();
    for file in [&alice, &bob] {
        let answer = file.caller.get(PODS);
        assert!(matches!(answer.status, 401 | 403), "{}", answer.status);
    }
    assert!(lists(&admin, &id).is_empty());
    home.reconcile();
}

#[test]
fn another_download_of_write_relies_on_the_last_look_and_reconcile_joins_what_came() {
    let world = world::alone(None);
    let home = Home::new(world.as_ref());
    home.developer("alice", "write");
    namespace(world.as_ref(), "shop");
    let line = "kubeconfig download prod --user alice --plain --force -f alice.kubeconfig";
    home.run(line)
        .success()
        .says("Where write reaches was looked at last on");
    let alice = home.file("alice.kubeconfig");
    alice.caller.wait_for(PODS, &[200]);
    let maps = config_maps("shop");
    alice.caller.post(&maps, &config_map("m")).expect(403);
    home.reconcile();
    // The API server hears of it when it hears of it.
    let wrote = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        alice.caller.post(&maps, &config_map("m")).status == 201
    });
    assert!(wrote);
}
