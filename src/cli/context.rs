//! What a verb works with: the session, the output, and somebody to ask.

use std::collections::BTreeMap;

use super::prompt::Prompt;
use super::views::plan::PlanView;
use crate::domain::Confirmed;
use crate::domain::name::{ClusterName, UserRef};
use crate::error::{Failure, Kind};
use crate::ops::{self, Applied, Done};
use crate::output::Output;
use crate::session::Session;

/// What a verb works with.
pub(crate) struct Context<'a> {
    /// The hold on the world.
    pub(crate) session: &'a Session,
    /// Where its output goes.
    pub(crate) output: &'a mut Output,
    /// Somebody to ask.
    pub(crate) prompt: Prompt,
    /// `--yes`.
    pub(crate) yes: bool,
}

impl<'a> Context<'a> {
    /// Sets the context.
    pub(crate) fn new(session: &'a Session, output: &'a mut Output, yes: bool) -> Self {
        let prompt = Prompt::new(&session.workspace.env);
        Self {
            session,
            output,
            prompt,
            yes,
        }
    }

    /// Whether what is more than it says is asked for all the same: `--yes` says so.
    pub(crate) fn insists(&self) -> Option<Confirmed> {
        Confirmed::from_consent(self.yes)
    }

    /// Begins to look whether what is shown is what this program left in the store.
    pub(crate) fn doubt(&self, shown: ops::audit::Shown) -> ops::audit::Doubt {
        ops::audit::begin_doubt(self.session, shown)
    }

    /// Says where it is not.
    pub(crate) fn say_doubt(&mut self, doubt: ops::audit::Doubt) -> Result<(), Failure> {
        if let Some(doubt) = ops::audit::doubt(self.session, doubt)? {
            self.output.warn(&doubt);
            self.output.hint("run `kubegrant audit verify`");
        }
        Ok(())
    }

    /// Says where an admin revoked somebody's kubeconfig (one's own, if nobody is named), with who
    /// can help.
    pub(crate) fn say_revoked(
        &mut self,
        user: Option<&UserRef>,
        cluster: Option<&ClusterName>,
    ) -> Result<(), Failure> {
        for revoked in ops::status::revoked(self.session, user, cluster)? {
            self.output.warn(&revoked.description);
            self.output.hint(&revoked.help);
        }
        Ok(())
    }

    /// Shows a plan and ends there, or gives what was done.
    pub(crate) fn planned<T>(&mut self, done: Done<T>) -> Result<Option<T>, Failure> {
        match done {
            Done::Did(value) => Ok(Some(value)),
            Done::Planned(planned) => {
                self.output.show(&PlanView::from(planned))?;
                self.output.status("Nothing was changed (dry run).");
                Ok(None)
            }
        }
    }

    /// Says what somebody could open and now cannot: it must be taken for known.
    pub(crate) fn say_rotate(&mut self, could_open: &[String]) {
        for secret in could_open {
            self.output.warn(&format!(
                "they could open {secret}: rotate it at its source"
            ));
        }
    }

    /// Says what a change did on clusters: what is true, and what is pending (exit 6).
    pub(crate) fn say_applied(&mut self, applied: &Applied) -> Result<(), Failure> {
        if applied.ended.len() > SAID_MAX {
            for (cluster, count) in counted(&applied.ended) {
                self.output.status(&format!(
                    "{count} versions no longer work on cluster '{cluster}' (read back)."
                ));
            }
        } else {
            for ended in &applied.ended {
                self.output.status(&format!(
                    "Version {} of '{}' no longer works on cluster '{}' (read back).",
                    ended.version, ended.user, ended.cluster
                ));
            }
        }
        for note in &applied.notes {
            self.output.warn(note);
        }
        for item in applied.pending.iter().take(SAID_MAX) {
            let until = item.until.map_or(String::new(), |until| {
                let until = crate::domain::text::rfc3339(until);
                format!("; its tokens may work until {until}")
            });
            self.output
                .warn(&format!("cluster '{}': {}{until}", item.cluster, item.what));
        }
        if let Some(more) = applied
            .pending
            .len()
            .checked_sub(SAID_MAX)
            .filter(|it| *it > 0)
        {
            let more = format!("and {more} more, which `kubegrant status` lists");
            self.output.warn(&more);
        }
        let Some(first) = applied.pending.first() else {
            return Ok(());
        };
        if let Some(why) = &first.why {
            self.output.warn(why);
        }
        let mut failure = Failure::description(
            Kind::Pending,
            "recorded, but not yet true on the cluster",
            "run `kubegrant reconcile` when the cluster answers; `kubegrant status` shows what is pending",
        );
        let asks = ops::status::asks(self.session, &applied.pending)?;
        if !asks.is_empty() {
            let mine = |item: &ops::Pending| asks.iter().all(|ask| ask.cluster != item.cluster);
            if !applied.pending.iter().any(mine) {
                failure.hints.clear();
            }
            failure
                .hints
                .extend(asks.iter().map(ops::status::Ask::description));
        }
        Err(failure)
    }
}

/// How many of one kind are said one by one.
const SAID_MAX: usize = 20;

/// How many ended on each cluster.
fn counted(ended: &[ops::Ended]) -> BTreeMap<&ClusterName, usize> {
    let mut counts = BTreeMap::new();
    for ended in ended {
        *counts.entry(&ended.cluster).or_default() += 1;
    }
    counts
}
