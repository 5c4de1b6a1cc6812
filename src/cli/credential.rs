//! `kubegrant credential`.

use std::ffi::OsString;
use std::sync::Arc;

use super::global::{Format, GlobalArgs};
use super::{finished, passphrase_asker};
use crate::config::Config;
use crate::env::Env;
use crate::error::{Failure, Kind};
use crate::ops::credential::{Answer, Begun, begin, renew};
use crate::output::Output;
use crate::session::{App, Session};

/// Give kubectl the next short token of a kubeconfig that renews itself
///
/// kubectl runs this by itself, wherever a kubeconfig was downloaded with `--renew`: its answer is an
/// ExecCredential on standard output and nothing else. It needs no store. The renewal is a file that
/// only your identity opens; what it mints lives for an hour, is kept in `$XDG_RUNTIME_DIR/kubegrant`
/// (else in `$XDG_CACHE_HOME/kubegrant`), readable by you alone, and is used until four fifths of its
/// life are over, with or without a network.
///
/// Once your access was revoked, it says so and exits with 4. `-o token` gives the bare token, for
/// other programs than kubectl.
///
/// A kubectl whose `kuberc` allows only some plugins has to be told: add `- command: kubegrant` to its
/// `credentialPluginAllowlist` (`- name: kubegrant` for kubectl 1.35).
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant credential --renewal prod.bob.0a1b2c3d\n  \
    curl -H \"Authorization: Bearer $(kubegrant credential --renewal prod.bob.0a1b2c3d -o token)\" …")]
pub(crate) struct CredentialArgs {
    /// The renewal: its name, as the kubeconfig has it, or the path of its file
    #[arg(long, value_name = "NAME|PATH")]
    renewal: OsString,
}

pub(super) fn run(
    args: &CredentialArgs,
    global: &GlobalArgs,
    env: Env,
    output: &mut Output,
) -> Result<(), Failure> {
    if !matches!(global.output, Format::Table | Format::Json | Format::Token) {
        return Err(Failure::description(
            Kind::Usage,
            "a credential is JSON, or the bare token",
            "leave out `-o`, or say `-o token`",
        ));
    }
    let config = Config::without_store(&env, global.options())?;
    let app = Arc::new(App::new(&env, &config.store));
    let (ask, interrupt) = (passphrase_asker(&env, output), env.interrupt.clone());
    let session = Session::new(app, env, config, ask, Box::new(output.sayer()));
    // The usual way opens no identity, and starts neither a runtime nor TLS: kubectl comes along it
    // at every call.
    let answer = match begin(&session, &args.renewal)? {
        Begun::Ready(answer) => answer,
        Begun::Renewing(renewing) => {
            let renewed = async { Ok(Box::pin(renew(&session, *renewing)).await?) };
            finished(&interrupt, renewed).map_err(|failure| match failure.kind {
                // Nothing was recorded of which there would be more to say.
                Kind::Interrupted => Failure::reported(Kind::Interrupted),
                _ => failure,
            })?
        }
    };
    hand(&answer, global.output, output)
}

fn hand(answer: &Answer, format: Format, output: &mut Output) -> Result<(), Failure> {
    for note in &answer.notes {
        output.warn(note);
    }
    if output.is_terminal() {
        output.warn("this is a secret, on your screen");
    }
    let bytes = match format {
        Format::Token => answer.bare(),
        _ => answer.document(),
    };
    output.raw(&bytes)?;
    Ok(())
}

/// What a person does where their kubectl runs only the plugins that they allow.
pub(crate) fn allowlist_hint() -> String {
    "if your kubectl runs only plugins that `~/.kube/kuberc` allows (1.35 and newer), add `- command: \
     kubegrant` to its `credentialPluginAllowlist` (kubectl 1.35: `- name: kubegrant`); or with kubectl \
     1.36, naming the other plugins that you use too: `kubectl kuberc set --section credentialplugin \
     --policy Allowlist --allowlist-entry command=kubegrant`"
        .to_owned()
}
