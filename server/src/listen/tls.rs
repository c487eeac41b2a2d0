//! TLS by rustls: reads the PEM files, speaks HTTP/1.1 only, and takes up a renewed certificate without a restart.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use crate::config::TlsFiles;

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read as PEM.
    #[error("cannot read {path} as PEM: check --tls-cert and --tls-key")]
    Pem {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// The certificate file holds no certificate.
    #[error("{0} holds no certificate")]
    NoCertificate(PathBuf),
    /// Key and certificate do not belong together, or rustls does not take them.
    #[error("certificate and key cannot be used together")]
    Rustls(#[from] rustls::Error),
}

/// TLS settings of the listener.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    certificates: Arc<Certificates>,
    config: Arc<rustls::ServerConfig>,
}

#[derive(Debug)]
struct Certificates {
    files: TlsFiles,
    current: RwLock<Current>,
}

#[derive(Debug)]
struct Current {
    key: Arc<CertifiedKey>,
    stamp: Stamp,
}

type Stamp = (Option<SystemTime>, Option<SystemTime>);

impl Tls {
    /// Reads both files.
    pub(crate) fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let current = Current {
            stamp: stamp(&files),
            key: Arc::new(read(&files, &provider)?),
        };
        let certificates = Arc::new(Certificates {
            files,
            current: RwLock::new(current),
        });
        let resolver = Arc::clone(&certificates) as Arc<dyn ResolvesServerCert>;
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            certificates,
            config: Arc::new(config),
        })
    }

    /// What wraps a socket.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// Takes up changed files; keeps the old certificate when the new ones are not good. Blocking.
    pub(crate) fn reload(&self) -> Result<bool, TlsError> {
        let certificates = &self.certificates;
        let new = stamp(&certificates.files);
        if new == certificates.read().stamp {
            return Ok(false);
        }
        let key = read(&certificates.files, self.config.crypto_provider())?;
        let mut current = certificates
            .current
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *current = Current {
            key: Arc::new(key),
            stamp: new,
        };
        Ok(true)
    }
}

impl Certificates {
    fn read(&self) -> std::sync::RwLockReadGuard<'_, Current> {
        self.current.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.read().key))
    }
}

/// The certificates of a PEM file.
pub(crate) fn chain(path: &std::path::Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = |source| TlsError::Pem {
        path: path.to_owned(),
        source,
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(pem)?
        .collect::<Result<_, _>>()
        .map_err(pem)?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(path.to_owned()));
    }
    Ok(chain)
}

fn read(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|source| TlsError::Pem {
        path: files.key.clone(),
        source,
    })?;
    Ok(CertifiedKey::from_der(chain(&files.cert)?, key, provider)?)
}

fn stamp(files: &TlsFiles) -> Stamp {
    let modified = |path| {
        std::fs::metadata(path)
            .and_then(|file| file.modified())
            .ok()
    };
    (modified(&files.cert), modified(&files.key))
}
