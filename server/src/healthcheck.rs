//! `memoryvault-server healthcheck`: asks the server that listens on this machine whether it is well, so that a
//! container needs no other program for it.
//!
//! With TLS the certificate it shows must be the configured one; names and dates are not this check's business.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::config::TlsFiles;
use crate::limit;
use crate::listen::tls::{self, TlsError};

/// Why the server is not well.
#[derive(Debug, thiserror::Error)]
pub enum NotHealthy {
    /// Nothing answers.
    #[error("{address} does not answer")]
    NoAnswer {
        /// What was tried.
        address: SocketAddr,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// It took too long.
    #[error("{0} did not answer in time")]
    TimedOut(SocketAddr),
    /// It answers that it is not.
    #[error("the server answers {0:?}")]
    Answer(String),
    /// The certificate could not be read.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Asks `GET /healthz` of the server that listens on `listen`.
///
/// # Errors
/// [`NotHealthy`] unless it answers 200.
pub async fn check(listen: SocketAddr, tls: Option<&TlsFiles>) -> Result<(), NotHealthy> {
    let address = reachable(listen);
    match tokio::time::timeout(limit::HANDSHAKE, ask(address, tls)).await {
        Ok(asked) => asked,
        Err(_) => Err(NotHealthy::TimedOut(address)),
    }
}

async fn ask(address: SocketAddr, tls: Option<&TlsFiles>) -> Result<(), NotHealthy> {
    let no_answer = |source| NotHealthy::NoAnswer { address, source };
    let socket = TcpStream::connect(address).await.map_err(no_answer)?;
    let answer = match tls {
        None => talk(socket).await,
        Some(files) => {
            let connector = connector(files)?;
            let name = ServerName::IpAddress(address.ip().into());
            match connector.connect(name, socket).await {
                Ok(socket) => talk(socket).await,
                Err(error) => Err(error),
            }
        }
    };
    let answer = answer.map_err(no_answer)?;
    let status = answer.lines().next().unwrap_or_default();
    match status.split(' ').nth(1) {
        Some("200") => Ok(()),
        _ => Err(NotHealthy::Answer(status.to_owned())),
    }
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(mut socket: S) -> io::Result<String> {
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    socket.write_all(request).await?;
    socket.flush().await?;
    let mut answer = Vec::new();
    let mut buffer = [0; 512];
    // The status line is all that counts; how the connection ends does not.
    while answer.len() < 4096 && !answer.contains(&b'\n') {
        match socket.read(&mut buffer).await? {
            0 => break,
            read => answer.extend(buffer.iter().take(read)),
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// A listener on all addresses is asked on loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn connector(files: &TlsFiles) -> Result<tokio_rustls::TlsConnector, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let expected = tls::chain(&files.cert)?
        .into_iter()
        .next()
        .ok_or_else(|| TlsError::NoCertificate(files.cert.clone()))?;
    let verifier = Arc::new(Expected {
        certificate: expected,
        provider: Arc::clone(&provider),
    });
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(tokio_rustls::TlsConnector::from(Arc::new(config)))
}

/// Takes exactly one certificate.
#[derive(Debug)]
struct Expected {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Expected {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *end_entity == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
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
    fn all_addresses_are_asked_on_loopback() {
        for (listen, asked) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("192.0.2.7:80", "192.0.2.7:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()), asked.parse().unwrap());
        }
    }
}
