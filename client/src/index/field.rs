//! How ids stand in the rows of the index: as CBOR byte strings.

/// An id that is a fixed number of bytes.
pub(crate) trait IdBytes<const N: usize>: Sized {
    /// The id of these bytes.
    fn read(bytes: [u8; N]) -> Self;
    /// Its bytes.
    fn bytes(&self) -> &[u8; N];
}

macro_rules! id_bytes {
    ($len:literal: $($id:ty),+) => {$(
        impl IdBytes<$len> for $id {
            fn read(bytes: [u8; $len]) -> Self {
                Self::from_bytes(bytes)
            }
            fn bytes(&self) -> &[u8; $len] {
                self.as_bytes()
            }
        }
    )+};
}

id_bytes!(16: domain::CardId, domain::DeckId, domain::DeviceId, domain::DocId, domain::EventId, domain::IncarnationId,
    domain::TagId, domain::VaultId);
id_bytes!(32: domain::BlobHash);

macro_rules! codec {
    ($name:ident, $len:literal) => {
        /// One id.
        pub(crate) mod $name {
            use super::IdBytes;
            use minicbor::decode::{Decoder, Error};
            use minicbor::encode::{self, Encoder, Write};

            pub(crate) fn encode<C, T: IdBytes<$len>, W: Write>(
                id: &T,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), encode::Error<W::Error>> {
                e.bytes(id.bytes())?.ok()
            }

            pub(crate) fn decode<'b, C, T: IdBytes<$len>>(d: &mut Decoder<'b>, _: &mut C) -> Result<T, Error> {
                let bytes = d.bytes()?;
                let bytes = bytes.try_into().map_err(|_| Error::message("an id of another length"))?;
                Ok(T::read(bytes))
            }
        }
    };
}

codec!(id16, 16);
codec!(id32, 32);

/// A list of ids of 16 bytes, as one byte string.
pub(crate) mod ids16 {
    use super::IdBytes;
    use minicbor::decode::{Decoder, Error};
    use minicbor::encode::{self, Encoder, Write};

    pub(crate) fn encode<C, T: IdBytes<16>, W: Write>(
        ids: &[T],
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        let bytes: Vec<u8> = ids.iter().flat_map(|id| id.bytes()).copied().collect();
        e.bytes(&bytes)?.ok()
    }

    pub(crate) fn decode<'b, C, T: IdBytes<16>>(d: &mut Decoder<'b>, _: &mut C) -> Result<Vec<T>, Error> {
        let (ids, rest) = d.bytes()?.as_chunks::<16>();
        if !rest.is_empty() {
            return Err(Error::message("a list of ids that is cut off"));
        }
        Ok(ids.iter().map(|id| T::read(*id)).collect())
    }
}
