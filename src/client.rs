//! WHERE A SERVER IS ASKED: for people without the store, whose commands `kubegrant serve` carries out.
//!
//! Which servers somebody knows stands in `hosts.toml`, without a secret. A session is begun with the key that
//! one has, and kept where it lasts as long as one is logged in to one's own machine.

mod agent;
mod hosts;
mod http;
mod job;
mod sessions;

pub(crate) use agent::{Agent, AgentError};
pub(crate) use hosts::{Hosts, HostsError, Known, Way};
use http::HttpRequest;
pub(crate) use http::{Error, Http};
use sessions::Kept;

use std::time::Duration;

use serde_json::{Map, Value};

use crate::api::{
    Answer, DeviceAnswer, DeviceQuestion, LoginAnswer, LoginBegin, LoginDone, LoginQuestion,
    Method, PageOpened, ROOT, RUN_TYPE, Route, ShellEnded, ShellLives, ShellNamed, TERMINAL_HEADER,
    Terminal, TokenLogin, in_path,
};
use crate::artifact::challenge::{self, Challenge};
use crate::domain::text::{clean, percent_encoded};
use crate::env::Env;
use crate::secrets::{ExposeSecret, Identity, Recipient, SecretString};

/// By how much whoever asks a device's question too often waits longer (RFC 8628, section 3.5).
const SLOW_DOWN: Duration = Duration::from_secs(5);

/// What somebody proves with who they are.
pub(crate) enum Proof<'a> {
    /// A key.
    Key(&'a Identity),
    /// A key in an SSH agent.
    Agent(Agent, Box<Recipient>),
    /// The word of the organization's OpenID issuer; says to a person what they have to do for it. Nobody can be
    /// asked in the middle of a command, so it is had at the login alone.
    Oidc(Option<&'a (dyn Fn(&str) + Sync)>),
    /// The token of a CI job, and which user's it is where it may be several's.
    Job(Option<String>),
}

impl Proof<'_> {
    /// What a session that is kept is told by, beside the server.
    pub(crate) fn name(&self, env: &Env) -> String {
        match self {
            Self::Key(identity) => identity.recipient().to_string(),
            Self::Agent(_, key) => Way::Agent(key.to_string()).session_name(env),
            Self::Oidc(_) => Way::Oidc.session_name(env),
            Self::Job(user) => Way::Job { user: user.clone() }.session_name(env),
        }
    }
}

/// A request, as it goes out.
pub(crate) struct Request {
    /// Which one.
    pub(crate) route: &'static Route,
    /// Its arguments.
    pub(crate) fields: Map<String, Value>,
    /// The shape of the data.
    pub(crate) format: String,
    /// On what it will be read.
    pub(crate) terminal: Terminal,
}

/// A session at a server.
pub(crate) struct Link {
    http: Http,
    kept: Kept,
}

impl Link {
    /// Goes on with the session that is kept, or begins one.
    pub(crate) async fn open(
        env: &Env,
        proof: &Proof<'_>,
        origin: &str,
        known: &Known,
    ) -> Result<Self, Error> {
        match sessions::kept(env, origin, &proof.name(env)) {
            Some(kept) => Ok(Self {
                http: Http::new(origin, known, env)?,
                kept,
            }),
            None => Self::begin(env, proof, origin, known).await,
        }
    }

    /// Begins a session, and keeps it for the next command.
    pub(crate) async fn begin(
        env: &Env,
        proof: &Proof<'_>,
        origin: &str,
        known: &Known,
    ) -> Result<Self, Error> {
        let http = Http::new(origin, known, env)?;
        let kept = Self::renew(env, proof, &http).await?;
        Ok(Self { http, kept })
    }

    async fn renew(env: &Env, proof: &Proof<'_>, http: &Http) -> Result<Kept, Error> {
        let done = match proof {
            Proof::Key(identity) => log_in(http, identity).await?,
            Proof::Agent(agent, key) => sign_in(http, agent, key).await?,
            Proof::Oidc(Some(say)) => agree(http, say).await?,
            Proof::Oidc(None) => {
                let origin = http.origin().to_owned();
                let login = format!("kubegrant login {origin} --oidc");
                return Err(Error::Over { origin, login });
            }
            Proof::Job(user) => {
                let token = job::token(env, http.origin()).await?;
                let token = TokenLogin {
                    token: token.expose_secret().to_owned(),
                    user: user.clone(),
                };
                http.post("/login/token", &token).await?
            }
        };
        let kept = Kept::from(&done);
        sessions::keep(env, http.origin(), &proof.name(env), &kept);
        Ok(kept)
    }

    /// Who is logged in.
    pub(crate) fn user(&self) -> &str {
        &self.kept.user
    }

