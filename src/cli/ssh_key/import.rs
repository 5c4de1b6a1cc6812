//! `kubegrant ssh-key import`.

use std::path::{Path, PathBuf};

use crate::cli::completion;
use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::ssh_key::KeyView;
use crate::domain::name::ClusterName;
use crate::error::Failure;
use crate::ops::ssh_key::{self, AddKey, Origin, SecretString, SshKey};
use crate::session::is_stream;

/// Take an existing private key as the key pair of a cluster's nodes
///
/// Reads OpenSSH, PKCS#8 and PKCS#1 files, ed25519 or RSA of at least 2048 bits; a passphrase is
/// asked for, and not kept: the key is sealed instead. Copies of the file stay where they are:
/// delete them, or `ssh-key rotate` to a key that nobody has.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant ssh-key import prod ~/.ssh/prod-nodes")]
pub(crate) struct SshKeyImportArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    cluster: ClusterName,
    /// The private key, in a file or a pipe such as `<(command)`; `-` is standard input
    #[arg(value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

/// Reads a key file, asking for its passphrase where a person is there to answer.
pub(crate) fn read(
    context: &mut Context<'_>,
    cluster: &ClusterName,
    file: &Path,
) -> Result<SshKey, Failure> {
    let (session, prompt, output) = (context.session, &context.prompt, &mut *context.output);
    let question = format!("Passphrase of '{}'", file.display());
    let mut unanswered = None;
    let mut ask = || {
        let flag = "a key without a passphrase";
        match prompt.password(output, &question, flag) {
            Ok(answer) => Some(SecretString::from(answer.as_str())),
            Err(error) => {
                unanswered = Some(error);
                None
            }
        }
    };
    let read = ssh_key::read_file(session, cluster, file, &mut ask);
    match unanswered {
        Some(stop) if stop.is_interrupt() => Err(stop.into()),
        _ => Ok(read?),
    }
}

pub(crate) async fn run(args: SshKeyImportArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    Box::pin(ssh_key::may_add(context.session, &args.cluster)).await?;
    let key = read(context, &args.cluster, &args.file)?;
    let change = AddKey {
        cluster: args.cluster.clone(),
        origin: Origin::Import(Box::new(key)),
    };
    let done = Box::pin(ssh_key::add(
        context.session,
        &change,
        &args.dry_run.intent(),
    ))
    .await?;
    let Some(shown) = context.planned(done)? else {
        return Ok(());
    };
    context.output.show(&KeyView::from(&shown))?;
    let (cluster, file) = (&args.cluster, args.file.display());
    context
        .output
        .status(&format!("Cluster '{cluster}' has an SSH key."));
    context.output.warn(&if is_stream(&args.file) {
        "what it was read from may still hold the private key: delete it, and copies of it"
            .to_owned()
    } else {
        format!("`{file}` still holds the private key, and so may copies of it: delete them")
    });
    super::say_new(&shown, context);
    Ok(())
}
