//! The frames and their codec: one WebSocket message is one frame is the CBOR array `[type, {field: value}]`. Bounds on sizes and lists are checked
//! here; whether a frame makes sense in a session is the machines' business. The table for people is docs/protocol.md, the bytes are pinned in
//! fixtures/frames.

mod blobs;
mod documents;
pub(crate) mod field;
mod reason;
mod session;

use minicbor::decode::Decoder;
use minicbor::encode::Encoder;
use minicbor::{Decode, Encode};

pub use blobs::{
    BlobAbsent, BlobAvailable, BlobBad, BlobData, BlobGet, BlobGrant, BlobHeld, BlobOffer,
    BlobRefuse, BlobStored, BlobWanted, Credit, GetItem, GrantItem, OfferItem, RefuseItem,
};
pub use documents::{
    Applied, Changes, DocChange, DocHeads, Inventory, Missing, PackPart, Push, Pushed, Refused,
};
pub use reason::Reason;
pub use session::{Close, Hello, NewIdentity, Quota, Unsupported, Welcome};

use crate::limit::FRAME_BYTES_MAX;

macro_rules! frames {
    ($($number:literal $name:ident),* $(,)?) => {
        /// One message of the protocol.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Frame {
            $(
                #[doc = concat!("Type ", stringify!($number), ".")]
                $name($name),
            )*
            /// A type this version does not know; answered with [`Unsupported`], otherwise without effect.
            Unknown(u8),
        }

        impl Frame {
            /// The number that travels first.
            pub fn frame_type(&self) -> u8 {
                match self {
                    $(Frame::$name(_) => $number,)*
                    Frame::Unknown(number) => *number,
                }
            }

            fn encode_fields(&self, e: &mut Encoder<&mut Vec<u8>>) -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
                match self {
                    $(Frame::$name(fields) => fields.encode(e, &mut ()),)*
                    Frame::Unknown(_) => e.map(0).map(|_| ()),
                }
            }

            fn decode_fields(number: u8, d: &mut Decoder<'_>) -> Result<Frame, minicbor::decode::Error> {
                match number {
                    $($number => <$name>::decode(d, &mut ()).map(Frame::$name),)*
                    other => d.skip().map(|()| Frame::Unknown(other)),
                }
            }
        }

        $(
            impl From<$name> for Frame {
                fn from(fields: $name) -> Frame {
                    Frame::$name(fields)
                }
            }
        )*
    };
}

frames! {
    1 Hello, 2 Welcome, 3 Changes, 4 Applied, 5 Push, 6 Pushed, 7 Refused, 8 Inventory, 9 Missing, 10 BlobOffer, 11 BlobGrant, 12 BlobHeld,
    13 BlobRefuse, 14 BlobGet, 15 BlobData, 16 BlobStored, 17 BlobBad, 18 BlobAbsent, 19 BlobWanted, 20 BlobAvailable, 21 Credit,
    22 Unsupported, 23 Quota, 24 Close,
}

/// Why bytes are not a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Over [`FRAME_BYTES_MAX`]; not looked into.
    #[error("a frame of {bytes} bytes is over the bound of {FRAME_BYTES_MAX}")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// Not `[type, map]` of this protocol.
    #[error("not a frame: {0}")]
    Malformed(String),
}

impl Frame {
    /// Whether it can bring its receiver nearer to what it waits for. Of the others a peer may send any number without doing what it owes.
    pub fn is_work(&self) -> bool {
        match self {
            Frame::Changes(page) => {
                !page.items.is_empty() || !page.packs.is_empty() || page.cursor.is_some()
            }
            Frame::Missing(missing) => !missing.items.is_empty(),
            Frame::Credit(credit) => credit.bytes > 0,
            Frame::Applied(_)
            | Frame::Quota(_)
            | Frame::BlobWanted(_)
            | Frame::BlobAvailable(_)
            | Frame::Unsupported(_)
            | Frame::Unknown(_) => false,
            _ => true,
        }
    }

    /// The bytes that travel.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.payload_bytes() + 128);
        let mut encoder = Encoder::new(&mut bytes);
        encoder
            .array(2)
            .and_then(|e| e.u8(self.frame_type()))
            .and_then(|e| self.encode_fields(e))
            .expect(
                "writing to a Vec cannot fail and no field's encoder makes an error of its own",
            );
        bytes
    }

    /// The frame of received bytes.
    ///
    /// # Errors
    /// [`FrameError`]; the session it came in should end.
    pub fn decode(bytes: &[u8]) -> Result<Frame, FrameError> {
        if bytes.len() > FRAME_BYTES_MAX {
            return Err(FrameError::TooLarge { bytes: bytes.len() });
        }
        let malformed = |error: minicbor::decode::Error| FrameError::Malformed(error.to_string());
        let mut d = Decoder::new(bytes);
        if d.array().map_err(malformed)? != Some(2) {
            return Err(FrameError::Malformed(
                "expected an array of type and fields".into(),
            ));
        }
        let number = d.u8().map_err(malformed)?;
        if d.datatype().map_err(malformed)? != minicbor::data::Type::Map {
            return Err(FrameError::Malformed(
                "the fields are not a map of known length".into(),
            ));
        }
        let frame = Frame::decode_fields(number, &mut d).map_err(malformed)?;
        if d.position() != bytes.len() {
            return Err(FrameError::Malformed("bytes after the frame".into()));
        }
        Ok(frame)
    }

    /// Bytes of changes, packs or blob data in it: what makes a frame large.
    pub fn payload_bytes(&self) -> usize {
        match self {
            Frame::Changes(changes) => changes.payload_bytes(),
            Frame::Push(push) => push.items.iter().map(DocChange::frame_bytes).sum(),
            Frame::BlobData(data) => data.bytes.len(),
            _ => 0,
        }
    }
}