    /// Of which installation.
    pub(crate) fn installation(&self) -> &str {
        &self.kept.installation
    }

    /// When the session ends at the latest, in seconds since 1970.
    pub(crate) fn ends_at(&self) -> i64 {
        self.kept.ends_at
    }

    /// Has the server carry a command out; where the session is over, another begins.
    pub(crate) async fn call(
        &mut self,
        env: &Env,
        proof: &Proof<'_>,
        request: &Request,
    ) -> Result<Answer, Error> {
        let token = SecretString::from(self.kept.token.as_str());
        if let Some(answer) = call(&self.http, &token, request).await? {
            return Ok(answer);
        }
        self.kept = Self::renew(env, proof, &self.http).await?;
        let token = SecretString::from(self.kept.token.as_str());
        let again = call(&self.http, &token, request).await?;
        again.ok_or_else(|| self.http.let_in_and_out())
    }

    /// Says that a shell is still in use; nothing where the server knows none of the name.
    pub(crate) async fn shell_here(
        &mut self,
        env: &Env,
        proof: &Proof<'_>,
        named: &ShellNamed,
    ) -> Result<Option<ShellLives>, Error> {
        self.of_shell(env, proof, "/shell/here", named).await
    }

    /// Ends a shell; nothing where the server knows none of the name.
    pub(crate) async fn shell_end(
        &mut self,
        env: &Env,
        proof: &Proof<'_>,
        named: &ShellNamed,
    ) -> Result<Option<ShellEnded>, Error> {
        self.of_shell(env, proof, "/shell/end", named).await
    }

    /// Asks about a shell; where the session is over, in another: the shell is its user's.
    async fn of_shell<T: serde::de::DeserializeOwned>(
        &mut self,
        env: &Env,
        proof: &Proof<'_>,
        path: &str,
        named: &ShellNamed,
    ) -> Result<Option<T>, Error> {
        let (path, body) = (format!("{ROOT}{path}"), serde_json::to_value(named));
        let body = body.unwrap_or_default();
        for is_again in [false, true] {
            if is_again {
                self.kept = Self::renew(env, proof, &self.http).await?;
            }
            let token = SecretString::from(self.kept.token.as_str());
            let sent = self.http.send(HttpRequest {
                token: Some(&token),
                body: Some(&body),
                ..HttpRequest::post(&path)
            });
            match sent.await? {
                (404, _) => return Ok(None),
                (401, _) if !is_again => {}
                (status, bytes) => return self.http.document(status, &bytes).map(Some),
            }
        }
        Err(self.http.let_in_and_out())
    }

    /// Asks for an address that opens the page as whoever is logged in.
    pub(crate) async fn page(&self) -> Result<String, Error> {
        let token = SecretString::from(self.kept.token.as_str());
        let path = format!("{ROOT}/browser");
        let sent = self.http.send(HttpRequest {
            token: Some(&token),
            ..HttpRequest::post(&path)
        });
        let (status, bytes) = sent.await?;
        let opened: PageOpened = self.http.document(status, &bytes)?;
        let is_there = opened.url.starts_with(&format!("{}/", self.http.origin()));
        is_there.then_some(opened.url).ok_or(Error::Garbled {
            origin: self.http.origin().to_owned(),
            status,
        })
    }

    /// Ends the session that is kept, if there is one, and forgets it.
    pub(crate) async fn end(env: &Env, http: &Http, key: &str) -> Result<(), Error> {
        let Some(kept) = sessions::kept(env, http.origin(), key) else {
            return Ok(());
        };
        sessions::forget(env, http.origin(), key);
        let token = SecretString::from(kept.token.as_str());
        log_out(http, &token).await
    }
}

/// Proves a key to a server, and begins a session.
async fn log_in(http: &Http, identity: &Identity) -> Result<LoginDone, Error> {
    let key = identity.recipient().to_string();
    let begin = LoginBegin { key: key.clone() };
    let question: LoginQuestion = http.post("/login/challenge", &begin).await?;
    let opened = Challenge::open(question.sealed.as_bytes(), identity, http.origin())?;
    let answer = LoginAnswer {
        answer: opened.answer(&question.id),
        signature: String::new(),
        key,
        id: question.id,
        until: question.until,
    };
    http.post("/login", &answer).await
}

/// The same with a key in an agent, which signs: what it signs is made here, of the address that was typed.
async fn sign_in(http: &Http, agent: &Agent, key: &Recipient) -> Result<LoginDone, Error> {
    let begin = LoginBegin {
        key: key.to_string(),
    };
    let question: LoginQuestion = http.post("/login/challenge", &begin).await?;
    let text = challenge::signed_text(http.origin(), &question.text);
    let namespace = challenge::namespace(http.origin());
    let answer = LoginAnswer {
        signature: agent.sign(key, &namespace, &text).await?,
        answer: String::new(),
        key: begin.key,
        id: question.id,
        until: question.until,
    };
    http.post("/login", &answer).await
}

