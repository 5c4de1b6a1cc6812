//! Role bindings, projects, and the audit log.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::Response;
use maud::{Markup, html};
use serde_json::Value;

use super::frame::{FormAction, form, or_none, text, time, whole, wide_table};
use super::{Named, ServerState, Visitor, page};

fn rows(of: &Value) -> impl Iterator<Item = &Value> {
    of.as_array().into_iter().flatten()
}

/// The roles that are bound on a cluster.
pub(super) async fn roles(
    State(server): State<Arc<ServerState>>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Named,
) -> Response<Body> {
    let notice = visitor.notice(&server);
    let bound = visitor
        .look(&server, &["rbac", "list"], &[("cluster", &name)])
        .await;
    let bound = match bound {
        Ok(bound) => bound,
        Err(refused) => return refused,
    };
    let back = format!("/clusters/{name}/roles");
    let unbind = FormAction {
        verb: "rbac unbind",
        back: &back,
    };
    let inside = html! {
        p { a href={ "/clusters/" (name) } { "Access & Security of " (name) } }
        div .card {
            (wide_table("Role bindings", &html! {
                thead { tr {
                    th scope="col" { "User" } th scope="col" { "Role" } th scope="col" { "Where" }
                    th scope="col" { "Since" } th scope="col" { "By" } th scope="col" { "Do" }
                } }
                tbody {
                    @for row in rows(&bound) {
                        @let flag = if text(row, "kind") == "ClusterRole" { "cluster_role" } else { "role" };
                        @let fixed = [
                            ("cluster", name.as_str()), ("user", text(row, "user")), (flag, text(row, "role")),
                            ("namespace", text(row, "namespace")),
                        ];
                        tr {
                            td { (text(row, "user")) }
                            td { (text(row, "kind")) " " (text(row, "role")) }
                            td { @if text(row, "namespace").is_empty() { "everywhere" } @else { (text(row, "namespace")) } }
                            td { (time(row, "bound_at")) }
                            td { (text(row, "bound_by")) }
                            td { (form(&visitor, unbind, &fixed, &html! { button .danger type="submit" { "Unbind" } })) }
                        }
                    }
                }
            }))
        }
        p .hint {
            "A role reaches further than this server may: it is bound where the store is, with "
            code { "kubegrant rbac bind USER --cluster " (name) " --cluster-role ROLE -n NAMESPACE" }
        }
    };
    page(
        200,
        &whole(
            &visitor,
            &format!("Role bindings on {name}"),
            notice,
            &inside,
        ),
    )
}

/// My projects.
pub(super) async fn projects(
    State(server): State<Arc<ServerState>>,
    Extension(visitor): Extension<Visitor>,
) -> Response<Body> {
    let projects = match visitor.look(&server, &["project", "list"], &[]).await {
        Ok(projects) => projects,
        Err(refused) => return refused,
    };
    let inside = html! {
        @if rows(&projects).next().is_none() { p { "You are in no project." } }
        ul { @for project in rows(&projects) {
            @let name = text(project, "name");
            li { a href={ "/projects/" (name) } { (name) } " " span .soft { (text(project, "description")) } }
        } }
    };
    page(200, &whole(&visitor, "Projects", None, &inside))
}

/// A project: its members, its clusters, and who must download again.
pub(super) async fn project(
    State(server): State<Arc<ServerState>>,
    Extension(visitor): Extension<Visitor>,
    Path(name): Named,
) -> Response<Body> {
    let project = match visitor
        .look(&server, &["project", "show"], &[("name", &name)])
        .await
    {
        Ok(project) => project,
        Err(refused) => return refused,
    };
    let names = |field: &str| -> Markup {
        let listed: Vec<&str> = rows(&project[field])
            .filter_map(|it| it.as_str().or_else(|| it["name"].as_str()))
            .collect();
        html! { @if listed.is_empty() { (or_none("")) } @else { ul { @for one in &listed { li { a href={ "/clusters/" (one) } { (one) } } } } } }
    };
    let inside = html! {
        p { (text(&project, "description")) }
        div .cards {
            section .card {
                h2 { "Members" }
                table { tbody { @for member in rows(&project["members"]) {
                    tr { td { (text(member, "user")) } td { (text(member, "role")) } td { (time(member, "added_at")) } }
                } } }
            }
            section .card { h2 { "Clusters" } (names("clusters")) }
            section .card .wide {
                h2 { "Shared kubeconfigs" }
                (wide_table("Shared kubeconfigs", &html! {
                    thead { tr {
                        th scope="col" { "Cluster" } th scope="col" { "Level" } th scope="col" { "Version" }
                        th scope="col" { "State" } th scope="col" { "Expires" } th scope="col" { "Must download again" }
                    } }
                    tbody { @for shared in rows(&project["shared"]) {
                        @let again: Vec<&str> = rows(&shared["must_download_again"]).filter_map(Value::as_str).collect();
                        tr {
                            td { (text(shared, "cluster")) } td { (text(shared, "level")) } td { (shared["version"]) }
                            td { (text(shared, "state")) } td { (time(shared, "expires_at")) }
                            td { (or_none(&again.join(", "))) }
                        }
                    } }
                }))
            }
        }
    };
    page(
        200,
        &whole(&visitor, &format!("Project {name}"), None, &inside),
    )
}

/// What happened last.
pub(super) async fn audit(
    State(server): State<Arc<ServerState>>,
    Extension(visitor): Extension<Visitor>,
) -> Response<Body> {
    let events = match visitor
        .look(&server, &["audit", "list"], &[("limit", "200")])
        .await
    {
        Ok(events) => events,
        Err(refused) => return refused,
    };
    let inside = html! {
        div .card { (wide_table("Events", &html! {
            thead { tr {
                th scope="col" { "When" } th scope="col" { "Who" } th scope="col" { "What" } th scope="col" { "Phase" }
                th scope="col" { "Cluster" } th scope="col" { "User" } th scope="col" { "Detail" }
            } }
            tbody { @for event in rows(&events).collect::<Vec<_>>().into_iter().rev() {
                tr {
                    td { (time(event, "at")) }
                    td { (text(event, "actor")) @if let Some(user) = event["acting_as"].as_str() { " for " (user) } }
                    td { (text(event, "action")) } td { (text(event, "phase")) } td { (or_none(text(event, "cluster"))) }
                    td { (or_none(text(event, "user"))) } td { (text(event, "detail")) }
                }
            } }
        })) }
    };
    page(200, &whole(&visitor, "Audit log", None, &inside))
}
