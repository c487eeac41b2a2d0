//! The address of a sync server: parsed once, at the edge, into what can be connected to. Plain HTTP is refused beyond
//! this machine unless the person insists, because it would show the password and the token to the network.

use std::fmt;
use std::net::IpAddr;

use ureq::http::Uri;
use ureq::http::uri::Scheme;

/// The longest address taken, in bytes; longer ones are a mistake.
const ADDRESS_BYTES_MAX: usize = 2_048;

/// Why a text is no address of a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No `http://` or `https://` address.
    #[error("'{0}' is not a server address like https://sync.example.org or http://127.0.0.1:8080")]
    Malformed(String),
    /// Plain HTTP to another machine.
    #[error("plain http to {0} would show your password and token to the network")]
    Plain(String),
    /// A password inside the address would be stored and shown.
    #[error("an address must not hold a user name or a password; give --user and --password-stdin")]
    Credentials,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    tls: bool,
    host: String,
    port: u16,
    path: String,
}

impl ServerAddress {
    /// Reads an address that a person typed. Plain HTTP beyond this machine needs `plain_allowed`.
    ///
    /// # Errors
    /// When the text is no such address, see [`AddressError`].
    pub fn parse(text: &str, plain_allowed: bool) -> Result<Self, AddressError> {
        let malformed = || AddressError::Malformed(text.chars().take(200).collect());
        if text.len() > ADDRESS_BYTES_MAX {
            return Err(malformed());
        }
        let uri: Uri = text.trim().parse().map_err(|_| malformed())?;
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(malformed()),
        };
        let authority = uri.authority().ok_or_else(malformed)?;
        if authority.as_str().contains('@') {
            return Err(AddressError::Credentials);
        }
        let host = authority.host().to_ascii_lowercase();
        if host.is_empty() || uri.query().is_some() {
            return Err(malformed());
        }
        // `Uri` takes a port that is no number as part of nothing; then it would silently become the default one.
        let port = match authority
            .as_str()
            .get(authority.host().len()..)
            .unwrap_or_default()
        {
            "" => {
                if tls {
                    443
                } else {
                    80
                }
            }
            rest => rest
                .strip_prefix(':')
                .and_then(|port| port.parse().ok())
                .ok_or_else(malformed)?,
        };
        let address = Self {
            tls,
            host,
            port,
            path: uri.path().trim_end_matches('/').to_owned(),
        };
        if !tls && !plain_allowed && !address.is_loopback() {
            return Err(AddressError::Plain(address.host));
        }
        Ok(address)
    }

    /// Says whether the connection is encrypted.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The host as written in the address; an IPv6 one in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host as a resolver or a certificate knows it: without brackets.
    pub fn host_bare(&self) -> &str {
        self.host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(&self.host)
    }

    /// The TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of one REST route, for instance `/v1/usage`.
    pub fn route(&self, route: &str) -> String {
        format!("{self}{route}")
    }

    /// The WebSocket address of the sync route.
    pub fn sync_route(&self) -> String {
        let scheme = if self.tls { "wss" } else { "ws" };
        format!("{scheme}://{}{}/v1/sync", self.authority(), self.path)
    }

    fn authority(&self) -> String {
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }

    fn is_loopback(&self) -> bool {
        let host = self.host_bare();
        host == "localhost"
            || host.ends_with(".localhost")
            || host
                .parse::<IpAddr>()
                .is_ok_and(|address| address.to_canonical().is_loopback())
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_normalised() {
        for (text, expected, sync) in [
            (
                "https://Sync.Example.org/",
                "https://sync.example.org",
                "wss://sync.example.org/v1/sync",
            ),
            (
                "https://a.example:443",
                "https://a.example",
                "wss://a.example/v1/sync",
            ),
            (
                "https://a.example:8443/vault/",
                "https://a.example:8443/vault",
                "wss://a.example:8443/vault/v1/sync",
            ),
            (
                "http://127.0.0.1:9",
                "http://127.0.0.1:9",
                "ws://127.0.0.1:9/v1/sync",
            ),
            ("http://[::1]:9/", "http://[::1]:9", "ws://[::1]:9/v1/sync"),
            (
                "http://localhost",
                "http://localhost",
                "ws://localhost/v1/sync",
            ),
        ] {
            let address = ServerAddress::parse(text, false).unwrap();
            assert_eq!(address.to_string(), expected);
            assert_eq!(address.sync_route(), sync);
            assert_eq!(ServerAddress::parse(expected, false).unwrap(), address);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "sync.example.org",
            "ftp://a",
            "https://",
            "http://a:99999/",
            "https://a:b/",
            "https://a/?q=1",
            "/v1",
        ] {
            assert!(
                matches!(
                    ServerAddress::parse(text, true),
                    Err(AddressError::Malformed(_))
                ),
                "{text:?}"
            );
        }
        assert_eq!(
            ServerAddress::parse("https://ada:secret@a.example", true),
            Err(AddressError::Credentials)
        );
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        for text in [
            "http://a.example",
            "http://192.168.1.5:8080",
            "http://127.0.0.1.example.org",
            "http://[2001:db8::1]",
        ] {
            assert!(
                matches!(
                    ServerAddress::parse(text, false),
                    Err(AddressError::Plain(_))
                ),
                "{text:?}"
            );
            assert!(ServerAddress::parse(text, true).is_ok(), "{text:?}");
        }
        assert!(ServerAddress::parse("http://[::ffff:127.0.0.1]:80", false).is_ok());
    }
}
