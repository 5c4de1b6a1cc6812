//! `kubegrant user show`.

use crate::cli::completion;
use crate::cli::context::Context;
use crate::cli::views::user::UserView;
use crate::domain::name::UserRef;
use crate::error::Failure;
use crate::ops;

/// Show a user
#[derive(clap::Args, Debug)]
pub(crate) struct UserShowArgs {
    /// Name or e-mail
    #[arg(add = completion::users())]
    name: UserRef,
}

pub(crate) fn run(args: &UserShowArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let doubt = context.doubt(ops::audit::Shown {
        user: Some(args.name.clone()),
        ..Default::default()
    });
    let (user, projects, kept) = ops::user::show(context.session, &args.name)?;
    context
        .output
        .show(&UserView::with_projects(user, projects, &kept))?;
    context.say_doubt(doubt)
}
