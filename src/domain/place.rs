//! Where a store is: a file, or a PostgreSQL database at an address such as
//! `postgres://kubegrant@db.example.com/kubegrant`.
//!
//! The address is parsed here, as its `sslmode` decides who can read and forge what is on the way, and
//! libraries differ in what they take: see libpq's documentation of connection strings.

use std::fmt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// The port of PostgreSQL.
const PORT: u16 = 5432;

/// Where a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// A file of this machine.
    File(PathBuf),
    /// A database.
    Database(Box<Database>),
}

impl Place {
    /// Whether a text is the address of a database, not a file's name: whatever begins like one, also of
    /// a kind that is not known here. A password may stand in it, which no file's name is taken to have.
    pub(crate) fn is_address(text: &str) -> bool {
        text.split_once("://").is_some_and(|(scheme, _)| {
            let scheme = scheme.trim_start();
            !scheme.is_empty() && scheme.chars().all(|it| it.is_ascii_alphanumeric())
        })
    }

    /// The file, if it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Database(_) => None,
        }
    }

    /// Whether a store may be there: of a database that is named it is for sure.
    pub(crate) fn may_be_there(&self) -> bool {
        self.file()
            .is_none_or(|path| !matches!(path.try_exists(), Ok(false)))
    }

    /// Whether what goes over the network can be read or forged on the way.
    pub(crate) fn is_insecure(&self) -> bool {
        match self {
            Self::File(_) => false,
            Self::Database(database) => database.is_insecure(),
        }
    }

    /// It as it is shown, without a password.
    pub(crate) fn shown(&self) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Database(database) => PathBuf::from(database.to_string()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown().display().fmt(f)
    }
}

/// How much of the way to a database is protected; the words are libpq's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SslMode {
    /// Not at all.
    Disable,
    /// Encrypted, to whoever answers.
    Require,
    /// Encrypted, to anybody with a certificate of the right authority.
    VerifyCa,
    /// Encrypted, to the very server.
    VerifyFull,
}

impl SslMode {
    /// The word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// A password, which is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password(Zeroizing<String>);

impl Password {
    /// Keeps a password.
    pub(crate) fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// It, for the database alone.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A PostgreSQL database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Database {
    /// The server's name or address, or the folder of its socket.
    pub(crate) host: String,
    /// The port.
    pub(crate) port: u16,
    /// The role.
    pub(crate) user: String,
    /// Its password, where one was given.
    pub(crate) password: Option<Password>,
    /// The database.
    pub(crate) name: String,
    /// How much of the way is protected.
    pub(crate) mode: SslMode,
    /// The authority that the server's certificate is of; without one, those that this machine trusts.
    pub(crate) root: Option<PathBuf>,
    /// A certificate to log in with, and its key.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
    /// Where passwords stand.
    pub(crate) passfile: Option<PathBuf>,
}

/// Why an address is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressError {
    /// A part is missing.
    #[error("the address of the store names no {0}: write postgres://ROLE@HOST/DATABASE")]
    Missing(&'static str),
    /// It leads to something else.
    #[error("the store is a file, or at an address that begins with postgres://")]
    Scheme,
    /// A part is no text.
    #[error("the address of the store is not well formed at its {0}")]
    Malformed(&'static str),
    /// A parameter that nobody knows.
    #[error("the address of the store has the unknown parameter '{0}'")]
    Unknown(String),
    /// A parameter that has no such value.
    #[error("sslmode is disable, require, verify-ca or verify-full, not '{0}'")]
    Mode(String),
    /// A certificate without its key, or the other way round.
    #[error("sslcert and sslkey go together")]
    HalfACertificate,
    /// What goes over the network would be open.
    #[error(
        "sslmode={0} lets somebody on the way read and forge what is in the store: use \
         verify-full, or say --insecure-store"
    )]
    Insecure(&'static str),
}

impl Database {
    /// Parses an address. What is weaker than `verify-full` is refused over a network, unless `insecure`
    /// says that somebody wants it so.
    pub(crate) fn parse(text: &str, insecure: bool) -> Result<Self, AddressError> {
        let (scheme, rest) = text.split_once("://").ok_or(AddressError::Scheme)?;
        if !["postgres", "postgresql"].contains(&scheme.to_ascii_lowercase().as_str()) {
            return Err(AddressError::Scheme);
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, name) = rest.split_once('/').unwrap_or((rest, ""));
        // Else a part of it would pass for something that may be shown.
        if name.contains('@') || query.contains('@') {
            return Err(AddressError::Malformed(
                "password, in which `/`, `?` and `@` are written %2F, %3F and %40",
            ));
        }
        let (login, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(decode(password, "password")?)),
            None => (login, None),
        };
        let (host, port) = host_and_port(place)?;
        let mut database = Self {
            host: decode(host, "host")?,
            port,
            user: decode(user, "role")?,
            password: password.map(Password::new),
            name: decode(name, "database")?,
            mode: SslMode::VerifyFull,
            root: None,
            certificate: None,
            passfile: None,
        };
        database.read_parameters(query)?;
        if database.user.is_empty() {
            return Err(AddressError::Missing("role"));
        }
        if database.host.is_empty() {
            return Err(AddressError::Missing("host"));
        }
        if database.name.is_empty() {
            return Err(AddressError::Missing("database"));
        }
        if !insecure && !database.is_local() && database.mode != SslMode::VerifyFull {
            return Err(AddressError::Insecure(database.mode.as_str()));
        }
        Ok(database)
    }

