//! What becomes of a sound: real files, files that lie, and files that were made here to be awkward.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::f32::consts::TAU;
use std::path::{Path, PathBuf};
use std::process::Command;

use media::{Mime, Prepared, PreparedAudio, PreparedContent, Wishes, limit, prepare};

const ORIGINAL: Wishes = Wishes {
    keep_original: true,
};

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/media");
    let path = path.join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn audio(prepared: &Prepared) -> &PreparedAudio {
    match &prepared.content {
        PreparedContent::Audio(audio) => audio,
        PreparedContent::Image(_) => panic!("{} became a picture", prepared.name),
    }
}

#[track_caller]
fn made(bytes: &[u8], name: &str, wishes: Wishes) -> Prepared {
    prepare(bytes, name, wishes).unwrap_or_else(|e| panic!("{e}"))
}

#[track_caller]
fn check_refused(bytes: &[u8], name: &str, because: &str) {
    for wishes in [Wishes::default(), ORIGINAL] {
        match prepare(bytes, name, wishes) {
            Ok(info) => panic!("{name} was let in: {info:?}"),
            Err(error) => assert!(error.to_string().contains(because), "{name}: {error}"),
        }
    }
}

/// How samples stand in a WAV.
#[derive(Clone, Copy)]
enum Coding {
    Int16,
    Int24,
    Float32,
}

/// A WAV of these interleaved samples.
fn wav(coding: Coding, rate_hz: u32, channels: u16, samples: &[f32]) -> Vec<u8> {
    let (tag, bytes_each): (u16, u16) = match coding {
        Coding::Int16 => (1, 2),
        Coding::Int24 => (1, 3),
        Coding::Float32 => (3, 4),
    };
    let length = u32::try_from(samples.len()).unwrap() * u32::from(bytes_each);
    let mut out = b"RIFF".to_vec();
    out.extend((36 + length).to_le_bytes());
    out.extend(b"WAVEfmt \x10\0\0\0");
    out.extend(tag.to_le_bytes());
    out.extend(channels.to_le_bytes());
    out.extend(rate_hz.to_le_bytes());
    out.extend((rate_hz * u32::from(channels * bytes_each)).to_le_bytes());
    out.extend((channels * bytes_each).to_le_bytes());
    out.extend((bytes_each * 8).to_le_bytes());
    out.extend(b"data");
    out.extend(length.to_le_bytes());
    for sample in samples {
        match coding {
            Coding::Int16 => out.extend(((sample * 32_767.0) as i16).to_le_bytes()),
            Coding::Int24 => out.extend(&((sample * 8_388_607.0) as i32).to_le_bytes()[..3]),
            Coding::Float32 => out.extend(sample.to_le_bytes()),
        }
    }
    out
}

/// A tone, the same in every channel.
fn tone(rate_hz: u32, channels: usize, ms: u32, hz: f32, height: f32) -> Vec<f32> {
    let frames = u64::from(rate_hz) * u64::from(ms) / 1_000;
    (0..frames)
        .flat_map(|at| {
            let sample = height * (at as f32 * hz / rate_hz as f32 * TAU).sin();
            vec![sample; channels]
        })
        .collect()
}

/// Makes an MP3 of a sound and holds what every one of them must be.
#[cfg(feature = "mp3")]
#[track_caller]
fn check_level(bytes: &[u8], name: &str, duration_ms: u64) -> Prepared {
    let made = made(bytes, name, Wishes::default());
    let sound = audio(&made);
    assert_eq!(made.mime, Mime::Mp3, "{name}");
    assert!(made.name.ends_with(".mp3"), "{}", made.name);
    assert_eq!(sound.gain_db, 0.0, "{name}");
    let lufs = sound.lufs.unwrap();
    assert!((lufs + 16.0).abs() < 1.0, "{name}: {lufs} LUFS");
    assert!(
        sound.duration_ms.abs_diff(duration_ms) <= 1,
        "{name}: {} ms, not {duration_ms}",
        sound.duration_ms
    );
    assert_eq!(sound.peaks.len(), limit::AUDIO_PEAKS, "{name}");
    assert!(sound.peaks.iter().any(|peak| *peak > 20), "{name}");
    assert!(made.bytes.starts_with(&[0xff]), "{name} begins with a tag");
    // What was made is let in again, and is as long as what it was made of.
    let again = self::made(&made.bytes, "", ORIGINAL);
    assert!(
        audio(&again).duration_ms.abs_diff(sound.duration_ms) <= 1,
        "{name}: {} ms were made {}",
        sound.duration_ms,
        audio(&again).duration_ms
    );
    made
}

