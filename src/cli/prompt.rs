//! Asking: on a terminal only, with the answer read where the environment says.
//!
//! At a real terminal `dialoguer` asks. In a test's world, and where its way of drawing a line anew
//! would not do (no `TERM`, a dumb one, a question wider than the screen), the same question is
//! written once and a line is read.

mod terminal;

use std::io;

use dialoguer::theme::{SimpleTheme, Theme};
use unicode_width::UnicodeWidthStr as _;
use zeroize::Zeroizing;

use crate::env::{Echo, Env, Input, ReadError, Remote};
use crate::error::{Failure, Kind};
use crate::output::{Output, sanitize};

/// How often a question is put again when the answer is not understood.
const TRIES_MAX: usize = 3;

/// Columns that stay for the answer beside a question that is drawn anew.
const ANSWER_COLUMNS: usize = 16;

/// The longest list that somebody is asked to choose from: it fits every screen.
const CHOICES_MAX: usize = 12;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PromptError {
    /// Nobody is there to answer; the flag says it instead.
    #[error("cannot ask without a terminal; say it with {flag}")]
    NotATerminal {
        /// The flag that answers, such as `--yes`.
        flag: &'static str,
    },
    /// The input ended.
    #[error("no answer was given")]
    NoAnswer,
    /// The answers made no sense.
    #[error("the answer was not understood")]
    NotUnderstood,
    /// The answer could not be read, or Ctrl-C was it.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl PromptError {
    /// Says whether the person asked to stop, which ends with 130.
    pub(crate) fn is_interrupt(&self) -> bool {
        matches!(self, Self::Read(ReadError::Interrupted))
    }
}

impl From<PromptError> for Failure {
    fn from(error: PromptError) -> Self {
        match error {
            PromptError::Read(ReadError::Interrupted) => Self::reported(Kind::Interrupted),
            error => Self::new(Kind::Usage, error, ""),
        }
    }
}

/// Asks questions.
#[derive(Debug)]
pub(crate) struct Prompt {
    stdin: Input,
    is_answered: bool,
    /// Columns of a terminal that lines can be drawn on anew.
    columns: Option<usize>,
    remote: Option<Remote>,
}

impl Prompt {
    /// Reads answers from the input of this environment.
    pub(crate) fn new(env: &Env) -> Self {
        Self {
            stdin: env.stdin.clone(),
            is_answered: env.stdin_is_terminal && env.stderr_is_terminal,
            columns: columns(env),
            remote: env.remote.clone(),
        }
    }

    /// The question as one line of a terminal that `dialoguer` can draw on.
    fn drawable(&self, question: &str) -> Option<String> {
        let question = sanitize::line(question);
        (question.width() + ANSWER_COLUMNS <= self.columns?).then(|| question.into_owned())
    }

    /// Asks for yes or no; a bare Enter is no. `flag` says the same without a terminal.
    pub(crate) fn confirm(
        &self,
        output: &mut Output,
        question: &str,
        flag: &'static str,
    ) -> Result<bool, PromptError> {
        if let Some(remote) = &self.remote {
            remote.ask(question);
        }
        self.check(flag)?;
        if let Some(question) = self.drawable(question) {
            return reconciled(terminal::confirm(&self.stdin, question));
        }
        for _ in 0..TRIES_MAX {
            let asked =
                drawn(|text| SimpleTheme.format_confirm_prompt(text, question, Some(false)));
            match self
                .answer(output, &asked, Echo::On)?
                .trim()
                .to_lowercase()
                .as_str()
            {
                "y" | "yes" => return Ok(true),
                "" | "n" | "no" => return Ok(false),
                _ => output.rendered("Please answer 'y' or 'n'.\n"),
            }
        }
        Err(PromptError::NotUnderstood)
    }

    /// Asks to type a name, as a proof that it is meant; gives what was typed, to be judged.
    pub(crate) fn typed_name(
        &self,
        output: &mut Output,
        what: &str,
        name: &str,
        flag: &'static str,
    ) -> Result<String, PromptError> {
        self.check(flag)?;
        let question = format!("Type the name of the {what}, '{name}', to go on");
        if let Some(question) = self.drawable(&question) {
            let typed = reconciled(terminal::line(&self.stdin, question, None, true))?;
            return Ok(typed.trim().to_owned());
        }
        let asked = drawn(|text| SimpleTheme.format_input_prompt(text, &question, None));
        Ok(self.answer(output, &asked, Echo::On)?.trim().to_owned())
    }

