//! OpenID Connect: who vouches for people and for CI jobs, and what must be in a token for it to be theirs.
//!
//! The rules are those of OpenID Connect Core 1.0: an issuer is an https address without query and fragment,
//! compared letter by letter (sections 2 and 16.15), and a person is known by issuer and subject together (5.7).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The longest address of an issuer, in bytes.
const ISSUER_BYTES_MAX: usize = 512;
/// The longest name of a claim, in bytes.
const NAME_BYTES_MAX: usize = 64;
/// The longest value of a claim, in bytes: a subject has at most 255 (Core 1.0, section 2).
const VALUE_BYTES_MAX: usize = 512;
/// How many claims can be asked of a job.
pub(crate) const CLAIMS_MAX: usize = 16;

/// The claim that names a person at their issuer, for ever.
pub(crate) const SUBJECT: &str = "sub";
/// The claim that names a person's address.
pub(crate) const EMAIL: &str = "email";
/// The claim that says whether the issuer has verified that address.
const EMAIL_VERIFIED: &str = "email_verified";
/// What every token says of itself: it tells no two jobs apart.
const OF_EVERY_TOKEN: [&str; 7] = ["iss", "aud", "azp", "exp", "iat", "nbf", "jti"];

/// The address of an issuer, letter by letter as its tokens name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct IssuerUrl(String);

impl IssuerUrl {
    /// As it is compared.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Its host and path, for people.
    pub(crate) fn short(&self) -> &str {
        self.0.trim_start_matches("https://").trim_end_matches('/')
    }
}

impl FromStr for IssuerUrl {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "it is `https://HOST[:PORT][/PATH]`, as the tokens name it".to_owned();
        let rest = text.strip_prefix("https://").ok_or_else(wrong)?;
        let is_plain = |c: char| c.is_ascii_graphic() && !"?#@\\\"<>`{}|^".contains(c);
        let (authority, _) = rest.split_once('/').unwrap_or((rest, ""));
        let parsed = authority.parse::<http::uri::Authority>();
        let has_port = authority
            .rsplit(']')
            .next()
            .is_some_and(|end| end.contains(':'));
        let is_address =
            parsed.is_ok_and(|it| !it.host().is_empty() && has_port == it.port_u16().is_some());
        if !is_address || !rest.chars().all(is_plain) || text.len() > ISSUER_BYTES_MAX {
            return Err(wrong());
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for IssuerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whom an organization lets people log in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Provider {
    /// Who vouches for them.
    pub(crate) issuer: IssuerUrl,
    /// What the issuer knows our server as.
    pub(crate) client_id: String,
}

/// What a token says: its claims that are one text, number or truth, by their names.
pub(crate) type Claims = BTreeMap<String, String>;

/// What a token must say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Claim {
    /// Of what.
    pub(crate) name: String,
    /// What, letter by letter.
    pub(crate) value: String,
}

impl Claim {
    /// Makes one; its text is checked.
    pub(crate) fn new(name: &str, value: &str) -> Result<Self, String> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_-.:/".contains(c);
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(is_name) {
            return Err(format!("no claim is named '{}'", name.escape_default()));
        }
        if value.trim().is_empty()
            || value.len() > VALUE_BYTES_MAX
            || value.chars().any(char::is_control)
        {
            return Err(format!(
                "the value of '{name}' has 1 to {VALUE_BYTES_MAX} characters"
            ));
        }
        Ok(Self {
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }

    fn is_in(&self, claims: &Claims) -> bool {
        claims.get(&self.name) == Some(&self.value)
    }
}

impl FromStr for Claim {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("it is `NAME=VALUE`")?;
        if OF_EVERY_TOKEN.contains(&name) {
            return Err(format!(
                "'{name}' is in every token, and tells no two jobs apart"
            ));
        }
        Self::new(name, value)
    }
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

/// Who logs in with an issuer's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LinkKind {
    /// Somebody whom the organization's issuer knows.
    Person,
    /// A CI job, whose tokens are made for each run.
    Job,
}

impl LinkKind {
    /// The word stored and shown.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Job => "job",
        }
    }
}

