//! The names of things: 16-byte ids and 32-byte hashes, each its own type so that one is never handed where another is
//! meant. Nothing here draws randomness: `v7` takes the random bytes, the derived ids take what they are derived from.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use crate::time::Month;

/// A text that is not an id of the kind asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Neither a hyphenated UUID nor 32 hexadecimal digits.
    #[error("not an id: write it as 8-4-4-4-12 hexadecimal digits")]
    NotAnId,
    /// Not 64 hexadecimal digits.
    #[error("not a hash: write it as 64 hexadecimal digits")]
    NotAHash,
}

macro_rules! id16 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The id with these bytes.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The bytes of the id.
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0
            }

            /// The bytes of the id, borrowed.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", Uuid::from_bytes(self.0).hyphenated())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                // Only the two plain forms: the parser of the uuid crate also takes braces and URNs.
                if text.len() != 36 && text.len() != 32 {
                    return Err(IdError::NotAnId);
                }
                Uuid::try_parse(text).map(|uuid| Self(uuid.into_bytes())).map_err(|_| IdError::NotAnId)
            }
        }

        serde_as_text!($name);
    };
}

macro_rules! id32 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// The hash with these bytes.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The bytes of the hash.
            pub const fn to_bytes(self) -> [u8; 32] {
                self.0
            }

            /// The bytes of the hash, borrowed.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_hex32(text).map(Self).ok_or(IdError::NotAHash)
            }
        }

        serde_as_text!($name);
    };
}

macro_rules! serde_as_text {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

macro_rules! v7 {
    ($($name:ident),*) => {
        $(impl $name {
            /// A new id: sortable by its time, unique by its random bytes, both given by the caller.
            pub const fn v7(unix_ms: u64, random: [u8; 10]) -> Self {
                Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid().into_bytes())
            }
        })*
    };
}

id16!(
    /// A note: fields from which several cards are made.
    NoteId
);
id16!(
    /// One person's data, wherever it lies.
    VaultId
);
id16!(
    /// One device of that person.
    DeviceId
);
id16!(
    /// One Automerge document.
    DocId
);
id16!(
    /// One deck; the same bytes name its document.
    DeckId
);
id16!(
    /// One card.
    CardId
);
id16!(
    /// One tag; derived from its name, so that two devices that make the same tag made one tag.
    TagId
);
id16!(
    /// One review event.
    EventId
);
id16!(
    /// Drawn anew at each handshake, to tell a copied or restored vault from the one that went on.
    IncarnationId
);
id16!(
    /// The writer of an Automerge change.
    ActorId
);
id32!(
    /// The BLAKE3 of a blob: its name.
    BlobHash
);
id32!(
    /// The SHA-256 of an Automerge change: its name.
    ChangeHash
);
v7!(
    VaultId,
    DeviceId,
    DocId,
    DeckId,
    CardId,
    EventId,
    NoteId,
    IncarnationId
);

/// Under which name tags are derived; never to change, or tags of the same name stop meeting.
const TAG_NAMESPACE: Uuid = Uuid::from_bytes([
    0x6d, 0x76, 0x74, 0x61, 0x67, 0x73, 0x50, 0x01, 0x8a, 0x5c, 0x1e, 0x0f, 0x4d, 0x2b, 0x77, 0x31,
]);

impl DeckId {
    /// The document that holds the deck.
    pub const fn document(self) -> DocId {
        DocId(self.0)
    }
}

impl From<DocId> for DeckId {
    fn from(document: DocId) -> Self {
        Self(document.0)
    }
}

impl DocId {
    /// The vault's one settings document, the same on every device without asking.
    pub fn settings(vault: VaultId) -> Self {
        Self(Uuid::new_v5(&Uuid::from_bytes(vault.0), b"settings").into_bytes())
    }

    /// The document of the events that `device` makes in `month`; a full segment is followed by the next number.
    pub fn events(device: DeviceId, month: Month, segment: u16) -> Self {
        let name = format!("events/{month}/{segment}");
        Self(Uuid::new_v5(&Uuid::from_bytes(device.0), name.as_bytes()).into_bytes())
    }
}

