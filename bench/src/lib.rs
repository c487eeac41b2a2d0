//! Material for measurements: vaults of a given size, the same for the same numbers. Nothing here is shipped or tested against.

pub mod load;
pub mod vault;
