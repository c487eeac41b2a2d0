//! Repair: the server's log does not continue from this device's cursor, so this device tells the heads of all its documents, and each side sends
//! what the other lacks. It ends with the first cursor the server sends.

use domain::DocId;

use super::{DeviceSession, InventoryPage, Output};
use crate::close::CloseCode;
use crate::frame::{Inventory, Missing};
use crate::limit::{HEADS_MAX, INVENTORIES_IN_FLIGHT_MAX, INVENTORY_ITEMS_MAX};

#[derive(Debug, Default)]
pub(super) struct Repair {
    after: Option<DocId>,
    reading: bool,
    exhausted: bool,
    in_flight: usize,
}

impl DeviceSession {
    pub(super) fn start_repair(&mut self) {
        self.outputs.push_back(Output::StartRepair);
        self.repair = Some(Repair::default());
    }

    pub(super) fn advance_repair(&mut self) {
        let Some(repair) = &mut self.repair else {
            return;
        };
        if !repair.exhausted && !repair.reading && repair.in_flight < INVENTORIES_IN_FLIGHT_MAX {
            repair.reading = true;
            let after = repair.after;
            self.outputs.push_back(Output::ReadInventory {
                after,
                count_max: INVENTORY_ITEMS_MAX,
            });
        }
    }

    pub(super) fn inventory_read(&mut self, page: InventoryPage) {
        let Some(repair) = &mut self.repair else {
            return;
        };
        let mut items = page.items;
        repair.reading = false;
        repair.in_flight += 1;
        repair.after = items.last().map(|item| item.doc).or(repair.after);
        repair.exhausted = !page.more || items.is_empty();
        let more = !repair.exhausted;
        for item in &mut items {
            // Heads that are not told only make the server send what is here already.
            item.heads.truncate(HEADS_MAX);
        }
        self.transmit(Inventory { items, more });
    }

    pub(super) fn on_missing(&mut self, missing: Missing) {
        if missing.inventory && !missing.more {
            let Some(repair) = self.repair.as_mut().filter(|repair| repair.in_flight > 0) else {
                return self.fail(
                    CloseCode::Malformed,
                    "an answer to an inventory that was not sent",
                );
            };
            repair.in_flight -= 1;
        }
        for item in missing.items {
            if missing.inventory || self.push.has_orphan_of(&item.doc) {
                self.enqueue_after(item.doc, item.heads);
            }
        }
    }

    pub(super) fn repair_ends(&mut self) {
        let Some(repair) = &self.repair else { return };
        if !repair.exhausted || repair.in_flight > 0 {
            return self.fail(
                CloseCode::Malformed,
                "a repair that ends before it was answered",
            );
        }
        self.repair = None;
    }
}
