//! argon2id to and from PHC strings, in memory that goes back to the system after every hash.
//!
//! Blocks of 19 MiB would come from the allocator's heaps, one for each thread that ever hashed, and stay there: 400 MB
//! after a hundred logins. An allocation over 32 MiB is always a mapping of its own (`mallopt(3)`,
//! `DEFAULT_MMAP_THRESHOLD_MAX`); what of it is not touched costs nothing.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use subtle::ConstantTimeEq;

/// Memory in KiB, passes, lanes: what OWASP asks at least.
const COSTS: (u32, u32, u32) = (19_456, 2, 1);

/// Blocks of 1 KiB set aside for a hash: over 32 MiB.
const BLOCKS_SET_ASIDE: usize = 33 << 10;

/// Why a password could not be hashed or compared.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArgonError {
    /// argon2 refused its parameters.
    #[error("argon2: {0}")]
    Argon(argon2::Error),
    /// The stored text is no PHC string of argon2id.
    #[error("the stored hash is damaged: {0}")]
    Stored(String),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random(#[from] getrandom::Error),
}

/// Hashes with today's parameters and a fresh salt.
pub(crate) fn hash(password: &[u8]) -> Result<String, ArgonError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    let params = today()?;
    let salt = Salt::new(&bytes).map_err(stored)?;
    let hash = PasswordHash {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(&params).map_err(stored)?,
        salt: Some(salt),
        hash: Some(derive(password, &salt, params)?),
    };
    Ok(hash.to_string())
}

/// Whether the password is the one that was hashed.
pub(crate) fn verify(password: &[u8], phc: &str) -> Result<bool, ArgonError> {
    let parsed = PasswordHash::new(phc).map_err(stored)?;
    let (Some(salt), Some(expected)) = (parsed.salt, parsed.hash) else {
        return Err(stored("salt or hash are missing"));
    };
    if parsed.algorithm != ARGON2ID_IDENT || parsed.version != Some(Version::V0x13.into()) {
        return Err(stored("another algorithm or version"));
    }
    let params = Params::try_from(&parsed).map_err(stored)?;
    let found = derive(password, &salt, params)?;
    Ok(found.as_bytes().ct_eq(expected.as_bytes()).into())
}

/// Whether a stored hash has today's parameters.
pub(crate) fn is_of_today(phc: &str) -> bool {
    let params = PasswordHash::new(phc)
        .ok()
        .and_then(|parsed| Params::try_from(&parsed).ok());
    params.is_some_and(|params| (params.m_cost(), params.t_cost(), params.p_cost()) == COSTS)
}

fn today() -> Result<Params, ArgonError> {
    let (memory, passes, lanes) = COSTS;
    Params::new(memory, passes, lanes, None).map_err(ArgonError::Argon)
}

fn derive(password: &[u8], salt: &Salt, params: Params) -> Result<Output, ArgonError> {
    let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
    let mut blocks: Vec<Block> = Vec::with_capacity(BLOCKS_SET_ASIDE.max(params.block_count()));
    blocks.resize(params.block_count(), Block::default());
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut out = vec![0; length];
    argon
        .hash_password_into_with_memory(password, salt, &mut out, &mut blocks)
        .map_err(ArgonError::Argon)?;
    Output::new(&out).map_err(stored)
}

fn stored(reason: impl ToString) -> ArgonError {
    ArgonError::Stored(reason.to_string())
}
