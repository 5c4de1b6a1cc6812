//! `kubegrant serve`.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::context::Context;
use super::duration;
use super::relay;
use super::run_over;
use crate::api::Answer;
use crate::config::IdentitySource;
use crate::domain::login::Way;
use crate::domain::text::chain;
use crate::env::{Host, Interrupt, Reader};
use crate::error::{Failure, Kind};
use crate::ops::login::Authenticator;
use crate::server::{
    self, Call, Certificate, Log, Oidc, Options, Run, Runtime, ServerState, Timer,
};
use crate::session::App;

/// The largest file about OpenID issuers that is read, in bytes.
const OIDC_BYTES_MAX: usize = 1024 * 1024;

/// Let developers serve themselves: an API over HTTPS, beside the store
///
/// Whoever logs in with their key (`kubegrant login URL`) downloads, rotates and sees what is theirs, within the
/// same rules. The identity must be of a user with the role `server`: it acts for those who log in, has no rights
/// itself, and opens what is sealed to it on clusters with `cluster set --self-service on`: the issuer's login,
/// never the manager's. Stops at SIGTERM and Ctrl-C when those who are being answered have their answers; reads
/// the certificate again at SIGHUP.
#[derive(clap::Args, Debug)]
#[command(group = clap::ArgGroup::new("proof").required(true).args(
    ["tls_cert", "self_signed", "behind_proxy"]
))]
#[command(after_long_help = "Examples:\n  \
    kubegrant user add desk --role server --key desk.pub\n  \
    kubegrant cluster set prod --self-service on\n  \
    kubegrant serve --identity desk --listen 0.0.0.0:8443 --public-url https://kg.example.net \
    --tls-cert tls.crt --tls-key tls.key --reconcile-every 1m\n  \
    kubegrant serve --identity desk --listen 127.0.0.1:8080 --public-url https://kg.example.net \
    --behind-proxy --trusted-proxy 127.0.0.1")]
pub(crate) struct ServeArgs {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// The address that people know it by: `https://HOST[:PORT]`
    #[arg(long, value_name = "URL", value_parser = origin)]
    public_url: String,
    /// The certificate, with those between it and its root, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Make a certificate that nobody signed, and keep it: its place is said, for `login --ca-file`
    #[arg(long)]
    self_signed: bool,
    /// Listen without TLS, for a proxy on this machine that has it
    #[arg(long)]
    behind_proxy: bool,
    /// Believe a proxy at this address from where requests come (X-Forwarded-For); may be repeated
    #[arg(
        hide_short_help = true,
        long,
        value_name = "ADDRESS",
        requires = "behind_proxy"
    )]
    trusted_proxy: Vec<IpAddr>,
    /// What proves this server to the OpenID issuer of the organization (`organization set-oidc`), in a file
    #[arg(hide_short_help = true, long, value_name = "FILE")]
    oidc_client_secret_file: Option<PathBuf>,
    /// Trust these authorities for OpenID issuers, in the place of the system's
    #[arg(hide_short_help = true, long, value_name = "FILE")]
    oidc_ca_file: Option<PathBuf>,
    /// Run `reconcile` so often, on clusters with self-service: grants end by themselves then
    #[arg(long, value_name = "DURATION", value_parser = every)]
    reconcile_every: Option<Duration>,
    /// Where to answer /healthz, /readyz and /metrics, without TLS: an address of this machine
    #[arg(hide_short_help = true, long, value_name = "ADDRESS:PORT")]
    metrics_listen: Option<SocketAddr>,
}

/// Reads the address that people know a server by; gives it without a slash at its end.
pub(crate) fn origin(text: &str) -> Result<String, String> {
    let text = text.trim_end_matches('/');
    let wrong = "it is `https://HOST` or `https://HOST:PORT`";
    let (scheme, rest) = text.split_once("://").ok_or(wrong)?;
    let authority: http::uri::Authority = rest.parse().map_err(|_| wrong)?;
    let host = authority
        .host()
        .trim_matches(['[', ']'])
        .to_ascii_lowercase();
    let is_name = host.split('.').all(|label| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty() && label.chars().all(is_plain)
    });
    let is_address = host.parse::<std::net::Ipv6Addr>().is_ok();
    let port = authority.port_u16();
    let has_port = rest.rsplit(']').next().is_some_and(|end| end.contains(':'));
    if !(is_name || is_address) || rest.contains('@') || (has_port && port.is_none()) {
        return Err(wrong.to_owned());
    }
    match scheme {
        // As browsers write it.
        "https" => {
            let host = if is_address {
                format!("[{host}]")
            } else {
                host
            };
            let port = port.filter(|port| *port != 443);
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            Ok(format!("https://{host}{port}"))
        }
        "http" => {
            Err("it must begin with https://: files and sessions would go in the open".to_owned())
        }
        _ => Err(wrong.to_owned()),
    }
}

