//! Every bound of the server that is its own, with the why.
//!
//! Bounds that both ends must know (frames, changes, documents, blobs) live in `sync_protocol` and `domain`; this file
//! holds what only the server decides. Called by every module here.

use std::time::Duration;

/// Default blob quota of an account: 1 GiB. Documents are bounded separately, so a full quota never stops a review.
pub const QUOTA_BYTES_DEFAULT: u64 = 1 << 30;

/// Devices of one account. Each has one actor and one head in a document at most, so documents stay mergeable.
pub const DEVICES_MAX: usize = 32;

/// Open sockets of one account: a person's devices with room for a reconnect that overtakes its predecessor's close.
pub const CONNECTIONS_PER_ACCOUNT_MAX: usize = 16;

/// Documents of one account.
pub const DOCUMENTS_MAX: u64 = 100_000;

/// Bytes of all changes of one account. A limit of its own beside the blob quota.
pub const DOCUMENT_BYTES_PER_ACCOUNT_MAX: u64 = 256 << 20;

/// Bytes of all changes of one document: Automerge needs about 30 times this in memory to load it.
pub const DOCUMENT_BYTES_MAX: u64 = 4 << 20;

/// Heads of one document. A change may name at most 64 dependencies (the byte gate): all heads its writer sees, and its
/// writer's last change. A document with more heads could never be edited again by anyone; a vandal must not be able to
/// bring one there. 32 devices that all wrote apart make 32.
pub const DOCUMENT_HEADS_MAX: usize = 48;

/// Changes of one document that wait in rows before they are sealed into a pack.
pub const SEAL_ROWS_MIN: u32 = 256;

/// Bytes of one document's rows that wait before they are sealed into a pack.
pub const SEAL_BYTES_MIN: u64 = 64 << 10;

/// Packs of one size class of one document before they are merged into one of the next: a fresh device then gets
/// a handful a document instead of one for every sealing.
pub const PACKS_PER_CLASS_MAX: usize = 4;

/// How long a pack that was merged away stays readable for sessions that were told of it.
pub const PACK_GRACE: Duration = Duration::from_secs(600);

/// Default for how long a blob that no device names any more is kept: a device that was away for a month may still name it.
pub const UNUSED_GRACE_DAYS_DEFAULT: u32 = 30;

/// Longest that may be asked for: a hundred years.
pub const UNUSED_GRACE_DAYS_MAX: u32 = 36_500;

/// Blobs that one report of unused blobs names, and notes that one answer holds.
pub const UNUSED_A_PAGE: usize = 1_000;

/// Bytes of such a report: 67 for each hash, with room.
pub const UNUSED_BODY_BYTES_MAX: usize = 128 << 10;

/// Notes about unused blobs that an account keeps; beyond, the oldest goes. A device that was away for more of them still
/// brings back what others ask for.
pub const UNUSED_NOTES_MAX: u64 = 100_000;

/// How long a part of a blob waits for its device to come back before its reservation is released.
pub const PART_GRACE: Duration = Duration::from_secs(24 * 3600);

/// A device whose token was not used for so long must log in again.
pub const TOKEN_IDLE: Duration = Duration::from_secs(90 * 24 * 3600);

/// How stale a device's `last_seen` may be on disk: one write an hour instead of one a request.
pub const LAST_SEEN_STALE: Duration = Duration::from_secs(3600);

/// Shortest password.
pub const PASSWORD_BYTES_MIN: usize = 10;

/// Longest password: argon2 reads all of it, so it is bounded before it is hashed.
pub const PASSWORD_BYTES_MAX: usize = 256;

/// Longest user name.
pub const USER_BYTES_MAX: usize = 64;

/// Longest name of a device.
pub const DEVICE_NAME_BYTES_MAX: usize = 128;

/// Passwords hashed at once: each takes 19 MiB and a core.
pub const HASHES_AT_ONCE: usize = 4;

