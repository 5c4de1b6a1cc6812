//! `kubegrant status`.

use chrono::TimeDelta;

use super::context::Context;
use super::views::status::StatusView;
use super::whoami::say_key_set;
use crate::error::{Failure, Kind};
use crate::ops;

/// For so many days it is said that somebody else set one's key.
const NEWS_DAYS: i64 = 30;

/// Show what is pending, who is blocked, and what ends soon
///
/// Asks no cluster: it says what the store knows. While anything is pending (decided here, and not
/// yet true on a cluster) it exits with 6; `kubegrant reconcile` makes it true.
#[derive(clap::Args, Debug)]
pub(crate) struct StatusArgs {}

pub(crate) fn run(_args: &StatusArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let doubt = context.doubt(ops::audit::Shown::default());
    let mut status = ops::status::status(context.session)?;
    let pending = !status.pending.is_empty();
    let asks = std::mem::take(&mut status.asks);
    let mine = |item: &ops::Pending| asks.iter().all(|ask| ask.cluster != item.cluster);
    let on_clusters = status.pending.iter().filter(|item| mine(item)).count() > status.on_nodes;
    context.output.show(&StatusView::new(status, &asks))?;
    context.say_doubt(doubt)?;
    context.say_revoked(None, None)?;
    for ask in &asks {
        context.output.hint(&ask.description());
    }
    let key_set = ops::whoami::key_set(context.session)?;
    let is_news = |at| context.session.now() - at < TimeDelta::days(NEWS_DAYS);
    if let Some(key_set) = key_set.filter(|it| is_news(it.at)) {
        say_key_set(&key_set, context);
    }
    super::share::say_news(context)?;
    if pending {
        if on_clusters {
            context.output.hint("run `kubegrant reconcile`");
        }
        return Err(Failure::reported(Kind::Pending));
    }
    Ok(())
}
