//! How ids stand in the rows of the index: as CBOR byte strings.

/// An id of sixteen bytes.
pub(crate) trait IdBytes: Sized {
    /// The id of these bytes.
    fn read(bytes: [u8; 16]) -> Self;
    /// Its bytes.
    fn bytes(&self) -> &[u8; 16];
}

macro_rules! id_bytes {
    ($($id:ident),+) => {$(
        impl IdBytes for domain::$id {
            fn read(bytes: [u8; 16]) -> Self {
                Self::from_bytes(bytes)
            }
            fn bytes(&self) -> &[u8; 16] {
                self.as_bytes()
            }
        }
    )+};
}

id_bytes!(
    CardId,
    NoteId,
    DeckId,
    DeviceId,
    DocId,
    EventId,
    IncarnationId,
    TagId,
    VaultId
);

/// One id.
pub(crate) mod id16 {
    use super::IdBytes;
    use minicbor::decode::{Decoder, Error};
    use minicbor::encode::{self, Encoder, Write};

    pub(crate) fn encode<C, T: IdBytes, W: Write>(
        id: &T,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.bytes(id.bytes())?.ok()
    }

    pub(crate) fn decode<'b, C, T: IdBytes>(d: &mut Decoder<'b>, _: &mut C) -> Result<T, Error> {
        let bytes = d.bytes()?;
        let bytes = bytes
            .try_into()
            .map_err(|_| Error::message("an id of another length"))?;
        Ok(T::read(bytes))
    }
}

/// A list of ids of 16 bytes, as one byte string.
pub(crate) mod ids16 {
    use super::IdBytes;
    use minicbor::decode::{Decoder, Error};
    use minicbor::encode::{self, Encoder, Write};

    pub(crate) fn encode<C, T: IdBytes, W: Write>(
        ids: &[T],
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        let bytes: Vec<u8> = ids.iter().flat_map(|id| id.bytes()).copied().collect();
        e.bytes(&bytes)?.ok()
    }

    pub(crate) fn decode<'b, C, T: IdBytes>(
        d: &mut Decoder<'b>,
        _: &mut C,
    ) -> Result<Vec<T>, Error> {
        let (ids, rest) = d.bytes()?.as_chunks::<16>();
        if !rest.is_empty() {
            return Err(Error::message("a list of ids that is cut off"));
        }
        Ok(ids.iter().map(|id| T::read(*id)).collect())
    }
}
