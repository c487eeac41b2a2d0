//! Accounts and logins over the server's HTTP, written by hand: one small request a connection.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use domain::{DeviceId, VaultId};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PASSWORD: &str = "seven small rivers meet here";

/// A device's login.
#[derive(Debug, Clone)]
pub struct Login {
    /// The server.
    pub server: SocketAddr,
    /// The bearer token.
    pub token: String,
    /// The device.
    pub device: DeviceId,
    /// The account's vault.
    pub vault: VaultId,
}

/// Makes an account.
///
/// # Errors
/// The server is not there or declines.
pub async fn register(server: SocketAddr, user: &str) -> anyhow::Result<()> {
    let body = json!({"user": user, "password": PASSWORD});
    post(server, "/v1/accounts", &body).await.map(drop)
}

/// Logs a new device into an account.
///
/// # Errors
/// The server is not there or declines.
pub async fn log_in(server: SocketAddr, user: &str) -> anyhow::Result<Login> {
    let device = DeviceId::from_bytes(super::device::random());
    let body = json!({
        "user": user,
        "password": PASSWORD,
        "device": {"id": device.to_string(), "name": "load"},
    });
    let answer = post(server, "/v1/sessions", &body).await?;
    let text = |key: &str| {
        answer
            .get(key)
            .and_then(Value::as_str)
            .with_context(|| format!("no {key} in {answer}"))
    };
    let vault = text("vault")?.parse();
    Ok(Login {
        server,
        token: text("token")?.to_owned(),
        device,
        vault: vault.map_err(|_| anyhow::anyhow!("the vault's id does not read"))?,
    })
}

async fn post(server: SocketAddr, path: &str, body: &Value) -> anyhow::Result<Value> {
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {server}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .with_context(|| format!("no HTTP answer: {answer:?}"))?;
    if !head.starts_with("HTTP/1.1 2") {
        bail!("{path}: {answer}");
    }
    Ok(serde_json::from_str(body)?)
}
