//! What kubectl and the program that it asks for a login say to each other: the question in the
//! variable `KUBERNETES_EXEC_INFO`, and the answer on standard output.

use std::ffi::OsStr;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::domain::Timestamp;
use crate::domain::text::{clean, rfc3339};

/// How the versions of the API begin.
const GROUP: &str = "client.authentication.k8s.io/";

/// Which version of the API is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    V1,
    V1beta1,
}

impl Version {
    fn as_str(self) -> &'static str {
        match self {
            Self::V1 => "client.authentication.k8s.io/v1",
            Self::V1beta1 => "client.authentication.k8s.io/v1beta1",
        }
    }
}

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Question {
    version: Version,
    /// Whether kubectl asked, or a program that uses its library; else a person or a script.
    pub(crate) is_kubectls: bool,
    /// Whether a person can be asked for a passphrase.
    pub(crate) is_interactive: bool,
}

/// Why a question cannot be answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QuestionError {
    /// The variable holds something else.
    #[error("the variable KUBERNETES_EXEC_INFO holds no question of kubectl's")]
    NotOne,
    /// An API that is not spoken here.
    #[error("kubectl asks in '{version}', which is not known here")]
    Unknown {
        /// Which; made safe to show.
        version: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    api_version: String,
    kind: String,
    #[serde(default)]
    spec: Option<AskedSpec>,
}

#[derive(Deserialize)]
struct AskedSpec {
    #[serde(default)]
    interactive: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'t> {
    api_version: &'t str,
    kind: &'t str,
    status: Status<'t>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'t> {
    expiration_timestamp: String,
    token: &'t str,
}

impl Question {
    /// Reads the value of the variable; without one, a person asks.
    pub(crate) fn read(value: Option<&OsStr>) -> Result<Self, QuestionError> {
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            return Ok(Self {
                version: Version::V1,
                is_kubectls: false,
                is_interactive: true,
            });
        };
        let text = value.to_str().ok_or(QuestionError::NotOne)?;
        let asked: Asked = serde_json::from_str(text).map_err(|_| QuestionError::NotOne)?;
        let version = match asked.api_version.strip_prefix(GROUP) {
            _ if asked.kind != "ExecCredential" => return Err(QuestionError::NotOne),
            Some("v1") => Version::V1,
            Some("v1beta1") => Version::V1beta1,
            _ => {
                return Err(QuestionError::Unknown {
                    version: clean(&asked.api_version),
                });
            }
        };
        let interactive = asked.spec.and_then(|spec| spec.interactive);
        Ok(Self {
            version,
            is_kubectls: true,
            is_interactive: interactive.unwrap_or(true),
        })
    }

    /// The answer: a token, and when it is to be asked for again.
    pub(crate) fn answer(self, token: &SecretString, end: Timestamp) -> Zeroizing<Vec<u8>> {
        let token = token.expose_secret();
        let answer = Answer {
            api_version: self.version.as_str(),
            kind: "ExecCredential",
            status: Status {
                expiration_timestamp: rfc3339(end),
                token,
            },
        };
        // With room for all of it, escapes too, the buffer never moves and leaves a copy behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(2 * token.len() + 1024));
        serde_json::to_writer(&mut *bytes, &answer).expect("text is JSON, and memory takes it");
        bytes.push(b'\n');
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Question, QuestionError> {
        Question::read(Some(OsStr::new(text)))
    }

    fn answer(question: Question) -> String {
        let end = "2026-11-22T10:54:00.7Z".parse().expect("a time");
        let bytes = question.answer(&"a.b.c".into(), end);
        String::from_utf8(bytes.to_vec()).expect("text")
    }

    #[test]
    fn it_is_answered_in_the_version_that_it_was_asked_in() {
        let alone = Question::read(None).expect("a person");
        assert_eq!(Question::read(Some(OsStr::new(""))).ok(), Some(alone));
        assert!(alone.is_interactive && !alone.is_kubectls);
        insta::assert_snapshot!(answer(alone), @r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"expirationTimestamp":"2026-11-22T10:54:00Z","token":"a.b.c"}}"#);
        for version in ["v1", "v1beta1"] {
            let text = format!(
                r#"{{"kind":"ExecCredential","apiVersion":"{GROUP}{version}","spec":{{"interactive":false}}}}"#
            );
            let asked = read(&text).expect("a question");
            assert!(!asked.is_interactive && asked.is_kubectls);
            let said: serde_json::Value = serde_json::from_str(&answer(asked)).expect("JSON");
            assert_eq!(said["apiVersion"], format!("{GROUP}{version}"));
        }
    }

    #[test]
    fn what_else_kubectl_says_is_no_trouble() {
        let text = r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",
            "spec":{"cluster":{"server":"https://c.example","config":null},"interactive":true},
            "status":null}"#;
        assert!(read(text).expect("a question").is_interactive);
        let bare = r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential"}"#;
        assert!(read(bare).expect("a question").is_interactive);
    }

    #[test]
    fn what_is_no_question_is_refused_and_a_foreign_version_named() {
        for bad in [
            "{",
            "[]",
            "null",
            "{}",
            r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"Pod"}"#,
            r#"{"apiVersion":1,"kind":"ExecCredential"}"#,
            r#"{"apiVersion":"x","kind":"ExecCredential","spec":{"interactive":"yes"}}"#,
            &"[".repeat(100_000),
        ] {
            assert!(matches!(read(bad), Err(QuestionError::NotOne)), "{bad:.40}");
        }
        let refused = |version: &str| {
            let text = serde_json::json!({ "apiVersion": version, "kind": "ExecCredential" });
            read(&text.to_string()).expect_err("refused").to_string()
        };
        assert_eq!(
            refused("client.authentication.k8s.io/v1alpha1"),
            "kubectl asks in 'client.authentication.k8s.io/v1alpha1', which is not known here"
        );
        assert!(!refused("v1\u{1b}[2J\n").contains(['\u{1b}', '\n']));
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_no_text_are_no_question() {
        use std::os::unix::ffi::OsStrExt as _;
        let refused = Question::read(Some(OsStr::from_bytes(b"{\xff")));
        assert!(matches!(refused, Err(QuestionError::NotOne)));
    }
}