impl FromStr for LinkKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Person, Self::Job]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| format!("no kind '{}'", text.escape_default()))
    }
}

/// By which tokens a user logs in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OidcLink {
    /// Whether it is a person or a job.
    pub(crate) kind: LinkKind,
    /// Whose tokens.
    pub(crate) issuer: IssuerUrl,
    /// What all of these must say, by name; one at least.
    claims: Vec<Claim>,
}

impl OidcLink {
    /// Makes one. Refuses one that asks for nothing, too much, or the same twice.
    pub(crate) fn new(
        kind: LinkKind,
        issuer: IssuerUrl,
        mut claims: Vec<Claim>,
    ) -> Result<Self, String> {
        for claim in &mut claims {
            // Addresses are compared so: it is one way to write each.
            if kind == LinkKind::Person && claim.name == EMAIL {
                claim.value.make_ascii_lowercase();
            }
        }
        claims.sort();
        if claims.is_empty() {
            return Err("no claim is asked for: any token of this issuer would do".to_owned());
        }
        if claims.len() > CLAIMS_MAX {
            return Err(format!("at most {CLAIMS_MAX} claims can be asked for"));
        }
        let twice = claims.windows(2).find(|two| match two {
            [first, second] => first.name == second.name,
            _ => false,
        });
        if let Some([first, ..]) = twice {
            return Err(format!("'{}' is asked for twice", first.name));
        }
        Ok(Self {
            kind,
            issuer,
            claims,
        })
    }

    /// What its tokens must say, by name.
    pub(crate) fn claims(&self) -> &[Claim] {
        &self.claims
    }

    /// Whether a token whose issuer and signature were checked is of this user. An address counts only where the
    /// issuer says that it was verified (Core 1.0, section 5.7), and in any case of letters.
    pub(crate) fn is_of(&self, claims: &Claims) -> bool {
        self.claims.iter().all(|claim| {
            if self.kind == LinkKind::Person && claim.name == EMAIL {
                let email = claims.get(EMAIL);
                let is_theirs = email.is_some_and(|it| it.eq_ignore_ascii_case(&claim.value));
                let is_verified = claims.get(EMAIL_VERIFIED).is_some_and(|it| it == "true");
                return is_theirs && is_verified;
            }
            claim.is_in(claims)
        })
    }

    /// What a session is bound to that was begun with it: another link ends it.
    pub(crate) fn text(&self) -> String {
        let claims = self.claims.iter().map(|it| format!("\n{it}"));
        let claims: String = claims.collect();
        format!("{} {}{claims}", self.kind.as_str(), self.issuer)
    }
}

impl fmt::Display for OidcLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for claim in &self.claims {
            write!(f, "{claim} ")?;
        }
        write!(f, "at {}", self.issuer)
    }
}

/// The issuer of GitHub's jobs.
const GITHUB: &str = "https://token.actions.githubusercontent.com";

