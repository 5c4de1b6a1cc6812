//! What is said where somebody loses full access: what they could have made with it lives on.

use super::context::Context;
use crate::domain::name::{ClusterName, ProjectName, UserRef};
use crate::ops::reached::{self, Reach, Reached};

/// What somebody had before a change.
pub(crate) struct Before(Vec<Reached>);

/// Looks up what a user has, before it is changed.
pub(crate) fn of(context: &Context<'_>, user: &UserRef) -> Before {
    // Whoever is not there is refused by the change itself.
    Before(reached::by(context.session, user).into_iter().collect())
}

/// The same of everybody on a cluster.
pub(crate) fn on(context: &Context<'_>, cluster: &ClusterName) -> Before {
    Before(reached::on(context.session, cluster).unwrap_or_default())
}

impl Before {
    /// Says where they have it no longer.
    pub(crate) fn say(&self, context: &mut Context<'_>) {
        self.say_where(context, |reached, context| reached.lost(context.session));
    }

    /// The same for the clusters of one project.
    pub(crate) fn say_in(&self, project: &ProjectName, context: &mut Context<'_>) {
        self.say_where(context, |reached, context| {
            reached.lost_in(context.session, project)
        });
    }

    /// The same for one cluster.
    pub(crate) fn say_on(&self, cluster: &ClusterName, context: &mut Context<'_>) {
        self.say_where(context, |reached, context| {
            let mut lost = reached.lost(context.session)?;
            lost.retain(|(name, _)| name == cluster);
            Ok(lost)
        });
    }

    fn say_where(
        &self,
        context: &mut Context<'_>,
        lost: impl Fn(&Reached, &Context<'_>) -> Result<Vec<(ClusterName, Reach)>, crate::ops::Error>,
    ) {
        for reach in [Reach::Everything, Reach::Users] {
            let mut clusters: Vec<ClusterName> = Vec::new();
            let mut whom = Vec::new();
            for reached in &self.0 {
                let lost = lost(reached, context).unwrap_or_default();
                let lost = lost.into_iter().filter(|(_, had)| *had == reach);
                let before = clusters.len();
                clusters.extend(lost.map(|(cluster, _)| cluster));
                if clusters.len() > before {
                    whom.push(format!("'{}'", reached.user()));
                }
            }
            clusters.sort();
            clusters.dedup();
            say_what(reach, &whom.join(", "), &clusters, context);
        }
    }
}

/// Says what those with full access could have made, and how it ends.
pub(crate) fn say(whom: &str, clusters: &[ClusterName], context: &mut Context<'_>) {
    say_what(Reach::Everything, whom, clusters, context);
}

fn say_what(reach: Reach, whom: &str, clusters: &[ClusterName], context: &mut Context<'_>) {
    let names: Vec<String> = clusters.iter().map(|name| format!("'{name}'")).collect();
    let (on, command) = match clusters {
        [] => return,
        [one] => (format!("cluster {}", names.join(", ")), one.to_string()),
        _ => (
            format!("clusters {}", names.join(", ")),
            "CLUSTER".to_owned(),
        ),
    };
    context.output.warn(&match reach {
        Reach::Everything => format!(
            "{whom} had all power on {on}: tokens that were minted with it for other accounts, the \
             manager's too, and bindings that were made live on"
        ),
        Reach::Users => format!(
            "{whom} handed out kubeconfigs on {on}: tokens that were minted for developers' \
             accounts live on as long as those do"
        ),
    });
    context.output.hint(&format!(
        "end it with `kubegrant cluster rotate-accounts {command}`, which lists what others bound"
    ));
}
