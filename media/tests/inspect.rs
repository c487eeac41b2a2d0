//! What comes in and what is refused: real files, files that lie, and files that were damaged.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};

use media::{Content, MediaError, MediaInfo, Mime, Picture, Sound, inspect, limit, sniff};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

fn fixture(name: &str) -> Vec<u8> {
    let path = fixtures().join("media").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = fixtures().join(folder);
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn check_picture(name: &str, width_px: u32, height_px: u32, frames: u32) {
    let info = inspect(&fixture(name), name).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(
        info.content,
        Content::Image(Picture {
            width_px,
            height_px,
            frames
        }),
        "{name}"
    );
}

fn check_sound(name: &str, duration_ms: u32, rate_hz: u32) {
    let info = inspect(&fixture(name), name).unwrap_or_else(|e| panic!("{e}"));
    let Content::Audio(Sound {
        duration_ms: found,
        rate_hz: rate,
        channels,
    }) = info.content
    else {
        panic!("{name} is no sound");
    };
    assert_eq!((rate, channels), (rate_hz, 1), "{name}");
    assert!(
        found.abs_diff(duration_ms) <= 60,
        "{name}: {found} ms, not {duration_ms}"
    );
}

fn check_refused(bytes: &[u8], name: &str, because: &str) {
    match inspect(bytes, name) {
        Ok(info) => panic!("{name} was let in: {info:?}"),
        Err(error) => assert!(error.to_string().contains(because), "{name}: {error}"),
    }
}

#[test]
fn pictures_are_measured() {
    check_picture("chelsea.jpg", 451, 300, 1);
    check_picture("noninterleaved_420.jpg", 256, 170, 1);
    check_picture("coffee.webp", 600, 400, 1);
    check_picture("meta.png", 120, 80, 1);
    check_picture("anim.gif", 64, 64, 3);
    check_picture("anim.webp", 64, 48, 3);
}

#[test]
fn a_turned_picture_has_its_size_as_shown() {
    for name in [
        "orient_1.jpg",
        "orient_3.jpg",
        "orient_6.jpg",
        "orient_8.jpg",
    ] {
        check_picture(name, 96, 64, 1);
    }
    check_picture("meta_full.jpg", 300, 451, 1);
    check_picture("meta.webp", 80, 120, 1);
}

#[test]
fn sounds_are_measured_by_their_packets() {
    check_sound("ok_16k.wav", 1_000, 16_000);
    check_sound("short_200ms.wav", 200, 44_100);
    check_sound("id3.mp3", 3_000, 44_100);
    // No Xing header: an estimate from the first frames would say 2.5 s.
    check_sound("vbr_noxing_7s.mp3", 7_030, 44_100);
    check_sound("v.ogg", 3_000, 44_100);
    check_sound("opus.ogg", 3_000, 48_000);
    for name in ["moov_end.m4a", "frag.m4a", "heaac.m4a"] {
        check_sound(name, 3_020, 44_100);
    }
    check_sound("alac.m4a", 3_000, 22_050);
}

#[test]
fn the_size_agrees_with_an_independent_reader() {
    let mut compared = 0;
    for path in files("media")
        .into_iter()
        .chain(files("decks/capitals/flags"))
    {
        let (bytes, name) = (
            std::fs::read(&path).unwrap(),
            path.to_string_lossy().into_owned(),
        );
        let Ok(MediaInfo {
            content: Content::Image(found),
            ..
        }) = inspect(&bytes, &name)
        else {
            continue;
        };
        let reader = image::ImageReader::new(std::io::Cursor::new(&bytes))
            .with_guessed_format()
            .unwrap();
        let (width, height) = reader.into_dimensions().unwrap();
        let (found, stored) = ((found.width_px, found.height_px), (width, height));
        assert!(
            found == stored || found == (height, width),
            "{name}: {found:?}, stored {stored:?}"
        );
        compared += 1;
    }
    assert!(compared > 193, "only {compared} pictures compared");
}

#[test]
fn the_whole_demo_deck_comes_in() {
    let mut kinds = std::collections::BTreeMap::new();
    for path in files("decks/capitals/flags")
        .into_iter()
        .chain(files("decks/capitals/sounds"))
    {
        let info = inspect(&std::fs::read(&path).unwrap(), &path.to_string_lossy()).unwrap();
        *kinds.entry(info.mime).or_insert(0) += 1;
        assert!(!info.name.contains('/'));
    }
    assert_eq!(
        kinds.keys().copied().collect::<Vec<_>>(),
        [Mime::Png, Mime::Mp3, Mime::Wav, Mime::Ogg]
    );
    assert_eq!(kinds.values().sum::<u32>(), 386);
}

#[test]
fn strangers_are_named_and_refused() {
    check_refused(&fixture("heic.jpg"), "heic.jpg", "an HEIC picture");
    check_refused(&fixture("svg_plain.jpg"), "svg_plain.jpg", "an SVG drawing");
    check_refused(&fixture("html.gif"), "html.gif", "a web page");
    check_refused(&fixture("gif_js.gif"), "gif_js.gif", "unknown block");
    check_refused(
        &fixture("video_isom.m4a"),
        "video_isom.m4a",
        "holds a video",
    );
    check_refused(b"", "nothing.png", "empty");
    check_refused(b"#!/bin/sh", "run.mp3", "no picture or sound");
}

#[test]
fn the_extension_must_agree_and_the_message_names_both() {
    let png = fixture("meta.png");
    let error = inspect(&png, "cat.JPG").unwrap_err();
    let expected = MediaError::ExtensionMismatch {
        name: "cat.JPG".to_owned(),
        extension: "JPG".to_owned(),
        found: Mime::Png,
    };
    assert_eq!(error, expected);
    assert!(
        error.to_string().contains(".JPG") && error.to_string().contains("PNG"),
        "{error}"
    );
    check_refused(&png, "cat.txt", "its content is PNG");
    check_refused(&fixture("id3.mp3"), "voice.wav", "its content is MP3");
    for fine in ["cat.png", "CAT.PNG", "cat", "../../etc/cat.png"] {
        assert_eq!(inspect(&png, fine).unwrap().mime, Mime::Png, "{fine}");
    }
}

#[test]
fn too_many_bytes_are_refused_with_both_numbers() {
    let mut picture = fixture("chelsea.jpg");
    picture.resize(usize::try_from(limit::IMAGE_BYTES_MAX).unwrap(), 0);
    assert!(inspect(&picture, "a.jpg").is_ok());
    picture.push(0);
    check_refused(
        &picture,
        "a.jpg",
        "10000001 bytes; a picture may have 10000000",
    );
    let mut sound = fixture("id3.mp3");
    sound.resize(usize::try_from(limit::AUDIO_BYTES_MAX).unwrap() + 1, 0);
    check_refused(&sound, "a.mp3", "25000001 bytes; a sound may have 25000000");
}

/// A PNG of one empty chunk of pixels, as large as it claims to be.
fn png_of(width: u32, height: u32, frames: u32) -> Vec<u8> {
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8], body: &[u8]| {
        out.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
        out.extend([kind, body, &[0; 4]].concat());
    };
    chunk(
        b"IHDR",
        &[
            &width.to_be_bytes()[..],
            &height.to_be_bytes(),
            &[8, 6, 0, 0, 0],
        ]
        .concat(),
    );
    if frames > 1 {
        chunk(b"acTL", &[frames.to_be_bytes(), [0; 4]].concat());
    }
    chunk(b"IDAT", b"");
    chunk(b"IEND", b"");
    out
}

