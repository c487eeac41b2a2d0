//! Pixels in, a lossy WebP out: the one function of libwebp that pictures need.
//!
//! `image` writes WebP without loss only, several times as large. Nothing is *decoded* here: hostile bytes never reach
//! this C code, only pixels that safe code has decoded. libwebp runs on the calling thread alone, with its default
//! effort (method 4), so the same pixels give the same bytes.

use std::ffi::c_int;

/// Longest side of a WebP, in pixels: the format has 14 bits for it.
pub const SIDE_PX_MAX: u32 = 16_383;

/// The pixels are not as many as the size says, a side is zero or too long, or libwebp found no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotEncoded;

impl std::fmt::Display for NotEncoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the pixels could not be written as WebP")
    }
}

impl std::error::Error for NotEncoded {}

/// Encodes pixels of four bytes (red, green, blue, alpha), row after row without gaps. `quality` is 0 to 100.
///
/// # Errors
/// [`NotEncoded`]; never for a size within [`SIDE_PX_MAX`] and the right number of bytes while there is memory.
pub fn encode_rgba(
    pixels: &[u8],
    width_px: u32,
    height_px: u32,
    quality: u8,
) -> Result<Vec<u8>, NotEncoded> {
    let sides = 1..=SIDE_PX_MAX;
    if !sides.contains(&width_px) || !sides.contains(&height_px) {
        return Err(NotEncoded);
    }
    if u64::try_from(pixels.len()) != Ok(u64::from(width_px) * u64::from(height_px) * 4) {
        return Err(NotEncoded);
    }
    let to_int = |side: u32| c_int::try_from(side).map_err(|_| NotEncoded);
    let (width, height, stride) = (to_int(width_px)?, to_int(height_px)?, to_int(width_px * 4)?);
    let mut output = std::ptr::null_mut::<u8>();
    // SAFETY: `pixels` holds height * stride bytes, checked above, and outlives the call; libwebp only reads them. It sets
    // `output` to memory of its own and returns how many bytes of it are the file, or 0.
    let length = unsafe {
        libwebp_sys::WebPEncodeRGBA(
            pixels.as_ptr(),
            width,
            height,
            stride,
            f32::from(quality.min(100)),
            &raw mut output,
        )
    };
    let encoded = if length == 0 || output.is_null() {
        Err(NotEncoded)
    } else {
        // SAFETY: libwebp just said that `length` bytes of `output` are the file; they are copied before they are freed.
        Ok(unsafe { std::slice::from_raw_parts(output, length) }.to_vec())
    };
    // SAFETY: `output` is null or came from libwebp just now, and nothing points into it any more.
    unsafe { libwebp_sys::WebPFree(output.cast()) };
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_become_a_small_webp_and_the_same_one_again() {
        let pixels: Vec<u8> = (0..64 * 48)
            .flat_map(|at: u32| [(at % 64) as u8, (at / 64) as u8, 128, 255])
            .collect();
        let first = encode_rgba(&pixels, 64, 48, 80).expect("good pixels");
        assert!(first.starts_with(b"RIFF") && first.get(8..12) == Some(b"WEBP"));
        assert!(first.len() < pixels.len() / 10, "{} bytes", first.len());
        assert_eq!(encode_rgba(&pixels, 64, 48, 80), Ok(first));
    }

    #[test]
    fn a_size_that_does_not_fit_the_pixels_reaches_no_c_code() {
        for (width, height) in [
            (0, 4),
            (4, 0),
            (4, 5),
            (5, 4),
            (16_384, 1),
            (u32::MAX, u32::MAX),
        ] {
            assert_eq!(encode_rgba(&[0; 64], width, height, 80), Err(NotEncoded));
        }
    }
}
