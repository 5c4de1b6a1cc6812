//! `kubegrant cluster set`.

use chrono::TimeDelta;
use clap::ValueEnum;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::cluster::SettingsView;
use crate::cli::views::left_out::left_out;
use crate::cli::{completion, confirm, duration, reached};
use crate::domain::cluster::{PublicAddress, SelfService, WriteScope};
use crate::domain::level::Allowed;
use crate::domain::mark::parse_label;
use crate::domain::name::{ClusterName, ProjectName, parse_line, parse_namespace};
use crate::error::Failure;
use crate::ops;

/// Change a cluster's settings
///
/// Descriptions and labels may be changed by those who can write; where write reaches only by
/// those who manage the cluster, and so may the address that kubeconfigs carry. Which project it is in is for organization owners and admins: the
/// shared kubeconfigs of the project that it leaves end with that.
#[derive(clap::Args, Debug)]
#[command(override_usage = "kubegrant cluster set <NAME> <SETTING>...")]
#[command(group = clap::ArgGroup::new("settings").required(true).multiple(true).args(
    ["description", "label", "remove_label", "exclude", "remove_exclude", "write_scope",
    "include", "remove_include", "write_allow", "remove_write_allow", "project", "no_project",
    "public_server", "no_public_server", "scan_every", "self_service"]
))]
#[command(after_long_help = "Examples:\n  \
    kubegrant cluster set prod --description \"customer traffic\" --label env=prod\n  \
    kubegrant cluster set prod --exclude monitoring --remove-exclude staging\n  \
    kubegrant cluster set prod --include ci --yes\n  \
    kubegrant cluster set prod --write-allow postgresql.cnpg.io/clusters\n  \
    kubegrant cluster set prod --public-server https://k8s.example.net:6443\n  \
    kubegrant cluster set prod --self-service on\n  \
    kubegrant cluster set prod --project shop")]
pub(crate) struct ClusterSetArgs {
    /// Which cluster
    #[arg(add = completion::clusters())]
    name: ClusterName,
    /// One line for people
    #[arg(long, value_name = "TEXT", value_parser = parse_line)]
    description: Option<String>,
    /// Set a label for people; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_label)]
    label: Vec<(String, String)>,
    /// Remove a label; may be repeated
    #[arg(hide_short_help = true, long, value_name = "KEY")]
    remove_label: Vec<String>,
    /// Exclude a namespace from write; may be repeated
    #[arg(long, value_name = "NAMESPACE", alias = "hold-back", value_parser = parse_namespace)]
    exclude: Vec<String>,
    /// Exclude a namespace no longer; may be repeated
    #[arg(
        hide_short_help = true,
        long,
        value_name = "NAMESPACE",
        alias = "release",
        value_parser = parse_namespace
    )]
    remove_exclude: Vec<String>,
    /// Let write into a namespace that is excluded, whose accounts let its holder escalate; may be
    /// repeated
    #[arg(hide_short_help = true, long, value_name = "NAMESPACE", value_parser = parse_namespace)]
    include: Vec<String>,
    /// Let write into it no longer, unless it is like any other; may be repeated
    #[arg(hide_short_help = true, long, value_name = "NAMESPACE", value_parser = parse_namespace)]
    remove_include: Vec<String>,
    /// Let write carry what `edit` has of these resources of others, GROUP/RESOURCE or GROUP/*; may
    /// be repeated
    #[arg(hide_short_help = true, long, value_name = "GROUP/RESOURCE")]
    write_allow: Vec<Allowed>,
    /// Let write carry them no longer; may be repeated
    #[arg(hide_short_help = true, long, value_name = "GROUP/RESOURCE")]
    remove_write_allow: Vec<Allowed>,
    /// Put it in a project, whose members all reach it then; for organization owners and admins
    #[arg(long, value_name = "PROJECT", add = completion::projects())]
    project: Option<ProjectName>,
    /// Take it out of its project, which ends the project's shared kubeconfigs for it
    #[arg(long, conflicts_with = "project")]
    no_project: bool,
    /// Address that kubeconfigs carry instead of the registered one, such as a load balancer's
    #[arg(long, value_name = "URL", value_parser = parse_address)]
    public_server: Option<String>,
    /// Name in the certificate there, where it is another than the address's [default: found out]
    #[arg(hide_short_help = true, long, value_name = "NAME", requires = "public_server", value_parser = parse_host)]
    public_tls_server_name: Option<String>,
    /// Let kubeconfigs carry the registered address again
    #[arg(hide_short_help = true, long, conflicts_with = "public_server")]
    no_public_server: bool,
    /// How long a download of write relies on the last look at all that write rests upon: 1s to 1d
    /// [default: 10m]; a first one always looks
    #[arg(hide_short_help = true, long, value_name = "DURATION", value_parser = scan_every)]
    scan_every: Option<TimeDelta>,
    /// Whether developers serve themselves through `kubegrant serve`
    ///
    /// The server's key opens the issuer's login then; with `on,ssh-key` also the SSH key of the nodes, which
    /// is root there, until somebody takes it.
    #[arg(long, value_name = "HOW", value_parser = self_service())]
    self_service: Option<SelfService>,
    /// How far write reaches
    #[arg(hide_short_help = true, long, value_enum, value_name = "SCOPE")]
    write_scope: Option<Scope>,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

