//! The packed form of events: golden bytes, round trip, hostile bytes.

use domain::{Day, Event, EventError, Grade, Hlc, Kind, OffsetMin, UnixMs};
use proptest::prelude::*;

use crate::support::{card, device, event_id, fixture};

fn sample(kind: Kind) -> Event {
    Event {
        id: event_id(7),
        card: card(0x11),
        device: device(2),
        hlc: Hlc::from_u64((1_741_435_200_123 << 16) | 5),
        at: UnixMs(1_741_435_200_123),
        offset_min: OffsetMin(-300),
        day: Day(20_155),
        grade: kind.is_answer().then_some(Grade::Good),
        difficulty: kind.is_answer().then_some(4),
        response_ms: 2_345,
        kind,
        prev_box: 2,
        new_box: 3,
    }
}

fn samples() -> Vec<Event> {
    let kinds = [
        Kind::Learn,
        Kind::Review,
        Kind::Early,
        Kind::Cram,
        Kind::Manual {
            box_number: 4,
            due: Day(20_200),
        },
        Kind::Import,
        Kind::Void {
            target: event_id(6),
        },
        Kind::Reset,
        Kind::Bury,
    ];
    kinds.into_iter().map(sample).collect()
}

#[test]
fn golden() {
    let packed: String = samples()
        .iter()
        .map(|event| format!("{} {}\n", event.kind.name(), hex::encode(event.pack())))
        .collect();
    assert_eq!(packed, fixture("events/packed.v1.hex"));
    for (line, event) in fixture("events/packed.v1.hex").lines().zip(samples()) {
        let bytes = hex::decode(line.split_once(' ').unwrap().1).unwrap();
        assert_eq!(Event::unpack(event.id, &bytes), Ok(event));
    }
}

#[test]
fn hostile_fields_are_refused() {
    let review = sample(Kind::Review);
    let manual = |box_number, due| Event {
        kind: Kind::Manual {
            box_number,
            due: Day(due),
        },
        ..sample(Kind::Reset)
    };
    let cases = [
        (
            "day",
            Event {
                day: Day(i32::MAX),
                ..review
            },
        ),
        (
            "day",
            Event {
                day: Day(i32::MIN),
                ..review
            },
        ),
        (
            "difficulty",
            Event {
                difficulty: Some(9),
                ..review
            },
        ),
        (
            "offset",
            Event {
                offset_min: OffsetMin(i16::MIN),
                ..review
            },
        ),
        (
            "time",
            Event {
                at: UnixMs(i64::MIN),
                ..review
            },
        ),
        (
            "logical clock",
            Event {
                hlc: Hlc::from_u64(u64::MAX),
                ..review
            },
        ),
        (
            "box",
            Event {
                new_box: 200,
                ..review
            },
        ),
        (
            "grade",
            Event {
                grade: None,
                ..review
            },
        ),
        (
            "grade",
            Event {
                grade: Some(Grade::Good),
                ..sample(Kind::Reset)
            },
        ),
        ("box", manual(0, 1)),
        ("box", manual(6, 1)),
        ("due day", manual(1, i32::MAX)),
    ];
    for (field, event) in cases {
        assert_eq!(
            Event::unpack(event.id, &event.pack()),
            Err(EventError::Field(field)),
            "{event:?}"
        );
    }
    let mut grade_nine = review.pack();
    grade_nine[56] = 9;
    assert_eq!(
        Event::unpack(review.id, &grade_nine),
        Err(EventError::Field("grade"))
    );
    let mut later_kind = review.pack();
    later_kind[1] = 99;
    assert_eq!(
        Event::unpack(review.id, &later_kind),
        Err(EventError::Kind(99))
    );
    let mut later_version = review.pack();
    later_version[0] = 2;
    assert_eq!(
        Event::unpack(review.id, &later_version),
        Err(EventError::Version(2))
    );
    for length in 0..review.pack().len() {
        assert_eq!(
            Event::unpack(review.id, &review.pack()[..length]),
            Err(EventError::Length(length))
        );
    }
}

proptest! {
    /// Whatever is read back packs to the very same bytes, so no event has two forms.
    #[test]
    fn perturbed_bytes(which in 0..8_usize, edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        grow in prop::collection::vec(any::<u8>(), 0..3), cut in 0..3_usize) {
        let event = samples()[which];
        let mut bytes = event.pack();
        for (at, value) in edits {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(bytes.len() - cut);
        bytes.extend(grow);
        if let Ok(read) = Event::unpack(event.id, &bytes) {
            prop_assert_eq!(read.pack(), bytes);
        }
    }
}
