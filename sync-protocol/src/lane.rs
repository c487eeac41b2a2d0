//! How much blob data a sender may have under way. The receiver's credit bounds memory; this bounds *delay*: bytes once given to the kernel can not be
//! overtaken, so what is in flight is kept to about 50 ms of the line's measured rate, and a review made during an upload still leaves within that.
//! Both ends' senders own one. Knows nothing of blobs.
//!
//! `in_flight <= clamp(best rate of the last 10 samples * (least trip + 50 ms), 48 KiB, credit)`. A sample is what came back as credit over at least
//! `max(2 ms, half a trip)`. The least trip is measured anew every 10 s with the window at its floor for one trip, since it can not be seen while our
//! own bytes queue on the line.
//!
//! Into an empty line of unknown rate goes `LANE_START_BYTES` at once, and four times as much each trip, as long as no piece comes back later than the
//! least trip by more than `LANE_START_QUEUE_MS`: then the line is full, its rate is known from what came back, and the rule above holds.

use std::collections::VecDeque;

use crate::limit::{
    CHUNK_BYTES_MAX, CHUNK_BYTES_MIN, LANE_DELAY_MS, LANE_START_BYTES, LANE_START_GROWTH,
    LANE_START_QUEUE_MS, LANE_WINDOW_BYTES_MIN,
};

/// Samples of the rate that are remembered.
const SAMPLES: usize = 10;
/// Age of the least trip at which it is measured anew.
const TRIP_AGE_MS: u64 = 10_000;
/// What a chunk should take on the line.
const CHUNK_MS: u64 = 10;

/// The delay window of one sender.
#[derive(Debug)]
pub(crate) struct Lane {
    credit_bytes: u64,
    sent_bytes: u64,
    returned_bytes: u64,
    marks: VecDeque<Mark>,
    sample_begin_ms: u64,
    sample_bytes: u64,
    rates: VecDeque<u64>,
    trip: Option<Trip>,
    last_return_ms: u64,
    /// How far the window may have grown since the line was last empty: into an empty line a whole window would go at once, and queue.
    grown_bytes: u64,
    /// The line has not queued since it was last empty.
    is_starting: bool,
}

/// The end of a chunk on the lane.
#[derive(Debug)]
struct Mark {
    end: u64,
    bytes: u64,
    sent_ms: u64,
    /// So little was in flight that the chunk's trip is the line's own.
    clean: bool,
}

#[derive(Debug, Clone, Copy)]
struct Trip {
    least_ms: u64,
    measured_ms: u64,
}

impl Lane {
    pub fn new(credit_bytes: u64) -> Lane {
        Lane {
            credit_bytes,
            sent_bytes: 0,
            returned_bytes: 0,
            marks: VecDeque::new(),
            sample_begin_ms: 0,
            sample_bytes: 0,
            rates: VecDeque::with_capacity(SAMPLES),
            trip: None,
            last_return_ms: 0,
            grown_bytes: LANE_START_BYTES,
            is_starting: true,
        }
    }

    /// The receiver's credit, when it differs from the usual.
    pub fn set_credit(&mut self, bytes: u64) {
        self.credit_bytes = bytes.max(CHUNK_BYTES_MAX as u64);
    }

    /// Bytes sent and not returned.
    pub fn in_flight(&self) -> u64 {
        self.sent_bytes - self.returned_bytes
    }

    /// Whether `bytes` more may go, when `reserved` are on their way to being sent.
    pub fn has_room(&self, reserved: u64, bytes: u64, now_ms: u64) -> bool {
        let under_way = self.in_flight() + reserved;
        under_way == 0 || under_way + bytes <= self.window(now_ms)
    }

    /// The size of the next chunk.
    pub fn chunk_bytes(&self) -> usize {
        let bytes = self.rate() / 1000 * CHUNK_MS;
        usize::try_from(bytes)
            .unwrap_or(CHUNK_BYTES_MAX)
            .clamp(CHUNK_BYTES_MIN, CHUNK_BYTES_MAX)
    }

