//! The pictures in `docs/pictures`: the page of a cluster in its four states, as a browser shows it. They are made
//! where `UPDATE_PICTURES` is set; nothing compares them, as browsers differ.

use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use kubegrant_sandbox::Sandbox;
use serde_json::{Value, json};

use crate::browser::{Browser, Look, has_browser};
use crate::home::Home;
use crate::server::Server;

/// How wide they are.
const WIDTH: u32 = 1280;
/// How large one may be.
const BYTES_MAX: usize = 200_000;

#[expect(
    clippy::disallowed_methods,
    reason = "the one switch of this test; it is no part of the program"
)]
fn are_wanted() -> bool {
    std::env::var_os("UPDATE_PICTURES").is_some() && has_browser()
}

/// Takes a picture of a cluster's page, from top to bottom.
#[expect(
    clippy::disallowed_methods,
    reason = "the picture is public and belongs to the source"
)]
fn take(browser: &Browser, server: &Server, name: &str) {
    browser.look(Look::light(WIDTH));
    browser.go(&format!("{}/clusters/prod", server.url));
    let script = "return Math.ceil(document.body.getBoundingClientRect().height)";
    let height = browser.ask("/execute/sync", &json!({ "script": script, "args": [] }));
    let height = height.as_u64().and_then(|it| u32::try_from(it).ok());
    browser.look(Look::light(WIDTH).of_height(height.expect("a height")));
    let taken = browser.ask("/screenshot", &Value::Null);
    let picture = BASE64_STANDARD.decode(taken.as_str().expect("a picture"));
    let picture = picture.expect("it is base64");
    assert!(picture.len() < BYTES_MAX, "{name}: {} bytes", picture.len());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures");
    std::fs::write(folder.join(name), picture).expect("written");
}

#[test]
fn the_pictures_are_taken_where_they_are_wanted() {
    if !are_wanted() {
        return;
    }
    let mut kg = Home::with(Sandbox::builder().token_cache(false));
    for (name, role) in [
        ("ada", "admin"),
        ("carol", "developer"),
        ("dave", "developer"),
    ] {
        kg.add_user(name, role);
    }
    for line in [
        "cluster transfer prod --to ada --yes",
        "cluster set prod --description \"The web shop\"",
        "access grant bob -c prod --level read",
        "access grant carol -c prod --level write --for 8h",
        "access grant dave -c prod --level read",
        "ssh-key generate prod",
    ] {
        kg.run(line).success();
    }
    let server = Server::open(&mut kg);
    for user in ["bob", "carol", "dave"] {
        kg.run_as(
            "ada",
            &format!("kubeconfig download prod --user {user} -f {user}.age"),
        )
        .success();
    }
    kg.run_as("ada", "team revoke dave -c prod --reason lost --yes")
        .success();
    let [ada, bob, dave] = ["ada", "bob", "dave"].map(|who| Browser::enter(&mut kg, &server, who));
    take(&bob, &server, "developer.png");
    take(&dave, &server, "revoked.png");
    take(&ada, &server, "owner.png");
    kg.run("cluster archive prod --yes").success();
    take(&ada, &server, "archived.png");
}
