//! Nothing about the maker is left: by our own search, and by exiftool where it is installed.

use std::process::Command;

use media::Prepared;

use crate::{fixture, folders, image_of, prepare, prepared};

/// The pictures that carry something, and words of it that must be gone.
const TELLING: [(&str, &[&str]); 5] = [
    (
        "meta_full.jpg",
        &["Exif\0\0II", "http://ns.adobe.com", "Photoshop", "GPS"],
    ),
    ("meta.png", &["tEXt", "XML:com.adobe.xmp", "iTXt"]),
    ("meta.webp", &["XMP ", "xpacket"]),
    ("anim.gif", &["XMP DataXMP", "xpacket"]),
    ("orient_6.jpg", &["Exif\0\0MM\0*\0\0\0\x08\0\x05"]),
];

fn holds(bytes: &[u8], words: &[u8]) -> bool {
    bytes.windows(words.len()).any(|part| part == words)
}

#[test]
fn what_tells_of_the_maker_is_gone() {
    for (name, words) in TELLING {
        let (before, after) = (fixture(name), prepared(name).bytes);
        assert!(after.len() < before.len(), "{name}");
        assert!(
            words.iter().any(|words| holds(&before, words.as_bytes())),
            "{name} told nothing"
        );
        for words in words {
            assert!(
                !holds(&after, words.as_bytes()),
                "{name} still holds {words}"
            );
        }
    }
}

#[test]
fn stripping_what_is_stripped_changes_nothing() {
    for (name, _) in TELLING.into_iter().chain([
        ("chelsea.jpg", &[][..]),
        ("anim.webp", &[]),
        ("cmyk_scans.jpg", &[]),
    ]) {
        let once = prepared(name);
        let twice = prepare(&once.bytes, name).unwrap();
        assert_eq!(once, twice, "{name}");
    }
}

#[test]
fn tails_and_comments_of_polyglots_die() {
    const TAIL: &[u8] = b"PK\x03\x04<?php system($_GET[0]); ?><script>alert(1)</script>";
    for name in [
        "chelsea.jpg",
        "plain.png",
        "anim.gif",
        "anim.webp",
        "coffee.webp",
    ] {
        let clean = prepared(name);
        let tailed = [&fixture(name)[..], TAIL].concat();
        assert_eq!(prepare(&tailed, name).unwrap().bytes, clean.bytes, "{name}");
    }
    let jpeg = fixture("chelsea.jpg");
    let comment = [b"\xff\xfe", &60_u16.to_be_bytes()[..], &[b'!'; 58]].concat();
    let commented = [&jpeg[..2], &comment, &jpeg[2..]].concat();
    assert_eq!(
        prepare(&commented, "c.jpg").unwrap().bytes,
        prepared("chelsea.jpg").bytes
    );
    let gif = fixture("anim.gif");
    let colours = 13 + (6 << (gif[10] & 7));
    let commented = [&gif[..colours], b"\x21\xfe\x05<?php\x00", &gif[colours..]].concat();
    assert_eq!(
        prepare(&commented, "c.gif").unwrap().bytes,
        prepared("anim.gif").bytes
    );
}

#[test]
fn a_png_chunk_that_nobody_knows_is_dropped_or_refused() {
    let png = fixture("plain.png");
    let with = |kind: &[u8; 4], sum: u32| {
        let chunk = [&4_u32.to_be_bytes()[..], kind, b"abcd", &sum.to_be_bytes()].concat();
        [&png[..33], &chunk, &png[33..]].concat()
    };
    // The checksums are those of the two chunks.
    let spare = prepare(&with(b"prVt", checksum(b"prVtabcd")), "spare.png").unwrap();
    assert_eq!(spare.bytes, prepared("plain.png").bytes);
    assert!(prepare(&with(b"PRVT", checksum(b"PRVTabcd")), "needed.png").is_err());
}

fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ if sum & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