    /// A chunk goes out.
    pub fn sent(&mut self, bytes: u64, now_ms: u64) {
        if self.in_flight() == 0 {
            if now_ms.saturating_sub(self.last_return_ms) > LANE_DELAY_MS {
                self.start(now_ms);
            }
            self.sample_begin_ms = now_ms;
            self.sample_bytes = 0;
            self.last_return_ms = now_ms;
        }
        self.sent_bytes += bytes;
        let clean = self.in_flight() <= LANE_WINDOW_BYTES_MIN;
        self.marks.push_back(Mark {
            end: self.sent_bytes,
            bytes,
            sent_ms: now_ms,
            clean,
        });
    }

    /// The receiver returns credit. More than is in flight is taken for what is in flight.
    pub fn returned(&mut self, bytes: u64, now_ms: u64) {
        let bytes = bytes.min(self.in_flight());
        self.returned_bytes += bytes;
        self.last_return_ms = now_ms;
        while let Some(mark) = self.marks.front()
            && mark.end <= self.returned_bytes
        {
            let (trip_ms, clean) = (now_ms.saturating_sub(mark.sent_ms), mark.clean);
            let mark_bytes = mark.bytes;
            self.marks.pop_front();
            self.note_start(trip_ms, mark_bytes);
            self.note_trip(trip_ms, clean, now_ms);
        }
        if !self.is_starting {
            self.grown_bytes = match self.trip {
                // A window that was not used has shown nothing: it would go at once later, and queue.
                Some(trip) if is_fresh(trip, now_ms) => (self.grown_bytes + bytes)
                    .min((self.in_flight() + 2 * bytes).max(LANE_START_BYTES))
                    .min(self.credit_bytes),
                _ => LANE_WINDOW_BYTES_MIN,
            };
        }
        self.sample_bytes += bytes;
        let elapsed_ms = now_ms.saturating_sub(self.sample_begin_ms);
        let half_trip_ms = self.trip.map_or(0, |trip| trip.least_ms / 2);
        if elapsed_ms >= half_trip_ms.max(2) {
            if self.rates.len() == SAMPLES {
                self.rates.pop_front();
            }
            self.rates
                .push_back(self.sample_bytes.saturating_mul(1000) / elapsed_ms);
            self.sample_begin_ms = now_ms;
            self.sample_bytes = 0;
        }
    }

    /// When the lane counts as stalled: bytes in flight and none returned for `stalled_ms`.
    pub fn stalled_at(&self, stalled_ms: u64) -> Option<u64> {
        (self.in_flight() > 0).then(|| self.last_return_ms + stalled_ms)
    }

    /// Bytes that may be in flight now.
    pub fn window(&self, now_ms: u64) -> u64 {
        let floor = LANE_WINDOW_BYTES_MIN.min(self.credit_bytes);
        match self.trip {
            None => self.grown_bytes.min(self.credit_bytes),
            Some(trip) if is_fresh(trip, now_ms) && self.is_starting => {
                self.grown_bytes.min(self.credit_bytes)
            }
            Some(trip) if is_fresh(trip, now_ms) => {
                let bytes = self.rate_window(trip).min(self.grown_bytes);
                bytes.clamp(floor, self.credit_bytes)
            }
            _ => floor,
        }
    }

    /// What the line takes at the measured rate.
    fn rate_window(&self, trip: Trip) -> u64 {
        self.rate().saturating_mul(trip.least_ms + LANE_DELAY_MS) / 1000
    }

    /// Best rate of the last samples, bytes a second.
    fn rate(&self) -> u64 {
        self.rates.iter().copied().max().unwrap_or(0)
    }

    /// The line is empty. What was measured long ago is forgotten: the first pieces measure it anew.
    fn start(&mut self, now_ms: u64) {
        self.is_starting = true;
        self.trip = self.trip.filter(|trip| is_fresh(*trip, now_ms));
        if self.trip.is_none() {
            self.rates.clear();
        }
        self.grown_bytes = self.trip.map_or(LANE_START_BYTES, |trip| {
            self.rate_window(trip)
                .clamp(LANE_WINDOW_BYTES_MIN, LANE_START_BYTES)
        });
    }

