//! Commands that a server carries out, for people without the store.

mod all;
pub(super) mod shell;
mod ssh_key;

use std::sync::Arc;

use clap::ArgMatches;
use serde_json::Value;

use super::context::Context;
use super::kubeconfig::KubeconfigCommand;
use super::kubeconfig::hand_over::{Goes, GoesOne};
use super::relay::{self, Relayed};
use super::ssh_key::SshKeyCommand;
use super::views::kubeconfig::{DownloadView, RotateView};
use super::{Cli, Command, confirm};
use crate::api::{Answer, Terminal};
use crate::client::{Hosts, HostsError, Known, Link, Proof, Request};
use crate::config::Config;
use crate::domain::account_name;
use crate::domain::name::ClusterName;
use crate::domain::text::clean;
use crate::env::Env;
use crate::error::{Failure, Kind};
use crate::ops::kubeconfig::{Incoming, Place, Received, place, put};
use crate::output::Output;
use crate::session::{App, Session};

/// The kubeconfig that a server is to hand over.
#[derive(Clone, Copy)]
struct ExpectedFile<'a> {
    cluster: &'a ClusterName,
    /// Whether the context's name was chosen by whoever asked.
    context_is_chosen: bool,
}

/// A server that somebody logged in to.
pub(super) struct Server {
    origin: String,
    known: Known,
}

/// The server that is to carry a command out; nothing where the store is here.
pub(super) fn server(cli: &Cli, env: &Env) -> Result<Option<Server>, Failure> {
    let own = matches!(
        cli.command,
        Command::Init(_)
            | Command::Doctor(_)
            | Command::Open(_)
            | Command::Credential(_)
            | Command::Completions(_)
            | Command::Restore(_)
            | Command::Serve(_)
            | Command::Store(_)
            | Command::Login(_)
            | Command::Logout(_)
    );
    if own {
        return Ok(None);
    }
    let asked = cli.global.host.clone();
    let asked = asked.or_else(|| env.variable("KUBEGRANT_HOST").map(str::to_owned));
    if asked.is_none() {
        // Whatever is wrong with it, the command says.
        let is_here = Config::new(env, cli.global.options())
            .map_or(true, |it| it.is_store_named || it.store.may_be_there());
        if is_here {
            return Ok(None);
        }
    }
    let Some(folder) = env.config_dir() else {
        return Ok(None);
    };
    let Hosts(mut hosts) = Hosts::read(&folder)?;
    if let Some(asked) = asked {
        let origin = super::serve::origin(&asked)
            .or_else(|_| super::serve::origin(&format!("https://{asked}")))
            .map_err(|why| Failure::description(Kind::Usage, &why, ""))?;
        let known = hosts.remove(&origin).ok_or_else(|| {
            let hint = format!("run `kubegrant login {origin}`");
            Failure::description(
                Kind::NotFound,
                &format!("you never logged in to {origin}"),
                &hint,
            )
        })?;
        return Ok(Some(Server { origin, known }));
    }
    let mut all = hosts.into_iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some((origin, known)), None) => Ok(Some(Server { origin, known })),
        (Some(_), Some(_)) => Err(Failure::description(
            Kind::Usage,
            "you know more than one server",
            "name one with `--host URL`, or set KUBEGRANT_HOST",
        )),
    }
}

impl From<HostsError> for Failure {
    fn from(error: HostsError) -> Self {
        Self::new(
            Kind::Usage,
            error,
            "mend or remove it, and run `kubegrant login URL` again",
        )
    }
}

/// A session of one's own, without a store.
pub(super) fn session(cli: &Cli, env: Env, output: &Output) -> Result<Session, Failure> {
    let config = Config::without_store(&env, cli.global.options())?;
    let app = Arc::new(App::new(&env, &config.store));
    let ask = super::passphrase_asker(&env, output);
    Ok(Session::new(
        app,
        env,
        config,
        ask,
        Box::new(output.sayer()),
    ))
}