/// Password checks that may wait; the next one is told to come back.
pub const HASHES_QUEUED_MAX: usize = 32;

/// Uploads to prepare that one account may send in a minute, and at once.
pub const MEDIA_A_MINUTE: u32 = 60;

/// Small copies of pictures that one account may have made in a minute: a long list at once.
pub const THUMBNAILS_A_MINUTE: u32 = 600;

/// Uploads that are in memory at once, each of 25 MiB at most.
pub const UPLOADS_AT_ONCE: usize = 8;

/// Pictures and sounds that are prepared at once, each in a process of up to 1 GiB.
pub const PREPARED_AT_ONCE: usize = 2;

/// How long an upload waits for room to be read or prepared.
pub const MEDIA_ROOM_WAIT: Duration = Duration::from_secs(20);

/// Longest sides of the small copies of pictures.
pub const THUMBNAIL_SIDES_PX: [u32; 2] = [200, 400];

/// How long a signed link lives unless something else is asked for: an hour.
pub const LINK_SECONDS_DEFAULT: u64 = 3_600;

/// How long a signed link may live: a day, for it can not be taken back.
pub const LINK_SECONDS_MAX: u64 = 24 * 3_600;

/// Bytes of a blob that are read at once while it is downloaded.
pub const DOWNLOAD_PIECE_BYTES: u64 = 64 << 10;

/// Uploads of which a blob is remembered to have been made.
pub const SOURCES_A_BLOB_MAX: usize = 8;

/// How long a clamd may take to connect, to read and to answer.
pub const CLAMD_WAIT: Duration = Duration::from_secs(20);

/// Bytes in one piece of what a clamd is sent.
pub const CLAMD_CHUNK_BYTES: usize = 64 << 10;

/// Longest answer of a clamd.
pub const CLAMD_ANSWER_BYTES_MAX: u64 = 4 << 10;

/// What a caller is told when the scanner does not answer.
pub const CLAMD_RETRY_AFTER: Duration = Duration::from_secs(60);

/// What a caller turned away by a full queue is told.
pub const BUSY_RETRY_AFTER: Duration = Duration::from_secs(2);

/// Login attempts on one account from one place before waiting begins.
pub const LOGIN_FREE_ATTEMPTS: u32 = 5;

/// First wait after the free attempts: five a minute.
pub const LOGIN_WAIT_FIRST: Duration = Duration::from_secs(12);

/// Longest wait between attempts. Never a lasting lock.
pub const LOGIN_WAIT_MAX: Duration = Duration::from_secs(15 * 60);

/// Login attempts a minute from one network (/24 or /64).
pub const LOGINS_PER_NETWORK_A_MINUTE: u32 = 30;

/// Rate records kept in memory; the oldest half goes when they are full.
pub const RATE_RECORDS_MAX: usize = 65_536;

/// Sockets of one network (/24 or /64) that have not shown a token yet and are being served.
pub const UNAUTHENTICATED_PER_NETWORK_MAX: usize = 64;

/// Further sockets of one network that may wait for such a place (a herd behind one address after a restart).
pub const WAITING_PER_NETWORK_MAX: usize = 1_024;

/// HTTP connections in all, so that the process never runs out of file descriptors while it has rows to write.
pub const CONNECTIONS_MAX: usize = 4_096;

/// Open sessions in all, for the same reason.
pub const SESSIONS_MAX: usize = 8_192;

/// Free space below which no blob is taken: rows go on for a while after media stop.
pub const BLOB_FLOOR_BYTES: u64 = 16 << 20;

/// Time for a TLS handshake, for the headers of a request, and for a place among the unauthenticated.
pub const HANDSHAKE: Duration = Duration::from_secs(10);

/// Largest body of an HTTP request. Bodies here are small JSON objects.
pub const BODY_BYTES_MAX: usize = 16 << 10;

/// Time for the body of an HTTP request and its answer.
pub const REQUEST: Duration = Duration::from_secs(60);

