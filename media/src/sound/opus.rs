//! Opus packets: symphonia takes the Ogg apart, `opus-decoder` (no C, no `unsafe`) makes samples of what it finds.

use opus_decoder::OpusDecoder;
use symphonia::core::audio::{Channels, layouts};
use symphonia::core::packet::Packet;

use super::SoundError;
use crate::reader::Reader;

/// Longest packet there is: 120 ms at 48 kHz (RFC 6716 section 3.2.5).
const FRAMES_MAX: usize = 5_760;

/// An Opus stream of one or two channels.
pub(super) struct Opus {
    decoder: OpusDecoder,
    channels: usize,
    /// Frames that the encoder put in front and that are still to be dropped.
    skip: usize,
    /// What the header says is to be added, as a factor (RFC 7845 section 5.1).
    gain: f32,
}

impl Opus {
    /// Opus decodes to this rate, whatever went in.
    pub(super) const RATE_HZ: u32 = 48_000;

    /// Reads the identification header (RFC 7845 section 5.1) and opens a decoder for it.
    pub(super) fn open(header: Option<&[u8]>) -> Result<Self, SoundError> {
        let mut reader = Reader::new(header.unwrap_or_default());
        let unreadable = || SoundError::Damaged("its header cannot be read");
        let opening = reader.take(9).ok_or_else(unreadable)?;
        if !opening.starts_with(b"OpusHead") {
            return Err(unreadable());
        }
        let channels = usize::from(reader.u8().ok_or_else(unreadable)?);
        let skip = usize::from(reader.u16_le().ok_or_else(unreadable)?);
        let gain = reader
            .take(4)
            .and_then(|_| reader.u16_le())
            .ok_or_else(unreadable)?;
        let mapping = reader.u8().ok_or_else(unreadable)?;
        if mapping != 0 || !(1..=2).contains(&channels) {
            return Err(SoundError::Damaged(
                "it is Opus of more than two channels. Save it with two and add it again",
            ));
        }
        let gain_db = f32::from(gain.cast_signed()) / 256.0;
        Ok(Self {
            decoder: OpusDecoder::new(Self::RATE_HZ, channels).map_err(|_| unreadable())?,
            channels,
            skip,
            gain: 10_f32.powf(gain_db / 20.0),
        })
    }

    /// Layout of what comes out.
    pub(super) fn channels(&self) -> Channels {
        if self.channels == 1 {
            layouts::CHANNEL_LAYOUT_MONO
        } else {
            layouts::CHANNEL_LAYOUT_STEREO
        }
    }

    /// Decodes one packet over `samples`, trimmed at both ends; false if it is broken.
    pub(super) fn decode(&mut self, packet: &Packet, samples: &mut Vec<f32>) -> bool {
        samples.clear();
        if packet.data.is_empty() {
            return false;
        }
        samples.resize(FRAMES_MAX * self.channels, 0.0);
        let Ok(frames) = self.decoder.decode_float(&packet.data, samples, false) else {
            samples.clear();
            return false;
        };
        let end = usize::try_from(packet.trim_end.get()).unwrap_or(usize::MAX);
        samples.truncate(frames.saturating_sub(end) * self.channels);
        let start = self.skip.min(samples.len() / self.channels);
        self.skip -= start;
        samples.drain(..start * self.channels);
        if self.gain != 1.0 {
            for sample in samples {
                *sample *= self.gain;
            }
        }
        true
    }
}
