//! Duration of a sound by walking its packets: what a header claims about the length is never believed.
//!
//! symphonia takes the container apart under `catch_unwind`; no packet is decoded here. The reader is chosen by the type
//! that [`crate::sniff`] found: symphonia's own probe scans past leading junk and would accept a web page.
//!
//! The files below decode it, as a stream: `decode` (with `opus` and `stereo`) gives samples, `loudness` and `wave`
//! measure them, `limiter` and `lame` make them an MP3 (`convert`), `tags` strips one, `ready` puts them in order.

#[cfg(feature = "mp3")]
mod convert;
mod decode;
#[cfg(feature = "mp3")]
mod lame;
#[cfg(feature = "mp3")]
mod limiter;
mod loudness;
mod opus;
mod ready;
mod stereo;
mod tags;
mod wave;

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_ALAC};
use symphonia::core::errors::Error;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, ReadOnlySource};
use symphonia::default::formats::{IsoMp4Reader, MpaReader, OggReader, WavReader};

use crate::limit;
use crate::mime::Mime;
use crate::reader::Reader;

pub(crate) use ready::ready;

/// Length and shape of a sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sound {
    /// Duration in milliseconds, by its packets.
    pub duration_ms: u32,
    /// Sample rate in hertz.
    pub rate_hz: u32,
    /// Number of channels; 0 where the container does not tell.
    pub channels: u32,
}

/// Why a sound is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SoundError {
    #[error("{0}")]
    Damaged(&'static str),
    #[error(
        "it is longer than {} seconds, the longest that is allowed. Cut it and add it again",
        limit::AUDIO_SECONDS_MAX
    )]
    TooLong,
    #[error(
        "its sample rate is {0} Hz; {low} to {high} Hz are allowed",
        low = limit::AUDIO_RATE_HZ_MIN,
        high = limit::AUDIO_RATE_HZ_MAX
    )]
    Rate(u32),
    #[error("it has {0} channels; at most {most} are allowed", most = limit::AUDIO_CHANNELS_MAX)]
    Channels(usize),
    #[error("it holds a video. Save its sound alone and add that")]
    Video,
}

/// Measures a sound of a known type and holds it against the bounds.
pub(crate) fn measure(mime: Mime, bytes: &[u8]) -> Result<Sound, SoundError> {
    // symphonia has known panics on crafted Ogg and MPEG-4 files; they end here and cost this one file.
    catch_unwind(AssertUnwindSafe(|| {
        let mut reader = open(mime, bytes)?;
        walk(reader.as_mut(), mime)
    }))
    .unwrap_or(Err(SoundError::Damaged("it breaks the reader for sounds")))
}

/// Opens the container as exactly the type that was sniffed.
fn open(mime: Mime, bytes: &[u8]) -> Result<Box<dyn FormatReader + '_>, SoundError> {
    let options = FormatOptions::default();
    let seekable = || MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
    let opened: Result<Box<dyn FormatReader + '_>, Error> = match mime {
        // Without a way to seek, the MP3 reader does not estimate a frame count and cut the sound off there.
        Mime::Mp3 => {
            let source = ReadOnlySource::new(skip_id3(bytes));
            MpaReader::try_new(
                MediaSourceStream::new(Box::new(source), Default::default()),
                options,
            )
            .map(|reader| Box::new(reader) as _)
        }
        Mime::Wav => WavReader::try_new(seekable(), options).map(|reader| Box::new(reader) as _),
        Mime::Ogg => OggReader::try_new(seekable(), options).map(|reader| Box::new(reader) as _),
        Mime::M4a => IsoMp4Reader::try_new(seekable(), options).map(|reader| Box::new(reader) as _),
        Mime::Jpeg | Mime::Png | Mime::Webp | Mime::Gif => {
            return Err(SoundError::Damaged("it is a picture, not a sound"));
        }
    };
    opened.map_err(|_| SoundError::Damaged("its header cannot be read"))
}

