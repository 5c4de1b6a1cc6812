//! `kubegrant cluster rotate-credentials`.

use super::rotate_accounts::say_again;
use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::rotation::CredentialsView;
use crate::cli::{completion, confirm};
use crate::domain::name::ClusterName;
use crate::error::Failure;
use crate::ops;

/// Replace everybody's credentials on a cluster
///
/// For when files leaked and nobody knows whose. Every version ends, read back: kubeconfigs, shared
/// ones, shells. New versions begin for whoever still has access, and nothing is handed out: people
/// download again. Nobody's block is lifted. Where it is cut short, `reconcile` goes on. The manager
/// stays; `cluster rotate-accounts` replaces it too.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant cluster rotate-credentials prod --dry-run\n  \
    kubegrant cluster rotate-credentials prod --yes")]
pub(crate) struct ClusterRotateCredentialsArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    name: ClusterName,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(
    args: ClusterRotateCredentialsArgs,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let name = &args.name;
    let question = format!(
        "Replace EVERYBODY's credentials on cluster '{name}', so that they must download again?"
    );
    let intent = confirm::intent(context, &question, args.dry_run)?;
    let change = ops::rotation::RotateCredentials {
        cluster: name.clone(),
    };
    let done = ops::rotation::rotate_credentials(context.session, &change, &intent);
    let Some(done) = context.planned(Box::pin(done).await?)? else {
        return Ok(());
    };
    context.output.show(&CredentialsView::from(&done))?;
    say_again(&done.exchanged, context);
    context.say_applied(&done.applied)
}
