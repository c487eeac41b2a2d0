//! Opening, deadlines and the end of a device's session, and when it counts as settled.

use super::{DeviceSession, Output, Phase, Welcomed};
use crate::close::{CloseCode, Closing};
use crate::cursor::LogEpoch;
use crate::frame::{Close, Frame, FrameError, Hello, Quota, Unsupported, Welcome};
use crate::limit::{HANDSHAKE_MS, IDLE_MS, OUTPUTS_MAX, PROTOCOL_VERSION};

impl DeviceSession {
    pub(super) fn say_hello(&mut self) {
        let mut cursor = self.config.cursor;
        if self.config.repair
            && let Some(cursor) = &mut cursor
        {
            // No store has this epoch, so the server answers with a repair.
            cursor.epoch = LogEpoch::from_bytes([0; 16]);
        }
        self.transmit(Hello {
            protocol: PROTOCOL_VERSION,
            device: self.config.device,
            incarnation: self.config.incarnation,
            next_incarnation: self.config.next_incarnation,
            cursor,
            now_ms: self.config.wall_ms,
            features: 0,
        });
    }

    pub(super) fn on_welcome(&mut self, welcome: Welcome, now_ms: u64) {
        if self
            .config
            .vault
            .is_some_and(|vault| vault != welcome.vault)
        {
            self.fail(
                CloseCode::WrongVault,
                "this account holds another vault; log in to the account this device belongs to",
            );
            return;
        }
        let trip_ms = now_ms.saturating_sub(self.opened_ms);
        let trip_ms = i64::try_from(trip_ms).unwrap_or(i64::MAX);
        let here_ms = self.config.wall_ms.saturating_add(trip_ms);
        self.phase = Phase::Open;
        self.limits = welcome.limits.within_own();
        self.quota = welcome.quota;
        self.sender.set_credit(u64::from(self.limits.credit_bytes));
        self.outputs.push_back(Output::Welcomed(Welcomed {
            vault: welcome.vault,
            limits: self.limits,
            quota: welcome.quota,
            incarnation: self.config.next_incarnation,
            new_identity: welcome.new_identity.clone(),
            clock_ahead_ms: welcome
                .now_ms
                .saturating_add(trip_ms / 2)
                .saturating_sub(here_ms),
            repair: !welcome.cursor_ok,
        }));
        if !welcome.cursor_ok || welcome.new_identity.is_some() {
            self.forget_early_push();
        }
        let stands_at = self.config.cursor.filter(|_| welcome.cursor_ok);
        self.pull.open(welcome.epoch, welcome.seq, stands_at);
        if !welcome.cursor_ok {
            self.start_repair();
        }
    }

    pub(super) fn on_quota(&mut self, quota: Quota) {
        let room = |quota: Quota| quota.limit.saturating_sub(quota.used);
        if room(quota) > room(self.quota) {
            self.uploads.forget_refusals();
        }
        self.quota = quota;
        self.outputs.push_back(Output::QuotaSeen(quota));
    }

    pub(super) fn advance_settled(&mut self) {
        let settled = self.is_settled();
        if settled && !self.settled_told {
            self.outputs.push_back(Output::Settled(self.counters));
        }
        self.settled_told = settled;
    }

    /// Whether nothing is left to do.
    pub fn is_settled(&self) -> bool {
        self.phase == Phase::Open
            && self.repair.is_none()
            && self.pull.is_settled()
            && self.push.is_settled()
            && self.uploads.is_settled()
            && self.downloads.is_settled()
            && self.sender.is_empty()
            && self.receiver.is_idle()
    }

    /// The deadline of [`Self::poll_timeout`] has come (calling early or often is harmless).
    pub fn handle_timeout(&mut self, now_ms: u64) {
        if let Some((at, code, reason)) = self.deadline()
            && at <= now_ms
        {
            self.fail(code, reason);
        }
    }

    /// When [`Self::handle_timeout`] wants to be called, on the clock of `now_ms`.
    pub fn poll_timeout(&self) -> Option<u64> {
        self.deadline().map(|(at, _, _)| at)
    }

    fn deadline(&self) -> Option<(u64, CloseCode, &'static str)> {
        let idle = (
            self.heard_ms + IDLE_MS,
            CloseCode::Idle,
            "the server has been silent for 90 seconds",
        );
        match self.phase {
            Phase::Closed => None,
            Phase::Handshake => Some((
                self.opened_ms + HANDSHAKE_MS.min(self.patience_ms),
                CloseCode::HandshakeTimeout,
                "the server did not answer in time",
            )),
            Phase::Open => {
                let sending = self.sender.stalled_at().map(|at| {
                    (
                        at,
                        CloseCode::Stalled,
                        "the server has taken no media for 30 seconds",
                    )
                });
                let receiving = self.receiver.stalled_at().map(|at| {
                    (
                        at,
                        CloseCode::Stalled,
                        "the server has sent no media for 30 seconds",
                    )
                });
                let owed = (!self.is_settled() && !self.pull.is_applying()).then(|| {
                    (
                        self.moved_ms + self.patience_ms,
                        CloseCode::Stalled,
                        "the server has not sent in time what it owes",
                    )
                });
                [Some(idle), sending, receiving, owed]
                    .into_iter()
                    .flatten()
                    .min_by_key(|(at, _, _)| *at)
            }
        }
    }

    /// The socket has ended without a word.
    pub fn handle_disconnected(&mut self, _now_ms: u64) {
        self.end(Closing {
            code: CloseCode::GoingAway,
            reason: "the connection was lost".into(),
            by_peer: true,
        });
    }

    pub(super) fn closed_by_peer(&mut self, close: Close) {
        let code = CloseCode::from_u16(close.code);
        self.end(Closing {
            code,
            reason: close.reason,
            by_peer: true,
        });
    }

    pub(super) fn answer_unknown(&mut self, frame_type: u8) {
        self.transmit(Unsupported { frame_type });
    }

    pub(super) fn fail_frame(&mut self, error: &FrameError) {
        let code = match error {
            FrameError::TooLarge { .. } => CloseCode::TooLarge,
            FrameError::Malformed(_) => CloseCode::Malformed,
        };
        self.fail(code, &error.to_string());
    }

    pub(super) fn fail_unexpected(&mut self, frame: &Frame) {
        let reason = format!("a frame of type {} has no place here", frame.frame_type());
        self.fail(CloseCode::Malformed, &reason);
    }

    pub(super) fn check_flood(&mut self) {
        if self.outputs.len() > OUTPUTS_MAX {
            self.fail(CloseCode::Flood, "more frames than can be answered");
        }
    }

    /// Ends the session from this side.
    pub(super) fn fail(&mut self, code: CloseCode, reason: &str) {
        if self.phase == Phase::Closed {
            return;
        }
        self.transmit(Close {
            code: code.to_u16(),
            reason: reason.to_owned(),
        });
        self.end(Closing {
            code,
            reason: reason.to_owned(),
            by_peer: false,
        });
    }

    /// What was said before still gets done; then the shell hears of the end.
    fn end(&mut self, closing: Closing) {
        if self.phase == Phase::Closed {
            return;
        }
        self.phase = Phase::Closed;
        self.outputs.push_back(Output::Close(closing));
    }
}
