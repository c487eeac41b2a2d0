//! What is shown is what was meant: upright, in its colours, by a decoder that is right about it.

use image::codecs::png::PngEncoder;
use image::{DynamicImage, ExtendedColorType, ImageEncoder, Rgb, RgbImage};
use media::limit;

use crate::{fixture, prepared, psnr, shown};

#[test]
fn all_eight_orientations_show_the_same_before_and_after() {
    let upright = shown(&fixture("orient_1.jpg"), 96);
    assert_eq!(upright.dimensions(), (96, 64));
    for orientation in 1..=8 {
        let name = format!("orient_{orientation}.jpg");
        for bytes in [fixture(&name), prepared(&name).bytes] {
            let likeness = psnr(&shown(&bytes, 96), &upright);
            assert!(likeness > 28.0, "{name}: {likeness} dB");
        }
    }
    let turned = DynamicImage::ImageRgba8(upright.clone())
        .rotate180()
        .into_rgba8();
    assert!(
        psnr(&turned, &upright) < 20.0,
        "the measure tells a turned picture"
    );
}

#[test]
fn a_turned_webp_and_a_turned_png_stay_turned() {
    let webp = prepared("meta.webp");
    assert_eq!(shown(&webp.bytes, 120).dimensions(), (80, 120));
    assert_eq!(shown(&webp.bytes, 120), shown(&fixture("meta.webp"), 120));
    let mut png = Vec::new();
    let mut encoder = PngEncoder::new(&mut png);
    let quarter = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0".to_vec();
    encoder.set_exif_metadata(quarter).unwrap();
    let red_left = RgbImage::from_fn(40, 20, |x, _| {
        Rgb(if x < 20 { [255, 0, 0] } else { [0, 0, 255] })
    });
    encoder
        .write_image(&red_left, 40, 20, ExtendedColorType::Rgb8)
        .unwrap();
    let made = crate::prepare(&png, "turned.png").unwrap();
    let seen = shown(&made.bytes, 40);
    assert_eq!(seen.dimensions(), (20, 40));
    assert!(seen.get_pixel(10, 5).0[0] > 200 && seen.get_pixel(10, 35).0[2] > 200);
}

#[test]
fn a_jpeg_with_a_scan_for_each_colour_is_not_garbage() {
    let cat = shown(&fixture("chelsea.jpg"), 200);
    let scans = shown(&fixture("noninterleaved_420.jpg"), 200);
    assert_eq!(cat.dimensions(), (200, 133));
    assert!(psnr(&cat, &scans) > 26.0, "{}", psnr(&cat, &scans));
}

#[test]
fn ink_shows_as_light_through_either_decoder() {
    let light = shown(&fixture("plain.png"), 96);
    for name in ["cmyk.jpg", "cmyk_scans.jpg"] {
        let likeness = psnr(&shown(&fixture(name), 96), &light);
        assert!(likeness > 20.0, "{name}: {likeness} dB");
    }
    let both = psnr(
        &shown(&fixture("cmyk.jpg"), 96),
        &shown(&fixture("cmyk_scans.jpg"), 96),
    );
    assert!(both > 35.0, "{both} dB");
}

#[test]
fn interlaced_and_progressive_pictures_are_like_their_plain_ones() {
    assert_eq!(
        shown(&fixture("interlaced.png"), 96),
        shown(&fixture("plain.png"), 96)
    );
    let likeness = psnr(
        &shown(&fixture("progressive.jpg"), 96),
        &shown(&fixture("orient_1.jpg"), 96),
    );
    assert!(likeness > 40.0, "{likeness} dB");
}

#[test]
fn sixteen_bits_become_eight() {
    let likeness = psnr(
        &shown(&fixture("deep.png"), 48),
        &shown(&fixture("plain.png"), 48),
    );
    assert!(likeness > 28.0, "{likeness} dB");
}

/// A PNG of one colour with a profile.
fn flat_png(colour: [u8; 3], profile: Vec<u8>) -> Vec<u8> {
    let mut png = Vec::new();
    let mut encoder = PngEncoder::new(&mut png);
    encoder.set_icc_profile(profile).unwrap();
    let pixels = RgbImage::from_pixel(64, 64, Rgb(colour));
    encoder
        .write_image(&pixels, 64, 64, ExtendedColorType::Rgb8)
        .unwrap();
    png
}

#[test]
fn a_profile_is_kept_in_the_file_and_applied_in_the_thumbnail() {
    let profile = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let png = flat_png([200, 80, 60], profile);
    let made = crate::prepare(&png, "p3.png").unwrap();
    assert!(made.bytes.windows(4).any(|bytes| bytes == b"iCCP"));
    let seen = shown(&made.bytes, 64).get_pixel(32, 32).0;
    // Display P3 (200, 80, 60) is sRGB (216, 71, 49), by the matrices of both (CSS Color Module Level 4, section 10).
    for (found, expected) in seen.iter().zip([216_u8, 71, 49, 255]) {
        assert!(found.abs_diff(expected) <= 6, "{seen:?}");
    }
}

#[test]
fn a_profile_that_cannot_be_read_changes_nothing() {
    let seen = shown(
        &flat_png([200, 80, 60], b"no profile at all".repeat(20)),
        64,
    );
    for (found, expected) in seen.get_pixel(32, 32).0.iter().zip([200_u8, 80, 60, 255]) {
        assert!(
            found.abs_diff(expected) <= 6,
            "{:?}",
            seen.get_pixel(32, 32)
        );
    }
}

#[test]
fn thumbnails_fit_their_square_and_never_grow() {
    let cat = fixture("chelsea.jpg");
    for (side, expected) in [
        (400, (400, 266)),
        (200, (200, 133)),
        (1, (1, 1)),
        (451, (451, 300)),
        (2_000, (451, 300)),
    ] {
        assert_eq!(shown(&cat, side).dimensions(), expected, "{side}");
    }
    assert_eq!(media::thumbnail(&cat, 0), media::thumbnail(&cat, 1));
    assert_eq!(
        media::thumbnail(&cat, u32::MAX),
        media::thumbnail(&cat, limit::THUMBNAIL_SIDE_PX_MAX)
    );
    let together = media::thumbnails(&cat, &[420, 200, 400]).unwrap();
    let alone: Vec<_> = [420, 200, 400]
        .map(|side| media::thumbnail(&cat, side).unwrap())
        .to_vec();
    assert_eq!(together, alone);
    assert!(media::thumbnail(&fixture("id3.mp3"), 200).is_err());
    assert!(media::thumbnail(b"", 200).is_err());
}

#[test]
fn what_shows_through_still_does_when_it_is_small() {
    let half = image::RgbaImage::from_fn(800, 800, |x, _| {
        image::Rgba([250, 0, 0, if x < 400 { 0 } else { 255 }])
    });
    let mut png = std::io::Cursor::new(Vec::new());
    half.write_to(&mut png, image::ImageFormat::Png).unwrap();
    let seen = shown(png.get_ref(), 200);
    assert_eq!(seen.get_pixel(20, 100).0[3], 0);
    let red = seen.get_pixel(180, 100).0;
    assert!(red[3] == 255 && red[0] > 235 && red[1] < 12, "{red:?}");
}
