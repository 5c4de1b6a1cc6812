//! WHAT CAN BE ASKED: the only module that knows clap. One file per verb, each thin.

mod access;
mod audit;
mod backup;
mod cluster;
pub(crate) mod completion;
mod completions;
mod confirm;
mod context;
mod credential;
mod doctor;
pub(crate) mod duration;
pub(crate) mod generate;
mod global;
mod help;
mod init;
mod kubeconfig;
mod login;
mod open;
mod openapi;
mod organization;
mod places;
mod project;
pub(crate) mod prompt;
mod rbac;
mod reached;
mod reconcile;
mod relay;
mod remote;
mod restore;
mod schema;
mod serve;
mod session;
mod share;
mod shell;
mod shown;
mod ssh_key;
mod status;
mod store;
mod team;
mod user;
mod views;
mod whoami;

#[cfg(any(test, fuzzing))]
pub(crate) use views::audit::json_line;

use std::ffi::OsString;
use std::sync::Arc;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::Config;
use crate::env::{Env, Interrupt};
use crate::error::{EXIT_OK, Failure, Kind};
use crate::ops;
use crate::output::{Output, Settings};
use crate::session::{App, NoHead, Note, Session};
use context::Context;
use global::GlobalArgs;
use prompt::Prompt;

/// Decide who may reach which Kubernetes cluster, and prove it
///
/// kubegrant knows who may reach which Kubernetes cluster, hands out kubeconfigs that really work,
/// takes them back for real, and can prove all of it afterwards. No agent: this binary, one SQLite
/// file, and the clusters' own API servers. `kubegrant serve` lets people serve themselves.
#[derive(Parser, Debug)]
#[command(
    name = "kubegrant",
    version,
    arg_required_else_help = true,
    propagate_version = true,
    after_long_help = "Examples:\n  \
        kubegrant init --organization Acme --owner alice\n  \
        kubegrant cluster add prod --kubeconfig admin.conf\n  \
        kubegrant access grant bob --cluster prod --level write --for 8h\n  \
        kubegrant kubeconfig download prod --user bob\n  \
        kubegrant access revoke bob --cluster prod --yes"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Init(init::InitArgs),
    Doctor(doctor::DoctorArgs),
    Whoami(whoami::WhoamiArgs),
    Status(status::StatusArgs),
    Reconcile(reconcile::ReconcileArgs),
    /// Show the organization, and say whom people log in with
    #[command(subcommand)]
    Organization(organization::OrganizationCommand),
    /// Manage users
    #[command(subcommand)]
    User(user::UserCommand),
    /// Manage clusters
    #[command(subcommand)]
    Cluster(cluster::ClusterCommand),
    /// Manage who has access to which cluster
    #[command(subcommand)]
    Access(access::AccessCommand),
    /// Manage kubeconfigs: download, merge, rotate, show, find out whose one is
    #[command(subcommand)]
    Kubeconfig(kubeconfig::KubeconfigCommand),
    Open(open::OpenArgs),
    Credential(credential::CredentialArgs),
    Shell(shell::ShellArgs),
    /// Manage everybody's kubeconfigs, as organization owners and admins do
    #[command(subcommand)]
    Team(team::TeamCommand),
    /// Manage the SSH key of a cluster's nodes: make, hand out once, install, rotate
    #[command(subcommand)]
    SshKey(ssh_key::SshKeyCommand),
    /// Manage roles of a cluster's own that users have beside their level
    #[command(subcommand)]
    Rbac(rbac::RbacCommand),
    /// Manage projects: clusters whose members share a kubeconfig
    #[command(subcommand)]
    Project(project::ProjectCommand),
    /// Read, export and check the audit log
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Look at the store itself: show it, move it into PostgreSQL and back
    #[command(subcommand)]
    Store(store::StoreCommand),
    Backup(backup::BackupArgs),
    Restore(restore::RestoreArgs),
    Serve(serve::ServeArgs),
    /// Manage direct links, each of which gives one person their kubeconfig once
    #[command(subcommand)]
    Share(share::ShareCommand),
    Login(login::LoginArgs),
    Logout(login::LogoutArgs),
    /// Manage who is logged in at `kubegrant serve`
    #[command(subcommand)]
    Session(session::SessionCommand),
    Completions(completions::CompletionsArgs),
}

/// The whole command tree, for completions and man pages.
pub fn command() -> clap::Command {
    help::shaped(Cli::command())
}

/// Parses, runs, and says what happened; gives the exit code.
pub(crate) fn run(args: &[OsString], env: Env) -> u8 {
    let env = match completion::answer(env, args, command, completions::candidates) {
        Ok(()) => return EXIT_OK,
        Err(env) => *env,
    };
    run_over(None, args, env)
}