    /// A piece came back: with nothing to hold its trip against it says nothing yet of the line's queue.
    fn note_start(&mut self, trip_ms: u64, bytes: u64) {
        let Some(trip) = self.trip.filter(|_| self.is_starting) else {
            return;
        };
        if trip_ms > trip.least_ms + LANE_START_QUEUE_MS {
            self.is_starting = false;
        } else {
            let grown_bytes = self.grown_bytes + LANE_START_GROWTH * bytes;
            self.grown_bytes = grown_bytes.min(self.credit_bytes);
        }
    }

    fn note_trip(&mut self, trip_ms: u64, clean: bool, now_ms: u64) {
        match &mut self.trip {
            Some(trip) if trip_ms <= trip.least_ms => {
                *trip = Trip {
                    least_ms: trip_ms,
                    measured_ms: now_ms,
                }
            }
            Some(trip) if clean && !is_fresh(*trip, now_ms) => {
                *trip = Trip {
                    least_ms: trip_ms,
                    measured_ms: now_ms,
                };
            }
            Some(_) => {}
            none => {
                *none = Some(Trip {
                    least_ms: trip_ms,
                    measured_ms: now_ms,
                })
            }
        }
    }
}

fn is_fresh(trip: Trip, now_ms: u64) -> bool {
    now_ms.saturating_sub(trip.measured_ms) < TRIP_AGE_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::CREDIT_BYTES;

    /// A line with a rate and a fixed delay each way; returns credit for every chunk as it arrives.
    struct Line {
        bytes_a_ms: u64,
        delay_ms: u64,
        free_us: u64,
        returns: VecDeque<(u64, u64)>,
    }

    impl Line {
        fn send(&mut self, bytes: u64, now_ms: u64) {
            self.free_us = self.free_us.max(now_ms * 1000) + bytes * 1000 / self.bytes_a_ms;
            self.returns
                .push_back((self.free_us / 1000 + 2 * self.delay_ms, bytes));
        }

        fn queued_ms(&self, now_ms: u64) -> u64 {
            (self.free_us / 1000).saturating_sub(now_ms)
        }
    }

    /// Runs for `for_ms`; gives the bytes delivered and the longest queue on the line in the second half.
    fn run(lane: &mut Lane, line: &mut Line, from_ms: u64, for_ms: u64) -> (u64, u64) {
        let (mut delivered, mut queued_ms) = (0, 0);
        for now_ms in from_ms..from_ms + for_ms {
            while let Some(&(at, bytes)) = line.returns.front()
                && at <= now_ms
            {
                line.returns.pop_front();
                lane.returned(bytes, now_ms);
                delivered += bytes;
            }
            while lane.has_room(0, lane.chunk_bytes() as u64, now_ms) {
                let bytes = lane.chunk_bytes() as u64;
                lane.sent(bytes, now_ms);
                line.send(bytes, now_ms);
            }
            if now_ms > from_ms + for_ms / 2 {
                queued_ms = queued_ms.max(line.queued_ms(now_ms));
            }
        }
        (delivered, queued_ms)
    }

    fn line(bytes_a_ms: u64, delay_ms: u64) -> Line {
        Line {
            bytes_a_ms,
            delay_ms,
            free_us: 0,
            returns: VecDeque::new(),
        }
    }

    #[test]
    fn any_line_is_filled_and_its_queue_stays_short() {
        for (bytes_a_ms, delay_ms) in [
            (1_250, 5),
            (1_250, 40),
            (125, 20),
            (12_500, 10),
            (12_500, 50),
        ] {
            let mut lane = Lane::new(CREDIT_BYTES);
            let mut line = line(bytes_a_ms, delay_ms);
            let (delivered, queued_ms) = run(&mut lane, &mut line, 0, 20_000);
            let full = bytes_a_ms * 20_000;
            assert!(
                delivered * 10 >= full * 8,
                "{bytes_a_ms} B/ms, {delay_ms} ms: {delivered} of {full}"
            );
            // A very slow line is bounded by the floor: 48 KiB take their time there.
            let bound_ms = (LANE_WINDOW_BYTES_MIN / bytes_a_ms).max(2 * LANE_DELAY_MS);
            assert!(
                queued_ms <= bound_ms,
                "{bytes_a_ms} B/ms, {delay_ms} ms: {queued_ms} ms queued"
            );
        }
    }

    /// Sends so many bytes; gives when the last of them came back, and the longest queue on the line.
    fn send_all(lane: &mut Lane, line: &mut Line, from_ms: u64, mut bytes: u64) -> (u64, u64) {
        let (mut now_ms, mut queued_ms) = (from_ms, 0);
        while bytes > 0 || lane.in_flight() > 0 {
            now_ms += 1;
            while let Some(&(at, bytes)) = line.returns.front()
                && at <= now_ms
            {
                line.returns.pop_front();
                lane.returned(bytes, now_ms);
            }
            while bytes > 0 && lane.has_room(0, bytes.min(lane.chunk_bytes() as u64), now_ms) {
                let chunk = bytes.min(lane.chunk_bytes() as u64);
                lane.sent(chunk, now_ms);
                line.send(chunk, now_ms);
                bytes -= chunk;
            }
            queued_ms = queued_ms.max(line.queued_ms(now_ms));
        }
        (now_ms - from_ms, queued_ms)
    }

    #[test]
    fn a_wide_line_is_filled_in_three_trips() {
        let mut lane = Lane::new(CREDIT_BYTES);
        let mut wide = line(100_000, 25);
        let (took_ms, _) = send_all(&mut lane, &mut wide, 0, 1_000_000);
        assert!(took_ms <= 3 * 50 + 20, "{took_ms} ms for 1 MB, cold");
        // And again after a silence; one more after a long one, when the first chunk still has the size of the old rate.
        for (silence_ms, trips) in [(1_000, 3), (60_000, 4)] {
            let from_ms = took_ms + silence_ms;
            let (took_ms, _) = send_all(&mut lane, &mut wide, from_ms, 1_000_000);
            assert!(
                took_ms <= trips * 50 + 20,
                "{took_ms} ms after {silence_ms}"
            );
        }
    }

    #[test]
    fn the_start_queues_no_longer_than_a_person_may_wait() {
        for delay_ms in [1, 5, 25, 100] {
            for bytes_a_ms in [1_000, 2_000, 5_000, 10_000, 30_000] {
                let mut lane = Lane::new(CREDIT_BYTES);
                let mut slow = line(bytes_a_ms, delay_ms);
                let (_, queued_ms) = send_all(&mut lane, &mut slow, 0, 4_000_000);
                assert!(
                    queued_ms <= 150,
                    "{bytes_a_ms} B/ms, {delay_ms} ms: {queued_ms} ms queued"
                );
            }
        }
    }

    #[test]
    fn the_trip_is_learnt_anew_when_the_path_changes() {
        let mut lane = Lane::new(CREDIT_BYTES);
        let mut short = line(12_500, 2);
        run(&mut lane, &mut short, 0, 3_000);
        let mut long = line(12_500, 80);
        long.returns = short.returns;
        run(&mut lane, &mut long, 3_000, 15_000);
        let (delivered, _) = run(&mut lane, &mut long, 18_000, 5_000);
        assert!(delivered * 10 >= 12_500 * 5_000 * 6, "{delivered}");
    }

    #[test]
    fn credit_bounds_the_window_and_excess_credit_is_ignored() {
        let mut lane = Lane::new(CREDIT_BYTES);
        lane.set_credit(100_000);
        let mut line = line(1_000_000, 0);
        run(&mut lane, &mut line, 0, 100);
        assert!(lane.in_flight() <= 100_000);
        lane.returned(u64::MAX, 101);
        assert_eq!(lane.in_flight(), 0);
    }
}
