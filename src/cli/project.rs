//! `kubegrant project`.

mod act;
mod add_member;
pub(crate) mod change;
mod create;
mod delete;
mod describe;
mod list;
mod remove_member;
mod rename;
mod set_role;
mod show;

use super::context::Context;
use crate::domain::project::ProjectRole;
use crate::error::Failure;

#[derive(clap::Subcommand, Debug)]
pub(crate) enum ProjectCommand {
    Create(create::ProjectCreateArgs),
    List(list::ProjectListArgs),
    Show(show::ProjectShowArgs),
    Rename(rename::ProjectRenameArgs),
    Describe(describe::ProjectDescribeArgs),
    Delete(delete::ProjectDeleteArgs),
    AddMember(add_member::ProjectAddMemberArgs),
    SetRole(set_role::ProjectSetRoleArgs),
    RemoveMember(remove_member::ProjectRemoveMemberArgs),
    Rotate(act::ProjectRotateArgs),
    Revoke(act::ProjectRevokeArgs),
}

pub(crate) async fn run(command: ProjectCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        ProjectCommand::Create(args) => create::run(args, context).await,
        ProjectCommand::List(args) => list::run(&args, context),
        ProjectCommand::Show(args) => show::run(&args, context),
        ProjectCommand::Rename(args) => rename::run(args, context).await,
        ProjectCommand::Describe(args) => describe::run(args, context).await,
        ProjectCommand::Delete(args) => delete::run(args, context).await,
        ProjectCommand::AddMember(args) => add_member::run(args, context).await,
        ProjectCommand::SetRole(args) => set_role::run(args, context).await,
        ProjectCommand::RemoveMember(args) => remove_member::run(args, context).await,
        ProjectCommand::Rotate(args) => act::rotate(args, context).await,
        ProjectCommand::Revoke(args) => act::revoke(args, context).await,
    }
}

/// Parses a role, and shows the possible ones in help and completion.
fn role_values() -> impl clap::builder::TypedValueParser<Value = ProjectRole> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    PossibleValuesParser::new(ProjectRole::ALL.map(ProjectRole::as_str))
        .try_map(|text| text.parse().map_err(std::io::Error::other))
}
