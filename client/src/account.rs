//! The account at a sync server, over its REST routes: make one, log a device in and out, list devices, see what is
//! used. Nothing here touches the vault; the command line (and later the local page) carries the answers into it.
//! Where the token rests on the disk is `token`.

mod address;
mod token;
mod transport;

use std::error::Error;
use std::time::Duration;

use domain::BlobHash;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use ureq::http::{Method, Request, Response, StatusCode};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector, TcpConnector};
use ureq::{Agent, Body};

use crate::tls::{self, TlsError};
use transport::TlsConnector;

pub use address::{AddressError, ServerAddress};
pub use token::{Token, TokenError};

/// How long one REST call may take altogether; a login waits for the server's password hash and perhaps its queue.
const CALL_MAX: Duration = Duration::from_secs(30);
/// How long finding and reaching the server may take.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// The largest answer read, in bytes: 32 devices and some words fit many times.
const ANSWER_BYTES_MAX: u64 = 256 * 1024;

/// Why a call to the server gave no answer to work with.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// No encrypted connection can be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The server was not reached, or the connection broke.
    #[error("{server} could not be reached: {reason}")]
    Unreachable {
        /// The address that was tried.
        server: String,
        /// What went wrong, in a few words.
        reason: String,
        /// Whether the server's certificate is not trusted.
        untrusted: bool,
    },
    /// Wrong user name or password, or a token that is no longer valid.
    #[error("{0}")]
    Unauthorized(String),
    /// Too many attempts.
    #[error("{message}")]
    TryLater {
        /// The server's words.
        message: String,
        /// When to try again, in seconds, where the server says so.
        after_seconds: Option<u64>,
    },
    /// The server understood and declined.
    #[error("{message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The server's stable word for the reason, for instance `registration_closed`.
        code: String,
        /// The server's words.
        message: String,
    },
    /// The answer is not that of a MemoryVault server.
    #[error("{server} does not answer like a MemoryVault server ({reason})")]
    Foreign {
        /// The address that answered.
        server: String,
        /// What was unexpected.
        reason: String,
    },
}

/// A new account.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Registered {
    /// The server's id of the account.
    pub account: String,
    /// The id of the vault that all devices of the account share.
    pub vault: String,
}

/// A device that is logged in.
#[derive(Debug, Clone, Deserialize)]
pub struct LoggedIn {
    /// The secret of this device at this server.
    pub token: Token,
    /// The device's id as the server knows it.
    pub device: String,
    /// The id of the vault that all devices of the account share.
    pub vault: String,
}

/// One device of the account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The device's id.
    pub id: String,
    /// The name its person gave it.
    pub name: String,
    /// When it logged in first, Unix milliseconds.
    pub created_at_ms: i64,
    /// When it was last connected, Unix milliseconds.
    pub last_seen_ms: Option<i64>,
    /// Whether it is the one that asks.
    #[serde(default)]
    pub current: bool,
}

/// What the account uses at the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Bytes of pictures and sounds, each counted once.
    pub quota_used_bytes: u64,
    /// How many bytes of pictures and sounds the account may hold.
    pub quota_limit_bytes: u64,
    /// Number of documents.
    #[serde(default)]
    pub documents: u64,
    /// Bytes of documents; they have a limit of their own.
    #[serde(default)]
    pub document_bytes: u64,
    /// Number of pictures and sounds.
    #[serde(default)]
    pub blobs: u64,
    /// Number of devices.
    #[serde(default)]
    pub devices: u64,
}

/// A user name and its password, as given to the server.
#[derive(Clone, Copy, Serialize)]
pub struct Credentials<'a> {
    /// User name.
    pub user: &'a str,
    /// Password.
    pub password: &'a str,
}

/// The REST side of one server.
#[derive(Debug)]
pub struct AccountClient {
    address: ServerAddress,
    agent: Agent,
}

