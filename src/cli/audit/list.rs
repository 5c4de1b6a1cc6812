//! `kubegrant audit list`.

use chrono::{DateTime, TimeDelta, Utc};

use crate::cli::context::Context;
use crate::cli::views::audit::EntryView;
use crate::cli::{completion, duration};
use crate::domain::audit::EventSeq;
use crate::domain::name::{ClusterName, UserRef};
use crate::error::Failure;
use crate::ops;

/// Which events
#[derive(clap::Args, Debug)]
pub(super) struct FilterArgs {
    /// About this user, or by this user
    #[arg(short, long, add = completion::users())]
    user: Option<UserRef>,
    /// About this cluster
    #[arg(short, long, add = completion::clusters())]
    cluster: Option<ClusterName>,
    /// Only these actions: a noun such as `access`, or noun and verb such as `access grant`
    #[arg(long, value_name = "ACTION", add = completion::actions())]
    action: Option<String>,
    /// Not before this time, or this long ago (such as 7d)
    #[arg(long, value_name = "TIME", value_parser = when)]
    since: Option<When>,
    /// Before this time, or this long ago
    #[arg(long, value_name = "TIME", value_parser = when)]
    until: Option<When>,
    /// From this event on, by its number
    #[arg(long, value_name = "SEQ")]
    since_seq: Option<i64>,
    /// At most so many, the newest
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
}

impl FilterArgs {
    /// The filter, with times as they are now.
    pub(super) fn filter(self, now: DateTime<Utc>) -> ops::audit::Filter {
        let at = |when: When| when.at(now);
        ops::audit::Filter {
            user: self.user.map(|user| user.to_string()),
            cluster: self.cluster.map(|cluster| cluster.to_string()),
            action: self.action,
            since: self.since.map(at),
            until: self.until.map(at),
            limit: self.limit,
            since_seq: self.since_seq.map(EventSeq),
        }
    }
}

/// List what was done, refused and pending, oldest first
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant audit list --user bob --since 7d\n  \
    kubegrant audit list --cluster prod --action \"access grant\" -o json")]
pub(crate) struct AuditListArgs {
    #[command(flatten)]
    filter: FilterArgs,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    Ago(TimeDelta),
    At(DateTime<Utc>),
}

impl When {
    /// The moment, as seen from now.
    pub(super) fn at(self, now: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Ago(ago) => now.checked_sub_signed(ago).unwrap_or(DateTime::UNIX_EPOCH),
            Self::At(at) => at,
        }
    }
}

pub(super) fn when(text: &str) -> Result<When, String> {
    match duration::parse(text) {
        Ok(ago) => Ok(When::Ago(ago)),
        Err(_) => duration::parse_until(text)
            .map(When::At)
            .map_err(|error| error.to_string()),
    }
}

pub(crate) fn run(args: AuditListArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let filter = args.filter.filter(context.session.now());
    let shows_changes = context.output.is_for_machines();
    let mut rows = context.output.rows::<EntryView>();
    ops::audit::list(context.session, &filter, |mut entry| {
        if !shows_changes {
            entry.change = None;
        }
        let bytes = entry.change.as_ref().map_or(0, String::len);
        let row = EntryView::from(entry);
        rows.push_large(row, bytes).map_err(Failure::from)
    })?;
    rows.finish("No events match.")?;
    Ok(())
}
