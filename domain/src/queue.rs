//! Queue (being written).
