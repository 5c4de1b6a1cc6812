//! A small ssh-agent that holds one key in memory, for one login.
//!
//! `ssh` takes a private key from a file or from an agent. A file would leave the key on a disk,
//! so there is this: the two requests of the agent protocol that a login makes, on a socket in a
//! folder that only this user can enter. It signs logins with its key and nothing else.
//!
//! Of the crates, `ssh-agent-lib` would do it, at the price of three more curves, an unbounded
//! frame and detached tasks; what is needed of the protocol is shorter than its use.

use std::cell::Cell;
use std::convert::Infallible;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use rsa::signature::{SignatureEncoding as _, Signer as _};
use ssh_encoding::{Decode as _, Encode as _};
use ssh_key::PrivateKey;
use ssh_key::private::{KeypairData, RsaKeypair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

use super::NodeError;
use crate::env::Random;

/// The longest request; a login's are below one KiB.
const REQUEST_MAX: usize = 16 * 1024;
/// How many connections may be open; a login needs one.
const CONNECTIONS_MAX: usize = 8;
/// When a connection that could not be taken is tried again.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);
/// The longest path that a socket may have, with room to spare.
const SOCKET_MAX: usize = 100;

// The messages of the agent protocol, draft-ietf-sshm-ssh-agent.
const FAILURE: u8 = 5;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
const RSA_SHA2_256: u32 = 2;
const RSA_SHA2_512: u32 = 4;
/// What a client signs to log in, RFC 4252.
const USERAUTH_REQUEST: u8 = 50;

/// The agent, its socket and its folder, which go when it goes.
pub(super) struct Agent<'a> {
    key: &'a PrivateKey,
    blob: Vec<u8>,
    listener: UnixListener,
    folder: Folder,
    signed: Cell<bool>,
}

/// A folder of our own, removed with all that is in it.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays behind is a public key and a dead socket.
        let _removed_or_not = std::fs::remove_dir_all(&self.0);
    }
}

impl<'a> Agent<'a> {
    /// Opens the socket, in the first of these folders that will do.
    pub(super) fn start(
        key: &'a PrivateKey,
        workplaces: &[PathBuf],
        random: &dyn Random,
    ) -> Result<Self, NodeError> {
        let mut refused = NodeError::Workplace {
            path: PathBuf::from("/tmp"),
            source: io::ErrorKind::NotFound.into(),
        };
        for workplace in workplaces.iter().filter(|path| is_plain(path)) {
            match Self::start_in(key, workplace, random) {
                Ok(agent) => return Ok(agent),
                Err(source) => {
                    refused = NodeError::Workplace {
                        path: workplace.clone(),
                        source,
                    }
                }
            }
        }
        Err(refused)
    }

    fn start_in(key: &'a PrivateKey, workplace: &Path, random: &dyn Random) -> io::Result<Self> {
        let mut name = [0; 8];
        random.fill(&mut name);
        let name = u64::from_be_bytes(name);
        let folder = workplace.join(format!("kubegrant-{name:016x}"));
        // Fails where something is there already: nobody can have prepared it for us.
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
        let folder = Folder(folder);
        let listener = UnixListener::bind(folder.0.join("agent"))?;
        let public = key.public_key();
        let line = public.to_openssh().map_err(io::Error::other)?;
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(folder.0.join("key.pub"))?
            .write_all(format!("{line}\n").as_bytes())?;
        Ok(Self {
            key,
            blob: public.to_bytes().map_err(io::Error::other)?,
            listener,
            folder,
            signed: Cell::new(false),
        })
    }

    /// Where `ssh` finds the agent.
    pub(super) fn socket(&self) -> PathBuf {
        self.folder.0.join("agent")
    }

    /// The public half, by which `ssh` knows which key of the agent it is to use.
    pub(super) fn public_file(&self) -> PathBuf {
        self.folder.0.join("key.pub")
    }

    /// Says whether a login was signed.
    pub(super) fn signed(&self) -> bool {
        self.signed.get()
    }

    /// Answers until dropped.
    pub(super) async fn serve(&self) -> Infallible {
        let mut open = FuturesUnordered::new();
        loop {
            tokio::select! {
                arrived = self.listener.accept(), if open.len() < CONNECTIONS_MAX => {
                    match arrived {
                        Ok((stream, _)) => open.push(self.converse(stream)),
                        // Out of file handles, and soon not any more.
                        Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
                    }
                }
                // A conversation that broke is over; `ssh` says what it lacked.
                Some(_over) = open.next() => {}
            }
        }
    }