#[test]
fn bombs_are_refused_at_their_header() {
    assert!(inspect(&png_of(8_192, 4_882, 1), "edge.png").is_ok());
    check_refused(&png_of(8_192, 4_883, 1), "area.png", "8192 x 4883 pixels");
    check_refused(&png_of(8_193, 1, 1), "side.png", "at most 8192 a side");
    check_refused(
        &png_of(50_000, 50_000, 1),
        "bomb.png",
        "50000 x 50000 pixels",
    );
    check_refused(
        &png_of(u32::MAX, u32::MAX, 1),
        "max.png",
        "4294967295 x 4294967295",
    );
    check_refused(&png_of(0, 5, 1), "zero.png", "no pixels");
    assert!(inspect(&png_of(600, 600, 500), "film.png").is_ok());
    check_refused(&png_of(1, 1, 501), "long.png", "501 frames");
    check_refused(
        &png_of(1_000, 1_000, 201),
        "heavy.png",
        "201 frames of 1000 x 1000",
    );
    check_refused(
        b"GIF89a\xff\xff\xff\xff\x00\x00\x00\x2c\0\0\0\0\x01\0\x01\0\0\x02\x00;",
        "b.gif",
        "65535 x 65535",
    );
    let webp = b"RIFF\x24\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xffVP8L\x05\0\0\0\x2f\0\0\0\0\0";
    check_refused(webp, "b.webp", "16777216 x 16777216");
    let mut jpeg = b"\xff\xd8\xff\xc0\0\x0b\x08\xff\xdc\xff\xdc\x01\x01\x11\0".to_vec();
    jpeg.extend(b"\xff\xda\0\x08\x01\x01\0\0\x3f\0\0");
    check_refused(&jpeg, "b.jpg", "65500 x 65500");
}

