//! Admission, deadlines and the end of a server's session.

use super::{Admitted, Output, Phase, ServerSession};
use crate::close::{CloseCode, Closing};
use crate::frame::{Close, Frame, FrameError, Hello, Unsupported, Welcome};
use crate::limit::{HANDSHAKE_MS, IDLE_MS, OUTPUTS_MAX, PROTOCOL_VERSION};

impl ServerSession {
    pub(super) fn on_hello(&mut self, hello: Hello) {
        if hello.protocol != PROTOCOL_VERSION {
            let reason = format!(
                "this server speaks version {PROTOCOL_VERSION} of the protocol, the device {}; update the older one",
                hello.protocol
            );
            return self.fail(CloseCode::Version, &reason);
        }
        self.phase = Phase::Admitting {
            cursor: hello.cursor,
        };
        self.outputs.push_back(Output::Admit(hello));
    }

    pub(super) fn admitted(&mut self, admitted: Admitted, now_ms: u64) {
        let Phase::Admitting { cursor } = self.phase else {
            return;
        };
        self.phase = Phase::Open;
        self.heard_ms = now_ms;
        self.quota_told = admitted.quota;
        let Admitted {
            vault,
            head,
            quota,
            cursor_ok,
            new_identity,
            wall_ms,
        } = admitted;
        let proven =
            cursor_ok && new_identity.is_none() && cursor.is_some_and(|cursor| cursor.seq > 0);
        self.transmit(Welcome {
            vault,
            epoch: head.epoch,
            seq: head.seq,
            chain: head.chain,
            now_ms: wall_ms,
            limits: self.limits,
            quota,
            cursor_ok,
            new_identity,
        });
        self.stream.grow_to(head.seq);
        if cursor_ok {
            self.stream
                .begin_after(cursor.map_or(0, |cursor| cursor.seq));
        } else {
            self.begin_repair(head);
        }
        self.take_early_push(proven);
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
            "the device has been silent for 90 seconds",
        );
        match self.phase {
            Phase::Closed => None,
            Phase::Handshake => Some((
                self.accepted_ms + HANDSHAKE_MS,
                CloseCode::HandshakeTimeout,
                "the device said no hello within 10 seconds",
            )),
            Phase::Admitting { .. } => Some(idle),
            Phase::Open => {
                let sending = self.sender.stalled_at().map(|at| {
                    (
                        at,
                        CloseCode::Stalled,
                        "the device has taken no media for 30 seconds",
                    )
                });
                let receiving = self.uploads_stalled_at().map(|at| {
                    (
                        at,
                        CloseCode::Stalled,
                        "the device has sent no media for 30 seconds",
                    )
                });
                [Some(idle), sending, receiving]
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

    /// What was said before still gets done; what others hold for this session is let go; then the shell hears of the end.
    fn end(&mut self, closing: Closing) {
        if self.phase == Phase::Closed {
            return;
        }
        self.release_uploads();
        self.release_downloads();
        self.phase = Phase::Closed;
        self.outputs.push_back(Output::Close(closing));
    }
}
