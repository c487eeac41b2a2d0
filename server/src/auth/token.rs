//! Device tokens: 256 random bits with a prefix. Only their hash is stored, and they never show in a log.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const PREFIX: &str = "mv1_";
const TOKEN_BYTES: usize = 32;

/// A device's secret. Its `Debug` says nothing.
#[derive(Clone)]
pub struct Token(Zeroizing<[u8; TOKEN_BYTES]>);

/// What the store keeps of a token: `BLAKE3("memoryvault token" || token)`.
///
/// A fast hash is enough, because 256 random bits cannot be guessed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenHash([u8; 32]);

impl Token {
    /// Draws a fresh token.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn draw() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
        getrandom::fill(bytes.as_mut_slice())?;
        Ok(Self(bytes))
    }

    /// Reads `mv1_` and 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX)?.as_bytes();
        let (pairs, rest) = digits.as_chunks::<2>();
        if pairs.len() != TOKEN_BYTES || !rest.is_empty() {
            return None;
        }
        let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
        Some(Self(bytes))
    }

    /// The text a device keeps and sends. Goes to its owner only.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + 2 * TOKEN_BYTES));
        text.push_str(PREFIX);
        for byte in self.0.iter() {
            text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
            text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        }
        text
    }

    /// What the store keeps.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"memoryvault token");
        hasher.update(self.0.as_slice());
        TokenHash(*hasher.finalize().as_bytes())
    }
}

impl TokenHash {
    /// From stored bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// For storing.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Equality in constant time.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(redacted)")
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_text_and_hides_in_debug() {
        let token = Token::draw().unwrap();
        let text = token.reveal();
        assert_eq!(text.len(), 68);
        assert!(Token::parse(&text).unwrap().hash().same(&token.hash()));
        let shown = format!("{token:?} {:?}", token.hash());
        assert_eq!(shown, "Token(redacted) TokenHash(redacted)");
        assert_ne!(Token::draw().unwrap().hash(), token.hash());
    }

    #[test]
    fn anything_else_is_no_token() {
        let good = "mv1_".to_owned() + &"ab".repeat(32);
        assert!(Token::parse(&good).is_some());
        for bad in [
            String::new(),
            "mv1_".to_owned(),
            good.to_uppercase(),
            good.replace("mv1_", "mv2_"),
            good.clone() + "a",
            good.clone() + "ab",
            good.replacen('a', "g", 1),
            " ".to_owned() + &good,
        ] {
            assert!(Token::parse(&bad).is_none(), "{bad:?}");
        }
    }
}
