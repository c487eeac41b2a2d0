//! A device's end of the wire, frame by frame, and honest changes to send over it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use automerge::transaction::Transactable;
use automerge::{ActorId, Automerge, ROOT};
use domain::{BlobHash, DocId, IncarnationId};
use sync_protocol::{
    CloseCode, Cursor, DocChange, Frame, Hello, OPENING_HEADER, OPENING_TAKEN, OfferItem,
    PROTOCOL_VERSION, SUBPROTOCOL, Welcome,
};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::HandshakeError;
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket, client};

use crate::host::{Host, Login};

pub struct Wire<S = TcpStream> {
    socket: WebSocket<S>,
}

pub fn stamp(n: u8) -> IncarnationId {
    IncarnationId::from_bytes([n; 16])
}

pub fn tcp(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).unwrap();
    stream.set_write_timeout(patience).unwrap();
    stream
}

impl Wire {
    /// Opens the socket and says hello as a device with this stamp.
    pub fn open(host: &Host, login: &Login, cursor: Option<Cursor>) -> (Self, Welcome) {
        let mut wire = Self::connect(host, login);
        let welcome = wire.hello(login, cursor, (stamp(1), stamp(1)));
        (wire, welcome)
    }

    /// Opens the socket only.
    pub fn connect(host: &Host, login: &Login) -> Self {
        Wire::over(tcp(host.address()), &login.token).unwrap()
    }
}

impl<S: Read + Write> Wire<S> {
    /// The WebSocket over any stream; an error is the status of the refusal.
    pub fn over(stream: S, token: &str) -> Result<Self, u16> {
        Self::over_saying(stream, token, None).map(|(wire, _)| wire)
    }

    /// The same with opening frames in the request; whether the server took them from there.
    pub fn over_saying(stream: S, token: &str, opening: Option<&str>) -> Result<(Self, bool), u16> {
        let mut request = "ws://localhost/v1/sync".into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("sec-websocket-protocol", SUBPROTOCOL.parse().unwrap());
        headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
        if let Some(opening) = opening {
            headers.insert(OPENING_HEADER, opening.parse().unwrap());
        }
        match client(request, stream) {
            Ok((socket, answer)) => {
                let told = answer.headers().get(OPENING_HEADER);
                let taken = told.is_some_and(|told| told == OPENING_TAKEN);
                Ok((Self { socket }, taken))
            }
            Err(HandshakeError::Failure(Error::Http(response))) => Err(response.status().as_u16()),
            Err(other) => panic!("{other}"),
        }
    }

    pub fn hello(
        &mut self,
        login: &Login,
        cursor: Option<Cursor>,
        stamps: (IncarnationId, IncarnationId),
    ) -> Welcome {
        self.send(Hello {
            protocol: PROTOCOL_VERSION,
            device: login.device,
            incarnation: stamps.0,
            next_incarnation: stamps.1,
            cursor,
            now_ms: 0,
            features: 0,
        });
        match self.receive() {
            Frame::Welcome(welcome) => welcome,
            other => panic!("{other:?}"),
        }
    }

    pub fn send(&mut self, frame: impl Into<Frame>) {
        self.send_bytes(frame.into().encode());
    }

    pub fn send_bytes(&mut self, bytes: Vec<u8>) {
        self.socket.send(Message::Binary(bytes.into())).unwrap();
    }

    /// The next frame.
    pub fn receive(&mut self) -> Frame {
        loop {
            match self.socket.read().unwrap() {
                Message::Binary(bytes) => return Frame::decode(&bytes).unwrap(),
                Message::Close(close) => panic!("closed: {close:?}"),
                _ => {}
            }
        }
    }

    /// Takes frames until one fits.
    pub fn receive_until<T>(&mut self, fits: impl Fn(Frame) -> Option<T>) -> T {
        loop {
            if let Some(found) = fits(self.receive()) {
                return found;
            }
        }
    }

    /// The code the socket is closed with, whatever comes before it.
    pub fn closed(&mut self) -> CloseCode {
        loop {
            match self.socket.read() {
                Ok(Message::Close(Some(close))) => {
                    return CloseCode::from_u16(close.code.into());
                }
                Ok(_) => {}
                Err(error) => panic!("no close frame: {error}"),
            }
        }
    }
}

pub fn doc(n: u8) -> DocId {
    DocId::from_bytes([n; 16])
}

/// Honest changes of one actor in one document.
pub fn changes(doc: DocId, actor: u8, count: usize) -> Vec<DocChange> {
    let actor = ActorId::from([actor; 16].as_slice());
    let mut document = Automerge::new().with_actor(actor);
    let one = |n: usize| {
        let mut transaction = document.transaction();
        transaction.put(ROOT, "key", n.to_string()).unwrap();
        transaction.commit();
        let change = document
            .get_last_local_change()
            .unwrap()
            .raw_bytes()
            .to_vec();
        DocChange { doc, change }
    };
    (0..count).map(one).collect()
}

pub fn hash(bytes: &[u8]) -> BlobHash {
    BlobHash::from_bytes(*blake3::hash(bytes).as_bytes())
}

pub fn offer(bytes: &[u8]) -> OfferItem {
    OfferItem {
        hash: hash(bytes),
        bytes: bytes.len() as u64,
        mime: "image/png".into(),
    }
}
