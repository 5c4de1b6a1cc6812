//! `kubegrant user`.

mod add;
mod disable;
mod enable;
mod list;
mod offboard;
mod oidc;
mod set_key;
mod set_oidc;
mod set_role;
mod show;

use super::context::Context;
use crate::error::Failure;

#[derive(clap::Subcommand, Debug)]
pub(crate) enum UserCommand {
    Add(add::UserAddArgs),
    List(list::UserListArgs),
    Show(show::UserShowArgs),
    SetRole(set_role::UserSetRoleArgs),
    SetKey(set_key::UserSetKeyArgs),
    SetOidc(set_oidc::UserSetOidcArgs),
    Disable(disable::UserDisableArgs),
    Enable(enable::UserEnableArgs),
    Offboard(offboard::UserOffboardArgs),
}

pub(crate) async fn run(command: UserCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        UserCommand::Add(args) => add::run(args, context).await,
        UserCommand::List(args) => list::run(&args, context),
        UserCommand::Show(args) => show::run(&args, context),
        UserCommand::SetRole(args) => set_role::run(args, context).await,
        UserCommand::SetKey(args) => set_key::run(args, context).await,
        UserCommand::SetOidc(args) => set_oidc::run(args, context).await,
        UserCommand::Disable(args) => disable::run(args, context).await,
        UserCommand::Enable(args) => enable::run(args, context).await,
        UserCommand::Offboard(args) => Box::pin(offboard::run(args, context)).await,
    }
}

/// Parses a role, and shows the possible ones in help and completion.
fn role_values() -> impl clap::builder::TypedValueParser<Value = crate::domain::user::Role> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    PossibleValuesParser::new(["owner", "admin", "developer", "server"])
        .try_map(|text| text.parse().map_err(std::io::Error::other))
}
