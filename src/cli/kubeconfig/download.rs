//! `kubegrant kubeconfig download`.

mod all;

use std::path::Path;

use chrono::TimeDelta;

use super::hand_over::{Goes, HandOverArgs, not_served};
use crate::cli::context::Context;
use crate::cli::credential::allowlist_hint;
use crate::cli::global::DryRunArgs;
use crate::cli::views::kubeconfig::DownloadView;
use crate::cli::{completion, duration};
use crate::domain::access::Power;
use crate::domain::credential::Renews;
use crate::domain::name::{ClusterName, UserRef, shell_word};
use crate::error::Failure;
use crate::ops;
use crate::ops::kubeconfig::{DownloadRequest, Downloaded, MergeNews};
use crate::output::Ended;

/// Download a kubeconfig for a cluster
///
/// Writes `CLUSTER.kubeconfig` in the working directory, readable by you alone. For somebody else
/// (`--user`) it writes `CLUSTER.USER.kubeconfig.age`, sealed to their key, which the age tool
/// or `kubegrant open` opens. The first download issues version 1; every download mints a fresh
/// token of the live version, and all of them die with it. Nothing of it is stored. With
/// `--shared` it is the kubeconfig that the members of the cluster's project share, in
/// `CLUSTER.shared.kubeconfig`. Where the API server lets it do more than it carries, that is said,
/// and needs `--yes`.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant kubeconfig download prod\n  \
    kubegrant kubeconfig download prod --merge\n  \
    kubegrant kubeconfig download --all --merge\n  \
    kubegrant kubeconfig download prod --user bob --ttl 8h\n  \
    kubegrant kubeconfig download prod --shared\n  \
    kubegrant kubeconfig download prod --renew --merge\n  \
    kubegrant kubeconfig download prod -f - | kubectl --kubeconfig /dev/stdin get pods")]
