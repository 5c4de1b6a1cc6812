//! What merging keeps, and what it refuses.

mod copies;
mod names;
mod refused;
mod renewing;

use std::fmt::Write as _;

use proptest::prelude::*;
use secrecy::SecretString;
use serde_json::Value;

use super::{Addition, Mark, MergeError, Merged, merge, remove};
use crate::artifact::kubeconfig::{KubeconfigFields, Login};
use crate::domain::installation::InstallationId;

fn id() -> InstallationId {
    InstallationId::new([0x0a, 0x1b, 0x2c, 0x3d])
}

fn mark(subject: &str, cluster: &str) -> Mark {
    Mark {
        installation: id(),
        cluster: cluster.to_owned(),
        subject: Some(subject.parse().expect("a good name")),
    }
}

fn fields(user: &str, cluster: &str, version: u32) -> KubeconfigFields {
    KubeconfigFields {
        cluster: format!("kubegrant-{cluster}"),
        server: format!("https://{cluster}.example:6443"),
        ca_pem: Some("PEM\n".to_owned()),
        tls_server_name: None,
        proxy_url: None,
        user: format!("kubegrant-{user}@{cluster}-v{version}"),
        context: format!("{user}@{cluster}"),
        namespace: None,
        login: Login::Token(SecretString::from(format!("token-{version}"))),
    }
}

fn added(before: &str, user: &str, cluster: &str, version: u32) -> Result<Merged, MergeError> {
    let (fields, mark) = (fields(user, cluster, version), mark(user, cluster));
    let addition = Addition {
        fields: &fields,
        mark: &mark,
        context_is_chosen: false,
    };
    merge(before, &addition, false)
}

fn good(before: &str) -> Merged {
    added(before, "bob", "prod", 1).expect("it merges")
}

fn value(text: &str) -> Value {
    serde_saphyr::from_str(text).expect("YAML")
}

/// The names in a list.
fn names(text: &str, list: &str) -> Vec<String> {
    let value = value(text);
    let items = value[list].as_array().cloned().unwrap_or_default();
    let name = |item: &Value| item["name"].as_str().unwrap_or_default().to_owned();
    items.iter().map(name).collect()
}

const USUAL: &str = "\
# my clusters
apiVersion: v1
clusters:
- cluster:
    server: https://one.example   # the first
  name: one
# between
- name: two
  cluster: {server: 'https://two.example'}
contexts:
  - name: one
    context:
      cluster: one
      user: one
