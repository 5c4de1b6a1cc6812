//! Exit codes and ways out of what goes wrong with files.

use super::Kind;
use crate::artifact::file::FileError;
use crate::artifact::merge::MergeError;
use crate::ops::open::OpenFileError;

pub(super) fn file_kind(error: &FileError) -> Kind {
    match error {
        FileError::AlreadyExists { .. }
        | FileError::NotReplaceable { .. }
        | FileError::Locked { .. }
        | FileError::Restless { .. } => Kind::State,
        FileError::UnsafeDirectory { .. }
        | FileError::ForeignOwner { .. }
        | FileError::TooOpen { .. } => Kind::Unsafe,
        FileError::Missing { .. } | FileError::NoDirectory { .. } => Kind::NotFound,
        FileError::Interrupted => Kind::Interrupted,
        FileError::BadName { .. }
        | FileError::NobodyWrites { .. }
        | FileError::NotRegular { .. }
        | FileError::TooLarge { .. }
        | FileError::Read { .. } => Kind::Usage,
        FileError::Write { .. } | FileError::CreateDirectory { .. } => Kind::State,
    }
}

/// What helps where a file is nowhere to be put: root has something in one's home, or, in a
/// container, most places are not to be written.
pub(super) fn file_hint(error: &FileError) -> String {
    if let Some(give_back) = error.give_back() {
        return give_back;
    }
    let places = "name places that you can write in: HOME, or XDG_CONFIG_HOME, XDG_DATA_HOME and \
                  XDG_STATE_HOME, or `--identity` and `--store`";
    match error {
        FileError::CreateDirectory { source, .. } if is_barred(source) => places.to_owned(),
        FileError::Read { source, .. } if is_barred(source) => "let this user read it; in a pod \
            mount the Secret with `defaultMode: 0440` and a `fsGroup` of its own"
            .to_owned(),
        FileError::Write { source, .. } if is_barred(source) => {
            format!("choose a folder that you can write in, with `-f FILE`; or {places}")
        }
        _ => String::new(),
    }
}

/// Whether a place is one that is not to be written by this user, or by nobody.
pub(super) fn is_barred(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
    )
}

pub(super) fn merge_kind(error: &MergeError) -> (Kind, String) {
    match error {
        MergeError::NotText(inner) => (
            Kind::Unsafe,
            format!("nothing was written; {}", inner.hint()),
        ),
        MergeError::Utf16 => (
            Kind::Unsafe,
            "nothing was written; `iconv -f UTF-16 -t UTF-8 FILE` writes it as UTF-8".to_owned(),
        ),
        MergeError::Broken { .. } | MergeError::NotKubeconfig { .. } => (
            Kind::Unsafe,
            "nothing was written; mend it, or download to a file of its own".to_owned(),
        ),
        MergeError::Waiting { context, .. } => (
            Kind::State,
            format!(
                "find out who put it there; if it is of no use: `kubectl config delete-context \
                 {context}`"
            ),
        ),
        MergeError::Taken { kind, name } => (
            Kind::State,
            format!(
                "if it is of no use any more: `kubectl config {} {name}`",
                match *kind {
                    "context" => "delete-context",
                    "user" => "delete-user",
                    _ => "delete-cluster",
                }
            ),
        ),
        MergeError::Layout => (
            Kind::Unsafe,
            "nothing was written; let kubectl write it anew: `kubectl config view --raw`"
                .to_owned(),
        ),
        MergeError::Render(_) => (Kind::Internal, String::new()),
    }
}

pub(super) fn open_kind(error: &OpenFileError) -> (Kind, String) {
    match error {
        OpenFileError::NotForYou => (
            Kind::Denied,
            "open it with the key it was sealed to (`--identity`), or ask for it again".to_owned(),
        ),
        OpenFileError::Passphrase => (Kind::Usage, "open it with `age -d`".to_owned()),
        OpenFileError::NotSealed => (Kind::Usage, String::new()),
        OpenFileError::Damaged => (
            Kind::Unsafe,
            "nothing was written; get it again from whoever sent it".to_owned(),
        ),
    }
}
