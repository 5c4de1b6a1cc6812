//! Lists of files merge as client-go merges them.

use super::*;

fn file(server: &str, context: &str, current: &str) -> String {
    format!(
        "current-context: {current}
clusters: [{{name: c, cluster: {{server: 'https://{server}'}}}}]
contexts: [{{name: {context}, context: {{cluster: c, user: u}}}}]
users: [{{name: u, user: {{token: {server}}}}}]
"
    )
}

fn both(first: &str, second: &str, allowed: Allowed) -> Result<Imported, ImportError> {
    take_all(&[("/one/config", first), ("/two/config", second)], allowed)
}

#[test]
fn the_first_file_wins_an_entry() {
    let imported = both(
        &file("one", "a", "a"),
        &file("two", "a", "a"),
        Allowed::default(),
    );
    assert_eq!(imported.expect("two files").server, "https://one");
}

#[test]
fn the_current_context_comes_from_the_first_file_that_sets_it() {
    let imported = both(
        &file("one", "a", "''"),
        &file("two", "b", "b"),
        Allowed::default(),
    );
    let imported = imported.expect("two files");
    assert_eq!(
        (imported.context.as_str(), imported.server.as_str()),
        ("b", "https://one")
    );
}

#[test]
fn an_entry_of_one_file_may_name_one_of_another() {
    let first = "contexts: [{name: a, context: {cluster: c, user: u}}]";
    let imported = both(
        first,
        &file("two", "b", "''"),
        Allowed {
            context: Some("a"),
            ..Allowed::default()
        },
    );
    assert_eq!(imported.expect("two files").server, "https://two");
}

#[test]
fn a_relative_path_belongs_to_the_file_of_its_entry() {
    let second = file("two", "b", "b").replace("token: two", "tokenFile: token");
    let error = both("users: []", &second, Allowed::default()).expect_err("a file reference");
    assert_eq!(error.path, Path::new("/two/config"));
    match error.refused {
        Refused::FileReference { path, .. } => assert_eq!(path, Path::new("/two/token")),
        other => panic!("{other}"),
    }
}

#[test]
fn an_error_names_the_file_it_is_in() {
    let error = both(&file("one", "a", "a"), "a: *b", Allowed::default()).expect_err("an alias");
    assert!(
        error.to_string().starts_with("/two/config: line 1"),
        "{error}"
    );
}

#[test]
fn the_only_context_needs_no_choice() {
    let text = file("one", "a", "''");
    assert_eq!(
        take(&text, Allowed::default())
            .expect("one context")
            .context,
        "a"
    );
}

#[test]
fn several_contexts_are_listed() {
    let error = both(
        &file("one", "a", "''"),
        &file("two", "b", "''"),
        Allowed::default(),
    );
    let error = error.expect_err("two contexts").to_string();
    assert!(
        error.ends_with("several contexts: 'a', 'b'; choose one with `--context`"),
        "{error}"
    );
}

#[test]
fn a_misspelt_context_is_guessed() {
    let wanted = Allowed {
        context: Some("prdo"),
        ..Allowed::default()
    };
    let error = take(&file("one", "prod", "prod"), wanted).expect_err("a misspelt context");
    assert!(
        error.to_string().ends_with("did you mean 'prod'?"),
        "{error}"
    );
    let wanted = Allowed {
        context: Some("staging"),
        ..Allowed::default()
    };
    let error = take(&file("one", "prod", "prod"), wanted).expect_err("another context");
    assert!(
        error
            .to_string()
            .ends_with("there is no context 'staging'; there is 'prod'"),
        "{error}"
    );
}

#[test]
fn a_long_list_is_cut() {
    let contexts: Vec<_> = (0..50)
        .map(|number| format!("- {{name: c{number}, context: {{cluster: c, user: u}}}}"))
        .collect();
    let contexts = contexts.join("\n");
    let error = take(&format!("contexts:\n{contexts}"), Allowed::default()).expect_err("many");
    assert!(error.to_string().contains("'c9' and 40 more"), "{error}");
}

#[test]
fn no_file_at_all_is_an_error() {
    let error = take_all(&[], Allowed::default()).expect_err("no file");
    assert!(matches!(error.refused, Refused::NoFile));
}
