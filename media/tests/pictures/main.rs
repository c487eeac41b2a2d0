//! Pictures from upload to thumbnail: what comes out of real files, lying files and broken files.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod copies;
mod looks;
mod outcomes;
mod stripped;

use std::path::{Path, PathBuf};

use image::RgbaImage;
use media::{MediaError, Prepared, PreparedContent, PreparedImage, Wishes};

/// Where the fixtures are, and the larger set beside the work tree that they were chosen from, where it is there.
fn folders() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = here.join("../../shared/media");
    if !shared.is_dir() {
        eprintln!(
            "SKIPPED: {} is not there; only fixtures/media is tried",
            shared.display()
        );
    }
    [here.join("../fixtures/media"), shared]
        .into_iter()
        .filter(|folder| folder.is_dir())
        .collect()
}

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures/media")
        .join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn prepare(bytes: &[u8], name: &str) -> Result<Prepared, MediaError> {
    media::prepare(bytes, name, Wishes::default())
}

fn prepared(name: &str) -> Prepared {
    prepare(&fixture(name), name).unwrap_or_else(|e| panic!("{e}"))
}

fn image_of(prepared: &Prepared) -> &PreparedImage {
    match &prepared.content {
        PreparedContent::Image(image) => image,
        PreparedContent::Audio(_) => panic!("{} is no picture", prepared.name),
    }
}

/// What a list shows of these bytes.
fn shown(bytes: &[u8], side_px: u32) -> RgbaImage {
    let webp = media::thumbnail(bytes, side_px).unwrap_or_else(|e| panic!("{e}"));
    image::load_from_memory(&webp).unwrap().into_rgba8()
}

/// Likeness of two pictures in decibels: 20 is another picture, 30 the same one encoded anew, 40 cannot be told apart.
fn psnr(one: &RgbaImage, other: &RgbaImage) -> f64 {
    assert_eq!(one.dimensions(), other.dimensions());
    let squares: f64 = one
        .as_raw()
        .iter()
        .zip(other.as_raw())
        .map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2))
        .sum();
    let mean = squares / one.as_raw().len() as f64;
    10.0 * (255.0_f64.powi(2) / mean.max(1e-9)).log10()
}
