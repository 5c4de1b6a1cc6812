//! `kubegrant open`.

use std::path::{Path, PathBuf};

use super::context::Context;
use super::credential::allowlist_hint;
use super::views::open::OpenView;
use crate::error::Failure;
use crate::ops;
use crate::ops::kubeconfig::Overwrite;
use crate::ops::open::Target;

/// Open a file that was sealed to you
///
/// Writes what is in it beside it, without `.age`, readable by you alone: `prod.bob.kubeconfig.age`
/// becomes `prod.bob.kubeconfig`. It needs your identity and no store. Files of the age and rage
/// tools open too, armored or binary. Of a kubeconfig that renews itself the file is what renews it: that
/// is put where `kubegrant credential` finds it, and the kubeconfig is written.
#[derive(clap::Args, Debug)]
#[command(after_long_help = "Examples:\n  \
    kubegrant open prod.bob.kubeconfig.age\n  \
    kubegrant open prod.bob.kubeconfig.age -f ~/.kube/prod\n  \
    kubegrant open - < mail.txt | kubectl --kubeconfig /dev/stdin get pods")]
pub(crate) struct OpenArgs {
    /// The sealed file, or a pipe such as `<(command)`; `-` is standard input
    #[arg(value_name = "FILE")]
    sealed: PathBuf,
    /// Where to write what is in it; `-` is standard output
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
}

pub(crate) async fn run(args: OpenArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let target = match args.file {
        None => Target::Usual,
        Some(path) if path == Path::new("-") => Target::Stdout,
        Some(path) => Target::File(path),
    };
    let overwrite = if args.force {
        Overwrite::Force
    } else {
        Overwrite::Never
    };
    let opened = ops::open::open(context.session, &args.sealed, &target, overwrite).await?;
    let handed = opened.hand_to_stdout(|bytes| {
        if context.output.is_terminal() {
            context.output.warn("this is a secret, on your screen");
        }
        context.output.raw(bytes)
    })?;
    if handed {
        return Ok(());
    }
    let Some(path) = &opened.path else {
        return Ok(());
    };
    context.output.show(&OpenView::new(path))?;
    if let Some(place) = &opened.renewal {
        let place = place.display();
        context.output.status(&format!(
            "It renews itself: what renews it lies in `{place}`."
        ));
        context.output.hint(&allowlist_hint());
    }
    if opened.is_kubeconfig() {
        let path = path.display();
        context
            .output
            .hint(&format!("try `kubectl --kubeconfig {path} get namespaces`"));
    }
    Ok(())
}
