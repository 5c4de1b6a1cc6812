//! `kubegrant whoami`.

use super::desk::Desk;
use super::views::whoami::WhoView;
use crate::error::Failure;
use crate::ops;

/// Show who you are, by which key, and what that proves
///
/// You are the user whose public key belongs to your identity. That proves that you can read the
/// identity's file; it does not prove who sits at the keyboard.
#[derive(clap::Args, Debug)]
pub(crate) struct WhoamiArgs {}

pub(crate) fn run(_args: &WhoamiArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let who = ops::whoami::whoami(desk.session)?;
    desk.output.show(&WhoView::from(&who))?;
    Ok(())
}
