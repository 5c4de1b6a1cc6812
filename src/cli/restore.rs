//! `kubegrant restore`.

use std::path::PathBuf;

use super::confirm;
use super::context::Context;
use super::global::DryRunArgs;
use super::views::backup::{RestorePlanView, RestoredView};
use crate::error::Failure;
use crate::ops;
use crate::ops::backup::RestoreOutcome;

/// Put a backup in the place of the store
///
/// For organization owners. The store that is replaced is kept beside it. Whatever was issued after
/// the backup is unknown to it: `kubegrant reconcile` ends it on every cluster, and nothing new is
/// issued on a cluster before. What was decided after the backup is undone: users who were disabled
/// and access that was revoked since come back. It is listed, also with `--dry-run`: the first
/// twenty, and all with `-o json`. SSH keys that somebody may have taken since are not handed out
/// again.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant restore /backup/kubegrant.db --dry-run\n  \
    kubegrant restore /backup/kubegrant.db --yes && kubegrant reconcile")]
pub(crate) struct RestoreArgs {
    /// The backup
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(args: RestoreArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let question = format!(
        "Replace the store by `{}`, and undo what was decided since?",
        args.file.display()
    );
    let intent = confirm::intent(context, &question, args.dry_run)?;
    let done = ops::backup::restore(context.session, &args.file, &intent).await?;
    let done = match done {
        RestoreOutcome::Did(done) => done,
        RestoreOutcome::Planned(preview) => {
            context.output.show(&RestorePlanView::from(&preview))?;
            context.output.status("Nothing was changed (dry run).");
            return Ok(());
        }
    };
    context.output.show(&RestoredView::from(&done))?;
    context.output.status("The store is restored.");
    if let Some(kept) = &done.kept {
        context.output.status(&format!(
            "The one that was replaced is kept at `{}`.",
            kept.display()
        ));
    }
    if !done.undone.is_empty() {
        let count = done.undone.len();
        let things = if count == 1 { "thing" } else { "things" };
        context.output.warn(&format!(
            "{count} {things} that changed after the backup are as before: look through them, and \
             decide again"
        ));
    }
    for cluster in &done.forgotten {
        context.output.warn(&format!(
            "cluster '{cluster}' was registered after the backup and is unknown now: add it again"
        ));
    }
    for cluster in &done.doubted {
        context.output.warn(&format!(
            "somebody may have taken the SSH key of cluster '{cluster}' since: put a new one on \
             its nodes with `kubegrant ssh-key rotate {cluster}`"
        ));
    }
    context
        .output
        .hint("run `kubegrant reconcile` now: it ends what was issued after the backup");
    Ok(())
}
