//! `kubegrant kubeconfig download`.

mod all;

use std::path::{Path, PathBuf};

use chrono::TimeDelta;

use crate::cli::desk::Desk;
use crate::cli::global::DryRunArgs;
use crate::cli::views::kubeconfig::DownloadView;
use crate::cli::{completion, duration};
use crate::domain::access::Power;
use crate::domain::credential::{TTL_DAYS_MAX, TTL_SECONDS_MIN};
use crate::domain::name::{ClusterName, UserRef, parse_line, parse_namespace};
use crate::error::{Failure, Kind};
use crate::ops;
use crate::ops::kubeconfig::{Destination, DownloadWish, Downloaded, MergeNews, Overwrite};
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
    kubegrant kubeconfig download prod -f - | kubectl --kubeconfig /dev/stdin get pods")]
pub(crate) struct KubeconfigDownloadArgs {
    /// Which cluster
    #[arg(add = completion::clusters(), required_unless_present = "all")]
    cluster: Option<ClusterName>,
    /// Every cluster that you can reach, in one file: `kubegrant.kubeconfig`
    ///
    /// Those that answer are handed over, the others named. With more than one in it, no context is
    /// the current one: choose with `kubectl --context`.
    #[arg(long, conflicts_with_all = ["cluster", "context_name", "set_current"])]
    all: bool,
    /// For whom, if not for you: name or e-mail
    #[arg(short, long, add = completion::users())]
    user: Option<UserRef>,
    /// The shared kubeconfig of the cluster's project; it is what you get where the project is the
    /// only way in
    #[arg(long)]
    shared: bool,
    /// Where to write it; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
    /// Merge it into your kubeconfig: the first of KUBECONFIG, else `~/.kube/config`
    ///
    /// Everything else in it stays, comments too where its layout is a usual one. Entries of an
    /// older version are replaced. With `--file`, into that file.
    #[arg(long, conflicts_with = "force")]
    merge: bool,
    /// Make it the current context; without it only where there is none
    #[arg(long, requires = "merge")]
    set_current: bool,
    /// How long the token lives: 10m to 90d [default: 30d]
    #[arg(long, value_name = "DURATION", value_parser = ttl)]
    ttl: Option<TimeDelta>,
    /// Do not seal it, though it is for somebody else; recorded
    #[arg(long)]
    plain: bool,
    // Not a doc comment: to rustdoc the brackets would be a link.
    #[arg(
        long,
        value_name = "NAME",
        value_parser = context_name,
        help = "The context's name in the file [default: USER@CLUSTER]"
    )]
    context_name: Option<String>,
    /// The namespace in the file
    #[arg(long, short, value_name = "NAMESPACE", value_parser = parse_namespace)]
    namespace: Option<String>,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

fn ttl(text: &str) -> Result<TimeDelta, String> {
    let ttl = duration::parse(text).map_err(|error| error.to_string())?;
    if ttl > TimeDelta::days(TTL_DAYS_MAX) {
        return Err(format!("at most {TTL_DAYS_MAX} days"));
    }
    if ttl < TimeDelta::seconds(TTL_SECONDS_MIN) {
        return Err("at least 10 minutes: no API server gives less".to_owned());
    }
    Ok(ttl)
}

fn context_name(text: &str) -> Result<String, String> {
    let name = parse_line(text)?;
    if name.is_empty() {
        Err("it cannot be empty".to_owned())
    } else {
        Ok(name)
    }
}

pub(crate) async fn run(args: KubeconfigDownloadArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let set_current = args.set_current;
    let destination = match args.file {
        Some(path) if args.merge && path == Path::new("-") => {
            let hint = "leave out `-f -`, or name a file";
            return Err(Failure::words(
                Kind::Usage,
                "nothing can be merged into standard output",
                hint,
            ));
        }
        file if args.merge => Destination::Merge { file, set_current },
        None => Destination::Usual,
        Some(path) if path == Path::new("-") => Destination::Stdout,
        Some(path) => Destination::File(path),
    };
    let insists = desk.insists(args.dry_run.mode());
    let wish = |cluster| DownloadWish {
        cluster,
        user: args.user.clone(),
        shared: args.shared,
        destination: destination.clone(),
        overwrite: if args.force {
            Overwrite::Force
        } else {
            Overwrite::Never
        },
        ttl_seconds: args.ttl.map(|ttl| ttl.num_seconds()),
        plain: args.plain,
        context: args.context_name.clone(),
        namespace: args.namespace.clone(),
        insists,
    };
    let Some(cluster) = args.cluster else {
        return all::run(wish, args.dry_run.mode(), desk).await;
    };
    let wish = wish(cluster);
    let done = ops::kubeconfig::download(desk.session, wish, args.dry_run.mode()).await?;
    let Some(done) = desk.planned(done)? else {
        return Ok(());
    };
    say(&done, desk)
}

