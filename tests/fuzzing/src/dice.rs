//! A seeded source of choices: splitmix64, whose whole state is one number, so that a case can be told by it.

/// A seeded source of choices.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The same seed gives the same choices.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn roll(&mut self) -> u64 {
        // Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 when there is none.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll().checked_rem(bound).unwrap_or(0)
    }

    /// An index of something of this length.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).expect("below a usize")
    }

    /// True once in `times`.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let index = self.index(from.len());
        from.get(index)
    }

    /// Any bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            [*byte, ..] = self.roll().to_le_bytes();
        }
        bytes
    }

    /// A number that breaks things: small, at a power of two, at a bound of ours, or anything.
    pub fn odd_number(&mut self) -> u64 {
        match self.below(6) {
            0 => self.below(4),
            1 => self.below(300),
            2 => 1u64
                .checked_shl(u32::try_from(self.below(64)).unwrap_or(0))
                .unwrap_or(1)
                .wrapping_sub(self.below(3)),
            3 => [1 << 30, 1 << 32, 50_000, 100_000, u64::MAX, i64::MAX as u64]
                .get(self.index(6))
                .copied()
                .unwrap_or(0)
                .wrapping_sub(self.below(3)),
            4 => self.below(100_000),
            _ => self.roll(),
        }
    }
}
