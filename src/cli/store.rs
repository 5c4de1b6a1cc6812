//! `kubegrant store`.

use std::path::PathBuf;

use super::context::Context;
use super::global::DryRunArgs;
use super::views::store::{MovedView, StoreView, UpgradedView};
use crate::error::Failure;
use crate::ops;
use crate::output::Output;

#[derive(clap::Subcommand, Debug)]
pub(crate) enum StoreCommand {
    Show(ShowArgs),
    Copy(CopyArgs),
    Upgrade(UpgradeArgs),
    Roles(RolesArgs),
}

/// Show the store: which engine, where, how large, and where its log stands
///
/// Of a database it says which role is connected, and what that role could do to the log that it
/// should not. For organization owners and admins.
#[derive(clap::Args, Debug)]
pub(crate) struct ShowArgs {}

/// Move the store: from a file into a PostgreSQL database, or back
///
/// Copies every row, with the log and the digests, and compares the two: the number of rows, the state,
/// the whole log and its head. Then the store that was copied is refused (5) with the name of the other.
/// A database must be there, and hold no store yet. Who is logged in at `kubegrant serve` logs in again.
/// For organization owners and admins.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant store copy --to postgres://kubegrant@db.example.com/kubegrant\n  \
    kubegrant store copy --to ./store.db")]
pub(crate) struct CopyArgs {
    /// Where to: a file, or the address of a PostgreSQL database
    #[arg(long, value_name = "PLACE")]
    to: PathBuf,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

/// Bring the store up to date after kubegrant was
///
/// A file is brought up to date by the first command anyway. A database is not, since others use it: its
/// tables are made anew in one transaction, with their rows, owner and grants, by the role that owns them. What
/// was changed in it without kubegrant is still found after it. Copy it before, with the kubegrant that made
/// it: `kubegrant backup FILE`.
#[derive(clap::Args, Debug)]
pub(crate) struct UpgradeArgs {
    #[command(flatten)]
    dry_run: DryRunArgs,
}

/// Print the statements that make the roles of a store in PostgreSQL
///
/// Nothing is run: read them, and run them with `psql`. The owner makes the tables, the app works with
/// them, and can add to the log but not change it; the reader reads.
#[derive(clap::Args, Debug)]
pub(crate) struct RolesArgs {}

pub(crate) async fn run(command: StoreCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        StoreCommand::Show(_) => show(context),
        StoreCommand::Copy(args) => copy(args, context).await,
        StoreCommand::Upgrade(args) => upgrade(&args, context),
        StoreCommand::Roles(_) => {
            let roles = ops::storage::roles(context.session);
            Ok(context.output.raw(roles.as_bytes())?)
        }
    }
}

fn show(context: &mut Context<'_>) -> Result<(), Failure> {
    let store = ops::storage::show(context.session)?;
    context.output.show(&StoreView::from(&store))?;
    if let Some(database) = &store.database
        && !database.could.is_empty()
    {
        warn_of_role(database, context.output);
    }
    Ok(())
}

fn upgrade(args: &UpgradeArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let done = ops::storage::upgrade(context.session, args.dry_run.intent())?;
    let Some(done) = context.planned(done)? else {
        return Ok(());
    };
    context.output.show(&UpgradedView::from(&done))?;
    context.output.status(&if done.from == done.to {
        format!("The store is up to date: its schema is {}.", done.to)
    } else {
        format!(
            "The store was brought from schema {} to {}; an older kubegrant refuses it from now on.",
            done.from, done.to
        )
    });
    Ok(())
}

/// Says what a database's role could do to the log that it should not.
pub(super) fn warn_of_role(database: &ops::storage::About, output: &mut Output) {
    output.warn(&format!(
        "role '{}' could change the log of this store: {}",
        database.role,
        database.could.join(", ")
    ));
    output.hint("`kubegrant store roles` prints roles that cannot");
}

async fn copy(args: CopyArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let env = &context.session.workspace.env;
    let to = crate::config::place_of(env, &args.to, context.session.config.insecure_store)?;
    let intent = args.dry_run.intent();
    let done = ops::storage::copy(context.session, &to, &intent).await?;
    let Some(done) = context.planned(done)? else {
        return Ok(());
    };
    context.output.show(&MovedView::from(&done))?;
    context.output.status(&format!(
        "The store is at `{}` now, and the one before is refused.",
        done.to
    ));
    context.output.hint(&format!(
        "wherever kubegrant runs, set KUBEGRANT_STORE to `{}`, or write it into its config.toml (see \
         `kubegrant help files`)",
        done.to
    ));
    context.output.hint(&format!(
        "`{}` still holds what was in it: destroy it when the new one has a backup",
        done.from
    ));
    Ok(())
}