/// Has a server carry a command out.
pub(super) fn run(
    matches: &ArgMatches,
    cli: Cli,
    server: &Server,
    env: Env,
    output: &mut Output,
) -> Result<(), Failure> {
    cli.global.output.refuse_token()?;
    // What is about this machine alone is done here.
    if let Command::Kubeconfig(KubeconfigCommand::Remove(_)) = &cli.command {
        return remove(cli, server, env, output);
    }
    let relayed = relay::to_request(matches).ok_or_else(|| {
        Failure::description(
            Kind::Usage,
            &format!("the server {} does no such thing", server.origin),
            "run it where the store is, or name that with `--store FILE`",
        )
    })?;
    if cli.global.acting_as.is_some() {
        return Err(Failure::description(
            Kind::Usage,
            "at a server you act as whoever logged in",
            "leave out `--as`",
        ));
    }
    let interrupt = env.interrupt.clone();
    let format = format!("{:?}", cli.global.output).to_lowercase();
    let (yes, quiet) = (cli.global.yes, cli.global.quiet);
    let session = session(&cli, env, output)?;
    let goes = match cli.command {
        Command::Kubeconfig(command) => goes(command)?,
        Command::SshKey(SshKeyCommand::Download(args)) => Goes::SshKey(args.goes()?),
        Command::Shell(args) => Goes::Shell(args.wanted()),
        _ => Goes::Nowhere,
    };
    let mut context = Context::new(&session, output, yes);
    let proof = super::login::proof(&session, &server.known.way)?;
    let work = async {
        let env = &session.workspace.env;
        let link = Link::open(env, &proof, &server.origin, &server.known);
        let asking = Asking {
            link: link.await?,
            proof: &proof,
            relayed,
            format,
            quiet,
        };
        match goes {
            Goes::One(goes) => Box::pin(asking.hand_over(goes, &mut context)).await,
            Goes::All(goes) => Box::pin(asking.hand_over_all(goes, &mut context)).await,
            Goes::SshKey(goes) => Box::pin(asking.take_ssh_key(goes, &mut context)).await,
            Goes::Shell(wanted) => Box::pin(asking.sit(wanted, &mut context)).await,
            Goes::Nowhere => asking.relay(&mut context).await,
        }
    };
    super::finished(&interrupt, work)
}

/// Takes a cluster's entries out of one's own kubeconfig.
fn remove(cli: Cli, server: &Server, env: Env, output: &mut Output) -> Result<(), Failure> {
    let interrupt = env.interrupt.clone();
    let (yes, session) = (cli.global.yes, session(&cli, env, output)?);
    let Command::Kubeconfig(KubeconfigCommand::Remove(args)) = cli.command else {
        return Ok(());
    };
    let installation = server.known.installation.parse().map_err(|_| {
        let hint = format!("run `kubegrant login {}` once more", server.origin);
        Failure::description(Kind::Usage, "it is not known which entries are its", &hint)
    })?;
    let mut context = Context::new(&session, output, yes);
    let work = super::kubeconfig::remove::run(args, Some(installation), &mut context);
    super::finished(&interrupt, work)
}

/// Where a kubeconfig goes, where a command hands one over.
fn goes(command: KubeconfigCommand) -> Result<Goes, Failure> {
    match command {
        KubeconfigCommand::Download(args) => args.goes(),
        KubeconfigCommand::Rotate(args) => args.goes().map(Goes::One),
        _ => Ok(Goes::Nowhere),
    }
}

struct Asking<'a> {
    link: Link,
    proof: &'a Proof<'a>,
    relayed: Relayed,
    format: String,
    quiet: bool,
}

