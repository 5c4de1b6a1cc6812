//! `kubegrant project remove-member`.

use super::change::{self, KeepArgs, MemberArgs};
use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::{confirm, reached};
use crate::error::Failure;
use crate::ops;

/// Remove a member from a project
///
/// A shared kubeconfig cannot be taken back from one person: whatever they took is rotated in the
/// same command, and everybody else who has it must download again. `--keep-shared` declines, and
/// they can still get in. The last active owner stays.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant project remove-member alice --project shop --dry-run\n  \
    kubegrant project remove-member alice --project shop --yes")]
pub(crate) struct ProjectRemoveMemberArgs {
    #[command(flatten)]
    member: MemberArgs,
    #[command(flatten)]
    keep: KeepArgs,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(
    args: ProjectRemoveMemberArgs,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let change = ops::project::members::Remove {
        member: args.member.membership(),
        taken: args.keep.taken(),
    };
    let (project, user) = (&args.member.project, &args.member.user);
    let question = format!("Remove '{user}' from project '{project}'?");
    let intent = confirm::intent(context, &question, args.dry_run)?;
    let before = reached::of(context, &args.member.user);
    let done = ops::project::members::remove(context.session, &change, &intent).await?;
    let Some(changed) = context.planned(done)? else {
        return Ok(());
    };
    before.say_in(&changed.project, context);
    change::say(&changed, context)
}
