//! Whose a login is. Frozen: fields are added, never renamed or retyped.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::ops::whose::Finding;
use crate::output::{Cells, View, time};

#[derive(Serialize)]
struct DeliveredView {
    #[serde(serialize_with = "time::serialize")]
    at: DateTime<Utc>,
    to: String,
    by: String,
    form: String,
}

#[derive(Serialize, Default)]
struct LoginView {
    entry: Option<String>,
    line: Option<usize>,
    lines: Vec<usize>,
    encoded: bool,
    ours: bool,
    why_not: Option<String>,
    owner: Option<String>,
    cluster: Option<String>,
    version: Option<u32>,
    state: Option<String>,
    level: Option<&'static str>,
    ended_because: Option<String>,
    delivered: Option<DeliveredView>,
    #[serde(serialize_with = "time::serialize_option")]
    expires_at: Option<DateTime<Utc>>,
    known_by: Option<&'static str>,
    ends_with: Option<String>,
}

/// Everything that was found. Never a token.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct WhoseView(Vec<LoginView>);

impl WhoseView {
    /// Shapes findings.
    pub(crate) fn new(findings: &[Finding]) -> Self {
        let shaped = findings.iter().map(|finding| {
            let entry = finding.entry.clone();
            let lines = finding.lines.clone();
            let (line, encoded) = (lines.first().copied(), finding.encoded);
            match &finding.known {
                Err(why) => LoginView {
                    entry,
                    line,
                    lines,
                    encoded,
                    why_not: Some(why.clone()),
                    ..LoginView::default()
                },
                Ok(known) => LoginView {
                    entry,
                    line,
                    lines,
                    encoded,
                    ours: true,
                    why_not: None,
                    owner: Some(known.owner.clone()),
                    cluster: Some(known.cluster.clone()),
                    version: known.version,
                    state: Some(known.state.clone()),
                    level: Some(known.power.as_str()),
                    ended_because: known.ended_because.clone(),
                    delivered: known
                        .delivered
                        .as_ref()
                        .map(|(at, to, by, form)| DeliveredView {
                            at: *at,
                            to: to.clone(),
                            by: by.clone(),
                            form: form.clone(),
                        }),
                    expires_at: known.expires_at,
                    known_by: Some(known.evidence.as_str()),
                    ends_with: known.ends_with.clone(),
                },
            }
        });
        Self(shaped.collect())
    }
}

/// The first lines that a login stands in, and how many more there are.
fn places(login: &LoginView) -> String {
    const SHOWN: usize = 3;
    let shown = login.lines.iter().take(SHOWN).map(ToString::to_string);
    let mut text = shown.collect::<Vec<_>>().join(",");
    if login.lines.len() > SHOWN {
        text = format!("{text} and {} more", login.lines.len() - SHOWN);
    }
    if login.encoded {
        text.push_str(" (base64)");
    }
    text
}

impl View for WhoseView {
    fn headers(&self, wide: bool) -> Vec<&'static str> {
        let mut headers = vec![
            "ENTRY",
            "LINE",
            "OWNER",
            "CLUSTER",
            "VERSION",
            "STATE",
            "LEVEL",
            "EXPIRES",
            "DELIVERED",
            "TO",
            "KNOWN BY",
        ];
        if wide {
            headers.extend(["BY", "FORM", "ENDED BECAUSE"]);
        }
        headers
    }
    fn rows(&self, wide: bool, cells: &Cells) -> Vec<Vec<String>> {
        let row = |login: &LoginView| {
            let text = |text: &Option<String>| cells.text_or_none(text.as_deref());
            let delivered = login.delivered.as_ref();
            let version = login.version.map(|version| version.to_string());
            let mut row = vec![
                text(&login.entry),
                places(login),
                text(&login.owner),
                text(&login.cluster),
                text(&version),
                text(&login.state),
                cells.text_or_none(login.level),
                cells.time_or_none(login.expires_at),
                cells.time_or_none(delivered.map(|it| it.at)),
                cells.text_or_none(delivered.map(|it| it.to.as_str())),
                cells.text_or_none(login.known_by),
            ];
            if wide {
                row.push(cells.text_or_none(delivered.map(|it| it.by.as_str())));
                row.push(cells.text_or_none(delivered.map(|it| it.form.as_str())));
                row.push(text(&login.ended_because));
            }
            row
        };
        self.0.iter().map(row).collect()
    }
    fn names(&self) -> Vec<String> {
        let ours = self.0.iter().filter_map(|login| {
            let (owner, cluster) = (login.owner.as_ref()?, login.cluster.as_ref()?);
            Some(match login.version {
                Some(version) => format!("kubeconfig/{owner}@{cluster}-v{version}"),
                None => format!("manager/{cluster}"),
            })
        });
        ours.collect()
    }
}
