//! What people have of a server beside one kubeconfig at a time.

use crate::home::{PODS, get};
use crate::serve::home;
use crate::server::Server;

#[test]
fn all_kubeconfigs_come_in_one_file() {
    let mut kg = home();
    let stage = kg.add_cluster("stage");
    kg.run("access grant bob -c stage --level read").success();
    let server = Server::open(&mut kg);
    kg.run("cluster set stage --self-service on").success();
    let far = server.log_in(&mut kg, "bob");
    let root = kg.root().join("far/bob");
    let there = |name: &str| std::fs::read_to_string(root.join(name));
    Server::run(&mut kg, &far, "kubeconfig download --all")
        .success()
        .says("stage")
        .says("for 2 clusters");
    let file = there("work/kubegrant.kubeconfig").expect("a file");
    assert!(
        file.contains("bob@prod") && file.contains("bob@stage"),
        "{file}"
    );
    // It stays, unless it is added to.
    let refused = Server::run(&mut kg, &far, "kubeconfig download --all");
    refused.exit(5).says("kubegrant.kubeconfig");
    for flag in ["--force", "-f -", "--renew", "--shared", "--user alice"] {
        Server::run(&mut kg, &far, &format!("kubeconfig download --all {flag}")).exit(2);
    }
    // Those that answer are handed over, the others named.
    kg.run("team revoke bob -c stage --yes").success();
    let listed = Server::run(&mut kg, &far, "kubeconfig download --all --merge -o json");
    let listed = listed.exit(4).says("Access Revoked").json();
    assert_eq!(listed[0]["cluster"], "prod");
    assert!(listed[1].is_null());
    let merged = there("home/.kube/config").expect("a kubeconfig");
    assert!(merged.contains("bob@prod") && !merged.contains("bob@stage"));
    drop(stage);
}

#[test]
fn the_ssh_key_comes_once_and_only_where_the_server_was_given_it() {
    let mut kg = home();
    kg.run("access grant bob -c prod --level write").success();
    kg.run("ssh-key generate prod").success();
    let server = Server::open(&mut kg);
    let far = server.log_in(&mut kg, "bob");
    let here = kg.root().join("far/bob/work");
    Server::run(&mut kg, &far, "ssh-key download prod")
        .exit(4)
        .says("a server does not do this for 'bob'");
    kg.run("cluster set prod --self-service on,ssh-key")
        .success()
        .says("is root there");
    // A file that is in the way keeps the key where it is.
    let file = here.join("ssh-key-prod.pem");
    crate::home::write_at(&file, "mine");
    Server::run(&mut kg, &far, "ssh-key download prod").exit(5);
    std::fs::remove_file(&file).expect("it is there");
    Server::run(&mut kg, &far, "ssh-key download prod --user alice").exit(2);
    Server::run(&mut kg, &far, "ssh-key download prod --dry-run").success();
    kg.run("ssh-key show prod").says("available");
    Server::run(&mut kg, &far, "ssh-key download prod")
        .success()
        .says("was taken by 'bob'")
        .says("ssh -i");
    let key = std::fs::read_to_string(&file).expect("the key");
    assert!(key.starts_with("-----BEGIN OPENSSH PRIVATE KEY"), "{key}");
    // Nobody takes it again, here or there.
    Server::run(&mut kg, &far, "ssh-key download prod -f -")
        .exit(5)
        .says("taken by 'bob'");
    kg.run("ssh-key download prod").exit(5);
    let secret = key.lines().nth(2).expect("a line");
    assert!(!server.stderr().contains(secret));
    kg.run("audit list --user bob -o json")
        .success()
        .says("\"actor\": \"desk\"");
    kg.run("audit verify").success();
}

#[test]
fn a_key_that_nothing_opens_here_is_kept_sealed() {
    let mut kg = home();
    kg.run("access grant bob -c prod --level write").success();
    kg.run("ssh-key generate prod").success();
    let server = Server::open(&mut kg);
    kg.run("cluster set prod --self-service on,ssh-key")
        .success();
    let far = server.log_in(&mut kg, "bob");
    // Bob's key is another from here on, and this machine has the old one.
    let new = kg.make_identity("bob-new");
    let session = Server::run(&mut kg, &far, "session list -o json").json();
    assert_eq!(session[0]["user"], "bob");
    kg.run(&format!("user set-key bob --key {new}")).success();
    Server::run(&mut kg, &far, "ssh-key download prod").exit(4);
    kg.run("ssh-key show prod").says("available");
}

