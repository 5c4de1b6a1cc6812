//! What is said where somebody loses full access: what they could have made with it lives on.

use super::desk::Desk;
use crate::domain::name::{ClusterName, ProjectName, UserRef};
use crate::ops::reached::{self, Reached};

/// What somebody had before a change.
pub(crate) struct Before(Vec<Reached>);

/// Looks up what a user has, before it is changed.
pub(crate) fn of(desk: &Desk<'_>, user: &UserRef) -> Before {
    // Whoever is not there is refused by the change itself.
    Before(reached::by(desk.session, user).into_iter().collect())
}

/// The same of everybody on a cluster.
pub(crate) fn on(desk: &Desk<'_>, cluster: &ClusterName) -> Before {
    Before(reached::on(desk.session, cluster).unwrap_or_default())
}

impl Before {
    /// Says where they have it no longer.
    pub(crate) fn say(&self, desk: &mut Desk<'_>) {
        self.say_where(desk, |reached, desk| reached.lost(desk.session));
    }

    /// The same for the clusters of one project.
    pub(crate) fn say_in(&self, project: &ProjectName, desk: &mut Desk<'_>) {
        self.say_where(desk, |reached, desk| reached.lost_in(desk.session, project));
    }

    /// The same for one cluster.
    pub(crate) fn say_on(&self, cluster: &ClusterName, desk: &mut Desk<'_>) {
        self.say_where(desk, |reached, desk| {
            let mut lost = reached.lost(desk.session)?;
            lost.retain(|name| name == cluster);
            Ok(lost)
        });
    }

    fn say_where(
        &self,
        desk: &mut Desk<'_>,
        lost: impl Fn(&Reached, &Desk<'_>) -> Result<Vec<ClusterName>, crate::ops::Error>,
    ) {
        let mut clusters: Vec<ClusterName> = Vec::new();
        let mut whom = Vec::new();
        for reached in &self.0 {
            let lost = lost(reached, desk).unwrap_or_default();
            if !lost.is_empty() {
                whom.push(format!("'{}'", reached.user()));
            }
            clusters.extend(lost);
        }
        clusters.sort();
        clusters.dedup();
        say(&whom.join(", "), &clusters, desk);
    }
}

/// Says what those with full access could have made, and how it ends.
pub(crate) fn say(whom: &str, clusters: &[ClusterName], desk: &mut Desk<'_>) {
    let names: Vec<String> = clusters.iter().map(|name| format!("'{name}'")).collect();
    let (on, command) = match clusters {
        [] => return,
        [one] => (format!("cluster {}", names.join(", ")), one.to_string()),
        _ => (
            format!("clusters {}", names.join(", ")),
            "CLUSTER".to_owned(),
        ),
    };
    desk.output.warn(&format!(
        "{whom} had all power on {on}: tokens that were minted with it for other accounts, the \
         manager's too, and bindings that were made live on"
    ));
    desk.output.hint(&format!(
        "end it with `kubegrant cluster rotate-accounts {command}`, which lists what others bound"
    ));
}
