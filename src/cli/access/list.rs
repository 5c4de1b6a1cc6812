//! `kubegrant access list`.

use crate::cli::completion;
use crate::cli::context::Context;
use crate::cli::views::access::{AccessView, nobody};
use crate::domain::name::{ClusterName, UserRef};
use crate::error::Failure;
use crate::ops;

/// List who has access to which cluster, and through what
///
/// On clusters that you manage you see everybody; elsewhere you see what you have yourself. With
/// `--cluster` those who manage it see from whom it is hidden, too.
#[derive(clap::Args, Debug)]
pub(crate) struct AccessListArgs {
    /// Only this cluster
    #[arg(short, long, add = completion::clusters())]
    cluster: Option<ClusterName>,
    /// Only this user
    #[arg(short, long, add = completion::users())]
    user: Option<UserRef>,
}

pub(crate) fn run(args: AccessListArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let filter = ops::access::Filter {
        cluster: args.cluster,
        user: args.user,
    };
    let doubt = context.doubt(ops::audit::Shown {
        cluster: filter.cluster.clone(),
        user: filter.user.clone(),
        ..Default::default()
    });
    let mut rows = context.output.rows::<AccessView>();
    ops::access::list(context.session, &filter, |line| {
        rows.push(AccessView::from(line)).map_err(Failure::from)
    })?;
    rows.finish(&nobody(&filter))?;
    context.say_doubt(doubt)
}