fn usage(text: &str, hint: &str) -> Failure {
    Failure::description(Kind::Usage, text, hint)
}

impl ServeArgs {
    fn certificate(&self, context: &Context<'_>) -> Result<Option<Certificate>, Failure> {
        let env = &context.session.workspace.env;
        let here = |path: &PathBuf| env.current_dir.join(path);
        if self.behind_proxy {
            if !self.listen.ip().is_loopback() {
                return Err(usage(
                    "without TLS it listens on this machine alone",
                    "name an address such as 127.0.0.1:8080 with `--listen`",
                ));
            }
            return Ok(None);
        }
        if let (Some(chain), Some(key)) = (&self.tls_cert, &self.tls_key) {
            return Ok(Some(Certificate::Files {
                chain: here(chain),
                key: here(key),
            }));
        }
        let host = crate::domain::cluster::host_of(&self.public_url).unwrap_or_default();
        let folder = env.state_dir().ok_or_else(|| {
            usage(
                "there is no place for a certificate of its own",
                "set HOME, or name one with `--tls-cert FILE --tls-key FILE`",
            )
        })?;
        Ok(Some(Certificate::SelfSigned {
            folder,
            host: host.to_owned(),
        }))
    }
}

impl ServeArgs {
    /// How OpenID issuers are asked.
    fn oidc(&self, context: &Context<'_>) -> Result<Oidc, Failure> {
        let workspace = &context.session.workspace;
        let ca = self.oidc_ca_file.as_ref();
        let ca = ca.map(|path| workspace.read_given(path, OIDC_BYTES_MAX));
        let ca = ca.transpose().map_err(crate::ops::Error::from)?;
        let secret = self.oidc_client_secret_file.as_ref();
        let secret = secret.map(|path| workspace.read_given_private(path, OIDC_BYTES_MAX));
        let secret = secret.transpose().map_err(crate::ops::Error::from)?;
        let ca = ca.as_ref().map(|given| given.bytes.as_slice());
        let none = |what: &str, hint: &str| usage(what, hint);
        if secret.as_ref().is_some_and(|it| it.trim_ascii().is_empty()) {
            return Err(none("the file of the client secret is empty", ""));
        }
        let secret = match &secret {
            None => None,
            Some(secret) => {
                let provider = crate::ops::login::provider(context.session.app().as_ref())?;
                let provider = provider.ok_or_else(|| {
                    none(
                        "a client secret is given, and the organization has no OpenID issuer",
                        "an owner names it: `kubegrant organization set-oidc --issuer URL --client-id ID`",
                    )
                })?;
                Some((provider, secret.as_slice()))
            }
        };
        Ok(Oidc::new(ca, secret, &workspace.env)?)
    }
}

pub(crate) async fn run(args: ServeArgs, context: &mut Context<'_>) -> Result<(), Failure> {
    let certificate = args.certificate(context)?;
    if args.metrics_listen.is_some_and(|it| !it.ip().is_loopback()) {
        return Err(usage(
            "what it says of itself is for this machine alone",
            "name an address such as 127.0.0.1:9443 with `--metrics-listen`",
        ));
    }
    let session = context.session;
    let authenticator = Authenticator::open(session, &args.public_url)?;
    let options = Options {
        public_url: args.public_url.clone(),
        listen: args.listen,
        certificate,
        trusted_proxies: args.trusted_proxy.clone(),
        metrics: args.metrics_listen,
        reconcile: args.reconcile_every.map(|every| Timer {
            every,
            run: reconciler(
                session.app(),
                &session.config,
                session.workspace.env.interrupt.clone(),
            ),
        }),
    };
    let say = context.output.sayer();
    let log: Log = Arc::new(move |line: &str| say(line));
    let oidc = args.oidc(context)?;
    let env = &session.workspace.env;
    if let Some(Certificate::SelfSigned { folder, host }) = &options.certificate {
        let place = folder.join(format!("serve-{host}.crt"));
        context.output.hint(&format!(
            "its certificate is `{}`: give it to people, who log in with `kubegrant login {} --ca-file FILE`",
            place.display(),
            args.public_url
        ));
    }
    let runner = runner(session.app(), &session.config);
    let server = ServerState::new(
        authenticator,
        session.app(),
        Runtime {
            host: Host::of(env),
            run: runner,
            log,
            interrupt: env.interrupt.clone(),
        },
        oidc,
    );
    server::serve(Arc::new(server), &options).await?;
    context.output.status("Stopped.");
    Ok(())
}

