//! `kubegrant ssh-key install` and `rotate`.

use std::path::PathBuf;

use super::KeyType;
use crate::cli::completion;
use crate::cli::desk::Desk;
use crate::cli::global::DryRunArgs;
use crate::cli::views::ssh_key::RollOutView;
use crate::domain::name::ClusterName;
use crate::error::{Failure, Kind};
use crate::ops::Done;
use crate::ops::ssh_key::SshKeyKind;
use crate::ops::ssh_key::{self, Heard, RollOut, RollOutWish};
use crate::ops::ssh_key::{Login, Node};
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
    /// Who logs in to the nodes
    #[arg(long = "user", value_name = "LOGIN", default_value = "root")]
    login: Login,
    /// The port of nodes that name none
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
}

/// Put the public half on the nodes, through OpenSSH's own `ssh`
///
/// Your `ssh` reaches the nodes as always: with your configuration, agent, known hosts and jump
/// hosts. One line is added to `~/.ssh/authorized_keys` of the login user, and nothing else in it
/// is touched. Where the private half is still sealed here, a login with it proves the work. A node
/// that fails is named; run it again when it answers.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant ssh-key install prod\n  \
    kubegrant ssh-key install prod --node 10.0.0.5 --node 10.0.0.6:2222 -i ~/.ssh/id_ed25519\n  \
    kubegrant ssh-key install prod --user ubuntu")]
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
/// proves it, and only then the old line is removed. A node that cannot be reached keeps the old
/// key and is owed (exit 6): run it again, and it goes on. After it the new private key can be
/// taken once.
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
    /// A node that is gone for good and holds no key any more; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    forget_node: Vec<Node>,
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

fn wish(
    cluster: ClusterName,
    reach: ReachArgs,
    forget: Vec<Node>,
    kind: SshKeyKind,
) -> RollOutWish {
    RollOutWish {
        cluster,
        nodes: reach.node,
        forget,
        identity_file: reach.identity_file,
        login: reach.login,
        port: reach.port,
        kind,
    }
}

/// Shows how far the nodes are.
struct Ear<'a, 'b> {
    desk: &'a mut Desk<'b>,
    progress: Option<Progress>,
}

impl Ear<'_, '_> {
    fn hear(&mut self, heard: &Heard<'_>) {
        match (heard, &self.progress) {
            (Heard::Begins(total), _) => {
                self.progress = Some(self.desk.output.progress(*total, "nodes"));
            }
            (Heard::Finished(report), Some(progress)) => match &report.outcome {
                Ok(_) => progress.done(&report.node.to_string()),
                Err(error) => progress.failed(&report.node.to_string(), &error.to_string()),
            },
            (Heard::Finished(_), None) => {}
        }
    }
}

pub(crate) async fn install(args: SshKeyInstallArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let mode = args.dry_run.mode();
    let wish = wish(args.cluster, args.reach, vec![], SshKeyKind::Ed25519);
    let session = desk.session;
    let mut ear = Ear {
        desk,
        progress: None,
    };
    let done = ssh_key::install(session, wish, mode, &mut |heard| ear.hear(&heard)).await?;
    say(done, desk)
}

pub(crate) async fn rotate(args: SshKeyRotateArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let mode = args.dry_run.mode();
    let wish = wish(args.cluster, args.reach, args.forget_node, args.kind.into());
    let session = desk.session;
    let mut ear = Ear {
        desk,
        progress: None,
    };
    let done = ssh_key::rotate(session, wish, mode, &mut |heard| ear.hear(&heard)).await?;
    say(done, desk)
}

fn say(done: Done<RollOut>, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let Some(done) = desk.planned(done)? else {
        return Ok(());
    };
    desk.output.show(&RollOutView::from(&done))?;
    let name = &done.cluster;
    if done.resumed {
        desk.output.status(&format!(
            "An earlier rotation of cluster '{name}' was gone on with; run it again for a new one."
        ));
    }
    let mut told = std::collections::BTreeSet::new();
    for report in &done.reports {
        if let Err(error) = &report.outcome {
            let hint = error.hint();
            desk.output.warn(&error.to_string());
            if told.insert(hint.clone()) {
                desk.output.hint(&hint);
            }
        }
    }
    if done.owed.is_empty() {
        desk.output.status(&format!(
            "SSH key {} is on all {} nodes of cluster '{name}'.",
            done.fingerprint,
            done.reports.len()
        ));
        return Ok(());
    }
    for debt in &done.owed {
        desk.output.warn(debt);
    }
    Err(Failure::words(
        Kind::Owed,
        "recorded, but not yet true on every node",
        "run the same command again when the nodes answer: it goes on where it was",
    ))
}