impl Asking<'_> {
    fn request(&self, format: &str, context: &Context<'_>) -> Request {
        Request {
            route: self.relayed.route,
            fields: self.relayed.fields.clone(),
            format: format.to_owned(),
            terminal: Terminal {
                columns: context.output.columns(),
                colored: context.output.is_colored(),
                quiet: self.quiet,
            },
        }
    }

    async fn call(&mut self, request: &Request, context: &Context<'_>) -> Result<Answer, Failure> {
        let env = &context.session.workspace.env;
        Ok(self.link.call(env, self.proof, request).await?)
    }

    /// Asks, and asks the person what the command would.
    async fn ask(&mut self, format: &str, context: &mut Context<'_>) -> Result<Answer, Failure> {
        let request = self.request(format, context);
        let answer = self.call(&request, context).await?;
        let Some(question) = answer
            .question
            .clone()
            .filter(|_| answer.exit == Kind::Usage.code())
        else {
            return Ok(answer);
        };
        if !context.prompt.can_ask() {
            return Ok(answer);
        }
        // What was said before the question.
        let before = answer.stderr.split("error:").next().unwrap_or_default();
        context
            .output
            .rendered(&crate::output::sanitize::shown(before));
        confirm::agree(context, &question)?;
        self.relayed
            .fields
            .insert("yes".to_owned(), Value::Bool(true));
        let request = self.request(format, context);
        self.call(&request, context).await
    }

    /// Shows what came of a command, as it would have been shown there.
    async fn relay(mut self, context: &mut Context<'_>) -> Result<(), Failure> {
        if let Some(own) = self.relayed.own.first() {
            return Err(Failure::description(
                Kind::Usage,
                &format!("the server does not know `--{}`", own.replace('_', "-")),
                "leave it out, or run it where the store is",
            ));
        }
        let format = self.format.clone();
        let answer = self.ask(&format, context).await?;
        context
            .output
            .raw(crate::output::sanitize::shown(&answer.stdout).as_bytes())?;
        say(&answer, context)
    }

    /// Takes the kubeconfig that the server hands over, and puts it in its place.
    async fn hand_over(mut self, goes: GoesOne, context: &mut Context<'_>) -> Result<(), Failure> {
        let accounts = if goes.replaces {
            self.accounts(&goes.cluster, context).await?
        } else {
            vec![]
        };
        let place = place(
            context.session,
            &goes.cluster,
            &goes.destination,
            goes.overwrite,
            &accounts,
        )?;
        self.refuse_unopened(context).await?;
        let answer = self.ask("json", context).await?;
        let data: Value = serde_json::from_str(&answer.stdout).unwrap_or_default();
        if answer.file.is_empty() {
            // A preview, or a refusal.
            if let Some(view) = RotateView::received(&data, None).filter(|_| goes.replaces) {
                context.output.show(&view)?;
            } else if !data.is_null() {
                let format = self.format.clone();
                let shown = if format == "json" {
                    answer.stdout.clone()
                } else {
                    self.ask(&format, context).await?.stdout.clone()
                };
                let shown = crate::output::sanitize::shown(&shown);
                context.output.raw(shown.as_bytes())?;
            }
            return say(&answer, context);
        }
        let expected = ExpectedFile {
            cluster: &goes.cluster,
            context_is_chosen: goes.context_is_chosen,
        };
        let received = self.take(&answer, expected, place, context).await?;
        let path = received.path.as_deref();
        let is_shown =
            received.hand_to_stdout(|text| super::kubeconfig::show_secret(text, context))?;
        if !is_shown {
            if goes.replaces {
                let view = RotateView::received(&data, path).ok_or_else(lost)?;
                context.output.show(&view)?;
            } else {
                let view = DownloadView::received(&data, path).ok_or_else(lost)?;
                context.output.show(&view)?;
            }
        }
        let said = say(&answer, context);
        if let Some(news) = &received.merged {
            super::kubeconfig::say_merged(news, path, context);
        } else if let Some(path) = path {
            let is_bound = data["level"].as_str() == Some("bound");
            super::kubeconfig::say_try(path, is_bound, context);
        }
        said
    }

    /// Refuses to have something handed over that nothing here could open: a rotation would take the old file, and
    /// give none.
    async fn refuse_unopened(&mut self, context: &mut Context<'_>) -> Result<(), Failure> {
        if !matches!(self.proof, Proof::Oidc(_) | Proof::Job(_)) {
            return Ok(());
        }
        let route = crate::api::ROUTES.iter().find(|it| it.verb == ["whoami"]);
        let request = Request {
            route: route.ok_or_else(lost)?,
            fields: relay::Fields::new(),
            format: "json".to_owned(),
            terminal: Terminal::default(),
        };
        let answer = self.call(&request, context).await?;
        let who: Value = serde_json::from_str(&answer.stdout).unwrap_or_default();
        let Some(key) = who["key"].as_str() else {
            return Ok(());
        };
        let identity = context.session.identity();
        if identity.is_ok_and(|it| it.recipient().to_string() == key) {
            return Ok(());
        }
        let fingerprint = who["fingerprint"].as_str().map(clean).unwrap_or_default();
        Err(Failure::description(
            Kind::Denied,
            &format!(
                "what the server hands you is sealed to your key {fingerprint}, which is not here"
            ),
            "name it with `--identity FILE` or KUBEGRANT_IDENTITY_FILE",
        ))
    }

    /// Puts what the server handed over in its place.
    async fn take(
        &self,
        answer: &Answer,
        expected: ExpectedFile<'_>,
        place: Place,
        context: &Context<'_>,
    ) -> Result<Received, Failure> {
        let data: Value = serde_json::from_str(&answer.stdout).unwrap_or_default();
        let owner = data["user"].as_str().and_then(|it| it.parse().ok());
        let incoming = Incoming {
            file: answer.file.as_bytes(),
            installation: self.link.installation().parse().map_err(|_| lost())?,
            cluster: expected.cluster,
            owner: owner.ok_or_else(lost)?,
            context_is_chosen: expected.context_is_chosen,
        };
        // Before anything is written: all of it makes sense.
        let is_whole = DownloadView::received(&data, None).is_some()
            || RotateView::received(&data, None).is_some();
        is_whole.then_some(()).ok_or_else(lost)?;
        Ok(put(context.session, place, incoming).await?)
    }

    /// The accounts of one's versions on a cluster.
    async fn accounts(
        &mut self,
        cluster: &ClusterName,
        context: &mut Context<'_>,
    ) -> Result<Vec<String>, Failure> {
        let route = crate::api::ROUTES
            .iter()
            .find(|it| it.verb == ["kubeconfig", "show"]);
        let Some(route) = route else {
            return Ok(vec![]);
        };
        let mut fields = relay::Fields::new();
        fields.insert("cluster".to_owned(), cluster.to_string().into());
        let request = Request {
            route,
            fields,
            format: "json".to_owned(),
            terminal: Terminal::default(),
        };
        let answer = self.call(&request, context).await?;
        let versions: Value = serde_json::from_str(&answer.stdout).unwrap_or_default();
        let versions = versions.as_array().cloned().unwrap_or_default();
        let account = |it: &Value| {
            let (namespace, name) = (it["namespace"].as_str()?, it["account"].as_str()?);
            account_name::of_login(&format!("system:serviceaccount:{namespace}:{name}"))
        };
        Ok(versions.iter().filter_map(account).collect())
    }
}

/// What a server answered that is none of ours.
fn lost() -> Failure {
    Failure::description(
        Kind::Internal,
        "the server answered what makes no sense",
        "try again; `kubegrant status` and `kubegrant kubeconfig show CLUSTER` say how things stand",
    )
}

/// Says what the command said there, and ends as it did.
fn say(answer: &Answer, context: &mut Context<'_>) -> Result<(), Failure> {
    context
        .output
        .rendered(&crate::output::sanitize::shown(&answer.stderr));
    match answer.exit {
        0 => Ok(()),
        code => Err(Failure::reported(Kind::Child(code))),
    }
}
