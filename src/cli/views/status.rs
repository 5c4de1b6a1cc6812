//! How things stand. Frozen: fields are added, never renamed or retyped.

use crate::ops::Pending;
use crate::ops::project::kept::Kept;
use crate::ops::status::{Ask, Ending, Lost, Status};
use crate::output::{Cell, Table, Time, View};

frozen! {
    struct PendingView from item: Pending {
        cluster: String = item.cluster.to_string(),
        what: String = item.what,
        tokens_may_work_until: Option<Time> = item.until.map(Time),
    }
}

frozen! {
    struct AskView from ask: &Ask {
        cluster: String = ask.cluster.to_string(),
        users: Vec<String> = ask.who.clone(),
        command: String = format!("kubegrant reconcile {}", ask.cluster),
    }
}

frozen! {
    struct KeptView from kept: Kept {
        let words = kept.description();
        user: String = kept.user,
        cluster: String = kept.cluster.to_string(),
        project: String = kept.project,
        version: u32 = kept.version,
        level: &'static str = kept.power.as_str(),
        #[serde(skip)]
        words: String = words,
        ends_at: Option<Time> = kept.ends_at.map(Time),
    }
}

shape! {
    struct BlockedView {
        user: String,
        cluster: String,
    }
}

frozen! {
    struct EndingView from ending: Ending {
        cluster: String = ending.cluster,
        what: String = ending.what,
        ends_at: Time = Time(ending.at),
    }
}

frozen! {
    struct EndedView from lost: Lost {
        cluster: String = lost.cluster,
        what: String = lost.what,
    }
}

shape! {
    /// How things stand.
    pub(crate) struct StatusView {
        pending: Vec<PendingView>,
        ask: Vec<AskView>,
        kept: Vec<KeptView>,
        blocked: Vec<BlockedView>,
        ending: Vec<EndingView>,
        ended: Vec<EndedView>,
    }
}

impl StatusView {
    /// Shapes it, with those who must act where the actor cannot.
    pub(crate) fn new(status: Status, asks: &[Ask]) -> Self {
        let blocked = status.blocked.into_iter();
        let blocked = blocked.map(|(user, cluster)| BlockedView { user, cluster });
        Self {
            pending: status.pending.into_iter().map(PendingView::from).collect(),
            ask: asks.iter().map(AskView::from).collect(),
            kept: status.kept.into_iter().map(KeptView::from).collect(),
            blocked: blocked.collect(),
            ending: status.ending.into_iter().map(EndingView::from).collect(),
            ended: status.ended.into_iter().map(EndedView::from).collect(),
        }
    }
}

/// Anything that is not as it should be, or will not stay so.
struct StatusLine<'a> {
    kind: &'static str,
    cluster: &'a str,
    what: Cell<'a>,
    until: Option<Time>,
}

impl StatusView {
    fn lines(&self) -> Vec<StatusLine<'_>> {
        let mut lines = Vec::new();
        let mut line = |kind, cluster, what, until| {
            lines.push(StatusLine {
                kind,
                cluster,
                what,
                until,
            });
        };
        for it in &self.pending {
            line(
                "pending",
                &it.cluster,
                (&it.what).into(),
                it.tokens_may_work_until,
            );
        }
        for it in &self.kept {
            let what = format!("'{}' has {}", it.user, it.words);
            line("kept", &it.cluster, what.into(), it.ends_at);
        }
        for it in &self.ended {
            line("ended", &it.cluster, (&it.what).into(), None);
        }
        for it in &self.blocked {
            let what = format!("the kubeconfig of '{}' is revoked", it.user);
            line("blocked", &it.cluster, what.into(), None);
        }
        for it in &self.ending {
            line("ending", &it.cluster, (&it.what).into(), Some(it.ends_at));
        }
        lines
    }
}

impl View for StatusView {
    fn table(&self) -> Table<'_> {
        let pending = self.pending.iter();
        Table::of(&self.lines())
            .col("KIND", |it| it.kind)
            .col("CLUSTER", |it| it.cluster)
            .col("WHAT", |it| it.what.clone())
            .col("UNTIL", |it| it.until)
            .names(
                pending
                    .map(|it| format!("cluster/{}", it.cluster))
                    .collect(),
            )
            .empty("Nothing is pending, nobody is blocked, nothing ends soon.")
    }
}
