//! Outputs of the machine: sent, or begun on the disk, or told to the hub.

use sync_protocol::server::Output;
use sync_protocol::{CloseCode, Hello, OfferItem};

use super::Session;
use crate::clock::wall_ms;
use crate::service::Lane;
use crate::store::blobs::Offers;
use crate::store::compare::DocRange;
use crate::sync::jobs::Done;

impl Session {
    pub(super) fn perform(&mut self, output: Output) {
        let account = self.seat.account();
        match output {
            Output::Transmit(frame) => self.outgoing = Some(frame.encode()),
            Output::Close(closing) => self.closing = Some(closing),
            Output::Admit(hello) => self.admit(hello),
            Output::ReadLog {
                after,
                bytes_max,
                rows_max,
            } => self.jobs.start(
                Lane::Documents.of(account),
                move |store| store.read_log(account, after, bytes_max, rows_max),
                Done::Log,
            ),
            Output::ReadPack { pack, offset, len } => self.jobs.start(
                Lane::Documents.of(account),
                move |store| store.read_pack(account, pack.pack, offset, len),
                Done::Pack,
            ),
            Output::Append { batch, items } => self.jobs.append(account, batch, items),
            Output::AnnounceHead(seq) => self.seat.announce_head(seq),
            Output::Compare {
                after,
                through,
                items,
            } => self.jobs.start(
                Lane::Documents.of(account),
                move |store| store.compare(account, DocRange { after, through }, items),
                Done::Compared,
            ),
            Output::ReadEntries { seqs, bytes_max } => self.jobs.start(
                Lane::Documents.of(account),
                move |store| store.read_entries(account, &seqs, bytes_max),
                Done::Entries,
            ),
            blobs => self.perform_blobs(blobs),
        }
    }

    fn perform_blobs(&mut self, output: Output) {
        let account = self.seat.account();
        match output {
            Output::OfferBlobs(items) => self.offer(items),
            Output::WriteBlob(piece) => self.jobs.write(self.place(), piece),
            Output::AbandonBlobs(hashes) => {
                let session = self.seat.id();
                self.jobs.start(
                    Lane::Blobs.of(account),
                    move |store| store.abandon_blobs(account, session, &hashes),
                    Done::Freed,
                );
            }
            Output::AnnounceBlobs(hashes) => {
                self.seat.announce_blobs(&hashes);
                self.jobs.start(
                    Lane::Documents.of(account),
                    move |store| store.quota(account),
                    Done::Quota,
                );
            }
            Output::FindBlobs(hashes) => self.jobs.start(
                Lane::Documents.of(account),
                move |store| store.find_blobs(account, hashes),
                Done::Found,
            ),
            Output::ReadBlob { hash, offset, len } => self.jobs.start(
                Lane::Blobs.of(account),
                move |store| store.read_blob(account, hash, offset, len),
                move |read| Done::Read(hash, offset, read),
            ),
            Output::BlobSuspect(hash) => self.jobs.start(
                Lane::Blobs.of(account),
                move |store| store.suspect_blob(account, hash),
                move |_| Done::Verified(hash),
            ),
            Output::AskOthers(waiting) => {
                self.wasted(waiting.len());
                self.seat.ask_others(&waiting);
            }
            Output::StopAsking(hashes) => self.seat.stop_asking(&hashes),
            Output::RelayChunk(chunk) => self.seat.relay_chunk(chunk),
            Output::RelayCredit { hash, bytes } => self.seat.relay_credit(hash, bytes),
            Output::RelayEnded(hash) => self.seat.relay_ended(hash),
            // The documents' outputs were taken by the caller.
            _ => {}
        }
    }

    fn admit(&mut self, hello: Hello) {
        if hello.device != self.caller.device {
            let reason = "the token was made for another device: log in again";
            return self.machine.close(CloseCode::Unauthorized, reason);
        }
        let (account, bearer) = (self.seat.account(), self.caller.bearer);
        self.jobs.start(
            Lane::Documents.of(account),
            move |store| store.admit(bearer, hello, wall_ms()),
            |(admitted, turn)| Done::Admitted(admitted, turn),
        );
    }

    fn offer(&mut self, items: Vec<OfferItem>) {
        let account = self.seat.account();
        let offers = Offers {
            account,
            session: self.seat.id(),
            items,
        };
        self.jobs.start(
            Lane::Blobs.of(account),
            move |store| store.offer_blobs(offers, wall_ms()),
            Done::Offered,
        );
    }
}
