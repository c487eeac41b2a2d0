//! Small real media files, made here so that each test can have as many different ones as it likes.

/// Bytes that follow from the seed (splitmix64), for contents and for choices of a seeded test.
pub fn random_bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A valid grey PNG of 16 by 16 pixels whose content follows from the seed (about 340 bytes).
pub fn png(seed: u64) -> Vec<u8> {
    noise_png(seed, 16, 16)
}

/// A valid 8-bit grey PNG of noise: `width * height` bytes and a little more, since nothing in it is compressed.
pub fn noise_png(seed: u64, width: u32, height: u32) -> Vec<u8> {
    let line_bytes = width as usize;
    let noise = random_bytes(seed, line_bytes * height as usize);
    let mut raw = Vec::with_capacity(noise.len() + height as usize);
    for line in noise.chunks(line_bytes) {
        raw.push(0);
        raw.extend_from_slice(line);
    }
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = Vec::new();
    header.extend_from_slice(&width.to_be_bytes());
    header.extend_from_slice(&height.to_be_bytes());
    header.extend_from_slice(&[8, 0, 0, 0, 0]);
    png_chunk(&mut file, *b"IHDR", &header);
    png_chunk(&mut file, *b"IDAT", &zlib_stored(&raw));
    png_chunk(&mut file, *b"IEND", &[]);
    file
}

/// A valid mono 16-bit WAV at 8 kHz of that many milliseconds, its samples following from the seed.
pub fn wav(seed: u64, duration_ms: u32) -> Vec<u8> {
    const RATE: u32 = 8_000;
    let samples = random_bytes(seed, (RATE * duration_ms / 1_000) as usize * 2);
    let data_bytes = u32::try_from(samples.len()).expect("a test's sound is short");
    let mut file = b"RIFF".to_vec();
    file.extend_from_slice(&(36 + data_bytes).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt ");
    file.extend_from_slice(&16u32.to_le_bytes());
    file.extend_from_slice(&1u16.to_le_bytes());
    file.extend_from_slice(&1u16.to_le_bytes());
    file.extend_from_slice(&RATE.to_le_bytes());
    file.extend_from_slice(&(RATE * 2).to_le_bytes());
    file.extend_from_slice(&2u16.to_le_bytes());
    file.extend_from_slice(&16u16.to_le_bytes());
    file.extend_from_slice(b"data");
    file.extend_from_slice(&data_bytes.to_le_bytes());
    file.extend_from_slice(&samples);
    file
}

fn png_chunk(file: &mut Vec<u8>, kind: [u8; 4], body: &[u8]) {
    file.extend_from_slice(
        &u32::try_from(body.len())
            .expect("a test's picture is small")
            .to_be_bytes(),
    );
    let start = file.len();
    file.extend_from_slice(&kind);
    file.extend_from_slice(body);
    let sum = crc32(&file[start..]);
    file.extend_from_slice(&sum.to_be_bytes());
}

fn zlib_stored(raw: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let blocks: Vec<&[u8]> = raw.chunks(65_535).collect();
    for (at, block) in blocks.iter().enumerate() {
        let length = u16::try_from(block.len()).expect("a stored block holds at most 65 535 bytes");
        out.push(u8::from(at + 1 == blocks.len()));
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    let (mut low, mut high) = (1u32, 0u32);
    for byte in raw {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    out.extend_from_slice(&((high << 16) | low).to_be_bytes());
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 {
                (sum >> 1) ^ 0xedb8_8320
            } else {
                sum >> 1
            };
        }
    }
    !sum
}
