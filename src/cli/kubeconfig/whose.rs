//! `kubegrant kubeconfig whose`.

use std::path::PathBuf;

use crate::cli::context::Context;
use crate::cli::views::whose::LoginView;
use crate::error::{Failure, Kind};
use crate::ops;
use crate::ops::whose::{Evidence, Finding};

/// Find out whose a kubeconfig or a token is
///
/// Says of a file that was found somewhere (or of standard input) whose logins are in it, and in
/// which line, for which cluster, how they stand, to whom they were handed, and which command ends
/// them. A kubeconfig will do, or anything that holds one, or a token: a Secret's manifest, an
/// `.env` file, a shell's history, a log, a diff, a mail, in base64 too. It asks no cluster, and
/// never shows a token. A token's claims can be forged: the last column says how it is known. A
/// token id is one that we handed out; an account is only a name; "stored" is proven. Exits with 3
/// if nothing in it is ours.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant kubeconfig whose found.yaml\n  \
    kubegrant kubeconfig whose ~/.bash_history\n  \
    kubegrant kubeconfig whose <(git log -p)\n  \
    pbpaste | kubegrant kubeconfig whose -")]
pub(crate) struct KubeconfigWhoseArgs {
    /// Anything that may hold a kubeconfig or a token, or a pipe such as `<(command)`; `-` is standard
    /// input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) fn run(args: &KubeconfigWhoseArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let found = ops::whose::whose(context.session, &args.file)?;
    let findings = found.logins;
    context.output.list(findings.iter().map(LoginView::from))?;
    if found.more > 0 {
        context.output.warn(&format!(
            "{} more were found and not looked at: cut the file into pieces",
            found.more
        ));
    }
    for finding in &findings {
        let entry = &named(finding);
        match &finding.known {
            Err(why) => context.output.status(&format!("{entry}: {why}.")),
            Ok(known) => {
                if known.evidence == Evidence::Account {
                    context.output.warn(&format!(
                        "{entry}: it names an account of ours, but we have no record of handing \
                         it out: somebody else minted it, or it is forged"
                    ));
                }
                if let Some(command) = &known.ends_with {
                    context.output.hint(&format!("`{command}` ends it"));
                }
            }
        }
    }
    if findings.iter().any(|finding| finding.known.is_ok()) {
        return Ok(());
    }
    let text = if findings.is_empty() {
        "there is no login in it"
    } else {
        "nothing in it is ours"
    };
    Err(Failure::description(Kind::NotFound, text, ""))
}

/// What a login is called: by its entry, or by where it stands.
fn named(finding: &Finding) -> String {
    match (&finding.entry, finding.lines.first()) {
        (Some(entry), _) => entry.clone(),
        (None, Some(line)) => format!("line {line}"),
        (None, None) => "the token".to_owned(),
    }
}
