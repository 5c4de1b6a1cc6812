//! What kubectl refuses as a whole is left alone.

use super::*;

/// What kubectl would refuse, in these words of ours; each was tried with kubectl 1.32 and 1.36.
#[test]
fn a_file_that_kubectl_refuses_is_refused_before_anything_is_put_into_it() {
    let head = "apiVersion: v1\nkind: Config\n";
    for (rest, line, words) in [
        (
            "contexts:\n- name: a\n- name: b\n- name: a\n",
            6,
            "a second context is called 'a'",
        ),
        (
            "contexts:\n- context: {}\n- name: \"\"\n",
            5,
            "a second context is called ''",
        ),
        (
            "users:\n- name: a\n- user: {}\n  name: a\n",
            5,
            "a second user",
        ),
        (
            "clusters:\n- {name: a}\n- {name: a}\n",
            5,
            "a second cluster",
        ),
        (
            "contexts:\n- name: a\n  context:\n    extensions:\n    - name: q\n    - name: q\n",
            8,
            "a second extension is called 'q'",
        ),
        ("contexts:\n- name: 123\n", 4, "`name` is not text"),
        ("contexts:\n- name: 0x1F\n", 4, "`name` is not text"),
        ("contexts:\n- name: 1_000\n", 4, "`name` is not text"),
        ("contexts:\n- name: y\n", 4, "`name` is not text"),
        ("current-context: NO\n", 3, "`current-context` is not text"),
        (
            "users:\n- name: a\n  user: {token: 1e3}\n",
            5,
            "`token` is not text",
        ),
        (
            "users:\n- name: a\n  user: {as-groups: [1]}\n",
            5,
            "`as-groups` is not text",
        ),
        (
            "users:\n- name: a\n  user: {client-key-data: xyz}\n",
            5,
            "not base64",
        ),
        (
            "users:\n- name: a\n  user: {client-key-data: YWJj YWJj}\n",
            5,
            "not base64",
        ),
        (
            "clusters:\n- name: a\n  cluster: {insecure-skip-tls-verify: 'true'}\n",
            5,
            "not true or false",
        ),
        ("clusters:\n- abc\n", 4, "`clusters` is not a mapping"),
        (
            "clusters:\n- name: a\n  cluster: ''\n",
            5,
            "`cluster` is not a mapping",
        ),
        ("preferences: ''\n", 3, "`preferences` is not a mapping"),
    ] {
        let text = format!("{head}{rest}");
        match added(&text, "bob", "prod", 1).map(|merged| merged.text.to_string()) {
            Err(MergeError::Broken { line: at, reason }) => {
                assert!(reason.contains(words), "{text}{reason}");
                assert_eq!(at, line, "{text}{reason}");
            }
            Err(other) => panic!("{text}{other}"),
            Ok(merged) => panic!("{text}was taken:\n{merged}"),
        }
    }
    let newer = added("apiVersion: v2\nkind: Config\n", "bob", "prod", 1);
    assert!(matches!(newer, Err(MergeError::Broken { line: 1, .. })));
    // And what kubectl takes is taken.
    for rest in [
        "contexts:\n- name: \"123\"\n- name: 123abc\n- name: 2001-01-01\n- name: 1:20\n",
        "contexts:\n- name: infinity\n- name: 0.1.2\n- name: null\n",
        "users:\n- name: a\n  user:\n    client-key-data: |\n      YWJj\n      YWJj\n",
        "bogus: 3\nclusters:\n- name: a\n  foo: 1\n-\n",
        "clusters:\n- name: a\n  cluster:\n",
        "apiVersion: ''\n",
        "users:\n- name: a\n  user: {exec: {command: x, provideClusterInfo: on}}\n",
    ] {
        let text = match rest.strip_prefix("apiVersion") {
            Some(_) => format!("{rest}kind: Config\n"),
            None => format!("{head}{rest}"),
        };
        let merged = added(&text, "bob", "prod", 1);
        assert!(merged.is_ok(), "{text}{}", merged.err().expect("an error"));
    }
    // Two of ours that one merge brings together are no two.
    let once = good(USUAL).text;
    let again = added(&once, "bob", "prod", 2).expect("it merges");
    assert_eq!(
        names(&again.text, "contexts").len(),
        names(&once, "contexts").len()
    );
}
