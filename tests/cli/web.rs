//! The page in a real browser: everybody sees what is theirs, and does it there.

use kubegrant_sandbox::Sandbox;
use kubegrant_sandbox::openid::Algorithm;
use serde_json::json;

use crate::browser::{Browser, has_browser};
use crate::home::{Home, PODS, get};
use crate::openid::issuer;
use crate::server::Server;

const CARDS: [&str; 4] = [
    "Kubeconfig",
    "Developer Permissions",
    "Team Access",
    "SSH Access",
];

/// The cards that are shown.
fn cards(browser: &Browser) -> Vec<&'static str> {
    let is_shown = |card: &&str| browser.has(&format!("//h2[text()='{card}']"));
    CARDS.into_iter().filter(is_shown).collect()
}

#[test]
fn everybody_sees_what_is_theirs_and_does_it_there() {
    if !has_browser() {
        return;
    }
    let mut kg = Home::with(Sandbox::builder().token_cache(false));
    kg.run("access grant bob -c prod --level read").success();
    kg.run("user add carol").success();
    kg.run("cluster transfer prod --to alice --yes").success();
    let server = Server::open(&mut kg);
    let cluster = format!("{}/clusters/prod", server.url);

    // A developer downloads and rotates.
    let bob = Browser::enter(&mut kg, &server, "bob");
    bob.click("//td/a[text()='prod']");
    bob.wait_for("//h1[text()='Access & Security of prod']");
    assert_eq!(cards(&bob), ["Kubeconfig"]);
    bob.click("//button[text()='Download']");
    let opened = |kg: &Home, sealed: &[u8]| kg.open("bob", sealed).expect("sealed to bob");
    let first = opened(&kg, &bob.saved("prod.kubeconfig.age"));
    assert_eq!(get(&first, PODS), 200);
    bob.go(&cluster);
    bob.click("//button[text()='Rotate']");
    let second = opened(&kg, &bob.saved("prod.kubeconfig (1).age"));
    assert_ne!(get(&first, PODS), 200);
    assert_eq!(get(&second, PODS), 200);
    bob.go(&format!("{}/clusters/hidden", server.url));
    assert!(bob.text().contains("no cluster 'hidden'"), "{}", bob.text());

    // Its owner gives access.
    let alice = Browser::enter(&mut kg, &server, "alice");
    alice.go(&cluster);
    assert_eq!(
        cards(&alice),
        ["Kubeconfig", "Developer Permissions", "SSH Access"]
    );
    alice.click("//select[@id='level-carol']/option[@value='write']");
    alice.click("//select[@id='level-carol']/../button");
    alice.wait_for("//*[@role='status']");
    assert!(
        alice.text().contains("'carol' can write cluster 'prod'."),
        "{}",
        alice.text()
    );
    kg.run("access list -u carol").success().says("write");

    // An admin revokes, and the developer is told.
    let olivia = Browser::enter(&mut kg, &server, "olivia");
    olivia.go(&cluster);
    assert_eq!(cards(&olivia), CARDS);
    // What she has the server cannot hand out.
    assert!(olivia.text().contains("Full access is not handed out here"));
    assert!(!olivia.has("//button[text()='Download']"));
    olivia.click("//td[text()='bob']/..//button[text()='Revoke']");
    olivia.wait_for("//h1[text()='Are you sure?']");
    assert_eq!(get(&second, PODS), 200);
    olivia.is_clean();
    olivia.click("//button[text()='Yes']");
    olivia.wait_for("//*[@role='status']");
    assert_ne!(get(&second, PODS), 200);
    bob.go(&cluster);
    assert!(bob.text().contains("Access Revoked"), "{}", bob.text());
    assert!(!bob.has("//button[text()='Download']"));
    for page in [
        "/clusters/prod/roles",
        "/projects",
        "/audit",
        "/clusters/prod?revoked=1",
    ] {
        olivia.go(&format!("{}{page}", server.url));
    }

    // An archived cluster hands out nothing, and says so.
    kg.run("cluster archive prod --yes").success();
    alice.go(&cluster);
    assert!(
        alice.text().contains("This cluster is archived"),
        "{}",
        alice.text()
    );
    assert!(!alice.has("//button[text()='Download']"));
    olivia.go(&cluster);
    for refused in ["Set", "Rotate"] {
        assert!(
            !olivia.has(&format!("//button[text()='{refused}']")),
            "{refused}"
        );
    }
    olivia.click("//td[text()='carol']/..//button[text()='Remove']");
    olivia.click("//button[text()='Yes']");
    olivia.wait_for("//*[@role='status']");
    kg.run("access list -u carol").success().never_says("write");

    // Out is out.
    bob.click("//button[text()='Log out']");
    bob.wait_for("//h1[text()='kubegrant']");
    bob.go(&cluster);
    assert!(
        bob.text().contains("You are not logged in here."),
        "{}",
        bob.text()
    );
}

