//! Whose a login is. Frozen: fields are added, never renamed or retyped.

use crate::ops::whose::Finding;
use crate::output::{Table, Time, View};

shape! {
    struct DeliveredView {
        at: Time,
        to: String,
        by: String,
        form: String,
    }
}

frozen! {
    /// A login that was found. Never a token.
    pub(crate) struct LoginView from finding: &Finding {
        let known = finding.known.as_ref().ok();
        let delivered = known.and_then(|known| known.delivered.as_ref());
        let delivered = delivered.map(|it| DeliveredView {
            at: Time(it.at),
            to: it.to.clone(),
            by: it.by.clone(),
            form: it.form.clone(),
        });
        entry: Option<String> = finding.entry.clone(),
        line: Option<usize> = finding.lines.first().copied(),
        lines: Vec<usize> = finding.lines.clone(),
        encoded: bool = finding.encoded,
        ours: bool = known.is_some(),
        why_not: Option<String> = finding.known.as_ref().err().cloned(),
        owner: Option<String> = known.map(|known| known.owner.clone()),
        cluster: Option<String> = known.map(|known| known.cluster.clone()),
        version: Option<u32> = known.and_then(|known| known.version),
        state: Option<String> = known.map(|known| known.state.clone()),
        level: Option<&'static str> = known.map(|known| known.power.as_str()),
        ended_because: Option<String> = known.and_then(|known| known.ended_because.clone()),
        delivered: Option<DeliveredView> = delivered,
        expires_at: Option<Time> = known.and_then(|known| known.expires_at).map(Time),
        known_by: Option<&'static str> = known.map(|known| known.evidence.as_str()),
        ends_with: Option<String> = known.and_then(|known| known.ends_with.clone()),
    }
}

impl LoginView {
    /// The first lines that it stands in, and how many more there are.
    fn places(&self) -> String {
        const SHOWN: usize = 3;
        let shown = self.lines.iter().take(SHOWN).map(ToString::to_string);
        let mut text = shown.collect::<Vec<_>>().join(",");
        if self.lines.len() > SHOWN {
            text = format!("{text} and {} more", self.lines.len() - SHOWN);
        }
        if self.encoded {
            text.push_str(" (base64)");
        }
        text
    }

    /// The name of one that is ours.
    fn name(&self) -> Option<String> {
        let (owner, cluster) = (self.owner.as_ref()?, self.cluster.as_ref()?);
        Some(match self.version {
            Some(version) => format!("kubeconfig/{owner}@{cluster}-v{version}"),
            None => format!("manager/{cluster}"),
        })
    }
}

impl View for Vec<LoginView> {
    fn table(&self) -> Table<'_> {
        Table::of(self)
            .col("ENTRY", |it| &it.entry)
            .col("LINE", LoginView::places)
            .col("OWNER", |it| &it.owner)
            .col("CLUSTER", |it| &it.cluster)
            .col("VERSION", |it| it.version)
            .col("STATE", |it| &it.state)
            .col("LEVEL", |it| it.level)
            .col("EXPIRES", |it| it.expires_at)
            .col("DELIVERED", |it| it.delivered.as_ref().map(|it| it.at))
            .col("TO", |it| it.delivered.as_ref().map(|it| &it.to))
            .col("KNOWN BY", |it| it.known_by)
            .wide("BY", |it| it.delivered.as_ref().map(|it| &it.by))
            .wide("FORM", |it| it.delivered.as_ref().map(|it| &it.form))
            .wide("ENDED BECAUSE", |it| &it.ended_because)
            .names(self.iter().filter_map(LoginView::name).collect())
    }
}
