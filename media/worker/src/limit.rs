//! What a child may use. Measured on the largest inputs that are let in, a picture of 40 megapixels takes 0.4 GB and five minutes of
//! music take 4 s of a slow processor.

use std::time::Duration;

/// Address space of a child: beyond it an allocation fails, and the child with it.
pub const CHILD_MEMORY_BYTES: u64 = 1 << 30;

/// Processor time of a child, in seconds; then the system ends it.
pub const CHILD_PROCESSOR_SECONDS: u64 = 20;

/// How long the parent waits for a child, however busy the machine is.
pub const CHILD_PATIENCE: Duration = Duration::from_secs(60);

/// Longest description of a job or of its outcome, in bytes, without the file itself.
pub const HEADER_BYTES_MAX: usize = 64 * 1024;

/// Longest result, in bytes: what was let in, and room for a container around it.
pub const RESULT_BYTES_MAX: usize = 26_000_000;

/// Longest placeholder, in bytes: ThumbHash makes 25 at most.
pub const THUMBHASH_BYTES_MAX: usize = 32;

/// Most peaks of a wave.
pub const PEAKS_MAX: usize = 200;

/// Longest refusal that is passed on, in characters.
pub const MESSAGE_CHARS_MAX: usize = 500;

/// Most remarks about one file.
pub const NOTES_MAX: usize = 8;

const _: () = assert!(RESULT_BYTES_MAX as u64 > media::limit::UPLOAD_BYTES_MAX);