#[test]
fn animations_keep_all_their_frames() {
    for name in ["anim.gif", "anim.webp"] {
        let made = prepared(name);
        assert_eq!(image_of(&made).frames, 3, "{name}");
        let frames = |bytes: &[u8]| -> Vec<image::Frame> {
            use image::AnimationDecoder;
            let bytes = std::io::Cursor::new(bytes.to_vec());
            let frames = if name.ends_with("gif") {
                image::codecs::gif::GifDecoder::new(bytes)
                    .unwrap()
                    .into_frames()
            } else {
                image::codecs::webp::WebPDecoder::new(bytes)
                    .unwrap()
                    .into_frames()
            };
            frames.collect_frames().unwrap()
        };
        let (before, after) = (frames(&fixture(name)), frames(&made.bytes));
        assert_eq!(after.len(), 3, "{name}");
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before.buffer(), after.buffer(), "{name}");
            assert_eq!(before.delay(), after.delay(), "{name}");
        }
    }
    assert!(
        holds(&prepared("anim.gif").bytes, b"NETSCAPE2.0"),
        "it runs on and on as before"
    );
}

/// What exiftool may find: how the picture is stored, its colours, its orientation and its animation.
const STRUCTURE: [&str; 13] = [
    "ExifTool:",
    "File:",
    "System:",
    "Composite:",
    "PNG:",
    "PNG-pHYs:",
    "PNG-cICP:",
    "RIFF:",
    "GIF:",
    "JFIF:",
    "APP14:",
    "Adobe:",
    "ICC",
];

/// Within these groups, names that would be metadata nevertheless.
const TELLING_NAMES: [&str; 10] = [
    "Comment",
    "Author",
    "Copyright",
    "Software",
    "Description",
    "CreationTime",
    "ModifyDate",
    "Title",
    "Artist",
    "Warning",
];

#[test]
fn exiftool_finds_nothing_but_structure() {
    if Command::new("exiftool").arg("-ver").output().is_err() {
        eprintln!("SKIPPED: exiftool is not installed (Debian: libimage-exiftool-perl)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut written = 0;
    for path in folders()
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
    {
        let path = path.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let Ok(Prepared { bytes, mime, .. }) = prepare(&std::fs::read(&path).unwrap(), name) else {
            continue;
        };
        if mime.kind() == media::Kind::Image {
            std::fs::write(folder.path().join(name), bytes).unwrap();
            written += 1;
        }
    }
    assert!(written >= 20, "only {written} pictures came in");
    // What exiftool must complain of, or this test could not fail.
    std::fs::write(folder.path().join("control.jpg"), fixture("meta_full.jpg")).unwrap();
    let mut control = 0;
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap().path();
        let said = Command::new("exiftool")
            .args(["-a", "-u", "-G1", "-s"])
            .arg(&file)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let left: Vec<&str> = said.lines().filter(|line| is_metadata(line)).collect();
        if file.ends_with("control.jpg") {
            control = left.len();
        } else {
            assert!(left.is_empty(), "{}: {left:#?}", file.display());
        }
    }
    assert!(
        control > 20,
        "exiftool found only {control} things in the control"
    );
}

/// Judges a line such as `[IFD0]          Orientation                     : Rotate 90 CW`.
fn is_metadata(line: &str) -> bool {
    let Some((group, rest)) = line.strip_prefix('[').and_then(|line| line.split_once(']')) else {
        return true;
    };
    let name = rest
        .trim_start()
        .split([' ', ':'])
        .next()
        .unwrap_or_default();
    let group = format!("{group}:");
    // ICC profiles name their maker: they are the profile's words, not the picture's.
    if group.starts_with("ICC") {
        return false;
    }
    let is_structure = STRUCTURE.iter().any(|known| group.starts_with(known));
    let is_orientation = group == "IFD0:" && name == "Orientation";
    let is_exif_order = group == "File:" && name == "ExifByteOrder";
    (!is_structure && !is_orientation && !is_exif_order) || TELLING_NAMES.contains(&name)
}
