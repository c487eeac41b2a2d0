//! Choices of seeded tests, and how such a test is told its seed and its length.

use tests::random_bytes;

/// A seeded source of choices.
pub struct Dice {
    seed: u64,
    rolled: u64,
}

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self { seed, rolled: 0 }
    }

    pub fn roll(&mut self) -> u64 {
        self.rolled += 1;
        let bytes = random_bytes(
            self.seed.wrapping_mul(1_000_003).wrapping_add(self.rolled),
            8,
        );
        u64::from_le_bytes(bytes.try_into().expect("eight bytes were asked for"))
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).expect("an index fits")].clone()
    }
}

/// A number that the environment may give.
pub fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| {
        text.parse()
            .unwrap_or_else(|cause| panic!("{name}={text}: {cause}"))
    })
}

/// A seed that differs from run to run; it is printed by whoever uses it.
pub fn seed_of_the_clock() -> u64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("the clock is after 1970");
    u64::try_from(since.as_millis()).expect("a millisecond count fits")
}
