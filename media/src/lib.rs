//! What is inside a picture or a sound: kind, bounds, dimensions, duration.
//!
//! Bytes in, facts out. Nothing here touches the disk or the network, and nothing here knows cards, blobs or accounts.
//! The client calls [`inspect`] before it stores an upload; the server calls [`sniff`] on the first bytes of a blob.
//! The order of rooms is the order of work: name, kind, bounds, then the container of a picture or a sound.

pub mod limit;

mod inspect;
mod mime;
mod name;
mod picture;
mod prepare;
mod reader;
mod sniff;
mod sound;

pub use inspect::{Content, MediaError, MediaInfo, inspect};
pub use mime::{Kind, Mime, UnknownMime};
pub use name::clean_name;
pub use picture::Picture;
pub use prepare::{Prepared, PreparedAudio, PreparedContent, PreparedImage, Wishes, prepare};
pub use sniff::sniff;
pub use sound::Sound;
