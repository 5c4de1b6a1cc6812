//! Access & Security of a cluster: four cards, of which everybody sees what is theirs.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Path, Query, State};
use axum::http::Response;
use maud::{Markup, html};
use serde_json::Value;

use super::clusters::badge;
use super::frame::{FormAction, form, or_none, text, time, whole, wide_table};
use super::{Named, SAME_END, ServerState, Visitor, page};

/// What somebody may do on a cluster, as far as the page asks.
struct Rights {
    /// Whether it is an organization owner or admin.
    admin: bool,
    /// Whether they manage the cluster.
    manages: bool,
    /// Whether they may have the SSH key.
    writes: bool,
}

impl Rights {
    /// The cluster says through what somebody has what they have: asking for more would be recorded.
    fn of(visitor: &Visitor, cluster: &Value) -> Self {
        let admin = visitor.caller.user.role.is_admin();
        let manages = admin || text(cluster, "through") == "cluster owner";
        let writes = manages || ["write", "full"].contains(&text(cluster, "access"));
        Self {
            admin,
            manages,
            writes,
        }
    }
}

/// Shows a cluster.
pub(super) async fn show(
    State(server): State<Arc<ServerState>>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Named,
    Query(query): Query<Vec<(String, String)>>,
) -> Response<Body> {
    let notice = visitor.notice(&server);
    let cards = cards(&server, &visitor, &name, &query).await;
    match cards {
        Ok((cluster, cards)) => {
            let title = format!("Access & Security of {}", text(&cluster, "name"));
            page(200, &whole(&visitor, &title, notice, &cards))
        }
        Err(refused) => refused,
    }
}

async fn cards(
    server: &Arc<ServerState>,
    visitor: &Visitor,
    name: &str,
    query: &[(String, String)],
) -> Result<(Value, Markup), Response<Body>> {
    let here = [("cluster", name)];
    let listed = visitor.look(server, &["cluster", "list"], &[]).await?;
    let mut found = listed.as_array().into_iter().flatten();
    let found = found.find(|it| it["name"] == name).cloned();
    let cluster = match found {
        Some(cluster) => cluster,
        // It says so in its own words, and as of one that was never registered.
        None => {
            visitor
                .look(server, &["cluster", "show"], &[("name", name)])
                .await?
        }
    };
    let rights = Rights::of(visitor, &cluster);
    let versions = visitor.look(server, &["kubeconfig", "show"], &here).await?;
    let access = visitor.look(server, &["access", "list"], &here).await?;
    let shows_revoked = query.iter().any(|(name, _)| name == "revoked");
    let team = if rights.admin {
        let all = [("cluster", name), ("show_revoked", "true")];
        let asked = if shows_revoked { &all[..] } else { &here[..] };
        Some(visitor.look(server, &["team", "list"], asked).await?)
    } else {
        None
    };
    let ssh = if rights.writes {
        visitor.ask(server, &["ssh-key", "show"], &here).await
    } else {
        None
    };
    let settings = if ssh.as_ref().is_some_and(|answer| answer.exit == 0) {
        let named = [("name", name)];
        visitor.look(server, &["cluster", "show"], &named).await?
    } else {
        Value::Null
    };
    let hands_out = settings["self_service"] == "on,ssh-key";
    let back = format!("/clusters/{name}");
    let page = Page {
        visitor,
        cluster: &cluster,
        name,
        back: &back,
    };
    let cards = html! {
        p {
            (badge(&cluster)) " "
            @if !text(&cluster, "description").is_empty() { (text(&cluster, "description")) " · " }
            span .soft { "Kubernetes " (text(&cluster, "version")) }
            @if rights.manages { " · " a href={ (back) "/roles" } { "Role bindings" } }
        }
        @if page.is_archived() {
            p .warning { "This cluster is archived: it hands out nothing. What was handed out can be revoked." }
        }
        div .cards {
            (page.kubeconfig(&versions))
            @if rights.manages { (page.developers(&access)) }
            @if let Some(team) = &team { (page.team(team, shows_revoked)) }
            @if let Some(answer) = &ssh {
                (page.ssh(&serde_json::from_str(&answer.stdout).unwrap_or_default(), hands_out))
            }
        }
    };
    Ok((cluster, cards))
}

struct Page<'a> {
    visitor: &'a Visitor,
    cluster: &'a Value,
    name: &'a str,
    back: &'a str,
}