current-context: one # here
kind: Config
preferences: {}
users:
- name: one
  user:
    exec: {command: aws, args: [eks, \"get-token\"]}
    odd: 0123
# the end";

#[test]
fn every_other_line_stays() {
    let merged = good(USUAL);
    assert!(!merged.rewritten);
    insta::assert_snapshot!(merged.text.as_str(), @r#"
    # my clusters
    apiVersion: v1
    clusters:
    - cluster:
        server: https://one.example   # the first
      name: one
    # between
    - name: two
      cluster: {server: 'https://two.example'}
    - name: kubegrant-prod
      cluster:
        server: https://prod.example:6443
        certificate-authority-data: UEVNCg==
        extensions:
        - name: kubegrant.io
          extension:
            installation: 0a1b2c3d
            cluster: prod
    contexts:
      - name: one
        context:
          cluster: one
          user: one
      - name: bob@prod
        context:
          cluster: kubegrant-prod
          user: kubegrant-bob@prod-v1
          extensions:
          - name: kubegrant.io
            extension:
              installation: 0a1b2c3d
              cluster: prod
              subject: bob
    current-context: one # here
    kind: Config
    preferences: {}
    users:
    - name: one
      user:
        exec: {command: aws, args: [eks, "get-token"]}
        odd: 0123
    - name: kubegrant-bob@prod-v1
      user:
        token: token-1
        extensions:
        - name: kubegrant.io
          extension:
            installation: 0a1b2c3d
            cluster: prod
            subject: bob
    # the end
    "#);
}

#[test]
fn twice_changes_nothing_and_removal_gives_the_file_back() {
    let once = good(USUAL);
    let twice = good(&once.text);
    assert_eq!(*once.text, *twice.text);
    let without = remove(&once.text, &id(), "prod").expect("it is removed");
    assert_eq!(USUAL, *without.text);
    assert_eq!(without.changed, 3);
    let again = remove(&without.text, &id(), "prod").expect("nothing to remove");
    assert_eq!((again.changed, &*again.text), (0, &*without.text));
}

#[test]
fn an_empty_file_becomes_a_kubeconfig() {
    for empty in ["", "\n", "# nothing yet\n", "---\n", "null\n", "# no end"] {
        let merged = good(empty);
        assert_eq!(names(&merged.text, "users"), ["kubegrant-bob@prod-v1"]);
        assert_eq!(value(&merged.text)["current-context"], "bob@prod");
        assert_eq!(value(&merged.text)["kind"], "Config");
    }
}

#[test]
fn what_kubectl_leaves_when_all_is_removed_is_filled_again() {
    let kubectl = "apiVersion: v1\nclusters: null\ncontexts: []\ncurrent-context: \"\"\n\
                   kind: Config\nusers: # nobody\n";
    let merged = good(kubectl);
    assert!(!merged.rewritten, "{}", merged.text.as_str());
    assert_eq!(names(&merged.text, "clusters"), ["kubegrant-prod"]);
    assert!(merged.text.contains("users: # nobody\n- name"));
    let without = remove(&merged.text, &id(), "prod").expect("it is removed");
    assert_eq!(value(&without.text)["users"], serde_json::json!([]));
    assert_eq!(value(&without.text)["current-context"], "");
}

#[test]
fn a_newer_version_takes_the_place_of_the_older() {
    let first = good(USUAL);
    let other = added(&first.text, "bob", "stage", 4).expect("it merges");
    let second = added(&other.text, "bob", "prod", 2).expect("it merges");
    assert_eq!(
        names(&second.text, "users"),
        ["one", "kubegrant-bob@prod-v2", "kubegrant-bob@stage-v4"]
    );
    assert!(!second.text.contains("token-1"));
    assert_eq!(
        names(&second.text, "contexts"),
        ["one", "bob@prod", "bob@stage"]
    );
    assert_eq!(value(&second.text)["current-context"], "one");
}

#[test]
fn two_people_share_a_cluster_entry_and_nothing_else() {
    let both = added(&good("").text, "eve", "prod", 1).expect("it merges");
    assert_eq!(names(&both.text, "clusters"), ["kubegrant-prod"]);
    assert_eq!(
        names(&both.text, "users"),
        ["kubegrant-bob@prod-v1", "kubegrant-eve@prod-v1"]
    );
    assert_eq!(value(&both.text)["current-context"], "bob@prod");
}

#[test]
fn a_namespace_that_was_chosen_by_hand_stays() {
    let first = good("");
    let chosen = first.text.replace(
        "    cluster: kubegrant-prod\n",
        "    cluster: kubegrant-prod\n    namespace: shop\n",
    );
    let second = added(&chosen, "bob", "prod", 2).expect("it merges");
    assert_eq!(
        value(&second.text)["contexts"][0]["context"]["namespace"],
        "shop"
    );
}

#[test]
fn own_contexts_that_lose_their_user_are_named() {
    let mine = "contexts:\n- name: mine\n  context:\n    cluster: kubegrant-prod\n    user: kubegrant-bob@prod-v1\n";
    let text = good("").text.replace("contexts:\n", mine);
    let merged = added(&text, "bob", "prod", 2).expect("it merges");
    assert_eq!(merged.dangling, ["mine"]);
    let without = remove(&merged.text, &id(), "prod").expect("it is removed");
    assert_eq!(without.kept, ["kubegrant-prod"]);
    assert_eq!(names(&without.text, "contexts"), ["mine"]);
    assert_eq!(names(&without.text, "clusters"), ["kubegrant-prod"]);
}

#[test]
fn a_name_that_is_somebody_elses_is_not_taken() {
    for (list, name, kind) in [
        ("users", "kubegrant-bob@prod-v1", "user"),
        ("clusters", "kubegrant-prod", "cluster"),
        ("contexts", "bob@prod", "context"),
    ] {
        let text = format!("{list}:\n- name: {name}\n");
        match added(&text, "bob", "prod", 1) {
            Err(MergeError::Taken { kind: found, .. }) => assert_eq!(found, kind),
            other => panic!("{:?}", other.err()),
        }
    }
    // Another installation's mark is not ours either.
    let theirs = good("").text.replace("0a1b2c3d", "ffffffff");
    assert!(matches!(
        added(&theirs, "bob", "prod", 1),
        Err(MergeError::Taken { .. })
    ));
    let left = remove(&theirs, &id(), "prod").expect("nothing to remove");
    assert_eq!(left.changed, 0);
}

#[test]
fn a_current_context_that_was_there_first_is_said() {
    let merged = good("current-context: bob@prod\n");
    assert_eq!(merged.current.as_deref(), Some("bob@prod"));
}

#[test]
fn json_and_flow_are_written_anew_without_a_loss() {
    let json = r#"{"apiVersion":"v1","kind":"Config","users":[{"name":"one","user":{"token":"12345678901234567890123"}}],"x":123456789012345678901234567890}"#;
    let merged = good(json);
    assert!(!merged.rewritten, "no comment was there to be lost");
    assert_eq!(
        value(&merged.text)["users"][0]["user"]["token"],
        "12345678901234567890123"
    );
    assert!(
        merged
            .text
            .contains("\"x\": 123456789012345678901234567890"),
        "{}",
        merged.text.as_str()
    );
    let flow = "users: [{name: one}] # mine\n";
    assert!(good(flow).rewritten);
}

#[test]
fn what_is_broken_is_refused() {
    for broken in [
        "a: b: c\n",
        "users: [",
        "users:\n- name: a\n  name: b\n",
        "users: {}\n",
        "- a\n",
        "just words",
        "kind: Pod\n",
        "a: 1\n---\nb: 2\n",
        "users: *nowhere\n",
        "? [a]\n: b\n",
        "a: &x {<<: {b: c}}\n",
        "\0",
        "\t- a",
    ] {
        assert!(added(broken, "bob", "prod", 1).is_err(), "{broken:?}");
    }
    let deep = "[".repeat(200_000);
    assert!(added(&deep, "bob", "prod", 1).is_err());
}

#[test]
fn anchors_stay_where_lines_can_be_edited() {
    let text = "x: &a\n  b: c\ny: *a\nusers:\n- name: one\n  user: !!map {}\n";
    let merged = good(text);
    assert!(merged.text.starts_with("x: &a\n  b: c\ny: *a\n"));
    let flow = "{x: &a {b: c}, y: *a}";
    assert!(matches!(
        added(flow, "bob", "prod", 1),
        Err(MergeError::Layout)
    ));
}

#[test]
fn line_ends_of_another_system_stay() {
    let dos = USUAL.replace('\n', "\r\n");
    let merged = good(&dos);
    assert!(!merged.rewritten);
    assert!(merged.text.contains("# between\r\n"));
}

/// A kubeconfig of somebody, in some layout.
fn kubeconfigs() -> impl Strategy<Value = String> {
    let item = ("[a-z]{1,6}", "[ -~]{0,12}", 0..4_u8);
    let items = || proptest::collection::vec(item.clone(), 0..4);
    (items(), items(), items(), 0..3_usize, any::<bool>()).prop_map(
        |(clusters, contexts, users, indent, comments)| {
            let mut text = String::new();
            for (list, kind, items) in [
                ("clusters", "cluster", clusters),
                ("users", "user", users),
                ("contexts", "context", contexts),
            ] {
                if comments {
                    writeln!(text, "# about {list}").expect("a string takes it");
                }
                if items.is_empty() {
                    writeln!(text, "{list}: []").expect("a string takes it");
                    continue;
                }
                writeln!(text, "{list}:").expect("a string takes it");
                let lead = " ".repeat(indent);
                for (number, (name, odd, form)) in items.iter().enumerate() {
                    let odd = Value::from(odd.as_str());
                    let item = match form {
                        0 => format!("{lead}- name: {name}{number}\n{lead}  {kind}:\n{lead}    odd: {odd}\n"),
                        1 => format!("{lead}- {{name: {name}{number}, {kind}: {{odd: {odd}}}}}\n"),
                        2 => format!("{lead}- {kind}:\n{lead}    x: |\n{lead}      two\n{lead}      lines\n{lead}  name: {name}{number}\n"),
                        _ => format!("{lead}-\n{lead}  name: {name}{number} # who\n\n"),
                    };
                    text.push_str(&item);
                }
            }
            text
        },
    )
}

proptest! {
    #[test]
    fn all_foreign_entries_stay(before in kubeconfigs()) {
        let merged = added(&before, "bob", "prod", 1).expect("it merges");
        let (old, new) = (value(&before), value(&merged.text));
        for list in ["clusters", "contexts", "users"] {
            let (old, new) = (old[list].as_array().expect("a list"), new[list].as_array().expect("a list"));
            prop_assert_eq!(new.len(), old.len() + 1);
            prop_assert_eq!(&new[..old.len()], &old[..]);
        }
        let again = added(&merged.text, "bob", "prod", 1).expect("it merges");
        prop_assert_eq!(&*again.text, &*merged.text);
        let without = remove(&merged.text, &id(), "prod").expect("it is removed");
        let back = value(&without.text);
        for list in ["clusters", "contexts", "users"] {
            prop_assert_eq!(&back[list], &old[list]);
        }
        if before.contains('#') && !merged.rewritten {
            let lost = before.lines().filter(|line| !merged.text.contains(line.trim_end_matches(" []")));
            prop_assert_eq!(lost.count(), 0);
        }
    }

    #[test]
    fn nothing_panics(text in "[ -~\n]{0,60}") {
        drop(added(&text, "bob", "prod", 1));
        drop(remove(&text, &id(), "prod"));
    }
}