pub(crate) struct KubeconfigDownloadArgs {
    /// Which cluster
    #[arg(add = completion::clusters(), required_unless_present = "all")]
    cluster: Option<ClusterName>,
    /// Every cluster that you can reach, in one file: `kubegrant.kubeconfig`
    ///
    /// Those that answer are handed over, the others named. With more than one in it, no context is
    /// the current one: choose with `kubectl --context`.
    #[arg(long, conflicts_with_all = ["cluster", "context_name", "set_current", "renew"])]
    all: bool,
    /// For whom, if not for you: name or e-mail
    #[arg(short, long, add = completion::users())]
    user: Option<UserRef>,
    /// The shared kubeconfig of the cluster's project; it is what you get where the project is the
    /// only way in
    #[arg(long)]
    shared: bool,
    /// Do not seal it, though it is for somebody else; recorded
    #[arg(long, conflicts_with = "renew")]
    plain: bool,
    #[command(flatten)]
    hand_over: HandOverArgs,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

impl KubeconfigDownloadArgs {
    /// Where a server's goes.
    pub(in crate::cli) fn goes(self) -> Result<Goes, Failure> {
        let here = [
            (self.shared, "--shared"),
            (self.plain, "--plain"),
            (self.user.is_some(), "--user"),
        ];
        if let Some((_, flag)) = here.iter().find(|(is_given, _)| *is_given) {
            return Err(not_served(flag));
        }
        match self.cluster {
            Some(cluster) => self.hand_over.goes(cluster, false).map(Goes::One),
            None => self.hand_over.goes_all().map(Goes::All),
        }
    }
}

pub(crate) async fn run(
    args: KubeconfigDownloadArgs,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let hand_over = args.hand_over.wanted()?;
    let insists = context.insists();
    let wanted = |cluster| DownloadRequest {
        user: args.user.clone(),
        shared: args.shared,
        plain: args.plain,
        insists,
        ..hand_over(cluster)
    };
    let Some(cluster) = args.cluster else {
        return all::run(wanted, &args.dry_run.intent(), context).await;
    };
    let wanted = wanted(cluster);
    let done = ops::kubeconfig::download(context.session, wanted, &args.dry_run.intent()).await?;
    let Some(done) = context.planned(done)? else {
        return Ok(());
    };
    say(&done, context)
}

fn say(done: &Downloaded, context: &mut Context<'_>) -> Result<(), Failure> {
    if !is_all(done, context)? {
        context.output.show(&DownloadView::from(done))?;
    }
    say_handed_over(done, context);
    Ok(())
}

/// Gives the file to standard output, where that was asked for; says whether it is all the data there is.
pub(super) fn is_all(done: &Downloaded, context: &mut Context<'_>) -> Result<bool, Ended> {
    let mut is_aside = false;
    let given = done.hand_to_stdout(|text| {
        is_aside = context.output.hand_over(text);
        if is_aside {
            return Ok(());
        }
        show_secret(text, context)
    })?;
    Ok(given && !is_aside)
}

/// Says what was handed over, and what to know of it.
pub(super) fn say_handed_over(done: &Downloaded, context: &mut Context<'_>) {
    let kind = if done.sealed {
        ", sealed to their key"
    } else {
        ""
    };
    context.output.status(&format!(
        "Version {} of '{}' on cluster '{}' ({}){kind}. It ends on {}.",
        done.version,
        done.user,
        done.cluster,
        done.power,
        crate::domain::text::rfc3339(done.expires_at),
    ));
    if let Some(renews) = done.renews {
        context.output.status(renewing(renews));
        if !done.sealed {
            context.output.hint(&allowlist_hint());
        }
    }
    if let Some(at) = done.looked_at {
        let at = crate::domain::text::rfc3339(at);
        context
            .output
            .status(&format!("Where write reaches was looked at last on {at}."));
    }
    for excess in &done.excess {
        context.output.warn(excess);
    }
    if let Some(to) = &done.shared_with {
        context.output.status(&format!(
            "It is shared: if '{to}' loses this level, it ends for everybody who has it."
        ));
    }
    for note in &done.notes {
        context.output.warn(note);
    }
    if let Some(asked) = done.shortened_from {
        context.output.warn(&format!(
            "the API server gave less than the {} that were asked for",
            duration::show(TimeDelta::seconds(asked))
        ));
    }
    if let Some(end) = done.grant_ends_at {
        let ends = crate::domain::text::rfc3339(end);
        let longer = (done.expires_at > end).then_some(done.expires_at);
        context.output.warn(&match longer {
            _ if done.renews.is_some() => format!(
                "the grant ends on {ends}: who holds this could mint tokens for longer, so run \
                 `kubegrant reconcile` then, which ends them"
            ),
            None => format!("the grant ends on {ends}"),
            Some(works) => format!(
                "the grant ends on {ends}, and the file works until {}, unless `kubegrant \
                 reconcile` runs in between: no Kubernetes token lives shorter than 10 minutes",
                crate::domain::text::rfc3339(works)
            ),
        });
    }
    if let Some(news) = &done.merged {
        say_merged(news, done.path.as_deref(), context);
        return;
    }
    if let Some(path) = &done.path {
        if done.sealed {
            let path = path.display();
            context.output.hint(&format!(
                "'{}' opens it with `kubegrant open {path}`, or `age -d -i IDENTITY {path}`",
                done.to
            ));
        } else {
            say_try(path, done.power == Power::Bound, context);
        }
    }
}

/// Says what to try with a file.
pub(in crate::cli) fn say_try(path: &Path, is_bound: bool, context: &mut Context<'_>) {
    // Bound roles alone rarely reach the namespaces.
    let line = if is_bound {
        "auth can-i --list"
    } else {
        "get namespaces"
    };
    let path = path.display();
    context
        .output
        .hint(&format!("try `kubectl --kubeconfig {path} {line}`"));
}

/// How a kubeconfig renews itself, in a sentence.
fn renewing(renews: Renews) -> &'static str {
    match renews {
        Renews::Fixed => {
            "Until then it renews itself: `kubegrant credential` gives it tokens of an hour."
        }
        Renews::Rolling => {
            "It renews itself, and this end too as long as it is used: `kubegrant credential` gives it \
             tokens of an hour."
        }
    }
}

/// Writes a secret to standard output, with a word to whoever watches.
pub(in crate::cli) fn show_secret(text: &[u8], context: &mut Context<'_>) -> Result<(), Ended> {
    if context.output.is_terminal() {
        context.output.warn("this is a secret, on your screen");
    }
    context.output.raw(text)
}

/// Says what a merge did to the user's kubeconfig beside what was asked for.
pub(in crate::cli) fn say_merged(news: &MergeNews, path: Option<&Path>, context: &mut Context<'_>) {
    let path = path
        .map(|path| path.display().to_string())
        .unwrap_or_default();
    if let Some(mode) = news.open_mode {
        context.output.warn(&format!(
            "others can read `{path}` (mode {mode:04o}): `chmod 600 {path}`"
        ));
    }
    if news.rewritten {
        context.output.warn(&format!(
            "`{path}` has an unusual layout and was written anew: its comments are lost"
        ));
    }
    for name in &news.dangling {
        // Whoever wrote it there may wait for the next login: it is not to be given to it blindly.
        context.output.warn(&format!(
            "your context '{name}' refers to a login that is gone, and may lead to another \
             cluster: look where before you give it a new one; \
             `kubectl config delete-context {}` removes it",
            shell_word(name)
        ));
    }
    for entry in &news.kept {
        context
            .output
            .warn(&format!("'{entry}' stays: a context of yours refers to it"));
    }
    match news.current.as_deref() {
        None => {}
        Some("") => context.output.status("No context is current any more."),
        Some(name) => {
            let text = format!("The current context is '{name}' now.");
            context.output.status(&text);
        }
    }
}