/// Runs a command over what others in this process use too, if it is given.
pub(crate) fn run_over(app: Option<&Arc<App>>, args: &[OsString], mut env: Env) -> u8 {
    if let Some(text) = help::topic(args) {
        return say_topic(&text, &mut env);
    }
    let parsed = command().try_get_matches_from(args).and_then(|matches| {
        let cli = Cli::from_arg_matches(&matches)?;
        Ok((matches, cli))
    });
    let (matches, cli) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return say_usage(error, &mut env),
    };
    let settings = Settings {
        format: cli.global.output.into(),
        quiet: cli.global.quiet,
        color: cli.global.color.into(),
    };
    let mut output = Output::new(&mut env, settings);
    let server = match app {
        None => remote::server(&cli, &env),
        // What carries commands out for others asks nobody else.
        Some(_) => Ok(None),
    };
    let done = match server {
        Err(failure) => Err(failure),
        Ok(Some(server)) => remote::run(&matches, cli, &server, env, &mut output),
        Ok(None) => dispatch(app, cli, env, &mut output),
    };
    match done {
        Ok(()) => EXIT_OK,
        Err(failure) => say_failure(&failure, &mut output),
    }
}

/// Shows a topic of `kubegrant help`.
fn say_topic(text: &str, env: &mut Env) -> u8 {
    let mut output = Output::new(env, Settings::default());
    match output.raw(text.as_bytes()) {
        Ok(()) => EXIT_OK,
        Err(ended) => say_failure(&ended.into(), &mut output),
    }
}

/// Says why a run failed; gives the exit code.
fn say_failure(failure: &Failure, output: &mut Output) -> u8 {
    if failure.error.is_some() {
        let (message, causes) = failure.lines();
        output.error(&message, &causes, &failure.hints);
    }
    failure.kind.code()
}

/// Shows what clap has to say: help on stdout with 0, anything else on stderr with 2.
fn say_usage(mut error: clap::Error, env: &mut Env) -> u8 {
    use clap::error::ErrorKind;
    on_one_line(&mut error);
    let mut output = Output::new(env, Settings::default());
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match output.raw(text.as_bytes()) {
            Ok(()) => EXIT_OK,
            Err(ended) => say_failure(&ended.into(), &mut output),
        },
        _ => {
            // What was typed is repeated in it, and may have come from somewhere else.
            output.rendered(&crate::output::sanitize::lines(&text));
            Kind::Usage.code()
        }
    }
}

/// Spells out what was typed, wherever the message repeats it: a line end in it must not begin a
/// line that passes for one of ours.
fn on_one_line(error: &mut clap::Error) {
    use clap::error::ContextValue;
    let mut typed: Vec<String> = Vec::new();
    let mut shown = Vec::new();
    let line = |text: &str| crate::output::sanitize::line(text).into_owned();
    for (kind, value) in error.context() {
        let value = match value {
            ContextValue::String(text) => {
                typed.push(text.clone());
                ContextValue::String(line(text))
            }
            ContextValue::Strings(texts) => {
                typed.extend(texts.iter().cloned());
                ContextValue::Strings(texts.iter().map(|text| line(text)).collect())
            }
            _ => continue,
        };
        shown.push((kind, value));
    }
    typed.retain(|text| line(text) != *text);
    for (kind, value) in error.context() {
        let spelled = |text: String| {
            let spelled = |text: String, typed: &String| text.replace(typed, &line(typed));
            typed.iter().fold(text, spelled)
        };
        // Advice on what may have been meant.
        if let ContextValue::StyledStrs(texts) = value {
            let texts = texts.iter().map(|text| spelled(text.to_string()).into());
            shown.push((kind, ContextValue::StyledStrs(texts.collect())));
        }
    }
    for (kind, value) in shown {
        error.insert(kind, value);
    }
}

fn dispatch(
    app: Option<&Arc<App>>,
    cli: Cli,
    env: Env,
    output: &mut Output,
) -> Result<(), Failure> {
    // Help and completions open no database.
    if let Command::Completions(args) = cli.command {
        return completions::run(&args, output);
    }
    if let Command::Credential(args) = &cli.command {
        return credential::run(args, &cli.global, env, output);
    }
    match &cli.command {
        Command::Login(args) => return login::log_in(args, &cli, env, output),
        Command::Logout(args) => return login::log_out(args, &cli, env, output),
        _ => {}
    }
    cli.global.output.refuse_token()?;
    let is_reconcile = matches!(cli.command, Command::Reconcile(_));
    let interrupt = env.interrupt.clone();
    let ask = passphrase_asker(&env, output);
    let config = Config::new(&env, cli.global.options())?;
    let own = || {
        Arc::new(match cli.command {
            Command::Serve(_) => App::new(&env, &config.store),
            _ => App::for_one_command(&env, &config.store),
        })
    };
    let is_own = app.is_none();
    let app = app.map_or_else(own, Arc::clone);
    if config.store.is_insecure() {
        output.warn(
            "--insecure-store: somebody on the way to the store's database can read and forge what is \
             in it",
        );
    }
    let session = Session::new(app, env, config, ask, Box::new(output.sayer()));
    let mut context = Context::new(&session, output, cli.global.yes);
    // A server ends by itself when it is asked to: whoever is being answered has their answer first.
    let asked = match cli.command {
        Command::Serve(_) => Interrupt::default(),
        _ => interrupt,
    };
    let done = finished(&asked, verb(cli.command, &mut context));
    if done
        .as_ref()
        .is_err_and(|failure| failure.kind == Kind::Denied)
        && let Err(error) = ops::record_shut(&session)
    {
        output.warn(&format!("this refusal could not be recorded: {error}"));
    }
    for note in session.take_notes() {
        say_note(&note, output);
    }
    for (cluster, clocks) in session.clocks_that_differ() {
        output.warn(&format!(
            "the clock of this machine says {}, that of cluster '{cluster}' says {}: nothing on it \
             is ended by time, and an end that is set here means this machine's clock",
            crate::domain::text::rfc3339(clocks.here),
            crate::domain::text::rfc3339(clocks.there),
        ));
    }
    let done = done.and_then(|()| {
        let kept = (is_reconcile && session.has_kept()).then(|| {
            Failure::description(
                Kind::Pending,
                "what has ended by this machine's clock was not ended",
                "set the clock right, and run `kubegrant reconcile`",
            )
        });
        kept.map_or(Ok(()), Err)
    });
    // Whatever came of it: what was recorded is kept in mind here too.
    if let Err(error) = session.keep_head() {
        output.warn(&format!(
            "the head of the audit log could not be kept on this machine: {error}"
        ));
    }
    if is_own && let Some(about) = session.keep_names() {
        store::warn_of_role(&about, output);
    }
    done
}

