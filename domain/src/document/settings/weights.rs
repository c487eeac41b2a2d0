//! FSRS's weights as they stand in the settings: one scalar string, so that 21 figures fitted together stay together.

use crate::schedule::Weights;

const STORED_BYTES_MAX: usize = 1_024;

/// Weights as they are stored.
pub fn to_json(weights: &Weights) -> String {
    serde_json::to_string(&weights.figures()).expect("finite numbers always serialise")
}

/// Reads stored weights; nothing for damage: the weights of the average person hold then.
pub fn from_json(text: &str) -> Option<Weights> {
    if text.len() > STORED_BYTES_MAX {
        return None;
    }
    Weights::new(&serde_json::from_str::<Vec<f64>>(text).ok()?)
}
