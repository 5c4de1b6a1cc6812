//! `kubegrant doctor`.

use super::context::Context;
use super::views::doctor::DoctorView;
use crate::client::Hosts;
use crate::error::{Failure, Kind};
use crate::ops::doctor::{self, Finding, Found};

/// Look whether all that is needed is there, and say what to do next
///
/// Looks at your identity, the store, their modes, who you are, the clocks, `ssh`, `kubectl`, and asks
/// each cluster that you manage whether it answers and is the one that was registered. Changes
/// nothing. Exits with the code of the first thing that is not well.
#[derive(clap::Args, Debug)]
pub(crate) struct DoctorArgs {}

pub(crate) async fn run(_args: &DoctorArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let findings = doctor::examine(context.session).await;
    let servers = servers(context)?;
    let mut first = None;
    let mut views = Vec::new();
    for finding in findings {
        let (view, kind) = judged(finding, &servers);
        first = first.or(kind);
        views.push(view);
    }
    context.output.list(views)?;
    first.map_or(Ok(()), |kind| Err(Failure::reported(kind)))
}

/// The servers that somebody logged in to from here.
fn servers(context: &Context<'_>) -> Result<Vec<String>, Failure> {
    let Some(folder) = context.session.workspace.env.config_dir() else {
        return Ok(vec![]);
    };
    let Hosts(hosts) = Hosts::read(&folder)?;
    Ok(hosts.into_keys().collect())
}

/// A line, and which failure it is, if it is one.
fn judged(finding: Finding, servers: &[String]) -> (DoctorView, Option<Kind>) {
    let what = finding.what;
    match finding.found {
        Found::Well(words) => (DoctorView::new(what, "ok", words, None), None),
        Found::Absent { what: words, next } => {
            (DoctorView::new(what, "absent", words, Some(next)), None)
        }
        Found::Unasked(words) => (DoctorView::new(what, "not asked", words, None), None),
        Found::Clocks(words) => {
            let next = "set the clock right: nothing is ended by time there until then";
            let view = DoctorView::new(what, "differs", words, Some(next.to_owned()));
            (view, Some(Kind::State))
        }
        Found::Failed(error) => {
            let failure = Failure::from(error);
            let is_served = failure.kind == Kind::NotFound && !servers.is_empty();
            if is_served && what == "store" {
                let words = format!(
                    "none here: commands are carried out by {}",
                    servers.join(", ")
                );
                return (DoctorView::new(what, "not asked", words, None), None);
            }
            let (message, causes) = failure.lines();
            let words = std::iter::once(message).chain(causes);
            let words = words.collect::<Vec<_>>().join(": ");
            let next = failure.hints.first().cloned();
            let kind = failure.kind;
            (DoctorView::new(what, "not well", words, next), Some(kind))
        }
    }
}