#[cfg(feature = "mp3")]
#[test]
fn every_kind_becomes_a_level_mp3_as_long_as_it_was() {
    check_level(&fixture("ok_16k.wav"), "ok_16k.wav", 1_000);
    check_level(&fixture("short_200ms.wav"), "short_200ms.wav", 200);
    check_level(&fixture("v.ogg"), "v.ogg", 3_000);
    check_level(&fixture("opus.ogg"), "opus.ogg", 3_000);
    check_level(&fixture("alac.m4a"), "alac.m4a", 3_000);
    // No edit list is read: an AAC sound begins with what its encoder put in front.
    check_level(&fixture("moov_end.m4a"), "moov_end.m4a", 3_042);
    check_level(&fixture("frag.m4a"), "frag.m4a", 3_042);
    check_level(&fixture("id3.mp3"), "id3.mp3", 3_000);
    // No Xing header: an estimate from the first frames would end it after 2.5 s.
    check_level(&fixture("vbr_noxing_7s.mp3"), "vbr_noxing_7s.mp3", 7_027);
    // Cut off: what was heard until then.
    check_level(&fixture("trunc.mp3"), "trunc.mp3", 550);
}

#[cfg(feature = "mp3")]
#[test]
fn samples_of_any_depth_rate_and_number_of_channels() {
    for coding in [Coding::Int16, Coding::Int24, Coding::Float32] {
        for rate in [
            8_000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000,
        ] {
            let bytes = wav(coding, rate, 1, &tone(rate, 1, 1_000, 440.0, 0.05));
            check_level(&bytes, "tone.wav", 1_000);
        }
    }
    for channels in [2, 3, 6, 8] {
        let samples = tone(48_000, channels, 1_000, 440.0, 0.05);
        let bytes = wav(Coding::Int16, 48_000, channels as u16, &samples);
        check_level(&bytes, "tone.wav", 1_000);
    }
}

#[cfg(feature = "mp3")]
#[test]
fn the_same_sound_on_both_sides_becomes_one() {
    let mut samples = tone(44_100, 2, 2_000, 440.0, 0.1);
    let same = check_level(&wav(Coding::Int16, 44_100, 2, &samples), "same.wav", 2_000);
    for frame in samples.chunks_mut(2) {
        frame[1] *= 0.5;
    }
    let other = check_level(&wav(Coding::Int16, 44_100, 2, &samples), "other.wav", 2_000);
    // 64 kbit/s against 128.
    let ratio = other.bytes.len() as f64 / same.bytes.len() as f64;
    assert!((1.9..2.1).contains(&ratio), "{ratio}");
}

#[cfg(feature = "mp3")]
#[test]
fn a_loud_click_does_not_keep_a_sound_quiet_nor_pass_the_ceiling() {
    // A quiet tone with a peak of full scale each second: by gain alone it could only come to half of what it needs.
    let mut samples = tone(48_000, 1, 5_000, 440.0, 0.08);
    for at in (20_000..samples.len()).step_by(48_000) {
        samples[at..at + 48].fill(0.7);
    }
    let bytes = wav(Coding::Float32, 48_000, 1, &samples);
    let original = made(&bytes, "clicks.wav", ORIGINAL);
    assert!(audio(&original).gain_db < 1.7, "{original:?}");
    let made = check_level(&bytes, "clicks.wav", 5_000);
    // 255 is full scale; the ceiling is -1.5 dB.
    let most = audio(&made).peaks.iter().max().copied();
    assert!(most.unwrap() <= 215, "{most:?}");
}

#[test]
fn silence_stays_silent() {
    let bytes = wav(Coding::Int16, 44_100, 2, &vec![0.0; 88_200]);
    for wishes in [Wishes::default(), ORIGINAL] {
        let made = made(&bytes, "silence.wav", wishes);
        let sound = audio(&made);
        assert_eq!((sound.lufs, sound.gain_db), (None, 0.0));
        assert_eq!(sound.duration_ms, 1_000);
        assert!(sound.peaks.iter().all(|peak| *peak < 2));
        assert!(made.notes.iter().any(|note| note.contains("silent")));
    }
}

