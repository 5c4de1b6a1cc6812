//! The file by which a kubeconfig renews itself: what a person's machine needs to mint the next
//! short token, sealed to that person.
//!
//! It is JSON in an age file, so that `age -d` opens it in an emergency. Whoever has the file without
//! the identity learns its length and nothing else; whoever opens it can mint tokens of one account,
//! as long as the version lives. What is read is judged field by field, for age does not say who
//! sealed it: names go into a URL, the address is where a token is sent.

use std::fmt;
use std::str::FromStr;

use chrono::SecondsFormat;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use crate::domain::Timestamp;
use crate::domain::account_name::Home;
use crate::domain::cluster::Address;
use crate::domain::installation::InstallationId;
use crate::domain::name::ClusterName;
use crate::domain::subject::SubjectName;
use crate::secrets::{Identity, OpenError, Recipient, SealError, open_file, seal_file};

mod kept;
#[cfg(test)]
mod tests;

pub(crate) use kept::{KEPT_BYTES_MAX, Kept, Refusal, Refused, Token};

/// The version of the document that is written, and the newest that is read.
const VERSION: u32 = 1;
/// The largest file that is read, in bytes.
pub(crate) const BYTES_MAX: usize = 2 * 1024 * 1024;
/// The longest token that is believed, in bytes.
const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// The longest name of an account: that of a ServiceAccount.
const ACCOUNT_BYTES_MAX: usize = 253;
/// How an age file begins, binary and as text.
const BEGINNINGS: [&[u8]; 2] = [
    b"age-encryption.org/",
    b"-----BEGIN AGE ENCRYPTED FILE-----",
];

/// What renews a kubeconfig: where, whose, and the token that may mint the next one.
#[derive(Clone)]
pub(crate) struct Renewal {
    /// The installation that made it.
    pub(crate) installation: InstallationId,
    /// The cluster's name there.
    pub(crate) cluster: ClusterName,
    /// The UID of the cluster's namespace `kube-system`.
    pub(crate) cluster_uid: Option<String>,
    /// Whose kubeconfig it renews.
    pub(crate) subject: SubjectName,
    /// Which version of it.
    pub(crate) version: u32,
    /// How the API server is reached, and how it proves itself.
    pub(crate) address: Address,
    /// The namespace of both accounts.
    pub(crate) namespace: String,
    /// The account that works: whose tokens kubectl gets.
    pub(crate) account: String,
    /// The account that may mint for it, and do nothing else.
    pub(crate) renewer: String,
    /// Whether the renewer may mint for itself too, so that its own short token goes on.
    pub(crate) is_rolling: bool,
    /// The renewer's token.
    pub(crate) token: SecretString,
    /// When that token ends.
    pub(crate) token_ends_at: Timestamp,
}

impl fmt::Debug for Renewal {
    /// Names it, and shows nothing of what is in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Renewal({}, version {})", self.name(), self.version)
    }
}

/// Why a file renews nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenewalError {
    /// It is sealed to other keys.
    #[error("it is not sealed to your key")]
    NotForYou,
    /// It is sealed with a passphrase.
    #[error("it is sealed with a passphrase, not to a key")]
    Passphrase,
    /// It is no sealed file.
    #[error("it is not a sealed file")]
    NotSealed,
    /// It was changed, or cut short.
    #[error("it is damaged: it was changed or cut short")]
    Damaged,
    /// It opens, and something else is in it.
    #[error("what is sealed in it renews no kubeconfig")]
    NotRenewal,
    /// A newer version wrote it.
    #[error("a newer kubegrant wrote it (version {version}, and {VERSION} is the newest known)")]
    Newer {
        /// Which version of the document.
        version: u64,
    },
    /// It is of a version that never was, or is read no more.
    #[error("it is of version {version}, which is not read any more")]
    Older {
        /// Which version of the document.
        version: u64,
    },
    /// A field holds what it cannot hold.
    #[error("its {field} cannot be one")]
    Field {
        /// The field's name.
        field: &'static str,
    },
}

