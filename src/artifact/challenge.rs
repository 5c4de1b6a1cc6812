//! What somebody proves with that a key is theirs: a text that is sealed to it, which they open.
//!
//! It names where it comes from: whoever passes one on to somebody else gets no answer, as the address that
//! they typed is another one. It is use to nobody but the server that made it.

use crate::domain::text::clean;
use crate::secrets::{
    ExposeSecret, Identity, MacKey, OpenError, Recipient, SealError, SecretString, open_file,
    seal_file,
};

/// How it begins.
const FIRST_LINE: &str = "kubegrant login 1";
/// The longest that is read, in bytes.
const BYTES_MAX: usize = 16 * 1024;

/// The namespace of a signature that logs somebody in at a server (PROTOCOL.sshsig): it is good for nothing else.
pub(crate) fn namespace(origin: &str) -> String {
    let host = origin.trim_start_matches("https://");
    format!("kubegrant-login@{host}")
}

/// What a key signs to log in at a server that asks this.
pub(crate) fn signed_text(origin: &str, asked: &str) -> String {
    format!("{FIRST_LINE}\n{origin}\n{asked}\n")
}

/// What is sealed.
pub(crate) struct Challenge {
    /// The address of the server, `https://host[:port]`.
    pub(crate) origin: String,
    /// What proves that somebody opened it.
    pub(crate) nonce: SecretString,
}

/// Why a challenge is not answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChallengeError {
    /// It does not open.
    #[error("the server sent what your key does not open")]
    Open(#[source] OpenError),
    /// It is none.
    #[error("the server sent what is no question for a key")]
    Garbled,
    /// Another server made it.
    #[error("the server passes on the question of another one, {origin}: do not trust it")]
    Elsewhere {
        /// Which one.
        origin: String,
    },
}

impl Challenge {
    /// Seals it to a key.
    pub(crate) fn seal(&self, key: &Recipient) -> Result<Vec<u8>, SealError> {
        let nonce = self.nonce.expose_secret();
        let text = format!("{FIRST_LINE}\n{}\n{nonce}\n", self.origin);
        seal_file(text.as_bytes(), std::slice::from_ref(key))
    }

    /// Opens one that came from this address.
    pub(crate) fn open(
        sealed: &[u8],
        identity: &Identity,
        origin: &str,
    ) -> Result<Self, ChallengeError> {
        if sealed.len() > BYTES_MAX {
            return Err(ChallengeError::Garbled);
        }
        let opened = open_file(sealed, identity).map_err(ChallengeError::Open)?;
        let text = std::str::from_utf8(&opened).map_err(|_| ChallengeError::Garbled)?;
        let lines: Vec<&str> = text.lines().collect();
        let [FIRST_LINE, found, nonce] = lines.as_slice() else {
            return Err(ChallengeError::Garbled);
        };
        if *found != origin {
            return Err(ChallengeError::Elsewhere {
                origin: clean(found),
            });
        }
        Ok(Self {
            origin: (*found).to_owned(),
            nonce: SecretString::from(*nonce),
        })
    }

    /// The answer to the one of this name, and to no other.
    pub(crate) fn answer(&self, id: &str) -> String {
        self.key().tag(id)
    }

    /// Whether it is the answer.
    pub(crate) fn is_answer(&self, id: &str, answer: &str) -> bool {
        self.key().is_tag_of(answer, id)
    }

    fn key(&self) -> MacKey {
        MacKey::derive(&self.nonce, "login", &[&self.origin])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(origin: &str) -> Challenge {
        Challenge {
            origin: origin.to_owned(),
            nonce: SecretString::from("n"),
        }
    }

    #[test]
    fn only_the_key_it_is_for_answers_and_only_where_it_came_from() {
        let (mine, other) = (Identity::generate(), Identity::generate());
        let asked = challenge("https://kg.example");
        let sealed = asked.seal(&mine.recipient()).expect("sealed");
        let opened = Challenge::open(&sealed, &mine, "https://kg.example").expect("opened");
        let answer = opened.answer("7");
        assert!(asked.is_answer("7", &answer));
        assert!(!asked.is_answer("8", &answer));
        assert!(!asked.is_answer("7", ""));
        assert!(!challenge("https://kg.example.net").is_answer("7", &answer));
        assert!(matches!(
            Challenge::open(&sealed, &other, "https://kg.example"),
            Err(ChallengeError::Open(_))
        ));
        // Somebody in the middle passes it on.
        assert!(matches!(
            Challenge::open(&sealed, &mine, "https://kg.examp1e"),
            Err(ChallengeError::Elsewhere { .. })
        ));
    }

    #[test]
    fn what_is_sealed_to_somebody_for_another_reason_is_no_question() {
        let mine = Identity::generate();
        let kubeconfig = seal_file(b"apiVersion: v1\n", &[mine.recipient()]).expect("sealed");
        assert!(matches!(
            Challenge::open(&kubeconfig, &mine, "https://kg.example"),
            Err(ChallengeError::Garbled)
        ));
    }
}