    fn read_parameters(&mut self, query: &str) -> Result<(), AddressError> {
        let (mut certificate, mut key) = (None, None);
        let mut mode = None;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(value, "parameters")?;
            match name {
                "host" => self.host = value,
                "port" => self.port = port_of(&value)?,
                "user" => self.user = value,
                "dbname" => self.name = value,
                "password" => self.password = Some(Password::new(value)),
                "sslmode" => {
                    mode = Some(match value.as_str() {
                        "disable" => SslMode::Disable,
                        // Whoever is on the way chooses: no better than nothing, and not done.
                        "require" => SslMode::Require,
                        "verify-ca" => SslMode::VerifyCa,
                        "verify-full" => SslMode::VerifyFull,
                        _ => return Err(AddressError::Mode(value)),
                    });
                }
                "sslrootcert" if value == "system" => self.root = None,
                "sslrootcert" => self.root = Some(value.into()),
                "sslcert" => certificate = Some(value.into()),
                "sslkey" => key = Some(value.into()),
                "passfile" => self.passfile = Some(value.into()),
                "application_name" | "connect_timeout" | "target_session_attrs" => {}
                _ => return Err(AddressError::Unknown(name.to_owned())),
            }
        }
        self.certificate = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(AddressError::HalfACertificate),
        };
        // A socket is this machine's own.
        let default = if self.is_local() {
            SslMode::Disable
        } else {
            SslMode::VerifyFull
        };
        self.mode = mode.unwrap_or(default);
        Ok(())
    }

    /// Whether it is reached over a socket of this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.host.starts_with('/')
    }

    /// Whether what goes over the network can be read or forged on the way.
    pub(crate) fn is_insecure(&self) -> bool {
        !self.is_local() && self.mode != SslMode::VerifyFull
    }

    /// The password that a line of a `.pgpass` has for it; `None` where the line is about another one.
    pub(crate) fn password_of_line(&self, line: &str) -> Option<Password> {
        let mut fields = vec![String::new()];
        let mut letters = line.chars();
        while let Some(letter) = letters.next() {
            if letter == ':' && fields.len() < 5 {
                fields.push(String::new());
                continue;
            }
            let last = fields.last_mut()?;
            match letter {
                '\\' => last.extend(letters.next()),
                letter => last.push(letter),
            }
        }
        let [host, port, name, user, password] = <[String; 5]>::try_from(fields).ok()?;
        let host_here = if self.is_local() {
            "localhost"
        } else {
            &self.host
        };
        let port_here = self.port.to_string();
        let pairs = [
            (host.as_str(), host_here),
            (&port, &port_here),
            (&name, &self.name),
            (&user, &self.user),
        ];
        let is_it = |(said, here): &(&str, &str)| *said == "*" || said == here;
        let is_socket = self.is_local() && host == self.host;
        let fits = pairs.iter().skip(1).all(is_it) && (is_socket || is_it(&pairs[0]));
        (fits && !line.starts_with('#')).then(|| Password::new(password))
    }
}

/// It as it is shown: everything but the password.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://{}@", encode(&self.user))?;
        if self.is_local() {
            write!(f, "/{}?host={}", encode(&self.name), encode(&self.host))?;
            if self.port != PORT {
                write!(f, "&port={}", self.port)?;
            }
        } else {
            if self.host.contains(':') {
                write!(f, "[{}]", self.host)?;
            } else {
                f.write_str(&self.host)?;
            }
            if self.port != PORT {
                write!(f, ":{}", self.port)?;
            }
            write!(f, "/{}", encode(&self.name))?;
            let mut parameters = Vec::new();
            if self.mode != SslMode::VerifyFull {
                parameters.push(format!("sslmode={}", self.mode.as_str()));
            }
            if let Some(root) = &self.root {
                parameters.push(format!("sslrootcert={}", encode(&root.to_string_lossy())));
            }
            if let Some((certificate, key)) = &self.certificate {
                parameters.push(format!(
                    "sslcert={}",
                    encode(&certificate.to_string_lossy())
                ));
                parameters.push(format!("sslkey={}", encode(&key.to_string_lossy())));
            }
            if !parameters.is_empty() {
                write!(f, "?{}", parameters.join("&"))?;
            }
        }
        Ok(())
    }
}

fn port_of(text: &str) -> Result<u16, AddressError> {
    text.parse().map_err(|_| AddressError::Malformed("port"))
}

fn host_and_port(place: &str) -> Result<(&str, u16), AddressError> {
    if let Some(rest) = place.strip_prefix('[') {
        let (host, rest) = rest
            .split_once(']')
            .ok_or(AddressError::Malformed("host"))?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, port_of(port)?)),
            None if rest.is_empty() => Ok((host, PORT)),
            None => Err(AddressError::Malformed("host")),
        };
    }
    match place.split_once(':') {
        Some((host, port)) => Ok((host, port_of(port)?)),
        None => Ok((place, PORT)),
    }
}

/// Reads a part with `%2F` and the like in it.
fn decode(text: &str, part: &'static str) -> Result<String, AddressError> {
    let malformed = || AddressError::Malformed(part);
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || {
            let digit = rest.next().map(char::from)?.to_digit(16)?;
            u8::try_from(digit).ok()
        };
        let (high, low) = (
            digit().ok_or_else(malformed)?,
            digit().ok_or_else(malformed)?,
        );
        bytes.push(high << 4 | low);
    }
    let text = String::from_utf8(bytes).map_err(|_| malformed())?;
    // The protocol ends a text with it.
    if text.contains('\0') {
        return Err(malformed());
    }
    Ok(text)
}

/// [`decode`], undone.
fn encode(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~/".contains(byte);
    let encoded = text.as_bytes().iter().map(|byte| {
        if plain(byte) {
            char::from(*byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    encoded.collect()
}

#[cfg(test)]
mod tests;