impl Page<'_> {
    fn is_archived(&self) -> bool {
        text(self.cluster, "state") == "archived"
    }

    /// Whether what they are handed is sealed to their key.
    fn is_sealed(&self) -> bool {
        let caller = &self.visitor.caller;
        caller.user.key.is_some() && !caller.way.opens_nothing()
    }

    fn form(&self, verb: &str, fixed: &[(&str, &str)], inside: &Markup) -> Markup {
        let fixed: Vec<_> = [("cluster", self.name)]
            .into_iter()
            .chain(fixed.iter().copied())
            .collect();
        let action = FormAction {
            verb,
            back: self.back,
        };
        form(self.visitor, action, &fixed, inside)
    }

    /// One's own kubeconfig.
    fn kubeconfig(&self, versions: &Value) -> Markup {
        let mut mine = versions.as_array().into_iter().flatten();
        let user = self.visitor.caller.user.name.to_string();
        let latest = mine.rfind(|it| it["user"] == user.as_str());
        let is_revoked = self.cluster["access_revoked"] == true;
        let is_archived = self.is_archived();
        let is_open = !is_revoked && !is_archived;
        let access = text(self.cluster, "access");
        html! {
            section .card .wide aria-labelledby="kubeconfig" {
                h2 #kubeconfig { "Kubeconfig" }
                @if is_revoked {
                    p .error role="alert" {
                        strong { "Access Revoked" } " An organization owner or admin revoked your kubeconfig. Ask them to restore it."
                    }
                }
                @if let Some(latest) = latest {
                    dl {
                        dt { "Version" } dd { (latest["version"]) " " (state(text(latest, "state"))) }
                        dt { "Level" } dd { (text(latest, "level")) }
                        dt { "Issued" } dd { (time(latest, "issued_at")) }
                        dt { "Expires" } dd { (time(latest, "expires_at")) }
                        @if let Some(because) = latest["ended_because"].as_str() { dt { "Ended" } dd { (because) } }
                    }
                } @else {
                    p .soft { "None was issued yet" @if !is_archived { ": the first download issues version 1" } "." }
                }
                @if is_open && access == "full" {
                    // The server's key cannot mint that.
                    p .hint {
                        "Full access is not handed out here: an organization owner or admin does it where the store is, with "
                        code { "kubegrant kubeconfig download " (self.name) " --user " (user) }
                    }
                } @else if is_open && !access.is_empty() {
                    div .actions {
                        (self.form("kubeconfig download", &[], &button("main", "Download")))
                        @if latest.is_some() {
                            (self.form("kubeconfig rotate", &[], &button("", "Rotate")))
                        }
                    }
                    p .hint {
                        @if self.is_sealed() {
                            "The file is sealed to your key: " code { "kubegrant open " (self.name) ".kubeconfig.age" }
                            " opens it."
                        } @else {
                            "The file is a secret, and works for whoever has it: keep it to yourself."
                        }
                        " Rotating ends the version before, and hands the next one over at once. At a shell "
                        code { "kubegrant kubeconfig download " (self.name) " --merge" } " does all of it."
                    }
                }
            }
        }
    }

    /// Who has access, and from whom it is hidden.
    fn developers(&self, access: &Value) -> Markup {
        let rows = access.as_array().into_iter().flatten();
        html! {
            section .card .wide aria-labelledby="developers" {
                h2 #developers { "Developer Permissions" }
                p { "Owner: " (or_none(text(self.cluster, "owner"))) }
                (wide_table("Who has access", &html! {
                    thead { tr {
                        th scope="col" { "User" } th scope="col" { "Level" } th scope="col" { "Through" }
                        th scope="col" { "Until" } th scope="col" { "Change" }
                    } }
                    tbody { @for row in rows { (self.developer(row)) } }
                }))
            }
        }
    }

    fn developer(&self, row: &Value) -> Markup {
        let user = text(row, "user");
        let level = text(row, "level");
        let through = text(row, "through");
        // What is no grant is not changed by one.
        let is_granted = ["grant", "hidden", "role binding"].contains(&through)
            || through.starts_with("project");
        let id = format!("level-{user}");
        let choices = html! {
            label for=(id) .skip { "Level of " (user) }
            select #(id) name="level" {
                @for choice in ["none", "read", "write"] {
                    @let is_now = choice == level || (choice == "none" && level.is_empty());
                    option value=(choice) selected[is_now] { (choice) }
                }
            }
            label for={ "for-" (user) } .skip { "For how long" }
            select #{ "for-" (user) } name="lasting" {
                @if !row["ends_at"].is_null() {
                    option value=(SAME_END) selected { "until the same time" }
                }
                option value="" { "without end" }
                option value="8h" { "8 hours" }
                option value="7d" { "7 days" }
                option value="30d" { "30 days" }
            }
            input type="hidden" name="ends_at" value=(text(row, "ends_at"));
            (button("", "Set"))
        };
        html! {
            tr {
                td { (user) @if row["revoked"] == true { " " span .badge .bad { "revoked" } } }
                td { (or_none(level)) }
                td { (through) }
                td { (time(row, "ends_at")) }
                td {
                    @if !self.is_archived() && is_granted {
                        (self.form("access set", &[("user", user)], &choices))
                    } @else if through == "grant" {
                        (self.form("access revoke", &[("user", user)], &button("danger", "Remove")))
                    }
                }
            }
        }
    }

    /// Everybody's versions.
    fn team(&self, team: &Value, shows_revoked: bool) -> Markup {
        let rows = team.as_array().into_iter().flatten();
        html! {
            section .card .wide aria-labelledby="team" {
                h2 #team { "Team Access" }
                p {
                    @if shows_revoked { a href=(self.back) { "Hide revoked" } }
                    @else { a href={ (self.back) "?revoked=1" } { "Show revoked" } }
                }
                (wide_table("Everybody's kubeconfigs", &html! {
                    thead { tr {
                        th scope="col" { "User" } th scope="col" { "Version" } th scope="col" { "State" }
                        th scope="col" { "Issued" } th scope="col" { "Expires" } th scope="col" { "Downloaded" }
                        th scope="col" { "Do" }
                    } }
                    tbody { @for row in rows { (self.member(row)) } }
                }))
            }
        }
    }

    fn member(&self, row: &Value) -> Markup {
        let user = text(row, "user");
        let is_one = !user.contains('/');
        html! {
            tr {
                td { (user) }
                td { @if row["version"].is_null() { (or_none("")) } @else { (row["version"]) } }
                td {
                    (state(text(row, "state")))
                    @if row["blocked"] == true { " " span .badge .bad { "Access Revoked" } }
                }
                td { (time(row, "issued_at")) }
                td { (time(row, "expires_at")) }
                td {
                    (time(row, "downloaded_at"))
                    @if let Some(by) = row["downloaded_by"].as_str() { " by " (by) }
                }
                td .deeds {
                    @if is_one && row["blocked"] == true {
                        (self.form("team restore", &[("user", user)], &button("", "Restore")))
                    } @else if is_one {
                        @if !self.is_archived() {
                            (self.form("team rotate", &[("user", user)], &button("", "Rotate"))) " "
                        }
                        (self.form("team revoke", &[("user", user)], &button("danger", "Revoke")))
                    }
                }
            }
        }
    }

    /// The SSH key of the nodes.
    fn ssh(&self, key: &Value, hands_out: bool) -> Markup {
        html! {
            section .card .wide aria-labelledby="ssh" {
                h2 #ssh { "SSH Access" }
                @if key.is_null() {
                    p .soft { "This cluster has no SSH key here." }
                } @else {
                    dl {
                        dt { "Key" } dd { code { (text(key, "fingerprint")) } " " (text(key, "type")) }
                        dt { "State" } dd { (text(key, "state")) }
                        @if !key["taken_at"].is_null() {
                            dt { "Taken" } dd { (time(key, "taken_at")) " by " (text(key, "taken_by")) }
                        }
                    }
                    @if text(key, "state") == "available" && !self.is_archived() && hands_out {
                        p { "It is handed out once: whoever takes it has it, and what is lost on the way is lost." }
                        (self.form("ssh-key download", &[], &button("main", "Take the key")))
                    } @else if key["taken_at"].is_null() && !self.is_archived() {
                        p .hint {
                            "It is handed out once. Whoever has the store takes it for you: "
                            code { "kubegrant ssh-key download " (self.name) " --user " (self.visitor.caller.user.name) }
                        }
                    }
                    @for node in key["nodes"].as_array().into_iter().flatten() {
                        p { code {
                            "ssh -i " (self.name) ".key "
                            @if let Some(port) = node["port"].as_u64() { "-p " (port) " " }
                            (text(node, "login")) "@" (text(node, "address"))
                        } }
                    }
                }
            }
        }
    }
}

fn button(class: &str, words: &str) -> Markup {
    html! { button class=(class) type="submit" { (words) } }
}

/// The state of a version.
fn state(word: &str) -> Markup {
    let class = match word {
        "active" => "badge good",
        "pending" | "revoking" => "badge warn",
        "revoked" => "badge bad",
        _ => "none",
    };
    html! { span class=(class) { (or_none(word)) } }
}
