//! `kubegrant share`.

use chrono::TimeDelta;

use super::context::Context;
use super::views::share::{MadeView, ShareView};
use super::{completion, confirm, duration};
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::share::LIFE_MAX;
use crate::domain::text::rfc3339;
use crate::error::Failure;
use crate::ops::share::{self, NewLink};

#[derive(clap::Subcommand, Debug)]
pub(crate) enum ShareCommand {
    Create(ShareCreateArgs),
    List(ShareListArgs),
    Revoke(ShareRevokeArgs),
}

/// Make a direct link: one named person's own kubeconfig, once, without logging in
///
/// Give the address to them alone: whoever opens it first gets the file, which is made at that moment, with what
/// they have then. Where they have a key it is sealed to that. The part behind `#` is the secret; it reaches no
/// server's log, and is shown this once.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant share create bob --cluster prod\n  \
    kubegrant share create bob --cluster prod --expires 1h --sealed")]
pub(crate) struct ShareCreateArgs {
    /// For whom: name or e-mail
    #[arg(add = completion::users())]
    user: UserRef,
    /// For which cluster
    #[arg(short, long, add = completion::clusters())]
    cluster: ClusterName,
    /// How long it waits: up to 7d [default: 24h]
    #[arg(long, value_name = "DURATION", value_parser = expires)]
    expires: Option<TimeDelta>,
    /// Only where they have a key, so that the file is of use to nobody else
    #[arg(long)]
    sealed: bool,
}

/// List direct links, and what became of them
#[derive(clap::Args, Debug)]
pub(crate) struct ShareListArgs {
    /// Only to this cluster
    #[arg(short, long, add = completion::clusters())]
    cluster: Option<ClusterName>,
}

/// End a direct link that nobody claimed yet
///
/// What was claimed is a kubeconfig like any other: `team revoke` ends that.
#[derive(clap::Args, Debug)]
#[command(
    after_long_help = "Examples:\n  kubegrant share revoke 0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d --yes"
)]
pub(crate) struct ShareRevokeArgs {
    /// Which one, by its name in `share list`
    id: String,
}

fn expires(text: &str) -> Result<TimeDelta, String> {
    let lasting = duration::parse(text).map_err(|error| error.to_string())?;
    if lasting > LIFE_MAX {
        return Err("at most 7 days".to_owned());
    }
    Ok(lasting)
}

pub(crate) fn run(command: ShareCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        ShareCommand::Create(args) => create(&args, context),
        ShareCommand::List(args) => {
            let listed = share::list(context.session, args.cluster.as_ref())?;
            context.output.list(listed.iter().map(ShareView::from))?;
            Ok(())
        }
        ShareCommand::Revoke(args) => revoke(&args, context),
    }
}

fn create(args: &ShareCreateArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let wanted = NewLink {
        user: &args.user,
        cluster: &args.cluster,
        lasting: args.expires,
        sealed: args.sealed,
    };
    let made = share::create(context.session, &wanted)?;
    context.output.show(&MadeView::from(&made))?;
    let user = &made.user.name;
    context.output.status(&format!(
        "The link gives '{user}' their kubeconfig for cluster '{}', once, until {}.",
        made.cluster,
        rfc3339(made.share.expires_at)
    ));
    if made.user.key.is_some() {
        context
            .output
            .status(&format!("The file is sealed to the key of '{user}'."));
    } else {
        context.output.warn(&format!(
            "'{user}' has no key here: whoever opens the link first has the kubeconfig"
        ));
    }
    Ok(())
}

/// Tells whoever made links what became of them lately.
pub(super) fn say_news(context: &mut Context<'_>) -> Result<(), Failure> {
    for it in share::news(context.session)? {
        let (id, user, cluster) = (&it.share.id, &it.user, &it.cluster.name);
        let link = format!("your direct link {id} for '{user}' to cluster '{cluster}'");
        match it.share.claimed_at {
            Some(at) => {
                let at = rfc3339(at);
                context
                    .output
                    .status(&format!("{link} was claimed at {at}."));
            }
            None => context.output.warn(&format!(
                "{link} was ended by wrong secrets: somebody guesses at it"
            )),
        }
    }
    Ok(())
}

fn revoke(args: &ShareRevokeArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let question = format!("End the direct link '{}'?", args.id);
    confirm::agree(context, &question)?;
    let listed = share::revoke(context.session, &args.id)?;
    context.output.list([ShareView::from(&listed)])?;
    if listed.state == "revoked" {
        context.output.status("The link is ended.");
    } else {
        context.output.warn(&format!(
            "the link was not waiting any more: it is {}",
            listed.state
        ));
        context.output.hint(&format!(
            "what was handed over ends with `kubegrant team revoke {} --cluster {}`",
            listed.user, listed.cluster.name
        ));
    }
    Ok(())
}