/// How many threads wait for the store at once, as a server's do: each has a connection, with a cache of its own.
const THREADS_MAX: usize = 48;

/// Runs something to its end, or until somebody asks to stop.
fn finished<T>(
    interrupt: &Interrupt,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(THREADS_MAX)
        .build()
        .map_err(|_| Failure::description(Kind::Internal, "cannot start the runtime", ""))?;
    runtime.block_on(async {
        tokio::select! {
            biased;
            done = work => done,
            () = interrupt.raised() => Err(Failure::description(
                Kind::Interrupted,
                "interrupted; what was recorded stands",
                "run `kubegrant status` to see whether anything is pending",
            )),
        }
    })
}

/// Says that a head of the audit log on a cluster is not relied upon, and where to look.
fn say_note(note: &Note, output: &mut Output) {
    let why = match note.why {
        NoHead::Untagged => {
            "does not prove who wrote it: an older kubegrant, or anybody who may change namespaces"
        }
        NoHead::Foreign => "was not written with the manager's login that is stored here",
        NoHead::Future => "is of a time that has not come",
    };
    output.warn(&format!(
        "cluster '{}': the head of the audit log there {why}; it is not relied upon",
        note.cluster
    ));
    output.hint(&format!(
        "look at the annotation {} of namespace 'kubegrant' with `kubectl get namespace kubegrant \
         -o yaml --show-managed-fields`; the next change on the cluster writes it anew",
        note.annotation
    ));
}

async fn verb(command: Command, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        Command::Init(args) => init::run(args, context),
        Command::Doctor(args) => Box::pin(doctor::run(&args, context)).await,
        Command::Whoami(args) => whoami::run(&args, context),
        Command::Status(args) => status::run(&args, context),
        Command::Reconcile(args) => reconcile::run(args, context).await,
        Command::User(command) => Box::pin(user::run(command, context)).await,
        // Boxed: what a registration holds on to is large, and every command would pay for it.
        Command::Cluster(command) => Box::pin(cluster::run(command, context)).await,
        Command::Access(command) => access::run(command, context).await,
        Command::Kubeconfig(command) => Box::pin(kubeconfig::run(command, context)).await,
        Command::Shell(args) => Box::pin(shell::run(args, context)).await,
        Command::Open(args) => Box::pin(open::run(args, context)).await,
        // Answered before there is a session.
        Command::Credential(_) | Command::Login(_) | Command::Logout(_) => Ok(()),
        Command::Team(command) => team::run(command, context).await,
        Command::SshKey(command) => Box::pin(ssh_key::run(command, context)).await,
        Command::Rbac(command) => Box::pin(rbac::run(command, context)).await,
        Command::Organization(command) => organization::run(command, context).await,
        Command::Project(command) => Box::pin(project::run(command, context)).await,
        Command::Audit(command) => audit::run(command, context).await,
        Command::Store(command) => Box::pin(store::run(command, context)).await,
        Command::Backup(args) => backup::run(&args, context),
        Command::Restore(args) => Box::pin(restore::run(args, context)).await,
        Command::Serve(args) => Box::pin(serve::run(args, context)).await,
        Command::Session(command) => session::run(command, context),
        Command::Share(command) => share::run(command, context),
        Command::Completions(_) => Ok(()),
    }
}

/// Asks for the passphrase of an identity, where a person is there to answer.
fn passphrase_asker(env: &Env, output: &Output) -> crate::session::Ask {
    let (prompt, ask) = (Prompt::new(env), output.asker());
    Box::new(move |what| prompt.passphrase(what, &ask))
}
