//! A key that lies in an SSH agent: it signs there, and never comes out. So do those of hardware.
//!
//! The protocol is that of draft-miller-ssh-agent; the signature is that of OpenSSH's PROTOCOL.sshsig, as `ssh-keygen
//! -Y sign` makes it.

use std::path::PathBuf;
use std::time::Duration;

use ssh_encoding::{Decode as _, Encode as _};
use ssh_key::public::KeyData;
use ssh_key::{HashAlg, LineEnding, PublicKey, Signature, SshSig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use crate::secrets::Recipient;

/// The largest message of an agent that is read, in bytes.
const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// How long an agent may take: somebody may have to touch something.
const ANSWER_MAX: Duration = Duration::from_mins(1);
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;

/// Why an agent gave no signature.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AgentError {
    /// There is none.
    #[error("there is no SSH agent: SSH_AUTH_SOCK names none")]
    None,
    /// It does not answer.
    #[error("the SSH agent at `{}` does not answer: {reason}", path.display())]
    Silent {
        /// Where it is.
        path: PathBuf,
        /// What happened.
        reason: String,
    },
    /// It answers something else.
    #[error("the SSH agent answered what makes no sense")]
    Garbled,
    /// It does not have the key, or does not sign.
    #[error("the SSH agent does not sign with {0}")]
    Refused(String),
    /// Nobody said with which key.
    #[error("the SSH agent has {} ssh-ed25519 keys", .0)]
    Keys(usize),
}

/// An SSH agent.
#[derive(Debug, Clone)]
pub(crate) struct Agent(PathBuf);

impl Agent {
    /// The agent at a socket.
    pub(crate) fn at(socket: Option<PathBuf>) -> Result<Self, AgentError> {
        socket.map(Self).ok_or(AgentError::None)
    }

    /// The one ssh-ed25519 key that it has.
    pub(crate) async fn only_key(&self) -> Result<Recipient, AgentError> {
        let mut answer: &[u8] = &self.ask(REQUEST_IDENTITIES, &[], IDENTITIES_ANSWER).await?;
        let garbled = |_| AgentError::Garbled;
        let count = u32::decode(&mut answer).map_err(garbled)?;
        let mut found = Vec::new();
        for _ in 0..count {
            let blob = Vec::<u8>::decode(&mut answer).map_err(garbled)?;
            let _comment = Vec::<u8>::decode(&mut answer).map_err(garbled)?;
            // Keys of other kinds are nobody's here.
            let Ok(key @ KeyData::Ed25519(_)) = KeyData::decode(&mut blob.as_slice()) else {
                continue;
            };
            let text = PublicKey::new(key, "").to_openssh();
            if let Some(key) = text.ok().and_then(|text| text.parse::<Recipient>().ok()) {
                found.push(key);
            }
        }
        match found.len() {
            1 => Ok(found.remove(0)),
            more => Err(AgentError::Keys(more)),
        }
    }

    /// Has it sign a text with a key; gives the signature as `ssh-keygen -Y sign` writes it.
    pub(crate) async fn sign(
        &self,
        key: &Recipient,
        namespace: &str,
        text: &str,
    ) -> Result<String, AgentError> {
        let refused = || AgentError::Refused(key.fingerprint());
        let public: PublicKey = key.to_string().parse().map_err(|_| refused())?;
        let data = SshSig::signed_data(namespace, HashAlg::Sha512, text.as_bytes());
        let data = data.map_err(|_| refused())?;
        let mut request = Vec::new();
        let blob = public.to_bytes().map_err(|_| refused())?;
        let written = (|| {
            blob.as_slice().encode(&mut request)?;
            data.as_slice().encode(&mut request)?;
            0_u32.encode(&mut request)
        })();
        written.map_err(|_: ssh_encoding::Error| AgentError::Garbled)?;
        let answer = self.ask(SIGN_REQUEST, &request, SIGN_RESPONSE).await;
        let answer = match answer {
            // That is how an agent says no.
            Err(AgentError::Garbled) => return Err(refused()),
            other => other?,
        };
        let blob = Vec::<u8>::decode(&mut answer.as_slice()).map_err(|_| AgentError::Garbled)?;
        let signature = Signature::try_from(blob.as_slice()).map_err(|_| AgentError::Garbled)?;
        let signed = SshSig::new(
            public.key_data().clone(),
            namespace,
            HashAlg::Sha512,
            signature,
        );
        let signed = signed.and_then(|it| it.to_pem(LineEnding::LF));
        signed.map_err(|_| AgentError::Garbled)
    }

    async fn ask(&self, kind: u8, body: &[u8], expected: u8) -> Result<Vec<u8>, AgentError> {
        let silent = |reason: String| AgentError::Silent {
            path: self.0.clone(),
            reason,
        };
        let asked = async {
            let mut stream = UnixStream::connect(&self.0).await?;
            let length = u32::try_from(body.len() + 1).unwrap_or(u32::MAX);
            stream.write_all(&length.to_be_bytes()).await?;
            stream.write_all(&[kind]).await?;
            stream.write_all(body).await?;
            let length = usize::try_from(stream.read_u32().await?).unwrap_or(usize::MAX);
            if length == 0 || length > MESSAGE_BYTES_MAX {
                return Ok(vec![]);
            }
            let mut answer = vec![0; length];
            stream.read_exact(&mut answer).await?;
            Ok::<_, std::io::Error>(answer)
        };
        let answered = tokio::time::timeout(ANSWER_MAX, asked).await;
        let answer = answered
            .map_err(|_| silent("no answer in a minute".to_owned()))?
            .map_err(|error| silent(error.to_string()))?;
        match answer.split_first() {
            Some((kind, rest)) if *kind == expected => Ok(rest.to_vec()),
            _ => Err(AgentError::Garbled),
        }
    }
}
