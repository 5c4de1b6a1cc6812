//! How a kubeconfig is handed over: what `download` and `rotate` have in common.

use std::path::{Path, PathBuf};

use chrono::TimeDelta;

use crate::cli::{duration, remote, ssh_key};
use crate::domain::credential::{TTL_DAYS_MAX, TTL_SECONDS_MIN};
use crate::domain::name::{ClusterName, parse_line, parse_namespace};
use crate::error::{Failure, Kind};
use crate::ops::kubeconfig::{Destination, DownloadRequest, Overwrite, free};
use crate::session::Session;

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
    #[arg(hide_short_help = true, long, requires = "merge")]
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
    #[arg(hide_short_help = true,
        long,
        value_name = "NAME",
        value_parser = context_name,
        help = "The context's name in the file [default: USER@CLUSTER]"
    )]
    context_name: Option<String>,
    /// The namespace in the file
    #[arg(hide_short_help = true, long, short, value_name = "NAMESPACE", value_parser = parse_namespace)]
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

/// Where what a server hands over goes.
pub(in crate::cli) enum Goes {
    /// It hands nothing over.
    Nowhere,
    /// One kubeconfig.
    One(GoesOne),
    /// Those of all one's clusters.
    All(GoesAll),
    /// The SSH key of a cluster's nodes.
    SshKey(ssh_key::Goes),
    /// A shell runs with it.
    Shell(remote::shell::Wanted),
}

/// Where a kubeconfig goes that a server hands over.
pub(in crate::cli) struct GoesOne {
    /// For which cluster.
    pub(in crate::cli) cluster: ClusterName,
    /// Where the file goes.
    pub(in crate::cli) destination: Destination,
    /// Whether a file that is there is replaced.
    pub(in crate::cli) overwrite: Overwrite,
    /// Whether one that holds nothing but older versions is.
    pub(in crate::cli) replaces: bool,
    /// Whether the context's name was chosen.
    pub(in crate::cli) context_is_chosen: bool,
}

/// Where the kubeconfigs of all one's clusters go: into one file.
pub(in crate::cli) struct GoesAll {
    /// One that is there already is added to only where that was asked for.
    file: Option<PathBuf>,
    is_merged: bool,
    /// Never: what is there stays.
    pub(in crate::cli) overwrite: Overwrite,
}

impl GoesAll {
    /// Into which file each is merged.
    pub(in crate::cli) fn destination(&self) -> Destination {
        let usual = || PathBuf::from("kubegrant.kubeconfig");
        let file = match (&self.file, self.is_merged) {
            (None, false) => Some(usual()),
            (file, _) => file.clone(),
        };
        Destination::Merge {
            file,
            set_current: false,
        }
    }

    /// Refuses a file that is there and is to be a new one.
    pub(in crate::cli) fn refuse_taken(&self, session: &Session) -> Result<(), Failure> {
        match self.destination() {
            Destination::Merge {
                file: Some(path), ..
            } if !self.is_merged => Ok(free(session, &path, self.overwrite)?),
            _ => Ok(()),
        }
    }
}

impl HandOverArgs {
    /// Where a server's goes.
    pub(super) fn goes(self, cluster: ClusterName, replaces: bool) -> Result<GoesOne, Failure> {
        if self.renew {
            return Err(not_served("--renew"));
        }
        let wanted = self.wanted()?(cluster);
        Ok(GoesOne {
            cluster: wanted.cluster,
            destination: wanted.destination,
            overwrite: wanted.overwrite,
            replaces,
            context_is_chosen: wanted.context.is_some(),
        })
    }

    /// Where those of all one's clusters go.
    pub(super) fn goes_all(self) -> Result<GoesAll, Failure> {
        let is_stdout = self.file.as_deref() == Some(Path::new("-"));
        let not = [
            (self.renew, "--renew"),
            (self.force, "--force"),
            (is_stdout, "--file -"),
        ];
        if let Some((_, flag)) = not.iter().find(|(is_given, _)| *is_given) {
            return Err(not_served(flag));
        }
        Ok(GoesAll {
            file: self.file,
            is_merged: self.merge,
            overwrite: Overwrite::Never,
        })
    }
}

/// A flag that no server knows.
pub(in crate::cli) fn not_served(flag: &str) -> Failure {
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
