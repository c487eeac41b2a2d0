//! A raw client: HTTP for the account, a blocking WebSocket for the session, and frames sent and received one by one. What our own client would never send goes through here.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::{BlobHash, DeviceId, DocId, IncarnationId, VaultId};
use serde_json::json;
use sync_protocol::{
    BlobData, BlobOffer, Cursor, DocChange, Frame, Hello, OfferItem, PROTOCOL_VERSION, Push,
    Refused, SUBPROTOCOL, Welcome,
};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

use crate::device::PASSWORD;
use crate::media::random_bytes;
use crate::process::text;
use crate::server::Server;

/// A peer that waits longer than this for a frame waits for ever: the test fails.
const FRAME_AWAITED: Duration = Duration::from_secs(60);

/// A device's login, as our client would keep it.
#[derive(Debug, Clone)]
pub struct Login {
    /// The bearer token.
    pub token: String,
    /// The device.
    pub device: DeviceId,
    /// The account's vault.
    pub vault: VaultId,
}

impl Login {
    /// Makes the account and logs a new device in.
    #[track_caller]
    pub fn register(server: &Server, user: &str) -> Self {
        let (status, answer) = server.http(
            "POST",
            "/v1/accounts",
            None,
            Some(&json!({"user": user, "password": PASSWORD})),
        );
        assert_eq!(status, 201, "{answer}");
        Self::new(server, user)
    }

    /// Logs a new device into an account.
    #[track_caller]
    pub fn new(server: &Server, user: &str) -> Self {
        let device = DeviceId::from_bytes(fresh_bytes());
        let body = json!({"user": user, "password": PASSWORD, "device": {"id": device.to_string(), "name": "raw"}});
        let (status, answer) = server.http("POST", "/v1/sessions", None, Some(&body));
        assert_eq!(status, 200, "{answer}");
        Self {
            token: text(&answer, "token").to_owned(),
            device: text(&answer, "device").parse().expect("a device id"),
            vault: text(&answer, "vault").parse().expect("a vault id"),
        }
    }
}

/// One open session.
#[derive(Debug)]
pub struct Peer {
    socket: WebSocket<TcpStream>,
    batch: u64,
    /// A send failed: the other side is gone.
    is_broken: bool,
}

/// What came of a push.
#[derive(Debug, Clone, Default)]
pub struct PushAnswer {
    /// The refusals before `Pushed`.
    pub refused: Vec<Refused>,
    /// The session ended instead, with that reason.
    pub closed: Option<String>,
}

impl PushAnswer {
    /// Whether every change was taken.
    pub fn is_taken(&self) -> bool {
        self.refused.is_empty() && self.closed.is_none()
    }
}

