//! `kubegrant backup`.

use std::path::PathBuf;

use super::context::Context;
use super::global::DryRunArgs;
use super::views::backup::CopiedView;
use crate::error::Failure;
use crate::ops;

/// Copy the store into a file, while it is in use
///
/// The copy is consistent and private (0600). It holds no identity: whoever finds it can read names
/// and roles, and can open none of its secrets. For organization owners and admins.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant backup /backup/kubegrant-$(date +%F).db\n  \
    kubegrant backup /backup/kubegrant.db --force")]
pub(crate) struct BackupArgs {
    /// Where to
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) fn run(args: &BackupArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let intent = args.dry_run.intent();
    let done = ops::backup::backup(context.session, &args.file, args.force, intent)?;
    let Some(done) = context.planned(done)? else {
        return Ok(());
    };
    context.output.show(&CopiedView::from(&done))?;
    context.output.status(&format!(
        "The store is copied to `{}`.",
        done.path.display()
    ));
    context
        .output
        .hint("it holds no identity: back yours up elsewhere, or nobody can open the secrets");
    Ok(())
}
