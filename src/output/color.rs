//! Whether to colour, and with what; nothing is ever said by colour alone.

use std::ffi::OsString;

use anstyle::{AnsiColor, Style};

use crate::env::Env;

/// What the user asked for with `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ColorChoice {
    /// Colour on terminals, unless a variable says otherwise.
    #[default]
    Auto,
    /// Colour everywhere.
    Always,
    /// No colour.
    Never,
}

/// How `error:` looks.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// How `warning:` looks.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// How `hint:` looks.
pub(crate) const HINT: Style = AnsiColor::Cyan.on_default().bold();
/// How the heads of columns and the keys of a record look.
pub(crate) const HEADER: Style = Style::new().bold();

/// Decides for one stream. The flag goes first, then `NO_COLOR`, `CLICOLOR_FORCE`, `TERM=dumb`
/// and `CLICOLOR=0`, then whether the stream is a terminal.
pub(crate) fn enabled(choice: ColorChoice, env: &Env, is_terminal: bool) -> bool {
    let is = |name: &str, value: &str| env.variables.get(name).is_some_and(|v| v == value);
    let is_set = |name: &str| {
        env.variables
            .get(name)
            .is_some_and(|v: &OsString| !v.is_empty())
    };
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if is_set("NO_COLOR") => false,
        ColorChoice::Auto if is_set("CLICOLOR_FORCE") && !is("CLICOLOR_FORCE", "0") => true,
        ColorChoice::Auto if is("TERM", "dumb") || is("CLICOLOR", "0") => false,
        ColorChoice::Auto => is_terminal,
    }
}

/// Paints text, where colour is on.
pub(crate) fn paint(text: &str, style: Style, on: bool) -> String {
    if on {
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::env::Fixture;

    fn auto(variables: &[(&str, &str)], is_terminal: bool) -> bool {
        let fixture = variables
            .iter()
            .fold(Fixture::new(DateTime::UNIX_EPOCH), |fixture, (k, v)| {
                fixture.variable(k, v)
            });
        enabled(ColorChoice::Auto, &fixture.env(), is_terminal)
    }

    #[test]
    fn only_terminals_are_coloured() {
        assert!(auto(&[], true));
        assert!(!auto(&[], false));
    }

    #[test]
    fn no_color_wins_when_it_is_not_empty() {
        assert!(!auto(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], true));
        assert!(auto(&[("NO_COLOR", "")], true));
    }

    #[test]
    fn other_variables_switch_it_on_and_off() {
        assert!(auto(&[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")], false));
        assert!(!auto(&[("CLICOLOR_FORCE", "0")], false));
        assert!(!auto(&[("TERM", "dumb")], true));
        assert!(!auto(&[("CLICOLOR", "0")], true));
    }

    #[test]
    fn the_flag_wins_over_all() {
        let env = Fixture::new(DateTime::UNIX_EPOCH)
            .variable("NO_COLOR", "1")
            .env();
        assert!(enabled(ColorChoice::Always, &env, false));
        assert!(!enabled(ColorChoice::Never, &env, true));
    }
}
