//! Asking before something is taken away.

use super::context::Context;
use super::global::DryRunArgs;
use crate::domain::Confirmed;
use crate::error::{Failure, Kind};
use crate::ops::Intent;

/// Asks a question whose yes takes something away, unless it is a dry run, which takes nothing and
/// needs no consent. `--yes` answers it.
pub(crate) fn intent(
    context: &mut Context<'_>,
    question: &str,
    dry_run: DryRunArgs,
) -> Result<Intent, Failure> {
    if dry_run.is_on() {
        return Ok(Intent::Preview);
    }
    agree(context, question).map(Intent::Perform)
}

/// Asks a question that somebody must say yes to. `--yes` answers it.
pub(crate) fn agree(context: &mut Context<'_>, question: &str) -> Result<Confirmed, Failure> {
    let agreed = context.yes
        || context
            .prompt
            .confirm(context.output, question, "`--yes`")?;
    Confirmed::from_consent(agreed)
        .ok_or_else(|| Failure::description(Kind::State, "not confirmed; nothing was changed", ""))
}
