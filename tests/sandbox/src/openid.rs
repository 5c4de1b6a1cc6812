//! A small OpenID issuer over TLS on loopback: as much of Core 1.0, Discovery 1.0, RFC 7636 (PKCE) and RFC 8628
//! (devices) as somebody needs who logs in with one. It believes whoever comes to be the person that a test names.

mod http;
mod sign;

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

pub use sign::{Algorithm, Signer};

use http::{Answer, Asked};

/// How long its tokens live, in seconds.
const LIFE: i64 = 300;

/// A code that somebody brings back.
struct Code {
    client: String,
    redirect: String,
    challenge: String,
    nonce: String,
}

struct State {
    url: String,
    signer: Signer,
    /// Seconds since 1970.
    now: i64,
    /// Who whoever comes is.
    person: Option<Value>,
    codes: HashMap<String, Code>,
    /// Whether somebody agreed to what a device shows.
    devices: HashMap<String, bool>,
    /// What a client must show.
    secret: Option<String>,
    /// What every token says instead.
    instead: Value,
    /// What was asked: method and path.
    asked: Vec<String>,
    count: u64,
    /// How long whoever asks for a path waits.
    slow: HashMap<String, Duration>,
    /// The statuses that are answered instead, by path.
    broken: HashMap<String, u16>,
    /// What clients showed to prove themselves.
    shown: Vec<String>,
}

/// An issuer that serves until it is dropped.
pub struct OpenId {
    url: String,
    ca: String,
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OpenId {
    /// Starts one whose clock stands at `now`, in seconds since 1970.
    pub fn start(algorithm: Algorithm, now: i64) -> anyhow::Result<OpenId> {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let url = format!("https://localhost:{}", address.port());
        let key = rustls::pki_types::PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)?;
        let config = Arc::new(config);
        let state = Arc::new(Mutex::new(State {
            url: url.clone(),
            signer: Signer::new(algorithm, "key-1")?,
            now,
            person: None,
            codes: HashMap::new(),
            devices: HashMap::new(),
            secret: None,
            instead: json!({}),
            asked: vec![],
            count: 0,
            slow: HashMap::new(),
            broken: HashMap::new(),
            shown: vec![],
        }));
        let over = Arc::new(AtomicBool::new(false));
        let (shared, stops) = (Arc::clone(&state), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stops.load(Ordering::Relaxed) {
                    break;
                }
                let (config, state) = (Arc::clone(&config), Arc::clone(&shared));
                if let Ok(stream) = stream {
                    std::thread::spawn(move || {
                        // Whoever hangs up gets no answer.
                        let _answered = http::answer(stream, config, |asked| {
                            let slow = lock(&state).slow.get(&asked.path).copied();
                            if let Some(slow) = slow {
                                lock(&state).asked.push(format!("WAITS {}", asked.path));
                                std::thread::sleep(slow);
                            }
                            lock(&state).answer(&asked)
                        });
                    });
                }
            }
        });
        Ok(OpenId {
            url,
            ca: made.cert.pem(),
            address,
            state,
            over,
            thread: Some(thread),
        })
    }

    /// Its address, as its tokens name it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What to trust to reach it, in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca
    }

    /// Has whoever comes be this person; with nothing, it refuses everybody.
    pub fn log_in(&self, claims: Option<Value>) {
        lock(&self.state).person = claims;
    }

    /// Has every token say something else: what is null is not said.
    pub fn lie(&self, instead: Value) {
        lock(&self.state).instead = instead;
    }

    /// Has clients show a secret.
    pub fn demand(&self, secret: &str) {
        lock(&self.state).secret = Some(secret.to_owned());
    }

    /// Sets its clock, in seconds since 1970.
    pub fn set_now(&self, now: i64) {
        lock(&self.state).now = now;
    }

    /// Signs with another key from here on.
    pub fn change_key(&self, algorithm: Algorithm, name: &str) -> anyhow::Result<()> {
        lock(&self.state).signer = Signer::new(algorithm, name)?;
        Ok(())
    }

    /// Has whoever asks for a path wait.
    pub fn slow(&self, path: &str, how_long: Duration) {
        lock(&self.state).slow.insert(path.to_owned(), how_long);
    }

    /// Answers with a status alone.
    pub fn break_path(&self, path: &str, status: u16) {
        lock(&self.state).broken.insert(path.to_owned(), status);
    }

    /// What clients showed to prove themselves.
    pub fn shown(&self) -> Vec<String> {
        lock(&self.state).shown.clone()
    }

    /// Agrees to what a device shows.
    pub fn agree(&self, user_code: &str) -> bool {
        let mut state = lock(&self.state);
        let agreed = state.devices.get_mut(user_code);
        agreed.is_some_and(|it| std::mem::replace(it, true) != *it)
    }

    /// The codes that devices show.
    pub fn user_codes(&self) -> Vec<String> {
        lock(&self.state).devices.keys().cloned().collect()
    }

    /// Makes a token that says this, beside who made it and when.
    pub fn token(&self, audience: &str, claims: &Value) -> String {
        lock(&self.state).token(audience, claims)
    }

    /// Asks it for a page, as the browser of whoever it believes to be there; gives the place that it sends them on
    /// to.
    pub fn visit(&self, path: &str) -> anyhow::Result<String> {
        http::place(self.address, &self.ca, path)
    }

    /// What it was asked so far: methods and paths.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.state).asked.clone()
    }
}

