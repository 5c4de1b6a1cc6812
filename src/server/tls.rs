//! The certificate of a server: from files, read again when they are renewed, or one of its own.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::artifact::file::{
    FileError, Overwrite, ensure_private_dir, read_bounded, read_private, write_private,
};

/// The largest file that is read, in bytes.
const BYTES_MAX: usize = 1024 * 1024;

/// Where a certificate comes from.
#[derive(Debug, Clone)]
pub(crate) enum Certificate {
    /// Two files, as certbot and cert-manager write them.
    Files {
        /// The certificate, and those between it and the root.
        chain: PathBuf,
        /// Its key.
        key: PathBuf,
    },
    /// One that nobody signed, which stays the same in this folder.
    SelfSigned {
        /// Where it lies.
        folder: PathBuf,
        /// The host that it is for.
        host: String,
    },
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    /// A file cannot be read, or is not private.
    #[error("cannot use the certificate")]
    File(#[source] FileError),
    /// A file holds none.
    #[error("there is no {what} in `{}`", path.display())]
    Absent {
        /// What was looked for.
        what: &'static str,
        /// The path.
        path: PathBuf,
    },
    /// The two do not fit, or nobody can use them.
    #[error("the certificate in `{}` and its key cannot be used: {source}", path.display())]
    Unfit {
        /// Of which file.
        path: PathBuf,
        /// The error behind it.
        #[source]
        source: rustls::Error,
    },
    /// None could be made.
    #[error("cannot make a certificate for '{host}'")]
    Make {
        /// For which host.
        host: String,
        /// The error behind it.
        #[source]
        source: rcgen::Error,
    },
}

/// What is shown to those who connect: the latest that could be read.
pub(super) struct Shown {
    source: Certificate,
    now: RwLock<Arc<ServerConfig>>,
}

impl Shown {
    /// Reads a certificate.
    pub(super) fn read(source: &Certificate) -> Result<Self, TlsError> {
        Ok(Self {
            now: RwLock::new(Arc::new(config(source)?)),
            source: source.clone(),
        })
    }

    /// What is shown now.
    pub(super) fn now(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads it again; one that cannot be used changes nothing.
    pub(super) fn renew(&self) -> Result<(), TlsError> {
        let renewed = Arc::new(config(&self.source)?);
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = renewed;
        Ok(())
    }
}

fn config(source: &Certificate) -> Result<ServerConfig, TlsError> {
    let (chain, key) = match source {
        Certificate::Files { chain, key } => (chain.clone(), key.clone()),
        Certificate::SelfSigned { folder, host } => own(folder, host)?,
    };
    let absent = |what, path: &Path| TlsError::Absent {
        what,
        path: path.to_owned(),
    };
    let text = read_bounded(&chain, BYTES_MAX).map_err(TlsError::File)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&text).flatten().collect();
    if certificates.is_empty() {
        return Err(absent("certificate", &chain));
    }
    let text = read_private(&key, BYTES_MAX).map_err(TlsError::File)?;
    let secret = PrivateKeyDer::from_pem_slice(&text).map_err(|_| absent("private key", &key))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let unfit = |source| TlsError::Unfit {
        path: chain.clone(),
        source,
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unfit)?
        .with_no_client_auth()
        .with_single_cert(certificates, secret)
        .map_err(unfit)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// The certificate of one's own, made at the first start: those who trust it once trust it again.
fn own(folder: &Path, host: &str) -> Result<(PathBuf, PathBuf), TlsError> {
    let (chain, key) = (
        folder.join(format!("serve-{host}.crt")),
        folder.join(format!("serve-{host}.key")),
    );
    let is_there = |path: &Path| matches!(path.try_exists(), Ok(true));
    if is_there(&chain) && is_there(&key) {
        return Ok((chain, key));
    }
    ensure_private_dir(folder).map_err(TlsError::File)?;
    let failed = |source| TlsError::Make {
        host: host.to_owned(),
        source,
    };
    let made = rcgen::generate_simple_self_signed(vec![host.to_owned()]).map_err(failed)?;
    let secret = zeroize::Zeroizing::new(made.signing_key.serialize_pem());
    let put = |path: &Path, text: &str| {
        write_private(path, text.as_bytes(), Overwrite::Force).map_err(TlsError::File)
    };
    put(&key, &secret)?;
    put(&chain, &made.cert.pem())?;
    Ok((chain, key))
}