#[test]
fn what_is_no_number_counts_as_silence() {
    let mut samples = tone(44_100, 1, 2_000, 440.0, 0.1);
    for at in (0..samples.len()).step_by(1_000) {
        samples[at] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][at / 1_000 % 3];
    }
    let bytes = wav(Coding::Float32, 44_100, 1, &samples);
    let kept = made(&bytes, "nan.wav", ORIGINAL);
    assert!((-24.0..-20.0).contains(&audio(&kept).lufs.unwrap()));
    let level = made(&bytes, "nan.wav", Wishes::default());
    assert!(level.bytes.len() > 1_000);
    #[cfg(feature = "mp3")]
    check_level(&bytes, "nan.wav", 2_000);
}

#[test]
fn a_kept_original_is_not_touched_but_for_an_mp3s_tags() {
    for (name, lufs, gain_db) in [
        ("ok_16k.wav", -28.1, 12.1),
        ("v.ogg", -28.6, 12.6),
        ("opus.ogg", -28.7, 12.7),
        ("heaac.m4a", -28.7, 12.7),
        ("short_200ms.wav", -18.4, 2.4),
    ] {
        let bytes = fixture(name);
        let kept = made(&bytes, name, ORIGINAL);
        assert_eq!((kept.bytes, kept.name.as_str()), (bytes, name));
        let PreparedContent::Audio(sound) = kept.content else {
            panic!("{name} became a picture");
        };
        assert!((sound.lufs.unwrap() - lufs).abs() < 0.1, "{name} {sound:?}");
        assert!((sound.gain_db - gain_db).abs() < 0.1, "{name} {sound:?}");
        assert!(
            kept.notes
                .iter()
                .any(|note| note.contains("as it was added"))
        );
    }
    let tagged = fixture("id3.mp3");
    let kept = made(&tagged, "id3.mp3", ORIGINAL);
    assert!(tagged.starts_with(b"ID3") && tagged.ends_with(&kept.bytes));
    assert_eq!(kept.notes, Vec::<String>::new());
}

/// An ID3 tag with a title and a cover, as music shops write it.
fn tagged(frames: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    for (id, content) in [
        (b"TIT2", b"\0A secret title".to_vec()),
        (
            b"APIC",
            [&b"\0image/jpeg\0\x03\0\xff\xd8\xff"[..], &[7; 300]].concat(),
        ),
    ] {
        body.extend(id);
        body.extend(u32::try_from(content.len()).unwrap().to_be_bytes());
        body.extend([0, 0]);
        body.extend(content);
    }
    let length = u32::try_from(body.len()).unwrap();
    let mut out = b"ID3\x03\0\0".to_vec();
    out.extend([21, 14, 7, 0].map(|shift| ((length >> shift) & 0x7f) as u8));
    out.extend(body);
    out.extend(frames);
    out.extend([&b"TAGanother secret title"[..], &[b' '; 105]].concat());
    out
}

#[cfg(feature = "mp3")]
#[test]
fn an_mp3_that_is_level_and_small_is_only_stripped() {
    let first = made(&fixture("v.ogg"), "v.ogg", Wishes::default());
    let second = made(&tagged(&first.bytes), "again.mp3", Wishes::default());
    assert_eq!(second.bytes, first.bytes);
    assert_eq!(audio(&second).gain_db, 0.0);
    assert_eq!(audio(&second).duration_ms, 3_000);
    // One that is not level is made again, and its cover does not come along.
    let quiet = made(&tagged(&fixture("id3.mp3")), "cover.mp3", Wishes::default());
    assert!((audio(&quiet).lufs.unwrap() + 16.0).abs() < 1.0);
    for bytes in [&second.bytes, &quiet.bytes] {
        assert!(!bytes.windows(6).any(|part| part == b"secret"));
        assert!(!bytes.windows(3).any(|part| part == b"ID3"));
    }
}

#[cfg(feature = "mp3")]
#[test]
fn a_frame_count_that_lies_does_not_shorten_the_sound() {
    let mut bytes = made(&fixture("v.ogg"), "v.ogg", Wishes::default()).bytes;
    let at = bytes.windows(4).position(|part| part == b"Info").unwrap();
    // The name, four bytes of flags, then the number of frames.
    for count in [0_u32, 3, 20, 10_000_000] {
        bytes[at + 8..at + 12].copy_from_slice(&count.to_be_bytes());
        let kept = made(&bytes, "lying.mp3", ORIGINAL);
        let found = audio(&kept).duration_ms;
        assert!((2_990..=3_080).contains(&found), "{count}: {found} ms");
    }
}