impl From<OpenError> for RenewalError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::NotForThisKey => Self::NotForYou,
            OpenError::Passphrase => Self::Passphrase,
            OpenError::Damaged | OpenError::Newer { .. } | OpenError::WrongRecord { .. } => {
                Self::Damaged
            }
        }
    }
}

/// The name of a renewal: the same for every version of one person's kubeconfig of one cluster, and
/// no other's. It names a file, and stands in the kubeconfig.
///
/// The parts are labels without dots, so that no two of them come to one name: a personal one has
/// three parts, that of a project's level and of a shell four.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RenewalName(String);

impl RenewalName {
    /// Names the renewal of a subject's kubeconfig.
    pub(crate) fn new(
        installation: &InstallationId,
        cluster: &ClusterName,
        subject: &SubjectName,
    ) -> Self {
        let subject = subject.to_string().replace('/', ".");
        Self(format!("{cluster}.{subject}.{installation}"))
    }

    /// The name of the file.
    pub(crate) fn file_name(&self) -> String {
        format!("{}.age", self.0)
    }

    /// The cluster's part.
    pub(crate) fn cluster(&self) -> &str {
        self.0.split('.').next().unwrap_or_default()
    }
}

impl fmt::Display for RenewalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RenewalName {
    type Err = ();
    fn from_str(input: &str) -> Result<Self, ()> {
        let (cluster, rest) = input.split_once('.').ok_or(())?;
        let (subject, installation) = rest.rsplit_once('.').ok_or(())?;
        let installation: InstallationId = installation.parse().map_err(drop)?;
        let cluster: ClusterName = cluster.parse().map_err(drop)?;
        let subject: SubjectName = subject.replacen('.', "/", 1).parse().map_err(drop)?;
        let name = Self::new(&installation, &cluster, &subject);
        // Names are compared without case; files are not.
        if name.0 == input { Ok(name) } else { Err(()) }
    }
}

impl Renewal {
    /// Its name.
    pub(crate) fn name(&self) -> RenewalName {
        RenewalName::new(&self.installation, &self.cluster, &self.subject)
    }

    /// Seals it to whom it belongs.
    pub(crate) fn seal(&self, to: &Recipient) -> Result<Vec<u8>, SealError> {
        seal_file(&self.to_bytes(), std::slice::from_ref(to))
    }

    /// Opens one with the identity of whom it belongs to.
    pub(crate) fn open(sealed: &[u8], identity: &Identity) -> Result<Self, RenewalError> {
        let text = sealed.trim_ascii_start();
        if !BEGINNINGS.iter().any(|start| text.starts_with(start)) {
            return Err(RenewalError::NotSealed);
        }
        Self::from_bytes(&open_file(text, identity)?)
    }

    /// What is sealed of it.
    pub(crate) fn text(&self) -> SecretString {
        SecretString::from(String::from_utf8_lossy(&self.to_bytes()).as_ref())
    }

    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let document = Document {
            version: VERSION,
            installation: self.installation.to_string(),
            cluster: self.cluster.to_string(),
            cluster_uid: self.cluster_uid.clone(),
            user: self.subject.to_string(),
            credential_version: self.version,
            server: self.address.server.clone(),
            certificate_authority: self.address.ca_pem.clone(),
            tls_server_name: self.address.tls_server_name.clone(),
            proxy_url: self.address.proxy_url.clone(),
            namespace: self.namespace.clone(),
            account: self.account.clone(),
            renewer: self.renewer.clone(),
            rolling: self.is_rolling,
            token: self.token.expose_secret().to_owned(),
            token_ends_at: self
                .token_ends_at
                .to_rfc3339_opts(SecondsFormat::Secs, true),
        };
        // With room for all of it, escapes too, the buffer never moves and leaves a copy behind.
        let room = 2 * document.token.len()
            + 2 * self.address.ca_pem.as_deref().map_or(0, str::len)
            + 16 * 1024;
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        serde_json::to_writer_pretty(&mut *bytes, &document)
            .expect("text and numbers are JSON, and memory takes all bytes");
        bytes.push(b'\n');
        bytes
    }

    /// Reads what was sealed.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, RenewalError> {
        let head: Head = serde_json::from_slice(bytes).map_err(|_| RenewalError::NotRenewal)?;
        if head.version > u64::from(VERSION) {
            return Err(RenewalError::Newer {
                version: head.version,
            });
        }
        if head.version < u64::from(VERSION) {
            return Err(RenewalError::Older {
                version: head.version,
            });
        }
        let document: Document =
            serde_json::from_slice(bytes).map_err(|_| RenewalError::NotRenewal)?;
        document.judged()
    }
}

