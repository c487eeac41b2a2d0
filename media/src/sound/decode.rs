//! A sound as a stream of samples: packets in, blocks of at most two channels out, every bound held while it decodes.
//!
//! Nothing here keeps the whole sound. The caller guards against panics: symphonia's decoders have known ones.

use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatReader, TrackType};
use symphonia::core::packet::Packet;
use symphonia::default::get_codecs;

use super::opus::Opus;
use super::stereo::Fold;
use super::{SoundError, open};
use crate::limit;
use crate::mime::Mime;

/// Why a sound without a single sample is refused.
pub(super) const NOTHING: SoundError = SoundError::Damaged("nothing of it can be decoded");

/// Whether what an encoder added at both ends, or says it added, is taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trim {
    /// As the file says.
    AsTold,
    /// Not at all: for files whose header is found to lie.
    Nothing,
}

/// Shape of what is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Sample rate in hertz.
    pub rate_hz: u32,
    /// Channels of the blocks: 1 or 2.
    pub channels: usize,
}

/// A sound that is being decoded.
pub(super) struct Stream<'a> {
    reader: Box<dyn FormatReader + 'a>,
    decoder: Decoder,
    track: u32,
    /// Rate the container states; an HE-AAC core has half of it.
    stated_rate_hz: u32,
    /// Shape of the first block; all others must have it too.
    found: Option<Found>,
    samples: Vec<f32>,
    block: Vec<f32>,
    frames: u64,
    held_frames: u64,
    packets: u64,
    errors: u64,
    ended: bool,
}

struct Found {
    rate_hz: u32,
    fold: Fold,
}

enum Decoder {
    Symphonia(Box<dyn AudioDecoder>),
    Opus(Box<Opus>),
}

impl Found {
    fn shape(&self) -> Shape {
        Shape {
            rate_hz: self.rate_hz,
            channels: self.fold.channels(),
        }
    }
}

/// One step of decoding.
enum Step {
    Block,
    Nothing,
    End,
}

impl<'a> Stream<'a> {
    /// Opens a sound of a known type, at its beginning.
    pub(super) fn open(mime: Mime, bytes: &'a [u8], trim: Trim) -> Result<Self, SoundError> {
        let reader = open(mime, bytes)?;
        if reader.first_track(TrackType::Video).is_some() {
            return Err(SoundError::Video);
        }
        let none = SoundError::Damaged("it holds no sound that is known");
        let Some(track) = reader.first_track(TrackType::Audio) else {
            return Err(none);
        };
        let parameters = track.codec_params.as_ref().and_then(|all| all.audio());
        let Some(parameters) = parameters else {
            return Err(none);
        };
        let rate_hz = parameters
            .sample_rate
            .ok_or(SoundError::Damaged("it has no sample rate"))?;
        check_rate(rate_hz)?;
        let decoder = if parameters.codec == CODEC_ID_OPUS {
            Decoder::Opus(Box::new(Opus::open(parameters.extra_data.as_deref())?))
        } else {
            let options = AudioDecoderOptions::default().gapless(trim == Trim::AsTold);
            let made = get_codecs().make_audio_decoder(parameters, &options);
            Decoder::Symphonia(made.map_err(|_| {
                SoundError::Damaged("its sound is coded in a way that cannot be decoded here")
            })?)
        };
        let track = track.id;
        Ok(Self {
            reader,
            decoder,
            track,
            stated_rate_hz: rate_hz,
            found: None,
            samples: Vec::new(),
            block: Vec::new(),
            frames: 0,
            held_frames: 0,
            packets: 0,
            errors: 0,
            ended: false,
        })
    }

    /// Decodes on to the next block and gives its shape, the same for all, and its interleaved samples; or nothing at
    /// the end. Never an empty block, and at least one.
    pub(super) fn next_block(&mut self) -> Result<Option<(Shape, &[f32])>, SoundError> {
        while !self.ended {
            match self.step()? {
                Step::Block => return Ok(self.found.as_ref().map(|f| (f.shape(), &*self.block))),
                Step::Nothing => {}
                Step::End => self.ended = true,
            }
        }
        if self.frames == 0 {
            return Err(NOTHING);
        }
        Ok(None)
    }

    /// Counts the frames given so far; a frame is one sample of each channel.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    /// Counts the frames the packets hold, with all that was trimmed.
    pub(super) fn held_frames(&self) -> u64 {
        self.held_frames
    }