fn say(done: &Downloaded, desk: &mut Desk<'_>) -> Result<(), Failure> {
    if done.hand_to_stdout(|text| show_secret(text, desk))? {
        // The data is the file itself; the rest is talk.
    } else {
        desk.output.show(&DownloadView::from(done))?;
    }
    let kind = if done.sealed {
        ", sealed to their key"
    } else {
        ""
    };
    desk.output.status(&format!(
        "Version {} of '{}' on cluster '{}' ({}){kind}. It ends on {}.",
        done.version,
        done.user,
        done.cluster,
        done.power,
        crate::output::time::rfc3339(done.expires_at),
    ));
    for excess in &done.excess {
        desk.output.warn(excess);
    }
    if let Some(to) = &done.shared_with {
        desk.output.status(&format!(
            "It is shared: if '{to}' loses this level, it ends for everybody who has it."
        ));
    }
    for note in &done.notes {
        desk.output.warn(note);
    }
    if let Some(asked) = done.shortened_from {
        desk.output.warn(&format!(
            "the API server gave less than the {} that were asked for",
            duration::show(TimeDelta::seconds(asked))
        ));
    }
    if let Some(end) = done.grant_ends_at {
        desk.output.warn(&format!(
            "the grant ends on {}",
            crate::output::time::rfc3339(end)
        ));
    }
    if let Some(news) = &done.merged {
        say_merged(news, done.path.as_deref(), desk);
        return Ok(());
    }
    if let Some(path) = &done.path {
        let path = path.display();
        if done.sealed {
            desk.output.hint(&format!(
                "'{}' opens it with `kubegrant open {path}`, or `age -d -i IDENTITY {path}`",
                done.to
            ));
        } else {
            // Bound roles alone rarely reach the namespaces.
            let line = match done.power {
                Power::Bound => "auth can-i --list",
                _ => "get namespaces",
            };
            desk.output
                .hint(&format!("try `kubectl --kubeconfig {path} {line}`"));
        }
    }
    Ok(())
}

/// Writes a secret to standard output, with a word to whoever watches.
fn show_secret(text: &[u8], desk: &mut Desk<'_>) -> Result<(), Ended> {
    if desk.output.is_terminal() {
        desk.output.warn("this is a secret, on your screen");
    }
    desk.output.raw(text)
}

/// Says what a merge did to the user's kubeconfig beside what was asked for.
pub(super) fn say_merged(news: &MergeNews, path: Option<&Path>, desk: &mut Desk<'_>) {
    let path = path
        .map(|path| path.display().to_string())
        .unwrap_or_default();
    if let Some(mode) = news.open_mode {
        desk.output.warn(&format!(
            "others can read `{path}` (mode {mode:04o}): `chmod 600 {path}`"
        ));
    }
    if news.rewritten {
        desk.output.warn(&format!(
            "`{path}` has an unusual layout and was written anew: its comments are lost"
        ));
    }
    for context in &news.dangling {
        desk.output.warn(&format!(
            "your context '{context}' refers to a login that is gone: give it the new one with \
             `kubectl config set-context {context} --user=USER`"
        ));
    }
    for entry in &news.kept {
        desk.output
            .warn(&format!("'{entry}' stays: a context of yours refers to it"));
    }
    match news.current.as_deref() {
        None => {}
        Some("") => desk.output.status("No context is current any more."),
        Some(context) => {
            let text = format!("The current context is '{context}' now.");
            desk.output.status(&text);
        }
    }
}
