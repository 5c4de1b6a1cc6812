//! `kubegrant cluster add`.

use std::path::Path;

use crate::cli::completion;
use crate::cli::context::Context;
use crate::cli::global::DryRunArgs;
use crate::cli::views::cluster::RegisteredView;
use crate::domain::cluster::WriteScope;
use crate::domain::name::{ClusterName, ProjectName, UserRef, parse_line, parse_namespace};
use crate::error::{Failure, Kind};
use crate::ops;
use crate::ops::ssh_key::{FirstKey, SshKeyKind};

/// Register a cluster from an operator's kubeconfig
///
/// Checks the address, the version and the rights; pins the CA and the cluster's identity; makes
/// the namespace `kubegrant` with a manager account of exactly the rights that are needed, and
/// keeps its token, sealed. The operator's own credential is not kept. Nothing in the kubeconfig
/// is executed unless `--allow-exec` says so. Warns of roles by which others would come to the
/// manager's account. Where that namespace holds bindings of others, or the API server gives every
/// account more than `read`, it needs `--yes`. What fails leaves nothing on the cluster.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant cluster add prod --kubeconfig /etc/kubernetes/admin.conf\n  \
    kubegrant cluster add kind --context kind-kind --owner bob\n  \
    kubegrant cluster add eks --allow-exec --exclude monitoring\n  \
    kubegrant cluster add shop --adopt-namespace --label team=platform\n  \
    kubegrant cluster add prod --kubeconfig admin.conf --ssh-key generate")]
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
    #[arg(hide_short_help = true, long, value_name = "TEXT", value_parser = parse_line, default_value = "", hide_default_value = true)]
    description: String,
    #[command(flatten)]
    made: super::made::MadeArgs,
    /// A namespace that write must not reach; may be repeated
    #[arg(hide_short_help = true, long, value_name = "NAMESPACE", alias = "hold-back", value_parser = parse_namespace)]
    exclude: Vec<String>,
    /// How far write reaches: `cluster` is Kubernetes' plain cluster-wide `edit`, whose holders
    /// can become cluster-admin
    #[arg(
        hide_short_help = true,
        long,
        value_enum,
        default_value = "namespaces",
        value_name = "SCOPE"
    )]
    write_scope: super::set::Scope,
    /// Keep the operator's credential (sealed) instead of a manager's token
    #[arg(hide_short_help = true, long)]
    keep_credential: bool,
    // Not a doc comment: to rustdoc the brackets would be a link.
    #[arg(hide_short_help = true,
        long,
        num_args = 1..=2,
        value_names = ["HOW", "FILE"],
        help = "The key pair of its nodes: `generate`, `import FILE` or `none` [default: none]"
    )]
    ssh_key: Vec<String>,
    #[command(flatten)]
    dry_run: DryRunArgs,
}

/// Works out the key pair of the nodes, before anything is registered.
fn ssh_key(
    how: &[String],
    name: &ClusterName,
    context: &mut Context<'_>,
) -> Result<Option<FirstKey>, Failure> {
    let how: Vec<&str> = how.iter().map(String::as_str).collect();
    match how.as_slice() {
        [] | ["none"] => Ok(None),
        ["generate"] => {
            let key = ops::ssh_key::make(context.session, name, SshKeyKind::Ed25519)?;
            Ok(Some(FirstKey {
                key,
                imported: false,
            }))
        }
        ["import", file] => {
            let key = crate::cli::ssh_key::read_file(context, name, Path::new(file))?;
            Ok(Some(FirstKey {
                key,
                imported: true,
            }))
        }
        _ => Err(Failure::description(
            Kind::Usage,
            &format!("`--ssh-key {}` makes no sense", how.join(" ")),
            "write `--ssh-key generate`, `--ssh-key import FILE` or `--ssh-key none`",
        )),
    }
}

pub(crate) async fn run(args: ClusterAddArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let ssh_key = ssh_key(&args.ssh_key, &args.name, context)?;
    let has_ssh_key = ssh_key.is_some();
    let wanted = ops::cluster::Add {
        ssh_key,
        name: args.name,
        source: args.source.source(context)?,
        owner: args.owner,
        project: args.project,
        description: args.description,
        objects: args.made.options(),
        write_scope: WriteScope::from(args.write_scope),
        excluded: args.exclude.into_iter().collect(),
        keep_credential: args.keep_credential,
        insists: context.insists(),
    };
    let intent = args.dry_run.intent();
    let adding = Box::pin(ops::cluster::add(context.session, &wanted, &intent));
    let done = adding.await?;
    let Some(done) = context.planned(done)? else {
        return Ok(());
    };
    context.output.show(&RegisteredView::from(&done))?;
    for warning in &done.warnings {
        context.output.warn(warning);
    }
    let name = &done.cluster.name;
    context
        .output
        .status(&format!("Cluster '{name}' is registered."));
    context.say_applied(&done.applied)?;
    if has_ssh_key {
        context.output.hint(&format!(
            "put its SSH key on the nodes with `kubegrant ssh-key install {name}`"
        ));
    }
    context.output.hint(&format!(
        "give access with `kubegrant access grant USER --cluster {name} --level read`"
    ));
    Ok(())
}