/// Read buffer of a socket: 1 000 idle connections take 10 MB with 4 KiB and 136 MB with the usual 128 KiB.
pub const SOCKET_READ_BUFFER_BYTES: usize = 4 << 10;

/// Frames are gathered up to this before they are written. Small, because what lies in buffers cannot be overtaken
/// by a review.
pub const SOCKET_WRITE_BUFFER_BYTES: usize = 4 << 10;

/// A device that does not take a frame for so long is dropped; its data is not.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(20);

/// A connection is pinged so often.
pub const PING: Duration = Duration::from_millis(sync_protocol::limit::PING_MS);

/// How long a closing connection is given to take its close frame and answer it.
pub const CLOSE: Duration = Duration::from_secs(2);

/// Disk jobs run at once for requests and change logs.
pub const DISK_JOBS_AT_ONCE: usize = 16;

/// Blob writes and reads run at once: fsync is the limit of media sync, and concurrent ones share a journal commit.
pub const BLOB_JOBS_AT_ONCE: usize = 16;

/// Disk jobs of one account run at once in a lane: another account always finds workers free.
pub const ACCOUNT_JOBS_AT_ONCE: usize = 12;

/// Rows of changes in one commit: with the log's head, the device's row and the totals they fill one batch of the engine.
pub const APPEND_ROWS_MAX: usize = storage::limit::BATCH_OPS_MAX - 4;

/// Disk jobs one session may have under way before its socket is not read.
pub const SESSION_JOBS_MAX: usize = 64;

/// Blobs the devices of an account wait for that its other devices are asked for: as many as one device may ask for in vain.
pub const WAITING_PER_ACCOUNT_MAX: usize = sync_protocol::limit::ABSENT_MAX;

/// Changes refused and blobs asked for in vain that cost an account nothing: two devices that ask for all they may.
pub const WASTE_FREE_ITEMS: u64 = 2 * sync_protocol::limit::ABSENT_MAX as u64;

/// Such items of an account a second beyond that: about a twentieth of a core.
pub const WASTE_ITEMS_A_SECOND: u64 = 2_000;

/// Longest time a session is not listened to for it; well below the patience of both ends.
pub const WASTE_PAUSE_MAX: Duration = Duration::from_secs(10);

/// Relayed chunks that may wait for one session. The credit of the relay keeps it below this.
pub const RELAY_CHUNKS_MAX: usize = 128;

/// How long shutdown waits for open connections to end by themselves.
pub const SHUTDOWN: Duration = Duration::from_secs(10);

/// How often sealing, sweeping and certificate reload look around.
pub const UPKEEP: Duration = Duration::from_secs(60);

/// How long a command waits for another short command that holds the data directory.
pub const LOCK_WAIT: Duration = Duration::from_secs(10);

/// Largest request or answer on the admin socket.
pub const ADMIN_BYTES_MAX: u64 = 1 << 20;

const _: () = assert!(DOCUMENT_BYTES_MAX <= DOCUMENT_BYTES_PER_ACCOUNT_MAX);
const _: () = assert!(ACCOUNT_JOBS_AT_ONCE < DISK_JOBS_AT_ONCE);
const _: () = assert!(ACCOUNT_JOBS_AT_ONCE < BLOB_JOBS_AT_ONCE);
const _: () = assert!(BLOB_FLOOR_BYTES > storage::limit::FLOOR_BYTES);
const _: () = assert!(DEVICES_MAX < DOCUMENT_HEADS_MAX);
const _: () = assert!((DOCUMENT_HEADS_MAX as u64) < domain::limit::CHANGE_DEPS_MAX);
const _: () = assert!(LAST_SEEN_STALE.as_secs() < TOKEN_IDLE.as_secs());
const _: () = assert!(CLOSE.as_secs() < SHUTDOWN.as_secs());
const _: () = assert!(WASTE_PAUSE_MAX.as_millis() * 2 < sync_protocol::limit::IDLE_MS as u128);
