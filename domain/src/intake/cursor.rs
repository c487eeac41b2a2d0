//! Reading the numbers and byte strings of a change chunk. Nothing here allocates, and nothing trusts a length before the
//! bytes are there.

use crate::intake::GateError;

/// What is still to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn take(&mut self, count: u64) -> Result<&'a [u8], GateError> {
        let count = usize::try_from(count).map_err(|_| GateError::Truncated)?;
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(GateError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], GateError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(GateError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// An unsigned LEB128 in its shortest form, as Automerge writes it.
    pub(super) fn uleb(&mut self) -> Result<u64, GateError> {
        let mut value: u64 = 0;
        for index in 0..10_u32 {
            let [byte] = self.array()?;
            if index == 9 && byte > 1 {
                return Err(GateError::Malformed("number"));
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                let shortest = byte != 0 || index == 0;
                return if shortest {
                    Ok(value)
                } else {
                    Err(GateError::Malformed("number"))
                };
            }
        }
        Err(GateError::Malformed("number"))
    }

    /// A signed LEB128 in its shortest form.
    pub(super) fn sleb(&mut self) -> Result<i64, GateError> {
        let mut value: i64 = 0;
        let mut previous = 0;
        for index in 0..10_u32 {
            let [byte] = self.array()?;
            let shift = 7 * index;
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 != 0 {
                previous = byte;
                continue;
            }
            // The tenth byte holds one bit of the value, and its sign.
            let fits = index < 9 || byte == 0 || byte == 0x7f;
            let repeats_sign = index > 0
                && ((byte == 0 && previous & 0x40 == 0) || (byte == 0x7f && previous & 0x40 != 0));
            if !fits || repeats_sign {
                return Err(GateError::Malformed("number"));
            }
            if byte & 0x40 != 0 && shift + 7 < 64 {
                value |= -1 << (shift + 7);
            }
            return Ok(value);
        }
        Err(GateError::Malformed("number"))
    }

    pub(super) fn text(&mut self) -> Result<&'a str, GateError> {
        let length = self.uleb()?;
        std::str::from_utf8(self.take(length)?).map_err(|_| GateError::Malformed("text"))
    }
}
