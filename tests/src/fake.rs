//! A hostile server: real HTTP and a real WebSocket, and after the login whatever frames a test wants our client to meet.

mod rude;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use domain::VaultId;
use serde_json::{Value, json};
use sync_protocol::{
    BlobAbsent, BlobHeld, Chain, Changes, Cursor, Frame, Limits, LogEpoch, Missing, Pushed, Quota,
    SUBPROTOCOL, Welcome,
};
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

pub use rude::Rude;

use crate::peer::{fresh_bytes, now_ms};

/// What the server sends, in place of what an honest one would.
#[derive(Debug, Clone)]
pub enum Malice {
    /// These messages after an honest `Welcome`, then honest answers.
    AfterWelcome(Vec<Message>),
    /// These messages in place of `Welcome`, then honest answers.
    InsteadOfWelcome(Vec<Message>),
    /// It hangs up at the first frame.
    HangUp,
    /// It does not keep to the protocol at all.
    Rude(Rude),
}

/// A log's place that this server claims.
pub const CLAIMED_SEQ: u64 = 5;

#[derive(Debug)]
struct Shared {
    vault: VaultId,
    epoch: LogEpoch,
    malice: Mutex<Malice>,
    received: Mutex<Vec<Frame>>,
}

/// The server; it lives as long as the test's process.
#[derive(Debug)]
pub struct FakeServer {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl FakeServer {
    /// Listens; until told otherwise it is honest and empty.
    pub fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared {
            vault: VaultId::from_bytes(fresh_bytes()),
            epoch: LogEpoch::from_bytes(fresh_bytes()),
            malice: Mutex::new(Malice::AfterWelcome(Vec::new())),
            received: Mutex::new(Vec::new()),
        });
        let for_thread = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&for_thread);
                std::thread::spawn(move || serve(&shared, stream));
            }
        });
        Self { shared, address }
    }

    /// Where clients log in.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sets what sessions from now on meet.
    pub fn set(&self, malice: Malice) {
        *self
            .shared
            .malice
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = malice;
    }

    /// A place in its log, for frames that carry one.
    pub fn cursor(&self) -> Cursor {
        Cursor {
            epoch: self.shared.epoch,
            seq: CLAIMED_SEQ,
            chain: Chain::from_bytes([5; 32]),
        }
    }

    /// A page that the device must wait for: the log has grown to it. Each call a little further.
    pub fn grown_by(&self, mut page: Changes) -> Malice {
        static GROWN: AtomicU64 = AtomicU64::new(1);
        let cursor = Cursor {
            seq: CLAIMED_SEQ + GROWN.fetch_add(1, Ordering::Relaxed),
            ..self.cursor()
        };
        page.cursor = Some(cursor);
        let welcome = Welcome {
            seq: cursor.seq,
            ..self.welcome()
        };
        Malice::InsteadOfWelcome(vec![to_message(welcome), to_message(page)])
    }

    /// An honest `Welcome`, to be spoiled.
    pub fn welcome(&self) -> Welcome {
        welcome(&self.shared)
    }

    /// Takes what clients sent since the last call.
    pub fn take_received(&self) -> Vec<Frame> {
        std::mem::take(
            &mut *self
                .shared
                .received
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

fn welcome(shared: &Shared) -> Welcome {
    Welcome {
        vault: shared.vault,
        epoch: shared.epoch,
        seq: CLAIMED_SEQ,
        chain: Chain::from_bytes([5; 32]),
        now_ms: now_ms(),
        limits: Limits::default(),
        quota: Quota {
            used: 0,
            limit: 1 << 30,
        },
        cursor_ok: true,
        new_identity: None,
    }
}

/// An empty page that ends at the place `Welcome` named.
fn rest(shared: &Shared) -> Changes {
    Changes {
        cursor: Some(Cursor {
            epoch: shared.epoch,
            seq: CLAIMED_SEQ,
            chain: Chain::from_bytes([5; 32]),
        }),
        ..Changes::default()
    }
}

fn serve(shared: &Shared, mut stream: TcpStream) {
    let Some(line) = request_line(&stream) else {
        return;
    };
    if line.contains(" /v1/sync") {
        // The WebSocket library names the type of its handshake's error by value; it is as large as it is.
        #[expect(
            clippy::result_large_err,
            reason = "the signature of the handshake callback is not ours"
        )]
        let accept = |_: &Request, mut response: Response| {
            response.headers_mut().insert(
                "sec-websocket-protocol",
                HeaderValue::from_static(SUBPROTOCOL),
            );
            Ok(response)
        };
        if let Ok(socket) = tungstenite::accept_hdr(stream, accept) {
            session(shared, socket);
        }
        return;
    }
    let Some(body) = request_body(&mut stream) else {
        return;
    };
    let (status, answer) = answer_http(shared, &line, &body);
    let text = answer.to_string();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    // A client that hung up does not care.
    drop(stream.write_all([head.as_bytes(), text.as_bytes()].concat().as_slice()));
}

