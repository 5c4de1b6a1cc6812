//! `kubegrant kubeconfig download --all`.

use super::{say_merged, show_secret};
use crate::cli::context::Context;
use crate::cli::views::kubeconfig;
use crate::domain::name::ClusterName;
use crate::error::{Failure, Kind};
use crate::ops::kubeconfig::{AllDownloaded, DownloadRequest, ProgressEvent};
use crate::ops::{self, Intent, Unasked};

pub(super) async fn run(
    wanted: impl Fn(ClusterName) -> DownloadRequest,
    intent: &Intent<Unasked>,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let mut progress = None;
    let output = &mut *context.output;
    let done =
        ops::kubeconfig::download_all(context.session, wanted, intent, &mut |event| match event {
            ProgressEvent::Begins(total) => {
                progress = (total > 1).then(|| output.progress(total, "clusters"));
            }
            ProgressEvent::Finished(cluster, failed) => match (&progress, failed) {
                (Some(progress), None) => progress.done(cluster.as_str()),
                (Some(progress), Some(error)) => {
                    progress.failed(cluster.as_str(), &error.to_string());
                }
                (None, _) => {}
            },
        })
        .await?;
    drop(progress);
    let Some(done) = context.planned(done)? else {
        return Ok(());
    };
    if !done.hand_to_stdout(|text| show_secret(text, context))? {
        context.output.show(&kubeconfig::parts(&done))?;
    }
    say(&done, context);
    let mut failures = Vec::new();
    for note in &done.notes {
        context.output.warn(note);
    }
    for (_, error) in done.failed {
        let failure = Failure::from(error);
        let (message, causes) = failure.lines();
        context.output.error(&message, &causes, &failure.hints);
        failures.push(failure.kind);
    }
    // What is pending first, then the gravest; the unreachable last, as `reconcile` has it.
    failures.sort_by_key(|kind| match kind {
        Kind::Pending => 0,
        Kind::Unreachable => 2,
        _ => 1,
    });
    match failures.first() {
        Some(kind) => Err(Failure::reported(*kind)),
        None => Ok(()),
    }
}

fn say(done: &AllDownloaded, context: &mut Context<'_>) {
    if done.parts.is_empty() {
        return;
    }
    let kind = if done.sealed {
        ", sealed to their key"
    } else {
        ""
    };
    let clusters = match done.parts.len() {
        1 => "1 cluster".to_owned(),
        number => format!("{number} clusters"),
    };
    context.output.status(&format!(
        "The kubeconfig of '{}' for {clusters}{kind}.",
        done.user
    ));
    for part in &done.parts {
        for excess in &part.excess {
            context.output.warn(excess);
        }
        if let Some(asked) = part.shortened_from {
            context.output.warn(&format!(
                "the API server of cluster '{}' gave less than the {} that were asked for",
                part.cluster,
                crate::cli::duration::show(chrono::TimeDelta::seconds(asked))
            ));
        }
    }
    if let Some(news) = &done.merged {
        say_merged(news, done.path.as_deref(), context);
    } else if let Some(path) = done.path.as_ref().map(|path| path.display()) {
        if done.sealed {
            context.output.hint(&format!(
                "'{}' opens it with `kubegrant open {path}`",
                done.user
            ));
        } else {
            context.output.hint(&format!(
                "try `kubectl --kubeconfig {path} config get-contexts`"
            ));
        }
    }
}
