//! User names: one spelling each, safe to show and to use as a key.

use std::fmt;

use crate::limit;

/// A user name in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserName(String);

/// Why a text is no user name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a user name has 1 to 64 bytes of letters, digits and . _ - @ +")]
pub struct BadUserName;

impl UserName {
    /// Reads a name; upper and lower case are the same.
    ///
    /// # Errors
    /// [`BadUserName`] for anything but 1 to 64 bytes of letters, digits and `. _ - @ +`.
    pub fn parse(text: &str) -> Result<Self, BadUserName> {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@' | '+');
        let lower = text.to_lowercase();
        if lower.is_empty() || lower.len() > limit::USER_BYTES_MAX || !lower.chars().all(plain) {
            return Err(BadUserName);
        }
        Ok(Self(lower))
    }

    /// The name in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in [
            "ann",
            "Ann",
            "ann.lee@example.org",
            "Åsa",
            "用户",
            "a+b_c-d",
        ] {
            let name = UserName::parse(good).unwrap();
            assert_eq!(name.as_str(), good.to_lowercase());
        }
        for bad in [
            "",
            " ",
            "a b",
            "a/b",
            "a\0",
            "a\n",
            "a\u{202e}b",
            &"x".repeat(65),
        ] {
            assert_eq!(UserName::parse(bad), Err(BadUserName), "{bad:?}");
        }
    }
}