impl Drop for OpenId {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        let _woken = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ended = thread.join();
        }
    }
}

impl State {
    fn token(&self, audience: &str, claims: &Value) -> String {
        let mut said = json!({
            "iss": self.url, "aud": audience, "iat": self.now, "exp": self.now + LIFE,
        });
        for more in [claims, &self.instead] {
            for (name, value) in more.as_object().into_iter().flatten() {
                said[name.as_str()] = value.clone();
            }
        }
        if let Some(said) = said.as_object_mut() {
            said.retain(|_, value| !value.is_null());
        }
        self.signer.sign(&said)
    }

    fn answer(&mut self, asked: &Asked) -> Answer {
        self.asked.push(format!("{} {}", asked.method, asked.path));
        self.count += 1;
        self.shown.extend(asked.authorization.clone());
        if let Some(status) = self.broken.get(&asked.path) {
            return Answer::json(*status, &json!({}));
        }
        let url = &self.url;
        match (asked.method.as_str(), asked.path.as_str()) {
            ("GET", "/.well-known/openid-configuration") => Answer::json(
                200,
                &json!({
                    "issuer": url,
                    "jwks_uri": format!("{url}/keys"),
                    "authorization_endpoint": format!("{url}/authorize"),
                    "token_endpoint": format!("{url}/token"),
                    "device_authorization_endpoint": format!("{url}/device"),
                }),
            ),
            ("GET", "/keys") => Answer::json(200, &json!({"keys": [self.signer.public()]})),
            ("GET", "/authorize") => self.authorize(asked),
            ("POST", "/token") => self.exchange(asked),
            ("POST", "/device") => {
                let user_code = format!("CODE-{}", self.count);
                self.devices.insert(user_code.clone(), false);
                Answer::json(
                    200,
                    &json!({
                        "device_code": format!("device of {user_code}"),
                        "user_code": user_code,
                        "verification_uri": format!("{url}/activate"),
                        "expires_in": 600,
                        "interval": 1,
                    }),
                )
            }
            _ => Answer::json(404, &json!({"error": "not_found"})),
        }
    }

    fn authorize(&mut self, asked: &Asked) -> Answer {
        let of = |name: &str| asked.query.get(name).cloned().unwrap_or_default();
        let (redirect, state, iss) = (of("redirect_uri"), of("state"), &self.url);
        let is_whole = of("response_type") == "code"
            && of("scope").split(' ').any(|it| it == "openid")
            && of("code_challenge_method") == "S256";
        let back = |what: &str| {
            let iss = http::encoded(iss);
            Answer::redirect(&format!(
                "{redirect}?{what}&state={}&iss={iss}",
                http::encoded(&state)
            ))
        };
        if !is_whole {
            return back("error=invalid_request");
        }
        if self.person.is_none() {
            return back("error=access_denied");
        }
        let code = format!("code-{}", self.count);
        let answer = back(&format!("code={code}"));
        self.codes.insert(
            code,
            Code {
                client: of("client_id"),
                redirect: of("redirect_uri"),
                challenge: of("code_challenge"),
                nonce: of("nonce"),
            },
        );
        answer
    }

    fn exchange(&mut self, asked: &Asked) -> Answer {
        let of = |name: &str| asked.form.get(name).cloned().unwrap_or_default();
        let refuse = |code: &str| Answer::json(400, &json!({"error": code}));
        let client = of("client_id");
        if let Some(secret) = &self.secret {
            // RFC 6749, section 2.3.1: each is spelled out before.
            let both = format!("{}:{}", http::encoded(&client), http::encoded(secret));
            let expected = format!("Basic {}", STANDARD.encode(both));
            if asked.authorization.as_deref() != Some(expected.as_str()) {
                return Answer::json(401, &json!({"error": "invalid_client"}));
            }
        }
        let nonce = if of("grant_type") == "authorization_code" {
            // Once.
            let Some(code) = self.codes.remove(&of("code")) else {
                return refuse("invalid_grant");
            };
            let hash = ring::digest::digest(&ring::digest::SHA256, of("code_verifier").as_bytes());
            let is_theirs = code.client == client
                && code.redirect == of("redirect_uri")
                && code.challenge == URL_SAFE_NO_PAD.encode(hash);
            if !is_theirs {
                return refuse("invalid_grant");
            }
            Some(code.nonce)
        } else {
            let device = of("device_code");
            let user_code = device.trim_start_matches("device of ");
            match self.devices.get(user_code) {
                None => return refuse("expired_token"),
                Some(false) => return refuse("authorization_pending"),
                Some(true) => {
                    self.devices.remove(user_code);
                    None
                }
            }
        };
        let Some(mut claims) = self.person.clone() else {
            return refuse("access_denied");
        };
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        let access = format!("access-{}", self.count);
        claims["at_hash"] = json!(self.signer.half_hash(&access));
        let token = self.token(&client, &claims);
        Answer::json(
            200,
            &json!({"id_token": token, "access_token": access, "token_type": "Bearer"}),
        )
    }
}
