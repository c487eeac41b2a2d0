//! The WebSocket: the only file of the server that names its types.
//!
//! Reading and writing go on side by side: both ends may be sending megabytes, and whoever stopped reading while it
//! sends would wait for ever.

use std::task::{Poll, ready};

use axum::extract::FromRequestParts;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use sync_protocol::limit::FRAME_BYTES_MAX;
use sync_protocol::{Closing, SUBPROTOCOL};

use crate::http::error::HttpError;
use crate::limit;

/// A request to open a WebSocket.
pub(crate) struct Upgrade(WebSocketUpgrade);

/// An open WebSocket.
pub(crate) struct Socket {
    inner: WebSocket,
    /// Fed, not flushed.
    unflushed: bool,
}

/// What happened on the socket.
pub(crate) enum Event {
    /// A binary message.
    Frame(Bytes),
    /// A ping or pong, or a text, which this protocol has no use for.
    Alive,
    /// The socket takes the next message.
    Writable,
    /// Everything fed has been written.
    Flushed,
    /// The other end is gone.
    Ended,
}

/// What to wait for beside what arrives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interest {
    /// Whether to read.
    pub(crate) read: bool,
    /// Whether a message waits to be sent.
    pub(crate) write: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Upgrade {
    type Rejection = HttpError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, HttpError> {
        let upgrade = WebSocketUpgrade::from_request_parts(parts, state).await;
        upgrade.map(Self).map_err(|rejection| {
            HttpError::BadRequest(format!("a WebSocket is opened here: {rejection}"))
        })
    }
}

impl Upgrade {
    /// Answers the request and runs `session` on the socket once it is open.
    pub(crate) fn start<F, S>(self, session: F) -> Response
    where
        F: FnOnce(Socket) -> S + Send + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        let upgrade = self.0.protocols([SUBPROTOCOL]);
        if upgrade.selected_protocol().is_none() {
            let message = format!("the WebSocket subprotocol {SUBPROTOCOL} is spoken here");
            return HttpError::BadRequest(message).into_response();
        }
        upgrade
            .read_buffer_size(limit::SOCKET_READ_BUFFER_BYTES)
            .write_buffer_size(limit::SOCKET_WRITE_BUFFER_BYTES)
            .max_write_buffer_size(2 * FRAME_BYTES_MAX)
            .max_frame_size(FRAME_BYTES_MAX)
            .max_message_size(FRAME_BYTES_MAX)
            .on_failed_upgrade(|error| tracing::debug!(%error, "a WebSocket was not opened"))
            .on_upgrade(move |inner| {
                session(Socket {
                    inner,
                    unflushed: false,
                })
            })
    }
}

impl Socket {
    /// Waits for the next event. Nothing is lost when the wait is dropped.
    pub(crate) async fn event(&mut self, interest: Interest) -> Event {
        std::future::poll_fn(|context| {
            if interest.write {
                match self.inner.poll_ready_unpin(context) {
                    Poll::Ready(Ok(())) => return Poll::Ready(Event::Writable),
                    Poll::Ready(Err(_)) => return Poll::Ready(Event::Ended),
                    Poll::Pending => {}
                }
            } else if self.unflushed
                && let Poll::Ready(flushed) = self.inner.poll_flush_unpin(context)
            {
                self.unflushed = false;
                return Poll::Ready(match flushed {
                    Ok(()) => Event::Flushed,
                    Err(_) => Event::Ended,
                });
            }
            if !interest.read {
                return Poll::Pending;
            }
            Poll::Ready(match ready!(self.inner.poll_next_unpin(context)) {
                Some(Ok(Message::Binary(frame))) => Event::Frame(frame),
                Some(Ok(Message::Close(_)) | Err(_)) | None => Event::Ended,
                Some(Ok(Message::Ping(_))) => {
                    // The pong lies in the write buffer.
                    self.unflushed = true;
                    Event::Alive
                }
                Some(Ok(Message::Pong(_) | Message::Text(_))) => Event::Alive,
            })
        })
        .await
    }

    /// Whether something fed has not been written yet.
    pub(crate) fn is_unflushed(&self) -> bool {
        self.unflushed
    }

    /// Feeds a message after [`Event::Writable`]; false when the other end is gone.
    pub(crate) fn feed(&mut self, frame: Vec<u8>) -> bool {
        self.unflushed = true;
        self.inner
            .start_send_unpin(Message::Binary(frame.into()))
            .is_ok()
    }

    /// Feeds a ping after [`Event::Writable`]; false when the other end is gone.
    pub(crate) fn feed_ping(&mut self) -> bool {
        self.unflushed = true;
        self.inner
            .start_send_unpin(Message::Ping(Bytes::new()))
            .is_ok()
    }

    /// Closes with a code, waiting shortly for the other end to take it.
    pub(crate) async fn close(mut self, closing: &Closing) {
        if closing.by_peer {
            // Answers the other end's close, if that is still wanted.
            drop(tokio::time::timeout(limit::CLOSE, self.inner.close()).await);
            return;
        }
        // A close frame has room for 123 bytes of reason.
        let mut reason = closing.reason.clone();
        reason.truncate(reason.floor_char_boundary(123));
        let frame = Message::Close(Some(CloseFrame {
            code: closing.code.to_u16(),
            reason: reason.into(),
        }));
        let goodbye = async {
            if self.inner.send(frame).await.is_ok() {
                while let Some(Ok(_)) = self.inner.next().await {}
            }
        };
        drop(tokio::time::timeout(limit::CLOSE, goodbye).await);
    }
}
