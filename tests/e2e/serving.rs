//! A developer with nothing but her key and an address, at a server beside somebody else's store.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use crate::caller::Caller;
use crate::home::{Home, Started};
use crate::levels::{config_map, config_maps};
use crate::world;

const PODS: &str = "/api/v1/namespaces/default/pods";

/// Ends a server as systemd would.
fn stop(server: Started) {
    let pid = i32::try_from(server.pid()).expect("a process");
    let pid = rustix::process::Pid::from_raw(pid).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it is there");
    server.finish().success().says("Stopped.");
}

#[track_caller]
fn is_dead(who: &Caller) {
    let status = who.get(PODS).status;
    assert!(matches!(status, 401 | 403), "{status}");
}

#[test]
fn a_developer_downloads_works_rotates_and_is_refused_after_a_revoke() {
    let world = world::alone(None);
    let home = Home::new(world.as_ref());
    home.add_with_identity("bob");
    home.add_as("desk", "server");
    home.run("cluster set prod --self-service on").success();
    home.grant("bob", "write");
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("its address");
    drop(free);
    let url = format!("https://localhost:{}", address.port());
    let server = home.start(&format!(
        "serve --identity desk.identity --listen {address} --public-url {url} --self-signed --reconcile-every 1s"
    ));
    let bob = Home::bare();
    let copied = [
        ("bob.identity", "identity"),
        (".local/state/kubegrant/serve-localhost.crt", "serve.crt"),
    ];
    for (from, to) in copied {
        while fs::copy(home.path(from), bob.path(to)).is_err() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    let run = |line: &str| bob.run(&format!("{line} --identity identity"));
    let login = format!("login {url} --ca-file serve.crt");
    while run(&login).code != 0 {
        std::thread::sleep(Duration::from_millis(50));
    }
    run("cluster list").success().says("prod");
    run("kubeconfig download prod -f mine").success();
    let first = bob.file("mine");
    assert_eq!(first.account.namespace, "kubegrant-users");
    first.caller.wait_for(PODS, &[200]);
    let (maps, map) = (config_maps("default"), config_map("m"));
    first.caller.post(&maps, &map).expect(201);
    // A shell has a credential of its own, which is gone with it.
    bob.put("keep.sh", "cp \"$KUBECONFIG\" kept");
    bob.run("shell prod --identity identity -- sh keep.sh")
        .success();
    is_dead(&bob.file("kept").caller);
    run("kubeconfig rotate prod -f mine").success();
    is_dead(&first.caller);
    let second = bob.file("mine");
    second.caller.wait_for(PODS, &[200]);
    home.run("team revoke bob -c prod --yes").success();
    is_dead(&second.caller);
    run("kubeconfig download prod -f other")
        .exit(4)
        .says("Access Revoked");
    // Where nobody serves themselves any more, the server's login is worth nothing.
    let login = "SELECT secret FROM issuers";
    assert!(home.opened("desk", login).is_some());
    home.run("cluster set prod --self-service off").success();
    assert_eq!(home.opened("desk", login), None);
    run("kubeconfig show prod").success();
    stop(server);
}
