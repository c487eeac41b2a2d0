//! MP3 from samples, by LAME. Two habits of the crate's own example are wrong and avoided: the information frame goes
//! over the placeholder LAME wrote, not before it, and the end is flushed with its gap, or the last 40 ms are lost.

use std::num::NonZeroU32;

use mp3lame_encoder::{
    Bitrate, Builder, DualPcm, Encoder, FlushGap, Mode, MonoPcm, Quality, VbrMode,
    max_required_buffer_size,
};

use super::SoundError;
use super::decode::Shape;
use super::loudness::pairs;

/// At a constant bit rate LAME makes everything 0.95 times as loud.
pub(super) const SCALE_DB: f64 = 0.45;

/// An MP3 that is being written.
pub(super) struct Mp3 {
    encoder: Encoder,
    shape: Shape,
    left: Vec<f32>,
    right: Vec<f32>,
    out: Vec<u8>,
}

impl Mp3 {
    /// Opens an MP3 of 64 kbit/s for one channel and 128 for two.
    pub(super) fn open(shape: Shape) -> Result<Self, SoundError> {
        Ok(Self {
            encoder: build(shape).ok_or_else(failed)?,
            shape,
            left: Vec::new(),
            right: Vec::new(),
            out: Vec::new(),
        })
    }

    /// Sample rate of the MP3 made of a rate: 48 kHz or 44.1, whichever is a simple ratio. LAME converts.
    pub(super) fn rate_hz(rate_hz: u32) -> u32 {
        if rate_hz.is_multiple_of(11_025) {
            44_100
        } else {
            48_000
        }
    }

    /// Encodes interleaved frames.
    pub(super) fn write(&mut self, samples: &[f32]) -> Result<(), SoundError> {
        let frames = samples.len() / self.shape.channels;
        // `encode_to_vec` fills spare room only.
        self.out.reserve(max_required_buffer_size(frames));
        let encoded = if self.shape.channels == 1 {
            self.encoder.encode_to_vec(MonoPcm(samples), &mut self.out)
        } else {
            self.left.clear();
            self.right.clear();
            for (left, right) in pairs(samples) {
                self.left.push(left);
                self.right.push(right);
            }
            let both = DualPcm {
                left: &self.left,
                right: &self.right,
            };
            self.encoder.encode_to_vec(both, &mut self.out)
        };
        encoded.map(|_| ()).map_err(|_| failed())
    }

    /// Ends the MP3 and gives its bytes.
    pub(super) fn close(mut self) -> Result<Vec<u8>, SoundError> {
        self.out.reserve(max_required_buffer_size(0));
        self.encoder
            .flush_to_vec::<FlushGap>(&mut self.out)
            .map_err(|_| failed())?;
        let mut information = Vec::with_capacity(self.encoder.lame_tag_size());
        self.encoder
            .lame_tag_encode_to_vec(&mut information)
            .ok_or_else(failed)?;
        self.out
            .get_mut(..information.len())
            .ok_or_else(failed)?
            .copy_from_slice(&information);
        Ok(self.out)
    }
}

fn build(shape: Shape) -> Option<Encoder> {
    let (channels, mode, rate) = if shape.channels == 1 {
        (1, Mode::Mono, Bitrate::Kbps64)
    } else {
        (2, Mode::JointStereo, Bitrate::Kbps128)
    };
    let mut builder = Builder::new()?;
    builder.set_num_channels(channels).ok()?;
    builder.set_sample_rate(shape.rate_hz).ok()?;
    builder
        .set_output_sample_rate(NonZeroU32::new(Mp3::rate_hz(shape.rate_hz)))
        .ok()?;
    builder.set_mode(mode).ok()?;
    builder.set_vbr_mode(VbrMode::Off).ok()?;
    builder.set_brate(rate).ok()?;
    // Level 5 was heard to be as good as 2 in the measurements, for two thirds of the time.
    builder.set_quality(Quality::Good).ok()?;
    builder.set_to_write_vbr_tag(true).ok()?;
    builder.build().ok()
}

fn failed() -> SoundError {
    SoundError::Damaged("it cannot be made an MP3")
}
