//! `kubeconfig download --merge`, `--all` and `kubeconfig remove`: the user's own kubeconfig.

use std::os::unix::fs::PermissionsExt as _;

use kubegrant_sandbox::Sandbox;

use crate::home::{Home, PODS, get, guessable, set_mode, yaml};

const MINE: &str = "\
# mine
apiVersion: v1
kind: Config
clusters:
- name: home   # the oven
  cluster:
    server: https://oven.example
contexts:
- name: home
  context:
    cluster: home
    user: me
current-context: home
users:
- name: me
  user:
    username: me
    password: canary-of-mine
";

/// A home with a kubeconfig `mine` in the working directory.
fn home() -> Home {
    let home = Home::new();
    home.write("mine", MINE);
    home
}

/// The names in a list of a file.
fn names(home: &Home, list: &str) -> Vec<String> {
    let value = yaml(&home.read("mine"));
    let items = value[list].as_array().cloned().unwrap_or_default();
    let name = |item: &serde_json::Value| item["name"].as_str().unwrap_or_default().to_owned();
    items
        .iter()
        .map(name)
        .map(|name| guessable(&name))
        .collect()
}

#[test]
fn merging_keeps_every_line_and_removing_gives_the_file_back() {
    let mut home = home();
    let ran = home.run("kubeconfig download prod --merge -f mine");
    insta::assert_snapshot!(ran, @"
    CLUSTER   USER     VERSION   LEVEL   EXPIRES                FILE
    prod      olivia   1         full    2026-12-22T10:00:00Z   [HOME]/work/mine
    ----- stderr -----
    Version 1 of 'olivia' on cluster 'prod' (full). It ends on 2026-12-22T10:00:00Z.
    warning: others can read `[HOME]/work/mine` (mode 0644): `chmod 600 [HOME]/work/mine`
    [exit 0]
    ");
    let merged = home.read("mine");
    for line in MINE.lines() {
        assert!(merged.lines().any(|found| found == line), "{line}");
    }
    assert_eq!(home.mode("mine"), 0o644, "its mode is its owner's affair");
    assert_eq!(yaml(&merged)["current-context"], "home");
    let ran = home.run("kubeconfig remove prod -f mine");
    insta::assert_snapshot!(ran, @"
    CLUSTER   ENTRIES   FILE
    prod      3         [HOME]/work/mine
    ----- stderr -----
    The entries of cluster 'prod' are out of `[HOME]/work/mine`.
    warning: others can read `[HOME]/work/mine` (mode 0644): `chmod 600 [HOME]/work/mine`
    [exit 0]
    ");
    assert_eq!(home.read("mine"), MINE);
    home.run("kubeconfig remove prod -f mine")
        .success()
        .says("Nothing of cluster 'prod'");
    assert_eq!(home.read("mine"), MINE);
}

#[test]
fn where_kubectl_looks_is_where_it_goes() {
    let mut home = home();
    home.run("kubeconfig download prod --merge")
        .success()
        .says("The current context is 'olivia@prod' now.");
    let usual = home.root().join("home/.kube/config");
    let text = std::fs::read_to_string(&usual).expect("made");
    assert_eq!(get(&text, PODS), 200);
    let mode = std::fs::metadata(&usual)
        .expect("made")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let folder = std::fs::metadata(home.root().join("home/.kube")).expect("made");
    assert_eq!(folder.permissions().mode() & 0o777, 0o700);
    // The first of a list, and relative as kubectl has it.
    let line = "kubeconfig download prod --merge --set-current";
    home.run_where(|world| world.variable("KUBECONFIG", "mine:other"), line)
        .success()
        .says("The current context is 'olivia@prod' now.");
    assert_eq!(names(&home, "users"), ["me", "kubegrant-olivia@prod-v1"]);
    assert!(!home.path("other").exists());
}

#[test]
fn a_newer_version_replaces_the_older_and_twice_is_once() {
    let mut home = home();
    home.run("kubeconfig download prod --merge -f mine")
        .success();
    home.run("kubeconfig download prod --merge -f mine")
        .success();
    assert_eq!(names(&home, "users"), ["me", "kubegrant-olivia@prod-v1"]);
    home.run("kubeconfig rotate prod").success();
    home.run("kubeconfig download prod --merge -f mine")
        .success();
    assert_eq!(names(&home, "users"), ["me", "kubegrant-olivia@prod-v2"]);
    assert_eq!(names(&home, "clusters"), ["home", "kubegrant-prod"]);
    assert_eq!(names(&home, "contexts"), ["home", "olivia@prod"]);
}

#[test]
fn what_is_merged_is_recorded_as_that() {
    let mut home = home();
    home.run("kubeconfig download prod --merge -f mine")
        .success();
    let shown = home.run("kubeconfig show prod -o json").json();
    assert_eq!(shown[0]["downloads"][0]["form"], "merged");
}

#[test]
fn a_link_of_ones_own_is_followed_and_a_bad_target_is_refused() {
    let mut home = home();
    std::os::unix::fs::symlink(home.path("mine"), home.path("link")).expect("a link");
    home.run("kubeconfig download prod --merge -f link")
        .success();
    assert_eq!(names(&home, "users").len(), 2);
    assert!(home.path("link").is_symlink());
    home.write("mine", MINE);
    std::os::unix::fs::symlink("nowhere", home.path("dangling")).expect("a link");
    std::fs::hard_link(home.path("mine"), home.path("second")).expect("a link");
    std::fs::create_dir(home.path("folder")).expect("a folder");
    let before = home.events("kubeconfig download", "requested");
    for (target, code) in [
        ("dangling", 2),
        ("second", 5),
        ("folder", 2),
        ("missing/x/..", 2),
    ] {
        home.run(&format!("kubeconfig download prod --merge -f {target}"))
            .exit(code);
    }
    std::fs::remove_file(home.path("second")).expect("ours");
    set_mode(&home.path("mine"), 0o400);
    home.run("kubeconfig download prod --merge -f mine").exit(5);
    assert_eq!(home.read("mine"), MINE);
    // Nothing was minted in vain.
    assert_eq!(home.events("kubeconfig download", "requested"), before);
}

#[test]
fn what_is_broken_is_refused_and_left_as_it_is() {
    let mut home = home();
    let large = format!("# {}\n", "x".repeat(17 * 1024 * 1024));
    for (text, code) in [
        ("users: [\n", 7),
        ("users:\n- name: a\n  name: b\n", 7),
        ("token: canary-of-mine\nkind: Pod\n", 7),
        ("a: 1\n---\nb: 2\n", 7),
        ("contexts:\n- name: olivia@prod\n", 5),
        (large.as_str(), 2),
    ] {
        home.write("bad", text);
        home.run("kubeconfig download prod --merge -f bad")
            .exit(code)
            .never_says("canary-of-mine");
        assert_eq!(home.read("bad"), text);
    }
    home.run("kubeconfig remove prod -f bad").exit(2);
    assert_eq!(home.accounts(), Vec::<String>::new(), "nothing was issued");
}

#[test]
fn kubectls_lock_is_waited_for() {
    let mut home = home();
    home.write("mine.lock", "");
    let path = home.path("mine.lock");
    let waiter = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(300));
        std::fs::remove_file(path).expect("ours");
    });
    home.run("kubeconfig download prod --merge -f mine")
        .success();
    waiter.join().expect("it ends");
    assert!(!home.path("mine.lock").exists(), "and given back");
    assert_eq!(names(&home, "users").len(), 2);
}

