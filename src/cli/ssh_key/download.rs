//! `kubegrant ssh-key download`.

use std::path::{Path, PathBuf};

use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::kubeconfig::hand_over::not_served;
use crate::cli::kubeconfig::show_secret;
use crate::cli::views::ssh_key::HandedOutView;
use crate::cli::{completion, confirm};
use crate::domain::Confirmed;
use crate::domain::name::{ClusterName, UserRef};
use crate::domain::text::clean;
use crate::error::Failure;
use crate::ops;
use crate::ops::ssh_key::{Destination, HandOut, HandedOut, Node, download};

/// Take the private key of a cluster's nodes: exactly once
///
/// Writes `ssh-key-CLUSTER.pem`, readable by you alone, and destroys the sealed copy: nobody can
/// take it again. For somebody else (`--user`) the file is sealed to their key. Cut off at any
/// moment, either the key can still be taken, or the complete file is there and recorded. To
/// standard output it is handed out at most once: what is lost on the way is lost.
///
/// The cluster is asked first whether this is the store that it knows, and told of the hand-out: a
/// copy of the store on another machine hands the key out no more. Where the cluster does not
/// answer you are asked whether to go on (`--yes`).
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant ssh-key download prod\n  \
    kubegrant ssh-key download prod --user bob\n  \
    kubegrant ssh-key download prod -f - | ssh-add -")]
pub(crate) struct SshKeyDownloadArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    cluster: ClusterName,
    /// For whom, if not for you: name or e-mail
    #[arg(short, long, add = completion::users())]
    user: Option<UserRef>,
    /// Where to write it; `-` is standard output
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(
    args: SshKeyDownloadArgs,
    context: &mut Context<'_>,
) -> Result<(), Failure> {
    let destination = args.destination();
    let mut change = HandOut {
        cluster: args.cluster,
        user: args.user,
        destination,
        consent: Confirmed::from_consent(context.yes),
    };
    let intent = args.dry_run.intent();
    let done = match Box::pin(download(context.session, &change, &intent)).await {
        Err(ops::Error::Unsure { what }) if change.consent.is_none() => {
            context.output.warn(&what);
            let question = format!(
                "Take the SSH key of cluster '{}' all the same?",
                change.cluster
            );
            change.consent = Some(confirm::agree(context, &question)?);
            Box::pin(download(context.session, &change, &intent)).await?
        }
        done => done?,
    };
    let Some(done) = context.planned(done)? else {
        return Ok(());
    };
    say(&done, context)
}

fn say(done: &HandedOut, context: &mut Context<'_>) -> Result<(), Failure> {
    let name = &done.cluster;
    let mut is_aside = false;
    let is_handed = done.hand_to_stdout(|text| {
        is_aside = context.output.hand_over(text);
        if is_aside {
            return Ok(());
        }
        show_secret(text, context)
    })?;
    if is_aside {
        context.output.show(&HandedOutView::from(done))?;
        context
            .output
            .warn("it is handed over at most once: what is lost on the way is lost");
    } else if is_handed {
        context
            .output
            .warn("it went to standard output, which cannot be checked: at most once");
    } else {
        context.output.show(&HandedOutView::from(done))?;
    }
    if done.finished_earlier {
        context
            .output
            .status("An earlier run wrote the file and was cut off; the hand-out is recorded now.");
    }
    context.output.status(&format!(
        "The SSH key of cluster '{name}' was taken by '{}' on {}.",
        done.user,
        crate::domain::text::rfc3339(done.at)
    ));
    context.output.warn(
        "it is not in the store any more: whoever has it can log in to the nodes. Keep it as you \
         keep a password, and do not pass it on",
    );
    if !done.readers.is_empty() {
        context.output.warn(&format!(
            "backups and copies of the store from before still hold it, sealed to {}: destroy \
             them, and put a new key on the nodes when one of these people leaves",
            quoted(&done.readers)
        ));
    }
    if let Some(why) = &done.unwitnessed {
        context.output.warn(&format!(
            "the cluster could not be asked or told ({why}): another copy of this store would hand \
             the key out once more"
        ));
    }
    if done.log_is_kept {
        context.output.warn(
            "another process is reading the store: the sealed copy stays in the store's log until \
             it ends",
        );
    }
    if done.is_served {
        return Ok(());
    }
    let Some(path) = &done.path else {
        return Ok(());
    };
    let file = word(path, &context.session.workspace.env.current_dir);
    if done.sealed {
        context.output.hint(&format!(
            "'{}' opens it with `age -d -i IDENTITY -o ssh-key-{name}.pem {file}`",
            done.user
        ));
        return Ok(());
    }
    for command in commands(&done.nodes, &file) {
        context.output.hint(&format!("log in with `{command}`"));
    }
    Ok(())
}

fn quoted(names: &[String]) -> String {
    let names = names.iter().map(|name| format!("'{name}'"));
    names.collect::<Vec<_>>().join(", ")
}

/// The command to copy, once for each node that is known.
fn commands(nodes: &[(String, Node)], file: &str) -> Vec<String> {
    if nodes.is_empty() {
        return vec![format!("ssh -i {file} root@<node-ip>")];
    }
    let nodes = nodes.iter();
    nodes
        .map(|(login, node)| {
            let port = node.port.map(|port| format!(" -p {port}"));
            let port = port.unwrap_or_default();
            format!("ssh -i {file}{port} {login}@{}", node.address)
        })
        .collect()
}

/// The same where the addresses alone are known.
pub(in crate::cli) fn commands_of(nodes: &[String], file: &str) -> Vec<String> {
    if nodes.is_empty() {
        return vec![format!("ssh -i {file} root@<node-ip>")];
    }
    let nodes = nodes.iter().map(|node| clean(node));
    nodes
        .map(|node| format!("ssh -i {file} root@{node}"))
        .collect()
}

/// Says what to do with a key that nothing here opens.
pub(in crate::cli) fn say_sealed(cluster: &ClusterName, file: &str, context: &mut Context<'_>) {
    context
        .output
        .warn("no key here opens it: it is kept as it came, sealed to your key");
    context.output.hint(&format!(
        "open it with `age -d -i IDENTITY -o ssh-key-{cluster}.pem {file}`"
    ));
}

/// Where a key goes that a server hands over.
pub(in crate::cli) struct Goes {
    /// Of which cluster.
    pub(in crate::cli) cluster: ClusterName,
    /// Where the file goes.
    pub(in crate::cli) destination: Destination,
    /// Whether it is only said what would be done.
    pub(in crate::cli) is_preview: bool,
}

impl SshKeyDownloadArgs {
    fn destination(&self) -> Destination {
        match &self.file {
            None => Destination::Usual,
            Some(path) if path == Path::new("-") => Destination::Stdout,
            Some(path) => Destination::File(path.clone()),
        }
    }

    /// Where a server's goes.
    pub(in crate::cli) fn goes(self) -> Result<Goes, Failure> {
        if self.user.is_some() {
            return Err(not_served("--user"));
        }
        Ok(Goes {
            destination: self.destination(),
            cluster: self.cluster,
            is_preview: self.dry_run.intent().is_preview(),
        })
    }
}

/// A file as a command names it: from here, and quoted where a shell would part it.
fn word(path: &Path, here: &Path) -> String {
    let path = path.strip_prefix(here).unwrap_or(path);
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@%,".contains(c);
    if text.chars().all(is_plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