#[cfg(feature = "mp3")]
#[test]
fn a_core_of_he_aac_is_said_to_be_one() {
    let made = check_level(&fixture("heaac.m4a"), "heaac.m4a", 3_019);
    assert!(
        made.notes.iter().any(|note| note.contains("HE-AAC")),
        "{made:?}"
    );
}

#[test]
fn hostile_and_damaged_sounds_are_refused() {
    let crash = fixture("crash_symphonia_format_ogg_0.6.1.ogg");
    check_refused(&crash, "crash.ogg", "breaks the reader");
    let crash = fixture("crash_symphonia_codec_vorbis_0.6.1.ogg");
    check_refused(&crash, "crash.ogg", "breaks the decoder");
    check_refused(b"", "none.mp3", "empty");
    let long = wav(Coding::Int16, 8_000, 1, &vec![0.0; 305 * 8_000]);
    check_refused(&long, "long.wav", "longer than 300 seconds");
    let chained = [fixture("v.ogg"), fixture("opus.ogg")].concat();
    check_refused(&chained, "chained.ogg", "one behind the other");
    let video = fixture("video_isom.m4a");
    check_refused(&video, "video.m4a", "video");
    // A header without a single packet behind it.
    for (name, bytes) in [("ok_16k.wav", 44), ("moov_end.m4a", 60), ("v.ogg", 58)] {
        check_refused(&fixture(name)[..bytes], name, "no ");
    }
    // An MP3 in which every other frame is noise.
    let mut noise = fixture("id3.mp3");
    for (at, byte) in noise.iter_mut().enumerate().skip(3_000) {
        *byte = (at * 7 % 251) as u8;
    }
    let refused = prepare(&noise, "noise.mp3", Wishes::default());
    assert!(refused.is_err() || audio(refused.as_ref().unwrap()).duration_ms < 700);
}

#[test]
fn sounds_come_out_the_same_each_time_and_in_any_thread() {
    let files = ["v.ogg", "opus.ogg", "moov_end.m4a", "ok_16k.wav", "id3.mp3"];
    let all = move || files.map(|name| made(&fixture(name), name, Wishes::default()));
    let first = all();
    let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(all)).collect();
    for thread in threads {
        assert!(thread.join().unwrap() == first);
    }
}

/// What is expected of each sound of the shared folder: its length in milliseconds, or words of its refusal.
const SHARED: [(&str, Result<u64, &str>); 20] = [
    ("id3.mp3", Ok(3_000)),
    ("trunc.mp3", Ok(550)),
    ("vbr_noxing_7s.mp3", Ok(7_027)),
    ("adpcm.wav", Ok(3_008)),
    ("datalen_ffffffff.wav", Err("its header cannot be read")),
    ("ok_16k.wav", Ok(1_000)),
    ("rate_4G.wav", Err("4000000000 Hz")),
    ("s24_48k.wav", Ok(3_000)),
    ("short_200ms.wav", Ok(200)),
    ("chained.ogg", Err("one behind the other")),
    (
        "crash_symphonia_format_ogg_0.6.1.ogg",
        Err("breaks the reader"),
    ),
    ("opus.ogg", Ok(3_000)),
    ("v.ogg", Ok(3_000)),
    ("alac.m4a", Ok(3_000)),
    ("frag.m4a", Ok(3_042)),
    ("heaac.m4a", Ok(3_019)),
    ("moov_end.m4a", Ok(3_042)),
    ("video_named.m4a", Err("a video")),
    ("chelsea.jpg", Err("content is JPEG")),
    ("html.gif", Err("web page")),
];

fn shared() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/media");
    if !folder.is_dir() {
        eprintln!("SKIPPED: {} is not there", folder.display());
        return None;
    }
    Some(folder)
}

