//! Whom a device trusts on the network: one rustls configuration for REST and WebSocket alike. Either the platform's
//! certificates, or exactly those of one file (`--ca`) that the person chose for their own server.

use std::error::Error;
use std::sync::Arc;
use std::{fmt, io};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

/// Why no trust could be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The text given as `--ca` holds no certificate in PEM form.
    #[error("the file holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// The platform has no certificates to trust.
    #[error(
        "this system has no trusted certificates (package ca-certificates); name your server's own with --ca FILE"
    )]
    NoRoots,
    /// rustls refused the set-up.
    #[error("TLS could not be set up")]
    Setup(#[source] rustls::Error),
}

/// Builds the configuration of every encrypted connection: TLS 1.3, HTTP/1.1. With `ca_pem` only its certificates are
/// trusted, as authorities or, byte for byte, as the server's own.
///
/// # Errors
/// When no certificate is found to trust, see [`TlsError`].
pub fn client_config(ca_pem: Option<&str>) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(TlsError::Setup)?;
    let mut config = match ca_pem {
        None => builder
            .with_root_certificates(platform_roots()?)
            .with_no_client_auth(),
        Some(pem) => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(ChosenCertificates::new(pem, provider)?))
            .with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Says in plain words why a server's certificate was not trusted; none when an error is about something else.
pub(crate) fn distrust(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(rustls::Error::InvalidCertificate(why)) = error.downcast_ref() {
            return Some(words_for(why));
        }
        // An `io::Error` that carries another error shows it but does not count it as its source.
        next = match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

fn words_for(why: &CertificateError) -> &'static str {
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet (is this device's clock right?)"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name"
        }
        CertificateError::Revoked => "its certificate was revoked",
        CertificateError::UnknownIssuer => {
            "its certificate is from an issuer that is not trusted here"
        }
        _ => "its certificate is not trusted here",
    }
}

fn platform_roots() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let (added, _) =
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if added == 0 {
        Err(TlsError::NoRoots)
    } else {
        Ok(roots)
    }
}

/// Trusts the certificates of one file. `openssl req -x509` makes certificates that are an authority and the server's
/// own at once, often without a host name; web rules refuse those, yet the person named exactly these bytes.
struct ChosenCertificates {
    pinned: Vec<CertificateDer<'static>>,
    authorities: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
}

impl ChosenCertificates {
    fn new(pem: &str, provider: Arc<CryptoProvider>) -> Result<Self, TlsError> {
        let pinned: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<_, _>>()
            .map_err(|_| TlsError::NoCertificate)?;
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(pinned.iter().cloned());
        if added == 0 {
            return Err(TlsError::NoCertificate);
        }
        let authorities =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .map_err(|error| TlsError::Setup(rustls::Error::General(error.to_string())))?;
        Ok(Self {
            pinned,
            authorities,
            provider,
        })
    }
}

impl fmt::Debug for ChosenCertificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChosenCertificates")
            .field("pinned", &self.pinned.len())
            .finish_non_exhaustive()
    }
}

impl ServerCertVerifier for ChosenCertificates {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self
            .pinned
            .iter()
            .any(|certificate| certificate.as_ref() == end_entity.as_ref())
        {
            return Ok(ServerCertVerified::assertion());
        }
        self.authorities.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General(
            "only TLS 1.3 is spoken here".to_owned(),
        ))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_refused() {
        for text in [
            "",
            "hello",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            assert!(
                matches!(client_config(Some(text)), Err(TlsError::NoCertificate)),
                "{text:?}"
            );
        }
    }
}
