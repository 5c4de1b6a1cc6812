//! Refusals: one event each, and nothing asked of the cluster. A hidden cluster is an unknown one.

use crate::home::Home;

/// Commands that a reader of `prod` may not give, with the event that tells of it.
const FOR_A_READER: &[(&str, &str)] = &[
    ("cluster set prod --label a=b", "cluster set"),
    ("cluster set prod --exclude default", "cluster set"),
    ("cluster set prod --no-project", "cluster set"),
    ("cluster check prod", "cluster check"),
    (
        "cluster relink prod --kubeconfig admin.conf --yes",
        "cluster relink",
    ),
    ("cluster transfer prod --to bob --yes", "cluster transfer"),
    ("cluster protect prod", "cluster protect"),
    ("cluster unprotect prod", "cluster unprotect"),
    ("cluster archive prod --yes", "cluster archive"),
    ("cluster archive prod --revoke-all --yes", "cluster archive"),
    ("cluster unarchive prod", "cluster unarchive"),
    ("cluster delete prod --yes --confirm prod", "cluster delete"),
    (
        "cluster delete prod --forget --yes --confirm prod",
        "cluster delete",
    ),
    ("cluster rotate-manager prod", "cluster rotate-manager"),
    (
        "cluster provider-token set prod --file -",
        "cluster provider-token set",
    ),
    (
        "cluster provider-token show prod",
        "cluster provider-token show",
    ),
    (
        "cluster provider-token remove prod",
        "cluster provider-token remove",
    ),
    ("access grant bob -c prod -l read", "access grant"),
    ("access revoke bob -c prod --yes", "access revoke"),
    ("access explain bob -c prod", "access explain"),
    ("kubeconfig download prod --user bob", "kubeconfig download"),
    ("kubeconfig download prod --shared", "kubeconfig download"),
    ("kubeconfig show prod --user bob", "kubeconfig show"),
    ("team list -c prod", "team list"),
    ("team rotate bob -c prod --yes", "team rotate"),
    ("team revoke bob -c prod --yes", "team revoke"),
    ("team restore bob -c prod", "team restore"),
    ("ssh-key generate prod", "ssh-key generate"),
    ("ssh-key import prod admin.conf", "ssh-key import"),
    ("ssh-key download prod", "ssh-key download"),
    ("ssh-key download prod --user bob", "ssh-key download"),
    ("ssh-key install prod", "ssh-key install"),
    ("ssh-key rotate prod", "ssh-key rotate"),
    ("ssh-key reset prod --yes", "ssh-key reset"),
    ("reconcile prod", "reconcile"),
];

/// Commands about the organization that no developer may give.
const FOR_A_DEVELOPER: &[(&str, &str)] = &[
    ("cluster add other --kubeconfig admin.conf", "cluster add"),
    ("project create shop", "project create"),
    ("team list", "team list"),
    ("team rotate bob --all-clusters --yes", "team rotate"),
    ("team revoke bob --all-clusters --yes", "team revoke"),
    ("team restore bob --all-clusters", "team restore"),
    ("user list", "user list"),
    ("user show bob", "user show"),
    ("user add carol", "user add"),
    ("user set-role bob admin", "user set-role"),
    (
        "user set-key bob --key age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
        "user set-key",
    ),
    ("user disable bob --yes", "user disable"),
    ("user enable bob", "user enable"),
    ("user offboard bob --yes", "user offboard"),
    ("audit list", "audit list"),
    ("cluster list --as bob", "cluster list"),
];

/// Commands about one's own kubeconfig.
const OWN: &[(&str, &str)] = &[
    ("cluster show prod", "cluster show"),
    ("kubeconfig download prod", "kubeconfig download"),
    ("kubeconfig rotate prod --yes", "kubeconfig rotate"),
    ("kubeconfig show prod", "kubeconfig show"),
    ("access list -c prod", "access list"),
];

/// The events so far, without this look at them.
fn events(kg: &mut Home) -> Vec<(String, String, String)> {
    let listed = kg.run("audit list -o json").json();
    let text =
        |event: &serde_json::Value, key: &str| event[key].as_str().unwrap_or_default().to_owned();
    let events = listed.as_array().expect("a list").iter();
    events
        .map(|event| {
            (
                text(event, "actor"),
                text(event, "action"),
                text(event, "phase"),
            )
        })
        .collect()
}

/// Gives every command as a user, who is refused with one event and without a request.
fn refused(kg: &mut Home, user: &str, commands: &[(&str, &str)], codes: &[u8]) {
    for (line, action) in commands {
        let before = events(kg).len();
        kg.sandbox.clear_requests();
        let ran = kg.run_as(user, line);
        assert!(codes.contains(&ran.code), "{user}: {line}\n{ran}");
        assert_eq!(ran.stdout, "", "{user}: {line}\n{ran}");
        assert!(kg.sandbox.requests().is_empty(), "{user}: {line} asked");
        let after = events(kg);
        assert_eq!(after.len(), before + 1, "{user}: {line}\n{after:#?}");
        let denied = |event: &&(String, String, String)| event.0 == user && event.2 == "denied";
        let event = after
            .iter()
            .rev()
            .find(denied)
            .or_else(|| after.iter().find(denied));
        assert!(event.is_some(), "{user}: {line}\n{after:#?}");
        let of_it = after
            .iter()
            .filter(|event| denied(event) && event.1.starts_with(action))
            .count();
        assert!(
            of_it > 0,
            "{user}: {line} is recorded as {action}\n{after:#?}"
        );
    }
    kg.run("audit verify").success();
}

