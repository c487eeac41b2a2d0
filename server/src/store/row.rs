//! Fixed layouts of the rows that are written with every change: numbers big-endian, in the order of the fields.
//!
//! Each layout starts with its version. Rows that change seldom (accounts, devices, blobs) are JSON instead and live
//! beside their code.

use domain::ChangeHash;
use sync_protocol::Chain;

use super::StoreError;

const VERSION: u8 = 1;

/// Takes a row apart.
pub(super) struct Reader<'a> {
    what: &'static str,
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts after the version byte.
    pub(super) fn new(what: &'static str, row: &'a [u8]) -> Result<Self, StoreError> {
        match row.split_first() {
            Some((&VERSION, left)) => Ok(Self { what, left }),
            _ => Err(StoreError::Damaged(what)),
        }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        let (array, left) = self
            .left
            .split_first_chunk::<N>()
            .ok_or(StoreError::Damaged(self.what))?;
        self.left = left;
        Ok(*array)
    }

    pub(super) fn u64(&mut self) -> Result<u64, StoreError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, StoreError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// A counted list of change hashes.
    pub(super) fn hashes(&mut self) -> Result<Vec<ChangeHash>, StoreError> {
        let count = self.u32()?;
        (0..count)
            .map(|_| self.array().map(ChangeHash::from_bytes))
            .collect()
    }

    pub(super) fn chain(&mut self) -> Result<Chain, StoreError> {
        self.array().map(Chain::from_bytes)
    }
}

/// Puts a row together.
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn new() -> Self {
        Self(vec![VERSION])
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn u64(self, value: u64) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(super) fn u32(self, value: u32) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    /// A counted list of change hashes.
    pub(super) fn hashes(self, hashes: &[ChangeHash]) -> Self {
        let count = u32::try_from(hashes.len()).unwrap_or(u32::MAX);
        hashes
            .iter()
            .fold(self.u32(count), |row, hash| row.bytes(hash.as_bytes()))
    }

    pub(super) fn done(self) -> Vec<u8> {
        self.0
    }
}
