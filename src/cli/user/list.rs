//! `kubegrant user list`.

use crate::cli::desk::Desk;
use crate::cli::views::user::UserListView;
use crate::error::Failure;
use crate::ops;

/// List users
#[derive(clap::Args, Debug)]
pub(crate) struct UserListArgs {}

pub(crate) fn run(_args: &UserListArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let users = ops::user::list(desk.session)?;
    desk.output.show(&UserListView::new(users))?;
    Ok(())
}
