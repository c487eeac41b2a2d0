//! The only source of chance: one number decides a whole run.

/// Splitmix64.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The dice of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `below`, which is not 0.
    pub fn roll(&mut self, below: u64) -> u64 {
        self.next() % below.max(1)
    }

    /// A place in something of this length, which is not 0.
    pub fn place(&mut self, len: usize) -> usize {
        self.roll(len as u64) as usize
    }

    /// From `from` on, below `to`.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.roll(to - from)
    }

    /// True so many times of a thousand.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.roll(1_000) < per_mille
    }

    /// Small most of the time, up to `max` now and then.
    pub fn skewed(&mut self, max: u64) -> u64 {
        let bits = u64::from(64 - max.leading_zeros());
        let shift = self.roll(bits + 1);
        self.roll((max >> shift).max(1))
    }

    /// Fresh bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len + 8);
        while bytes.len() < len {
            bytes.extend(self.next().to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }

    /// Fresh bytes of an id.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        array.copy_from_slice(&self.bytes(N));
        array
    }
}
