//! `kubegrant team`.

mod act;
mod list;
mod restore;
mod revoke;
mod rotate;

use super::desk::Desk;
use crate::error::Failure;

#[derive(clap::Subcommand, Debug)]
pub(crate) enum TeamCommand {
    List(list::TeamListArgs),
    Rotate(rotate::TeamRotateArgs),
    Revoke(revoke::TeamRevokeArgs),
    Restore(restore::TeamRestoreArgs),
}

pub(crate) async fn run(command: TeamCommand, desk: &mut Desk<'_>) -> Result<(), Failure> {
    match command {
        TeamCommand::List(args) => list::run(args, desk),
        TeamCommand::Rotate(args) => rotate::run(args, desk).await,
        TeamCommand::Revoke(args) => revoke::run(args, desk).await,
        TeamCommand::Restore(args) => restore::run(args, desk).await,
    }
}
