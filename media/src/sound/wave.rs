//! The outline of a sound for a page that draws it: 200 peaks, found while it streams past, whatever its length.

use crate::limit::AUDIO_PEAKS;

/// Bins kept while the length is not known; each of the 200 peaks is made of at least twenty of them in a long sound.
const BINS_MAX: usize = 8_192;

const _: () = assert!(BINS_MAX / 2 >= AUDIO_PEAKS * 20 && BINS_MAX.is_multiple_of(2));

/// Collects the largest samples. When its bins are full, two become one and each stands for twice the time.
#[derive(Clone, Debug)]
pub(super) struct Wave {
    bins: Vec<f32>,
    frames_per_bin: u64,
    /// Frames in the last bin.
    filled: u64,
}

impl Wave {
    pub(super) fn new() -> Self {
        Self {
            bins: Vec::new(),
            frames_per_bin: 1,
            filled: 0,
        }
    }

    /// Takes interleaved frames in.
    pub(super) fn add(&mut self, samples: &[f32], channels: usize) {
        for frame in samples.chunks_exact(channels) {
            let peak = frame.iter().fold(0.0_f32, |most, s| most.max(s.abs()));
            match self.bins.last_mut() {
                Some(bin) if self.filled < self.frames_per_bin => *bin = bin.max(peak),
                _ => {
                    self.halve_if_full();
                    self.bins.push(peak);
                    self.filled = 0;
                }
            }
            self.filled += 1;
        }
    }

    /// Gives the peaks in parts of equal length, a byte each, after a gain; 255 is full scale.
    pub(super) fn peaks(&self, gain: f32) -> Vec<u8> {
        let of = |part: usize| {
            let from = part * self.bins.len() / AUDIO_PEAKS;
            let to = ((part + 1) * self.bins.len() / AUDIO_PEAKS).max(from + 1);
            let bins = self.bins.get(from..to).unwrap_or_default();
            let peak = bins.iter().fold(0.0_f32, |most, bin| most.max(*bin));
            byte_of(peak * gain)
        };
        (0..AUDIO_PEAKS).map(of).collect()
    }

    fn halve_if_full(&mut self) {
        if self.bins.len() < BINS_MAX {
            return;
        }
        self.bins = self
            .bins
            .chunks(2)
            .map(|pair| pair.iter().fold(0.0_f32, |most, bin| most.max(*bin)))
            .collect();
        self.frames_per_bin *= 2;
    }
}

fn byte_of(peak: f32) -> u8 {
    (peak.clamp(0.0, 1.0) * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peaks_stand_where_they_were_heard() {
        for frames in [1, 7, 200, 8_192, 8_193, 100_000] {
            let mut wave = Wave::new();
            // Silence, then a loud last tenth, in blocks of odd sizes.
            let samples: Vec<f32> = (0..frames)
                .map(|at| if at >= frames * 9 / 10 { -0.5 } else { 0.0 })
                .collect();
            for block in samples.chunks(97) {
                wave.add(block, 1);
            }
            let peaks = wave.peaks(1.0);
            assert_eq!(peaks.len(), AUDIO_PEAKS, "{frames}");
            assert_eq!(peaks.last(), Some(&128), "{frames}");
            if frames >= 200 {
                let loud = peaks.iter().filter(|peak| **peak > 0).count();
                assert!((19..=21).contains(&loud), "{frames}: {loud}");
                assert_eq!(peaks.first(), Some(&0), "{frames}");
            }
            assert_eq!(wave.peaks(4.0).last(), Some(&255), "{frames}");
        }
    }

    #[test]
    fn both_channels_count() {
        let mut wave = Wave::new();
        wave.add(&[0.0, 1.0, 0.0, -1.0], 2);
        assert!(wave.peaks(1.0).iter().all(|peak| *peak == 255));
    }
}
