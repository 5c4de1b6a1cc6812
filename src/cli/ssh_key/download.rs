//! `kubegrant ssh-key download`.

use std::path::{Path, PathBuf};

use crate::cli::completion;
use crate::cli::desk::Desk;
use crate::cli::global::DryRunArgs;
use crate::cli::views::ssh_key::HandedOutView;
use crate::domain::name::{ClusterName, UserRef};
use crate::error::Failure;
use crate::ops::ssh_key::{Destination, HandOut, HandedOut, download};

/// Take the private key of a cluster's nodes: exactly once
///
/// Writes `ssh-key-CLUSTER.pem`, readable by you alone, and destroys the sealed copy: nobody can
/// take it again. For somebody else (`--user`) the file is sealed to their key. Cut off at any
/// moment, either the key can still be taken, or the complete file is there and recorded. To
/// standard output it is handed out at most once: what is lost on the way is lost.
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

pub(crate) async fn run(args: SshKeyDownloadArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let destination = match args.file {
        None => Destination::Usual,
        Some(path) if path == Path::new("-") => Destination::Stdout,
        Some(path) => Destination::File(path),
    };
    let wish = HandOut {
        cluster: args.cluster,
        user: args.user,
        destination,
    };
    let done = download(desk.session, wish, args.dry_run.mode()).await?;
    let Some(done) = desk.planned(done)? else {
        return Ok(());
    };
    say(&done, desk)
}

fn say(done: &HandedOut, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let name = &done.cluster;
    if done.hand_to_stdout(|text| {
        if desk.output.is_terminal() {
            desk.output.warn("this is a secret, on your screen");
        }
        desk.output.raw(text)
    })? {
        desk.output
            .warn("it went to standard output, which cannot be checked: at most once");
    } else {
        desk.output.show(&HandedOutView::from(done))?;
    }
    if done.finished_earlier {
        desk.output
            .status("An earlier run wrote the file and was cut off; the hand-out is recorded now.");
    }
    desk.output.status(&format!(
        "The SSH key of cluster '{name}' was taken by '{}' on {}.",
        done.user,
        crate::output::time::rfc3339(done.at)
    ));
    desk.output.warn(
        "this is the only copy: whoever has it is root on the nodes. Keep it as you keep a \
         password, and do not pass it on",
    );
    let Some(path) = &done.path else {
        return Ok(());
    };
    let file = path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    );
    if done.sealed {
        desk.output.hint(&format!(
            "'{}' opens it with `age -d -i IDENTITY -o ssh-key-{name}.pem {file}`",
            done.user
        ));
        return Ok(());
    }
    for command in commands(done, &file) {
        desk.output.hint(&format!("log in with `{command}`"));
    }
    Ok(())
}

/// The command to copy, once for each node that is known.
fn commands(done: &HandedOut, file: &str) -> Vec<String> {
    if done.nodes.is_empty() {
        return vec![format!("ssh -i {file} root@<node-ip>")];
    }
    let nodes = done.nodes.iter();
    nodes
        .map(|node| format!("ssh -i {file} root@{}", node.address))
        .collect()
}
