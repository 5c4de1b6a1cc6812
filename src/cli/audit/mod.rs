//! `kubegrant audit`.

mod list;
mod verify;

use super::desk::Desk;
use crate::error::Failure;

#[derive(clap::Subcommand, Debug)]
pub(crate) enum AuditCommand {
    List(list::AuditListArgs),
    Verify(verify::AuditVerifyArgs),
}

pub(crate) fn run(command: AuditCommand, desk: &mut Desk<'_>) -> Result<(), Failure> {
    match command {
        AuditCommand::List(args) => list::run(args, desk),
        AuditCommand::Verify(args) => verify::run(&args, desk),
    }
}
