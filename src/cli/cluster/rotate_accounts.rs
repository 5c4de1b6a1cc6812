//! `kubegrant cluster rotate-accounts`.

use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::rotation::RotatedView;
use crate::cli::{completion, confirm};
use crate::domain::name::ClusterName;
use crate::error::Failure;
use crate::ops;
use crate::ops::rotation::Exchanged;

/// Replace all accounts of a cluster, the manager's too
///
/// For when somebody lost full access, or the manager's login: they could have minted tokens of
/// every account on the cluster, for years. All of them end, read back, with every token that
/// anybody minted for them. New versions begin, and nothing is handed out: people download again.
/// Running shells end. What others made on the cluster is listed: look at it, for kubegrant does
/// not touch it.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant cluster rotate-accounts prod --dry-run\n  \
    kubegrant cluster rotate-accounts prod --yes")]
pub(crate) struct ClusterRotateAccountsArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    name: ClusterName,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

/// Says who must download again.
pub(super) fn say_again(exchanged: &[Exchanged], context: &mut Context<'_>) {
    for exchanged in exchanged {
        if !exchanged.again.is_empty() {
            let names: Vec<String> = exchanged.again.iter().map(|it| format!("'{it}'")).collect();
            context.output.status(&format!(
                "Version {} of '{}' was held by {}: they must download again.",
                exchanged.ended,
                exchanged.owner,
                names.join(", ")
            ));
        }
    }
}

pub(crate) async fn run(
    args: ClusterRotateAccountsArgs,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let name = &args.name;
    let question =
        format!("Replace all accounts of cluster '{name}', so that everybody must download again?");
    let intent = confirm::intent(context, &question, args.dry_run)?;
    let change = ops::rotation::RotateAccounts {
        cluster: name.clone(),
    };
    let done = Box::pin(ops::rotation::rotate_accounts(
        context.session,
        &change,
        &intent,
    ));
    let Some(done) = context.planned(done.await?)? else {
        return Ok(());
    };
    context.output.show(&RotatedView::from(&done))?;
    say_again(&done.exchanged, context);
    for foreign in &done.foreign {
        context
            .output
            .warn(&format!("cluster '{name}': {foreign}; is it meant to be?"));
    }
    if let Some(why) = &done.not_looked {
        context.output.warn(&format!(
            "what others made on the cluster was not looked for: {why}"
        ));
        context
            .output
            .hint(&format!("run `kubegrant cluster check {name}`"));
    }
    context.say_applied(&done.applied)?;
    context.output.status(&format!(
        "Account '{}' is the manager of cluster '{name}'. Whatever was minted there for an account \
         of kubegrant's before is refused.",
        done.cluster.manager
    ));
    Ok(())
}