    /// Asks for a line; a bare Enter gives the default, where there is one.
    pub(crate) fn line(
        &self,
        output: &mut Output,
        question: &str,
        default: Option<&str>,
        flag: &'static str,
    ) -> Result<String, PromptError> {
        self.check(flag)?;
        if let Some(question) = self.drawable(question) {
            let default = default.map(str::to_owned);
            let typed = reconciled(terminal::line(&self.stdin, question, default, false))?;
            return Ok(typed.trim().to_owned());
        }
        for _ in 0..TRIES_MAX {
            let asked = drawn(|text| SimpleTheme.format_input_prompt(text, question, default));
            let answer = self.answer(output, &asked, Echo::On)?;
            match (answer.trim(), default) {
                ("", Some(default)) => return Ok(default.to_owned()),
                ("", None) => {}
                (answer, _) => return Ok(answer.to_owned()),
            }
        }
        Err(PromptError::NotUnderstood)
    }

    /// Asks for a password, which is not shown and not trimmed.
    pub(crate) fn password(
        &self,
        output: &mut Output,
        question: &str,
        flag: &'static str,
    ) -> Result<Zeroizing<String>, PromptError> {
        self.check(flag)?;
        if let Some(answer) = self.drawn_password(question) {
            return answer;
        }
        let asked = drawn(|text| SimpleTheme.format_password_prompt(text, question));
        self.answer(output, &asked, Echo::Off)
    }

    /// Says whether somebody is there to answer.
    pub(crate) fn can_ask(&self) -> bool {
        self.is_answered
    }

    /// Says whether somebody sits at a terminal that can be drawn on.
    pub(crate) fn can_draw(&self) -> bool {
        self.is_answered && self.columns.is_some()
    }

