//! What every page is made of.

use axum::body::Body;
use axum::http::Response;
use maud::{DOCTYPE, Markup, html};
use serde_json::{Map, Value};

use super::{Notice, Visitor, respond};

/// A page for nobody in particular.
pub(super) fn alone(title: &str, inside: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(title))
            body { main { (inside) } }
        }
    }
}

fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (title) " · kubegrant" }
            link rel="stylesheet" href="/style.css";
            link rel="icon" href="data:,";
        }
    }
}

/// A page for somebody who is logged in.
pub(super) fn whole(
    visitor: &Visitor,
    title: &str,
    notice: Option<Notice>,
    inside: &Markup,
) -> Markup {
    let user = &visitor.caller.user;
    html! {
        (DOCTYPE)
        html lang="en" {
            (head(title))
            body {
                a .skip href="#main" { "Skip to the content" }
                header {
                    nav aria-label="Pages" {
                        a .brand href="/" { "kubegrant" }
                        a href="/" { "Clusters" }
                        a href="/projects" { "Projects" }
                        @if user.role.is_admin() { a href="/audit" { "Audit" } }
                    }
                    form .who method="post" action="/leave" {
                        span { (user.name) " · " (user.role) }
                        input type="hidden" name="form" value=(visitor.form);
                        button .quiet type="submit" { "Log out" }
                    }
                }
                main #main {
                    @if let Some(notice) = notice {
                        div .notice role="status" { (messages(notice.exit, &notice.text)) }
                    }
                    h1 { (title) }
                    (inside)
                }
            }
        }
    }
}

/// The messages of a command, a paragraph each.
pub(super) fn messages(exit: u8, text: &str) -> Markup {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    html! {
        @for line in lines {
            @let (kind, text) = kind(line);
            p class=(kind) { (text) }
        }
        @if text.trim().is_empty() {
            p class="said" { @if exit == 0 { "Done." } @else { "It ended with " (exit) "." } }
        }
    }
}

/// Of which kind a line is.
fn kind(line: &str) -> (&'static str, &str) {
    for (label, kind) in [
        ("error:", "error"),
        ("warning:", "warning"),
        ("hint:", "hint"),
    ] {
        if let Some(rest) = line.strip_prefix(label) {
            return (kind, rest.trim());
        }
    }
    ("said", line.trim())
}

/// What cannot be, and what would help.
pub(super) fn sorry(what: &str, help: &str) -> Markup {
    html! {
        h1 { "kubegrant" }
        p .error { (what) }
        @if !help.is_empty() { p .hint { (help) } }
        p { a href="/" { "My clusters" } }
    }
}

/// What a form has done.
#[derive(Clone, Copy)]
pub(super) struct FormAction<'a> {
    /// The command, as its route names it.
    pub(super) verb: &'a str,
    /// The page that is shown afterwards.
    pub(super) back: &'a str,
}

/// A form that names a command and some of its arguments, around what else is asked.
pub(super) fn form(
    visitor: &Visitor,
    action: FormAction<'_>,
    fixed: &[(&str, &str)],
    inside: &Markup,
) -> Markup {
    html! {
        form method="post" action="/do" {
            input type="hidden" name="form" value=(visitor.form);
            input type="hidden" name="verb" value=(action.verb);
            input type="hidden" name="back" value=(action.back);
            @for (name, value) in fixed { input type="hidden" name=(name) value=(value); }
            (inside)
        }
    }
}

/// Asks what the command would ask.
pub(super) fn question(
    visitor: &Visitor,
    question: &str,
    action: FormAction<'_>,
    fields: &Map<String, Value>,
) -> Markup {
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
        .chain([("yes", "true")])
        .collect();
    let buttons = html! {
        p .actions {
            button .danger type="submit" { "Yes" }
            a .button href=(action.back) { "No" }
        }
    };
    html! {
        p { (question) }
        (form(visitor, action, &fields, &buttons))
    }
}

/// A table that is moved sideways where it is wider than the screen; by the keyboard too, so it can be reached
/// and has a name.
pub(super) fn wide_table(name: &str, inside: &Markup) -> Markup {
    html! {
        div .scroll tabindex="0" role="group" aria-label=(name) { table { (inside) } }
    }
}

/// A text of a document.
pub(super) fn text<'a>(of: &'a Value, name: &str) -> &'a str {
    of[name].as_str().unwrap_or_default()
}

/// A moment, for people; a dash where there is none.
pub(super) fn time(of: &Value, name: &str) -> Markup {
    let Some(at) = of[name].as_str() else {
        return html! { span .none { "–" } };
    };
    let day = at.get(..10).unwrap_or(at);
    let hour = at.get(11..16).unwrap_or_default();
    html! { time datetime=(at) { (day) " " (hour) " UTC" } }
}

/// What is not there is a dash.
pub(super) fn or_none(text: &str) -> Markup {
    html! { @if text.is_empty() { span .none { "–" } } @else { (text) } }
}

/// The style of all pages.
pub(super) async fn style() -> Response<Body> {
    let text = include_str!("style.css");
    respond::of_type(200, "text/css; charset=utf-8", text)
}

/// The one script.
pub(super) async fn script() -> Response<Body> {
    let text = include_str!("enter.js");
    respond::of_type(200, "text/javascript; charset=utf-8", text)
}
