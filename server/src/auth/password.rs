//! Passwords: what is accepted, and argon2id on a bounded pool.
//!
//! A password lives here only as [`Password`], which is wiped after use. An unknown user costs the same hash as a
//! known one.

use zeroize::Zeroizing;

use super::argon::{self, ArgonError};
use crate::limit;
use crate::pool::{Pool, PoolError};

/// The commonest passwords that are long enough otherwise, in lower case, one a line.
const COMMON: &str = include_str!("common_passwords.txt");

/// A password as somebody typed it. Its `Debug` says nothing; it is wiped when dropped.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl<'de> serde::Deserialize<'de> for Password {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <String as serde::Deserialize>::deserialize(deserializer).map(Self::typed)
    }
}

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRefused {
    /// Fewer than 10 bytes.
    #[error("the password is too short: use at least 10 characters")]
    Short,
    /// More than 256 bytes.
    #[error("the password is too long: use at most 256 bytes")]
    Long,
    /// In the list of the commonest, or one character repeated, or the user name.
    #[error("this password is among the first that anyone would try: choose another")]
    Common,
}

/// Why a password could not be checked or hashed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HashError {
    /// Too many wait already.
    #[error("too many password checks wait")]
    Busy,
    /// argon2 failed.
    #[error("the password could not be hashed")]
    Argon(#[from] ArgonError),
    /// The pool failed.
    #[error("the password could not be hashed")]
    Pool(#[source] PoolError),
}

/// What a check found.
#[derive(Debug)]
pub(crate) struct Checked {
    /// The password is the account's.
    pub(crate) right: bool,
    /// A hash with today's parameters to store instead of the old one.
    pub(crate) rehash: Option<String>,
}

/// Hashes and checks passwords, a few at once.
#[derive(Debug)]
pub(crate) struct Passwords {
    pool: Pool,
    dummy: String,
}

impl Password {
    /// Wraps what somebody typed, unchecked: for logging in.
    #[must_use]
    pub fn typed(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Checks what somebody wants as the password of `user`.
    ///
    /// # Errors
    /// [`PasswordRefused`] with the reason a person can act on.
    pub fn acceptable_for(&self, user: &str) -> Result<(), PasswordRefused> {
        let text = self.0.as_str();
        if text.len() < limit::PASSWORD_BYTES_MIN {
            return Err(PasswordRefused::Short);
        }
        if text.len() > limit::PASSWORD_BYTES_MAX {
            return Err(PasswordRefused::Long);
        }
        let lower = Zeroizing::new(text.to_lowercase());
        let first = lower.chars().next();
        let repeated = lower.chars().all(|character| Some(character) == first);
        let listed = COMMON.lines().any(|common| common == lower.as_str());
        if repeated || listed || lower.as_str() == user.to_lowercase() {
            return Err(PasswordRefused::Common);
        }
        Ok(())
    }

    /// Hashes with today's parameters, on this thread.
    pub(crate) fn hash(&self) -> Result<String, ArgonError> {
        argon::hash(self.0.as_bytes())
    }

    /// No account has a password of more than 256 bytes, so no more of it is ever hashed.
    fn check(&self, stored: &str) -> Result<Checked, ArgonError> {
        let is_long = self.0.len() > limit::PASSWORD_BYTES_MAX;
        let typed = if is_long { "" } else { self.0.as_str() };
        let right = argon::verify(typed.as_bytes(), stored)?;
        let is_old = right && !argon::is_of_today(stored);
        let rehash = if is_old { Some(self.hash()?) } else { None };
        Ok(Checked { right, rehash })
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(redacted)")
    }
}

impl Passwords {
    /// # Errors
    /// When the random source fails.
    pub(crate) fn new() -> Result<Self, HashError> {
        let dummy = Password::typed("nobody's password".to_owned()).hash()?;
        Ok(Self {
            pool: Pool::new("password", limit::HASHES_AT_ONCE, limit::HASHES_QUEUED_MAX),
            dummy,
        })
    }

    /// Hashes a new password.
    pub(crate) async fn hash(&self, password: Password) -> Result<String, HashError> {
        match self.pool.try_run(move || password.hash()).await {
            Ok(hashed) => Ok(hashed?),
            Err(error) => Err(from_pool(error)),
        }
    }

    /// Checks a password against an account's hash, or against nobody's with the same work.
    pub(crate) async fn check(
        &self,
        password: Password,
        stored: Option<String>,
    ) -> Result<Checked, HashError> {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.dummy.clone());
        match self.pool.try_run(move || password.check(&stored)).await {
            Ok(Ok(checked)) if known => Ok(checked),
            Ok(Ok(_)) => Ok(Checked {
                right: false,
                rehash: None,
            }),
            Ok(Err(error)) => Err(error.into()),
            Err(error) => Err(from_pool(error)),
        }
    }

    /// Waits until no check runs.
    pub(crate) async fn idle(&self) {
        self.pool.idle().await;
    }
}

fn from_pool(error: PoolError) -> HashError {
    match error {
        PoolError::Full(_) => HashError::Busy,
        ended @ PoolError::Ended(_) => HashError::Pool(ended),
    }
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordHasher;
    use argon2::password_hash::phc::PasswordHash;
    use argon2::{Algorithm, Argon2, Params, Version};

    use super::*;

    #[test]
    fn what_is_accepted() {
        let check = |text: &str| Password::typed(text.to_owned()).acceptable_for("Annabella-Lee");
        assert_eq!(check("123456789"), Err(PasswordRefused::Short));
        assert_eq!(check("quite a good one"), Ok(()));
        assert_eq!(check(&"ab".repeat(128)), Ok(()));
        assert_eq!(check(&"ab".repeat(129)), Err(PasswordRefused::Long));
        for common in ["1234567890", "Password123", "aaaaaaaaaaaa", "annabella-lee"] {
            assert_eq!(check(common), Err(PasswordRefused::Common), "{common}");
        }
        for common in COMMON.lines() {
            assert!(common.len() >= limit::PASSWORD_BYTES_MIN, "{common}");
            assert_eq!(common, common.to_lowercase());
        }
    }

    #[test]
    fn the_parameters_are_argon2id_19_mib_2_1() {
        let hash = Password::typed("quite a good one".into()).hash().unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
    }

    #[tokio::test]
    async fn right_wrong_unknown_and_an_older_hash() {
        let passwords = Passwords::new().unwrap();
        let good = Password::typed("quite a good one".into());
        let stored = passwords.hash(good.clone()).await.unwrap();
        let right = passwords
            .check(good.clone(), Some(stored.clone()))
            .await
            .unwrap();
        assert!(right.right && right.rehash.is_none());
        let wrong = Password::typed("quite a bad one".into());
        assert!(!passwords.check(wrong, Some(stored)).await.unwrap().right);
        assert!(!passwords.check(good.clone(), None).await.unwrap().right);
        let nobody = Password::typed("nobody's password".into());
        assert!(!passwords.check(nobody, None).await.unwrap().right);

        let weak = Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            Params::new(64, 1, 1, None).unwrap(),
        );
        let hash: PasswordHash = weak.hash_password(b"quite a good one").unwrap();
        let checked = passwords.check(good, Some(hash.to_string())).await.unwrap();
        assert!(checked.right);
        assert!(checked.rehash.unwrap().contains("m=19456,t=2,p=1"));
    }
}
