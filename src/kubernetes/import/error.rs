//! Why a kubeconfig was not taken, in words that say what would help.

use std::path::PathBuf;

/// Why an import ended, and in which file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {refused}", path.display())]
pub(crate) struct ImportError {
    /// The file that was at fault.
    pub(crate) path: PathBuf,
    /// What was wrong with it.
    pub(crate) refused: Refused,
}

/// What was wrong with a kubeconfig.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// There is nothing to read.
    #[error("there is no kubeconfig to read")]
    NoFile,
    /// The file is too large.
    #[error(
        "{bytes} bytes are too many (at most {bytes_max}); `kubectl config view --minify --raw \
         --context NAME` writes one context alone"
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The file is not YAML.
    #[error("line {line} is not YAML: {reason}")]
    NotYaml {
        /// The line where it stands.
        line: usize,
        /// The parser's words.
        reason: String,
    },
    /// The file is empty.
    #[error("the file is empty")]
    Empty,
    /// The file is YAML for something else.
    #[error("this is no kubeconfig: {reason}")]
    NotKubeconfig {
        /// What it is instead.
        reason: String,
    },
    /// More values than any kubeconfig has.
    #[error(
        "it has more than {values_max} values; `kubectl config view --minify --raw --context NAME` \
         writes one context alone"
    )]
    TooManyValues {
        /// The limit.
        values_max: usize,
    },
    /// Nested too deep.
    #[error("line {line} is nested deeper than {depth_max} levels")]
    TooDeep {
        /// The line where it stands.
        line: usize,
        /// The limit.
        depth_max: usize,
    },
    /// More than one document.
    #[error("line {line} begins a second document; a kubeconfig is one")]
    SeveralDocuments {
        /// The line where it stands.
        line: usize,
    },
    /// A YAML anchor.
    #[error("line {line} has a YAML anchor (&), which is not accepted; write the value out")]
    Anchor {
        /// The line where it stands.
        line: usize,
    },
    /// A YAML alias.
    #[error("line {line} has a YAML alias (*), which is not accepted; write the value out")]
    Alias {
        /// The line where it stands.
        line: usize,
    },
    /// A YAML tag.
    #[error("line {line} has a YAML tag (!), which is not accepted")]
    Tag {
        /// The line where it stands.
        line: usize,
    },
    /// A merge key.
    #[error("line {line} has a YAML merge key (<<), which is not accepted; write the fields out")]
    MergeKey {
        /// The line where it stands.
        line: usize,
    },
    /// The same key twice in one mapping.
    #[error("line {line} sets '{key}' a second time")]
    DuplicateKey {
        /// The line where it stands.
        line: usize,
        /// The key.
        key: String,
    },
    /// A key that is not text.
    #[error("line {line} has a key that is not text")]
    StrangeKey {
        /// The line where it stands.
        line: usize,
    },
    /// A control character, raw or escaped.
    #[error("line {line} holds the control character U+{code:04X}")]
    ControlCharacter {
        /// The line where it stands.
        line: usize,
        /// Its code point.
        code: u32,
    },
    /// A character that hides or reorders text, in a place that people read.
    #[error("{place} holds the invisible or reordering character U+{code:04X}")]
    HiddenCharacter {
        /// Which field.
        place: String,
        /// Its code point.
        code: u32,
    },
    /// A value of the wrong kind.
    #[error(
        "{place} must be {expected}, not {found}{}",
        quote_hint(expected, found)
    )]
    WrongKind {
        /// Which field.
        place: String,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// A needed field is absent.
    #[error("{place} is missing")]
    Missing {
        /// Which field.
        place: String,
    },
    /// Two entries of one name.
    #[error("two {kind} entries are named '{name}'")]
    DuplicateEntry {
        /// clusters, contexts or users.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// A field nobody knows.
    #[error("{place} has the unknown field '{field}'; remove it if nothing needs it")]
    UnknownField {
        /// Which entry.
        place: String,
        /// The field.
        field: String,
    },
    /// There are no contexts at all.
    #[error("there is no context in it")]
    NoContexts,
    /// Several contexts and no choice.
    #[error(
        "there are several contexts: {}; choose one with `--context`",
        listed(available)
    )]
    ContextNotChosen {
        /// Their names.
        available: Vec<String>,
    },
    /// The chosen context does not exist.
    #[error("there is no context '{name}'; {}", suggestion(similar.as_deref(), available))]
    UnknownContext {
        /// The name that was asked for.
        name: String,
        /// The one that was probably meant.
        similar: Option<String>,
        /// All there are.
        available: Vec<String>,
    },
    /// The context points to a cluster that is not there.
    #[error("context '{context}' names the cluster '{name}', which is not there")]
    UnknownCluster {
        /// The context.
        context: String,
        /// The cluster.
        name: String,
    },
    /// The context points to a user that is not there.
    #[error("context '{context}' names the user '{name}', which is not there")]
    UnknownUser {
        /// The context.
        context: String,
        /// The user.
        name: String,
    },
    /// Plain http.
    #[error(
        "the server of cluster '{cluster}' is plain http, where anyone on the way reads the \
         credential; give the cluster's https address"
    )]
    PlainHttp {
        /// The cluster entry.
        cluster: String,
    },
    /// The server address is not usable.
    #[error("the server of cluster '{cluster}' is no usable address: {reason}")]
    BadServer {
        /// The cluster entry.
        cluster: String,
        /// Why not.
        reason: &'static str,
    },
    /// Certificates are not to be checked.
    #[error(
        "cluster '{cluster}' sets `insecure-skip-tls-verify`, so anyone could play the API \
         server; remove it and set `certificate-authority-data` instead"
    )]
    InsecureTls {
        /// The cluster entry.
        cluster: String,
    },
    /// The TLS server name is not a name.
    #[error("the `tls-server-name` of cluster '{cluster}' is not a host name or an address")]
    BadTlsServerName {
        /// The cluster entry.
        cluster: String,
    },
    /// The proxy is not usable.
    #[error("the `proxy-url` of cluster '{cluster}' cannot be used: {reason}")]
    BadProxy {
        /// The cluster entry.
        cluster: String,
        /// Why not.
        reason: String,
    },
    /// A user that acts as somebody else.
    #[error(
        "user '{user}' impersonates somebody else (`{field}`); give the credential of the \
         account itself"
    )]
    Impersonation {
        /// The user entry.
        user: String,
        /// The field.
        field: &'static str,
    },
    /// An auth provider.
    #[error(
        "user '{user}' logs in by the auth provider '{provider}', which Kubernetes removed in \
         1.26; give a token or a client certificate"
    )]
    AuthProvider {
        /// The user entry.
        user: String,
        /// Its name.
        provider: String,
    },
    /// A command to run.
    #[error(
        "user '{user}' logs in by running `{command}`, which was not run; `--allow-exec` runs \
         it once"
    )]
    Exec {
        /// The user entry.
        user: String,
        /// The command line.
        command: String,
    },
    /// A reference to another file.
    #[error(
        "{place} points to the file '{}', which was not read; `--inline-files` reads it",
        path.display()
    )]
    FileReference {
        /// Which field.
        place: String,
        /// Where it points.
        path: PathBuf,
    },
    /// A referenced file cannot be read.
    #[error("the file '{}' of {place} cannot be read", path.display())]
    UnreadableFile {
        /// Which field.
        place: String,
        /// Where it points.
        path: PathBuf,
        /// The error behind it.
        source: std::io::Error,
    },
    /// Data that is not base64.
    #[error("{place} is not base64")]
    NotBase64 {
        /// Which field.
        place: String,
    },
    /// No certificate where one belongs.
    #[error("{place} holds no PEM certificate")]
    NoCertificate {
        /// Which field.
        place: String,
    },
    /// A certificate that is not written as text.
    #[error(
        "{place} holds a certificate in DER, not in PEM; `openssl x509 -inform DER -in FILE` writes \
         it as PEM"
    )]
    BareCertificate {
        /// Which field.
        place: String,
    },
    /// A certificate that cannot be read.
    #[error("{place} holds a certificate that cannot be read")]
    BadCertificate {
        /// Which field.
        place: String,
    },
    /// No private key where one belongs.
    #[error("{place} holds no PEM private key")]
    NoPrivateKey {
        /// Which field.
        place: String,
    },
    /// A private key under a passphrase.
    #[error("{place} is encrypted; decrypt it first (`openssl pkey`)")]
    EncryptedKey {
        /// Which field.
        place: String,
    },
    /// A certificate without its key, or the other way round.
    #[error("user '{user}' has `{present}` but no `{absent}`")]
    HalfPair {
        /// The user entry.
        user: String,
        /// What is there.
        present: &'static str,
        /// What is not.
        absent: &'static str,
    },
    /// A token that cannot be sent.
    #[error("{place} is not a token: it is empty or holds characters that cannot be sent")]
    BadToken {
        /// Which field.
        place: String,
    },
    /// Two ways to log in that exclude each other.
    #[error("user '{user}' has both {first} and {second}; kubectl refuses that too")]
    TwoLogins {
        /// The user entry.
        user: String,
        /// One way.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// No way to log in.
    #[error("user '{user}' has no credential: no token, client certificate, password or command")]
    NoCredential {
        /// The user entry.
        user: String,
    },
    /// An exec section that no kubectl would run.
    #[error("the command of user '{user}' cannot be run: {reason}")]
    BadExec {
        /// The user entry.
        user: String,
        /// Why not.
        reason: String,
    },
}

fn quote_hint(expected: &str, found: &str) -> &'static str {
    if expected == "text" && matches!(found, "a number" | "true or false") {
        " (put it in quotes)"
    } else {
        ""
    }
}

fn listed(names: &[String]) -> String {
    const SHOWN: usize = 10;
    let text = names
        .iter()
        .take(SHOWN)
        .map(|name| format!("'{name}'"))
        .collect::<Vec<_>>()
        .join(", ");
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => text,
        Some(more) => format!("{text} and {more} more"),
    }
}

fn suggestion(similar: Option<&str>, available: &[String]) -> String {
    match similar {
        Some(similar) => format!("did you mean '{similar}'?"),
        None => format!("there is {}", listed(available)),
    }
}
