//! A look-ahead limiter on the true peak: loud peaks come down smoothly, before they are heard, and nothing else changes.
//!
//! Each frame's true peak asks for a gain. The smallest gain asked for within the look-ahead is held, let go slowly, and
//! averaged over the same time; the samples come out as late as that takes. An average of gains that are all at most
//! what a frame asked for is at most that, so no frame comes out above the ceiling.

use std::collections::VecDeque;

use super::decode::Shape;

/// Taps of a phase of the interpolator, and how many frames late its middle is.
const TAPS: usize = 12;
const TAPS_DELAY: usize = TAPS / 2;

/// Values between two frames at four times the rate (ITU-R BS.1770-4 annex 2, table of phases 0 to 3).
const PHASES: [[f32; TAPS]; 4] = [
    [
        0.001_708_984_4,
        0.010_986_328,
        -0.019_653_32,
        0.033_203_125,
        -0.059_448_242,
        0.137_329_1,
        0.972_167_97,
        -0.102_294_92,
        0.047_607_42,
        -0.026_611_328,
        0.014_892_578,
        -0.008_300_781,
    ],
    [
        -0.029_174_805,
        0.029_296_875,
        -0.051_757_812,
        0.089_111_33,
        -0.166_503_9,
        0.465_087_9,
        0.779_785_16,
        -0.200_317_38,
        0.101_562_5,
        -0.058_227_54,
        0.033_081_055,
        -0.018_920_898,
    ],
    [
        -0.018_920_898,
        0.033_081_055,
        -0.058_227_54,
        0.101_562_5,
        -0.200_317_38,
        0.779_785_16,
        0.465_087_9,
        -0.166_503_9,
        0.089_111_33,
        -0.051_757_812,
        0.029_296_875,
        -0.029_174_805,
    ],
    [
        -0.008_300_781,
        0.014_892_578,
        -0.026_611_328,
        0.047_607_42,
        -0.102_294_92,
        0.972_167_97,
        0.137_329_1,
        -0.059_448_242,
        0.033_203_125,
        -0.019_653_32,
        0.010_986_328,
        0.001_708_984_4,
    ],
];

/// No phase makes more of samples than this many times the largest: below the ceiling divided by it nothing is
/// interpolated. The largest sum of a phase's weights is 2.03.
const PHASE_GAIN_MAX: f32 = 2.1;

/// How far ahead the limiter looks: shorter is heard as a click, longer as a dip before the peak.
const LOOK_AHEAD_MS: usize = 5;

/// How long a gain takes to come back by two thirds: shorter is heard as a flutter in low tones.
const RELEASE_MS: f32 = 80.0;

/// Gains are whole parts of this, so that the running sum of the average is exact however long the sound.
const UNITY: u64 = 1 << 32;

/// The state of a limiter between blocks.
pub(super) struct Limiter {
    channels: usize,
    gain: f32,
    ceiling: f32,
    look_ahead: usize,
    release: f32,
    /// The last frames of each channel, for the interpolator.
    history: Vec<[f32; TAPS]>,
    /// How many frames from now on the interpolator must run, because a loud one is among its taps.
    loud_for: usize,
    /// Frames that are still to come out, interleaved.
    waiting: VecDeque<f32>,
    /// Gains asked for within the look-ahead, smallest first: the frame that asked, the gain.
    asked: VecDeque<(u64, f32)>,
    held: f32,
    average: VecDeque<u64>,
    sum: u64,
    frame: u64,
}

impl Limiter {
    /// Makes a limiter that first multiplies by `gain` and then holds the true peak at `ceiling`.
    pub(super) fn new(shape: Shape, gain: f32, ceiling: f32) -> Self {
        let rate = usize::try_from(shape.rate_hz).unwrap_or(usize::MAX);
        let look_ahead = (rate * LOOK_AHEAD_MS / 1_000).max(1);
        let release = 1_000.0 / (RELEASE_MS * shape.rate_hz as f32);
        Self {
            channels: shape.channels,
            gain,
            ceiling,
            look_ahead,
            release,
            history: vec![[0.0; TAPS]; shape.channels],
            loud_for: 0,
            waiting: VecDeque::from(vec![0.0; Self::delay_of(look_ahead) * shape.channels]),
            asked: VecDeque::new(),
            held: 1.0,
            average: VecDeque::from(vec![UNITY; look_ahead]),
            sum: UNITY * u64::try_from(look_ahead).unwrap_or(u64::MAX),
            frame: 0,
        }
    }

    /// Frames that come out after those that went in: as many of silence have to follow, as many of the first to be
    /// dropped.
    pub(super) fn delay(&self) -> usize {
        Self::delay_of(self.look_ahead)
    }

    const fn delay_of(look_ahead: usize) -> usize {
        look_ahead - 1 + TAPS_DELAY
    }

    /// Takes interleaved frames in and appends as many, from earlier, to `out`.
    pub(super) fn run(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        out.reserve(samples.len());
        for frame in samples.chunks_exact(self.channels) {
            let gain = self.gain_for(frame);
            for sample in frame {
                self.waiting.push_back(sample * self.gain);
                // As many wait as were put in front, so one is always there.
                out.push(self.waiting.pop_front().unwrap_or_default() * gain);
            }
        }
    }

    /// Finds the gain of the frame that comes out while this one goes in.
    fn gain_for(&mut self, frame: &[f32]) -> f32 {
        let peak = self.true_peak(frame);
        let asked = if peak > self.ceiling {
            self.ceiling / peak
        } else {
            1.0
        };
        let least = self.least_asked(asked);
        let rising = self.held + (1.0 - self.held) * self.release;
        self.held = least.min(rising);
        let held = (f64::from(self.held) * UNITY as f64) as u64;
        self.average.push_back(held);
        self.sum += held;
        self.sum -= self.average.pop_front().unwrap_or_default();
        self.frame += 1;
        (self.sum as f64 / (self.look_ahead as f64 * UNITY as f64)) as f32
    }

    /// The smallest gain asked for in the last `look_ahead` frames, this one among them, and one frame more: a peak
    /// between two frames belongs to both.
    fn least_asked(&mut self, asked: f32) -> f32 {
        while self.asked.back().is_some_and(|(_, gain)| *gain >= asked) {
            self.asked.pop_back();
        }
        self.asked.push_back((self.frame, asked));
        let window = u64::try_from(self.look_ahead).unwrap_or(u64::MAX);
        while self
            .asked
            .front()
            .is_some_and(|(at, _)| at + window < self.frame)
        {
            self.asked.pop_front();
        }
        self.asked.front().map_or(1.0, |(_, gain)| *gain)
    }

    /// The largest value at and around the frame that went in `TAPS_DELAY` ago.
    fn true_peak(&mut self, frame: &[f32]) -> f32 {
        let mut largest = 0.0_f32;
        for (history, sample) in self.history.iter_mut().zip(frame) {
            history.copy_within(1.., 0);
            let sample = sample * self.gain;
            history[TAPS - 1] = sample;
            largest = largest.max(sample.abs());
        }
        if largest * PHASE_GAIN_MAX > self.ceiling {
            self.loud_for = TAPS;
        }
        if self.loud_for == 0 {
            return 0.0;
        }
        self.loud_for -= 1;
        let mut peak = 0.0_f32;
        for history in &self.history {
            peak = peak.max(history[TAPS - 1 - TAPS_DELAY].abs());
            for phase in &PHASES {
                let value: f32 = history
                    .iter()
                    .zip(phase)
                    .map(|(x, weight)| x * weight)
                    .sum();
                peak = peak.max(value.abs());
            }
        }
        peak
    }
}
