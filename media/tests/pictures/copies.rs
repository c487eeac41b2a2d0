//! When a smaller copy is stored in place of the upload, and that the same upload always gives the same bytes.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage, RgbaImage};
use media::{Mime, Wishes};

use crate::{fixture, image_of, prepare, psnr, shown};

/// Grain over a slope: hard to compress at any quality, yet a picture.
fn grain(x: u32, y: u32) -> u8 {
    let noise =
        (x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca77)).wrapping_mul(0xc2b2_ae3d) >> 26;
    u8::try_from((x / 16 + y / 16) % 190 + noise).unwrap_or(u8::MAX)
}

fn jpeg(width: u32, height: u32, quality: u8) -> Vec<u8> {
    let pixels = RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([grain(x, y), grain(y, x), 90])
    });
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .write_image(&pixels, width, height, ExtendedColorType::Rgb8)
        .unwrap();
    bytes
}

fn png(width: u32, height: u32, alpha: u8) -> Vec<u8> {
    let pixels = RgbaImage::from_fn(width, height, |x, y| {
        image::Rgba([grain(x, y), grain(y, x), 90, alpha])
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    pixels
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

#[test]
fn a_large_photo_becomes_a_copy_that_looks_the_same() {
    let large = jpeg(3_000, 2_000, 95);
    let made = prepare(&large, "holiday.jpeg").unwrap();
    let image = image_of(&made);
    assert_eq!((image.width_px, image.height_px), (2_048, 1_365));
    assert_eq!(
        (made.mime, made.name.as_str()),
        (Mime::Jpeg, "holiday.jpeg")
    );
    assert!(made.bytes.len() * 100 <= large.len() * 70);
    let likeness = psnr(&shown(&large, 400), &shown(&made.bytes, 400));
    assert!(likeness > 30.0, "{likeness} dB");
    let again = prepare(&made.bytes, "holiday.jpeg").unwrap();
    assert_eq!(again.bytes, made.bytes, "a copy is not copied again");
}

#[test]
fn the_upload_stays_where_the_person_wants_it() {
    let large = jpeg(3_000, 2_000, 95);
    let made = media::prepare(
        &large,
        "holiday.jpg",
        Wishes {
            keep_original: true,
        },
    )
    .unwrap();
    assert_eq!(made.bytes, large);
    assert_eq!(image_of(&made).width_px, 3_000);
}

#[test]
fn a_copy_that_saves_little_is_not_made() {
    let strong = jpeg(2_100, 1_400, 40);
    let made = prepare(&strong, "small-enough.jpg").unwrap();
    assert_eq!(made.bytes, strong);
    assert_eq!(image_of(&made).width_px, 2_100);
    let small = jpeg(600, 500, 100);
    assert!(small.len() < 1_000_000, "below both bounds");
    assert_eq!(prepare(&small, "small.jpg").unwrap().bytes, small);
}

#[test]
fn a_heavy_png_becomes_a_jpeg_or_a_webp_by_its_alpha() {
    let made = prepare(&png(900, 700, 255), "drawing.png").unwrap();
    assert_eq!((made.mime, made.name.as_str()), (Mime::Jpeg, "drawing.jpg"));
    assert_eq!(image_of(&made).width_px, 900);
    let clear = png(900, 700, 130);
    let made = prepare(&clear, "drawing.png").unwrap();
    assert_eq!(
        (made.mime, made.name.as_str()),
        (Mime::Webp, "drawing.webp")
    );
    assert_eq!(shown(&made.bytes, 100).get_pixel(50, 50).0[3], 130);
}

#[test]
fn an_animation_is_never_encoded_anew() {
    let gif = fixture("anim.gif");
    // A comment of a million bytes, in parts of 255: far above the bound on size, and gone before it is asked.
    let colours = 13 + (6 << (gif[10] & 7));
    let comment: Vec<u8> = std::iter::repeat_n([&[255][..], &[b'x'; 255]].concat(), 5_000)
        .flatten()
        .collect();
    let heavy = [
        &gif[..colours],
        b"\x21\xfe",
        &comment,
        b"\0",
        &gif[colours..],
    ]
    .concat();
    let made = prepare(&heavy, "heavy.gif").unwrap();
    assert_eq!((made.mime, image_of(&made).frames), (Mime::Gif, 3));
    assert!(made.bytes.len() < gif.len());
}

#[test]
fn the_same_upload_gives_the_same_bytes_on_any_number_of_threads() {
    let uploads = [
        ("large.jpg", jpeg(2_200, 800, 95)),
        ("heavy.png", png(900, 700, 130)),
        ("meta.webp", fixture("meta.webp")),
        ("anim.gif", fixture("anim.gif")),
    ];
    let work = || -> Vec<_> {
        uploads
            .iter()
            .map(|(name, bytes)| {
                (
                    prepare(bytes, name).unwrap(),
                    media::thumbnails(bytes, &[400, 200]).unwrap(),
                )
            })
            .collect()
    };
    let first = work();
    for threads in [1, 3] {
        std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            for done in running {
                assert!(done.join().unwrap() == first, "{threads} threads");
            }
        });
    }
}
