//! A shell whose credential a server begins and ends.

use std::ffi::OsString;
use std::time::Duration;

use super::{Asking, lost, say};
use crate::api::ShellNamed;
use crate::cli::context::Context;
use crate::domain::name::ClusterName;
use crate::error::{Failure, Kind};
use crate::ops::shell::run_received;

/// How often the server hears that the shell is in use.
const EVERY: Duration = Duration::from_secs(10);

/// A shell that is asked of a server.
pub(in crate::cli) struct Wanted {
    /// Where.
    pub(in crate::cli) cluster: ClusterName,
    /// The command; nothing for the user's shell.
    pub(in crate::cli) command: Vec<OsString>,
    /// Whether it is only said what would be done.
    pub(in crate::cli) is_preview: bool,
}

impl Asking<'_> {
    /// Runs a command, or the user's shell, with a credential that ends with it.
    pub(super) async fn sit(
        mut self,
        wanted: Wanted,
        context: &mut Context<'_>,
    ) -> Result<(), Failure> {
        // What runs here is no business of the server's.
        self.relayed.own.retain(|name| name != "command");
        if wanted.is_preview {
            return self.relay(context).await;
        }
        self.refuse_unopened(context).await?;
        let answer = self.ask("json", context).await?;
        if answer.file.is_empty() {
            return say(&answer, context);
        }
        let named: ShellNamed = serde_json::from_str(&answer.stdout).map_err(|_| lost())?;
        say(&answer, context)?;
        // Until all is ended: an impatient Ctrl-C must not leave a login behind. Every wait is bounded.
        let _hold = context.session.workspace.env.interrupt.hold();
        let file = answer.file.as_bytes();
        let run = run_received(context.session, &wanted.cluster, file, &wanted.command);
        let speak = async {
            loop {
                tokio::time::sleep(EVERY).await;
                // A server that is away for a moment has a minute to come back.
                let _heard_or_not = self.link.shell_here(&named).await;
            }
        };
        let ran = tokio::select! {
            ran = run => ran,
            () = speak => return Ok(()),
        };
        let ended = self.link.shell_end(&named).await;
        let ended = ended.map_err(|error| {
            context.output.warn(
                "the server did not hear that the shell ended: it ends by itself within a minute",
            );
            Failure::from(error)
        });
        if ran.is_ok() {
            let ended = ended?;
            let words = crate::output::sanitize::shown(&ended.words);
            context.output.rendered(&words);
            if ended.exit != 0 {
                return Err(Failure::said(Kind::Child(ended.exit)));
            }
        }
        match ran?.code {
            0 => Ok(()),
            code => Err(Failure::said(Kind::Child(code))),
        }
    }
}
