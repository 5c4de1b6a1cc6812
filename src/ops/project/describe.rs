//! A project's description is set: what that decides.

use super::change::of_name;
use crate::domain::action::Action;
use crate::domain::effect::Effect;
use crate::domain::name::ProjectName;
use crate::domain::policy::ProjectAction;
use crate::domain::project::Project;
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::ops::change::{self, About, Change, Decision, Target, Who};
use crate::ops::{Done, Error, Intent, Unasked};
use crate::session::Session;

/// A project gets another description.
#[derive(Debug)]
pub(crate) struct Describe {
    /// Its name.
    pub(crate) project: ProjectName,
    /// One line for people; empty: none.
    pub(crate) description: String,
}

impl Change for Describe {
    type Seen = ();
    type Consent = Unasked;

    fn about(&self) -> About<'_> {
        let target = Target::Project(self.project.clone(), ProjectAction::Manage);
        About::gives(Action::ProjectDescribe, target)
    }

    fn decide(&self, rows: &Rows, _: &Who, (): &()) -> Result<Decision, Refusal> {
        let project = rows.the_project()?;
        if project.description == self.description {
            return Ok(Decision::default());
        }
        Ok(Decision {
            effects: vec![Effect::DescribeProject {
                project: project.id,
                text: self.description.clone(),
            }],
            detail: format!("project '{}': '{}'", self.project, self.description),
            ..Decision::default()
        })
    }
}

/// Sets a project's description; gives the project as it is now, and whether it had that before.
pub(crate) async fn describe(
    session: &Session,
    change: &Describe,
    intent: &Intent<Unasked>,
) -> Result<Done<(Project, bool)>, Error> {
    match change::run(session, change, intent).await? {
        Done::Planned(planned) => Ok(Done::Planned(planned)),
        Done::Did(carried) => {
            let project = of_name(session, &change.project)?;
            Ok(Done::Did((project, carried.is_unchanged())))
        }
    }
}
