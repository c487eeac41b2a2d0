//! Why a change or a blob was not taken.

use minicbor::decode::{Decode, Decoder, Error as DecodeError};
use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};

/// The reason of a refusal. Numbers that are not known yet are kept, so that an older peer can still say that something was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// 1: over the account's quota; the frame carries both figures.
    Quota,
    /// 2: not a change, or one that the byte gate refuses.
    Malformed,
    /// 3: over a bound on size.
    TooLarge,
    /// 4: builds on a change the server does not have; `Missing` follows for its document.
    UnknownDependency,
    /// 5: its author wrote two different changes under one number.
    Forked,
    /// 6: the document belongs to someone else, or can not belong to this account.
    ForeignDocument,
    /// 7: the server's disk did not take it; trying later may help.
    Storage,
    /// 8: a kind of media that is not taken.
    KindNotAllowed,
    /// 9: the bytes do not have the hash they were announced by.
    WrongHash,
    /// 10: more or fewer bytes than announced.
    WrongLength,
    /// 11: a relay whose target went away or has it now.
    NobodyWaits,
    /// 12: too many documents, relays or blobs.
    TooMany,
    /// 13: the server's scanner knows it as malware.
    Infected,
    /// Any other number.
    Other(u8),
}

const NUMBERS: [(u8, Reason); 13] = [
    (1, Reason::Quota),
    (2, Reason::Malformed),
    (3, Reason::TooLarge),
    (4, Reason::UnknownDependency),
    (5, Reason::Forked),
    (6, Reason::ForeignDocument),
    (7, Reason::Storage),
    (8, Reason::KindNotAllowed),
    (9, Reason::WrongHash),
    (10, Reason::WrongLength),
    (11, Reason::NobodyWaits),
    (12, Reason::TooMany),
    (13, Reason::Infected),
];

impl Reason {
    /// The number that travels.
    pub fn to_u8(self) -> u8 {
        match self {
            Reason::Other(number) => number,
            known => NUMBERS
                .iter()
                .find(|(_, reason)| *reason == known)
                .map_or(0, |(number, _)| *number),
        }
    }

    /// The reason of a number.
    pub fn from_u8(number: u8) -> Reason {
        NUMBERS
            .iter()
            .find(|(known, _)| *known == number)
            .map_or(Reason::Other(number), |(_, reason)| *reason)
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Reason::Quota => "over the account's quota",
            Reason::Malformed => "not well formed",
            Reason::TooLarge => "too large",
            Reason::UnknownDependency => "builds on a change the server does not have",
            Reason::Forked => "its author wrote two different changes under one number",
            Reason::ForeignDocument => "the document does not belong to this account",
            Reason::Storage => "the server could not store it",
            Reason::KindNotAllowed => "this kind of media is not taken",
            Reason::WrongHash => "the bytes do not match their hash",
            Reason::WrongLength => "the bytes do not have the announced length",
            Reason::NobodyWaits => "nobody waits for it any more",
            Reason::TooMany => "too many at once",
            Reason::Infected => "the server's scanner knows it as malware",
            Reason::Other(number) => {
                return write!(
                    f,
                    "refused for reason {number}, which this version does not know"
                );
            }
        })
    }
}

impl<C> Encode<C> for Reason {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), EncodeError<W::Error>> {
        e.u8(self.to_u8())?;
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for Reason {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Reason, DecodeError> {
        Ok(Reason::from_u8(d.u8()?))
    }
}
