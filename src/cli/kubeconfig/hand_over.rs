//! How a kubeconfig is handed over: what `download` and `rotate` have in common.

use std::path::{Path, PathBuf};

use chrono::TimeDelta;

use crate::cli::duration;
use crate::domain::credential::{TTL_DAYS_MAX, TTL_SECONDS_MIN};
use crate::domain::name::{ClusterName, parse_line, parse_namespace};
use crate::error::{Failure, Kind};
use crate::ops::kubeconfig::{Destination, DownloadRequest, Overwrite};

/// Where the file goes, and what is in it.
#[derive(clap::Args, Debug)]
pub(crate) struct HandOverArgs {
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
    /// Let it renew itself: it holds no secret, and kubectl asks `kubegrant credential` for short tokens
    ///
    /// What renews it is a file that only its owner's identity opens. For somebody else it comes
    /// sealed, and `kubegrant open` puts it on their machine.
    #[arg(long)]
    renew: bool,
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
}

impl HandOverArgs {
    /// The request for somebody's own kubeconfig.
    pub(super) fn wanted(self) -> Result<impl Fn(ClusterName) -> DownloadRequest, Failure> {
        let set_current = self.set_current;
        let destination = match self.file {
            Some(path) if self.merge && path == Path::new("-") => {
                let hint = "leave out `-f -`, or name a file";
                return Err(Failure::description(
                    Kind::Usage,
                    "nothing can be merged into standard output",
                    hint,
                ));
            }
            file if self.merge => Destination::Merge { file, set_current },
            None => Destination::Usual,
            Some(path) if path == Path::new("-") => Destination::Stdout,
            Some(path) => Destination::File(path),
        };
        let overwrite = if self.force {
            Overwrite::Force
        } else {
            Overwrite::Never
        };
        Ok(move |cluster| DownloadRequest {
            cluster,
            user: None,
            shared: false,
            destination: destination.clone(),
            overwrite,
            ttl_seconds: self.ttl.map(|ttl| ttl.num_seconds()),
            plain: false,
            context: self.context_name.clone(),
            namespace: self.namespace.clone(),
            renew: self.renew,
            insists: None,
        })
    }
}

/// Where a kubeconfig goes that a server hands over.
pub(in crate::cli) struct Goes {
    /// For which cluster.
    pub(in crate::cli) cluster: ClusterName,
    /// Where.
    pub(in crate::cli) destination: Destination,
    /// Whether a file that is there is replaced.
    pub(in crate::cli) overwrite: Overwrite,
    /// Whether one that holds nothing but older versions is.
    pub(in crate::cli) replaces: bool,
    /// Whether the context's name was chosen.
    pub(in crate::cli) context_is_chosen: bool,
}

impl HandOverArgs {
    /// Where a server's goes.
    pub(super) fn goes(self, cluster: ClusterName, replaces: bool) -> Result<Goes, Failure> {
        if self.renew {
            return Err(not_served("--renew"));
        }
        let wanted = self.wanted()?(cluster);
        Ok(Goes {
            cluster: wanted.cluster,
            destination: wanted.destination,
            overwrite: wanted.overwrite,
            replaces,
            context_is_chosen: wanted.context.is_some(),
        })
    }
}

/// A flag that no server knows.
pub(super) fn not_served(flag: &str) -> Failure {
    Failure::description(
        Kind::Usage,
        &format!("the server does not know `{flag}`"),
        "leave it out, or run it where the store is",
    )
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
