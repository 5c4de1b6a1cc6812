//! The kubeconfigs of all one's clusters, from a server: asked for one by one, and merged into one file.

use serde_json::Value;

use super::{Asking, ExpectedFile, lost, say};
use crate::api::{Answer, Terminal};
use crate::cli::context::Context;
use crate::cli::kubeconfig::hand_over::GoesAll;
use crate::cli::views::kubeconfig::DownloadView;
use crate::cli::{kubeconfig, relay};
use crate::client::Request;
use crate::domain::name::ClusterName;
use crate::error::{Failure, Kind};
use crate::ops::kubeconfig::place;

impl Asking<'_> {
    /// Takes one kubeconfig after the other. Those that are handed over are kept, whatever becomes of the others.
    pub(super) async fn hand_over_all(
        mut self,
        goes: GoesAll,
        context: &mut Context<'_>,
    ) -> Result<(), Failure> {
        goes.refuse_taken(context.session)?;
        self.refuse_unopened(context).await?;
        let (mut views, mut exits, mut news) = (Vec::new(), Vec::new(), None);
        for cluster in self.clusters(context).await? {
            let into = goes.destination();
            let place = place(context.session, &cluster, &into, goes.overwrite, &[])?;
            let name = Value::String(cluster.to_string());
            self.relayed.fields.insert("cluster".to_owned(), name);
            let answer = self.ask("json", context).await?;
            if answer.file.is_empty() {
                say_no(&answer, &cluster, context);
                exits.push(answer.exit);
                continue;
            }
            let data: Value = serde_json::from_str(&answer.stdout).unwrap_or_default();
            let expected = ExpectedFile {
                cluster: &cluster,
                context_is_chosen: false,
            };
            let received = self.take(&answer, expected, place, context).await?;
            let path = received.path.clone();
            views.push(DownloadView::received(&data, path.as_deref()).ok_or_else(lost)?);
            news = received.merged.map(|news| (news, path)).or(news);
        }
        if views.is_empty() && exits.is_empty() {
            return Err(Failure::description(
                Kind::NotFound,
                "no cluster is in reach",
                "ask an organization owner or admin for access",
            ));
        }
        let count = views.len();
        context.output.list(views)?;
        if let Some((news, path)) = &news {
            let clusters = if count == 1 { "cluster" } else { "clusters" };
            context
                .output
                .status(&format!("The kubeconfig for {count} {clusters}."));
            kubeconfig::say_merged(news, path.as_deref(), context);
        }
        // What is pending first, the unreachable last, as with the store.
        exits.sort_by_key(|exit| match exit {
            6 => 0,
            7 => 2,
            _ => 1,
        });
        match exits.first() {
            Some(exit) => Err(Failure::reported(Kind::Child(*exit))),
            None => Ok(()),
        }
    }

    /// The clusters that one sees and that are in use.
    async fn clusters(&mut self, context: &mut Context<'_>) -> Result<Vec<ClusterName>, Failure> {
        let route = crate::api::ROUTES
            .iter()
            .find(|it| it.verb == ["cluster", "list"]);
        let request = Request {
            route: route.ok_or_else(lost)?,
            fields: relay::Fields::new(),
            format: "json".to_owned(),
            terminal: Terminal::default(),
        };
        let answer = self.call(&request, context).await?;
        if answer.exit != 0 {
            say(&answer, context)?;
        }
        let listed: Value = serde_json::from_str(&answer.stdout).unwrap_or_default();
        let listed = listed.as_array().ok_or_else(lost)?.iter();
        let in_use = listed.filter(|it| it["state"] == "active");
        let names = in_use.map(|it| it["name"].as_str().and_then(|name| name.parse().ok()));
        names.collect::<Option<Vec<_>>>().ok_or_else(lost)
    }
}

/// Says what the server said of a cluster whose kubeconfig it does not hand over.
fn say_no(answer: &Answer, cluster: &ClusterName, context: &mut Context<'_>) {
    let words = crate::output::sanitize::shown(&answer.stderr);
    if words.trim().is_empty() {
        let exit = answer.exit;
        context
            .output
            .warn(&format!("cluster '{cluster}': exit {exit}"));
    }
    context.output.rendered(&words);
}