    /// Asks to choose from a short list, and gives the place in it; nothing where there is no choice,
    /// the list is long, or it cannot be drawn.
    pub(crate) fn choose(
        &self,
        question: &str,
        items: &[String],
    ) -> Result<Option<usize>, PromptError> {
        if !self.is_answered || !(2..=CHOICES_MAX).contains(&items.len()) {
            return Ok(None);
        }
        let items = items.iter().map(|item| self.drawable(item)).collect();
        match (self.drawable(question), items) {
            (Some(question), Some(items)) => {
                reconciled(terminal::choose(&self.stdin, question, items)).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Asks for the passphrase of an identity, by way of something that writes; nothing where nobody
    /// is there to answer, or does.
    pub(crate) fn passphrase(
        &self,
        what: &str,
        write: &dyn Fn(&str),
    ) -> io::Result<Option<Zeroizing<String>>> {
        if !self.is_answered {
            return Ok(None);
        }
        let question = format!("Passphrase of {what}");
        match self.drawn_password(&question) {
            Some(Ok(passphrase)) => return Ok(Some(passphrase)),
            Some(Err(PromptError::NoAnswer)) => return Ok(None),
            Some(Err(PromptError::Read(error))) => return Err(unread(error)),
            Some(Err(error)) => return Err(io::Error::other(error)),
            None => {}
        }
        let put = || write(&format!("{}: ", sanitize::line(&question)));
        let answer = self.stdin.read_line(Echo::Off, put).map_err(unread)?;
        write("\n");
        Ok(answer)
    }

    /// Asks for a password where the terminal can be drawn on.
    fn drawn_password(&self, question: &str) -> Option<Result<Zeroizing<String>, PromptError>> {
        let question = self.drawable(question)?;
        let typed = reconciled(terminal::password(&self.stdin, question));
        // Ctrl-D ends the question as Enter does.
        Some(typed.and_then(|typed| {
            if typed.is_empty() {
                Err(PromptError::NoAnswer)
            } else {
                Ok(typed)
            }
        }))
    }

    fn check(&self, flag: &'static str) -> Result<(), PromptError> {
        if self.is_answered {
            Ok(())
        } else {
            Err(PromptError::NotATerminal { flag })
        }
    }

    fn answer(
        &self,
        output: &mut Output,
        asked: &str,
        echo: Echo,
    ) -> Result<Zeroizing<String>, PromptError> {
        let put = || {
            // Trailing space parts the answer from the question.
            output.ask(asked.trim_end());
            output.rendered(" ");
        };
        match self.stdin.read_line(echo, put) {
            Ok(Some(line)) => Ok(line),
            ended => {
                // Neither Ctrl-D nor Ctrl-C ends the line of the question.
                output.rendered("\n");
                Err(ended.err().map_or(PromptError::NoAnswer, PromptError::Read))
            }
        }
    }
}

/// Columns of a terminal that can be drawn on: of this process, and of a kind that is known.
fn columns(env: &Env) -> Option<usize> {
    let is_known = env.variable("TERM").is_some_and(|kind| kind != "dumb");
    let width = env.terminal_width.map(usize::from);
    width.filter(|_| is_known && env.stdin.is_of_process())
}

fn reconciled<T>(answer: Result<T, ReadError>) -> Result<T, PromptError> {
    answer.map_err(|error| match error {
        ReadError::Io(end) if end.kind() == io::ErrorKind::UnexpectedEof => PromptError::NoAnswer,
        other => PromptError::Read(other),
    })
}

/// An answer that was not read, as an error of the input; Ctrl-C stays what it is.
fn unread(error: ReadError) -> io::Error {
    match error {
        ReadError::Interrupted => io::Error::new(io::ErrorKind::Interrupted, error),
        other => io::Error::other(other),
    }
}

/// Lets the theme write a question.
fn drawn(draw: impl FnOnce(&mut dyn std::fmt::Write) -> std::fmt::Result) -> String {
    let mut text = String::new();
    draw(&mut text).expect("a string takes all text");
    text
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::env::Fixture;
    use crate::output::Settings;

    fn world(typed: &str) -> (Fixture, Prompt, Output) {
        let fixture = Fixture::new(DateTime::UNIX_EPOCH).terminal(true);
        fixture.type_in(typed);
        let mut env = fixture.env();
        let prompt = Prompt::new(&env);
        let output = Output::new(&mut env, Settings::default());
        (fixture, prompt, output)
    }

    fn confirm(typed: &str) -> Result<bool, PromptError> {
        let (_, prompt, mut output) = world(typed);
        prompt.confirm(&mut output, "Revoke?", "--yes")
    }

    #[test]
    fn only_yes_is_yes() {
        for yes in ["y\n", "YES\r\n", " yes \n"] {
            assert!(confirm(yes).expect("an answer"), "{yes:?}");
        }
        for no in ["\n", "n\n", "No\n"] {
            assert!(!confirm(no).expect("an answer"), "{no:?}");
        }
        let (fixture, prompt, mut output) = world("what\ny\n");
        assert!(
            prompt
                .confirm(&mut output, "Revoke?", "--yes")
                .expect("an answer")
        );
        assert_eq!(
            fixture.take_stderr(),
            "Revoke? [y/N] Please answer 'y' or 'n'.\nRevoke? [y/N] "
        );
        assert!(matches!(
            confirm("a\nb\nc\ny\n"),
            Err(PromptError::NotUnderstood)
        ));
        assert!(matches!(confirm(""), Err(PromptError::NoAnswer)));
    }

    #[test]
    fn questions_are_words_and_show_what_enter_means() {
        let (fixture, prompt, mut output) = world("\n\ndev\nprod\nhush \n");
        prompt
            .confirm(&mut output, "Revoke?", "--yes")
            .expect("an answer");
        let line = prompt
            .line(&mut output, "Name", Some("acme"), "--name")
            .expect("an answer");
        assert_eq!(line, "acme");
        let line = prompt
            .line(&mut output, "Name", None, "--name")
            .expect("an answer");
        assert_eq!(line, "dev");
        let name = prompt
            .typed_name(&mut output, "cluster", "prod", "--yes")
            .expect("an answer");
        assert_eq!(name, "prod");
        let password = prompt
            .password(&mut output, "Passphrase", "--x")
            .expect("an answer");
        assert_eq!(password.as_str(), "hush ");
        assert_eq!(fixture.take_stdout(), "");
        assert_eq!(
            fixture.take_stderr(),
            "Revoke? [y/N] Name [acme]: Name: \
             Type the name of the cluster, 'prod', to go on: Passphrase: "
        );
    }

    #[test]
    fn without_a_terminal_the_flag_is_named() {
        for (stdin, stderr) in [(false, true), (true, false)] {
            let fixture = Fixture::new(DateTime::UNIX_EPOCH).terminals(stdin, true, stderr);
            fixture.type_in("y\n");
            let mut env = fixture.env();
            let prompt = Prompt::new(&env);
            let mut output = Output::new(&mut env, Settings::default());
            let error = prompt
                .confirm(&mut output, "Revoke?", "--yes")
                .expect_err("refused");
            assert_eq!(
                error.to_string(),
                "cannot ask without a terminal; say it with --yes"
            );
            assert_eq!(fixture.take_stderr(), "");
        }
    }
}