    async fn converse(&self, mut stream: UnixStream) -> io::Result<()> {
        loop {
            let length = usize::try_from(stream.read_u32().await?).unwrap_or(usize::MAX);
            if !(1..=REQUEST_MAX).contains(&length) {
                return Err(io::ErrorKind::InvalidData.into());
            }
            let mut request = vec![0; length];
            stream.read_exact(&mut request).await?;
            let answer = self.answer(&request).unwrap_or_else(|| vec![FAILURE]);
            let mut frame = Vec::new();
            answer.encode(&mut frame).map_err(io::Error::other)?;
            stream.write_all(&frame).await?;
        }
    }

    /// Answers one request; nothing where it is not one that this agent takes.
    fn answer(&self, request: &[u8]) -> Option<Vec<u8>> {
        let mut answer = Vec::new();
        match request.split_first()? {
            (&REQUEST_IDENTITIES, []) => {
                IDENTITIES_ANSWER.encode(&mut answer).ok()?;
                1_u32.encode(&mut answer).ok()?;
                self.blob.encode(&mut answer).ok()?;
                "kubegrant".encode(&mut answer).ok()?;
            }
            (&SIGN_REQUEST, mut rest) => {
                let blob = Vec::<u8>::decode(&mut rest).ok()?;
                let message = Vec::<u8>::decode(&mut rest).ok()?;
                let flags = u32::decode(&mut rest).ok()?;
                if blob != self.blob || !rest.is_empty() || !is_login(&message, &blob) {
                    return None;
                }
                let signature = sign(self.key, &message, flags)?;
                SIGN_RESPONSE.encode(&mut answer).ok()?;
                signature.encode(&mut answer).ok()?;
                self.signed.set(true);
            }
            _ => return None,
        }
        Some(answer)
    }
}

/// Says whether a message is a login with this key: the only thing that is signed.
fn is_login(message: &[u8], blob: &[u8]) -> bool {
    let mut rest = message;
    let read = |rest: &mut &[u8]| Vec::<u8>::decode(rest).ok();
    let parts = (|| {
        let _session = read(&mut rest)?;
        let kind = u8::decode(&mut rest).ok()?;
        let _login = read(&mut rest)?;
        let service = read(&mut rest)?;
        let method = read(&mut rest)?;
        let signed = u8::decode(&mut rest).ok()?;
        let _algorithm = read(&mut rest)?;
        let key = read(&mut rest)?;
        Some((kind, service, method, signed, key))
    })();
    parts.is_some_and(|(kind, service, method, signed, key)| {
        kind == USERAUTH_REQUEST
            && service == b"ssh-connection"
            && (method == b"publickey" || method == b"publickey-hostbound-v00@openssh.com")
            && signed == 1
            && key == blob
    })
}

/// Signs, and names the algorithm as SSH does.
fn sign(key: &PrivateKey, message: &[u8], flags: u32) -> Option<Vec<u8>> {
    let (name, signature) = match key.key_data() {
        KeypairData::Rsa(pair) if flags & RSA_SHA2_512 != 0 => {
            let signer = rsa::pkcs1v15::SigningKey::<rsa::sha2::Sha512>::new(rsa_key(pair)?);
            ("rsa-sha2-512", signer.try_sign(message).ok()?.to_vec())
        }
        KeypairData::Rsa(pair) if flags & RSA_SHA2_256 != 0 => {
            let signer = rsa::pkcs1v15::SigningKey::<rsa::sha2::Sha256>::new(rsa_key(pair)?);
            ("rsa-sha2-256", signer.try_sign(message).ok()?.to_vec())
        }
        // Without a flag it would be SHA-1.
        KeypairData::Ed25519(_) => {
            let signature = key.try_sign(message).ok()?;
            ("ssh-ed25519", signature.as_bytes().to_vec())
        }
        _ => return None,
    };
    let mut signed = Vec::new();
    name.encode(&mut signed).ok()?;
    signature.encode(&mut signed).ok()?;
    Some(signed)
}

/// Reads an RSA key by hand: the conversion of ssh-key 0.6.7 takes `p` for both primes.
fn rsa_key(pair: &RsaKeypair) -> Option<rsa::RsaPrivateKey> {
    let number =
        |mpint: &ssh_key::Mpint| Some(rsa::BigUint::from_bytes_be(mpint.as_positive_bytes()?));
    rsa::RsaPrivateKey::from_components(
        number(&pair.public.n)?,
        number(&pair.public.e)?,
        number(&pair.private.d)?,
        vec![number(&pair.private.p)?, number(&pair.private.q)?],
    )
    .ok()
}

/// Says whether `ssh` reads a path in an option as it is, and a socket can have it.
fn is_plain(path: &Path) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '-' | '_');
    let room = SOCKET_MAX - "/kubegrant-0123456789abcdef/agent".len();
    path.is_absolute()
        && path
            .to_str()
            .is_some_and(|text| text.len() <= room && text.chars().all(plain))
}