/// What whoever pins a job's claims may not have thought of.
pub(crate) fn warning(link: &OidcLink) -> Option<&'static str> {
    let asks = |names: &[&str]| {
        let mut claims = link.claims.iter();
        claims.any(|it| names.contains(&it.name.as_str()))
    };
    let is_github = link.issuer.as_str().starts_with(GITHUB);
    if is_github && !asks(&["sub", "repository", "repository_id"]) {
        return Some("no claim names a repository: jobs of anybody's may match");
    }
    if is_github && !asks(&["sub", "ref", "environment", "workflow_ref"]) {
        return Some(
            "no claim names a branch or an environment: every workflow of the repository may log in",
        );
    }
    let is_gitlab = asks(&[
        "project_path",
        "project_id",
        "namespace_path",
        "namespace_id",
    ]);
    if is_gitlab && !asks(&["sub", "ref", "ref_protected", "environment", "ref_path"]) {
        return Some(
            "no claim names a branch or an environment: every pipeline of the project may log in",
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer() -> IssuerUrl {
        "https://id.example/realms/acme".parse().expect("an issuer")
    }

    fn link(kind: LinkKind, claims: &[&str]) -> Result<OidcLink, String> {
        let claims = claims.iter().map(|it| {
            let (name, value) = it.split_once('=').expect("two");
            Claim::new(name, value).expect("a claim")
        });
        OidcLink::new(kind, issuer(), claims.collect())
    }

    fn said(claims: &[(&str, &str)]) -> Claims {
        let claims = claims.iter();
        claims
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn an_issuer_is_an_https_address_and_stays_as_it_is_written() {
        for good in [
            "https://accounts.google.com",
            "https://acme.eu.auth0.com/",
            "https://login.microsoftonline.com/0-1/v2.0",
            "https://[::1]:8443",
        ] {
            let issuer: IssuerUrl = good.parse().expect(good);
            assert_eq!(issuer.as_str(), good);
        }
        for bad in [
            "",
            "accounts.google.com",
            "http://id.example",
            "https://",
            "https://id.example/?a=b",
            "https://id.example/#a",
            "https://user@id.example",
            "https://id.example/a b",
            "https://id.example/\n",
            "https://id.example:",
            "https://id.example:99999",
            "https://:8",
        ] {
            assert!(bad.parse::<IssuerUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn all_claims_must_be_as_they_were_pinned() {
        let job = link(
            LinkKind::Job,
            &[
                "repository=acme/shop",
                "ref=refs/heads/main",
                "ref_protected=true",
            ],
        );
        let job = job.expect("a link");
        let good = said(&[
            ("repository", "acme/shop"),
            ("ref", "refs/heads/main"),
            ("ref_protected", "true"),
            ("more", "1"),
        ]);
        assert!(job.is_of(&good));
        for (name, value) in [
            ("repository", "acme/shop2"),
            ("repository", "Acme/shop"),
            ("ref", "refs/heads/main2"),
            ("ref_protected", "false"),
        ] {
            let mut other = good.clone();
            other.insert(name.to_owned(), value.to_owned());
            assert!(!job.is_of(&other), "{name}");
        }
        let mut less = good;
        less.remove("ref");
        assert!(!job.is_of(&less));
    }

    #[test]
    fn an_address_counts_where_it_was_verified() {
        let person = link(LinkKind::Person, &["email=Bob@acme.example"]).expect("a link");
        let bob = |verified| said(&[("email", "bob@ACME.example"), ("email_verified", verified)]);
        assert!(person.is_of(&bob("true")));
        for verified in ["false", "1", "yes", ""] {
            assert!(!person.is_of(&bob(verified)));
        }
        assert!(!person.is_of(&said(&[("email", "bob@acme.example")])));
        // Nothing is known of jobs' addresses: they are compared as they are.
        let job = link(LinkKind::Job, &["email=Bob@acme.example"]).expect("a link");
        assert!(!job.is_of(&bob("true")));
    }

    #[test]
    fn a_link_asks_for_something_and_for_nothing_twice() {
        assert!(link(LinkKind::Job, &[]).is_err());
        assert!(link(LinkKind::Job, &["ref=a", "ref=b"]).is_err());
        for bad in [
            "exp=1", "iss=x", "aud=y", "ref", "=x", "a b=c", "ref=", "ref=a\nb",
        ] {
            assert!(bad.parse::<Claim>().is_err(), "{bad}");
        }
    }

    #[test]
    fn whoever_pins_too_little_is_warned() {
        let github = |claims: &[&str]| {
            let mut link = link(LinkKind::Job, claims).expect("a link");
            link.issuer = GITHUB.parse().expect("an issuer");
            warning(&link)
        };
        assert!(github(&["repository=acme/shop"]).is_some());
        assert!(github(&["ref=refs/heads/main"]).is_some());
        assert_eq!(
            github(&["repository=acme/shop", "ref=refs/heads/main"]),
            None
        );
        assert!(github(&["job_workflow_ref=acme/ci/.github/workflows/x.yml@main"]).is_some());
        assert_eq!(github(&["sub=repo:acme/shop:environment:prod"]), None);
        let gitlab = link(LinkKind::Job, &["project_path=acme/shop"]).expect("a link");
        assert!(warning(&gitlab).is_some());
    }
}
