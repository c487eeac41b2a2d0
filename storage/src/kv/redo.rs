//! Commits too large for one engine batch: written whole to a file first, then applied in parts that a crash may interrupt anywhere.
//!
//! | bytes | meaning |
//! |---|---|
//! | 8 | `MVREDO1\n` |
//! | u64 be | number n, rising |
//! | u32 be | operations |
//! | each: u8, u32 be, key, and for a put u32 be, value | 0 = delete, 1 = put |
//! | 32 | BLAKE3 of all before |
//!
//! The last part also sets the row `redo_done` to n, so an applied file whose removal was lost is not applied again.

use std::fs;
use std::path::{Path, PathBuf};

use super::split::Physical;
use super::{Engine, KvError};
use crate::durable;
use crate::limit::{BATCH_OPS_MAX, REDO_BYTES_MAX};

const MAGIC: &[u8; 8] = b"MVREDO1\n";
const DONE: &[u8] = b"\0redo_done";

/// Writes the redo file of commit `n`; from here on the commit will happen.
pub(crate) fn write(dir: &Path, n: u64, ops: &[Physical]) -> Result<PathBuf, KvError> {
    let path = dir.join(format!("redo-{n}"));
    durable::write(&path, &encode(n, ops)).map_err(KvError::io("write", &path))?;
    Ok(path)
}

/// Applies a commit in parts and makes it durable.
pub(crate) fn apply(engine: &Engine, n: u64, mut ops: Vec<Physical>) -> Result<(), KvError> {
    ops.push(Physical::Put(DONE.to_vec(), n.to_be_bytes().to_vec()));
    for part in ops.chunks(BATCH_OPS_MAX) {
        engine.apply(part)?;
    }
    engine.flush()
}

/// Number of the last commit that was fully applied this way.
pub(crate) fn done(engine: &Engine) -> Result<u64, KvError> {
    let row = engine.get(DONE)?;
    Ok(row
        .and_then(|row| row.first_chunk::<8>().map(|n| u64::from_be_bytes(*n)))
        .unwrap_or(0))
}

/// Finishes what a crash interrupted. Returns the last number used.
pub(crate) fn replay(dir: &Path, engine: &Engine) -> Result<u64, KvError> {
    let mut last = done(engine)?;
    for (n, path) in files(dir)? {
        if n > last {
            let size = fs::metadata(&path)
                .map_err(KvError::io("read", &path))?
                .len();
            if size > REDO_BYTES_MAX {
                return Err(damaged(&path, "too large"));
            }
            let bytes = fs::read(&path).map_err(KvError::io("read", &path))?;
            let ops =
                decode(n, &bytes).ok_or_else(|| damaged(&path, "its checksum does not match"))?;
            tracing::info!(
                commit = n,
                operations = ops.len(),
                "finishing a commit that was interrupted"
            );
            apply(engine, n, ops)?;
            last = n;
        }
        durable::remove(&path).map_err(KvError::io("remove", &path))?;
    }
    Ok(last)
}

fn damaged(path: &Path, why: &str) -> KvError {
    KvError::Corrupt {
        reason: format!("{}: {why}", path.display()),
    }
}

/// Redo files in the order of their numbers; unfinished ones are removed.
fn files(dir: &Path) -> Result<Vec<(u64, PathBuf)>, KvError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(KvError::io("list", dir))? {
        let path = entry.map_err(KvError::io("list", dir))?.path();
        let Some(name) = path.file_name().and_then(|n| n.to_str()) else {
            continue;
        };
        let Some(rest) = name.strip_prefix("redo-") else {
            continue;
        };
        match rest.parse::<u64>() {
            Ok(n) => found.push((n, path)),
            Err(_) => durable::remove(&path).map_err(KvError::io("remove", &path))?,
        }
    }
    found.sort();
    Ok(found)
}

fn encode(n: u64, ops: &[Physical]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + ops.iter().map(|op| op.bytes() + 9).sum::<usize>());
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&n.to_be_bytes());
    out.extend_from_slice(&length(ops.len()));
    for op in ops {
        match op {
            Physical::Delete(key) => {
                out.push(0);
                out.extend_from_slice(&length(key.len()));
                out.extend_from_slice(key);
            }
            Physical::Put(key, value) => {
                out.push(1);
                out.extend_from_slice(&length(key.len()));
                out.extend_from_slice(key);
                out.extend_from_slice(&length(value.len()));
                out.extend_from_slice(value);
            }
        }
    }
    let hash = blake3::hash(&out);
    out.extend_from_slice(hash.as_bytes());
    out
}

fn length(n: usize) -> [u8; 4] {
    u32::try_from(n)
        .expect("keys, values and batches are bounded far below 4 GiB")
        .to_be_bytes()
}

