//! Any number of channels folded into one or two: a card is heard through a phone or a pair of headphones.

use symphonia::core::audio::{Channels, Position};

use super::SoundError;
use crate::limit;

/// How loud a channel from between or behind the two front ones is mixed in: half the power (ITU-R BS.775-3, table 2).
const HALF_POWER: f32 = std::f32::consts::FRAC_1_SQRT_2;

/// Weights of each channel of a frame in the left and the right one.
#[derive(Clone, Debug)]
pub(super) struct Fold {
    channels: Channels,
    inputs: usize,
    /// Weights per input channel; none where the frame passes unchanged.
    weights: Option<Vec<[f32; 2]>>,
}

impl Fold {
    /// Finds the weights for a layout of channels.
    pub(super) fn new(channels: &Channels) -> Result<Self, SoundError> {
        let inputs = channels.count();
        let most = usize::try_from(limit::AUDIO_CHANNELS_MAX).unwrap_or(usize::MAX);
        if inputs == 0 || inputs > most {
            return Err(SoundError::Channels(inputs));
        }
        let weights = (inputs > 2).then(|| match channels {
            Channels::Positioned(positions) => positions.iter().map(weights_of).collect(),
            // Nobody tells which is where: every second one goes to each side.
            _ => (0..inputs)
                .map(|at| if at % 2 == 0 { [1.0, 0.0] } else { [0.0, 1.0] })
                .collect(),
        });
        Ok(Self {
            channels: channels.clone(),
            inputs,
            weights,
        })
    }

    /// Number of channels that come out: 1 or 2.
    pub(super) fn channels(&self) -> usize {
        self.inputs.min(2)
    }

    /// True if it was made for this layout.
    pub(super) fn takes(&self, channels: &Channels) -> bool {
        self.channels == *channels
    }

    /// Writes the folded frames over `to`. A last part of a frame is left out.
    pub(super) fn fold(&self, from: &[f32], to: &mut Vec<f32>) {
        to.clear();
        let Some(weights) = &self.weights else {
            let whole = from.len() - from.len() % self.inputs;
            to.extend(from.iter().take(whole));
            return;
        };
        to.reserve(from.len() / self.inputs * 2);
        for frame in from.chunks_exact(self.inputs) {
            let mut sides = [0.0_f32; 2];
            for (sample, [left, right]) in frame.iter().zip(weights) {
                sides[0] += sample * left;
                sides[1] += sample * right;
            }
            to.extend(sides);
        }
    }
}

/// Tells how loud one loudspeaker is heard left and right. The one for rumble is left out, as in any mix for two.
fn weights_of(position: Position) -> [f32; 2] {
    const LEFT: Position = Position::REAR_LEFT
        .union(Position::SIDE_LEFT)
        .union(Position::TOP_FRONT_LEFT)
        .union(Position::TOP_REAR_LEFT)
        .union(Position::TOP_SIDE_LEFT);
    const RIGHT: Position = Position::REAR_RIGHT
        .union(Position::SIDE_RIGHT)
        .union(Position::TOP_FRONT_RIGHT)
        .union(Position::TOP_REAR_RIGHT)
        .union(Position::TOP_SIDE_RIGHT);
    match position {
        Position::FRONT_LEFT | Position::FRONT_LEFT_CENTER | Position::FRONT_LEFT_WIDE => {
            [1.0, 0.0]
        }
        Position::FRONT_RIGHT | Position::FRONT_RIGHT_CENTER | Position::FRONT_RIGHT_WIDE => {
            [0.0, 1.0]
        }
        Position::LFE1 | Position::LFE2 => [0.0, 0.0],
        other if LEFT.contains(other) => [HALF_POWER, 0.0],
        other if RIGHT.contains(other) => [0.0, HALF_POWER],
        _ => [HALF_POWER, HALF_POWER],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use symphonia::core::audio::layouts;

    #[test]
    fn surround_becomes_two_and_less_stays() {
        let check = |channels: &Channels, from: &[f32], expected: &[f32]| {
            let mut to = Vec::new();
            Fold::new(channels).unwrap().fold(from, &mut to);
            assert_eq!(to, expected);
        };
        check(&layouts::CHANNEL_LAYOUT_MONO, &[0.5, 0.25], &[0.5, 0.25]);
        check(
            &layouts::CHANNEL_LAYOUT_STEREO,
            &[0.5, 0.25, 1.0],
            &[0.5, 0.25],
        );
        // Left, right, centre, rumble, rear left, rear right.
        check(
            &layouts::CHANNEL_LAYOUT_5P1,
            &[0.5, 0.25, 0.0, 1.0, 0.0, 0.0],
            &[0.5, 0.25],
        );
        check(
            &layouts::CHANNEL_LAYOUT_5P1,
            &[0.0, 0.0, 1.0, 1.0, 0.0, 0.0],
            &[HALF_POWER, HALF_POWER],
        );
        check(&Channels::Discrete(3), &[0.5, 0.25, 0.25], &[0.75, 0.25]);
        assert!(Fold::new(&Channels::Discrete(9)).is_err());
        assert!(Fold::new(&Channels::Discrete(0)).is_err());
    }
}
