//! The questions of `dialoguer`, at a real terminal.

use dialoguer::console::Term;
use zeroize::Zeroizing;

use crate::env::{Input, ReadError, Typed};

/// Asks for yes or no; a bare Enter is no. The answer counts with Enter, so that no key is left for
/// what asks next.
pub(super) fn confirm(stdin: &Input, question: String) -> Result<bool, ReadError> {
    asked(stdin, Typed::Keys, move || {
        dialoguer::Confirm::new()
            .with_prompt(question)
            .default(false)
            .wait_for_newline(true)
            .interact()
    })
}

/// Asks for a line; a bare Enter gives the default.
pub(super) fn line(
    stdin: &Input,
    question: String,
    default: Option<String>,
    may_be_empty: bool,
) -> Result<String, ReadError> {
    asked(stdin, Typed::Keys, move || {
        let mut line = dialoguer::Input::<String>::new()
            .with_prompt(question)
            .allow_empty(may_be_empty);
        if let Some(default) = default {
            line = line.default(default);
        }
        line.interact_text()
    })
}

/// Asks to choose one of a list, and gives its place.
pub(super) fn choose(
    stdin: &Input,
    question: String,
    items: Vec<String>,
) -> Result<usize, ReadError> {
    asked(stdin, Typed::Keys, move || {
        dialoguer::Select::new()
            .with_prompt(question)
            .items(items)
            .default(0)
            .interact()
    })
}

/// Asks for a password, which is not shown and not trimmed; it is empty where none was typed.
pub(super) fn password(stdin: &Input, question: String) -> Result<Zeroizing<String>, ReadError> {
    asked(stdin, Typed::HiddenLine, move || {
        dialoguer::Password::new()
            .with_prompt(question)
            .allow_empty_password(true)
            .interact()
            .map(Zeroizing::new)
    })
}

fn asked<T: Send + 'static>(
    stdin: &Input,
    typed: Typed,
    ask: impl FnOnce() -> dialoguer::Result<T> + Send + 'static,
) -> Result<T, ReadError> {
    let answer = stdin.lend_terminal(typed, move || Ok(ask()?));
    if answer.is_err() {
        // Cut short, it leaves the cursor hidden, and the line of the question without an end.
        let screen = Term::stderr();
        let _shown = screen.show_cursor().and_then(|()| screen.write_line(""));
    }
    answer
}
