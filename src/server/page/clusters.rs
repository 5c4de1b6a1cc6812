//! My clusters.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::Response;
use maud::{Markup, html};
use serde_json::Value;

use super::frame::{or_none, text, time, whole, wide_table};
use super::{ServerState, Visitor, page};

/// Shows them all.
pub(super) async fn show(
    State(server): State<Arc<ServerState>>,
    Extension(visitor): Extension<Visitor>,
) -> Response<Body> {
    let notice = visitor.notice(&server);
    let clusters = match visitor.look(&server, &["cluster", "list"], &[]).await {
        Ok(clusters) => clusters,
        Err(refused) => return refused,
    };
    let clusters = clusters.as_array().cloned().unwrap_or_default();
    let inside = html! {
        @if clusters.is_empty() {
            p { "You can see no cluster. An organization owner or admin, or a cluster's owner, gives access." }
        } @else {
            div .card { (wide_table("Clusters", &html! {
                thead { tr {
                    th scope="col" { "Cluster" } th scope="col" { "Your access" } th scope="col" { "State" }
                    th scope="col" { "Owner" } th scope="col" { "Project" } th scope="col" { "Since" }
                } }
                tbody { @for cluster in &clusters { (row(cluster)) } }
            })) }
        }
    };
    page(200, &whole(&visitor, "My clusters", notice, &inside))
}

fn row(cluster: &Value) -> Markup {
    let name = text(cluster, "name");
    html! {
        tr {
            td {
                a href={ "/clusters/" (name) } { (name) }
                @if !text(cluster, "description").is_empty() {
                    br; span .soft { (text(cluster, "description")) }
                }
            }
            td {
                (or_none(text(cluster, "access"))) " "
                @if cluster["access_revoked"] == true { span .badge .bad { "Access Revoked" } }
                @else { span .soft { (text(cluster, "through")) } }
            }
            td { (badge(cluster)) }
            td { (or_none(text(cluster, "owner"))) }
            td {
                @let project = text(cluster, "project");
                @if project.is_empty() { (or_none("")) } @else { a href={ "/projects/" (project) } { (project) } }
            }
            td { (time(cluster, "created_at")) }
        }
    }
}

/// The state of a cluster, where it is a special one.
pub(super) fn badge(cluster: &Value) -> Markup {
    html! {
        @if text(cluster, "state") == "archived" { span .badge .warn { "archived" } }
        @else { span .badge .good { "active" } }
        @if cluster["protected"] == true { " " span .badge { "protected" } }
    }
}
