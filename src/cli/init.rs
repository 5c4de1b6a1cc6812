//! `kubegrant init`.

use super::context::Context;
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

pub(crate) fn run(args: InitArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let done = if let Some(found) = ops::init::existing(context.session)? {
        refuse_another(&args, &found)?;
        ops::Done::Did(found)
    } else {
        let intent = args.dry_run.intent();
        let wanted = wanted(args, context)?;
        ops::init::init(context.session, wanted, intent)?
    };
    let Some(done) = context.planned(done)? else {
        return Ok(());
    };
    context.output.show(&InitView::from(&done))?;
    if done.unchanged {
        context
            .output
            .status("The organization exists already; nothing was changed.");
    } else {
        context.output.status(&format!(
            "Organization '{}' is ready, and '{}' is its owner.",
            done.organization, done.owner
        ));
        if done.identity_made {
            context.output.status(&format!(
                "Keep {} safe: whoever has it acts as '{}'.",
                done.identity, done.owner
            ));
        }
        if let Some(path) = &done.identity_named {
            context.output.hint(&format!(
                "every command needs that identity: `export KUBEGRANT_IDENTITY_FILE={path}`, or \
                 `--identity {path}`"
            ));
        }
        context
            .output
            .hint("register a cluster with `kubegrant cluster add NAME --kubeconfig FILE`");
    }
    Ok(())
}

/// One store is one organization: another name is not "nothing to do".
fn refuse_another(args: &InitArgs, found: &ops::init::Initialized) -> Result<(), Failure> {
    match &args.organization {
        Some(wanted) if *wanted != found.organization => Err(Failure::description(
            Kind::State,
            &format!(
                "the store at `{}` is that of organization '{}'",
                found.store.display(),
                found.organization
            ),
            &format!("make a store for '{wanted}' with `--store FILE`"),
        )),
        _ => Ok(()),
    }
}

/// Takes the flags, and asks for what they leave open.
fn wanted(args: InitArgs, context: &mut Context<'_>) -> Result<ops::init::Init, Failure> {
    let organization = if let Some(organization) = args.organization {
        organization
    } else {
        let typed =
            context
                .prompt
                .line(context.output, "Organization", None, "`--organization`")?;
        parse_organization(&typed).map_err(|why| Failure::description(Kind::Usage, &why, ""))?
    };
    let owner = if let Some(owner) = args.owner {
        owner
    } else {
        let typed = context
            .prompt
            .line(context.output, "Your user name", None, "`--owner`")?;
        typed
            .parse::<UserName>()
            .map_err(|why| Failure::description(Kind::Usage, &why.to_string(), ""))?
    };
    Ok(ops::init::Init {
        organization,
        owner,
        email: args.email,
    })
}
