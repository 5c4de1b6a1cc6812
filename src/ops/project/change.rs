//! Changes of projects: what each decides.

use super::ProjectLine;
use crate::domain::Confirmed;
use crate::domain::action::Action;
use crate::domain::effect::Effect;
use crate::domain::name::ProjectName;
use crate::domain::policy::{OrganizationAction, ProjectAction};
use crate::domain::project::Project;
use crate::domain::refusal::Refusal;
use crate::domain::rows::Rows;
use crate::ops::change::{self, About, Change, Decision, Target, Who};
use crate::ops::{Done, Error, Intent, Unasked};
use crate::session::{App, Session};
use crate::store;

/// A project is made.
#[derive(Debug)]
pub(crate) struct Create {
    /// Its name.
    pub(crate) name: ProjectName,
    /// One line for people.
    pub(crate) description: String,
}

impl Change for Create {
    type Seen = ();
    type Consent = Unasked;

    fn about(&self) -> About<'_> {
        let manage = OrganizationAction::ManageProjects;
        About::gives(Action::ProjectCreate, Target::Organization(manage))
    }

    fn decide(&self, rows: &Rows, _: &Who, (): &()) -> Result<Decision, Refusal> {
        refuse_taken(rows, &self.name)?;
        Ok(Decision {
            effects: vec![Effect::CreateProject {
                name: self.name.clone(),
                description: self.description.clone(),
            }],
            detail: format!("project '{}' made", self.name),
            ..Decision::default()
        })
    }
}

fn refuse_taken(rows: &Rows, name: &ProjectName) -> Result<(), Refusal> {
    if rows.people.has_project(name) {
        return Err(Refusal::ProjectExists(name.clone()));
    }
    Ok(())
}

/// Makes a project.
pub(crate) async fn create(
    session: &Session,
    change: &Create,
    intent: &Intent<Unasked>,
) -> Result<Done<ProjectLine>, Error> {
    if let Done::Planned(planned) = change::run(session, change, intent).await? {
        return Ok(Done::Planned(planned));
    }
    Ok(Done::Did(ProjectLine {
        project: of_name(session, &change.name)?,
        members: 0,
        clusters: 0,
        role: None,
    }))
}

/// The project of a name, as it is now.
pub(super) fn of_name(app: &App, name: &ProjectName) -> Result<Project, Error> {
    let found = app.store()?.read(|tx| store::projects::find(tx, name))?;
    found.ok_or_else(|| Error::UnknownProject {
        name: name.clone(),
        similar: vec![],
    })
}

/// A project gets another name. Files that were handed out go on working under the old one.
#[derive(Debug)]
pub(crate) struct Rename {
    /// Its name.
    pub(crate) project: ProjectName,
    /// Its new name.
    pub(crate) to: ProjectName,
}

impl Change for Rename {
    type Seen = ();
    type Consent = Unasked;

    fn about(&self) -> About<'_> {
        let target = Target::Project(self.project.clone(), ProjectAction::Manage);
        About::gives(Action::ProjectRename, target)
    }

    fn decide(&self, rows: &Rows, _: &Who, (): &()) -> Result<Decision, Refusal> {
        let project = rows.the_project()?;
        if project.name == self.to {
            return Ok(Decision::default());
        }
        refuse_taken(rows, &self.to)?;
        Ok(Decision {
            effects: vec![Effect::RenameProject {
                project: project.id,
                name: self.to.clone(),
            }],
            detail: format!("project '{}' is now '{}'", self.project, self.to),
            ..Decision::default()
        })
    }
}

/// Renames a project; gives it as it is now, and whether it was called so before.
pub(crate) async fn rename(
    session: &Session,
    change: &Rename,
    intent: &Intent<Unasked>,
) -> Result<Done<(Project, bool)>, Error> {
    match change::run(session, change, intent).await? {
        Done::Planned(planned) => Ok(Done::Planned(planned)),
        Done::Did(carried) => {
            let project = of_name(session, &change.to)?;
            Ok(Done::Did((project, carried.is_unchanged())))
        }
    }
}

/// A project that has no clusters any more is deleted, with its list of members.
#[derive(Debug)]
pub(crate) struct Delete {
    /// Its name.
    pub(crate) project: ProjectName,
}

impl Change for Delete {
    type Seen = ();
    type Consent = Confirmed;

    fn about(&self) -> About<'_> {
        let target = Target::Project(self.project.clone(), ProjectAction::Manage);
        About::takes(Action::ProjectDelete, target)
    }

    fn decide(&self, rows: &Rows, _: &Who, (): &()) -> Result<Decision, Refusal> {
        let project = rows.the_project()?;
        if !rows.clusters.is_empty() {
            let names = rows.clusters.iter().map(|on| on.cluster.name.clone());
            return Err(Refusal::HasClusters {
                project: project.name.clone(),
                clusters: names.collect(),
            });
        }
        Ok(Decision {
            effects: vec![Effect::RemoveProject {
                project: project.id,
            }],
            detail: format!("project '{}' deleted", project.name),
            ..Decision::default()
        })
    }
}

/// Deletes a project; gives it as it was.
pub(crate) async fn delete(
    session: &Session,
    change: &Delete,
    intent: &Intent,
) -> Result<Done<Project>, Error> {
    match change::run(session, change, intent).await? {
        Done::Planned(planned) => Ok(Done::Planned(planned)),
        Done::Did(carried) => {
            let project = carried.before.the_project().map_err(Error::Refused)?;
            Ok(Done::Did(project.clone()))
        }
    }
}