fn decode(n: u64, bytes: &[u8]) -> Option<Vec<Physical>> {
    let (body, hash) = bytes.split_last_chunk::<32>()?;
    if blake3::hash(body).as_bytes() != hash {
        return None;
    }
    let rest = body.strip_prefix(MAGIC)?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    if u64::from_be_bytes(*number) != n {
        return None;
    }
    let mut ops = Vec::new();
    for _ in 0..u32::from_be_bytes(*count) {
        let (tag, tail) = rest.split_first()?;
        let (key, tail) = field(tail)?;
        if *tag == 0 {
            ops.push(Physical::Delete(key.to_vec()));
            rest = tail;
        } else {
            let (value, tail) = field(tail)?;
            ops.push(Physical::Put(key.to_vec(), value.to_vec()));
            rest = tail;
        }
    }
    rest.is_empty().then_some(ops)
}

fn field(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*len) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::{Batch, Kv, KvOptions};

    fn row(i: u32) -> Physical {
        Physical::Put(
            format!("row/{i:04}").into_bytes(),
            vec![0, b'n', b'e', b'w'],
        )
    }

    /// Stops a commit of 250 rows at every step of its way, as a crash would, and opens again.
    #[test]
    fn a_crash_at_any_step_leaves_all_or_nothing() {
        // Parts applied before the crash; with all of them applied the file may or may not be gone.
        for (parts, file, expected) in [
            (0, "tmp", "old"),
            (0, "named", "new"),
            (1, "named", "new"),
            (2, "named", "new"),
            (3, "named", "new"),
            (3, "gone", "new"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let kv = Kv::create(dir.path(), KvOptions::device()).unwrap();
            let mut batch = Batch::new();
            (0..250).for_each(|i| batch.put(format!("row/{i:04}"), b"old".as_slice()));
            kv.commit(batch).unwrap();
            drop(kv);
            std::fs::remove_file(dir.path().join("CLEAN")).unwrap();

            let layout = crate::kv::open::Layout::new(dir.path());
            let engine = Engine::open(&layout.engine(), 1 << 20).ok().unwrap();
            let mut ops: Vec<Physical> = (0..250).map(row).collect();
            let totals = crate::kv::totals::Totals::read(&engine, b"")
                .unwrap()
                .unwrap();
            ops.push(
                totals
                    .after(crate::kv::View::new(&engine), &ops)
                    .unwrap()
                    .put(),
            );
            let n = done(&engine).unwrap() + 1;
            let path = write(dir.path(), n, &ops).unwrap();
            ops.push(Physical::Put(DONE.to_vec(), n.to_be_bytes().to_vec()));
            for part in ops.chunks(BATCH_OPS_MAX).take(parts) {
                engine.apply(part).unwrap();
            }
            engine.flush().unwrap();
            drop(engine);
            match file {
                "tmp" => std::fs::rename(&path, path.with_extension("tmp")).unwrap(),
                "gone" => std::fs::remove_file(&path).unwrap(),
                _ => {}
            }

            let kv = Kv::open(dir.path(), KvOptions::device()).unwrap();
            for entry in kv.scan(b"row/") {
                assert_eq!(
                    entry.unwrap().1,
                    expected.as_bytes(),
                    "{parts} parts, file {file}"
                );
            }
            assert_eq!(kv.verify().unwrap().entries, 250);
            let left = std::fs::read_dir(dir.path()).unwrap().filter(|e| {
                e.as_ref()
                    .unwrap()
                    .file_name()
                    .to_string_lossy()
                    .starts_with("redo-")
            });
            assert_eq!(left.count(), 0, "{parts} parts, file {file}");
            let mut batch = Batch::new();
            (0..250).for_each(|i| batch.put(format!("row/{i:04}"), b"next".as_slice()));
            kv.commit(batch).unwrap();
            assert_eq!(kv.get(b"row/0249").unwrap().unwrap(), b"next");
        }
    }

    #[test]
    fn round_trip_and_every_flipped_byte_is_seen() {
        let ops = vec![
            Physical::Put(b"key".to_vec(), b"value".to_vec()),
            Physical::Delete(b"gone".to_vec()),
            Physical::Put(b"empty".to_vec(), Vec::new()),
        ];
        let bytes = encode(7, &ops);
        assert_eq!(decode(7, &bytes), Some(ops));
        assert_eq!(decode(8, &bytes), None);
        for i in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[i] ^= 1;
            assert_eq!(decode(7, &bad), None, "byte {i}");
        }
        for len in 0..bytes.len() {
            assert_eq!(decode(7, &bytes[..len]), None, "length {len}");
        }
    }
}
