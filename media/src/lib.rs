//! What is inside a picture or a sound, and what of it is stored and shown.
//!
//! Bytes in, values out. Nothing here touches the disk or the network, and nothing here knows cards, blobs or accounts.
//! [`inspect`] says whether an upload may come in, [`prepare`] makes of it what is stored, [`thumbnail`] what a list shows;
//! the server calls [`sniff`] on the first bytes of a blob. The two in the middle decode, so they belong into a worker process:
//! an allocation that fails, or an endless loop in a decoder, cannot be caught here.
//! The order of rooms is the order of work: name, kind, bounds, the container of a picture or a sound, its pixels or samples.

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
pub use prepare::{
    Pixels, Prepared, PreparedAudio, PreparedContent, PreparedImage, Wishes, pixels, prepare,
    thumbnail, thumbnails,
};
pub use sniff::sniff;
pub use sound::Sound;
