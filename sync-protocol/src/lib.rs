//! The sync protocol of MemoryVault, `memoryvault.v1`: frames, their codec and bounds, and both ends' session machines. Pure: no sockets, no disk,
//! no clock, no randomness; `now_ms` is a monotonic count of milliseconds that only has to be the same for all calls of one session.
//!
//! A session is driven by a shell in a loop of two steps:
//!
//! 1. Take `poll_output()` until it is `None`, doing each output in order. An output that asks for something says which `handle_*` answers it; the
//!    answer may be given at once or later.
//! 2. Wait for whichever comes first: a message on the socket (`handle_message`), a ping or pong (`handle_alive`), the socket's end
//!    (`handle_disconnected`), an answer, news from outside (`handle_local_changes`, `handle_head`, ...), or `poll_timeout()` (`handle_timeout`).
//!
//! After `Output::Close` the session is over and further inputs have no effect.
//!
//! Reading order: [`Frame`], [`DeviceSession`] with its [`device::Output`], [`ServerSession`] with its [`server::Output`].

mod admission;
mod close;
mod cursor;
pub mod device;
mod frame;
mod incarnation;
mod lane;
pub mod limit;
mod opening;
mod receiver;
mod sender;
pub mod server;

pub use admission::{Judgement, Standing, judge};
pub use close::{CloseCode, Closing};
pub use cursor::{Chain, Cursor, LogEpoch, PackHash};
pub use device::DeviceSession;
pub use frame::{
    Applied, BlobAbsent, BlobAvailable, BlobBad, BlobData, BlobGet, BlobGrant, BlobHeld, BlobOffer,
    BlobRefuse, BlobStored, BlobWanted, Changes, Close, Credit, DocChange, DocHeads, Frame,
    FrameError, GetItem, GrantItem, Hello, Inventory, Missing, NewIdentity, OfferItem, PackPart,
    Push, Pushed, Quota, Reason, RefuseItem, Refused, Unsupported, Welcome,
};
pub use incarnation::{Overtaken, Stamps, Turn};
pub use limit::{Limits, PROTOCOL_VERSION, SUBPROTOCOL};
pub use opening::{OPENING_HEADER, OPENING_TAKEN, decode_opening, encode_opening, opening_fit};
pub use server::ServerSession;
