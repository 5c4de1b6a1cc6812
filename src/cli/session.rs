//! `kubegrant session`.

use super::completion;
use super::context::Context;
use super::views::session::SessionView;
use crate::domain::name::UserRef;
use crate::error::{Failure, Kind};
use crate::ops::login;

#[derive(clap::Subcommand, Debug)]
pub(crate) enum SessionCommand {
    List(SessionListArgs),
    End(SessionEndArgs),
}

/// List who is logged in at `kubegrant serve`: you, or for organization owners and admins everybody
#[derive(clap::Args, Debug)]
pub(crate) struct SessionListArgs {}

/// End sessions at `kubegrant serve`
///
/// Whoever had one must log in again. `user disable`, `user offboard` and a new key end all of a user's by
/// themselves.
#[derive(clap::Args, Debug)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["id", "user"]))]
#[command(after_long_help = "Examples:\n  \
    kubegrant session end 7\n  \
    kubegrant session end --user bob")]
pub(crate) struct SessionEndArgs {
    /// Which one, by its number in `session list`
    id: Option<i64>,
    /// All of this user
    #[arg(short, long, add = completion::users())]
    user: Option<UserRef>,
}

pub(crate) fn run(command: SessionCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        SessionCommand::List(_) => {
            let listed = login::list(context.session)?;
            context.output.list(listed.iter().map(SessionView::from))?;
        }
        SessionCommand::End(args) => {
            let ended = login::end(context.session, |it| match &args.user {
                Some(user) => it.is_of(user),
                None => Some(it.session.id.0) == args.id,
            })?;
            context.output.list(ended.iter().map(SessionView::from))?;
            if ended.is_empty() && args.id.is_some() {
                return Err(Failure::description(
                    Kind::NotFound,
                    "there is no such session",
                    "run `kubegrant session list`",
                ));
            }
            let count = ended.len();
            let what = if count == 1 {
                "session is"
            } else {
                "sessions are"
            };
            context.output.status(&format!("{count} {what} ended."));
        }
    }
    Ok(())
}
