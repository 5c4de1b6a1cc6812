//! Why a kubeconfig is not merged into.

use super::super::kubeconfig::RenderError;
use super::tree::Broken;
use crate::secrets::text::NotText;

/// Why a kubeconfig was left as it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MergeError {
    /// It cannot be read.
    #[error("line {line}: {reason}")]
    Broken {
        /// The line where it stands.
        line: usize,
        /// What is wrong; never a value.
        reason: String,
    },
    /// It is not text that can be written back as it was.
    #[error(transparent)]
    NotText(#[from] NotText),
    /// It is UTF-16 text, which kubectl would not write.
    #[error("it is UTF-16 text, as PowerShell's `>` writes it")]
    Utf16,
    /// It is YAML, and no kubeconfig.
    #[error("it is not a kubeconfig: {what}")]
    NotKubeconfig {
        /// What is wrong.
        what: &'static str,
    },
    /// Somebody else's entry has the name.
    #[error("its {kind} '{name}' is not ours, and two cannot have one name")]
    Taken {
        /// `cluster`, `user` or `context`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// An entry of somebody else's waits for the login or the address that is about to come.
    #[error(
        "its context '{context}' is not ours, and refers to the {kind} '{name}', which is about to \
         come"
    )]
    Waiting {
        /// The context.
        context: String,
        /// `cluster` or `user`.
        kind: &'static str,
        /// The name that it waits for.
        name: String,
    },
    /// It uses YAML that would not survive.
    #[error("its layout is too unusual to be changed without a loss")]
    Layout,
    /// The entries themselves cannot be written.
    #[error(transparent)]
    Render(#[from] RenderError),
}

impl From<Broken> for MergeError {
    fn from(broken: Broken) -> Self {
        Self::Broken {
            line: broken.line,
            reason: broken.reason,
        }
    }
}