/// How far write reaches.
#[derive(ValueEnum, Debug, Clone, Copy)]
pub(crate) enum Scope {
    /// `view` everywhere, `edit` in every namespace that is not excluded
    Namespaces,
    /// Kubernetes' cluster-wide `edit`: its holders can become cluster-admin
    Cluster,
}

impl From<Scope> for WriteScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Namespaces => Self::Namespaces,
            Scope::Cluster => Self::Cluster,
        }
    }
}

pub(crate) async fn run(args: ClusterSetArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let before = reached::on(context, &args.name);
    let mut change = ops::cluster::Set {
        cluster: args.name.clone(),
        settings: settings(&args),
        insists: None,
    };
    let intent = args.dry_run.intent();
    let done = match ops::cluster::set(context.session, &change, &intent).await {
        Err(ops::Error::Escalates { what }) => {
            context.output.warn(&what);
            change.insists = Some(confirm::agree(context, "Let it all the same?")?);
            ops::cluster::set(context.session, &change, &intent).await?
        }
        done => done?,
    };
    let Some(done) = context.planned(done)? else {
        return Ok(());
    };
    context.output.show(&SettingsView::from(&done))?;
    for warning in &done.warnings {
        context.output.warn(warning);
    }
    if args.self_service == Some(SelfService::WithSshKey) && !done.unchanged {
        context.output.warn(
            "the key of every server opens the SSH key of the nodes now: whoever steals it, with the store, is root there",
        );
    }
    for over in done.over.iter().filter(|over| !over.held_by.is_empty()) {
        let names: Vec<String> = over.held_by.iter().map(|it| format!("'{it}'")).collect();
        context.output.status(&format!(
            "Version {} of '{}' on cluster '{}' was held by {}.",
            over.ended,
            over.owner,
            over.cluster,
            names.join(", ")
        ));
    }
    for left in &done.left_out {
        context.output.warn(&left_out(left, &args.name.to_string()));
    }
    if !done.unchanged {
        before.say(context);
    }
    if done.unchanged {
        context
            .output
            .status("Nothing was changed: it is so already.");
    } else {
        context.output.status(&format!(
            "The settings of cluster '{}' are changed.",
            args.name
        ));
    }
    context.say_applied(&done.applied)
}

fn parse_address(text: &str) -> Result<String, String> {
    ops::cluster::parse_address(text)
}

fn parse_host(text: &str) -> Result<String, String> {
    ops::cluster::parse_host(text)
}

fn self_service() -> impl TypedValueParser<Value = SelfService> {
    PossibleValuesParser::new(SelfService::ALL.map(SelfService::as_str))
        .try_map(|text| text.parse().map_err(std::io::Error::other))
}

fn scan_every(text: &str) -> Result<TimeDelta, String> {
    let every = duration::parse(text).map_err(|error| error.to_string())?;
    if every > TimeDelta::days(1) {
        return Err("at most a day".to_owned());
    }
    Ok(every)
}

fn settings(args: &ClusterSetArgs) -> ops::cluster::Settings {
    ops::cluster::Settings {
        description: args.description.clone(),
        labels: args.label.iter().cloned().collect(),
        labels_removed: args.remove_label.iter().cloned().collect(),
        write_scope: args.write_scope.map(WriteScope::from),
        exclude: args.exclude.iter().cloned().collect(),
        project: match &args.project {
            Some(project) => ops::cluster::IntoProject::In(project.clone()),
            None if args.no_project => ops::cluster::IntoProject::Nowhere,
            None => ops::cluster::IntoProject::Same,
        },
        exclude_removed: args.remove_exclude.iter().cloned().collect(),
        include: args.include.iter().cloned().collect(),
        include_removed: args.remove_include.iter().cloned().collect(),
        allow: args.write_allow.iter().cloned().collect(),
        allow_removed: args.remove_write_allow.iter().cloned().collect(),
        scan_every: args.scan_every,
        self_service: args.self_service,
        public: match &args.public_server {
            Some(server) => ops::cluster::Public::At(PublicAddress {
                server: server.clone(),
                tls_server_name: args.public_tls_server_name.clone(),
            }),
            None if args.no_public_server => ops::cluster::Public::Registered,
            None => ops::cluster::Public::Same,
        },
    }
}
