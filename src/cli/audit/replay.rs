//! `kubegrant audit replay`.

use super::list::{When, when};
use crate::cli::context::Context;
use crate::cli::views::audit::ReplayView;
use crate::domain::audit::EventSeq;
use crate::error::Failure;
use crate::ops;
use crate::ops::audit::Until;

/// Tell from the audit log alone how everything stood at some moment
///
/// Users, clusters, owners, grants, bindings, projects with their members, credentials with who holds them, and
/// whatever else decides who may do what: as rows, each with the columns that it has in the store, but for secrets. Rows
/// that are over have `removed_at`, or their state. Nothing but the log is read, and only one that is whole and signed:
/// at its end it tells the rows of the store, which `audit verify` compares.
///
/// A log that an older kubegrant began can be replayed from the event on by which the store was brought up to date.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant audit replay -o json\n  \
    kubegrant audit replay --at 1201 -o json | jq '.tables.grants[] | select(.removed_at == null)'\n  \
    kubegrant audit replay --at 2026-11-01 -o json | jq -r '.tables.users[].name'\n  \
    kubegrant audit replay --at 30d")]
pub(crate) struct AuditReplayArgs {
    /// After this event, by its number; or at this time, or this long ago (such as 7d); else now
    #[arg(long, value_name = "SEQ|TIME", value_parser = moment)]
    at: Option<Moment>,
}

#[derive(Debug, Clone, Copy)]
enum Moment {
    Seq(i64),
    Time(When),
}

fn moment(text: &str) -> Result<Moment, String> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let seq = text.parse();
        return seq
            .map(Moment::Seq)
            .map_err(|_| "no event has such a number".to_owned());
    }
    when(text).map(Moment::Time)
}

pub(crate) fn run(args: &AuditReplayArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let until = match args.at {
        None => Until::End,
        Some(Moment::Seq(seq)) => Until::Seq(EventSeq(seq)),
        Some(Moment::Time(time)) => Until::Time(time.at(context.session.now())),
    };
    let replayed = ops::audit::replay(context.session, until)?;
    context.output.show(&ReplayView::from(&replayed))?;
    Ok(())
}
