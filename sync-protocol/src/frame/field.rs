//! How fields travel that minicbor has no words for: ids and hashes as byte strings of exact length, bounded lists, bounded texts. Used through
//! `#[cbor(with = "...")]` by the frames; holds no frame itself.

use domain::{BlobHash, ChangeHash, DeviceId, DocId, IncarnationId, VaultId};
use minicbor::decode::{Decoder, Error as DecodeError};
use minicbor::encode::{Encoder, Error as EncodeError, Write};

use crate::cursor::{Chain, LogEpoch, PackHash};

/// A value of fixed length that travels as a byte string.
pub trait Fixed: Sized {
    /// The bytes that travel.
    fn bytes(&self) -> &[u8];
    /// The value of received bytes; `None` when their length is wrong.
    fn from_slice(bytes: &[u8]) -> Option<Self>;
}

macro_rules! fixed {
    ($($name:ty),* $(,)?) => {$(
        impl Fixed for $name {
            fn bytes(&self) -> &[u8] {
                self.as_bytes()
            }
            fn from_slice(bytes: &[u8]) -> Option<Self> {
                Some(<$name>::from_bytes(bytes.try_into().ok()?))
            }
        }
    )*};
}

fixed!(
    BlobHash,
    ChangeHash,
    DeviceId,
    DocId,
    IncarnationId,
    VaultId,
    Chain,
    LogEpoch,
    PackHash
);

/// One [`Fixed`] value.
pub mod id {
    use super::*;

    pub fn encode<Ctx, T: Fixed, W: Write>(
        value: &T,
        e: &mut Encoder<W>,
        _: &mut Ctx,
    ) -> Result<(), EncodeError<W::Error>> {
        e.bytes(value.bytes())?;
        Ok(())
    }

    pub fn decode<Ctx, T: Fixed>(d: &mut Decoder<'_>, _: &mut Ctx) -> Result<T, DecodeError> {
        let position = d.position();
        T::from_slice(d.bytes()?)
            .ok_or_else(|| DecodeError::message("a byte string of the wrong length").at(position))
    }
}

/// An optional [`Fixed`] value; absent when `None`.
pub mod maybe_id {
    use super::*;

    pub fn encode<Ctx, T: Fixed, W: Write>(
        value: &Option<T>,
        e: &mut Encoder<W>,
        ctx: &mut Ctx,
    ) -> Result<(), EncodeError<W::Error>> {
        match value {
            Some(value) => id::encode(value, e, ctx),
            None => {
                e.null()?;
                Ok(())
            }
        }
    }

    pub fn decode<Ctx, T: Fixed>(
        d: &mut Decoder<'_>,
        ctx: &mut Ctx,
    ) -> Result<Option<T>, DecodeError> {
        if d.datatype()? == minicbor::data::Type::Null {
            d.null()?;
            return Ok(None);
        }
        id::decode(d, ctx).map(Some)
    }

    pub fn nil<T>() -> Option<Option<T>> {
        Some(None)
    }

    pub fn is_nil<T>(value: &Option<T>) -> bool {
        value.is_none()
    }
}

/// A list of [`Fixed`] values, at most [`crate::limit::LIST_ITEMS_MAX`].
pub mod ids {
    use super::*;

    pub fn encode<Ctx, T: Fixed, W: Write>(
        values: &[T],
        e: &mut Encoder<W>,
        ctx: &mut Ctx,
    ) -> Result<(), EncodeError<W::Error>> {
        e.array(values.len() as u64)?;
        values
            .iter()
            .try_for_each(|value| id::encode(value, e, ctx))
    }

    pub fn decode<Ctx, T: Fixed>(
        d: &mut Decoder<'_>,
        ctx: &mut Ctx,
    ) -> Result<Vec<T>, DecodeError> {
        bounded(d, ctx, id::decode)
    }
}

/// A list of values, at most [`crate::limit::LIST_ITEMS_MAX`].
pub mod list {
    use super::*;
    use minicbor::{Decode, Encode};

    pub fn encode<Ctx, T: Encode<Ctx>, W: Write>(
        values: &[T],
        e: &mut Encoder<W>,
        ctx: &mut Ctx,
    ) -> Result<(), EncodeError<W::Error>> {
        e.array(values.len() as u64)?;
        values.iter().try_for_each(|value| value.encode(e, ctx))
    }

    pub fn decode<'b, Ctx, T: Decode<'b, Ctx>>(
        d: &mut Decoder<'b>,
        ctx: &mut Ctx,
    ) -> Result<Vec<T>, DecodeError> {
        bounded(d, ctx, T::decode)
    }
}

/// A text, at most [`crate::limit::TEXT_BYTES_MAX`]; longer ones are cut when sent and refused when received.
pub mod text {
    use super::*;
    use crate::limit::TEXT_BYTES_MAX;

    pub fn encode<Ctx, W: Write>(
        value: &str,
        e: &mut Encoder<W>,
        _: &mut Ctx,
    ) -> Result<(), EncodeError<W::Error>> {
        let cut = value.floor_char_boundary(TEXT_BYTES_MAX);
        e.str(value.split_at_checked(cut).map_or(value, |(head, _)| head))?;
        Ok(())
    }

    pub fn decode<Ctx>(d: &mut Decoder<'_>, _: &mut Ctx) -> Result<String, DecodeError> {
        let position = d.position();
        let value = d.str()?;
        if value.len() > TEXT_BYTES_MAX {
            return Err(DecodeError::message("a text over its bound").at(position));
        }
        Ok(value.to_owned())
    }
}

/// Whether a flag need not travel.
pub fn is_false(flag: &bool) -> bool {
    !*flag
}

/// Whether a number need not travel.
pub fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn bounded<'b, Ctx, T>(
    d: &mut Decoder<'b>,
    ctx: &mut Ctx,
    mut element: impl FnMut(&mut Decoder<'b>, &mut Ctx) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let position = d.position();
    let announced = d.array()?;
    let mut values = Vec::new();
    loop {
        match announced {
            Some(count) if values.len() as u64 >= count => return Ok(values),
            None if d.datatype()? == minicbor::data::Type::Break => {
                d.skip()?;
                return Ok(values);
            }
            _ if values.len() >= crate::limit::LIST_ITEMS_MAX => {
                return Err(DecodeError::message("a list over its bound").at(position));
            }
            _ => values.push(element(d, ctx)?),
        }
    }
}
