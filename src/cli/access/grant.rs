//! `kubegrant access grant`.

use chrono::{DateTime, TimeDelta, Utc};

use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::access::OutcomeView;
use crate::cli::{completion, duration};
use crate::domain::access::Level;
use crate::domain::credential::TTL_SECONDS_MIN;
use crate::domain::name::{ClusterName, UserRef, parse_line};
use crate::error::Failure;
use crate::ops;

/// Give a developer access to a cluster
///
/// `read` is Kubernetes' `view`; `write` is `view` everywhere and `edit` in every namespace that
/// is not excluded (see `kubegrant cluster show`). Granting what is already granted changes
/// nothing. A change of level ends the current kubeconfig: the developer downloads again. Where the
/// API server gives every account more than the level (a binding of others, or no RBAC at all),
/// that is said, and needs `--yes`.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant access grant bob --cluster prod --level read\n  \
    kubegrant access grant bob -c prod --level write --for 8h --reason \"incident 4711\"")]
pub(crate) struct AccessGrantArgs {
    /// Developer who gains access: name or e-mail
    #[arg(add = completion::users())]
    user: UserRef,
    /// On which cluster
    #[arg(short, long, add = completion::clusters())]
    cluster: ClusterName,
    /// How much: read or write
    #[arg(short, long, value_parser = level_values())]
    level: Level,
    /// End by itself after this time, such as 8h or 30d
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse, conflicts_with = "until")]
    lasting: Option<TimeDelta>,
    /// End by itself at this time, such as 2026-12-01 or 2026-12-01T18:00:00Z
    #[arg(long, value_name = "TIME", value_parser = duration::parse_until)]
    until: Option<DateTime<Utc>>,
    /// Why: recorded in the audit log
    #[arg(long, value_name = "TEXT", value_parser = parse_line, default_value = "", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

/// Parses a level, and shows the possible ones in help and completion.
pub(crate) fn level_values() -> impl clap::builder::TypedValueParser<Value = Level> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    PossibleValuesParser::new(["read", "write"])
        .try_map(|text| text.parse::<Level>().map_err(std::io::Error::other))
}

pub(crate) async fn run(args: AccessGrantArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let ends_at = match args.lasting {
        Some(lasting) => context.session.now().checked_add_signed(lasting),
        None => args.until,
    };
    let change = ops::access::GrantAccess {
        user: args.user,
        cluster: args.cluster,
        level: args.level,
        ends_at,
        reason: args.reason,
        insists: context.insists(),
    };
    let done = ops::access::grant(context.session, &change, &args.dry_run.intent()).await?;
    let Some(outcome) = context.planned(done)? else {
        return Ok(());
    };
    if let Some(end) = ends_at {
        // An end that is meant by a wrong clock is another one.
        ops::clock::compare(context.session, &outcome.cluster).await;
        let lasts = (end - context.session.now()).num_seconds();
        if lasts < TTL_SECONDS_MIN {
            context.output.warn(&format!(
                "no Kubernetes token lives shorter than 10 minutes: a kubeconfig that is downloaded \
                 now works until {}, unless `kubegrant reconcile` runs after the grant's end",
                crate::domain::text::rfc3339(
                    context.session.now()
                        + chrono::TimeDelta::seconds(TTL_SECONDS_MIN)
                )
            ));
        }
    }
    context.output.show(&OutcomeView::from(&outcome))?;
    for excess in &outcome.excess {
        context.output.warn(excess);
    }
    let (user, cluster) = (&outcome.user, &outcome.cluster);
    for namespace in &outcome.included {
        context.output.warn(&format!(
            "write reaches namespace '{namespace}' on purpose: its accounts let '{user}' escalate \
             (`kubegrant cluster check {cluster}` says how)"
        ));
    }
    let until = outcome.access.ends_at().map_or(String::new(), |end| {
        format!(" until {}", crate::domain::text::rfc3339(end))
    });
    if outcome.unchanged {
        context.output.status(&format!(
            "'{user}' has {} on cluster '{cluster}'{until} already; nothing was changed.",
            args.level
        ));
        return context.say_applied(&outcome.applied);
    }
    context.output.status(&format!(
        "'{user}' can {} cluster '{cluster}'{until}.",
        args.level
    ));
    context.say_applied(&outcome.applied)?;
    if outcome.has_key {
        context.output.hint(&format!(
            "hand it over with `kubegrant kubeconfig download {cluster} --user {user}`"
        ));
    } else {
        context.output.hint(&format!(
            "'{user}' has no key yet: `kubegrant user set-key {user} --key FILE` lets files be sealed to them"
        ));
    }
    Ok(())
}