#[test]
fn a_link_is_opened_in_a_browser_and_used_up_by_its_button_alone() {
    if !has_browser() {
        return;
    }
    let mut kg = Home::with(Sandbox::builder().token_cache(false));
    kg.run("access grant bob -c prod --level read").success();
    let _server = Server::open(&mut kg);
    let made = kg.run("share create bob -c prod -o json");
    let url = made.success().json()["url"]
        .as_str()
        .expect("an address")
        .to_owned();
    let browser = Browser::open(&kg, "somebody");
    browser.go(&url);
    browser.go(&url);
    kg.run("share list").success().says("waiting");
    browser.click("//button[text()='Get my kubeconfig']");
    let file = kg.open("bob", &browser.saved("prod.kubeconfig.age"));
    assert_eq!(get(&file.expect("sealed to bob"), PODS), 200);
    kg.run("share list").success().says("claimed");
}

#[test]
fn a_browser_logs_in_at_the_issuer_and_takes_the_key_of_the_nodes() {
    if !has_browser() {
        return;
    }
    let mut kg = Home::with(Sandbox::builder().token_cache(false));
    let issuer = issuer(&kg, Algorithm::Es256);
    for line in [
        format!(
            "organization set-oidc --issuer {} --client-id kubegrant",
            issuer.url()
        ),
        "user add erin".to_owned(),
        "user set-oidc erin --subject 9".to_owned(),
        "access grant erin -c prod --level write".to_owned(),
        "ssh-key generate prod".to_owned(),
    ] {
        kg.run(&line).success();
    }
    kg.add_user("desk", "server");
    kg.run("cluster set prod --self-service on,ssh-key")
        .success();
    let ca = kg.path("issuer.crt");
    let server = Server::with(
        &kg,
        &format!("--self-signed --oidc-ca-file {}", ca.display()),
    );
    let erin = Browser::open(&kg, "erin");
    // Whom the issuer does not vouch for stays outside.
    let enter = format!("{}/enter", server.url);
    let log_in = "//a[starts-with(text(), 'Log in at')]";
    erin.go(&enter);
    erin.click(log_in);
    erin.wait_for("//p[contains(text(), 'access_denied')]");
    issuer.log_in(Some(json!({"sub": "9"})));
    erin.go(&enter);
    erin.click(log_in);
    erin.click("//td/a[text()='prod']");
    erin.wait_for("//h1[text()='Access & Security of prod']");
    // Without a key of hers what she takes comes as it is.
    erin.click("//button[text()='Download']");
    let file = String::from_utf8(erin.saved("prod.kubeconfig")).expect("text");
    assert_eq!(get(&file, PODS), 200);
    erin.go(&format!("{}/clusters/prod", server.url));
    erin.click("//button[text()='Take the key']");
    let key = String::from_utf8(erin.saved("ssh-key-prod.pem")).expect("text");
    assert!(key.starts_with("-----BEGIN OPENSSH PRIVATE KEY"));
    erin.go(&format!("{}/clusters/prod", server.url));
    assert!(!erin.has("//button[text()='Take the key']"));
    assert!(erin.text().contains("by erin"), "{}", erin.text());
    erin.is_clean();
    kg.run("user disable erin --yes").success();
    erin.go(&format!("{}/clusters/prod", server.url));
    erin.wait_for(log_in);
}
