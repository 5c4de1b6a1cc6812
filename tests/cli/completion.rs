//! Completion: names come from the store, and only those that one may see.

use crate::home::Home;

/// What a shell is told for these words, the last one unfinished.
fn complete(kg: &mut Home, user: &str, words: &[&str]) -> Vec<String> {
    let identity = kg.identity(user).display().to_string();
    let index = words.len().to_string();
    let mut line = vec!["--", "kubegrant"];
    line.extend(words);
    let line = line.join(" ")
        + if words.last() == Some(&"") {
            "\"\""
        } else {
            ""
        };
    let ran = kg.run_where(
        |fixture| {
            fixture
                .variable("COMPLETE", "fish")
                .variable("_CLAP_COMPLETE_INDEX", index.clone())
                .variable("KUBEGRANT_IDENTITY_FILE", identity.clone())
        },
        &line,
    );
    assert_eq!(ran.stderr, "", "completion is silent");
    let names = ran.success().stdout.lines();
    names
        .map(|line| line.split('\t').next().unwrap_or_default().to_owned())
        .filter(|name| !name.starts_with('-'))
        .collect()
}

#[test]
fn cluster_and_user_names_come_from_the_store() {
    let mut kg = Home::new();
    assert_eq!(
        complete(&mut kg, "olivia", &["cluster", "show", ""]),
        ["prod"]
    );
    assert_eq!(
        complete(&mut kg, "olivia", &["access", "grant", "a"]),
        ["alice"]
    );
    assert_eq!(
        complete(&mut kg, "olivia", &["access", "list", "--cluster", "p"]),
        ["prod"]
    );
}

#[test]
fn hidden_clusters_and_other_users_are_not_offered() {
    let mut kg = Home::new();
    let none: [&str; 0] = [];
    assert_eq!(complete(&mut kg, "alice", &["cluster", "show", ""]), none);
    assert_eq!(
        complete(&mut kg, "alice", &["access", "grant", ""]),
        ["alice"]
    );
    kg.run("access grant alice -c prod -l read").success();
    assert_eq!(
        complete(&mut kg, "alice", &["cluster", "show", ""]),
        ["prod"]
    );
}

#[test]
fn a_hidden_cluster_is_offered_by_no_command() {
    let mut kg = Home::new();
    let none: [&str; 0] = [];
    for line in [
        "cluster show",
        "cluster check",
        "cluster set",
        "cluster relink",
        "cluster transfer",
        "cluster protect",
        "cluster unprotect",
        "cluster archive",
        "cluster unarchive",
        "cluster delete",
        "cluster rotate-manager",
        "cluster provider-token set",
        "cluster provider-token show",
        "cluster provider-token remove",
        "kubeconfig download",
        "kubeconfig rotate",
        "kubeconfig show",
        "access grant bob --cluster",
        "access revoke bob --cluster",
        "access list --cluster",
        "access explain bob --cluster",
        "team list --cluster",
        "team rotate bob --cluster",
        "team revoke bob --cluster",
        "team restore bob --cluster",
        "reconcile",
    ] {
        let words: Vec<&str> = line.split(' ').chain([""]).collect();
        assert_eq!(complete(&mut kg, "alice", &words), none, "{line}");
        assert_eq!(complete(&mut kg, "olivia", &words), ["prod"], "{line}");
    }
}

#[test]
fn verbs_and_values_are_completed() {
    let mut kg = Home::new();
    assert_eq!(complete(&mut kg, "olivia", &["access", "gr"]), ["grant"]);
    assert_eq!(
        complete(
            &mut kg,
            "olivia",
            &["access", "grant", "alice", "--level", ""]
        ),
        ["read", "write"]
    );
}

#[test]
fn completion_without_a_store_is_silent() {
    let mut kg = Home::empty(kubegrant_sandbox::Sandbox::builder());
    let none: [&str; 0] = [];
    assert_eq!(complete(&mut kg, "olivia", &["cluster", "show", ""]), none);
}

#[test]
fn the_scripts_of_three_shells_open_no_store() {
    let mut kg = Home::empty(kubegrant_sandbox::Sandbox::builder());
    for shell in ["bash", "zsh", "fish"] {
        let ran = kg.run(&format!("completions {shell}"));
        assert!(ran.success().stdout.contains("kubegrant"), "{shell}");
    }
    kg.run("completions tcsh").exit(2);
    assert!(!kg.store().exists());
}
