//! `kubegrant project set-role`.

use super::change::{self, KeepArgs, MemberArgs};
use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::reached;
use crate::domain::project::ProjectRole;
use crate::error::Failure;
use crate::ops;

/// Change what a member is in a project
///
/// Whoever loses the admin level and took its kubeconfig ends it for everybody: it is rotated in
/// the same command. The last active owner stays.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant project set-role alice --project shop --role viewer")]
pub(crate) struct ProjectSetRoleArgs {
    #[command(flatten)]
    member: MemberArgs,
    /// The new role
    #[arg(long, value_parser = super::role_values())]
    role: ProjectRole,
    #[command(flatten)]
    keep: KeepArgs,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(
    args: ProjectSetRoleArgs,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let change = ops::project::members::SetRole {
        member: args.member.membership(),
        role: args.role,
        taken: args.keep.taken(),
    };
    let before = reached::of(context, &args.member.user);
    let intent = args.dry_run.intent();
    let done = ops::project::members::set_role(context.session, &change, &intent).await?;
    let Some(changed) = context.planned(done)? else {
        return Ok(());
    };
    before.say_in(&changed.project, context);
    change::say(&changed, context)
}
