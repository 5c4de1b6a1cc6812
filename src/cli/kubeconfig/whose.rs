//! `kubegrant kubeconfig whose`.

use std::path::{Path, PathBuf};

use crate::cli::desk::Desk;
use crate::cli::views::whose::WhoseView;
use crate::error::{Failure, Kind};
use crate::ops;
use crate::ops::whose::{BYTES_MAX, Evidence, Source};

/// Find out whose a kubeconfig or a token is
///
/// Says of a file that was found somewhere (or of standard input) whose login is in it, for which
/// cluster, how it stands, to whom it was handed, and which command ends it. It asks no cluster, and
/// never shows the token. A token's claims can be forged: the last column says how it is known. A
/// token id is one that we handed out; an account is only a name; "stored" is proven. Exits with 3
/// if nothing in it is ours.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant kubeconfig whose found.yaml\n  \
    pbpaste | kubegrant kubeconfig whose -")]
pub(crate) struct KubeconfigWhoseArgs {
    /// A kubeconfig, or a file with a token alone; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) fn run(args: KubeconfigWhoseArgs, desk: &mut Desk<'_>) -> Result<(), Failure> {
    let source = if args.file == Path::new("-") {
        let max = u64::try_from(BYTES_MAX).unwrap_or(u64::MAX);
        let bytes = desk.session.env.stdin.read_to_end(max);
        Source::Input(bytes.map_err(|error| Failure::words(Kind::Usage, &error.to_string(), ""))?)
    } else {
        Source::File(args.file)
    };
    let findings = ops::whose::whose(desk.session, &source)?;
    desk.output.show(&WhoseView::new(&findings))?;
    for finding in &findings {
        let entry = finding.entry.as_deref().unwrap_or("the token");
        match &finding.known {
            Err(why) => desk.output.status(&format!("{entry}: {why}.")),
            Ok(known) => {
                if known.evidence == Evidence::Account {
                    desk.output.warn(&format!(
                        "{entry}: it names an account of ours, but we have no record of handing \
                         it out: somebody else minted it, or it is forged"
                    ));
                }
                if let Some(command) = &known.ends_with {
                    desk.output.hint(&format!("`{command}` ends it"));
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
    Err(Failure::words(Kind::NotFound, text, ""))
}
