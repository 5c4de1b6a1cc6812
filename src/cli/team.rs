//! `kubegrant team`.

mod act;
mod list;
mod restore;
mod revoke;
mod rotate;

use super::context::Context;
use crate::error::Failure;

#[derive(clap::Subcommand, Debug)]
pub(crate) enum TeamCommand {
    List(list::TeamListArgs),
    Rotate(rotate::TeamRotateArgs),
    Revoke(revoke::TeamRevokeArgs),
    Restore(restore::TeamRestoreArgs),
}

pub(crate) async fn run(command: TeamCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        TeamCommand::List(args) => list::run(args, context),
        TeamCommand::Rotate(args) => rotate::run(args, context).await,
        TeamCommand::Revoke(args) => revoke::run(args, context).await,
        TeamCommand::Restore(args) => restore::run(args, context).await,
    }
}