#[test]
fn a_shell_has_a_credential_that_ends_with_it() {
    let mut kg = home();
    let server = Server::open(&mut kg);
    let far = server.log_in(&mut kg, "bob");
    let (kept, root) = (kg.root().join("kept"), kg.root().join("far/bob/work"));
    let command = format!(
        "cp $KUBECONFIG {}; echo $KUBEGRANT_SHELL > {}/name",
        kept.display(),
        root.display()
    );
    let words = [
        "shell", "prod", "--level", "read", "--", "sh", "-c", &command,
    ];
    kg.run_words_there(&far, &words).success();
    let name = std::fs::read_to_string(root.join("name")).expect("the command ran");
    assert_eq!(name.trim(), "prod");
    // What it had works no more, and nothing of it is left on either machine.
    let file = std::fs::read_to_string(&kept).expect("a kubeconfig");
    assert!(file.contains("bob@prod"), "{file}");
    assert_ne!(get(&file, PODS), 200);
    kg.run("status").success();
    kg.run("audit list --user bob").says("the shell has ended");
    let token = file.split("token: ").nth(1).expect("a token");
    assert!(!server.stderr().contains(token.trim()));
    // The command's exit code is the shell's; more than one has is refused, and looking changes nothing.
    let words = ["shell", "prod", "--", "sh", "-c", "exit 3"];
    kg.run_words_there(&far, &words).exit(3);
    Server::run(&mut kg, &far, "shell prod --level write -- true").exit(5);
    Server::run(&mut kg, &far, "shell prod --dry-run -- true").success();
    kg.run("team revoke bob -c prod --yes").success();
    Server::run(&mut kg, &far, "shell prod -- true")
        .exit(4)
        .says("Access Revoked");
    kg.run("audit verify").success();
}

#[test]
fn a_shell_ends_that_nobody_speaks_for() {
    let mut kg = home();
    kg.add_user("desk", "server");
    kg.run("cluster set prod --self-service on").success();
    let server = Server::with(&kg, "--behind-proxy");
    let token = server.token(&kg, "bob");
    let bearer = format!("authorization: Bearer {token}");
    let json = "content-type: application/json";
    let begun = server.ask("POST /api/v1/clusters/prod/shell", &[json, &bearer], "{}");
    assert_eq!(begun.status, 200, "{}", begun.body);
    let id = begun.json()["data"]["id"]
        .as_str()
        .expect("a name")
        .to_owned();
    let body = format!("{{\"id\":\"{id}\"}}");
    let here = server.ask("POST /api/v1/shell/here", &[json, &bearer], &body);
    assert_eq!(here.json()["lives"], true);
    // It is nobody else's.
    let others = format!("authorization: Bearer {}", server.token(&kg, "alice"));
    for path in ["here", "end"] {
        let said = server.ask(
            &format!("POST /api/v1/shell/{path}"),
            &[json, &others],
            &body,
        );
        assert_eq!(said.status, 404, "{path}");
    }
    // Not more than a few at once.
    for _ in 0..3 {
        let begun = server.ask("POST /api/v1/clusters/prod/shell", &[json, &bearer], "{}");
        assert_eq!(begun.status, 200);
    }
    let many = server.ask("POST /api/v1/clusters/prod/shell", &[json, &bearer], "{}");
    assert_eq!(many.status, 409, "{}", many.body);
    let ended = server.ask("POST /api/v1/shell/end", &[json, &bearer], &body);
    assert_eq!(ended.json()["exit"], 0, "{}", ended.body);
    let again = server.ask("POST /api/v1/shell/end", &[json, &bearer], &body);
    assert_eq!(again.status, 404);
    // A server that stops takes the others with it.
    drop(server);
    kg.run("audit list --user bob").says("the shell has ended");
    kg.run("status").success();
}
