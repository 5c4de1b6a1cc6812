//! `kubegrant init`.

use super::desk::Desk;
use super::global::DryRunArgs;
use super::views::init::InitView;
use crate::domain::name::{Email, UserName, parse_organization};
use crate::error::{Failure, Kind};
use crate::ops;

/// Make an organization, its first owner, and their identity
///
/// Makes the store (one SQLite file that only you can read), an identity (an age key, unless there
/// is one already; an ssh-ed25519 key will do too, with `--identity`), and makes you the first
/// owner. What is missing is asked for on a terminal. Run twice it changes nothing.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant init --organization Acme --owner alice\n  \
    kubegrant init --organization Acme --owner alice --identity ~/.ssh/id_ed25519")]
pub(crate) struct InitArgs {
    /// The organization's name
    #[arg(long, value_name = "NAME", value_parser = parse_organization)]
    organization: Option<String>,
    /// The first owner's name: a DNS label
    #[arg(long, value_name = "USER")]
    owner: Option<UserName>,
    /// The first owner's e-mail address
    #[arg(long)]
    email: Option<Email>,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) fn run(args: InitArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let done = match ops::init::existing(desk.session)? {
        Some(found) => ops::Done::Did(found),
        None => {
            let organization = match args.organization {
                Some(organization) => organization,
                None => {
                    let typed =
                        desk.prompt
                            .line(desk.output, "Organization", None, "`--organization`")?;
                    parse_organization(&typed)
                        .map_err(|why| Failure::words(Kind::Usage, &why, ""))?
                }
            };
            let owner = match args.owner {
                Some(owner) => owner,
                None => {
                    let typed =
                        desk.prompt
                            .line(desk.output, "Your user name", None, "`--owner`")?;
                    typed
                        .parse()
                        .map_err(|why: crate::domain::name::NameError| {
                            Failure::words(Kind::Usage, &why.to_string(), "")
                        })?
                }
            };
            let wish = ops::init::Init {
                organization,
                owner,
                email: args.email,
            };
            ops::init::init(desk.session, wish, args.dry_run.mode())?
        }
    };
    let Some(done) = desk.planned(done)? else {
        return Ok(());
    };
    desk.output.show(&InitView::from(&done))?;
    if done.unchanged {
        desk.output
            .status("The organization exists already; nothing was changed.");
    } else {
        desk.output.status(&format!(
            "Organization '{}' is ready, and '{}' is its owner.",
            done.organization, done.owner
        ));
        if done.identity_made {
            desk.output.status(&format!(
                "Keep {} safe: whoever has it acts as '{}'.",
                done.identity, done.owner
            ));
        }
        desk.output
            .hint("register a cluster with `kubegrant cluster add NAME --kubeconfig FILE`");
    }
    Ok(())
}
