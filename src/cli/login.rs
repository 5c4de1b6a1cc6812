//! `kubegrant login` and `kubegrant logout`.

use std::path::PathBuf;

use super::context::Context;
use super::serve::origin;
use super::views::login::LoginView;
use super::{Cli, remote};
use crate::client::{self, Agent, Hosts, Http, Known, Link, Proof, Way};
use crate::domain::Timestamp;
use crate::domain::name::UserName;
use crate::env::Env;
use crate::error::{Failure, Kind};
use crate::output::Output;
use crate::session::Session;

/// The largest certificate file that is read, in bytes.
const CA_BYTES_MAX: usize = 1024 * 1024;

/// Log in to `kubegrant serve`, and use it from here on where there is no store
///
/// Your key proves who you are: nothing secret is sent, and no password is needed. Without a key of your own, `--oidc`
/// has the organization's OpenID issuer say who you are, and `--job` the CI whose job this is. Commands on a machine
/// without a store go to the server then; with several, `--host` says which. The session ends after 12 hours (of a
/// job after one), or 30 minutes without a command; with a key the next command begins another.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant login https://kg.example.net\n  \
    kubegrant login https://kg.example.net --ca-file serve.crt\n  \
    kubegrant login https://kg.example.net --agent\n  \
    kubegrant login https://kg.example.net --oidc\n  \
    kubegrant login https://kg.example.net --job && kubegrant kubeconfig download prod")]
pub(crate) struct LoginArgs {
    /// The server's address
    #[arg(value_name = "URL", value_parser = origin)]
    url: String,
    /// The certificate to trust, where your system does not: what `serve --self-signed` made, or your
    /// organization's CA
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// With an ssh-ed25519 key in your SSH agent, which signs: one of hardware too, but no `sk-ssh-` key. Files come over TLS, not sealed
    #[arg(long, conflicts_with_all = ["oidc", "job"])]
    agent: bool,
    /// Which of the agent's keys: the file of its public half
    #[arg(long, value_name = "FILE", requires = "agent")]
    agent_key: Option<PathBuf>,
    /// With the organization's OpenID issuer, in a browser anywhere
    #[arg(long, conflicts_with = "job")]
    oidc: bool,
    /// As the CI job that this is, with the ID token that its CI makes: of GitHub, or in `KUBEGRANT_ID_TOKEN`
    #[arg(long, conflicts_with = "browser")]
    job: bool,
    /// As this user, where the job may be several's
    #[arg(long, value_name = "NAME", requires = "job")]
    user: Option<UserName>,
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

impl LoginArgs {
    /// How whoever logs in proves who they are, from now on.
    async fn way(&self, session: &Session) -> Result<Way, Failure> {
        if self.agent_key.is_some() && !self.agent {
            let what = "`--agent-key` names a key of the agent's";
            return Err(Failure::description(Kind::Usage, what, "add `--agent`"));
        }
        if self.oidc {
            return Ok(Way::Oidc);
        }
        if self.job {
            let user = self.user.as_ref().map(ToString::to_string);
            return Ok(Way::Job { user });
        }
        if !self.agent {
            return Ok(Way::Key);
        }
        let key = match &self.agent_key {
            Some(path) => crate::ops::user::read_key(session, path)?,
            None => agent(session)?
                .only_key()
                .await
                .map_err(client::Error::from)?,
        };
        Ok(Way::Agent(key.to_string()))
    }
}

fn agent(session: &Session) -> Result<Agent, Failure> {
    let socket = session.workspace.env.path_variable("SSH_AUTH_SOCK");
    Ok(Agent::at(socket).map_err(client::Error::from)?)
}

/// What proves who somebody is who logs in this way. The issuer's word is not to be had in the middle of a command.
pub(super) fn proof<'a>(session: &'a Session, way: &Way) -> Result<Proof<'a>, Failure> {
    Ok(match way {
        Way::Key => Proof::Key(session.identity().map_err(without_key)?),
        Way::Agent(key) => {
            let key = key.parse().map_err(|_| {
                let hint = "log in again: `kubegrant login URL --agent`";
                Failure::description(Kind::Usage, "`hosts.toml` names a key that is none", hint)
            })?;
            Proof::Agent(agent(session)?, Box::new(key))
        }
        Way::Oidc => Proof::Oidc(None),
        Way::Job { user } => Proof::Job(user.clone()),
    })
}

/// What helps somebody who has no key.
fn without_key(error: crate::session::Error) -> Failure {
    let mut failure = Failure::from(crate::ops::Error::from(error));
    if failure.kind == Kind::Denied {
        failure.hints = vec![
            "name your key with `--identity ~/.ssh/id_ed25519` or KUBEGRANT_IDENTITY_FILE; make one with \
             `ssh-keygen -t ed25519`, and give its public half to an organization owner or admin"
                .to_owned(),
            "without a key, `kubegrant login URL --oidc` asks your organization's OpenID issuer, if it has one"
                .to_owned(),
        ];
    }
    failure
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
        way: before.way,
    };
    let say = context.output.sayer();
    let work = async {
        let way = args.way(&session).await?;
        let proof = match proof(&session, &way)? {
            Proof::Oidc(_) => Proof::Oidc(Some(&say)),
            other => other,
        };
        let link = Link::begin(&session.workspace.env, &proof, &args.url, &known).await?;
        let page = if args.browser {
            Some(link.page().await?)
        } else {
            None
        };
        Ok::<_, Failure>((link, page, way))
    };
    let (link, page, way) = super::finished(&interrupt, work)?;
    let user = link.user().to_owned();
    let known = Known {
        user: user.clone(),
        installation: link.installation().to_owned(),
        way,
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
        let env = &session.workspace.env;
        let name = match &known.way {
            Way::Key => proof(&session, &Way::Key)?.name(env),
            other => other.session_name(env),
        };
        let http = Http::new(&url, &known, env)?;
        let ended = Link::end(env, &http, &name).await;
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
