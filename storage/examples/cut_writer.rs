//! Writes until it is killed, telling on stdout what was acknowledged; and checks afterwards that all of it is there. Used by the
//! kill tests of this crate and by the power-cut harness in `tests/power-cut`.
//!
//! ```text
//! cut_writer write-kv DIR                 commits to a Kv for ever, prints each acknowledged number
//! cut_writer verify-kv DIR ACKNOWLEDGED   prints VERIFY last=N lost=N torn=N
//! cut_writer write-vault DIR              edits documents and puts blobs for ever, prints each acknowledged number
//! cut_writer verify-vault DIR ACKNOWLEDGED
//! cut_writer hold DIR short|long          holds the vault's lock until stdin ends; prints "held"
//! ```

use std::error::Error;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use automerge::ReadDoc;
use automerge::transaction::Transactable;
use domain::DocId;
use storage::{
    Batch, BlobStore, Kv, KvError, KvOptions, LockKind, ServerKey, StoreError, StoreOptions,
    VaultLock, VaultStore,
};

type Outcome = Result<(), Box<dyn Error>>;

/// Commits go round this many slots, each overwriting what its slot held: old pieces, segments and generations are reused.
const SLOTS: u64 = 40;
const DOCUMENTS: u64 = 3;
const SERVER: ServerKey = ServerKey([7; 16]);

fn main() -> Outcome {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["write-kv", dir] => write_kv(Path::new(dir)),
        ["verify-kv", dir, acknowledged] => verify_kv(Path::new(dir), acknowledged.parse()?),
        ["write-vault", dir] => write_vault(Path::new(dir)),
        ["verify-vault", dir, acknowledged] => verify_vault(Path::new(dir), acknowledged.parse()?),
        ["hold", dir, kind] => hold(Path::new(dir), kind),
        _ => Err(
            "usage: cut_writer write-kv|verify-kv|write-vault|verify-vault|hold DIR [...]".into(),
        ),
    }
}

fn acknowledge(n: u64) -> Outcome {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{n}")?;
    Ok(out.flush()?)
}

/// Every third slot holds derived rows, each round of it others: enough that they are spilled and their runs merged.
const DERIVED: &[u8] = b"derived/";
const DERIVED_ROUNDS: u64 = 16;

/// Rows of commit `n`: mostly a few small ones, now and then a commit large enough for a redo file or a run, with a split value in it.
fn rows_of(n: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
    let slot = n % SLOTS;
    let derived = slot.is_multiple_of(3);
    let count = match (slot.is_multiple_of(8), derived) {
        (true, _) => 250_u32,
        (false, true) => 90,
        (false, false) => 10,
    };
    let key = |i: u32| {
        let round = if derived {
            n / SLOTS % DERIVED_ROUNDS
        } else {
            0
        };
        let room = if derived { DERIVED } else { b"slot/" };
        [
            room,
            &slot.to_be_bytes(),
            &round.to_be_bytes(),
            &i.to_be_bytes(),
        ]
        .concat()
    };
    let mut rows: Vec<_> = (0..count).map(|i| (key(i), value_of(n, i, 200))).collect();
    if slot.is_multiple_of(5) {
        rows.push((key(u32::MAX), value_of(n, u32::MAX, 30_000)));
    }
    rows
}

fn kv_options() -> KvOptions {
    KvOptions::device().deriving(DERIVED)
}

fn value_of(n: u64, i: u32, len: usize) -> Vec<u8> {
    let mut value = vec![0; len];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&n.to_be_bytes()).update(&i.to_be_bytes());
    hasher.finalize_xof().fill(&mut value);
    value
}

fn write_kv(dir: &Path) -> Outcome {
    let kv = match Kv::open(dir, kv_options()) {
        Err(KvError::Missing { .. }) => Kv::create(dir, kv_options())?,
        other => other?,
    };
    let mut n = last_number(kv.get(b"last")?);
    loop {
        n += 1;
        let mut batch = Batch::new();
        rows_of(n)
            .into_iter()
            .for_each(|(key, value)| batch.put(key, value));
        batch.put(b"last".as_slice(), n.to_be_bytes());
        kv.commit(batch)?;
        acknowledge(n)?;
    }
}