/// What every version of the document begins with.
#[derive(Deserialize)]
struct Head {
    version: u64,
}

/// The document. Fields are added, never renamed or retyped; what a later kubegrant adds is no news
/// to this one.
#[derive(Serialize, Deserialize, ZeroizeOnDrop)]
struct Document {
    version: u32,
    installation: String,
    cluster: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cluster_uid: Option<String>,
    user: String,
    credential_version: u32,
    server: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificate_authority: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tls_server_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proxy_url: Option<String>,
    namespace: String,
    account: String,
    renewer: String,
    #[serde(default)]
    rolling: bool,
    token: String,
    token_ends_at: String,
}

impl Document {
    /// What it says, if every field holds what it can hold.
    fn judged(&self) -> Result<Renewal, RenewalError> {
        fn field<T, E>(field: &'static str, read: Result<T, E>) -> Result<T, RenewalError> {
            read.map_err(|_| RenewalError::Field { field })
        }
        let is = |name: &'static str, is_one: bool| field(name, is_one.then_some(()).ok_or(()));
        let is_word = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_graphic());
        let is_optional_word = |text: &Option<String>| text.as_deref().is_none_or(is_word);
        is(
            "server address",
            is_word(&self.server)
                && self.server.starts_with("https://")
                && !self.server.contains('@'),
        )?;
        is("cluster UID", is_optional_word(&self.cluster_uid))?;
        is("TLS server name", is_optional_word(&self.tls_server_name))?;
        is("proxy address", is_optional_word(&self.proxy_url))?;
        is("account", is_account(&self.account))?;
        is(
            "renewer",
            is_account(&self.renewer) && self.renewer != self.account,
        )?;
        is(
            "token",
            is_word(&self.token) && self.token.len() <= TOKEN_BYTES_MAX,
        )?;
        let ends = chrono::DateTime::parse_from_rfc3339(&self.token_ends_at);
        Ok(Renewal {
            installation: field("installation", self.installation.parse())?,
            cluster: field("cluster", self.cluster.parse())?,
            cluster_uid: self.cluster_uid.clone(),
            subject: field("user", self.user.parse())?,
            version: self.credential_version,
            address: Address {
                server: self.server.clone(),
                ca_pem: self.certificate_authority.clone(),
                tls_server_name: self.tls_server_name.clone(),
                proxy_url: self.proxy_url.clone(),
            },
            namespace: field("namespace", Home::of(&self.namespace).ok_or(()))?
                .namespace()
                .to_owned(),
            account: self.account.clone(),
            renewer: self.renewer.clone(),
            is_rolling: self.rolling,
            token: SecretString::from(self.token.as_str()),
            token_ends_at: field("end of the token", ends)?.to_utc(),
        })
    }
}

/// Whether a text is the name of a ServiceAccount: nothing else goes into a URL.
fn is_account(text: &str) -> bool {
    let good = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_label = |label: &str| {
        let bytes = label.as_bytes();
        let ends = |byte: Option<&u8>| byte.is_some_and(|&c| good(c));
        ends(bytes.first()) && ends(bytes.last()) && bytes.iter().all(|&c| good(c) || c == b'-')
    };
    text.len() <= ACCOUNT_BYTES_MAX && text.split('.').all(is_label)
}
