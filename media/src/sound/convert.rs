//! The second pass: decode again, gain, limiter, one channel where both are the same, LAME.

use super::SoundError;
use super::decode::{Shape, Stream};
use super::lame::{Mp3, SCALE_DB};
use super::limiter::Limiter;
use super::loudness::{Measured, pairs};
use super::ready::{decibels, factor, wanted_db};
use crate::limit;
use crate::mime::Mime;

/// Makes the MP3 of a sound that was measured, by `more_db` louder than the measurement alone asks for.
pub(super) fn convert(
    mime: Mime,
    bytes: &[u8],
    measured: &Measured,
    more_db: f64,
) -> Result<Vec<u8>, SoundError> {
    let level = Level::of(measured, more_db);
    let shape = Shape {
        channels: if measured.is_mono_in_stereo {
            1
        } else {
            measured.shape.channels
        },
        ..measured.shape
    };
    let mut out = Output {
        mp3: Mp3::open(shape)?,
        limiter: level
            .needs_limiter
            .then(|| Limiter::new(shape, level.gain, level.ceiling)),
        gain: level.gain,
        scale: factor(SCALE_DB),
        samples: Vec::new(),
        drop: 0,
        shape,
    };
    out.drop = out.limiter.as_ref().map_or(0, Limiter::delay) * shape.channels;
    let tail = out.drop;
    let mut stream = Stream::open(mime, bytes, measured.trim)?;
    let mut one = Vec::new();
    while let Some((_, block)) = stream.next_block()? {
        if measured.is_mono_in_stereo {
            one.clear();
            one.extend(pairs(block).map(|(left, right)| (left + right) * 0.5));
            out.write(&one)?;
        } else {
            out.write(block)?;
        }
    }
    if stream.frames() != measured.frames {
        return Err(SoundError::Damaged("it decodes differently each time"));
    }
    out.write(&vec![0.0; tail])?;
    out.mp3.close()
}

/// Tells how many frames a sound has at another rate.
pub(super) fn frames_at(frames: u64, rate_hz: u32, other_hz: u32) -> u64 {
    let (rate, other) = (u64::from(rate_hz), u64::from(other_hz));
    (frames * other + rate / 2) / rate
}

/// What is done to a sound's level.
struct Level {
    gain: f32,
    ceiling: f32,
    needs_limiter: bool,
}

impl Level {
    fn of(measured: &Measured, more_db: f64) -> Self {
        let ceiling_db = limit::TRUE_PEAK_DBTP - limit::MP3_OVERSHOOT_DB;
        let peak_db = decibels(measured.true_peak);
        // A limiter that takes more than this away is heard at work.
        let most_db = ceiling_db + limit::LIMITER_DB_MAX - peak_db;
        let gain_db = measured
            .lufs
            .map_or(0.0, |lufs| (wanted_db(lufs) + more_db).min(most_db));
        Self {
            gain: factor(gain_db),
            ceiling: factor(ceiling_db),
            needs_limiter: peak_db + gain_db > ceiling_db,
        }
    }
}

struct Output {
    mp3: Mp3,
    limiter: Option<Limiter>,
    gain: f32,
    scale: f32,
    samples: Vec<f32>,
    /// Samples that the limiter was filled with and that are still to be dropped.
    drop: usize,
    shape: Shape,
}

impl Output {
    fn write(&mut self, block: &[f32]) -> Result<(), SoundError> {
        for part in block.chunks(PART_FRAMES * self.shape.channels) {
            self.samples.clear();
            match &mut self.limiter {
                Some(limiter) => limiter.run(part, &mut self.samples),
                None => self.samples.extend(part.iter().map(|s| s * self.gain)),
            }
            let dropped = self.drop.min(self.samples.len());
            self.samples.drain(..dropped);
            self.drop -= dropped;
            for sample in &mut self.samples {
                *sample *= self.scale;
            }
            if !self.samples.is_empty() {
                self.mp3.write(&self.samples)?;
            }
        }
        Ok(())
    }
}

/// Frames that are worked on at a time: a packet can hold seconds.
const PART_FRAMES: usize = 4_096;
