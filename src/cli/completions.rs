//! `kubegrant completions`, and the names that are completed.

use super::completion::{self, Kind, Shell};
use crate::config::{Config, Options};
use crate::env::Env;
use crate::error::Failure;
use crate::output::Output;
use crate::session::{NameKind, Session};

/// Print the completion script of a shell
///
/// The script asks this binary, so that it always fits, and completes the names of clusters,
/// projects and users from the store.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant completions bash > ~/.local/share/bash-completion/completions/kubegrant\n  \
    kubegrant completions zsh > ~/.zfunc/_kubegrant\n  \
    kubegrant completions fish > ~/.config/fish/completions/kubegrant.fish")]
pub(crate) struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, output: &mut Output) -> Result<(), Failure> {
    output.raw(completion::registration(args.shell).as_bytes())?;
    Ok(())
}

/// The names to complete, with a word about each; silent whatever happens.
pub(crate) fn candidates(env: &Env, kind: Kind) -> Vec<(String, String)> {
    let Ok(config) = Config::new(env, Options::default()) else {
        return vec![];
    };
    let kind = match kind {
        Kind::Cluster => NameKind::Cluster,
        Kind::Project => NameKind::Project,
        Kind::User => NameKind::User,
    };
    Session::names(env, &config, kind)
}