/// A WAV of silence, 8 bits a sample.
fn wav_of(rate_hz: u32, channels: u16, seconds: u32) -> Vec<u8> {
    let block = u32::from(channels);
    let length = if rate_hz > 1_000_000 {
        1_000
    } else {
        rate_hz * block * seconds
    };
    let mut out = b"RIFF".to_vec();
    out.extend((36 + length).to_le_bytes());
    out.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    out.extend(channels.to_le_bytes());
    out.extend(rate_hz.to_le_bytes());
    out.extend(rate_hz.saturating_mul(block).to_le_bytes());
    out.extend(channels.to_le_bytes());
    out.extend(b"\x08\0data");
    out.extend(length.to_le_bytes());
    out.resize(out.len() + usize::try_from(length).unwrap(), 0x80);
    out
}

#[test]
fn sounds_that_are_too_long_or_claim_the_impossible_are_refused() {
    assert!(inspect(&wav_of(8_000, 1, 300), "five-minutes.wav").is_ok());
    check_refused(
        &wav_of(8_000, 1, 302),
        "long.wav",
        "longer than 300 seconds",
    );
    check_refused(&wav_of(4_000_000_000, 1, 1), "rate.wav", "4000000000 Hz");
    check_refused(&wav_of(7_999, 1, 1), "low.wav", "7999 Hz");
    check_refused(&wav_of(8_000, 9, 1), "many.wav", "9 channels");
    check_refused(&wav_of(8_000, 1, 0), "none.wav", "no sound");
}

#[test]
fn a_stated_duration_is_held_against_the_packets() {
    let mut lying = fixture("moov_end.m4a");
    let table = lying.windows(4).position(|bytes| bytes == b"stts").unwrap();
    // Box type, version and flags, number of entries, then count and duration of each entry.
    let duration = &mut lying[table + 16..table + 20];
    assert_eq!(duration, 1_024_u32.to_be_bytes());
    duration.copy_from_slice(&16_u32.to_be_bytes());
    check_refused(&lying, "lying.m4a", "not that of its packets");
}

/// The checksum of an Ogg page (RFC 3533 section 6), computed with its own field as zero.
fn ogg_checksum(page: &[u8]) -> u32 {
    page.iter().fold(0, |sum, byte| {
        (0..8).fold(sum ^ (u32::from(*byte) << 24), |sum, _| {
            (sum << 1) ^ if sum >> 31 == 1 { 0x04c1_1db7 } else { 0 }
        })
    })
}

