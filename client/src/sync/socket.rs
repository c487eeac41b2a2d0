//! The connection: TCP, TLS where the address says so, the WebSocket. The only file of this crate that names WebSocket
//! types. One message is handed to the system at a time, so that documents never wait behind blobs in our own buffers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{FutureExt, SinkExt, StreamExt};
use rustls::pki_types::ServerName;
use sync_protocol::limit::{FRAME_BYTES_MAX, HANDSHAKE_MS};
use sync_protocol::{
    CloseCode, Closing, OPENING_HEADER, OPENING_TAKEN, SUBPROTOCOL, encode_opening,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Response, StatusCode};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode as SocketCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::{Line, SyncError};
use crate::account::{innermost, io_reason};
use crate::tls::distrust;

/// How long the peer may take to say goodbye after we did; the work is done by then.
const GOODBYE_MAX: Duration = Duration::from_secs(1);
/// What a close frame may say: 125 bytes less its code.
const CLOSE_REASON_BYTES_MAX: usize = 120;

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

type Socket = WebSocketStream<Box<dyn Stream>>;

/// What came from the peer.
#[derive(Debug)]
pub(super) enum Received {
    /// A binary message.
    Message(Bytes),
    /// A ping or a pong.
    Alive,
    /// A message this protocol does not have.
    Text,
    /// The end; with a code if the peer said one.
    End(Option<Closing>, String),
}

/// The half that is read.
pub(super) struct Reader(SplitStream<Socket>);

/// The half that is written, one message at a time.
pub(super) struct Writer {
    sink: SplitSink<Socket, Message>,
    /// A message was handed over and is not with the system yet.
    busy: bool,
}

/// A connection that carries bytes and no messages yet.
pub(super) struct Reached(Box<dyn Stream>);

/// Connects, with TLS where the address says so, within the handshake's deadline.
pub(super) async fn reach(line: &Line) -> Result<Reached, SyncError> {
    let reached = in_time(line, async { Ok(open(line).await) }).await?;
    reached
        .map(Reached)
        .map_err(|error| unreachable(line, reason_of(&error)))
}

impl Reached {
    /// Makes it a WebSocket, within the handshake's deadline. The frames travel in the head of the request; false: the server
    /// did not take them from there.
    pub(super) async fn upgrade(
        self,
        line: &Line,
        opening: &[Vec<u8>],
    ) -> Result<(Reader, Writer, bool), SyncError> {
        let attempt = async {
            let config = WebSocketConfig::default()
                .write_buffer_size(0)
                .max_message_size(Some(FRAME_BYTES_MAX))
                .max_frame_size(Some(FRAME_BYTES_MAX));
            let request = request(line, opening)?;
            match client_async_with_config(request, self.0, Some(config)).await {
                Ok(opened) => Ok(opened),
                Err(SocketError::Http(response)) => Err(declined(line, &response)),
                Err(SocketError::Io(error)) => Err(unreachable(line, reason_of(&error))),
                // Cut between the question and its answer.
                Err(SocketError::Protocol(ProtocolError::HandshakeIncomplete)) => {
                    Err(unreachable(line, "the connection was closed".to_owned()))
                }
                Err(error) => Err(SyncError::Foreign {
                    server: line.address.to_string(),
                    reason: innermost(&error),
                }),
            }
        };
        let (socket, answer) = in_time(line, attempt).await?;
        let told = answer.headers().get(OPENING_HEADER);
        let taken = told.is_some_and(|told| told.as_bytes() == OPENING_TAKEN.as_bytes());
        let (sink, stream) = socket.split();
        Ok((Reader(stream), Writer { sink, busy: false }, taken))
    }
}

async fn in_time<T>(
    line: &Line,
    attempt: impl Future<Output = Result<T, SyncError>>,
) -> Result<T, SyncError> {
    let ended = tokio::time::timeout(Duration::from_millis(HANDSHAKE_MS), attempt).await;
    ended.map_err(|_| unreachable(line, "no answer in time".to_owned()))?
}

fn unreachable(line: &Line, reason: String) -> SyncError {
    let untrusted = reason.contains("certificate");
    SyncError::Unreachable {
        server: line.address.to_string(),
        reason,
        untrusted,
    }
}

async fn open(line: &Line) -> std::io::Result<Box<dyn Stream>> {
    let host = line.address.host_bare().to_owned();
    let tcp = TcpStream::connect((host.as_str(), line.address.port())).await?;
    // A review is one small message: it must not wait for a fuller packet.
    tcp.set_nodelay(true)?;
    let Some(tls) = &line.tls else {
        return Ok(Box::new(tcp));
    };
    let name = ServerName::try_from(host).map_err(std::io::Error::other)?;
    Ok(Box::new(
        TlsConnector::from(Arc::clone(tls))
            .connect(name, tcp)
            .await?,
    ))
}

