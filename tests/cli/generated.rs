//! What is made from the commands is that of now: `completions/`, `man/`, the book's reference, `openapi.json`.

use std::path::Path;

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the one switch of this test; it is no part of the program"
)]
fn completions_man_pages_and_the_reference_are_fresh() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let command = kubegrant::generated::command;
    if std::env::var_os("UPDATE").is_some() {
        kubegrant::generated::write_all(command(), root).expect("written");
    }
    let stale = kubegrant::generated::stale(command(), root).expect("compared");
    assert!(
        stale.is_empty(),
        "{stale:?} are not what the commands make now; \
         run `UPDATE=1 cargo test --test cli generated`"
    );
}
