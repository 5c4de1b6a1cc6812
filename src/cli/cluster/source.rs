//! Where the operator's login comes from: the flags of `cluster add` and `cluster relink`.

use std::path::PathBuf;

use chrono::TimeDelta;

use crate::cli::context::Context;
use crate::cli::duration;
use crate::error::Failure;
use crate::ops;
use crate::ops::cluster::Source;

/// The longest that somebody may take to log in, in minutes.
const EXEC_MINUTES_MAX: i64 = 60;

fn parse_exec_timeout(text: &str) -> Result<TimeDelta, String> {
    let limit = duration::parse(text).map_err(|error| error.to_string())?;
    if limit.num_minutes() > EXEC_MINUTES_MAX {
        return Err(format!("it must be at most {EXEC_MINUTES_MAX}m"));
    }
    Ok(limit)
}

/// Where the operator's login comes from.
#[derive(clap::Args, Debug)]
pub(crate) struct SourceArgs {
    /// Kubeconfig of an operator with cluster-admin, or a pipe such as `<(command)`; `-` is standard
    /// input [default: KUBECONFIG's list, else ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Context in the kubeconfig [default: its current context]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
    /// Read the certificate, key and token files that the kubeconfig points to
    #[arg(hide_short_help = true, long)]
    inline_files: bool,
    /// Run the kubeconfig's exec plugin, once; what it says on its error stream is shown
    #[arg(long)]
    allow_exec: bool,
    /// How long the exec plugin may take, such as `5m`: somebody may have to log in meanwhile
    #[arg(hide_short_help = true,
        long, value_name = "DURATION", requires = "allow_exec", value_parser = parse_exec_timeout,
        default_value = "2m"
    )]
    exec_timeout: TimeDelta,
}

impl SourceArgs {
    /// Works out the files to read, and which of their contexts where a person can choose.
    pub(crate) fn source(self, context: &Context<'_>) -> Result<Source, Failure> {
        let env = &context.session.workspace.env;
        let mut source = Source {
            context: self.context,
            inline_files: self.inline_files,
            allow_exec: self.allow_exec,
            exec_timeout: self.exec_timeout.to_std().unwrap_or_default(),
            ..Source::default()
        };
        match self.kubeconfig {
            Some(path) => {
                source.named = true;
                source.files = vec![path];
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
        // Whoever says yes to everything is not asked.
        if source.context.is_none() && !context.yes && context.prompt.can_draw() {
            let contexts = ops::cluster::open_choice(context.session, &source);
            let chosen = context.prompt.choose("Context", &contexts)?;
            source.context = chosen.and_then(|at| contexts.into_iter().nth(at));
        }
        Ok(source)
    }
}