/// What a device says of blobs that no card names any more.
#[derive(Debug, Default, Serialize)]
pub struct UnusedReport {
    /// To go when no device objects.
    pub unused: Vec<BlobHash>,
    /// To go at once.
    pub purged: Vec<BlobHash>,
    /// The last of other devices' words that this one has heard.
    pub seen: u64,
}

/// What other devices have said since.
#[derive(Debug, Deserialize)]
pub struct UnusedNews {
    /// To go when no device objects, or gone.
    pub unused: Vec<BlobHash>,
    /// Gone at once.
    pub purged: Vec<BlobHash>,
    /// The last word.
    pub seen: u64,
    /// There are more.
    pub more: bool,
    /// Days for which the server keeps what is unused.
    pub grace_days: u64,
}

impl AccountClient {
    /// Prepares calls to a server; connects at the first one. `ca_pem` replaces the platform's certificates.
    ///
    /// # Errors
    /// When no encrypted connection can be set up.
    pub fn new(address: ServerAddress, ca_pem: Option<&str>) -> Result<Self, AccountError> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would carry the password to a server that the person did not name.
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("memoryvault/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT_MAX))
            .timeout_global(Some(CALL_MAX))
            .build();
        // Reading the platform's certificates takes a while; plain connections have no use for them.
        let agent = if address.is_tls() {
            let tls = TlsConnector {
                config: tls::client_config(ca_pem)?,
            };
            Agent::with_parts(
                config,
                TcpConnector::default().chain(tls),
                DefaultResolver::default(),
            )
        } else {
            Agent::with_parts(config, TcpConnector::default(), DefaultResolver::default())
        };
        Ok(Self { address, agent })
    }

    /// Makes an account.
    ///
    /// # Errors
    /// When the server is not reached or declines, see [`AccountError`].
    pub fn register(&self, credentials: Credentials<'_>) -> Result<Registered, AccountError> {
        self.call(Method::POST, "/v1/accounts", None, Some(&credentials))
    }

