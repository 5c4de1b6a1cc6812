//! `kubegrant audit export`.

use super::list::FilterArgs;
use crate::cli::context::Context;
use crate::cli::views::audit::json_line;
use crate::error::Failure;
use crate::ops;

/// How much is written at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// Write events as JSON lines, one for each, oldest first
///
/// Always the same bytes for the same event: fixed keys in a fixed order, and nothing but printable
/// ASCII (all else is escaped), so that a line is a line to every reader. Denied and failed
/// attempts are in it. Each line carries the hash of the one before: keep what you exported
/// elsewhere, and go on with `--since-seq`. With `signature`, `signed_by` and `hash` OpenSSH checks an event:
/// `ssh-keygen -Y verify -n kubegrant-audit`.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant audit export > audit.jsonl\n  \
    kubegrant audit export --since-seq 1201 >> audit.jsonl\n  \
    kubegrant audit export --user bob --since 30d | jq .detail")]
pub(crate) struct AuditExportArgs {
    #[command(flatten)]
    filter: FilterArgs,
}

pub(crate) fn run(args: AuditExportArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let filter = args.filter.filter(context.session.now());
    let output = &mut *context.output;
    let mut waiting = String::new();
    ops::audit::export(context.session, &filter, |entry| {
        waiting.push_str(&json_line(entry));
        if waiting.len() < BUFFER_BYTES {
            return Ok(());
        }
        output.raw(waiting.as_bytes())?;
        waiting.clear();
        Ok::<_, Failure>(())
    })?;
    output.raw(waiting.as_bytes())?;
    Ok(())
}
