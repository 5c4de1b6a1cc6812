//! `kubegrant kubeconfig rotate`.

use super::download::{is_all, say_handed_over};
use super::hand_over::{GoesOne, HandOverArgs, not_served};
use crate::cli::completion;
use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::kubeconfig::RotateView;
use crate::domain::name::ClusterName;
use crate::error::Failure;
use crate::ops;
use crate::ops::kubeconfig::{DownloadRequest, Rotated};

/// End your kubeconfig for a cluster, and download the next version
///
/// The old version is dead before the new one begins; if it cannot be ended, nothing new begins
/// and the command exits with 6. The new one goes where `kubeconfig download` puts it; a file there
/// that holds nothing but an older version of it is replaced.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant kubeconfig rotate prod\n  \
    kubegrant kubeconfig rotate prod --merge\n  \
    kubegrant kubeconfig rotate prod --no-download")]
pub(crate) struct KubeconfigRotateArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    cluster: ClusterName,
    /// Begin the next version only; `kubeconfig download` hands it over
    #[arg(long, conflicts_with_all = [
        "file", "force", "merge", "set_current", "ttl", "context_name", "namespace", "renew",
    ])]
    no_download: bool,
    #[command(flatten)]
    hand_over: HandOverArgs,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

impl KubeconfigRotateArgs {
    /// Where a server's goes.
    pub(in crate::cli) fn goes(self) -> Result<GoesOne, Failure> {
        if self.no_download {
            return Err(not_served("--no-download"));
        }
        self.hand_over.goes(self.cluster, true)
    }
}

pub(crate) async fn run(
    args: KubeconfigRotateArgs,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let hand_over = args.hand_over.wanted()?;
    let wanted = (!args.no_download).then(|| DownloadRequest {
        insists: context.insists(),
        ..hand_over(args.cluster.clone())
    });
    let intent = args.dry_run.intent();
    let done = ops::kubeconfig::rotate(context.session, &args.cluster, wanted, &intent).await?;
    let Some(done) = context.planned(done)? else {
        return Ok(());
    };
    say(done, args.no_download, context)
}

fn say(mut done: Rotated, no_download: bool, context: &mut Context<'_>) -> Result<(), Failure> {
    let handed = done.handed.take().transpose();
    let file = handed.as_ref().ok().and_then(Option::as_ref);
    let is_shown = match file {
        Some(file) => is_all(file, context)?,
        None => false,
    };
    if !is_shown {
        context.output.show(&RotateView::new(&done, file))?;
    }
    context.say_applied(&done.applied)?;
    let (cluster, user) = (&done.cluster, &done.user);
    if handed.is_err() || no_download {
        context.output.status(&format!(
            "Version {} of '{user}' on cluster '{cluster}' has begun.",
            done.begun
        ));
    }
    if no_download {
        context.output.hint(&format!(
            "download it with `kubegrant kubeconfig download {cluster} --force`"
        ));
    }
    if let Some(file) = handed? {
        say_handed_over(&file, context);
    }
    Ok(())
}