#[test]
fn a_million_packets_without_a_second_of_sound_are_refused() {
    // The headers of a real Opus sound, then pages of empty packets.
    let whole = fixture("opus.ogg");
    let third_page = whole
        .windows(4)
        .enumerate()
        .filter(|(_, bytes)| bytes == b"OggS")
        .nth(2)
        .unwrap()
        .0;
    let mut file = whole[..third_page].to_vec();
    let serial = file[14..18].to_vec();
    for number in 2_u32..4_200 {
        let granule = u64::from(number).to_le_bytes();
        let number = number.to_le_bytes();
        let mut page = [
            b"OggS\0\0",
            &granule[..],
            &serial,
            &number,
            &[0; 4],
            &[255],
            &[0; 255],
        ]
        .concat();
        let sum = ogg_checksum(&page).to_le_bytes();
        page[22..26].copy_from_slice(&sum);
        file.extend(page);
    }
    check_refused(&file, "packets.ogg", "too many packets");
}

#[test]
fn several_sounds_in_one_file_are_refused() {
    let chained = [fixture("v.ogg"), fixture("opus.ogg")].concat();
    check_refused(&chained, "chained.ogg", "one behind the other");
}

#[test]
fn a_file_that_panics_its_reader_costs_only_itself() {
    check_refused(
        &fixture("crash_symphonia_format_ogg_0.6.1.ogg"),
        "crash.ogg",
        "breaks the reader",
    );
    // Their pixels are broken, their headers are not: the decoder, not this room, has to survive them.
    for name in [
        "crash_image_webp_0.2.4_decoder858.webp",
        "crash_image_webp_0.2.4_yuv147.webp",
    ] {
        assert!(inspect(&fixture(name), name).is_ok());
    }
}

#[test]
fn a_picture_that_ends_early_is_refused() {
    for name in ["meta.png", "coffee.webp", "anim.gif"] {
        let whole = fixture(name);
        for part in [whole.len() / 4, whole.len() / 2, whole.len() - 2] {
            let refused = inspect(&whole[..part], name);
            assert!(
                refused.is_err(),
                "{name} cut to {part} of {} bytes: {refused:?}",
                whole.len()
            );
        }
    }
}

#[test]
fn every_type_is_told_by_its_first_bytes() {
    for path in files("media") {
        let bytes = std::fs::read(&path).unwrap();
        if let Ok(info) = inspect(&bytes, "") {
            let start = &bytes[..bytes.len().min(limit::SNIFF_BYTES)];
            assert_eq!(sniff(start), Some(info.mime), "{}", path.display());
        }
    }
}

/// A small generator with a fixed seed (xorshift64*, Vigna 2016), so that a failure repeats.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % bound
    }
}

#[test]
fn damaged_files_are_answered_quickly_and_within_the_bounds() {
    let mut dice = Dice(20_260_115);
    for path in files("media") {
        let whole = std::fs::read(&path).unwrap();
        for _ in 0..150 {
            let mut bytes = whole.clone();
            bytes.truncate(whole.len() - dice.below(whole.len() / 4 + 1));
            for _ in 0..1 + dice.below(4) {
                // Headers stand at the front: most of the damage belongs there.
                let reach = if dice.below(3) > 0 {
                    bytes.len().min(600)
                } else {
                    bytes.len()
                };
                let at = dice.below(reach);
                bytes[at] = u8::try_from(dice.below(256)).unwrap();
            }
            let Ok(info) = inspect(&bytes, "") else {
                continue;
            };
            match info.content {
                Content::Image(Picture {
                    width_px,
                    height_px,
                    frames,
                }) => {
                    assert!(width_px.max(height_px) <= limit::IMAGE_SIDE_PX_MAX);
                    assert!((1..=limit::ANIMATION_FRAMES_MAX).contains(&frames));
                }
                Content::Audio(sound) => {
                    assert!(sound.duration_ms > 0 && sound.duration_ms <= 301_000);
                    assert!((8_000..=192_000).contains(&sound.rate_hz) && sound.channels <= 8);
                }
            }
        }
    }
}