#[test]
fn a_reader_is_refused_with_one_event_and_no_request() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    refused(&mut kg, "alice", FOR_A_READER, &[4]);
    refused(&mut kg, "alice", FOR_A_DEVELOPER, &[4]);
}

#[test]
fn a_stranger_is_refused_with_one_event_and_no_request() {
    let mut kg = Home::new();
    refused(&mut kg, "alice", FOR_A_READER, &[3]);
    refused(&mut kg, "alice", OWN, &[3]);
    refused(&mut kg, "alice", FOR_A_DEVELOPER, &[4]);
}

#[test]
fn a_disabled_user_is_refused_with_one_event_and_no_request() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l write").success();
    kg.run("user disable alice --yes").success();
    refused(&mut kg, "alice", FOR_A_READER, &[4]);
    refused(&mut kg, "alice", OWN, &[4]);
    refused(&mut kg, "alice", FOR_A_DEVELOPER, &[4]);
}

#[test]
fn a_dry_run_is_refused_as_the_thing_itself() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l read").success();
    for (line, _) in FOR_A_READER {
        if ["check", "show", "explain", "list"]
            .iter()
            .any(|it| line.contains(it))
        {
            continue;
        }
        kg.run_as("alice", &format!("{line} --dry-run")).exit(4);
    }
}

#[test]
fn a_hidden_cluster_is_an_unknown_one_byte_for_byte() {
    let mut kg = Home::new();
    let lines = FOR_A_READER.iter().chain(OWN);
    for (line, _) in lines {
        for format in ["table", "json", "yaml", "name"] {
            let mut ask = |name: &str| {
                let line = line.replace("prod", name);
                let ran = kg.run_as("alice", &format!("{line} -o {format}"));
                let plain = |text: &str| text.replace(name, "NAME");
                (ran.code, plain(&ran.stdout), plain(&ran.stderr))
            };
            let hidden = ask("prod");
            assert_eq!(hidden, ask("pond"), "{line}");
            assert_eq!(hidden.0, 3, "{line}");
        }
    }
}

#[test]
fn what_ended_gives_nothing_in_any_command() {
    let mut kg = Home::new();
    kg.grant_and_download("alice", "read");
    kg.run("access grant alice -c prod -l write --for 1h")
        .success();
    kg.run_as("alice", "cluster show prod").success();
    kg.tick(2);
    refused(&mut kg, "alice", FOR_A_READER, &[3]);
    refused(&mut kg, "alice", OWN, &[3]);
    kg.run_as("alice", "cluster list")
        .success()
        .never_says("prod");
}

/// Commands about a project that a viewer of it may not give.
const FOR_A_VIEWER: &[(&str, &str)] = &[
    ("project describe shop x", "project describe"),
    ("project rename shop --to store", "project rename"),
    ("project delete shop --yes", "project delete"),
    (
        "project add-member carol --project shop --role viewer",
        "project add-member",
    ),
    (
        "project set-role alice --project shop --role owner",
        "project set-role",
    ),
    (
        "project remove-member alice --project shop --yes",
        "project remove-member",
    ),
    (
        "project remove-member alice --project shop --keep-shared --yes",
        "project remove-member",
    ),
    ("project rotate shop --yes", "project rotate"),
    ("project revoke shop --yes", "project revoke"),
    ("cluster set prod --label a=b", "cluster set"),
    ("cluster set prod --no-project", "cluster set"),
    ("kubeconfig rotate prod --yes", "kubeconfig rotate"),
    (
        "kubeconfig download prod --user carol",
        "kubeconfig download",
    ),
    ("access grant carol -c prod -l read", "access grant"),
    ("team list -c prod", "team list"),
];

#[test]
fn a_viewer_of_a_project_is_refused_with_one_event_and_no_request() {
    let mut kg = crate::project::shop();
    refused(&mut kg, "bob", FOR_A_VIEWER, &[4]);
    let about_it = |it: &&(&str, &str)| it.1.starts_with("project ");
    let about: Vec<_> = FOR_A_VIEWER.iter().filter(about_it).copied().collect();
    kg.add_user("carol", "developer");
    refused(&mut kg, "carol", &about, &[3]);
}

#[test]
fn a_hidden_project_is_an_unknown_one_byte_for_byte() {
    let mut kg = crate::project::shop();
    kg.add_user("carol", "developer");
    for (line, _) in FOR_A_VIEWER
        .iter()
        .filter(|it| it.1.starts_with("project "))
    {
        let mut ask = |name: &str| {
            let ran = kg.run_as("carol", &line.replace("shop", name));
            (
                ran.code,
                ran.stdout.clone(),
                ran.stderr.replace(name, "NAME"),
            )
        };
        assert_eq!(ask("shop"), ask("shap"), "{line}");
    }
}

#[test]
fn who_has_no_key_that_opens_the_login_is_refused_with_one_event_and_no_request() {
    let mut kg = Home::new();
    kg.run("access grant alice -c prod -l write").success();
    kg.run("ssh-key generate prod").success();
    let wishes = [
        ("kubeconfig download prod", "kubeconfig download"),
        ("kubeconfig rotate prod", "kubeconfig rotate"),
        ("shell prod", "shell"),
        ("ssh-key download prod", "ssh-key download"),
    ];
    refused(&mut kg, "alice", &wishes, &[4]);
    let denied = kg.run("audit list -o json").json();
    let detail = denied
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|event| event["detail"].as_str());
    assert!(
        detail
            .clone()
            .any(|it| it == "the key of 'alice' does not open the issuer login"),
        "{denied:#}"
    );
    assert!(
        detail
            .clone()
            .any(|it| it == "the key of 'alice' does not open the SSH key"),
        "{denied:#}"
    );
}