fn request(line: &Line, opening: &[Vec<u8>]) -> Result<Request, SyncError> {
    let failed = |what: &str| SyncError::Failed(format!("{what} cannot stand in a request"));
    let mut request = line
        .address
        .sync_route()
        .into_client_request()
        .map_err(|_| failed("the address"))?;
    let bearer = format!("Bearer {}", line.token.secret());
    let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| failed("the token"))?;
    bearer.set_sensitive(true);
    request.headers_mut().insert("authorization", bearer);
    request.headers_mut().insert(
        "sec-websocket-protocol",
        HeaderValue::from_static(SUBPROTOCOL),
    );
    let opening = HeaderValue::from_str(&encode_opening(opening))
        .map_err(|_| failed("the opening frames"))?;
    request.headers_mut().insert(OPENING_HEADER, opening);
    Ok(request)
}

/// Tells an HTTP answer that is no upgrade.
fn declined(line: &Line, response: &Response<Option<Vec<u8>>>) -> SyncError {
    let body = response.body().as_deref().unwrap_or_default();
    let words = serde_json::from_slice::<serde_json::Value>(body)
        .ok()
        .and_then(|answer| {
            answer
                .pointer("/error/message")?
                .as_str()
                .map(str::to_owned)
        });
    let words = words.unwrap_or_else(|| format!("HTTP status {}", response.status()));
    match response.status() {
        StatusCode::UNAUTHORIZED => SyncError::Unauthorized,
        StatusCode::TOO_MANY_REQUESTS => SyncError::Unavailable(words),
        status if status.is_server_error() => SyncError::Unavailable(words),
        _ => SyncError::Foreign {
            server: line.address.to_string(),
            reason: words,
        },
    }
}

fn reason_of(error: &std::io::Error) -> String {
    distrust(error).map_or_else(|| io_reason(error), str::to_owned)
}

impl Reader {
    /// Waits for what comes next; nothing is lost when the wait is given up.
    pub(super) async fn next(&mut self) -> Received {
        match self.0.next().await {
            Some(Ok(Message::Binary(bytes))) => Received::Message(bytes),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Received::Alive,
            Some(Ok(Message::Text(_))) => Received::Text,
            Some(Ok(Message::Close(frame))) => {
                let closing = frame.map(|frame| Closing {
                    code: CloseCode::from_u16(frame.code.into()),
                    reason: frame.reason.as_str().to_owned(),
                    by_peer: true,
                });
                Received::End(closing, "the server closed the connection".to_owned())
            }
            Some(Err(SocketError::Io(error))) => Received::End(None, reason_of(&error)),
            Some(Err(error)) => Received::End(None, innermost(&error)),
            None => Received::End(None, "the connection was closed".to_owned()),
        }
    }

    async fn drain(&mut self) {
        while !matches!(self.next().await, Received::End(..)) {}
    }
}

impl Writer {
    /// Whether the system has taken everything handed over.
    pub(super) fn is_free(&self) -> bool {
        !self.busy
    }

    /// Hands a message over; to be called when [`Writer::is_free`]. A broken line is told by the reader.
    pub(super) async fn send(&mut self, bytes: Vec<u8>) {
        self.hand_over(Message::Binary(bytes.into())).await;
    }

    /// Asks for a sign of life.
    pub(super) async fn ping(&mut self) {
        self.hand_over(Message::Ping(Bytes::new())).await;
    }

    async fn hand_over(&mut self, message: Message) {
        // With nothing under way the sink takes a message at once; what the system does not take is flushed later.
        self.busy =
            self.sink.feed(message).await.is_ok() && self.sink.flush().now_or_never().is_none();
    }

    /// Waits until the system has taken what was handed over; for ever when nothing was.
    pub(super) async fn freed(&mut self) {
        if !self.busy {
            std::future::pending::<()>().await;
        }
        // An error here is an error for the reader too, who tells it.
        self.sink.flush().await.ok();
        self.busy = false;
    }

    /// Says goodbye, and waits a moment for the answer.
    pub(super) async fn close(mut self, mut reader: Reader, closing: &Closing) {
        let goodbye = async {
            if !closing.by_peer {
                let frame = CloseFrame {
                    code: SocketCode::from(closing.code.to_u16()),
                    reason: shortened(&closing.reason).into(),
                };
                if self.sink.send(Message::Close(Some(frame))).await.is_err() {
                    return;
                }
            }
            reader.drain().await;
        };
        // The peer's answer is a courtesy: nothing depends on it.
        tokio::time::timeout(GOODBYE_MAX, goodbye).await.ok();
    }
}

fn shortened(reason: &str) -> &str {
    let end = (0..=reason.len().min(CLOSE_REASON_BYTES_MAX))
        .rev()
        .find(|end| reason.is_char_boundary(*end));
    reason.get(..end.unwrap_or(0)).unwrap_or_default()
}
