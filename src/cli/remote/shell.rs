//! A shell whose credential a server begins and ends.

use std::ffi::OsString;
use std::time::Duration;

use chrono::TimeDelta;

use super::{Asking, lost, say};
use crate::api::ShellNamed;
use crate::cli::context::Context;
use crate::client::Proof;
use crate::domain::Timestamp;
use crate::domain::name::ClusterName;
use crate::domain::text::rfc3339;
use crate::error::{Failure, Kind};
use crate::ops::shell::run_received;
use crate::session::Session;

/// How often the server hears that the shell is in use.
const EVERY: Duration = Duration::from_secs(10);

/// A shell that is asked of a server.
pub(in crate::cli) struct Wanted {
    /// The cluster's name.
    pub(in crate::cli) cluster: ClusterName,
    /// The command; nothing for the user's shell.
    pub(in crate::cli) command: Vec<OsString>,
    /// How long it may live.
    pub(in crate::cli) ttl: TimeDelta,
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
        self.say_session_end(&wanted, context);
        let answer = self.ask("json", context).await?;
        if answer.file.is_empty() {
            say(&answer, context)?;
            return Err(lost());
        }
        let named: ShellNamed = serde_json::from_str(&answer.stdout).map_err(|_| lost())?;
        say(&answer, context)?;
        if wanted.command.is_empty() {
            let cluster = &wanted.cluster;
            let words = format!("A shell on cluster '{cluster}'. Leave it with `exit`.");
            context.output.status(&words);
        }
        let (session, told) = (context.session, context.output.sayer());
        // Until all is ended: an impatient Ctrl-C must not leave a login behind. Every wait is bounded.
        let _hold = session.workspace.env.interrupt.hold();
        let file = answer.file.as_bytes();
        let run = run_received(session, &wanted.cluster, file, &wanted.command);
        let ran = tokio::select! {
            ran = run => ran,
            () = self.speak(session, &named, &told) => return Ok(()),
        };
        let env = &session.workspace.env;
        let ended = self.link.shell_end(env, self.proof, &named).await;
        match ended {
            // One that the server does not know has ended.
            Ok(None) => {}
            Ok(Some(ended)) => {
                let words = crate::output::sanitize::shown(&ended.words);
                context.output.rendered(&words);
                if ended.exit != 0 {
                    if let Err(error) = &ran {
                        context.output.warn(&error.to_string());
                    }
                    return Err(Failure::reported(Kind::Child(ended.exit)));
                }
            }
            Err(error) => {
                context.output.warn(&format!(
                    "the server did not say that the shell's credential ended ({}): it ends it within a minute, and \
                     when it stops",
                    crate::domain::text::chain(&error)
                ));
                if ran.as_ref().is_ok_and(|ran| ran.code == 0) {
                    return Err(Failure::reported(Kind::Pending));
                }
            }
        }
        match ran?.code {
            0 => Ok(()),
            code => Err(Failure::reported(Kind::Child(code))),
        }
    }

    /// Speaks for a shell for as long as it is in use, and says once when it is over.
    async fn speak(&mut self, session: &Session, named: &ShellNamed, told: &impl Fn(&str)) {
        let mut is_told = false;
        loop {
            tokio::time::sleep(EVERY).await;
            let env = &session.workspace.env;
            // A server that is away for a moment has a minute to come back.
            let answer = self.link.shell_here(env, self.proof, named).await;
            let is_over = answer.is_ok_and(|it| it.is_none_or(|it| !it.lives));
            if is_over && !is_told {
                told(
                    "warning: the shell's credential has ended: nothing can be done with it any more",
                );
                is_told = true;
            }
        }
    }

    /// Says where a session that only a person begins again is over before the shell.
    fn say_session_end(&self, wanted: &Wanted, context: &mut Context<'_>) {
        let ends_at = Timestamp::from_timestamp(self.link.ends_at(), 0).unwrap_or_default();
        let is_over_before = ends_at < context.session.now() + wanted.ttl;
        if matches!(self.proof, Proof::Oidc(_)) && is_over_before {
            context.output.warn(&format!(
                "you are logged in until {}, and the shell ends with that",
                rfc3339(ends_at)
            ));
        }
    }
}
