//! Small real media for the tests, from bytes.

/// A PNG of one colour, 3 x 2 pixels, uncompressed inside its zlib stream.
pub fn png() -> Vec<u8> {
    let rows: Vec<u8> = (0..2)
        .flat_map(|_| [vec![0_u8], [200, 30, 30].repeat(3)].concat())
        .collect();
    let length = u16::try_from(rows.len()).expect("a few bytes");
    let mut zlib = vec![0x78, 0x01, 0x01];
    zlib.extend(length.to_le_bytes());
    zlib.extend((!length).to_le_bytes());
    zlib.extend(&rows);
    zlib.extend(adler(&rows).to_be_bytes());
    let mut header = Vec::new();
    header.extend(3_u32.to_be_bytes());
    header.extend(2_u32.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    let signature = [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n'];
    [
        &signature[..],
        &chunk(b"IHDR", &header),
        &chunk(b"IDAT", &zlib),
        &chunk(b"IEND", &[]),
    ]
    .concat()
}

/// A WAV of silence: 8 000 samples a second, 16 bits, half a second.
pub fn wav() -> Vec<u8> {
    let samples = vec![0_u8; 8_000];
    let length = u32::try_from(samples.len()).expect("a few bytes");
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + length).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16_u32.to_le_bytes());
    bytes.extend(1_u16.to_le_bytes());
    bytes.extend(1_u16.to_le_bytes());
    bytes.extend(8_000_u32.to_le_bytes());
    bytes.extend(16_000_u32.to_le_bytes());
    bytes.extend(2_u16.to_le_bytes());
    bytes.extend(16_u16.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend(length.to_le_bytes());
    bytes.extend(samples);
    bytes
}

fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let length = u32::try_from(data.len())
        .expect("a few bytes")
        .to_be_bytes();
    let body = [&kind[..], data].concat();
    [&length[..], &body, &crc(&body).to_be_bytes()].concat()
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                0xedb8_8320 ^ (crc >> 1)
            } else {
                crc >> 1
            }
        })
    })
}

fn adler(bytes: &[u8]) -> u32 {
    let (low, high) = bytes.iter().fold((1_u32, 0_u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}
