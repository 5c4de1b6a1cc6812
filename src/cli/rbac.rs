//! `kubegrant rbac`.

mod bind;
mod list;
mod roles;
mod target;
mod unbind;

use super::context::Context;
use crate::error::Failure;

#[derive(clap::Subcommand, Debug)]
pub(crate) enum RbacCommand {
    Bind(bind::RbacBindArgs),
    Unbind(unbind::RbacUnbindArgs),
    List(list::RbacListArgs),
    Roles(roles::RbacRolesArgs),
}

pub(crate) async fn run(command: RbacCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        RbacCommand::Bind(args) => Box::pin(bind::run(args, context)).await,
        RbacCommand::Unbind(args) => unbind::run(args, context).await,
        RbacCommand::List(args) => list::run(args, context).await,
        RbacCommand::Roles(args) => roles::run(&args, context).await,
    }
}
