//! A server in this process, on port 0, in a directory of its own; stopped in order when dropped.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;

use domain::DeviceId;
use serde_json::{Value, json};
use server::{Config, Server};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub const PASSWORD: &str = "quite a good one";

pub struct Host {
    dir: TempDir,
    change: fn(&mut Config),
    running: Option<Running>,
}

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// What an HTTP request was answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub retry_after: Option<String>,
    pub body: Value,
}

/// A device that is logged in.
#[derive(Debug, Clone)]
pub struct Login {
    pub token: String,
    pub device: DeviceId,
    pub vault: String,
}

impl Host {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: fn(&mut Config)) -> Self {
        let mut host = Self {
            dir: tempfile::tempdir().unwrap(),
            change,
            running: None,
        };
        host.start();
        host
    }

    pub fn data(&self) -> &Path {
        self.dir.path()
    }

    pub fn address(&self) -> SocketAddr {
        self.running.as_ref().unwrap().address
    }

    fn start(&mut self) {
        let mut config = Config::new(self.dir.path());
        (self.change)(&mut config);
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let address = listener.local_addr().unwrap();
                let server = Server::open(config).await.unwrap();
                tell.send(address).unwrap();
                let shutdown = async { drop(stopped.await) };
                server.serve(listener, shutdown).await;
            });
        });
        let address = told.recv().unwrap();
        self.running = Some(Running {
            address,
            stop,
            thread,
        });
    }

    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            drop(running.stop);
            running.thread.join().unwrap();
        }
    }

    pub fn restart(&mut self) {
        self.stop();
        self.start();
    }

    pub fn request(&self, method: &str, path: &str, token: Option<&str>, body: &str) -> Answer {
        request(self.address(), method, path, token, body)
    }

    pub fn get(&self, path: &str, token: &str) -> Answer {
        self.request("GET", path, Some(token), "")
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path, None, &body.to_string())
    }

    pub fn register(&self, user: &str) -> Answer {
        self.post("/v1/accounts", &json!({"user": user, "password": PASSWORD}))
    }

    pub fn try_log_in(&self, user: &str, password: &str, device: u8) -> Answer {
        let id = DeviceId::from_bytes([device; 16]);
        let device = json!({"id": id, "name": format!("device {device}")});
        let body = json!({"user": user, "password": password, "device": device});
        self.post("/v1/sessions", &body)
    }

    pub fn log_in(&self, user: &str, device: u8) -> Login {
        let answer = self.try_log_in(user, PASSWORD, device);
        assert_eq!(answer.status, 200, "{answer:?}");
        let text = |key: &str| answer.body[key].as_str().unwrap().to_owned();
        Login {
            token: text("token"),
            device: text("device").parse().unwrap(),
            vault: text("vault"),
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop();
    }
}

pub fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: &str,
) -> Answer {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    let mut request = ureq::http::Request::builder()
        .method(method)
        .uri(format!("http://{address}{path}"));
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(body.to_owned()).unwrap();
    let mut response = agent.run(request).unwrap();
    let header = response.headers().get("retry-after");
    let retry_after = header.map(|value| value.to_str().unwrap().to_owned());
    let text = response.body_mut().read_to_string().unwrap();
    Answer {
        status: response.status().as_u16(),
        retry_after,
        body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
    }
}
