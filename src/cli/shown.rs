//! What each command shows, as JSON Schema: for the server's document, and for the book.

use serde_json::Value;

use super::openapi::closed;
use super::schema::{Schema, Views};
use super::views::audit::{AcceptedView, EntryView, ReplayView, VerdictView};
use super::views::backup::{CopiedView, RestoredView};
use super::views::doctor::DoctorView;
use super::views::explain::ExplainView;
use super::views::init::InitView;
use super::views::lifecycle::{LifecycleView, RemovedView};
use super::views::offboard::ReceiptView;
use super::views::open::OpenView;
use super::views::organization::OrganizationView;
use super::views::plan::PlanView;
use super::views::provider::TokenView;
use super::views::rotation::{CredentialsView, RotatedView};
use super::views::session::SessionView;
use super::views::ssh_key::{HandedOutView, KeyView, RollOutView};
use super::views::status::StatusView;
use super::views::user::UserView;
use super::views::whoami::WhoView;
use super::views::{
    access, cluster, kubeconfig, login, project, rbac, reconcile, share, store, team, whose,
};

/// The schema of what a command shows; nothing where it shows no data, or none of ours.
pub(super) fn schema(verb: &[&str], views: &mut Views) -> Option<Value> {
    let found = match verb {
        [one] => of_one(one),
        ["cluster", ..] => of_cluster(verb),
        [
            "access" | "rbac" | "user" | "team" | "project" | "organization",
            ..,
        ] => of_people(verb),
        _ => of_rest(verb),
    };
    if verb == ["shell"] {
        return Some(closed(&[("id", "string")]));
    }
    found.map(|schema| schema(views))
}

/// The schema of what commands show with `--dry-run`.
pub(super) fn plan(views: &mut Views) -> Value {
    PlanView::schema(views)
}

/// Makes a schema.
type Make = fn(&mut Views) -> Value;

fn of_one(verb: &str) -> Option<Make> {
    Some(match verb {
        "init" => InitView::schema,
        "doctor" => Vec::<DoctorView>::schema,
        "whoami" => WhoView::schema,
        "status" => StatusView::schema,
        "reconcile" => Vec::<reconcile::ClusterView>::schema,
        "open" => OpenView::schema,
        "login" => login::LoginView::schema,
        "backup" => CopiedView::schema,
        "restore" => RestoredView::schema,
        _ => return None,
    })
}

fn of_cluster(verb: &[&str]) -> Option<Make> {
    Some(match verb[1..] {
        ["list"] => Vec::<cluster::LineView>::schema,
        ["show"] => cluster::ClusterView::schema,
        ["check"] => cluster::CheckView::schema,
        ["add" | "relink"] => cluster::RegisteredView::schema,
        ["set"] => cluster::SettingsView::schema,
        ["protect" | "unprotect" | "archive" | "unarchive" | "transfer" | "rotate-manager"] => {
            LifecycleView::schema
        }
        ["delete"] => RemovedView::schema,
        ["rotate-credentials"] => CredentialsView::schema,
        ["rotate-accounts"] => RotatedView::schema,
        ["provider-token", "set" | "show"] => TokenView::schema,
        _ => return None,
    })
}

fn of_people(verb: &[&str]) -> Option<Make> {
    Some(match verb {
        ["access", "list"] => Vec::<access::AccessView>::schema,
        ["access", "explain"] => ExplainView::schema,
        ["access", "grant" | "revoke"] => access::OutcomeView::schema,
        ["rbac", "list"] => Vec::<rbac::BindingView>::schema,
        ["rbac", "roles"] => Vec::<rbac::RoleView>::schema,
        ["rbac", "bind" | "unbind"] => rbac::OutcomeView::schema,
        ["user", "list"] => Vec::<UserView>::schema,
        ["user", "offboard"] => ReceiptView::schema,
        ["user", _] => UserView::schema,
        ["team", "list"] => Vec::<team::LineView>::schema,
        ["team", _] => Vec::<team::ReportView>::schema,
        ["project", "list"] => Vec::<project::ProjectLineView>::schema,
        ["project", "create"] => project::ProjectLineView::schema,
        ["project", "show"] => project::ProjectView::schema,
        ["project", "rename" | "describe" | "delete"] => project::ProjectNameView::schema,
        ["project", "rotate" | "revoke"] => Vec::<project::OverView>::schema,
        ["project", "add-member" | "remove-member" | "set-role"] => {
            project::MemberChangeView::schema
        }
        ["organization", _] => OrganizationView::schema,
        _ => return None,
    })
}

fn of_rest(verb: &[&str]) -> Option<Make> {
    Some(match verb {
        ["kubeconfig", "show"] => Vec::<kubeconfig::VersionView>::schema,
        ["kubeconfig", "download"] => kubeconfig::DownloadView::schema,
        ["kubeconfig", "rotate"] => kubeconfig::RotateView::schema,
        ["kubeconfig", "remove"] => kubeconfig::RemoveView::schema,
        ["kubeconfig", "whose"] => Vec::<whose::LoginView>::schema,
        ["store", "show"] => store::StoreView::schema,
        ["store", "copy"] => store::MovedView::schema,
        ["store", "upgrade"] => store::UpgradedView::schema,
        ["ssh-key", "show" | "generate" | "import" | "reset"] => KeyView::schema,
        ["ssh-key", "download"] => HandedOutView::schema,
        ["ssh-key", "install" | "rotate"] => RollOutView::schema,
        ["audit", "list"] => Vec::<EntryView>::schema,
        ["audit", "verify"] => VerdictView::schema,
        ["audit", "accept"] => AcceptedView::schema,
        ["audit", "replay"] => ReplayView::schema,
        ["share", "list" | "revoke"] => Vec::<share::ShareView>::schema,
        ["share", "create"] => share::MadeView::schema,
        ["session", "list" | "end"] => Vec::<SessionView>::schema,
        _ => return None,
    })
}
