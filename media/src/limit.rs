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

const _: () = assert!(IMAGE_BYTES_MAX <= UPLOAD_BYTES_MAX);
const _: () = assert!(AUDIO_BYTES_MAX <= UPLOAD_BYTES_MAX);
const _: () = assert!(IMAGE_PIXELS_MAX <= IMAGE_SIDE_PX_MAX as u64 * IMAGE_SIDE_PX_MAX as u64);
