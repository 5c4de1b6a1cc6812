//! `kubegrant cluster show`.

use crate::cli::completion;
use crate::cli::context::Context;
use crate::cli::views::cluster::ClusterView;
use crate::domain::name::ClusterName;
use crate::error::Failure;
use crate::ops;

/// Show a cluster, and where write reaches on it
///
/// Those who manage the cluster see which namespaces are excluded from write, and why, as the
/// cluster says it now.
#[derive(clap::Args, Debug)]
pub(crate) struct ClusterShowArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    name: ClusterName,
}

pub(crate) async fn run(args: &ClusterShowArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let shown = ops::cluster::show(context.session, &args.name).await?;
    if let Some(Err(why)) = &shown.reach {
        context
            .output
            .warn(&format!("where write reaches is not known: {why}"));
    }
    context.output.show(&ClusterView::from(&shown))?;
    context.say_revoked(None, Some(&args.name))?;
    Ok(())
}