/// Walks all packets of the one sound in the container.
fn walk(reader: &mut dyn FormatReader, mime: Mime) -> Result<Sound, SoundError> {
    if reader.first_track(TrackType::Video).is_some() {
        return Err(SoundError::Video);
    }
    let track = reader
        .first_track(TrackType::Audio)
        .ok_or(SoundError::Damaged("it holds no sound that is known"))?;
    let (id, time_base) = (track.id, track.time_base);
    let padding = u64::from(track.delay.unwrap_or(0)) + u64::from(track.padding.unwrap_or(0));
    let parameters = track
        .codec_params
        .as_ref()
        .and_then(|parameters| parameters.audio());
    let parameters = parameters.ok_or(SoundError::Damaged("it holds no sound that is known"))?;
    let rate_hz = parameters
        .sample_rate
        .ok_or(SoundError::Damaged("it has no sample rate"))?;
    if !(limit::AUDIO_RATE_HZ_MIN..=limit::AUDIO_RATE_HZ_MAX).contains(&rate_hz) {
        return Err(SoundError::Rate(rate_hz));
    }
    let channels = parameters
        .channels
        .as_ref()
        .map_or(0, |channels| channels.count());
    let channels = u32::try_from(channels)
        .ok()
        .filter(|count| *count <= limit::AUDIO_CHANNELS_MAX)
        .ok_or(SoundError::Channels(channels))?;
    let frames_per_packet = frames_per_packet(parameters);
    let base = time_base.ok_or(SoundError::Damaged("it has no time base"))?;
    let to_ms = |ticks: u64| milliseconds(ticks, base.numer.get(), base.denom.get());
    let walked = packets(reader, id, mime, &to_ms)?;
    // An MP3's packets tell their own length; only what the encoder added at both ends is taken off.
    let ticks = if mime == Mime::Mp3 {
        walked.ticks.saturating_sub(padding)
    } else {
        walked.ticks
    };
    let duration_ms = to_ms(ticks);
    if let Some(per_packet) = frames_per_packet {
        check_claim(
            duration_ms,
            milliseconds(walked.packets.saturating_mul(per_packet), 1, rate_hz),
        )?;
    }
    if duration_ms == 0 {
        return Err(SoundError::Damaged(
            "it is silent: it holds no sound at all",
        ));
    }
    let duration_ms = u32::try_from(duration_ms).map_err(|_| SoundError::TooLong)?;
    Ok(Sound {
        duration_ms,
        rate_hz,
        channels,
    })
}

/// What walking the packets gave.
struct Walked {
    /// Sum of the packets' durations, in ticks of the time base.
    ticks: u64,
    packets: u64,
}

/// Sums the packets of one track and stops as soon as the sound is too long.
fn packets(
    reader: &mut dyn FormatReader,
    track: u32,
    mime: Mime,
    to_ms: &dyn Fn(u64) -> u64,
) -> Result<Walked, SoundError> {
    let (mut ticks, mut count, mut errors) = (0_u64, 0_u64, 0_u64);
    for _ in 0..limit::AUDIO_PACKETS_MAX {
        match reader.next_packet() {
            Ok(Some(packet)) if packet.track_id == track => {
                // The frame count of a Xing header, true or not, shortens `dur`; the whole block is what will sound.
                let length = if mime == Mime::Mp3 {
                    packet.block_dur()
                } else {
                    packet.dur
                };
                ticks = ticks.saturating_add(length.get());
                count += 1;
            }
            Ok(Some(_)) => {}
            // A file cut short ends with an error; what was heard until then counts.
            Ok(None) | Err(Error::IoError(_)) => {
                return Ok(Walked {
                    ticks,
                    packets: count,
                });
            }
            Err(Error::ResetRequired) => {
                return Err(SoundError::Damaged(
                    "it holds several sounds one behind the other",
                ));
            }
            Err(_) => errors += 1,
        }
        if to_ms(ticks) > limit::AUDIO_SECONDS_MAX * 1_000 + limit::AUDIO_SLACK_MS {
            return Err(SoundError::TooLong);
        }
        if errors > limit::AUDIO_ERRORS_MIN
            && errors * 100 > count * limit::AUDIO_ERRORS_PERCENT_MAX
        {
            return Err(SoundError::Damaged("too many of its packets are broken"));
        }
    }
    Err(SoundError::Damaged(
        "it has too many packets for its length",
    ))
}

