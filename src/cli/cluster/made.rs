//! What is made on a cluster, and where: the flags of `cluster add` and `cluster relink`.

use crate::domain::mark::{Marks, parse_annotation, parse_label};
use crate::ops::cluster::ObjectOptions;

/// What is made on a cluster, and where.
#[derive(clap::Args, Debug)]
pub(crate) struct MadeArgs {
    /// A label for the cluster and for everything that is made on it; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_label)]
    label: Vec<(String, String)>,
    /// An annotation for everything that is made on the cluster; may be repeated
    #[arg(hide_short_help = true, long, value_name = "KEY=VALUE", value_parser = parse_annotation)]
    annotation: Vec<(String, String)>,
    /// Take over a namespace `kubegrant` that is there already; it is not deleted with the cluster
    #[arg(hide_short_help = true, long)]
    adopt_namespace: bool,
}

impl MadeArgs {
    /// What is to be made.
    pub(crate) fn options(self) -> ObjectOptions {
        ObjectOptions {
            marks: Marks {
                labels: self.label.into_iter().collect(),
                annotations: self.annotation.into_iter().collect(),
            },
            adopt_namespace: self.adopt_namespace,
        }
    }
}
