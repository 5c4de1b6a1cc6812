//! `kubegrant ssh-key install` and `rotate`.

use std::path::PathBuf;

use super::KeyType;
use crate::cli::completion;
use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::prompt::PromptError;
use crate::cli::views::ssh_key::RollOutView;
use crate::domain::Confirmed;
use crate::domain::name::ClusterName;
use crate::error::{Failure, Kind};
use crate::ops::ssh_key::SshKeyKind;
use crate::ops::ssh_key::{self, Consent, ProgressEvent, RollOut, RollOutRequest};
use crate::ops::ssh_key::{Login, Node};
use crate::ops::{self, Done};
use crate::output::progress::Progress;

/// How the nodes are reached.
#[derive(clap::Args, Debug)]
struct ReachArgs {
    // Not a doc comment: to rustdoc the brackets would be a link.
    #[arg(
        long,
        value_name = "ADDRESS",
        help = "A node: host, host:port or [IPv6]:port; may be repeated [default: all that the \
                cluster names]"
    )]
    node: Vec<Node>,
    /// A private key that the nodes accept already
    #[arg(short, long = "identity-file", value_name = "KEYFILE", value_hint = clap::ValueHint::FilePath)]
    identity_file: Option<PathBuf>,
    // Not a doc comment: to rustdoc the brackets would be a link.
    #[arg(
        long = "user",
        value_name = "LOGIN",
        help = "Who logs in to the nodes [default: who did before, else root]"
    )]
    login: Option<Login>,
    /// Become root with `sudo -n` after logging in as `--user`: the key is for root, on nodes that
    /// do not let root in otherwise
    #[arg(hide_short_help = true, long, requires = "login")]
    sudo: bool,
    /// The port of nodes that name none
    #[arg(hide_short_help = true, long, value_name = "PORT")]
    port: Option<u16>,
    /// A node that is gone for good and holds no key any more, or one of the cluster's nodes, by
    /// its name, that is none of yours; may be repeated
    #[arg(hide_short_help = true, long, value_name = "NODE")]
    forget_node: Vec<Node>,
}

/// Put the public half on the nodes, through OpenSSH's own `ssh`
///
/// Your `ssh` reaches the nodes as always: with your configuration, agent, known hosts and jump
/// hosts; only who logs in is said here (`--user`). One line is added to `~/.ssh/authorized_keys` of the login user, and nothing else in it
/// is touched. Where the private half is still sealed here, a login with it proves the work. A node
/// that fails is named; run it again when it answers.
///
/// Without `--node` the nodes are those that the cluster names. A node's address is its own word:
/// only an IP address is taken, and none of this machine or of another cluster that is registered
/// here; one that is new is asked for (`--yes`).
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant ssh-key install prod\n  \
    kubegrant ssh-key install prod --node 10.0.0.5 --node 10.0.0.6:2222 -i ~/.ssh/id_ed25519\n  \
    kubegrant ssh-key install prod --user ubuntu\n  \
    kubegrant ssh-key install prod --user ubuntu --sudo")]
pub(crate) struct SshKeyInstallArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    cluster: ClusterName,
    #[command(flatten)]
    reach: ReachArgs,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

/// Replace the key on every node, and prove it, before the old one goes
///
/// Makes a new pair. On each node the new line is put beside the old one, a login with the new key
/// proves it, and only then the old line is removed. Where the old private key is at hand (sealed
/// here, or given with `-i`) a login with it must be refused. A node that cannot be reached keeps
/// the old key and is pending (exit 6): run it again, and it goes on. After it the new private key
/// can be taken once.
///
/// It goes to all nodes that hold the key, each with its login, and to those that the cluster
/// names, as `ssh-key install` does.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant ssh-key rotate prod -i ssh-key-prod.pem\n  \
    kubegrant ssh-key rotate prod --forget-node 10.0.0.9")]
pub(crate) struct SshKeyRotateArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    cluster: ClusterName,
    #[command(flatten)]
    reach: ReachArgs,
    /// Which kind of key to make
    #[arg(
        long = "type",
        value_enum,
        default_value = "ed25519",
        value_name = "TYPE"
    )]
    kind: KeyType,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

fn wanted(cluster: ClusterName, reach: ReachArgs, kind: SshKeyKind) -> RollOutRequest {
    let (login, sudo_from) = if reach.sudo {
        (Some(Login::root()), reach.login)
    } else {
        (reach.login, None)
    };
    RollOutRequest {
        cluster,
        nodes: reach.node,
        forget: reach.forget_node,
        identity_file: reach.identity_file,
        login,
        sudo_from,
        port: reach.port,
        kind,
    }
}

/// Shows how far the nodes are.
struct Ear<'a, 'b> {
    context: &'a mut Context<'b>,
    progress: Option<Progress>,
}