/// Converts ticks to whole milliseconds, rounded to nearest.
fn milliseconds(ticks: u64, numer: u32, denom: u32) -> u64 {
    let scaled = u128::from(ticks) * u128::from(numer) * 1_000 + u128::from(denom) / 2;
    u64::try_from(scaled / u128::from(denom)).unwrap_or(u64::MAX)
}

/// An MPEG-4 file states the duration of its packets in a table; the codec fixes how much each really holds.
fn frames_per_packet(parameters: &AudioCodecParameters) -> Option<u64> {
    match parameters.codec {
        CODEC_ID_AAC => Some(1_024),
        CODEC_ID_ALAC => parameters
            .extra_data
            .as_deref()
            .and_then(|cookie| Reader::new(cookie).u32_be())
            .map(u64::from),
        _ => None,
    }
}

/// Refuses a stated duration that is less than half or more than twice (plus a last packet) of what the packets hold:
/// the honest exceptions are a core at half the rate and a short last packet.
fn check_claim(claimed_ms: u64, held_ms: u64) -> Result<(), SoundError> {
    let slack = 500;
    if claimed_ms > held_ms * 2 + slack || held_ms > claimed_ms * 2 + slack {
        return Err(SoundError::Damaged(
            "its stated duration is not that of its packets",
        ));
    }
    Ok(())
}

/// Steps over an ID3v2 tag: 10 bytes, then a length of four 7-bit bytes, then a footer if flag bit 4 is set.
fn skip_id3(bytes: &[u8]) -> &[u8] {
    let mut reader = Reader::new(bytes);
    let (Some(b"ID3"), Some([_, _, flags]), Some(sizes)) =
        (reader.take(3), reader.array(), reader.array::<4>())
    else {
        return bytes;
    };
    let length = sizes
        .iter()
        .fold(0_usize, |sum, byte| (sum << 7) | usize::from(byte & 0x7f));
    let footer = if flags & 0x10 != 0 { 10 } else { 0 };
    reader.take(length + footer).map_or(&[], |_| reader.rest())
}

/// Gives the length in bytes of the MPEG layer III frame that begins here, or nothing if none does.
/// Formula: ISO 11172-3 section 2.4.3.1 (144 * bit rate / sample rate, 72 for the half rates of 13818-3).
pub(crate) fn mpeg_frame_bytes(bytes: &[u8]) -> Option<usize> {
    const KBIT_FULL: [u32; 14] = [
        32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
    ];
    const KBIT_HALF: [u32; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    const RATES: [u32; 3] = [44_100, 48_000, 32_000];
    let [sync, version, rates, _] = *bytes.first_chunk::<4>()?;
    if sync != 0xff || version & 0xe6 != 0xe2 {
        return None;
    }
    let (shift, kbits, samples) = match (version >> 3) & 3 {
        3 => (0, KBIT_FULL, 144),
        2 => (1, KBIT_HALF, 72),
        0 => (2, KBIT_HALF, 72),
        _ => return None,
    };
    let kbit = usize::from(rates >> 4)
        .checked_sub(1)
        .and_then(|index| kbits.get(index))?;
    let rate = RATES.get(usize::from((rates >> 2) & 3))? >> shift;
    let padding = u32::from((rates >> 1) & 1);
    usize::try_from(samples * kbit * 1_000 / rate + padding).ok()
}