impl Peer {
    /// Opens the WebSocket; the HTTP status when the server declines.
    ///
    /// # Errors
    /// The status of the declined upgrade.
    pub fn try_connect(server: &Server, token: &str) -> Result<Self, u16> {
        let stream = TcpStream::connect(server.address()).expect("the server listens");
        stream
            .set_read_timeout(Some(FRAME_AWAITED))
            .expect("a timeout can be set");
        stream.set_nodelay(true).expect("nodelay can be set");
        let mut request = format!("ws://{}/v1/sync", server.address())
            .into_client_request()
            .expect("a valid URL");
        let bearer =
            HeaderValue::from_str(&format!("Bearer {token}")).expect("a token is plain text");
        request.headers_mut().insert("authorization", bearer);
        request.headers_mut().insert(
            "sec-websocket-protocol",
            HeaderValue::from_static(SUBPROTOCOL),
        );
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Self {
                socket,
                batch: 0,
                is_broken: false,
            }),
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
                Err(response.status().as_u16())
            }
            Err(cause) => panic!("the upgrade failed: {cause}"),
        }
    }

    /// Opens a session from the start of the log.
    #[track_caller]
    pub fn open(server: &Server, login: &Login) -> (Self, Welcome) {
        Self::open_at(server, login, None)
    }

    /// Opens a session from a cursor.
    #[track_caller]
    pub fn open_at(server: &Server, login: &Login, cursor: Option<Cursor>) -> (Self, Welcome) {
        let mut peer = match Self::try_connect(server, &login.token) {
            Ok(peer) => peer,
            Err(status) => panic!("the upgrade was answered with {status}"),
        };
        peer.send(hello(login, cursor));
        match peer.receive() {
            Some(Frame::Welcome(welcome)) => (peer, welcome),
            other => panic!("no welcome: {other:?}"),
        }
    }

    /// Sends a frame; a connection the other side closed swallows it.
    pub fn send(&mut self, frame: impl Into<Frame>) {
        self.send_bytes(frame.into().encode());
    }

    /// Sends a binary message of any bytes.
    pub fn send_bytes(&mut self, bytes: Vec<u8>) {
        self.send_message(Message::binary(bytes));
    }

    /// Sends any WebSocket message.
    pub fn send_message(&mut self, message: Message) {
        // What it broke is seen by `receive`, and by who asks.
        self.is_broken |= self.socket.send(message).is_err();
    }

    /// False once something sent found the other side gone.
    pub fn is_open(&self) -> bool {
        !self.is_broken
    }

    /// Writes bytes as they are, past the WebSocket.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        // What it broke is seen by `receive`.
        drop(self.socket.get_mut().write_all(bytes));
    }

    /// The next frame; `None` when the session ended.
    pub fn receive(&mut self) -> Option<Frame> {
        loop {
            match self.socket.read() {
                Ok(Message::Binary(bytes)) => {
                    return Some(Frame::decode(&bytes).expect("the server speaks the protocol"));
                }
                Ok(Message::Close(_)) => return None,
                Ok(_) => {}
                Err(tungstenite::Error::Io(cause))
                    if cause.kind() == std::io::ErrorKind::WouldBlock =>
                {
                    panic!("no frame came within {FRAME_AWAITED:?}")
                }
                Err(_) => return None,
            }
        }
    }

    /// Reads frames until one answers; `None` when the session ends before.
    pub fn until<T>(&mut self, mut answer: impl FnMut(Frame) -> Option<T>) -> Option<T> {
        loop {
            if let Some(found) = answer(self.receive()?) {
                return Some(found);
            }
        }
    }

    /// Pushes changes of one document as one batch and reads until the answer.
    pub fn push(&mut self, doc: DocId, changes: &[Vec<u8>]) -> PushAnswer {
        self.batch += 1;
        let batch = self.batch;
        let items = changes
            .iter()
            .map(|change| DocChange {
                doc,
                change: change.clone(),
            })
            .collect();
        self.send(Push { batch, items });
        let mut answer = PushAnswer::default();
        let mut said = None;
        let done = self.until(|frame| match frame {
            Frame::Refused(refused) if refused.batch == batch => {
                answer.refused.push(refused);
                None
            }
            Frame::Pushed(pushed) if pushed.batch == batch => Some(()),
            Frame::Close(close) => {
                said = Some(close.reason);
                None
            }
            _ => None,
        });
        if done.is_none() {
            answer.closed = Some(said.unwrap_or_else(|| "without a word".to_owned()));
        }
        answer
    }

    /// Offers one blob; the frame that decides about it.
    pub fn offer(&mut self, bytes: &[u8], mime: &str) -> Option<Frame> {
        let hash = hash_of(bytes);
        self.send(BlobOffer {
            items: vec![OfferItem {
                hash,
                bytes: bytes.len() as u64,
                mime: mime.to_owned(),
            }],
        });
        self.decision(hash)
    }

    /// Reads until the decision about an offered blob.
    pub fn decision(&mut self, hash: BlobHash) -> Option<Frame> {
        self.until(|frame| {
            let decides = match &frame {
                Frame::BlobGrant(grant) => grant.items.iter().any(|item| item.hash == hash),
                Frame::BlobHeld(held) => held.hashes.contains(&hash),
                Frame::BlobRefuse(refuse) => refuse.items.iter().any(|item| item.hash == hash),
                _ => false,
            };
            decides.then_some(frame)
        })
    }

    /// Sends the bytes of a granted blob under a name of the caller's choice; the frame that ends it.
    pub fn send_blob(&mut self, hash: BlobHash, bytes: &[u8]) -> Option<Frame> {
        let mut offset = 0;
        for chunk in bytes.chunks(64 * 1024) {
            let data = BlobData {
                hash,
                offset,
                total: bytes.len() as u64,
                bytes: chunk.to_vec(),
                relayed: false,
            };
            self.send(data);
            offset += chunk.len() as u64;
        }
        self.until(|frame| {
            let ends = match &frame {
                Frame::BlobStored(stored) => stored.hashes.contains(&hash),
                Frame::BlobBad(bad) => bad.hash == hash,
                Frame::BlobRefuse(refuse) => refuse.items.iter().any(|item| item.hash == hash),
                _ => false,
            };
            ends.then_some(frame)
        })
    }
}

/// The first frame of a session; always of the same incarnation, so that no session of a login looks like a copied vault's.
pub fn hello(login: &Login, cursor: Option<Cursor>) -> Hello {
    let incarnation = IncarnationId::from_bytes(login.device.to_bytes());
    Hello {
        protocol: PROTOCOL_VERSION,
        device: login.device,
        incarnation,
        next_incarnation: incarnation,
        cursor,
        now_ms: now_ms(),
        features: 0,
    }
}

/// The name of a blob.
pub fn hash_of(bytes: &[u8]) -> BlobHash {
    BlobHash::from_bytes(*blake3::hash(bytes).as_bytes())
}

/// Sixteen bytes that nobody else in this run has.
pub fn fresh_bytes() -> [u8; 16] {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let seed = u64::from(std::process::id()) << 32
        ^ now_ms().unsigned_abs().wrapping_mul(0x1_0001)
        ^ count << 48;
    random_bytes(seed.wrapping_add(count), 16)
        .try_into()
        .expect("sixteen bytes were asked for")
}

/// The clock of a peer.
pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("the clock is after 1970");
    i64::try_from(since.as_millis()).expect("a millisecond count fits")
}