fn verify_kv(dir: &Path, acknowledged: u64) -> Outcome {
    let kv = match Kv::open(dir, kv_options()) {
        // Cut before the store was made: fine if nothing was acknowledged.
        Err(KvError::Missing { .. }) if acknowledged == 0 => return report(0, 0, 0),
        other => other?,
    };
    if kv.derived_lost() {
        return Err("derived rows are lost".into());
    }
    kv.verify()?;
    let last = last_number(kv.get(b"last")?);
    let mut torn = 0_u64;
    for slot in 0..SLOTS {
        // The last commit of this slot up to `last`.
        let Some(n) = (last.saturating_sub(SLOTS - 1)..=last).find(|n| *n > 0 && n % SLOTS == slot)
        else {
            continue;
        };
        for (key, value) in rows_of(n) {
            torn += u64::from(kv.get(&key)?.as_ref() != Some(&value));
        }
    }
    report(last, acknowledged.saturating_sub(last), torn)
}

fn last_number(row: Option<Vec<u8>>) -> u64 {
    row.and_then(|row| row.first_chunk::<8>().map(|n| u64::from_be_bytes(*n)))
        .unwrap_or(0)
}

fn options(dir: &Path) -> StoreOptions {
    StoreOptions {
        who: "cut_writer".to_owned(),
        kind: LockKind::Short,
        wait: Duration::ZERO,
        schema: |_, _| Ok(()),
        runtime_dir: Some(dir.with_extension("runtime")),
    }
}

fn document(n: u64) -> DocId {
    let [byte, ..] = (n % DOCUMENTS).to_le_bytes();
    DocId::from_bytes([byte; 16])
}

fn write_vault(dir: &Path) -> Outcome {
    let mut store = match VaultStore::open(dir, &options(dir)) {
        Err(StoreError::Kv(KvError::Missing { .. })) => VaultStore::create(dir, &options(dir))?,
        other => other?,
    };
    let blobs = BlobStore::open(&dir.join("blobs"))?;
    let mut n = last_number(store.get(b"last")?);
    loop {
        n += 1;
        let mut writer = store.begin();
        writer.set_server(Some(SERVER));
        if n.is_multiple_of(10) {
            let put = blobs.put_bytes(&value_of(n, 0, 30_000))?;
            writer.put(
                [b"blob/".as_slice(), put.hash.as_bytes()].concat(),
                n.to_be_bytes(),
            );
        }
        writer.edit(document(n), 0, |tx| -> Result<(), StoreError> {
            tx.put(automerge::ROOT, format!("{n}"), value_of(n, 0, 40))
                .map_err(StoreError::edit(document(n)))
        })?;
        writer.put(b"last", n.to_be_bytes());
        writer.commit()?;
        acknowledge(n)?;
    }
}

fn verify_vault(dir: &Path, acknowledged: u64) -> Outcome {
    let mut store = match VaultStore::open(dir, &options(dir)) {
        // Cut while the vault was being made.
        Err(StoreError::Kv(KvError::Missing { .. } | KvError::Damaged { .. }))
            if acknowledged == 0 =>
        {
            return report(0, 0, 0);
        }
        other => other?,
    };
    let blobs = BlobStore::open(&dir.join("blobs"))?;
    let last = last_number(store.get(b"last")?);
    let checked = store.verify()?;
    // A saved document is a cache that a cut may tear; healing it is fine, losing changes is not.
    let mut torn = checked.damaged.len() as u64;
    for n in 1..=last {
        let loaded = store.load(document(n))?;
        let found = loaded.get(automerge::ROOT, format!("{n}"))?;
        torn += u64::from(
            found.and_then(|(value, _)| value.into_bytes().ok()) != Some(value_of(n, 0, 40)),
        );
    }
    torn += u64::from(store.pending()? != last);
    for row in store.scan(b"blob/") {
        let (key, value) = row?;
        let named = key
            .last_chunk::<32>()
            .map(|hash| domain::BlobHash::from_bytes(*hash));
        let right = named.is_some_and(|hash| {
            blobs
                .read(&hash)
                .is_ok_and(|bytes| bytes == value_of(last_number(Some(value)), 0, 30_000))
        });
        torn += u64::from(!right);
    }
    report(last, acknowledged.saturating_sub(last), torn)
}

fn report(last: u64, lost: u64, torn: u64) -> Outcome {
    println!("VERIFY last={last} lost={lost} torn={torn}");
    Ok(())
}

fn hold(dir: &Path, kind: &str) -> Outcome {
    let kind = if kind == "long" {
        LockKind::Long
    } else {
        LockKind::Short
    };
    let lock = VaultLock::acquire(
        dir,
        &format!("cut_writer hold {}", dir.display()),
        kind,
        Duration::ZERO,
    )?;
    println!("held");
    std::io::stdout().flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    drop(lock);
    Ok(())
}
