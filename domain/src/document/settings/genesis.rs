//! The first change of every settings document.

/// The change as bytes. It makes the maps that all devices write into; were it not the same everywhere, two devices would
/// make two maps of tags. Fixed for ever: the test that rebuilds it guards the bytes, not this Automerge version's habits.
pub const fn genesis() -> &'static [u8] {
    &GENESIS
}

const GENESIS: [u8; 96] = [
    0x85, 0x6f, 0x4a, 0x83, 0x33, 0x83, 0x78, 0x22, 0x01, 0x56, 0x00, 0x10, 0x6d, 0x65, 0x6d, 0x6f,
    0x72, 0x79, 0x76, 0x61, 0x75, 0x6c, 0x74, 0x2d, 0x73, 0x65, 0x74, 0x31, 0x01, 0x01, 0x00, 0x00,
    0x00, 0x06, 0x15, 0x1c, 0x34, 0x01, 0x42, 0x04, 0x56, 0x06, 0x57, 0x09, 0x70, 0x02, 0x7b, 0x04,
    0x6b, 0x69, 0x6e, 0x64, 0x01, 0x76, 0x04, 0x74, 0x61, 0x67, 0x73, 0x06, 0x65, 0x70, 0x6f, 0x63,
    0x68, 0x73, 0x07, 0x64, 0x65, 0x76, 0x69, 0x63, 0x65, 0x73, 0x05, 0x02, 0x01, 0x03, 0x00, 0x7e,
    0x86, 0x01, 0x13, 0x03, 0x00, 0x73, 0x65, 0x74, 0x74, 0x69, 0x6e, 0x67, 0x73, 0x01, 0x05, 0x00,
];

#[cfg(test)]
mod tests {
    use automerge::transaction::{CommitOptions, Transactable};
    use automerge::{ActorId, Automerge, Change, ObjType, ROOT};

    use super::super::{DEVICES, EPOCHS, TAGS};
    use super::*;
    use crate::document::{DocKind, begin, kind};

    #[test]
    fn golden() {
        let mut doc = Automerge::new().with_actor(ActorId::from(*b"memoryvault-set1"));
        doc.transact_with::<_, _, crate::document::EditError, _>(
            |_| CommitOptions::default().with_time(0),
            |tx| {
                begin(tx, DocKind::Settings)?;
                for map in [TAGS, EPOCHS, DEVICES] {
                    tx.put_object(ROOT, map, ObjType::Map)?;
                }
                Ok(())
            },
        )
        .unwrap();
        let change = doc.get_last_local_change().unwrap();
        assert_eq!(hex::encode(change.raw_bytes()), hex::encode(genesis()));
        let mut again = Automerge::new();
        again
            .apply_changes([Change::from_bytes(genesis().to_vec()).unwrap()])
            .unwrap();
        assert_eq!(kind(&again), Some(DocKind::Settings));
    }
}