    /// Logs a device in, under the id it has or asks for.
    ///
    /// # Errors
    /// When the server is not reached or declines, see [`AccountError`].
    pub fn log_in(
        &self,
        credentials: Credentials<'_>,
        id: &str,
        name: &str,
    ) -> Result<LoggedIn, AccountError> {
        #[derive(Serialize)]
        struct Body<'a> {
            #[serde(flatten)]
            credentials: Credentials<'a>,
            device: Named<'a>,
        }
        #[derive(Serialize)]
        struct Named<'a> {
            id: &'a str,
            name: &'a str,
        }
        self.call(
            Method::POST,
            "/v1/sessions",
            None,
            Some(&Body {
                credentials,
                device: Named { id, name },
            }),
        )
    }

    /// Lists the account's devices.
    ///
    /// # Errors
    /// When the server is not reached or declines, see [`AccountError`].
    pub fn devices(&self, token: &Token) -> Result<Vec<Device>, AccountError> {
        self.call(Method::GET, "/v1/devices", Some(token), None::<&()>)
    }

    /// Takes a device off the account; its token is worthless from then on.
    ///
    /// # Errors
    /// When the server is not reached or declines, see [`AccountError`].
    pub fn remove_device(&self, token: &Token, id: &str) -> Result<(), AccountError> {
        let route = format!("/v1/devices/{id}");
        self.answer(Method::DELETE, &route, Some(token), None::<&()>)
            .map(|_| ())
    }

    /// Tells what the account uses.
    ///
    /// # Errors
    /// When the server is not reached or declines, see [`AccountError`].
    pub fn usage(&self, token: &Token) -> Result<Usage, AccountError> {
        self.call(Method::GET, "/v1/usage", Some(token), None::<&()>)
    }

    /// Tells which blobs no card names any more, and learns what other devices have said of theirs.
    ///
    /// # Errors
    /// When the server is not reached or declines, see [`AccountError`].
    pub fn report_unused(
        &self,
        token: &Token,
        report: &UnusedReport,
    ) -> Result<UnusedNews, AccountError> {
        self.call(Method::POST, "/v1/blobs/unused", Some(token), Some(report))
    }

    fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        route: &str,
        token: Option<&Token>,
        body: Option<&impl Serialize>,
    ) -> Result<T, AccountError> {
        let bytes = self.answer(method, route, token, body)?;
        serde_json::from_slice(&bytes)
            .map_err(|error| self.foreign(format!("unreadable answer: {error}")))
    }

    /// Makes one call and returns the body of a successful answer.
    fn answer(
        &self,
        method: Method,
        route: &str,
        token: Option<&Token>,
        body: Option<&impl Serialize>,
    ) -> Result<Vec<u8>, AccountError> {
        let mut request = Request::builder()
            .method(method)
            .uri(self.address.route(route));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {}", token.secret()));
        }
        let malformed = |error: ureq::http::Error| self.unreachable(&ureq::Error::Http(error));
        let response = match body {
            Some(body) => {
                let json =
                    serde_json::to_vec(body).map_err(|error| self.foreign(error.to_string()))?;
                let request = request
                    .header("content-type", "application/json")
                    .body(json)
                    .map_err(malformed)?;
                self.agent.run(request)
            }
            None => self.agent.run(request.body(()).map_err(malformed)?),
        };
        let mut response = response.map_err(|error| self.unreachable(&error))?;
        let bytes = response
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES_MAX)
            .read_to_vec()
            .map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() {
            Ok(bytes)
        } else {
            Err(self.declined(&response, &bytes))
        }
    }

    fn declined(&self, response: &Response<Body>, bytes: &[u8]) -> AccountError {
        #[derive(Deserialize)]
        struct Answer {
            error: Words,
        }
        #[derive(Deserialize)]
        struct Words {
            code: String,
            message: String,
        }
        let header = |name: &str| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let status = response.status();
        if let Some(target) = header("location").filter(|_| status.is_redirection()) {
            return self.foreign(format!(
                "it redirects to {target}; use that address if you trust it"
            ));
        }
        let Ok(Answer {
            error: Words { code, message },
        }) = serde_json::from_slice(bytes)
        else {
            return self.foreign(format!("HTTP status {status}"));
        };
        match status {
            StatusCode::UNAUTHORIZED => AccountError::Unauthorized(message),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                AccountError::TryLater {
                    message,
                    after_seconds: header("retry-after").and_then(|seconds| seconds.parse().ok()),
                }
            }
            status => AccountError::Refused {
                status: status.as_u16(),
                code,
                message,
            },
        }
    }

    fn foreign(&self, reason: String) -> AccountError {
        AccountError::Foreign {
            server: self.address.to_string(),
            reason,
        }
    }

    fn unreachable(&self, error: &ureq::Error) -> AccountError {
        let reason = match error {
            ureq::Error::HostNotFound => format!("no host named {}", self.address.host()),
            ureq::Error::Timeout(_) => "no answer in time".to_owned(),
            error => match tls::distrust(error) {
                Some(words) => words.to_owned(),
                None => plain_reason(error),
            },
        };
        let untrusted = reason.contains("certificate");
        AccountError::Unreachable {
            server: self.address.to_string(),
            reason,
            untrusted,
        }
    }
}

fn plain_reason(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => io_reason(error),
        error => innermost(error),
    }
}

/// What a broken connection says to a person.
pub(crate) fn io_reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::ConnectionRefused => {
            "nothing listens there (connection refused)".to_owned()
        }
        std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset => {
            "the connection was closed".to_owned()
        }
        _ => innermost(error),
    }
}

/// The words of the cause that lies deepest: what the system or rustls said, without the layers around it.
pub(crate) fn innermost(error: &(dyn Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    // An `io::Error` that carries another error shows it but does not count it as its source.
    match deepest
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::get_ref)
    {
        Some(inner) => inner.to_string(),
        None => deepest.to_string(),
    }
}
