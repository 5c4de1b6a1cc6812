//! `kubegrant project add-member`.

use super::change::{self, MemberArgs};
use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::domain::project::ProjectRole;
use crate::error::Failure;
use crate::ops;

/// Add a member to a project
///
/// A member reaches all of the project's clusters, those added later too, with the project's
/// shared kubeconfigs: viewers with read, editors and owners with admin, which is `cluster-admin`
/// there. Owners manage the members as well.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant project add-member alice --project shop --role editor\n  \
    kubegrant kubeconfig download prod --shared --user alice")]
pub(crate) struct ProjectAddMemberArgs {
    #[command(flatten)]
    member: MemberArgs,
    /// As what
    #[arg(long, value_parser = super::role_values())]
    role: ProjectRole,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(
    args: ProjectAddMemberArgs,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let change = ops::project::members::Add {
        member: args.member.membership(),
        role: args.role,
    };
    let intent = args.dry_run.intent();
    let done = ops::project::members::add(context.session, &change, &intent).await?;
    let Some(changed) = context.planned(done)? else {
        return Ok(());
    };
    change::say(&changed, context)?;
    match changed.clusters.first() {
        None => context.output.hint(&format!(
            "the project has no cluster yet: `kubegrant cluster set CLUSTER --project {}`",
            changed.project
        )),
        Some(cluster) => context.output.hint(&format!(
            "hand them the file with `kubegrant kubeconfig download {cluster} --shared --user {}`",
            changed.user
        )),
    }
    Ok(())
}
