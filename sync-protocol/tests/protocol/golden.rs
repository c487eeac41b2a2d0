//! One file of bytes for each frame, in fixtures/frames: what travels may not change unnoticed. A new frame's file is written with
//! `WRITE_GOLDEN=1 cargo test -p sync-protocol golden`.

use std::path::PathBuf;

use domain::{BlobHash, ChangeHash, DeviceId, DocId, IncarnationId, VaultId};
use sync_protocol::*;

fn golden(name: &str, frame: impl Into<Frame>) -> (String, Frame) {
    (name.to_owned(), frame.into())
}

fn id<const N: usize>(first: u8) -> [u8; N] {
    std::array::from_fn(|position| first.wrapping_add(position as u8))
}

fn cursor() -> Cursor {
    Cursor {
        epoch: LogEpoch::from_bytes(id(0x10)),
        seq: 1_234,
        chain: Chain::from_bytes(id(0x40)),
    }
}

fn changes() -> Vec<DocChange> {
    let change = |n: u8| DocChange {
        doc: DocId::from_bytes(id(n)),
        change: vec![0x85, 0x6f, 0x4a, 0x83, n],
    };
    vec![change(0x20), change(0x30)]
}

fn heads() -> Vec<DocHeads> {
    let heads = vec![
        ChangeHash::from_bytes(id(0x50)),
        ChangeHash::from_bytes(id(0x70)),
    ];
    vec![
        DocHeads {
            doc: DocId::from_bytes(id(0x20)),
            heads,
        },
        DocHeads {
            doc: DocId::from_bytes(id(0x30)),
            heads: vec![],
        },
    ]
}

fn blob() -> BlobHash {
    BlobHash::from_bytes(id(0x90))
}

/// One of each, and variants where fields may be absent.
pub fn frames() -> Vec<(String, Frame)> {
    let mut frames = session_frames();
    frames.extend(document_frames());
    frames.extend(blob_frames());
    frames
}

fn session_frames() -> Vec<(String, Frame)> {
    let hello = Hello {
        protocol: 1,
        device: DeviceId::from_bytes(id(1)),
        incarnation: IncarnationId::from_bytes(id(2)),
        next_incarnation: IncarnationId::from_bytes(id(3)),
        cursor: None,
        now_ms: 1_700_000_000_000,
        features: 0,
    };
    let welcome = Welcome {
        vault: VaultId::from_bytes(id(4)),
        epoch: cursor().epoch,
        seq: cursor().seq,
        chain: cursor().chain,
        now_ms: 1_700_000_000_050,
        limits: Limits::default(),
        quota: Quota {
            used: 5_000_000,
            limit: 1 << 30,
        },
        cursor_ok: true,
        new_identity: None,
    };
    let identity = NewIdentity {
        device: DeviceId::from_bytes(id(5)),
        token: format!("mv1_{}", "0f".repeat(32)),
    };
    let with_cursor = Hello {
        cursor: Some(cursor()),
        features: 3,
        ..hello.clone()
    };
    let forked = Welcome {
        cursor_ok: false,
        new_identity: Some(identity),
        ..welcome.clone()
    };
    vec![
        golden("hello", with_cursor),
        golden("hello-fresh", hello),
        golden("welcome", welcome),
        golden("welcome-new-identity", forked),
        golden("unsupported", Unsupported { frame_type: 99 }),
        golden(
            "quota",
            Quota {
                used: 7,
                limit: 70_000,
            },
        ),
        golden(
            "close",
            Close {
                code: 4401,
                reason: "the token was revoked".into(),
            },
        ),
    ]
}

