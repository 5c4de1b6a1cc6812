//! `kubegrant shell`.

use std::ffi::OsString;

use chrono::TimeDelta;

use super::context::Context;
use super::global::DryRunArgs;
use super::remote::shell::Wanted;
use super::{completion, duration, reached};
use crate::domain::access::{Level, Power};
use crate::domain::credential::TTL_SECONDS_MIN;
use crate::domain::name::{ClusterName, parse_namespace};
use crate::error::{Failure, Kind};
use crate::ops;
use crate::ops::shell::{ShellRequest, TTL_HOURS_MAX};

/// Run a shell or one command with a credential that ends with it
///
/// Issues a short-lived credential of its own, beside your kubeconfig, and runs $SHELL or the given
/// command with KUBECONFIG pointing to it. However that ends, the credential is ended and read back,
/// and the file is removed. The exit code is the command's; it is 6 if the credential could not be
/// ended yet. `KUBEGRANT_SHELL` holds the cluster's name, for prompts.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant shell prod\n  \
    kubegrant shell prod --level read -- kubectl get pods -A\n  \
    kubegrant shell prod --ttl 10m -- helm list")]
pub(crate) struct ShellArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    cluster: ClusterName,
    /// With less than you have: read or write
    #[arg(short, long)]
    level: Option<Level>,
    /// How long it may live at most: 10m to 24h
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = ttl)]
    ttl: TimeDelta,
    /// The namespace to begin in
    #[arg(long, short, value_name = "NAMESPACE", value_parser = parse_namespace)]
    namespace: Option<String>,
    #[command(flatten)]
    dry_run: DryRunArgs,
    /// The command and its arguments [default: $SHELL, else `/bin/sh`]
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl ShellArgs {
    /// What is asked of a server.
    pub(super) fn wanted(self) -> Wanted {
        Wanted {
            cluster: self.cluster,
            command: self.command,
            ttl: self.ttl,
            is_preview: self.dry_run.intent().is_preview(),
        }
    }
}

fn ttl(text: &str) -> Result<TimeDelta, String> {
    let ttl = duration::parse(text).map_err(|error| error.to_string())?;
    if ttl > TimeDelta::hours(TTL_HOURS_MAX) {
        return Err(format!("at most {TTL_HOURS_MAX} hours"));
    }
    if ttl < TimeDelta::seconds(TTL_SECONDS_MIN) {
        return Err("at least 10 minutes: no API server gives less".to_owned());
    }
    Ok(ttl)
}

pub(crate) async fn run(args: ShellArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let wanted = ShellRequest {
        cluster: args.cluster,
        level: args.level,
        ttl_seconds: args.ttl.num_seconds(),
        namespace: args.namespace,
        command: args.command,
        insists: context.insists(),
    };
    let intent = args.dry_run.intent();
    let begun = Box::pin(ops::shell::begin(context.session, &wanted, &intent)).await?;
    let Some(begun) = context.planned(begun)? else {
        return Ok(());
    };
    for note in begun.excess.iter().chain(&begun.notes) {
        context.output.warn(note);
    }
    // Of somebody at another machine it is not known: it is said there.
    let alone = wanted.command.is_empty() && !context.session.workspace.is_for_sitting();
    let full = begun.power == Power::Full;
    if alone {
        context.output.status(&format!(
            "A shell on cluster '{}' ({}), until {} at most. Leave it with `exit`.",
            begun.cluster.name,
            begun.power,
            crate::domain::text::rfc3339(begun.expires_at),
        ));
    }
    // Until all is ended: an impatient Ctrl-C must not leave a login behind. Every wait is bounded.
    let _hold = context.session.workspace.env.interrupt.hold();
    let ran = ops::shell::run(context.session, &begun, &wanted).await;
    let mut ended = ops::shell::end(context.session, begun).await?;
    if let Some(because) = &ended.before {
        context.output.warn(&format!(
            "the shell's credential had ended before: {because}"
        ));
    }
    if !alone {
        // A command's output is its own; only what is pending is worth a word.
        ended.applied.ended.clear();
    }
    if full {
        reached::say("this shell", std::slice::from_ref(&wanted.cluster), context);
    }
    let applied = context.say_applied(&ended.applied);
    if let (Err(_), Err(error)) = (&applied, &ran) {
        context.output.warn(&error.to_string());
    }
    applied?;
    match ran?.code {
        0 => Ok(()),
        code => Err(Failure::reported(Kind::Child(code))),
    }
}
