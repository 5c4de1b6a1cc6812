//! `kubegrant cluster add`.

use crate::cli::completion;
use crate::cli::desk::Desk;
use crate::cli::global::DryRunArgs;
use crate::cli::views::cluster::RegisteredView;
use crate::domain::cluster::WriteScope;
use crate::domain::name::{ClusterName, ProjectName, UserRef, parse_line, parse_namespace};
use crate::error::Failure;
use crate::ops;

/// Register a cluster from an operator's kubeconfig
///
/// Checks the address, the version and the rights; pins the CA and the cluster's identity; makes
/// the namespace `kubegrant` with a manager account of exactly the rights that are needed, and
/// keeps its token, sealed. The operator's own credential is not kept. Nothing in the kubeconfig
/// is executed unless `--allow-exec` says so.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant cluster add prod --kubeconfig /etc/kubernetes/admin.conf\n  \
    kubegrant cluster add kind --context kind-kind --owner bob\n  \
    kubegrant cluster add eks --allow-exec --hold-back monitoring")]
pub(crate) struct ClusterAddArgs {
    /// Name: a DNS label
    name: ClusterName,
    #[command(flatten)]
    source: super::source::SourceArgs,
    /// The user it is assigned to, who has write and manages its developers
    #[arg(long, value_name = "USER", add = completion::users())]
    owner: Option<UserRef>,
    /// The project it is put in, whose members all reach it
    #[arg(long, value_name = "PROJECT", add = completion::projects())]
    project: Option<ProjectName>,
    /// One line for people
    #[arg(long, value_name = "TEXT", value_parser = parse_line, default_value = "", hide_default_value = true)]
    description: String,
    /// A label for people; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = super::label)]
    label: Vec<(String, String)>,
    /// A namespace that write must not reach; may be repeated
    #[arg(long, value_name = "NAMESPACE", value_parser = parse_namespace)]
    hold_back: Vec<String>,
    /// How far write reaches: `cluster` is Kubernetes' plain cluster-wide `edit`, whose holders
    /// can become cluster-admin
    #[arg(long, value_enum, default_value = "namespaces", value_name = "SCOPE")]
    write_scope: super::set::Scope,
    /// Keep the operator's credential (sealed) instead of a manager's token
    #[arg(long)]
    keep_credential: bool,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

pub(crate) async fn run(args: ClusterAddArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let wish = ops::cluster::Add {
        name: args.name,
        source: args.source.source(desk)?,
        owner: args.owner,
        project: args.project,
        description: args.description,
        labels: args.label.into_iter().collect(),
        write_scope: WriteScope::from(args.write_scope),
        held_back: args.hold_back.into_iter().collect(),
        keep_credential: args.keep_credential,
    };
    let done = ops::cluster::add(desk.session, wish, args.dry_run.mode()).await?;
    let Some(done) = desk.planned(done)? else {
        return Ok(());
    };
    desk.output.show(&RegisteredView::from(&done))?;
    for warning in &done.warnings {
        desk.output.warn(warning);
    }
    let name = &done.cluster.name;
    desk.output
        .status(&format!("Cluster '{name}' is registered."));
    desk.say_applied(&done.applied)?;
    desk.output.hint(&format!(
        "give access with `kubegrant access grant USER --cluster {name} --level read`"
    ));
    Ok(())
}
