//! `kubegrant user list`.

use crate::cli::desk::Desk;
use crate::cli::views::user::UserView;
use crate::error::Failure;
use crate::ops;

/// List users
#[derive(clap::Args, Debug)]
pub(crate) struct UserListArgs {}

pub(crate) fn run(_args: &UserListArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let users = ops::user::list(desk.session)?;
    desk.output.list(users.into_iter().map(UserView::from))?;
    Ok(())
}
