//! How loud a sound is: integrated loudness and true peak (EBU R128, ITU-R BS.1770-4), and whether its two channels
//! differ at all. One pass; what it keeps does not grow with the length.

use ebur128::{Channel, EbuR128, Mode};

use super::SoundError;
use super::decode::{NOTHING, Shape, Stream, Trim};
use super::wave::Wave;
use crate::limit;
use crate::mime::Mime;

/// What one pass over a sound found.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(feature = "mp3"),
    expect(dead_code, reason = "some of it is for making an MP3 only")
)]
pub(super) struct Measured {
    pub shape: Shape,
    /// Length in frames, by decoding.
    pub frames: u64,
    /// Integrated loudness in LUFS; none for silence.
    pub lufs: Option<f64>,
    /// Largest value between or on the samples; 1 is full scale.
    pub true_peak: f64,
    /// True if both channels carry the same sound.
    pub is_mono_in_stereo: bool,
    /// True if only the lower half of the tones is decoded.
    pub is_half_band: bool,
    /// How its ends are to be treated when it is decoded again.
    pub trim: Trim,
    pub wave: Wave,
}

impl Measured {
    /// Length in milliseconds, rounded to nearest.
    pub(super) fn duration_ms(&self) -> u64 {
        let rate = u64::from(self.shape.rate_hz);
        (self.frames * 1_000 + rate / 2) / rate
    }
}

/// Decodes a whole sound once and measures it.
pub(super) fn measure(mime: Mime, bytes: &[u8]) -> Result<Measured, SoundError> {
    let told = measure_as(mime, bytes, Trim::AsTold);
    let falls_short = match &told {
        Ok((measured, held)) => *held > measured.frames + limit::MP3_PADDING_FRAMES_MAX,
        Err(error) => *error == NOTHING,
    };
    // A count of frames in an MP3's first frame that is too low cuts off all the rest: then it is not believed.
    if mime == Mime::Mp3 && falls_short {
        return measure_as(mime, bytes, Trim::Nothing).map(|(measured, _)| measured);
    }
    told.map(|(measured, _)| measured)
}

fn measure_as(mime: Mime, bytes: &[u8], trim: Trim) -> Result<(Measured, u64), SoundError> {
    let mut stream = Stream::open(mime, bytes, trim)?;
    let mut meter: Option<Meter> = None;
    let mut wave = Wave::new();
    while let Some((shape, block)) = stream.next_block()? {
        let meter = match &mut meter {
            Some(meter) => meter,
            empty => empty.insert(Meter::new(shape)?),
        };
        meter.add(block)?;
        wave.add(block, shape.channels);
    }
    let meter = meter.ok_or(NOTHING)?;
    let is_mono_in_stereo = meter.is_mono_in_stereo();
    let shape = meter.shape;
    let (lufs, true_peak) = meter.finish()?;
    let measured = Measured {
        shape,
        frames: stream.frames(),
        lufs,
        true_peak,
        is_mono_in_stereo,
        is_half_band: stream.is_half_band(),
        trim,
        wave,
    };
    Ok((measured, stream.held_frames()))
}

/// The meter, and what a short sound needs besides.
struct Meter {
    shape: Shape,
    ebur128: EbuR128,
    /// The beginning, until it is known that the sound is long enough for a gating block.
    beginning: Vec<f32>,
    beginning_samples_max: usize,
    frames: usize,
    middle_energy: f64,
    side_energy: f64,
}

impl Meter {
    fn new(shape: Shape) -> Result<Self, SoundError> {
        let channels = if shape.channels == 1 { 1 } else { 2 };
        let mut ebur128 = EbuR128::new(channels, shape.rate_hz, Mode::I | Mode::TRUE_PEAK)
            .map_err(|_| unmeasurable())?;
        if channels == 1 {
            // One channel comes out of two loudspeakers: without this, mono ends 3 LU louder than the same in stereo.
            ebur128
                .set_channel(0, Channel::DualMono)
                .map_err(|_| unmeasurable())?;
        }
        let rate = usize::try_from(shape.rate_hz).unwrap_or(usize::MAX);
        Ok(Self {
            shape,
            ebur128,
            beginning: Vec::new(),
            beginning_samples_max: rate * shape.channels * GATING_BLOCK_MS / 1_000,
            frames: 0,
            middle_energy: 0.0,
            side_energy: 0.0,
        })
    }

    fn add(&mut self, samples: &[f32]) -> Result<(), SoundError> {
        self.ebur128
            .add_frames_f32(samples)
            .map_err(|_| unmeasurable())?;
        self.frames += samples.len() / self.shape.channels;
        let room = self.beginning_samples_max - self.beginning.len();
        self.beginning.extend(samples.iter().take(room));
        if self.shape.channels == 2 {
            let (mut middle, mut side) = (0.0, 0.0);
            for (left, right) in pairs(samples) {
                middle += f64::from((left + right) * 0.5).powi(2);
                side += f64::from((left - right) * 0.5).powi(2);
            }
            self.middle_energy += middle;
            self.side_energy += side;
        }
        Ok(())
    }

    fn is_mono_in_stereo(&self) -> bool {
        self.shape.channels == 2
            && self.side_energy <= self.middle_energy * limit::SIDE_ENERGY_RATIO_MAX
    }

    /// Gives the loudness, if it is not silent, and the true peak.
    fn finish(mut self) -> Result<(Option<f64>, f64), SoundError> {
        let mut true_peak = 0.0_f64;
        for channel in 0..self.ebur128.channels() {
            let peak = self.ebur128.true_peak(channel);
            true_peak = true_peak.max(peak.map_err(|_| unmeasurable())?);
        }
        if self.frames * self.shape.channels < self.beginning_samples_max {
            // Too short for one gating block: the same again and again, as long as a second.
            let second = usize::try_from(self.shape.rate_hz).unwrap_or(usize::MAX);
            for _ in 0..second / self.frames.max(1) {
                self.ebur128
                    .add_frames_f32(&self.beginning)
                    .map_err(|_| unmeasurable())?;
            }
        }
        let lufs = self.ebur128.loudness_global().map_err(|_| unmeasurable())?;
        let lufs = (lufs.is_finite() && lufs > SILENCE_LUFS).then_some(lufs);
        Ok((lufs, true_peak))
    }
}

/// Length of a gating block (ITU-R BS.1770-4 annex 1): a shorter sound has no loudness of its own.
const GATING_BLOCK_MS: usize = 400;

/// The absolute gate (ITU-R BS.1770-4 annex 1): nothing below it counts as sound.
const SILENCE_LUFS: f64 = -70.0;

fn unmeasurable() -> SoundError {
    SoundError::Damaged("its loudness cannot be measured")
}

/// Walks interleaved frames of two channels.
pub(super) fn pairs(samples: &[f32]) -> impl Iterator<Item = (f32, f32)> {
    samples.as_chunks::<2>().0.iter().map(|[l, r]| (*l, *r))
}
