//! Reviews: durable in the journal at once, in a document before they are sent.

use domain::document::{DocKind, events};
use domain::{CardId, Day, DocId, Event, EventId, Grade, Kind, OffsetMin, UnixMs};

use super::Edited;
use crate::device::Device;
use crate::dice::Dice;
use crate::graph::Change;
use crate::model::Model;

impl Device {
    pub fn review(&mut self, dice: &mut Dice, now_us: u64, model: &mut Model) -> Edited {
        let at = UnixMs(self.wall_ms(now_us));
        self.rows.clock = self.rows.clock.tick(at);
        let id = EventId::v7(u64::try_from(at.0).unwrap_or(0), dice.array());
        let event = Event {
            id,
            card: CardId::from_bytes([dice.roll(9) as u8; 16]),
            device: self.rows.device,
            hlc: self.rows.clock,
            at,
            offset_min: OffsetMin(0),
            day: Day::of(at, OffsetMin(0), 4),
            grade: Some(Grade::Good),
            difficulty: None,
            response_ms: model.fresh() as u32 % 60_000,
            kind: Kind::Review,
            prev_box: 1,
            new_box: 2,
        };
        self.rows.journal.insert(id, event);
        self.own.events.insert(id);
        Edited::Review(id)
    }

    /// Reviews become one change a month, before they are sent.
    pub fn fold_journal(&mut self, model: &mut Model) -> Vec<Change> {
        let mut made = Vec::new();
        while let Some(month) = self
            .rows
            .journal
            .values()
            .next()
            .map(|event| event.day.month())
        {
            let device = self.rows.device;
            let doc = DocId::events(device, month, 0);
            let some: Vec<Event> = self
                .rows
                .journal
                .values()
                .filter(|event| event.day.month() == month)
                .copied()
                .collect();
            let begun = self.rows.docs.contains_key(&doc);
            let change = self.change(doc, |tx| {
                if !begun {
                    events::create(tx, device, month)?;
                }
                events::append(tx, &some)
            });
            if let Some(change) = change {
                model.set_kind(doc, DocKind::Events);
                model.add_events(&change, some.iter().map(|event| event.id).collect());
                made.push(change);
            }
            for event in &some {
                self.rows.journal.remove(&event.id);
            }
        }
        made
    }
}
