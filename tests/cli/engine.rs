//! Which database the stores of the tests are in: files, or with `KUBEGRANT_TEST_ENGINE=postgres` a server of their own.

use std::path::Path;
use std::sync::LazyLock;

use kubegrant_sandbox::postgres::Server;
use regex::Regex;

/// What the variable says.
#[expect(
    clippy::disallowed_methods,
    reason = "the test's own switch, not the program's"
)]
fn wanted() -> String {
    std::env::var("KUBEGRANT_TEST_ENGINE").unwrap_or_default()
}

/// The server whose databases are the stores, where `KUBEGRANT_TEST_ENGINE=postgres` wants that; else they are files.
pub(crate) fn server() -> Option<&'static Server> {
    static WANTED: LazyLock<bool> = LazyLock::new(|| {
        let engine = wanted();
        assert!(
            ["", "sqlite", "postgres"].contains(&engine.as_str()),
            "KUBEGRANT_TEST_ENGINE is sqlite or postgres"
        );
        engine == "postgres"
    });
    WANTED.then(|| Server::get().expect("PostgreSQL is at hand"))
}

/// What was said, but for the warning that the role of a test owns its tables.
pub(crate) fn without_role(said: &str) -> String {
    static WARNING: LazyLock<Regex> = LazyLock::new(|| {
        let words = "(?m)^warning: role 'kg[0-9]+' could change the log of this store: it owns \
                     the tables, it may change or delete events\n(\n?hint: `kubegrant store \
                     roles` prints roles that cannot\n)?";
        Regex::new(words).expect("an expression")
    });
    WARNING.replace_all(said, "").into_owned()
}

/// Runs statements in a database, in the words of a file's; gives what they say.
pub(crate) fn in_database(database: &str, sql: &str) -> String {
    let server = server().expect("a server");
    let sql = format!("SET search_path = kubegrant; {}", quoted(sql));
    let (good, answer) = server.psql(database, &sql);
    assert!(good, "{sql}: {answer}");
    answer.trim_start_matches("SET\n").to_owned()
}

/// The one name of ours that is a word of PostgreSQL's.
fn quoted(sql: &str) -> String {
    static USER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\buser\b").expect("an expression"));
    USER.replace_all(sql, "\"user\"").into_owned()
}

/// Bytes that were written in hexadecimal.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    digits
        .map(|pair| byte(pair).expect("hexadecimal"))
        .collect()
}

#[test]
fn what_is_left_out_of_a_database_is_there() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    let list = std::fs::read_to_string(folder.join("about_files.txt")).expect("the list");
    let tests = list.lines().filter(|line| !line.starts_with('#'));
    let mut count = 0;
    for test in tests {
        let (module, name) = test.rsplit_once("::").expect("module::name");
        let file = folder.join(module.replace("::", "/")).with_extension("rs");
        let text = std::fs::read_to_string(&file).expect("its file");
        assert!(text.contains(&format!("fn {name}(")), "{test}");
        count += 1;
    }
    assert!(count > 0, "the list has none");
}
