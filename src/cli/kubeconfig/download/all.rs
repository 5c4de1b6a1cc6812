//! `kubegrant kubeconfig download --all`.

use super::{say_merged, show_secret};
use crate::cli::desk::Desk;
use crate::cli::views::kubeconfig;
use crate::domain::name::ClusterName;
use crate::error::{Failure, Kind};
use crate::ops::kubeconfig::{AllDownloaded, DownloadWish, Heard};
use crate::ops::{self, Intent, Unasked};

pub(super) async fn run(
    wish: impl Fn(ClusterName) -> DownloadWish,
    intent: &Intent<Unasked>,
    desk: &mut Desk<'_>,
) -> Result<(), Failure> {
    let mut progress = None;
    let output = &mut *desk.output;
    let done =
        ops::kubeconfig::download_all(desk.session, wish, intent, &mut |heard| match heard {
            Heard::Begins(total) => {
                progress = (total > 1).then(|| output.progress(total, "clusters"));
            }
            Heard::Finished(cluster, failed) => match (&progress, failed) {
                (Some(progress), None) => progress.done(cluster.as_str()),
                (Some(progress), Some(error)) => {
                    progress.failed(cluster.as_str(), &error.to_string());
                }
                (None, _) => {}
            },
        })
        .await?;
    drop(progress);
    let Some(done) = desk.planned(done)? else {
        return Ok(());
    };
    if !done.hand_to_stdout(|text| show_secret(text, desk))? {
        desk.output.show(&kubeconfig::parts(&done))?;
    }
    say(&done, desk);
    let mut failures = Vec::new();
    for note in &done.notes {
        desk.output.warn(note);
    }
    for (_, error) in done.failed {
        let failure = Failure::from(error);
        let (message, causes) = failure.lines();
        desk.output.error(&message, &causes, &failure.hints);
        failures.push(failure.kind);
    }
    // What is pending first, then the gravest; the unreachable last, as `reconcile` has it.
    failures.sort_by_key(|kind| match kind {
        Kind::Pending => 0,
        Kind::Unreachable => 2,
        _ => 1,
    });
    match failures.first() {
        Some(kind) => Err(Failure::said(*kind)),
        None => Ok(()),
    }
}

fn say(done: &AllDownloaded, desk: &mut Desk<'_>) {
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
    desk.output.status(&format!(
        "The kubeconfig of '{}' for {clusters}{kind}.",
        done.user
    ));
    for part in &done.parts {
        for excess in &part.excess {
            desk.output.warn(excess);
        }
        if let Some(asked) = part.shortened_from {
            desk.output.warn(&format!(
                "the API server of cluster '{}' gave less than the {} that were asked for",
                part.cluster,
                crate::cli::duration::show(chrono::TimeDelta::seconds(asked))
            ));
        }
    }
    if let Some(news) = &done.merged {
        say_merged(news, done.path.as_deref(), desk);
    } else if let Some(path) = done.path.as_ref().map(|path| path.display()) {
        if done.sealed {
            desk.output.hint(&format!(
                "'{}' opens it with `kubegrant open {path}`",
                done.user
            ));
        } else {
            desk.output.hint(&format!(
                "try `kubectl --kubeconfig {path} config get-contexts`"
            ));
        }
    }
}