    /// True if only the lower half of the tones is decoded: HE-AAC, of which the core alone is understood here.
    pub(super) fn is_half_band(&self) -> bool {
        self.found
            .as_ref()
            .is_some_and(|found| found.rate_hz.saturating_mul(2) == self.stated_rate_hz)
    }

    fn step(&mut self) -> Result<Step, SoundError> {
        let packet = match self.reader.next_packet() {
            Ok(Some(packet)) => packet,
            // A file cut short ends with an error; what was heard until then counts.
            Ok(None) | Err(Error::IoError(_)) => return Ok(Step::End),
            Err(Error::ResetRequired) => {
                return Err(SoundError::Damaged(
                    "it holds several sounds one behind the other. Save them as a file each",
                ));
            }
            Err(_) => {
                self.count_error()?;
                return Ok(Step::Nothing);
            }
        };
        if packet.track_id != self.track {
            return Ok(Step::Nothing);
        }
        self.packets += 1;
        if self.packets > limit::AUDIO_PACKETS_MAX {
            return Err(SoundError::Damaged(
                "it has too many packets for its length",
            ));
        }
        self.held_frames = self.held_frames.saturating_add(packet.block_dur().get());
        let decoded = self.decode(&packet)?;
        if !decoded {
            self.count_error()?;
            return Ok(Step::Nothing);
        }
        self.take_block()
    }

    /// Decodes one packet into `samples`; false if the packet is broken.
    fn decode(&mut self, packet: &Packet) -> Result<bool, SoundError> {
        let (rate_hz, channels) = match &mut self.decoder {
            Decoder::Opus(opus) => {
                if !opus.decode(packet, &mut self.samples) {
                    return Ok(false);
                }
                (Opus::RATE_HZ, opus.channels())
            }
            Decoder::Symphonia(decoder) => match decoder.decode(packet) {
                Ok(buffer) => {
                    let (rate_hz, channels) =
                        (buffer.spec().rate(), buffer.spec().channels().clone());
                    buffer.copy_to_vec_interleaved(&mut self.samples);
                    (rate_hz, channels)
                }
                Err(Error::DecodeError(_) | Error::IoError(_)) => return Ok(false),
                Err(_) => {
                    return Err(SoundError::Damaged("it cannot be decoded"));
                }
            },
        };
        match &self.found {
            None if self.samples.is_empty() => {}
            None => {
                check_rate(rate_hz)?;
                let fold = Fold::new(&channels)?;
                self.found = Some(Found { rate_hz, fold });
            }
            Some(found) if found.rate_hz == rate_hz && found.fold.takes(&channels) => {}
            Some(_) => {
                return Err(SoundError::Damaged(
                    "its sample rate or its channels change on the way",
                ));
            }
        }
        Ok(true)
    }

    /// Folds `samples` into `block` and holds the length against the bound.
    fn take_block(&mut self) -> Result<Step, SoundError> {
        let Some(found) = self.found.as_ref().filter(|_| !self.samples.is_empty()) else {
            return Ok(Step::Nothing);
        };
        for sample in &mut self.samples {
            // Floating point files may hold anything; one NaN would spread over the whole sound.
            if !sample.is_finite() {
                *sample = 0.0;
            }
        }
        found.fold.fold(&self.samples, &mut self.block);
        let frames = self.block.len() / found.fold.channels();
        self.frames += u64::try_from(frames).unwrap_or(u64::MAX);
        let most = (limit::AUDIO_SECONDS_MAX * 1_000 + limit::AUDIO_SLACK_MS)
            * u64::from(found.rate_hz)
            / 1_000;
        if self.frames > most {
            return Err(SoundError::TooLong);
        }
        Ok(if frames == 0 {
            Step::Nothing
        } else {
            Step::Block
        })
    }

    fn count_error(&mut self) -> Result<(), SoundError> {
        self.errors += 1;
        if self.errors > limit::AUDIO_ERRORS_MIN
            && self.errors * 100 > self.packets * limit::AUDIO_ERRORS_PERCENT_MAX
        {
            return Err(SoundError::Damaged("too many of its packets are broken"));
        }
        Ok(())
    }
}

fn check_rate(rate_hz: u32) -> Result<(), SoundError> {
    if (limit::AUDIO_RATE_HZ_MIN..=limit::AUDIO_RATE_HZ_MAX).contains(&rate_hz) {
        Ok(())
    } else {
        Err(SoundError::Rate(rate_hz))
    }
}