#[test]
fn every_shared_sound_has_its_outcome() {
    let Some(folder) = shared() else { return };
    for (name, expected) in SHARED {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        match (
            prepare(
                &bytes,
                &format!(
                    "{name}{}",
                    if name.ends_with(".jpg") || name.ends_with(".gif") {
                        ".mp3"
                    } else {
                        ""
                    }
                ),
                Wishes::default(),
            ),
            expected,
        ) {
            (Ok(made), Ok(ms)) => assert_eq!(audio(&made).duration_ms, ms, "{name}"),
            (Err(error), Err(words)) => {
                assert!(error.to_string().contains(words), "{name}: {error}");
            }
            (found, _) => panic!("{name}: {found:?}"),
        }
    }
}

/// Runs a program of ffmpeg's and gives what it wrote, or nothing where it is not installed.
fn run(program: &str, arguments: &[&str]) -> Option<String> {
    match Command::new(program).args(arguments).output() {
        Ok(done) => {
            let said = [done.stdout, done.stderr].concat();
            let said = String::from_utf8_lossy(&said).into_owned();
            assert!(done.status.success(), "{program} {arguments:?}: {said}");
            Some(said)
        }
        Err(error) => {
            eprintln!("SKIPPED: {program} cannot be run ({error})");
            None
        }
    }
}

/// Integrated loudness and true peak by ffmpeg.
fn ffmpeg_level(path: &str) -> Option<(f64, f64)> {
    let filter = "ebur128=peak=true:dualmono=true";
    let said = run(
        "ffmpeg",
        &[
            "-nostats",
            "-hide_banner",
            "-i",
            path,
            "-vn",
            "-af",
            filter,
            "-f",
            "null",
            "-",
        ],
    )?;
    let number = |label: &str| {
        let behind = said.rsplit(label).next().unwrap();
        behind.split_whitespace().next().unwrap().parse().unwrap()
    };
    Some((number("I:"), number("Peak:")))
}

#[cfg(feature = "mp3")]
#[test]
fn ffmpeg_agrees_on_loudness_length_and_that_no_tags_are_left() {
    let folder = std::env::temp_dir().join(format!("media-sounds-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let names = [
        "id3.mp3",
        "vbr_noxing_7s.mp3",
        "ok_16k.wav",
        "v.ogg",
        "opus.ogg",
        "moov_end.m4a",
        "heaac.m4a",
        "alac.m4a",
    ];
    for name in names {
        let upload = if name == "id3.mp3" {
            tagged(&fixture(name))
        } else {
            fixture(name)
        };
        let made = made(&upload, name, Wishes::default());
        let kept = self::made(&upload, name, ORIGINAL);
        let (path, original) = (folder.join("made.mp3"), folder.join(name));
        std::fs::write(&path, &made.bytes).unwrap();
        std::fs::write(&original, &upload).unwrap();
        let (path, original) = (path.to_str().unwrap(), original.to_str().unwrap());
        let Some((lufs, peak)) = ffmpeg_level(path) else {
            break;
        };
        assert!((lufs + 16.0).abs() <= 1.0, "{name}: {lufs} LUFS");
        assert!(peak <= limit::TRUE_PEAK_DBTP, "{name}: {peak} dBTP");
        // And on what was there before.
        let (before, _) = ffmpeg_level(original).unwrap();
        let ours = audio(&kept).lufs.unwrap();
        assert!(
            (before - ours).abs() <= 0.2,
            "{name}: {before}, ours {ours}"
        );
        let shown = [
            "-v",
            "error",
            "-of",
            "compact",
            "-show_entries",
            "stream_tags:format_tags:format=duration:stream=codec_type",
            path,
        ];
        let Some(shown) = run("ffprobe", &shown) else {
            break;
        };
        let tags: Vec<&str> = shown
            .split(['|', '\n'])
            .filter(|part| part.starts_with("tag:"))
            .collect();
        // LAME's own name stands in its first frame.
        assert_eq!(tags, ["tag:encoder=LAME3.100"], "{name}");
        assert_eq!(shown.matches("codec_type=").count(), 1, "{name}: {shown}");
        let decoded = folder.join("made.raw");
        let raw = [
            "-v",
            "error",
            "-y",
            "-i",
            path,
            "-f",
            "s16le",
            "-ac",
            "1",
            "-ar",
            "48000",
            decoded.to_str().unwrap(),
        ];
        run("ffmpeg", &raw).unwrap();
        let ms = std::fs::metadata(&decoded).unwrap().len() / 2 / 48;
        assert!(
            ms.abs_diff(audio(&made).duration_ms) <= 1,
            "{name}: {ms} ms"
        );
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
