//! Where the operator's login comes from: the flags of `cluster add` and `cluster relink`.

use std::path::{Path, PathBuf};

use crate::cli::desk::Desk;
use crate::error::{Failure, Kind};
use crate::ops::cluster::Source;

/// The largest kubeconfig that is read from standard input, in bytes.
const STDIN_BYTES_MAX: u64 = 1024 * 1024;

/// Where the operator's login comes from.
#[derive(clap::Args, Debug)]
pub(crate) struct SourceArgs {
    /// Kubeconfig of an operator with cluster-admin; `-` is standard input [default: KUBECONFIG's
    /// list, else ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Context in the kubeconfig [default: its current context]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Read the certificate, key and token files that the kubeconfig points to
    #[arg(long)]
    inline_files: bool,
    /// Run the kubeconfig's exec plugin, once
    #[arg(long)]
    allow_exec: bool,
}

impl SourceArgs {
    /// Works out the files to read.
    pub(crate) fn source(self, desk: &Desk<'_>) -> Result<Source, Failure> {
        let env = &desk.session.env;
        let mut source = Source {
            context: self.context,
            inline_files: self.inline_files,
            allow_exec: self.allow_exec,
            ..Source::default()
        };
        match self.kubeconfig {
            Some(path) if path == Path::new("-") => {
                let bytes = env.stdin.read_to_end(STDIN_BYTES_MAX).map_err(|error| {
                    Failure::words(
                        Kind::Usage,
                        &format!("cannot read standard input: {error}"),
                        "",
                    )
                })?;
                // Guessed letters would make it another kubeconfig than the one that was given.
                let text = std::str::from_utf8(&bytes).map_err(|_| {
                    let words = "the kubeconfig on standard input is not UTF-8 text";
                    Failure::words(Kind::Usage, words, "")
                })?;
                source.text = Some(text.to_owned());
            }
            Some(path) => {
                source.named = true;
                source.files = vec![env.current_dir.join(path)];
            }
            None => match env.path_variable("KUBECONFIG") {
                // A list, as kubectl has it: the first file that says a thing is right.
                Some(list) => {
                    source.files = std::env::split_paths(&list)
                        .filter(|path| !path.as_os_str().is_empty())
                        .map(|path| env.current_dir.join(path))
                        .collect();
                }
                None => {
                    source.files = env
                        .home_dir()
                        .map(|home| home.join(".kube/config"))
                        .into_iter()
                        .collect();
                }
            },
        }
        Ok(source)
    }
}
