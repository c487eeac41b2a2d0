//! Every bound on pictures and sounds, with its reason. The server tells the byte bounds again in its welcome.

/// Largest picture, in bytes. A phone photo is 2 to 6 MB; more is a camera's raw output and no use on a card.
pub const IMAGE_BYTES_MAX: u64 = 10_000_000;

/// Largest sound, in bytes: five minutes of uncompressed speech at 44.1 kHz mono fit.
pub const AUDIO_BYTES_MAX: u64 = 25_000_000;

/// Largest upload of any kind, in bytes. A caller that reads a file reads at most this plus one byte.
pub const UPLOAD_BYTES_MAX: u64 = AUDIO_BYTES_MAX;

/// Longest side of a picture, in pixels.
pub const IMAGE_SIDE_PX_MAX: u32 = 8_192;

/// Largest area of a picture, in pixels: decoded as RGBA it is 160 MB, which a small device can still hold.
pub const IMAGE_PIXELS_MAX: u64 = 40_000_000;

/// Most frames of an animation: 25 seconds at 20 frames a second.
pub const ANIMATION_FRAMES_MAX: u32 = 500;

/// Largest sum of all frames of an animation, in pixels: what a decoder paints in about two seconds.
pub const ANIMATION_PIXELS_MAX: u64 = 200_000_000;

/// Largest decoded picture, in bytes: the largest area with four bytes a pixel. With 16 bits a sample half the area fits.
pub const DECODED_BYTES_MAX: u64 = IMAGE_PIXELS_MAX * 4;

/// Most memory for a decoded picture and what its decoder holds beside it, in bytes: with the file itself, twice, it stays
/// under the 256 MB that the whole work on one file may take.
pub const DECODING_BYTES_MAX: u64 = 200_000_000;

/// Most memory for what a PNG holds besides its still picture, in bytes: its inflated profile, and the frames of an animation
/// (three canvases of 5 million pixels). A profile of 400 MB fits into 400 kB.
pub const PNG_EXTRA_BYTES_MAX: u64 = 64 << 20;

/// Largest colour profile that is applied, in bytes. Those of printers have 2 MB; larger ones are made to be large.
pub const PROFILE_BYTES_MAX: usize = 4 << 20;

/// Side in pixels above which a smaller copy of a picture is tried: what a large screen shows.
pub const COPY_SIDE_PX: u32 = 2_048;

/// Size in bytes above which a smaller copy of a picture is tried.
pub const COPY_FROM_BYTES: usize = 1_000_000;

/// Largest share of the original's bytes, in percent, that a copy may have: it costs quality, so it has to be worth it.
pub const COPY_PERCENT_MAX: usize = 70;

/// Quality of the copy, JPEG or WebP: no loss is seen beside the original on a screen.
pub const COPY_QUALITY: u8 = 85;

/// Side of the larger thumbnail, in pixels; smaller ones are made from it.
pub const THUMBNAIL_SIDE_PX: u32 = 400;

/// Longest side a thumbnail may be asked for, in pixels.
pub const THUMBNAIL_SIDE_PX_MAX: u32 = 2_048;

/// Quality of thumbnails (WebP): half the bytes of a JPEG that looks the same.
pub const THUMBNAIL_QUALITY: u8 = 80;

/// Side in pixels of what a placeholder is computed from: the most that ThumbHash takes.
pub const PLACEHOLDER_SIDE_PX: u32 = 100;

/// Longest sound, in seconds.
pub const AUDIO_SECONDS_MAX: u64 = 300;

/// How much longer than the bound a sound may be, in milliseconds: encoders add silence at both ends.
pub const AUDIO_SLACK_MS: u64 = 1_000;

/// Lowest sample rate, in hertz: telephone speech.
pub const AUDIO_RATE_HZ_MIN: u32 = 8_000;

/// Highest sample rate, in hertz: studio recordings. Headers that claim 4 GHz exist and crash resamplers.
pub const AUDIO_RATE_HZ_MAX: u32 = 192_000;

