//! The WebSocket of one device, as the client opens it.

use std::net::SocketAddr;

use anyhow::Context;
use futures_util::{SinkExt, StreamExt};
use sync_protocol::SUBPROTOCOL;
use sync_protocol::limit::FRAME_BYTES_MAX;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// An open connection.
#[derive(Debug)]
pub(super) struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    pub(super) async fn open(server: SocketAddr, token: &str) -> anyhow::Result<Self> {
        let tcp = TcpStream::connect(server).await?;
        tcp.set_nodelay(true)?;
        let mut request = format!("ws://{server}/v1/sync").into_client_request()?;
        let bearer = HeaderValue::from_str(&format!("Bearer {token}"))?;
        request.headers_mut().insert("authorization", bearer);
        let protocol = HeaderValue::from_static(SUBPROTOCOL);
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        // Small buffers: a thousand of these live in one process.
        let config = WebSocketConfig::default()
            .read_buffer_size(8 << 10)
            .write_buffer_size(0)
            .max_message_size(Some(FRAME_BYTES_MAX))
            .max_frame_size(Some(FRAME_BYTES_MAX));
        let (socket, _) = client_async_with_config(request, tcp, Some(config))
            .await
            .context("no upgrade")?;
        Ok(Self(socket))
    }

    /// The next binary message; `None` at the end, an empty one for a sign of life.
    pub(super) async fn next(&mut self) -> Option<Vec<u8>> {
        match self.0.next().await {
            Some(Ok(Message::Binary(bytes))) => Some(bytes.into()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => None,
            Some(Ok(_)) => Some(Vec::new()),
        }
    }

    /// Sends a message; an error shows as the end of what is received.
    pub(super) async fn send(&mut self, bytes: Vec<u8>) {
        self.0.send(Message::Binary(bytes.into())).await.ok();
    }
}