impl CardId {
    /// The card of a note with this number: the same on every device that makes it. It sorts by the time of the note, then by
    /// its number.
    pub fn of_note(note: NoteId, ordinal: u16) -> Self {
        let name = format!("card/{ordinal}");
        let derived = Uuid::new_v5(&Uuid::from_bytes(note.0), name.as_bytes()).into_bytes();
        let [_, _, _, _, _, _, _, _, a, b, c, d, e, f, g, h] = derived;
        let [a0, a1, a2, a3, a4, a5, ..] = note.0;
        let unix_ms = u64::from_be_bytes([0, 0, a0, a1, a2, a3, a4, a5]);
        let [high, low] = ordinal.to_be_bytes();
        Self::v7(unix_ms, [high, low, a, b, c, d, e, f, g, h])
    }
}

impl TagId {
    /// The tag of this name; case, outer spaces and the way accents are encoded make no difference.
    pub fn from_name(name: &str) -> Self {
        let normal: String = name
            .nfc()
            .collect::<String>()
            .trim()
            .to_lowercase()
            .nfc()
            .collect();
        Self(Uuid::new_v5(&TAG_NAMESPACE, normal.as_bytes()).into_bytes())
    }
}

fn parse_hex32(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        for &digit in pair {
            *byte = (*byte << 4) | hex_digit(digit)?;
        }
    }
    Some(bytes)
}

const fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms() {
        let id = CardId::v7(0x0190_1234_5678, [0xff; 10]);
        assert_eq!(id.to_string(), "01901234-5678-7fff-bfff-ffffffffffff");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().replace('-', "").parse(), Ok(id));
        let quoted = format!("\"{id}\"");
        assert_eq!(serde_json::to_string(&id).unwrap(), quoted);
        assert_eq!(serde_json::from_str::<CardId>(&quoted).unwrap(), id);
        for bad in [
            "",
            "01901234",
            "{01901234-5678-7fff-bfff-ffffffffffff}",
            "0190123456787fffbfffffffffffffzz",
        ] {
            assert_eq!(bad.parse::<CardId>(), Err(IdError::NotAnId), "{bad}");
        }
        let hash = BlobHash::from_bytes([0xab; 32]);
        assert_eq!(hash.to_string(), "ab".repeat(32));
        assert_eq!("AB".repeat(32).parse(), Ok(hash));
        for bad in ["ab".repeat(31), "zz".repeat(32), "é".repeat(32)] {
            assert_eq!(bad.parse::<BlobHash>(), Err(IdError::NotAHash), "{bad}");
        }
    }

    #[test]
    fn derived_ids_are_fixed() {
        let vault = VaultId::from_bytes([1; 16]);
        let device = DeviceId::from_bytes([2; 16]);
        let month = Month::new(2025, 3).unwrap();
        let derived = [
            DocId::settings(vault).to_string(),
            DocId::events(device, month, 0).to_string(),
            DocId::events(device, month, 1).to_string(),
            TagId::from_name("Géographie").to_string(),
            CardId::of_note(NoteId::from_bytes([3; 16]), 1).to_string(),
        ];
        assert_eq!(
            derived,
            [
                "8afe757d-c1b3-5e56-8c09-3efcdf811f6a",
                "60f05a8c-a54e-520e-b5e0-95a7f3e743ab",
                "41a06de7-59f6-5ead-aae8-fb2654070549",
                "ce60492e-e9a8-50ae-b272-e8bfde9e151b",
                "03030303-0303-7001-96ca-df194726aee7",
            ]
        );
    }

    #[test]
    fn a_tag_is_its_name_however_typed() {
        let tag = TagId::from_name("Géographie");
        for same in ["géographie", "  GÉOGRAPHIE ", "Ge\u{301}ographie"] {
            assert_eq!(TagId::from_name(same), tag, "{same}");
        }
        assert_ne!(TagId::from_name("geographie"), tag);
    }
}