fn document_frames() -> Vec<(String, Frame)> {
    let part = PackPart {
        doc: DocId::from_bytes(id(0x20)),
        pack: PackHash::from_bytes(id(0x60)),
        part: 1,
        of: 3,
        bytes: vec![0x28, 0xb5, 0x2f, 0xfd],
    };
    let page = Changes {
        items: changes(),
        packs: vec![],
        cursor: Some(cursor()),
        more: false,
    };
    let packs = Changes {
        items: vec![],
        packs: vec![part],
        cursor: None,
        more: true,
    };
    let refused = Refused {
        batch: 7,
        items: vec![0, 3],
        reason: Reason::Quota,
        used: 268_000_000,
        limit: 268_435_456,
        message: "the account's documents are full".into(),
    };
    vec![
        golden("changes", page),
        golden("changes-pack", packs),
        golden(
            "applied",
            Applied {
                seq: 1_234,
                frames: 2,
            },
        ),
        golden(
            "push",
            Push {
                batch: 7,
                items: changes(),
            },
        ),
        golden(
            "pushed",
            Pushed {
                batch: 7,
                seq: 1_236,
                cursor: Some(cursor()),
            },
        ),
        golden(
            "pushed-behind",
            Pushed {
                batch: 7,
                seq: 1_236,
                cursor: None,
            },
        ),
        golden("refused", refused),
        golden(
            "inventory",
            Inventory {
                items: heads(),
                more: true,
            },
        ),
        golden(
            "missing",
            Missing {
                items: heads(),
                more: false,
                inventory: true,
            },
        ),
    ]
}

fn blob_frames() -> Vec<(String, Frame)> {
    let offer = OfferItem {
        hash: blob(),
        bytes: 50_000,
        mime: "image/png".into(),
    };
    let grants = [false, true].map(|relay| GrantItem {
        hash: blob(),
        offset: 16_384,
        relay,
    });
    let refuse = RefuseItem {
        hash: blob(),
        reason: Reason::Quota,
        used: 1_073_000_000,
        limit: 1 << 30,
    };
    let get = GetItem {
        hash: blob(),
        offset: 0,
        priority: 9,
    };
    let data = BlobData {
        hash: blob(),
        offset: 65_536,
        total: 65_540,
        bytes: vec![1, 2, 3, 4],
        relayed: false,
    };
    let relayed = BlobData {
        relayed: true,
        ..data.clone()
    };
    vec![
        golden("blob-offer", BlobOffer { items: vec![offer] }),
        golden(
            "blob-grant",
            BlobGrant {
                items: grants.to_vec(),
            },
        ),
        golden(
            "blob-held",
            BlobHeld {
                hashes: vec![blob()],
            },
        ),
        golden(
            "blob-refuse",
            BlobRefuse {
                items: vec![refuse],
            },
        ),
        golden("blob-get", BlobGet { items: vec![get] }),
        golden("blob-data", data),
        golden("blob-data-relayed", relayed),
        golden(
            "blob-stored",
            BlobStored {
                hashes: vec![blob()],
            },
        ),
        golden(
            "blob-bad",
            BlobBad {
                hash: blob(),
                reason: Reason::WrongHash,
            },
        ),
        golden(
            "blob-absent",
            BlobAbsent {
                hashes: vec![blob()],
            },
        ),
        golden(
            "blob-wanted",
            BlobWanted {
                hashes: vec![blob()],
            },
        ),
        golden(
            "blob-available",
            BlobAvailable {
                hashes: vec![blob()],
            },
        ),
        golden(
            "credit",
            Credit {
                bytes: 65_536,
                hash: None,
            },
        ),
        golden(
            "credit-relay",
            Credit {
                bytes: 65_536,
                hash: Some(blob()),
            },
        ),
    ]
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../fixtures/frames/{name}.hex"))
}

#[test]
fn every_frame_has_its_golden_bytes() {
    for (name, frame) in frames() {
        let bytes = frame.encode();
        if std::env::var_os("WRITE_GOLDEN").is_some() && !path(&name).exists() {
            std::fs::write(path(&name), hex::encode(&bytes) + "\n").unwrap();
        }
        let golden = std::fs::read_to_string(path(&name)).unwrap_or_default();
        assert_eq!(hex::encode(&bytes), golden.trim(), "{name}");
        assert_eq!(Frame::decode(&bytes).as_ref(), Ok(&frame), "{name}");
    }
}

#[test]
fn no_frame_type_is_without_golden_bytes() {
    let types: std::collections::BTreeSet<u8> = frames()
        .iter()
        .map(|(_, frame)| frame.frame_type())
        .collect();
    assert_eq!(types, (1..=24).collect());
}
