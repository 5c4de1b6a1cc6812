//! `kubegrant audit list`.

use chrono::{DateTime, TimeDelta, Utc};

use crate::cli::desk::Desk;
use crate::cli::views::audit::AuditListView;
use crate::cli::{completion, duration};
use crate::domain::name::{ClusterName, UserRef};
use crate::error::Failure;
use crate::ops;

/// List what was done, refused and owed, oldest first
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant audit list --user bob --since 7d\n  \
    kubegrant audit list --cluster prod --action \"access grant\" -o json")]
pub(crate) struct AuditListArgs {
    /// About this user, or by this user
    #[arg(short, long, add = completion::users())]
    user: Option<UserRef>,
    /// About this cluster
    #[arg(short, long, add = completion::clusters())]
    cluster: Option<ClusterName>,
    /// Only these actions: a noun such as `access`, or noun and verb such as `access grant`
    #[arg(long, value_name = "ACTION")]
    action: Option<String>,
    /// Not before this time, or this long ago (such as 7d)
    #[arg(long, value_name = "TIME", value_parser = when)]
    since: Option<When>,
    /// Before this time, or this long ago
    #[arg(long, value_name = "TIME", value_parser = when)]
    until: Option<When>,
    /// At most so many, the newest
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
enum When {
    Ago(TimeDelta),
    At(DateTime<Utc>),
}

fn when(text: &str) -> Result<When, String> {
    match duration::parse(text) {
        Ok(ago) => Ok(When::Ago(ago)),
        Err(_) => duration::parse_until(text)
            .map(When::At)
            .map_err(|error| error.to_string()),
    }
}

pub(crate) fn run(args: AuditListArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let now = desk.session.now();
    let at = |when: When| match when {
        When::Ago(ago) => now.checked_sub_signed(ago).unwrap_or(DateTime::UNIX_EPOCH),
        When::At(at) => at,
    };
    let filter = ops::audit::Filter {
        user: args.user.map(|user| user.to_string()),
        cluster: args.cluster.map(|cluster| cluster.to_string()),
        action: args.action,
        since: args.since.map(at),
        until: args.until.map(at),
        limit: args.limit,
    };
    let entries = ops::audit::list(desk.session, &filter)?;
    desk.output.show(&AuditListView::new(entries))?;
    Ok(())
}
