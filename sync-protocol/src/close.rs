//! Why a session ends. The codes are WebSocket close codes and also travel in the `Close` frame, with a reason a person can read.

/// The code of a closed session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CloseCode {
    /// 1000: nothing left to do.
    Done,
    /// 1001: the server is stopping; connect again later.
    GoingAway,
    /// 4400: a frame that is not of this protocol, or in an order that cannot be.
    Malformed,
    /// 4401: the token is not valid, or was revoked.
    Unauthorized,
    /// 4403: the account behind the token has another vault than this device.
    WrongVault,
    /// 4408: no `Hello` or `Welcome` within the handshake's deadline.
    HandshakeTimeout,
    /// 4409: no sign of life.
    Idle,
    /// 4410: blob bytes were awaited and none moved.
    Stalled,
    /// 4413: a frame over its bound.
    TooLarge,
    /// 4426: another protocol version.
    Version,
    /// 4429: more under way than the bounds allow.
    Flood,
    /// 4500: this side failed; the reason says how.
    Internal,
    /// 4503: not now (too many connections, disk full); connect again later.
    Unavailable,
    /// Any other code, from a peer that knows more than we do.
    Other(u16),
}

impl CloseCode {
    /// The code as it travels.
    pub fn to_u16(self) -> u16 {
        match self {
            CloseCode::Done => 1000,
            CloseCode::GoingAway => 1001,
            CloseCode::Malformed => 4400,
            CloseCode::Unauthorized => 4401,
            CloseCode::WrongVault => 4403,
            CloseCode::HandshakeTimeout => 4408,
            CloseCode::Idle => 4409,
            CloseCode::Stalled => 4410,
            CloseCode::TooLarge => 4413,
            CloseCode::Version => 4426,
            CloseCode::Flood => 4429,
            CloseCode::Internal => 4500,
            CloseCode::Unavailable => 4503,
            CloseCode::Other(code) => code,
        }
    }

    /// The code of a number that travelled.
    pub fn from_u16(code: u16) -> CloseCode {
        match code {
            1000 => CloseCode::Done,
            1001 => CloseCode::GoingAway,
            4400 => CloseCode::Malformed,
            4401 => CloseCode::Unauthorized,
            4403 => CloseCode::WrongVault,
            4408 => CloseCode::HandshakeTimeout,
            4409 => CloseCode::Idle,
            4410 => CloseCode::Stalled,
            4413 => CloseCode::TooLarge,
            4426 => CloseCode::Version,
            4429 => CloseCode::Flood,
            4500 => CloseCode::Internal,
            4503 => CloseCode::Unavailable,
            other => CloseCode::Other(other),
        }
    }

    /// Whether connecting again, unchanged, cannot help: a person has to do something first.
    pub fn is_permanent(self) -> bool {
        matches!(
            self,
            CloseCode::Unauthorized | CloseCode::WrongVault | CloseCode::Version
        )
    }
}

impl std::fmt::Display for CloseCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.to_u16())
    }
}

/// The end of a session: what the shell puts in the WebSocket's close frame (if this side closes) and tells a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// The code.
    pub code: CloseCode,
    /// One sentence for a person.
    pub reason: String,
    /// The peer closed, not this side.
    pub by_peer: bool,
}
