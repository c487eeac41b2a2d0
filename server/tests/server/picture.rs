//! Pictures of any length, for tests inside and outside of the crate.

/// A valid PNG of one pixel and of a given length (of 100 bytes at least), different for each `n`.
pub fn picture(n: u64, len: usize) -> Vec<u8> {
    /// Bytes of everything but the filler's content.
    const FRAME_BYTES: usize = 8 + 25 + (12 + 15) + 12 + 12;
    let [.., blue, green, red] = n.to_be_bytes();
    let mut filler = n.to_be_bytes().to_vec();
    filler.resize(len.saturating_sub(FRAME_BYTES).max(filler.len()), 7);
    let line = [0, red, green, blue];
    // A zlib stream of one stored block.
    let mut pixel = vec![0x78, 0x01, 0x01, 4, 0, 0xfb, 0xff];
    pixel.extend_from_slice(&line);
    pixel.extend_from_slice(&adler32(&line).to_be_bytes());
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut bytes, b"IHDR", b"\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0");
    chunk(&mut bytes, b"IDAT", &pixel);
    chunk(&mut bytes, b"fiLr", &filler);
    chunk(&mut bytes, b"IEND", &[]);
    bytes
}

fn chunk(file: &mut Vec<u8>, kind: &[u8; 4], content: &[u8]) {
    let len = u32::try_from(content.len()).expect("a test's picture is small");
    file.extend_from_slice(&len.to_be_bytes());
    let begin = file.len();
    file.extend_from_slice(kind);
    file.extend_from_slice(content);
    let crc = crc32(&file[begin..]);
    file.extend_from_slice(&crc.to_be_bytes());
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| match crc & 1 {
            1 => (crc >> 1) ^ 0xedb8_8320,
            _ => crc >> 1,
        })
    };
    !bytes.iter().fold(!0, step)
}

fn adler32(bytes: &[u8]) -> u32 {
    let (a, b) = bytes.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    (b << 16) | a
}
