//! Every picture file there is has an outcome that is written down here.

use std::collections::BTreeMap;

use media::{Kind, Mime};

use crate::{folders, image_of, prepare};

enum Outcome {
    /// Comes in with this size as shown and so many frames.
    Fine(u32, u32, u32),
    /// Is refused with these words.
    Refused(&'static str),
}

use Outcome::{Fine, Refused};

const OUTCOMES: [(&str, Outcome); 34] = [
    ("anim.gif", Fine(64, 64, 3)),
    ("anim.webp", Fine(64, 48, 3)),
    ("bomb_16bit_rgba_7000.png", Refused("7000 x 7000 pixels")),
    ("bomb_50k_1bit.png", Refused("50000 x 50000 pixels")),
    ("bomb_gif_canvas.gif", Refused("65535 x 65535 pixels")),
    ("chelsea.jpg", Fine(451, 300, 1)),
    ("cmyk.jpg", Fine(96, 64, 1)),
    ("cmyk_scans.jpg", Fine(96, 64, 1)),
    ("coffee.webp", Fine(600, 400, 1)),
    (
        "crash_image_webp_0.2.4_decoder858.webp",
        Refused("pixels are damaged"),
    ),
    (
        "crash_image_webp_0.2.4_yuv147.webp",
        Refused("pixels are damaged"),
    ),
    (
        "crash_oxipng_10.2.1_apng_alloc.png",
        Refused("pixels are damaged"),
    ),
    ("deep.png", Fine(48, 32, 1)),
    ("gif_js.gif", Refused("unknown block")),
    ("heic.jpg", Refused("an HEIC picture")),
    ("html.gif", Refused("a web page")),
    ("interlaced.png", Fine(96, 64, 1)),
    ("meta.png", Fine(120, 80, 1)),
    ("meta.webp", Fine(80, 120, 1)),
    ("meta_full.jpg", Fine(300, 451, 1)),
    ("noninterleaved_420.jpg", Fine(256, 170, 1)),
    ("orient_1.jpg", Fine(96, 64, 1)),
    ("orient_2.jpg", Fine(96, 64, 1)),
    ("orient_3.jpg", Fine(96, 64, 1)),
    ("orient_4.jpg", Fine(96, 64, 1)),
    ("orient_5.jpg", Fine(96, 64, 1)),
    ("orient_6.jpg", Fine(96, 64, 1)),
    ("orient_7.jpg", Fine(96, 64, 1)),
    ("orient_8.jpg", Fine(96, 64, 1)),
    ("plain.png", Fine(96, 64, 1)),
    ("progressive.jpg", Fine(96, 64, 1)),
    ("rocket.jpg", Fine(640, 427, 1)),
    ("scanbomb_1000.jpg", Refused("7000 x 7000 pixels")),
    ("svg_plain.jpg", Refused("an SVG drawing")),
];

#[test]
fn every_picture_file_has_its_outcome() {
    let expected: BTreeMap<&str, &Outcome> = OUTCOMES
        .iter()
        .map(|(name, outcome)| (*name, outcome))
        .collect();
    let mut tried = 0;
    for path in folders()
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
    {
        let path = path.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let promised = path
            .extension()
            .and_then(|end| Mime::from_extension(end.to_str()?));
        if promised.map(Mime::kind) != Some(Kind::Image) {
            continue;
        }
        let outcome = expected
            .get(name)
            .unwrap_or_else(|| panic!("{name} has no outcome here"));
        let bytes = std::fs::read(&path).unwrap();
        match (prepare(&bytes, name), outcome) {
            (Ok(made), Fine(width, height, frames)) => {
                let image = image_of(&made);
                let found = (image.width_px, image.height_px, image.frames);
                assert_eq!(found, (*width, *height, *frames), "{name}");
                assert_eq!((Some(made.mime), made.name.as_str()), (promised, name));
                assert!(made.bytes.len() <= bytes.len() + 26, "{name} grew");
                assert!((5..=25).contains(&image.thumbhash.len()), "{name}");
                assert!(made.notes.is_empty(), "{name}: {:?}", made.notes);
            }
            (Err(error), Refused(words)) => {
                assert!(error.to_string().contains(words), "{name}: {error}");
            }
            (Ok(_), Refused(words)) => panic!("{name} was let in, though {words}"),
            (Err(error), Fine(..)) => panic!("{error}"),
        }
        tried += 1;
    }
    assert!(tried >= 28, "only {tried} files were tried");
}

#[test]
fn a_jpeg_that_ends_early_comes_in_with_a_note_and_other_pictures_do_not() {
    let whole = crate::fixture("chelsea.jpg");
    let made = prepare(&whole[..whole.len() / 2], "half.jpg").unwrap();
    assert_eq!(made.notes.len(), 1);
    assert!(made.notes[0].contains("ends early"), "{:?}", made.notes);
    for name in [
        "meta.png",
        "coffee.webp",
        "anim.gif",
        "anim.webp",
        "interlaced.png",
    ] {
        let whole = crate::fixture(name);
        for part in [0, 1, 12, whole.len() / 2, whole.len() - 3] {
            assert!(
                prepare(&whole[..part], name).is_err(),
                "{name} cut to {part}"
            );
        }
    }
    for name in ["chelsea.jpg", "progressive.jpg"] {
        for part in [0, 1, 3, 100] {
            assert!(
                prepare(&crate::fixture(name)[..part], name).is_err(),
                "{name} cut to {part}"
            );
        }
    }
}

#[test]
fn a_wrong_extension_is_refused_before_anything_is_decoded() {
    let error = prepare(&crate::fixture("coffee.webp"), "coffee.png").unwrap_err();
    assert!(error.to_string().contains("its content is WebP"), "{error}");
}

#[test]
fn sixteen_bits_a_sample_fit_half_the_area() {
    let grey = |side: u32| {
        let pixels = image::ImageBuffer::<image::Rgba<u16>, _>::new(side, side);
        let mut bytes = std::io::Cursor::new(Vec::new());
        pixels
            .write_to(&mut bytes, image::ImageFormat::Png)
            .unwrap();
        bytes.into_inner()
    };
    let error = prepare(&grey(4_600), "deep.png").unwrap_err();
    assert!(error.to_string().contains("memory"), "{error}");
}
