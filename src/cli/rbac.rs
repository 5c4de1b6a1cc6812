//! `kubegrant rbac`.

mod bind;
mod list;
mod roles;
mod target;
mod unbind;

use super::desk::Desk;
use crate::error::Failure;

#[derive(clap::Subcommand, Debug)]
pub(crate) enum RbacCommand {
    Bind(bind::RbacBindArgs),
    Unbind(unbind::RbacUnbindArgs),
    List(list::RbacListArgs),
    Roles(roles::RbacRolesArgs),
}

pub(crate) async fn run(command: RbacCommand, desk: &mut Desk<'_>) -> Result<(), Failure> {
    match command {
        RbacCommand::Bind(args) => bind::run(args, desk).await,
        RbacCommand::Unbind(args) => unbind::run(args, desk).await,
        RbacCommand::List(args) => list::run(args, desk).await,
        RbacCommand::Roles(args) => roles::run(&args, desk).await,
    }
}
