//! `kubegrant login` and `kubegrant logout`.

use std::path::PathBuf;

use super::context::Context;
use super::serve::origin;
use super::views::login::LoginView;
use super::{Cli, remote};
use crate::client::{Hosts, Http, Known, Link};
use crate::domain::Timestamp;
use crate::env::Env;
use crate::error::{Failure, Kind};
use crate::output::Output;

/// The largest certificate file that is read, in bytes.
const CA_BYTES_MAX: usize = 1024 * 1024;

/// Log in to `kubegrant serve` with your key, and use it from here on where there is no store
///
/// Your key proves who you are: nothing secret is sent, and no password is needed. Commands on a machine without a
/// store go to the server then; with several, `--host` says which. The session ends after 12 hours, or 30 minutes
/// without a command; the next command begins another.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant login https://kg.example.net\n  \
    kubegrant login https://kg.example.net --ca-file serve.crt\n  \
    kubegrant kubeconfig download prod --merge")]
pub(crate) struct LoginArgs {
    /// The server's address
    #[arg(value_name = "URL", value_parser = origin)]
    url: String,
    /// The certificate to trust, where your system does not: what `serve --self-signed` made, or your
    /// organization's CA
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Show an address that opens the page in a browser as you, once, within a minute
    #[arg(long)]
    browser: bool,
}

/// Log out of `kubegrant serve`, and forget the server
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  kubegrant logout https://kg.example.net")]
pub(crate) struct LogoutArgs {
    /// The server's address; where you know one alone, that one
    #[arg(value_name = "URL", value_parser = origin)]
    url: Option<String>,
}

fn no_place() -> Failure {
    Failure::description(
        Kind::Usage,
        "there is no place to remember servers",
        "set HOME",
    )
}

pub(super) fn log_in(
    args: &LoginArgs,
    cli: &Cli,
    env: Env,
    output: &mut Output,
) -> Result<(), Failure> {
    let folder = env.config_dir().ok_or_else(no_place)?;
    let interrupt = env.interrupt.clone();
    let session = remote::session(cli, env, output)?;
    let context = Context::new(&session, output, cli.global.yes);
    let Hosts(mut hosts) = Hosts::read(&folder)?;
    let before = hosts.get(&args.url).cloned().unwrap_or_default();
    let ca = match &args.ca_file {
        None => before.ca,
        Some(path) => {
            let given = session.workspace.read_given(path, CA_BYTES_MAX);
            let given = given.map_err(crate::ops::Error::from)?;
            Some(String::from_utf8_lossy(&given.bytes).into_owned())
        }
    };
    let known = Known {
        ca,
        user: before.user,
        installation: before.installation,
    };
    session.identity().map_err(|error| {
        let mut failure = Failure::from(crate::ops::Error::from(error));
        if failure.kind == Kind::Denied {
            failure.hints = vec![
                "name your key with `--identity ~/.ssh/id_ed25519` or KUBEGRANT_IDENTITY_FILE; make one with \
                 `ssh-keygen -t ed25519`, and give its public half to an organization owner or admin"
                    .to_owned(),
            ];
        }
        failure
    })?;
    let work = async {
        let identity = session.identity()?;
        let link = Link::begin(&session.workspace.env, identity, &args.url, &known).await?;
        let page = if args.browser {
            Some(link.page().await?)
        } else {
            None
        };
        Ok::<_, Failure>((link, page))
    };
    let (link, page) = super::finished(&interrupt, work)?;
    let user = link.user().to_owned();
    let known = Known {
        user: user.clone(),
        installation: link.installation().to_owned(),
        ..known
    };
    hosts.insert(args.url.clone(), known);
    Hosts(hosts).write(&folder)?;
    let ends_at = Timestamp::from_timestamp(link.ends_at(), 0).unwrap_or_default();
    context
        .output
        .show(&LoginView::new(&args.url, &user, ends_at, page))?;
    context
        .output
        .status(&format!("You are logged in to {} as '{user}'.", args.url));
    context
        .output
        .hint("see what is yours with `kubegrant cluster list`");
    Ok(())
}

pub(super) fn log_out(
    args: &LogoutArgs,
    cli: &Cli,
    env: Env,
    output: &mut Output,
) -> Result<(), Failure> {
    let folder = env.config_dir().ok_or_else(no_place)?;
    let interrupt = env.interrupt.clone();
    let session = remote::session(cli, env, output)?;
    let Hosts(mut hosts) = Hosts::read(&folder)?;
    let only = (hosts.len() == 1)
        .then(|| hosts.keys().next().cloned())
        .flatten();
    let url = args.url.clone().or(only).ok_or_else(|| {
        let hint = "name the server: `kubegrant logout URL`";
        Failure::description(Kind::Usage, "it is not clear which server is meant", hint)
    })?;
    let Some(known) = hosts.remove(&url) else {
        let what = format!("you never logged in to {url}");
        return Err(Failure::description(Kind::NotFound, &what, ""));
    };
    let work = async {
        let identity = session.identity()?;
        let http = Http::new(&url, &known)?;
        let ended = Link::end(&session.workspace.env, &http, identity).await;
        Ok::<_, Failure>(ended.err())
    };
    let failed = super::finished(&interrupt, work)?;
    Hosts(hosts).write(&folder)?;
    if let Some(error) = failed {
        output.warn(&format!(
            "the session could not be ended there ({}): it ends by itself 30 minutes after its last use",
            crate::domain::text::chain(&error)
        ));
    }
    output.status(&format!("You are logged out of {url}."));
    Ok(())
}
