//! Every bound of this crate, with its reason. Bounds of documents themselves are `domain::limit`.

use std::time::Duration;

/// Most operations handed to sled as one batch: a batch of 1 000 under cache eviction took 6.5 GB of memory, one of 100 stays flat.
pub const BATCH_OPS_MAX: usize = 100;

/// Largest value kept in one row. sled writes pages over 128 KiB to side files that it never syncs; 16 rows of 4 KiB stay below.
pub const INLINE_BYTES_MAX: usize = 4_000;

/// Largest value of the key-value store; anything larger belongs in a file of its own. Fits the largest change with its envelope.
pub const VALUE_BYTES_MAX: usize = 320 * 1024;

/// Longest key, so that a page of keys stays far below the size at which sled spills.
pub const KEY_BYTES_MAX: usize = 512;

/// Plain bytes of a block of a run: large enough to pack well, small enough that one row is found in tens of microseconds.
pub const RUN_BLOCK_BYTES: usize = 32 * 1024;

/// Blocks of a run kept plain: what a sitting or a listing walks through.
pub const RUN_BLOCKS_CACHED: usize = 16;

/// zstd level of runs: they are written while somebody waits.
pub const RUN_ZSTD_LEVEL: i32 = 1;

/// Derived rows that single commits may leave in the engine before they are spilled into a run: about a thousand reviews.
pub const DERIVED_ROWS_MAX: u64 = 4_096;

/// Runs of like size that become one: fewer would write each row more often, more would make reading look into more of them.
pub const RUNS_MERGED_MIN: usize = 4;

/// Runs of a store, whatever their sizes.
pub const RUNS_MAX: usize = 16;

/// Jobs that share one flush at most: past this a waiter gains nothing and memory grows.
pub const GROUP_JOBS_MAX: usize = 512;

/// Rows an owner of commits writes before those of another owner that wait: one batch of the engine, about a millisecond.
pub const TURN_ROWS: usize = BATCH_OPS_MAX;

/// Bytes that share one flush at most.
pub const GROUP_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Jobs that may wait for the writer thread; a server refuses work beyond it rather than grow.
pub const QUEUE_JOBS_MAX: usize = 16_384;

/// Largest redo file that is replayed at open, so that a damaged length cannot exhaust memory.
pub const REDO_BYTES_MAX: u64 = 1 << 30;

/// Free space below which nothing but deletions is accepted: sled cannot even open on a full disk.
pub const FLOOR_BYTES: u64 = 8 * 1024 * 1024;

/// Free space that deletions still need, because a log-structured store writes to forget.
pub const FLOOR_DELETE_BYTES: u64 = 2 * 1024 * 1024;

/// Space held back in a file, given up when the disk is full at open.
pub const BALLAST_BYTES: u64 = 4 * 1024 * 1024;

/// How many times its own size a commit may take on the disk at once (redo file, segments, rewritten pages).
pub const COMMIT_SPACE_FACTOR: u64 = 4;

/// Cache of the key-value store on a device. Real memory is 1.5 to 3 times this.
pub const CACHE_BYTES_DEVICE: u64 = 32 * 1024 * 1024;

/// Cache of the key-value store on a server.
pub const CACHE_BYTES_SERVER: u64 = 16 * 1024 * 1024;

/// How often a waiter looks whether a short holder has let go of the lock.
pub const LOCK_POLL: Duration = Duration::from_millis(10);

/// How long opening waits for the engine's own lock. Our lock is held already, so the other holder can only be a handle that a
/// closing store, or a child process just being started, still has.
pub const ENGINE_LOCK_WAIT: Duration = Duration::from_secs(5);

/// Free space that blobs leave untouched: pictures may wait, reviews and edits must not.
pub const BLOB_FLOOR_BYTES: u64 = 4 * FLOOR_BYTES;

/// Largest blob that is read whole into memory.
pub const BLOB_READ_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Age after which an unfinished blob is swept: nobody resumes an upload after a day.
pub const PART_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// zstd level of packs: above 6 the time doubles for a few percent.
pub const PACK_ZSTD_LEVEL: i32 = 6;

/// Largest zstd window accepted from outside (2^23 = 8 MiB), so that a frame header cannot ask for gigabytes.
pub const PACK_WINDOW_LOG_MAX: u32 = 23;

/// Most bytes of raw changes in one pack: a document's own bound with room for documents merged from several full devices.
pub const PACK_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Most changes in one pack.
pub const PACK_CHANGES_MAX: usize = 100_000;

/// Raw bytes of one document on this device, counting what others sent: two devices may each fill it while apart.
pub const DOCUMENT_BYTES_HARD_MAX: u64 = PACK_BYTES_MAX as u64;

/// A tail as long as this is sealed even when its changes are tiny: loading applies each.
pub const TAIL_CHANGES_MAX: u64 = 256;

/// A tail smaller than this is never worth a new snapshot.
pub const TAIL_BYTES_MIN: u64 = 64 * 1024;

/// Packs written at once when many documents arrive: the disk's flushes are shared, and memory stays small.
pub const PACKS_AT_ONCE_MAX: usize = 8;

/// zstd level of packs made of what arrives: a third of the time for a few percent; the next pack of the document is tighter again.
pub const ARRIVAL_ZSTD_LEVEL: i32 = 3;

/// Raw change bytes of the documents kept loaded. Memory is about 30 times the saved size at its peak.
pub const LOADED_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Documents kept loaded at most, however small.
pub const LOADED_DOCUMENTS_MAX: usize = 64;

/// Changes that wait for a dependency, over all documents: more is an attack or a broken peer.
pub const WAITING_CHANGES_MAX: usize = 256;

/// Bytes that wait for a dependency, over all documents.
pub const WAITING_BYTES_MAX: usize = 1024 * 1024;

/// How long a change may wait for a dependency when others need its place.
pub const WAITING_AGE_MAX: Duration = Duration::from_secs(10 * 60);

/// Changes set aside that are kept for inspection; later ones are counted only.
pub const SET_ASIDE_CHANGES_MAX: usize = 64;

/// Bytes set aside that are kept for inspection.
pub const SET_ASIDE_BYTES_MAX: usize = 1024 * 1024;

/// Stack of the thread on which foreign changes are applied: deep nesting overflows a default stack, and that nothing catches.
pub const INTAKE_STACK_BYTES: usize = 8 * 1024 * 1024;

/// Longest opaque cursor kept for a server.
pub const CURSOR_BYTES_MAX: usize = 1024;

const _: () = assert!(FLOOR_DELETE_BYTES < FLOOR_BYTES);
const _: () = assert!(FLOOR_BYTES < BLOB_FLOOR_BYTES);
const _: () = assert!(INLINE_BYTES_MAX < VALUE_BYTES_MAX);
const _: () = assert!(DOCUMENT_BYTES_HARD_MAX <= PACK_BYTES_MAX as u64);
