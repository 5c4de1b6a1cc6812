//! The flags that every command takes.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::config::Options;
use crate::domain::name::UserRef;
use crate::error::{Failure, Kind};
use crate::ops::{Intent, Unasked};
use crate::output;

/// The flags that every command takes.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// How to show data
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        default_value = "table",
        value_name = "FORMAT"
    )]
    pub(crate) output: Format,
    /// Show data and errors only
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// When to use colors
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        value_name = "WHEN"
    )]
    pub(crate) color: Color,
    /// Answer yes to every question
    #[arg(short, long, global = true)]
    pub(crate) yes: bool,
    /// Act as another user; for organization owners and admins, and recorded
    #[arg(long = "as", global = true, value_name = "USER", add = super::completion::users())]
    pub(crate) acting_as: Option<UserRef>,
    /// The identity file [env: `KUBEGRANT_IDENTITY_FILE`]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) identity: Option<PathBuf>,
    /// The server to ask, where there is no store [env: `KUBEGRANT_HOST`]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) host: Option<String>,
    /// The store: a file, or the address of a PostgreSQL database [env: `KUBEGRANT_STORE`]
    #[arg(long, global = true, value_name = "PLACE")]
    pub(crate) store: Option<PathBuf>,
    /// Use a store's database though its certificate is not, or not fully, checked
    #[arg(long, global = true)]
    pub(crate) insecure_store: bool,
}

impl GlobalArgs {
    /// Where things are, as far as flags say.
    pub(crate) fn options(&self) -> Options {
        Options {
            store: self.store.clone(),
            insecure_store: self.insecure_store,
            identity: self.identity.clone(),
            acting_as: self.acting_as.clone(),
        }
    }
}

/// The shape of data.
#[derive(ValueEnum, Debug, Clone, Copy)]
pub(crate) enum Format {
    /// Columns for people
    Table,
    /// More columns
    Wide,
    /// JSON
    Json,
    /// YAML
    Yaml,
    /// `kind/name`, one per line
    Name,
    /// The bare token: `kubegrant credential` alone gives one
    #[value(hide = true)]
    Token,
}

impl Format {
    /// Refuses the format that only `credential` has.
    pub(crate) fn refuse_token(self) -> Result<(), Failure> {
        match self {
            Self::Token => Err(Failure::description(
                Kind::Usage,
                "`-o token` is a format of `kubegrant credential` alone",
                "",
            )),
            _ => Ok(()),
        }
    }
}

impl From<Format> for output::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Table => Self::Table,
            Format::Wide => Self::Wide,
            Format::Json => Self::Json,
            Format::Yaml => Self::Yaml,
            Format::Name => Self::Name,
            // Refused before, but by the one command that has no other data.
            Format::Token => Self::Table,
        }
    }
}

/// When to use colors.
#[derive(ValueEnum, Debug, Clone, Copy)]
pub(crate) enum Color {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl From<Color> for output::ColorChoice {
    fn from(color: Color) -> Self {
        match color {
            Color::Auto => Self::Auto,
            Color::Always => Self::Always,
            Color::Never => Self::Never,
        }
    }
}

/// `--dry-run`, on everything that changes.
#[derive(clap::Args, Debug, Clone, Copy)]
pub(crate) struct DryRunArgs {
    /// Say what would be done, and touch nothing
    #[arg(long)]
    dry_run: bool,
}

impl DryRunArgs {
    /// Whether it is a dry run.
    pub(crate) fn is_on(self) -> bool {
        self.dry_run
    }

    /// The intent of a command that takes nothing from anybody, and so asks nobody.
    pub(crate) fn intent(self) -> Intent<Unasked> {
        if self.dry_run {
            Intent::Preview
        } else {
            Intent::Perform(Unasked)
        }
    }
}