fn answer_http(shared: &Shared, line: &str, body: &Value) -> (&'static str, Value) {
    if line.starts_with("POST /v1/accounts ") {
        return (
            "201 Created",
            json!({"account": "0198a0a0-0000-7000-8000-000000000001", "vault": shared.vault.to_string()}),
        );
    }
    if line.starts_with("POST /v1/sessions ") {
        let token = format!("mv1_{}", "a".repeat(64));
        return (
            "200 OK",
            json!({"token": token, "device": body["device"]["id"], "vault": shared.vault.to_string()}),
        );
    }
    ("200 OK", json!([]))
}

fn session(shared: &Shared, mut socket: WebSocket<TcpStream>) {
    let malice = shared
        .malice
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    loop {
        let Ok(message) = socket.read() else { return };
        let Message::Binary(bytes) = message else {
            continue;
        };
        let Ok(frame) = Frame::decode(&bytes) else {
            return;
        };
        let answers = match (&frame, &malice) {
            (_, Malice::HangUp) => return,
            (Frame::Hello(_), Malice::Rude(how)) if how.is_all_there_is() => {
                return rude::session(shared, &mut socket, how);
            }
            (Frame::BlobGet(get), Malice::Rude(Rude::WrongBytes { len })) => {
                rude::wrong_bytes(get, *len)
            }
            (Frame::Hello(_), Malice::InsteadOfWelcome(messages)) => messages.clone(),
            // What `Welcome` promised comes at last, so that the session can settle.
            (Frame::Hello(hello), malice) => {
                let messages = match malice {
                    Malice::AfterWelcome(messages) | Malice::InsteadOfWelcome(messages) => {
                        messages.as_slice()
                    }
                    Malice::HangUp | Malice::Rude(_) => &[],
                };
                let cursor_ok = hello
                    .cursor
                    .is_none_or(|cursor| cursor.epoch == shared.epoch);
                let welcome = Welcome {
                    cursor_ok,
                    ..welcome(shared)
                };
                // A device that asks for repair gets the last page once it has told what it has.
                let last = cursor_ok.then(|| to_message(rest(shared)));
                [
                    vec![to_message(welcome)],
                    messages.to_vec(),
                    last.into_iter().collect(),
                ]
                .concat()
            }
            _ => honest_answers(shared, &frame),
        };
        shared
            .received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(frame);
        for answer in answers {
            if socket.send(answer).is_err() {
                return;
            }
        }
    }
}

fn honest_answers(shared: &Shared, frame: &Frame) -> Vec<Message> {
    let answer: Frame = match frame {
        Frame::Push(push) => Pushed {
            batch: push.batch,
            seq: CLAIMED_SEQ,
            cursor: None,
        }
        .into(),
        Frame::Inventory(page) => {
            let answer = Missing {
                items: Vec::new(),
                more: false,
                inventory: true,
            };
            let last = (!page.more).then(|| to_message(rest(shared)));
            return [vec![to_message(answer)], last.into_iter().collect()].concat();
        }
        Frame::BlobOffer(offer) => BlobHeld {
            hashes: offer.items.iter().map(|item| item.hash).collect(),
        }
        .into(),
        Frame::BlobGet(get) => BlobAbsent {
            hashes: get.items.iter().map(|item| item.hash).collect(),
        }
        .into(),
        _ => return Vec::new(),
    };
    vec![to_message(answer)]
}

fn to_message(frame: impl Into<Frame>) -> Message {
    Message::binary(frame.into().encode())
}

/// The first line of a request, left in the socket for whoever reads it next.
fn request_line(stream: &TcpStream) -> Option<String> {
    let mut buffer = [0u8; 512];
    loop {
        let seen = stream.peek(&mut buffer).ok()?;
        if seen == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&buffer[..seen]).into_owned();
        if let Some((line, _)) = text.split_once("\r\n") {
            return Some(format!("{line} "));
        }
    }
}

fn request_body(stream: &mut TcpStream) -> Option<Value> {
    let mut bytes = Vec::new();
    let mut buffer = [0u8; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"))
                .and_then(|length| length.trim().parse().ok())
                .unwrap_or(0usize);
            if body.len() >= length {
                let start = bytes.len() - body.len();
                return Some(serde_json::from_slice(&bytes[start..]).unwrap_or(Value::Null));
            }
        }
        let read = stream.read(&mut buffer).ok()?;
        if read == 0 {
            return None;
        }
        bytes.extend_from_slice(&buffer[..read]);
    }
}
