//! Asking before something is taken away.

use super::desk::Desk;
use crate::domain::Confirmed;
use crate::error::{Failure, Kind};
use crate::ops::Mode;

/// Asks a question whose yes takes something away. `--yes` answers it; so does a dry run, which
/// takes nothing.
pub(crate) fn ask(desk: &mut Desk<'_>, question: &str, mode: Mode) -> Result<Confirmed, Failure> {
    let agreed =
        desk.yes || mode == Mode::Plan || desk.prompt.confirm(desk.output, question, "`--yes`")?;
    Confirmed::from_consent(agreed)
        .ok_or_else(|| Failure::words(Kind::State, "not confirmed; nothing was changed", ""))
}
