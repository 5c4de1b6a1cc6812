//! The SSH key of a cluster's nodes, from a server: once.

use serde_json::Value;

use super::{Asking, lost, say};
use crate::cli::context::Context;
use crate::cli::kubeconfig::show_secret;
use crate::cli::ssh_key::{Goes, commands_of, say_sealed};
use crate::cli::views::ssh_key::HandedOutView;
use crate::error::Failure;
use crate::ops::ssh_key::received;

impl Asking<'_> {
    /// Takes the key that the server hands over, and puts it in its place.
    pub(super) async fn take_ssh_key(
        mut self,
        goes: Goes,
        context: &mut Context<'_>,
    ) -> Result<(), Failure> {
        let place = received::place(context.session, &goes.cluster, &goes.destination)?;
        if goes.is_preview {
            return self.relay(context).await;
        }
        self.refuse_unopened(context).await?;
        let answer = self.ask("json", context).await?;
        if answer.file.is_empty() {
            return say(&answer, context);
        }
        let received = received::put(context.session, place, answer.file.as_bytes())?;
        let path = received.path.as_deref();
        if !received.hand_to_stdout(|text| show_secret(text, context))? {
            let data: Value = serde_json::from_str(&answer.stdout).unwrap_or_default();
            let sealed = received.sealed;
            let view = HandedOutView::received(&data, path, sealed).ok_or_else(lost)?;
            context.output.show(&view)?;
            let said = say(&answer, context);
            let file = path.map(|path| path.display().to_string());
            let file = file.unwrap_or_default();
            if sealed {
                say_sealed(&goes.cluster, &file, context);
                return said;
            }
            for command in commands_of(view.nodes(), &file) {
                context.output.hint(&format!("log in with `{command}`"));
            }
            return said;
        }
        say(&answer, context)
    }
}
