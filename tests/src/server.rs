//! The real `memoryvault-server` on loopback with its own data directory: started, killed, restarted on the same data and port, stopped, administered.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};

use serde_json::Value;
use tempfile::TempDir;

use crate::binary::server_binary;
use crate::process::{Output, Running};

/// How a server is started; the default is open registration and the server's own quota.
#[derive(Debug, Default, Clone)]
pub struct ServerOptions {
    /// `--registration closed`.
    pub registration_closed: bool,
    /// `--quota-bytes`.
    pub quota_bytes: Option<u64>,
    /// `--unused-days`.
    pub unused_days: Option<u32>,
    /// `--clamd`.
    pub clamd: Option<String>,
    /// `--tls-cert` and `--tls-key`.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// The data directory, when it must not be a fresh temporary one.
    pub data: Option<PathBuf>,
    /// `--listen 127.0.0.1:0`, for tests that never restart; else a port below the ephemeral range, which no outgoing connection can take between kill and restart.
    pub any_port: bool,
}

/// What a server answered.
#[derive(Debug)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// All headers, names in small letters.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answered {
    /// A header, empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The body as JSON, null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// A running server; killed when dropped.
#[derive(Debug)]
pub struct Server {
    running: Running,
    options: ServerOptions,
    data: PathBuf,
    address: SocketAddr,
    url: String,
    _directory: Option<TempDir>,
}

impl Server {
    /// Starts a server and waits for its `listening on` line.
    pub fn start(options: ServerOptions) -> Self {
        let directory = options
            .data
            .is_none()
            .then(|| tempfile::tempdir().expect("a temporary directory can be made"));
        let data = match (&options.data, &directory) {
            (Some(given), _) => given.clone(),
            (None, Some(fresh)) => fresh.path().join("data"),
            (None, None) => unreachable!("one of the two exists by construction"),
        };
        let address: SocketAddr = (
            [127, 0, 0, 1],
            if options.any_port { 0 } else { quiet_port() },
        )
            .into();
        let (running, url) = launch(&options, &data, address);
        let address = address_of(&url);
        Self {
            running,
            options,
            data,
            address,
            url,
            _directory: directory,
        }
    }

    /// A server with the default options.
    pub fn new() -> Self {
        Self::start(ServerOptions::default())
    }

    /// `http://127.0.0.1:PORT`, or `https://localhost:PORT` with TLS.
    pub fn url(&self) -> String {
        if self.options.tls.is_some() {
            format!("https://localhost:{}", self.address.port())
        } else {
            self.url.clone()
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.running.kill();
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(&mut self) -> Output {
        self.running.terminate();
        self.running.wait_for_end()
    }

    /// Starts it again on the same data and port (after [`Server::kill`] or [`Server::stop`]).
    pub fn restart(&mut self) {
        let (running, _) = launch(&self.options, &self.data, self.address);
        self.running = running;
    }

    /// Starts it again with other options on the same data and port.
    pub fn restart_with(&mut self, change: impl FnOnce(&mut ServerOptions)) {
        change(&mut self.options);
        self.restart();
    }

    /// Its process id.
    pub fn process_id(&self) -> u32 {
        self.running.id()
    }

    /// True while the process lives.
    pub fn is_alive(&mut self) -> bool {
        self.running.is_alive()
    }

    /// A subcommand on this server's data (`user list`, `user quota NAME BYTES`, ...), whether it runs or not.
    pub fn admin(&self, arguments: &[&str]) -> Output {
        self.admin_with_stdin(arguments, "")
    }

    /// The same, with something on stdin.
    pub fn admin_with_stdin(&self, arguments: &[&str], stdin: &str) -> Output {
        let mut command = Command::new(server_binary());
        command
            .args(arguments)
            .arg("--data")
            .arg(&self.data)
            .env("NO_COLOR", "1");
        Running::start(command, stdin.as_bytes()).finish()
    }

    /// One HTTP request as it stands: what came back, whatever it is.
    #[track_caller]
    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answered {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .build()
            .into();
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body).expect("the request is well formed");
        let mut response = agent
            .run(request)
            .unwrap_or_else(|cause| panic!("{method} {path}: {cause}"));
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or("").to_owned()))
            .collect();
        Answered {
            status: response.status().as_u16(),
            headers,
            body: response
                .body_mut()
                .with_config()
                .limit(32 << 20)
                .read_to_vec()
                .unwrap_or_default(),
        }
    }

    /// One HTTP request with an optional bearer token and JSON body: the status and the JSON answer (null when it is none).
    #[track_caller]
    pub fn http(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .build()
            .into();
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let bytes = body.map(|body| body.to_string()).unwrap_or_default();
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(bytes).expect("the request is well formed");
        let mut response = agent
            .run(request)
            .unwrap_or_else(|cause| panic!("{method} {path}: {cause}"));
        let text = response.body_mut().read_to_string().unwrap_or_default();
        (
            response.status().as_u16(),
            serde_json::from_str(&text).unwrap_or(Value::Null),
        )
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

fn launch(options: &ServerOptions, data: &Path, address: SocketAddr) -> (Running, String) {
    let mut command = Command::new(server_binary());
    command
        .arg("--data")
        .arg(data)
        .arg("--listen")
        .arg(address.to_string())
        .env("NO_COLOR", "1");
    command.args([
        "--registration",
        if options.registration_closed {
            "closed"
        } else {
            "open"
        },
    ]);
    if let Some(bytes) = options.quota_bytes {
        command.arg("--quota-bytes").arg(bytes.to_string());
    }
    if let Some(clamd) = &options.clamd {
        command.arg("--clamd").arg(clamd);
    }
    if let Some(days) = options.unused_days {
        command.arg("--unused-days").arg(days.to_string());
    }
    if let Some((certificate, key)) = &options.tls {
        command
            .arg("--tls-cert")
            .arg(certificate)
            .arg("--tls-key")
            .arg(key);
    }
    let mut running = Running::start_with_open_stdout(&mut command, b"");
    let Some(line) = running.line() else {
        panic!("the server said nothing: {:?}", running.finish());
    };
    let Some(url) = line.strip_prefix("listening on ") else {
        panic!("the first line is {line:?}");
    };
    let url = url.to_owned();
    running.collect_stdout();
    (running, url)
}

fn address_of(url: &str) -> SocketAddr {
    let host = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
        .unwrap_or_else(|| panic!("{url:?} is no URL"));
    host.parse()
        .unwrap_or_else(|cause| panic!("{url:?}: {cause}"))
}

/// A free port below the kernel's ephemeral range (32 768 and up), different for each caller of this process.
fn quiet_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let spread = u16::try_from(std::process::id() % 200).unwrap_or(0) * 100;
    loop {
        let port = 12_000 + (spread + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
