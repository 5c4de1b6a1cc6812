//! `kubegrant access explain`.

use crate::cli::completion;
use crate::cli::context::Context;
use crate::cli::views::explain::ExplainView;
use crate::domain::name::{ClusterName, UserRef, parse_namespace};
use crate::error::Failure;
use crate::ops;

/// Explain what a user may do on a cluster, and why
///
/// Shows every path (organization role, ownership, project, grant), which one counts, and the rule that
/// refuses where one does. With a verb and a resource it also asks the API server itself what the
/// user's live credential may do.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant access explain bob --cluster prod\n  \
    kubegrant access explain bob -c prod delete deployments -n shop")]
pub(crate) struct AccessExplainArgs {
    /// Whose access: name or e-mail
    #[arg(add = completion::users())]
    user: UserRef,
    /// A verb, such as get, create, delete
    #[arg(requires = "resource", value_parser = word)]
    verb: Option<String>,
    /// A resource, such as pods, pods/exec, deployments.apps
    #[arg(value_parser = word)]
    resource: Option<String>,
    /// On which cluster
    #[arg(short, long, add = completion::clusters())]
    cluster: ClusterName,
    /// In which namespace
    #[arg(short, long, value_parser = parse_namespace, requires = "resource")]
    namespace: Option<String>,
}

fn word(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-./*".contains(c);
    if !text.is_empty() && text.len() <= 253 && text.chars().all(good) {
        Ok(text.to_owned())
    } else {
        Err("letters, digits and -./ only".to_owned())
    }
}

pub(crate) async fn run(args: AccessExplainArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let question = match (args.verb, args.resource) {
        (Some(verb), Some(resource)) => Some(ops::explain::Question {
            verb,
            resource,
            namespace: args.namespace,
        }),
        _ => None,
    };
    let doubt = context.doubt(ops::audit::Shown {
        cluster: Some(args.cluster.clone()),
        ..Default::default()
    });
    let explained =
        ops::explain::explain(context.session, &args.user, &args.cluster, question).await?;
    context.output.show(&ExplainView::from(&explained))?;
    context.say_doubt(doubt)
}
