//! `kubegrant kubeconfig remove`.

use std::path::PathBuf;

use super::download::say_merged;
use crate::cli::completion;
use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::kubeconfig::RemoveView;
use crate::domain::installation::InstallationId;
use crate::domain::name::ClusterName;
use crate::error::Failure;
use crate::ops;
use crate::ops::kubeconfig::RemoveRequest;

/// Take a cluster's entries out of your kubeconfig again
///
/// Removes what `kubeconfig download --merge` put there, and nothing else; the credential itself
/// lives on. To end it, use `kubeconfig rotate` or `team revoke`.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant kubeconfig remove prod\n  \
    kubegrant kubeconfig remove prod -f ~/.kube/work")]
pub(crate) struct KubeconfigRemoveArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    cluster: ClusterName,
    /// From this kubeconfig [default: the first of KUBECONFIG, else `~/.kube/config`]
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(
    args: KubeconfigRemoveArgs,
    installation: Option<InstallationId>,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let intent = args.dry_run.intent();
    let wanted = RemoveRequest {
        cluster: args.cluster,
        installation,
        file: args.file,
    };
    let done = ops::kubeconfig::remove(context.session, &wanted, &intent).await?;
    let Some(done) = context.planned(done)? else {
        return Ok(());
    };
    context.output.show(&RemoveView::from(&done))?;
    let (cluster, path) = (&done.cluster, done.path.display());
    if done.news.changed == 0 {
        context.output.status(&format!(
            "Nothing of cluster '{cluster}' that we put there is in `{path}`."
        ));
    } else {
        context.output.status(&format!(
            "The entries of cluster '{cluster}' are out of `{path}`."
        ));
    }
    say_merged(&done.news, Some(&done.path), context);
    Ok(())
}
