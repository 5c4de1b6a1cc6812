//! Every page can be used by everybody: axe-core looks at each, as each kind of person sees it, light and dark,
//! on a wide screen and a narrow one. It is fetched for the tests (`.ci/run`) and is no part of the program.

use std::path::PathBuf;

use kubegrant_sandbox::Sandbox;
use serde_json::{Value, json};

use crate::browser::{Browser, Look, has_browser};
use crate::home::Home;
use crate::server::Server;

/// What the pages keep to: WCAG 2.1, A and AA.
const RULES: [&str; 4] = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"];

/// How a page is looked at.
const LOOKS: [Look; 4] = [
    Look::light(1200),
    Look::dark(1200),
    Look::light(360),
    Look::dark(360),
];

/// The text of axe-core, where somebody says where it is.
#[expect(
    clippy::disallowed_methods,
    reason = "the one switch of this test; it is no part of the program"
)]
fn axe() -> Option<String> {
    let Some(path) = std::env::var_os("AXE_JS").map(PathBuf::from) else {
        crate::say("accessibility: AXE_JS names no axe.min.js: nobody tried the pages with it");
        return None;
    };
    Some(std::fs::read_to_string(path).expect("the text of axe-core"))
}

/// Somebody who tries pages, and what they found.
struct Tried<'t> {
    axe: &'t str,
    browser: &'t Browser,
    server: &'t Server,
    who: &'t str,
}

impl Tried<'_> {
    /// Tries these pages.
    fn go(&self, pages: &[&str], found: &mut Vec<String>) {
        for page in pages {
            self.browser.go(&format!("{}{page}", self.server.url));
            self.look(page, found);
        }
    }

    /// Tries the page that is open.
    fn look(&self, page: &str, found: &mut Vec<String>) {
        let script = json!({ "script": self.axe, "args": [] });
        self.browser.ask("/execute/sync", &script);
        for look in LOOKS {
            self.browser.look(look);
            let at = format!("{page} as {}, {look}", self.who);
            found.extend(self.violations().iter().map(|it| format!("{at}: {it}")));
            let script = "return document.documentElement.scrollWidth - window.innerWidth";
            let script = json!({ "script": script, "args": [] });
            let over = self.browser.ask("/execute/sync", &script);
            if over.as_i64().is_none_or(|over| over > 0) {
                found.push(format!("{at}: wider than the window, by {over}"));
            }
        }
        self.browser.look(Look::light(1200));
    }

    fn violations(&self) -> Vec<String> {
        let script = "const done = arguments[arguments.length - 1];
            axe.run(document, {runOnly: arguments[0], resultTypes: ['violations']})
                .then(all => done(all.violations.map(it =>
                    [it.id, it.nodes.map(node => node.target.join(' ')).join(', '), it.help].join(': '))))
                .catch(error => done([String(error)]));";
        let asked = json!({ "script": script, "args": [RULES] });
        let found = self.browser.ask("/execute/async", &asked);
        let found = found.as_array().unwrap_or_else(|| panic!("{found}"));
        found
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    }
}

/// A cluster with everything on it that its page can show, and one that is archived.
fn home() -> Home {
    let mut kg = Home::with(Sandbox::builder().token_cache(false));
    let _old = kg.add_cluster("old");
    kg.add_user("carol", "developer");
    for line in [
        "cluster set prod --description \"the web shop\"",
        "cluster set old --self-service on",
        "cluster transfer prod --to alice --yes",
        "project create shop --description \"the web shop\"",
        "cluster set prod --project shop",
        "project add-member alice --project shop --role owner",
        "project add-member carol --project shop --role viewer",
        "kubeconfig download prod --user carol --shared -f shared.age",
        "access grant bob -c prod --level read",
        "access grant bob -c old --level read",
        "kubeconfig download prod --user bob -f bob.age",
        "rbac bind bob -c prod --cluster-role view -n default",
        "ssh-key generate prod",
        "cluster archive old --yes",
    ] {
        kg.run(line).success();
    }
    kg
}

#[test]
fn every_page_can_be_used_by_everybody() {
    let Some(axe) = axe().filter(|_| has_browser()) else {
        return;
    };
    let mut kg = home();
    let server = Server::open(&mut kg);
    let mut found = Vec::new();
    let people = ["bob", "alice", "olivia"].map(|who| (who, Browser::enter(&mut kg, &server, who)));
    for (who, browser) in &people {
        let tried = Tried {
            axe: &axe,
            browser,
            server: &server,
            who,
        };
        let every = [
            "/",
            "/projects",
            "/clusters/prod",
            "/clusters/old",
            "/clusters/none",
        ];
        tried.go(&every, &mut found);
        if *who != "bob" {
            tried.go(&["/clusters/prod/roles", "/projects/shop"], &mut found);
        }
        if *who == "olivia" {
            tried.go(&["/audit", "/clusters/prod?revoked=1"], &mut found);
            browser.go(&format!("{}/clusters/prod", server.url));
            browser.click("//td[text()='bob']/..//button[text()='Revoke']");
            browser.wait_for("//h1[text()='Are you sure?']");
            tried.look("the question", &mut found);
            browser.click("//button[text()='Yes']");
            browser.wait_for("//*[@role='status']");
            tried.look("what was done", &mut found);
        }
    }
    let (_, bob) = &people[0];
    let revoked = Tried {
        axe: &axe,
        browser: bob,
        server: &server,
        who: "bob, revoked",
    };
    revoked.go(&["/", "/clusters/prod", "/enter"], &mut found);
    bob.go(&server.url);
    bob.click("//button[text()='Log out']");
    bob.wait_for("//h1[text()='kubegrant']");
    let nobody = Tried {
        who: "nobody",
        ..revoked
    };
    nobody.look("/enter", &mut found);
    nobody.go(&["/clusters/prod", "/nowhere", "/l/0a1b2c3d"], &mut found);
    assert!(found.is_empty(), "{}", found.join("\n"));
    // It would have been found.
    let script = "document.querySelector('label').replaceWith(document.querySelector('input'))";
    bob.ask("/execute/sync", &json!({ "script": script, "args": [] }));
    assert!(nobody.violations()[0].starts_with("label: #code: "));
}
