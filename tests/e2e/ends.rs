//! How access ends: at once, and for real.

use std::time::Duration;

use crate::caller::Caller;
use crate::home::Home;
use crate::levels::{config_map, config_maps};
use crate::world::{self, HANG};

const PODS: &str = "/api/v1/namespaces/default/pods";

#[track_caller]
fn is_dead(who: &Caller) {
    let status = who.get(PODS).status;
    assert!(matches!(status, 401 | 403), "{status}");
}

#[test]
fn a_revoked_file_is_refused_when_the_command_returns() {
    let world = world::shared();
    let home = Home::new(world.as_ref());
    home.run("user add bob").success();
    let mut opened = Duration::ZERO;
    for round in 0..20 {
        let writes = round % 2 == 1;
        home.grant("bob", if writes { "write" } else { "read" });
        let file = home.download("bob");
        opened = opened.max(file.caller.wait_for(PODS, &[200]).1);
        home.run("access revoke bob -c prod --yes").success();
        if writes {
            let answer = file
                .caller
                .post(&config_maps("default"), &config_map("late"));
            assert!(matches!(answer.status, 401 | 403), "{}", answer.body);
        }
        is_dead(&file.caller);
    }
    crate::say(&format!(
        "e2e: over 20 rounds, the slowest welcome after `kubeconfig download` took {opened:?}"
    ));
}

#[test]
fn a_revoked_token_is_forgotten() {
    let world = world::shared();
    let home = Home::new(world.as_ref());
    let bob = home.developer("bob", "read").caller;
    bob.get(PODS).expect(200);
    home.run("access revoke bob -c prod --yes").success();
    is_dead(&bob);
    let (_, took) = bob.wait_for(PODS, &[401]);
    crate::say(&format!("e2e: 401 after {took:?}"));
}

#[test]
fn a_rotated_file_is_dead_and_the_next_works() {
    let world = world::shared();
    let home = Home::new(world.as_ref());
    let first = home.developer("bob", "write");
    first.caller.get(PODS).expect(200);
    home.run("--as bob kubeconfig rotate prod").success();
    is_dead(&first.caller);
    let second = home.download("bob");
    assert_ne!(first.account, second.account);
    second.caller.wait_for(PODS, &[200]);
    is_dead(&first.caller);
}

#[test]
fn a_change_of_level_ends_the_file() {
    let world = world::shared();
    let home = Home::new(world.as_ref());
    let first = home.developer("bob", "read").caller;
    first.get(PODS).expect(200);
    home.grant("bob", "write");
    is_dead(&first);
    let second = home.download("bob").caller;
    second.wait_for(PODS, &[200]);
    home.grant("bob", "read");
    is_dead(&second);
}

#[test]
fn a_demoted_admin_loses_cluster_admin() {
    let world = world::shared();
    let home = Home::new(world.as_ref());
    home.run("user add bob --role admin").success();
    let bob = home.download("bob").caller;
    bob.wait_for("/api/v1/secrets", &[200]);
    home.run("user set-role bob developer --yes").success();
    is_dead(&bob);
    home.run("kubeconfig download prod --user bob --plain -f x")
        .exit(5);
}

#[test]
fn a_disabled_user_has_nothing() {
    let world = world::shared();
    let home = Home::new(world.as_ref());
    let bob = home.developer("bob", "write").caller;
    bob.wait_for(PODS, &[200]);
    home.run("user disable bob --yes").success();
    is_dead(&bob);
    home.run("--as bob kubeconfig download prod").exit(4);
}

#[test]
fn a_shell_works_inside_and_is_refused_after() {
    let world = world::shared();
    let home = Home::new(world.as_ref());
    // The script waits until the test has seen that the login works.
    home.put(
        "inside.sh",
        "cat $KUBECONFIG > new\nmv new copy\nwhile [ ! -e seen ]; do sleep 0.05; done\nexit 9\n",
    );
    std::thread::scope(|scope| {
        let shell = scope.spawn(|| home.run("shell prod --level read -- sh inside.sh"));
        let started = std::time::Instant::now();
        while !home.path("copy").exists() {
            assert!(started.elapsed() < HANG, "the shell runs");
            std::thread::sleep(Duration::from_millis(20));
        }
        let inside = home.file("copy");
        inside.caller.wait_for(PODS, &[200]);
        let made = inside
            .caller
            .post(&config_maps("default"), &config_map("early"));
        assert_eq!(made.status, 403, "it has read");
        home.put("seen", "");
        shell.join().expect("it ends").exit(9);
        is_dead(&inside.caller);
    });
    home.run("status").success();
}

#[test]
fn every_download_is_a_fresh_token_and_all_die_together() {
    let world = world::shared();
    let home = Home::new(world.as_ref());
    let first = home.developer("bob", "read");
    let second = home.download("bob");
    assert_eq!(first.account, second.account);
    assert_ne!(first.text, second.text);
    first.caller.wait_for(PODS, &[200]);
    second.caller.get(PODS).expect(200);
    home.run("access revoke bob -c prod --yes").success();
    is_dead(&first.caller);
    is_dead(&second.caller);
}
