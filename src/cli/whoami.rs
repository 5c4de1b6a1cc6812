//! `kubegrant whoami`.

use super::context::Context;
use super::views::whoami::WhoView;
use crate::domain::text::rfc3339;
use crate::error::Failure;
use crate::ops;
use crate::ops::whoami::KeySet;

/// Show who you are, by which key, and what that proves
///
/// You are the user whose public key belongs to your identity. That proves that you can read the
/// identity's file; it does not prove who sits at the keyboard.
#[derive(clap::Args, Debug)]
pub(crate) struct WhoamiArgs {}

/// Tells somebody that their key is one that somebody else gave them.
pub(crate) fn say_key_set(key_set: &KeySet, context: &mut Context<'_>) {
    context.output.warn(&format!(
        "'{}' set your key at {}: if you do not know why, ask",
        key_set.by,
        rfc3339(key_set.at)
    ));
}

pub(crate) fn run(_args: &WhoamiArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let who = ops::whoami::whoami(context.session)?;
    context.output.show(&WhoView::from(&who))?;
    if let Some(key_set) = &who.key_set {
        say_key_set(key_set, context);
    }
    Ok(())
}