/// How often something is done: not oftener than each second.
fn every(text: &str) -> Result<Duration, String> {
    let every = duration::parse(text).map_err(|error| error.to_string())?;
    let every = every.to_std().map_err(|error| error.to_string())?;
    if every < Duration::from_secs(1) {
        return Err("at least 1s: each asks every cluster".to_owned());
    }
    Ok(every)
}

/// Reconciles as the server itself would; says what it did.
fn reconciler(
    app: Arc<App>,
    config: &crate::config::Config,
    interrupt: Interrupt,
) -> server::Reconcile {
    let own = own(config);
    Arc::new(move |host: &Host| {
        let reader = Reader {
            interrupt: Some(interrupt.clone()),
            ..Reader::default()
        };
        let (env, said) = host.env(reader);
        let line = ["kubegrant", "reconcile", "--quiet"].map(OsString::from);
        let line: Vec<OsString> = line.into_iter().chain(own.iter().cloned()).collect();
        let exit = run_over(Some(&app), &line, env);
        let words = String::from_utf8_lossy(&said.take_stderr()).into_owned();
        (exit, words)
    })
}

/// What every command line of this process names: its store, and its identity.
fn own(config: &crate::config::Config) -> Vec<OsString> {
    let shown = config.store.shown();
    let mut own = vec![joined("--store=", shown.as_os_str())];
    if config.store.is_insecure() {
        own.push("--insecure-store".into());
    }
    if let IdentitySource::File(path) = &config.identity {
        own.push(joined("--identity=", path.as_os_str()));
    }
    own
}

/// Carries commands out as this process would: with its store and its identity.
fn runner(app: Arc<App>, config: &crate::config::Config) -> Run {
    let mut places = vec![(config.store.to_string(), "store.db")];
    if let IdentitySource::File(path) = &config.identity {
        places.push((path.display().to_string(), "identity"));
    }
    let own = own(config);
    Arc::new(move |host: &Host, call: &Call| {
        let args = match relay::to_args(call.route, &call.fields) {
            Ok(args) => args,
            Err(error) => {
                return Answer {
                    exit: Kind::Usage.code(),
                    stdout: String::new(),
                    stderr: format!("error: {}\n", chain(&error)),
                    file: String::new(),
                    question: None,
                };
            }
        };
        let color = if call.terminal.colored {
            "always"
        } else {
            "never"
        };
        let first = ["kubegrant".to_owned(), format!("--as={}", call.user)];
        let shape = [
            format!("--output={}", call.format),
            format!("--color={color}"),
        ];
        let quiet = call.terminal.quiet.then(|| "--quiet".to_owned());
        let ours = first
            .into_iter()
            .chain(shape)
            .chain(quiet)
            .map(OsString::from);
        let line: Vec<OsString> = ours.chain(own.iter().cloned()).chain(args).collect();
        let (env, said) = host.env(Reader {
            columns: call.terminal.columns,
            opens_nothing: call.way.is_some_and(Way::opens_nothing),
            sitting: call.sitting.clone(),
            interrupt: None,
        });
        let exit = run_over(Some(&app), &line, env);
        // Where things are on this machine is nobody's matter who is not here.
        let text = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let hide = |text: String, (path, word): &(String, &str)| text.replace(path, word);
            places.iter().fold(text, hide)
        };
        Answer {
            exit,
            stdout: text(&said.take_stdout()),
            stderr: text(&said.take_stderr()),
            file: text(&said.take_handed()),
            question: said.take_question(),
        }
    })
}

fn joined(flag: &str, value: &std::ffi::OsStr) -> OsString {
    let mut text = OsString::from(flag);
    text.push(value);
    text
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn people_know_a_server_by_an_https_address_without_a_path() {
        assert_eq!(
            origin("https://KG.example/"),
            Ok("https://kg.example".to_owned())
        );
        assert_eq!(origin("https://kg:443"), Ok("https://kg".to_owned()));
        assert_eq!(
            origin("https://[::1]:8443"),
            Ok("https://[::1]:8443".to_owned())
        );
        for wrong in [
            "kg.example",
            "http://kg.example",
            "https://",
            "https://a/b",
            "https://u@h",
            "ftp://h",
            "https://..",
            "https://a:b:c:d",
            "https://h:99999",
            "https://h:",
        ] {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }
}
