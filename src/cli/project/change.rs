//! What the verbs about members of a project have in common.

use crate::cli::completion;
use crate::cli::context::Context;
use crate::cli::views::project::MemberChangeView;
use crate::domain::name::{ProjectName, UserRef};
use crate::error::Failure;
use crate::ops::project::members::{Changed, Membership, Taken};
use crate::ops::project::shared::Over;

/// Who, and in which project.
#[derive(clap::Args, Debug)]
pub(crate) struct MemberArgs {
    /// Who: name or e-mail
    #[arg(add = completion::users())]
    pub(crate) user: UserRef,
    /// In which project
    #[arg(long, value_name = "PROJECT", add = completion::projects())]
    pub(crate) project: ProjectName,
}

impl MemberArgs {
    /// The pair.
    pub(crate) fn membership(&self) -> Membership {
        Membership {
            project: self.project.clone(),
            user: self.user.clone(),
        }
    }
}

/// What happens to what they took.
#[derive(clap::Args, Debug)]
pub(crate) struct KeepArgs {
    /// Do not end the shared kubeconfigs that they took: they can still get in with them
    #[arg(long)]
    keep_shared: bool,
}

impl KeepArgs {
    /// What was decided.
    pub(crate) fn taken(&self) -> Taken {
        if self.keep_shared {
            Taken::Keep
        } else {
            Taken::End
        }
    }
}

/// Says who must download again.
pub(crate) fn say_over(over: &[Over], context: &mut Context<'_>) {
    for over in over {
        if over.again.is_empty() {
            continue;
        }
        let names: Vec<String> = over.again.iter().map(|name| format!("'{name}'")).collect();
        context.output.status(&format!(
            "Version {} of '{}' on cluster '{}' was held by {}: they must download again.",
            over.ended,
            over.owner,
            over.cluster,
            names.join(", ")
        ));
    }
}

/// Shows a change, and says what it did; ends with the exit code that is true.
pub(crate) fn say(changed: &Changed, context: &mut Context<'_>) -> Result<(), Failure> {
    context.output.show(&MemberChangeView::from(changed))?;
    let (user, project) = (&changed.user, &changed.project);
    let already = if changed.unchanged { " already" } else { "" };
    context.output.status(&match changed.role {
        Some(role) => format!("'{user}' is {role} of project '{project}'{already}."),
        None => format!("'{user}' is no member of project '{project}' any more."),
    });
    say_over(&changed.over, context);
    for kept in &changed.kept {
        context.output.warn(&format!(
            "'{user}' still has {kept}, and can still get in with it"
        ));
    }
    if !changed.kept.is_empty() {
        context
            .output
            .hint(&format!("end it with `kubegrant project rotate {project}`"));
    }
    context.say_applied(&changed.applied)
}