#[test]
fn somebody_elses_file_is_not_merged_sealed() {
    let mut home = home();
    home.run("access grant bob --cluster prod --level read")
        .success();
    home.run("kubeconfig download prod --user bob --merge -f mine")
        .exit(2)
        .says("cannot be merged");
    home.run("kubeconfig download prod --user bob --plain --merge -f mine")
        .success();
    assert_eq!(names(&home, "users"), ["me", "kubegrant-bob@prod-v1"]);
    home.run("kubeconfig download prod --merge -f -").exit(2);
}

#[test]
fn a_dry_run_touches_nothing() {
    let mut home = home();
    home.run("kubeconfig download prod --merge -f mine --dry-run")
        .success()
        .says("merge it into");
    home.run("kubeconfig download --all --merge -f mine --dry-run")
        .success()
        .says("merge it into");
    assert_eq!(home.read("mine"), MINE);
    home.run("kubeconfig download prod --merge -f mine")
        .success();
    let merged = home.read("mine");
    home.run("kubeconfig remove prod -f mine --dry-run")
        .success()
        .says("take 3 entries");
    assert_eq!(home.read("mine"), merged);
}

#[test]
fn all_clusters_go_into_one_file() {
    let mut home = home();
    let stage = home.add_cluster("stage");
    let ran = home.run("kubeconfig download --all").without_progress();
    insta::assert_snapshot!(ran, @"
    CLUSTER   USER     VERSION   LEVEL   EXPIRES                FILE
    prod      olivia   1         full    2026-12-22T10:00:00Z   [HOME]/work/kubegrant.kubeconfig
    stage     olivia   1         full    2026-12-22T10:00:00Z   [HOME]/work/kubegrant.kubeconfig
    ----- stderr -----
    The kubeconfig of 'olivia' for 2 clusters.
    hint: try `kubectl --kubeconfig [HOME]/work/kubegrant.kubeconfig config get-contexts`
    [exit 0]
    ");
    assert_eq!(home.mode("kubegrant.kubeconfig"), 0o600);
    let text = home.read("kubegrant.kubeconfig");
    assert_eq!(yaml(&text)["current-context"], "");
    for cluster in ["prod", "stage"] {
        let chosen = text.replace(
            "current-context: \"\"",
            &format!("current-context: olivia@{cluster}"),
        );
        assert_ne!(chosen, text);
        assert_eq!(get(&chosen, PODS), 200, "{cluster}");
    }
    home.run("kubeconfig download --all --merge -f mine")
        .success();
    assert_eq!(
        names(&home, "contexts"),
        ["home", "olivia@prod", "olivia@stage"]
    );
    drop(stage);
}

#[test]
fn a_cluster_that_is_away_hides_no_other() {
    let mut home = home();
    let mut stage: Sandbox = home.add_cluster("stage");
    stage.stop();
    let ran = home.run("kubeconfig download --all --merge -f mine");
    ran.exit(8).says("'stage'").says("for 1 cluster.");
    assert_eq!(names(&home, "contexts"), ["home", "olivia@prod"]);
    home.sandbox.stop();
    home.run("kubeconfig download --all").exit(8);
    assert!(!home.path("kubegrant.kubeconfig").exists());
}

#[test]
fn all_is_what_somebody_can_reach() {
    let mut home = home();
    let _stage = home.add_cluster("stage");
    home.run("kubeconfig download --all --user bob").exit(3);
    home.run("access grant bob --cluster stage --level read")
        .success();
    home.run("kubeconfig download --all --user bob").success();
    let sealed = home.read("kubegrant.bob.kubeconfig.age");
    let opened = home.open("bob", sealed.as_bytes()).expect("bob opens it");
    assert_eq!(yaml(&opened)["contexts"][0]["name"], "bob@stage");
    home.run("kubeconfig download --all prod").exit(2);
    home.run("kubeconfig download").exit(2);
}

#[test]
fn what_was_planted_before_gets_no_login() {
    let mut home = home();
    let evil = "clusters:\n- name: evil\n  cluster: {server: 'https://evil.example'}\n\
         contexts:\n- name: staging\n  context: {cluster: evil, user: 'kubegrant-olivia@prod-v1'}\n\
         - name: other\n  context: {cluster: kubegrant-prod, user: me}\ncurrent-context: staging\n";
    home.write("mine", evil);
    home.run("kubeconfig download prod --merge -f mine")
        .success();
    let text = home.read("mine");
    let merged = yaml(&text);
    assert_eq!(merged["current-context"], "staging");
    let user = merged["users"][0]["name"].as_str().expect("a name");
    assert_ne!(user, "kubegrant-olivia@prod-v1");
    assert_eq!(
        merged["contexts"][0]["context"]["user"],
        "kubegrant-olivia@prod-v1"
    );
    // Whoever knows the name now gets nothing of the next login.
    let known = text.replace("user: 'kubegrant-olivia@prod-v1'", &format!("user: {user}"));
    assert_ne!(known, text);
    home.write("mine", &known);
    home.run("kubeconfig download prod --merge -f mine")
        .success()
        .says("staging");
    let merged = yaml(&home.read("mine"));
    assert_eq!(merged["users"].as_array().map(Vec::len), Some(1));
    assert_ne!(merged["users"][0]["name"], user);
}

#[test]
fn a_context_that_waits_for_the_next_login_is_not_recommended_for_it() {
    let mut home = Home::new();
    home.run("kubeconfig download prod --merge -f mine")
        .success();
    let text = home.read("mine");
    let user = crate::home::yaml(&text)["users"][0]["name"]
        .as_str()
        .expect("a name")
        .to_owned();
    let planted = text
        .replace(
            "clusters:\n",
            "clusters:\n- name: evil\n  cluster:\n    server: https://evil.example\n",
        )
        .replace(
            "contexts:\n",
            &format!("contexts:\n- name: it's\n  context:\n    cluster: evil\n    user: {user}\n"),
        );
    assert_ne!(planted, text);
    home.write("mine", &planted);
    home.run("kubeconfig rotate prod --merge -f mine")
        .success()
        .says("your context 'it's' refers to a login that is gone")
        .says("`kubectl config delete-context 'it'\\''s'` removes it")
        .never_says("--user=");
}