impl Ear<'_, '_> {
    fn on_progress(&mut self, event: &ProgressEvent<'_>) {
        match (event, &self.progress) {
            (ProgressEvent::Begins(total), _) => {
                self.progress = Some(self.context.output.progress(*total, "nodes"));
            }
            (ProgressEvent::Finished(report), Some(progress)) => match &report.outcome {
                Ok(_) => progress.done(&report.node),
                Err(error) => progress.failed(&report.node, &error.to_string()),
            },
            (ProgressEvent::Finished(_), None) => {}
        }
    }
}

pub(crate) async fn install(
    args: SshKeyInstallArgs,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let intent = args.dry_run.intent();
    let wanted = wanted(args.cluster, args.reach, SshKeyKind::Ed25519);
    let session = context.session;
    let mut consent = given(context);
    loop {
        let mut ear = Ear {
            context,
            progress: None,
        };
        let mut on_progress = |event: ProgressEvent<'_>| ear.on_progress(&event);
        match ssh_key::install(session, &wanted, &intent, consent, &mut on_progress).await {
            Err(ops::Error::NewNodes { nodes, others, .. }) => {
                consent = ask(context, &wanted.cluster, &nodes, others)?;
            }
            done => return say(done?, context),
        }
    }
}

pub(crate) async fn rotate(
    args: SshKeyRotateArgs,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let intent = args.dry_run.intent();
    let wanted = wanted(args.cluster, args.reach, args.kind.into());
    let session = context.session;
    let mut consent = given(context);
    loop {
        let mut ear = Ear {
            context,
            progress: None,
        };
        let mut on_progress = |event: ProgressEvent<'_>| ear.on_progress(&event);
        match ssh_key::rotate(session, &wanted, &intent, consent, &mut on_progress).await {
            Err(ops::Error::NewNodes { nodes, others, .. }) => {
                consent = ask(context, &wanted.cluster, &nodes, others)?;
            }
            done => return say(done?, context),
        }
    }
}

fn given(context: &Context<'_>) -> Consent {
    Confirmed::from_consent(context.yes).map_or(Consent::Unasked, Consent::Given)
}

/// Asks whether nodes that a cluster did not name before are its own. A node that nobody can vouch
/// for keeps the key from no other.
fn ask(
    context: &mut Context<'_>,
    cluster: &ClusterName,
    nodes: &[String],
    others: usize,
) -> Result<Consent, Failure> {
    context.output.status(&format!(
        "Cluster '{cluster}' names nodes that it did not name before. A node's address is its own \
         word, and whoever takes the key is in there:"
    ));
    for node in nodes {
        context.output.status(&format!("  node {node}"));
    }
    let question = format!("Put the key on {}?", counted(nodes.len(), "new node"));
    match context.prompt.confirm(context.output, &question, "`--yes`") {
        Ok(true) => Ok(given_by_answer()),
        Ok(false) if others == 0 => Err(Failure::description(
            Kind::State,
            "not confirmed; nothing was changed",
            "",
        )),
        Ok(false) | Err(PromptError::NotATerminal { .. }) if others > 0 => {
            context.output.warn(&format!(
                "{} left out; agree to them with `--yes`, or name them with `--node ADDRESS`",
                counted(nodes.len(), "new node")
            ));
            Ok(Consent::Refused)
        }
        Ok(false) => Ok(Consent::Refused),
        Err(error) => Err(error.into()),
    }
}

fn given_by_answer() -> Consent {
    Confirmed::from_consent(true).map_or(Consent::Refused, Consent::Given)
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        more => format!("{more} {what}s"),
    }
}

fn say(done: Done<RollOut>, context: &mut Context<'_>) -> Result<(), Failure> {
    let Some(done) = context.planned(done)? else {
        return Ok(());
    };
    context.output.show(&RollOutView::from(&done))?;
    let name = &done.cluster;
    if done.resumed {
        context.output.status(&format!(
            "An earlier rotation of cluster '{name}' was gone on with; run it again for a new one."
        ));
    }
    let mut told = std::collections::BTreeSet::new();
    for report in &done.reports {
        if let Err(error) = &report.outcome {
            let hint = error.hint();
            context.output.warn(&error.to_string());
            if told.insert(hint.clone()) {
                context.output.hint(&hint);
            }
        }
    }
    let count = done.reports.iter().filter(|it| it.outcome.is_ok()).count();
    if done.pending.is_empty() {
        context.output.status(&format!(
            "SSH key {} is on all {count} nodes of cluster '{name}'.",
            done.fingerprint
        ));
        return Ok(());
    }
    if done.unasked.is_some() && count == done.reports.len() {
        context.output.status(&format!(
            "SSH key {} is on all {count} recorded nodes of cluster '{name}'; the cluster could \
             not be asked for others.",
            done.fingerprint
        ));
    }
    for item in &done.pending {
        context.output.warn(item);
    }
    Err(Failure::description(
        Kind::Pending,
        "recorded, but not yet true on every node",
        "run the same command again when the nodes answer: it goes on where it was",
    ))
}