/// Has a person agree at the issuer, with whatever browser, and begins a session.
async fn agree(http: &Http, say: &(dyn Fn(&str) + Sync)) -> Result<LoginDone, Error> {
    let question: DeviceQuestion = http.post("/login/device", &serde_json::json!({})).await?;
    let place = question.verification_uri_complete.as_ref();
    let place = clean(place.unwrap_or(&question.verification_uri));
    let code = clean(&question.user_code);
    say(&format!(
        "Open {place} in a browser, and see that it shows the code {code}."
    ));
    let mut rest = Duration::from_secs(question.interval.clamp(1, 60));
    let body = serde_json::to_value(DeviceAnswer {
        device_code: question.device_code,
    });
    let body = body.unwrap_or_default();
    let until = tokio::time::Instant::now() + Duration::from_secs(question.expires_in.min(3600));
    let path = format!("{ROOT}/login/device/agreed");
    loop {
        tokio::time::sleep(rest).await;
        let sent = http.send(HttpRequest {
            body: Some(&body),
            ..HttpRequest::post(&path)
        });
        let (status, bytes) = sent.await?;
        if status == 200 {
            return http.document(status, &bytes);
        }
        let refused = http.refused(status, &bytes);
        // Not yet, or too often.
        match &refused {
            Error::Refused { exit: 6, what, .. } if what != "slow_down" => {}
            Error::Refused { exit: 6, .. } => rest += SLOW_DOWN,
            _ if status == 429 => rest += SLOW_DOWN,
            _ => return Err(refused),
        }
        if tokio::time::Instant::now() >= until {
            return Err(Error::Over {
                origin: http.origin().to_owned(),
                login: format!("kubegrant login {} --oidc", http.origin()),
            });
        }
    }
}

/// Ends a session.
async fn log_out(http: &Http, token: &SecretString) -> Result<(), Error> {
    let path = format!("{ROOT}/logout");
    let sent = http.send(HttpRequest {
        token: Some(token),
        ..HttpRequest::post(&path)
    });
    sent.await.map(drop)
}

/// Has a server carry a command out; nothing where the session is over.
async fn call(
    http: &Http,
    token: &SecretString,
    request: &Request,
) -> Result<Option<Answer>, Error> {
    let (path, rest) = path(request);
    let in_query = matches!(request.route.method, Method::Get | Method::Delete);
    let mut query = vec![("output".to_owned(), request.format.clone())];
    if in_query {
        for (name, value) in &rest {
            let values = match value {
                Value::Array(all) => all.iter().collect(),
                one => vec![one],
            };
            query.extend(values.into_iter().map(|it| (name.clone(), text(it))));
        }
    }
    let query: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("{name}={}", percent_encoded(value)))
        .collect();
    let target = format!("{ROOT}{path}?{}", query.join("&"));
    let terminal = request.terminal.to_string();
    let headers = [("accept", RUN_TYPE), (TERMINAL_HEADER, terminal.as_str())];
    let body = (!in_query).then(|| Value::Object(rest));
    let asked = HttpRequest {
        method: request.route.method,
        target: &target,
        token: Some(token),
        headers: &headers,
        body: body.as_ref(),
    };
    let (status, bytes) = http.send(asked).await?;
    if status == 401 {
        return Ok(None);
    }
    http.document(status, &bytes).map(Some)
}

/// The path of a request, and the arguments that are not in it.
fn path(request: &Request) -> (String, Map<String, Value>) {
    let mut rest = request.fields.clone();
    let mut path = request.route.path.to_owned();
    for name in in_path(request.route.path) {
        let value = rest.remove(name).unwrap_or_default();
        path = path.replace(&format!("{{{name}}}"), &percent_encoded(&text(&value)));
    }
    (path, rest)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ROUTES;

    #[test]
    fn no_value_leads_to_another_path() {
        let route = ROUTES.iter().find(|it| it.verb == ["access", "revoke"]);
        let mut fields = Map::new();
        fields.insert("cluster".to_owned(), "../../logout".into());
        fields.insert("user".to_owned(), "a/b?c#d e%2f".into());
        fields.insert("yes".to_owned(), true.into());
        let (path, rest) = path(&Request {
            route: route.expect("a route"),
            fields,
            format: "json".to_owned(),
            terminal: Terminal::default(),
        });
        assert_eq!(
            path,
            "/clusters/..%2F..%2Flogout/access/a%2Fb%3Fc%23d%20e%252f"
        );
        assert_eq!(rest.len(), 1);
    }
}
