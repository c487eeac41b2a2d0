//! What a card holds of a sound: measured, made as loud as all others, an MP3 without tags; or as it came, and how much
//! louder a player has to play it.
//!
//! Two passes, each a stream: measure; then decode again, gain, limiter, one channel where both are the same, LAME. What
//! came out is decoded once more: it must be as long as what went in.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::SoundError;
use super::loudness::{Measured, measure};
use super::tags::strip;
use crate::limit;
use crate::mime::Mime;
use crate::prepare::{PreparedAudio, Wishes};

/// A sound made ready.
pub(crate) struct Ready {
    pub(crate) bytes: Vec<u8>,
    pub(crate) mime: Mime,
    pub(crate) audio: PreparedAudio,
    pub(crate) notes: Vec<String>,
}

/// Makes a sound of a known type ready for a card.
pub(crate) fn ready(mime: Mime, bytes: &[u8], wishes: Wishes) -> Result<Ready, SoundError> {
    // Decoders have known panics on crafted files; they end here and cost this one file.
    catch_unwind(AssertUnwindSafe(|| make(mime, bytes, wishes))).unwrap_or(Err(
        SoundError::Damaged("it is damaged and breaks the decoder"),
    ))
}

fn make(mime: Mime, bytes: &[u8], wishes: Wishes) -> Result<Ready, SoundError> {
    let measured = measure(mime, bytes)?;
    let mut notes = Vec::new();
    if measured.lufs.is_none() {
        notes.push("It is silent.".to_owned());
    }
    if wishes.keep_original || is_fine(mime, bytes, &measured) {
        return Ok(kept(mime, bytes, &measured, notes));
    }
    converted(mime, bytes, &measured, notes)
}

/// True for an MP3 that would only lose by being made again: as loud as it should be, and small.
fn is_fine(mime: Mime, bytes: &[u8], measured: &Measured) -> bool {
    let Some(lufs) = measured.lufs else {
        return false;
    };
    let kbit_max = if measured.shape.channels == 1 {
        limit::MP3_KEPT_MONO_KBIT_MAX
    } else {
        limit::MP3_KEPT_STEREO_KBIT_MAX
    };
    let bits = u64::try_from(strip(bytes).len()).unwrap_or(u64::MAX) * 8;
    mime == Mime::Mp3
        && is_level(lufs)
        // Bits in a millisecond are kilobits in a second.
        && bits <= kbit_max * (measured.duration_ms() + 1)
}

fn is_level(lufs: f64) -> bool {
    (lufs - limit::LOUDNESS_LUFS).abs() <= limit::LOUDNESS_TOLERANCE_LU
}

/// The upload as it came, an MP3 without its tags.
fn kept(mime: Mime, bytes: &[u8], measured: &Measured, mut notes: Vec<String>) -> Ready {
    let stripped = (mime == Mime::Mp3).then(|| strip(bytes)).filter(|frames| {
        // What lies between odd frames can matter to a decoder: then the tags stay rather than the sound changes.
        measure(mime, frames).is_ok_and(|again| again.frames == measured.frames)
    });
    if stripped.is_none() {
        notes.push(
            "It is kept as it was added, with what is written in it about its maker.".to_owned(),
        );
    }
    let gain_db = match measured.lufs {
        Some(lufs) if is_level(lufs) => 0.0,
        // A player has no limiter.
        Some(lufs) => {
            let room_db = limit::TRUE_PEAK_DBTP - decibels(measured.true_peak);
            wanted_db(lufs).min(room_db.max(0.0))
        }
        None => 0.0,
    };
    Ready {
        bytes: stripped.unwrap_or_else(|| bytes.to_vec()),
        mime,
        audio: PreparedAudio {
            duration_ms: measured.duration_ms(),
            lufs: measured.lufs,
            gain_db,
            peaks: measured.wave.peaks(factor(gain_db)),
        },
        notes,
    }
}

#[cfg(not(feature = "mp3"))]
fn converted(
    mime: Mime,
    bytes: &[u8],
    measured: &Measured,
    mut notes: Vec<String>,
) -> Result<Ready, SoundError> {
    notes.push("It is not made an MP3: this program was built without.".to_owned());
    Ok(kept(mime, bytes, measured, notes))
}

/// A new MP3, as loud as it should be.
#[cfg(feature = "mp3")]
fn converted(
    mime: Mime,
    bytes: &[u8],
    measured: &Measured,
    mut notes: Vec<String>,
) -> Result<Ready, SoundError> {
    let (mut made, mut again) = make_mp3(mime, bytes, measured, 0.0)?;
    let short_db = again.lufs.map_or(0.0, |lufs| limit::LOUDNESS_LUFS - lufs);
    if short_db.abs() > limit::LOUDNESS_AGAIN_LU {
        // What LAME leaves out at this bit rate, or what the limiter took, can be a part of the loudness: once more.
        (made, again) = make_mp3(mime, bytes, measured, short_db)?;
    }
    if measured.is_half_band {
        notes.push(
            "It is HE-AAC, of which only the lower half of the tones is understood here. Convert it to MP3 yourself and \
             add that to keep the upper ones."
                .to_owned(),
        );
    }
    if let Some(lufs) = again.lufs
        && lufs < limit::LOUDNESS_LUFS - limit::LOUDNESS_TOLERANCE_LU
    {
        notes.push(format!(
            "Single loud moments keep it {:.0} dB quieter than other sounds.",
            limit::LOUDNESS_LUFS - lufs
        ));
    }
    Ok(Ready {
        mime: Mime::Mp3,
        audio: PreparedAudio {
            duration_ms: measured.duration_ms(),
            lufs: again.lufs,
            gain_db: 0.0,
            peaks: again.wave.peaks(1.0),
        },
        notes,
        bytes: made,
    })
}

/// Makes the MP3 and decodes it again: it must be as long as what went in.
#[cfg(feature = "mp3")]
fn make_mp3(
    mime: Mime,
    bytes: &[u8],
    measured: &Measured,
    more_db: f64,
) -> Result<(Vec<u8>, Measured), SoundError> {
    let made = super::convert::convert(mime, bytes, measured, more_db)?;
    let again = measure(Mime::Mp3, &made)?;
    let rate_hz = super::lame::Mp3::rate_hz(measured.shape.rate_hz);
    let expected = super::convert::frames_at(measured.frames, measured.shape.rate_hz, rate_hz);
    if again.shape.rate_hz != rate_hz || again.frames.abs_diff(expected) > limit::MP3_FRAMES_SLACK {
        return Err(SoundError::Damaged("it does not survive being made an MP3"));
    }
    Ok((made, again))
}

/// What has to be added to a loudness.
pub(super) fn wanted_db(lufs: f64) -> f64 {
    (limit::LOUDNESS_LUFS - lufs).min(limit::GAIN_DB_MAX)
}

pub(super) fn decibels(factor: f64) -> f64 {
    20.0 * factor.log10()
}

pub(super) fn factor(decibels: f64) -> f32 {
    10_f64.powf(decibels / 20.0) as f32
}
