//! `kubegrant user list`.

use crate::cli::context::Context;
use crate::cli::views::user::UserView;
use crate::error::Failure;
use crate::ops;

/// List users
#[derive(clap::Args, Debug)]
pub(crate) struct UserListArgs {}

pub(crate) fn run(_args: &UserListArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let users = ops::user::list(context.session)?;
    context.output.list(users.into_iter().map(UserView::from))?;
    Ok(())
}