/// Most channels: 7.1 surround.
pub const AUDIO_CHANNELS_MAX: u32 = 8;

/// Longest file name kept as text to show, in bytes: what common file systems allow.
pub const NAME_BYTES_MAX: usize = 255;

/// How many leading bytes [`crate::sniff`] may look at: two MPEG frames of the largest size fit behind any offset it tries.
pub const SNIFF_BYTES: usize = 8_192;

/// Most packets a sound is walked through: eight times what Opus makes of the longest sound with its shortest packets. A
/// crafted file can hold, or claim, far more of them without a millisecond of sound.
pub const AUDIO_PACKETS_MAX: u64 = 1_000_000;

/// Broken packets that are forgiven in any sound, however short: junk before the first and behind the last packet.
pub const AUDIO_ERRORS_MIN: u64 = 2;

/// Share of broken packets, in percent, above which a sound counts as damaged.
pub const AUDIO_ERRORS_PERCENT_MAX: u64 = 1;

/// How loud every sound is made, in LUFS: what podcasts are levelled to, and near the loudest that speech reaches
/// without a limiter at work.
pub const LOUDNESS_LUFS: f64 = -16.0;

/// How far from it a sound may be and still pass for level, in LU: a difference that is not heard.
pub const LOUDNESS_TOLERANCE_LU: f64 = 1.0;

/// How far from it an MP3 may come out before it is made once more with another gain, in LU.
pub const LOUDNESS_AGAIN_LU: f64 = 0.5;

/// Highest true peak of what is made, in dBTP (EBU R128 s1): a player's converter must not clip between the samples.
pub const TRUE_PEAK_DBTP: f64 = -1.5;

/// How much higher than what went into it an MP3's peaks may come out, in dB.
pub const MP3_OVERSHOOT_DB: f64 = 0.5;

/// Most that the limiter takes off a peak, in dB: more is heard as pumping. A sound with higher peaks stays quieter.
pub const LIMITER_DB_MAX: f64 = 9.0;

/// Most that is added to a quiet sound, in dB: beyond it only noise is lifted.
pub const GAIN_DB_MAX: f64 = 40.0;

/// Energy of the difference of two channels, as a part of that of their sum, below which they are one (-50 dB).
pub const SIDE_ENERGY_RATIO_MAX: f64 = 1e-5;

/// Highest bit rate of an MP3 with one channel that is not made again, in kbit/s.
pub const MP3_KEPT_MONO_KBIT_MAX: u64 = 128;

/// Highest bit rate of an MP3 with two channels that is not made again, in kbit/s.
pub const MP3_KEPT_STEREO_KBIT_MAX: u64 = 192;

/// Most frames an encoder adds at both ends of an MP3 together: two fields of 12 bits and the decoder's own delay. What
/// a header takes off beyond that, it takes from the sound.
pub const MP3_PADDING_FRAMES_MAX: u64 = 2 * 4_095 + 529;

/// How many frames longer or shorter a sound may be after its rate was converted.
pub const MP3_FRAMES_SLACK: u64 = 2;

/// Peaks of a wave: as many as a page draws side by side.
pub const AUDIO_PEAKS: usize = 200;

const _: () = assert!(IMAGE_BYTES_MAX <= UPLOAD_BYTES_MAX);
const _: () = assert!(AUDIO_BYTES_MAX <= UPLOAD_BYTES_MAX);
const _: () = assert!(DECODED_BYTES_MAX <= DECODING_BYTES_MAX);
const _: () =
    assert!(PLACEHOLDER_SIDE_PX <= THUMBNAIL_SIDE_PX && THUMBNAIL_SIDE_PX <= THUMBNAIL_SIDE_PX_MAX);
const _: () = assert!(IMAGE_PIXELS_MAX <= IMAGE_SIDE_PX_MAX as u64 * IMAGE_SIDE_PX_MAX as u64);
