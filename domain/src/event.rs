//! Review events: immutable facts a schedule is computed from, and their packed form in documents and index. How they
//! move a card is `schedule`'s; which document holds them is `document`'s.

use crate::id::{CardId, DeviceId, EventId};
use crate::limit;
use crate::time::{Day, Hlc, OffsetMin, UnixMs};

/// How well the person knew it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Grade {
    /// Wrong.
    Again = 1,
    /// Right, with effort.
    Hard = 2,
    /// Right.
    Good = 3,
    /// Right at once.
    Easy = 4,
}

impl Grade {
    /// The grade of a number from 1 to 4.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Again),
            2 => Some(Self::Hard),
            3 => Some(Self::Good),
            4 => Some(Self::Easy),
            _ => None,
        }
    }

    /// The number from 1 to 4.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Whether the answer was right.
    pub const fn is_right(self) -> bool {
        !matches!(self, Self::Again)
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A repeat inside a session, after a wrong answer: never moves a box.
    Learn,
    /// An answer on or after the due day, or the first of a new card.
    Review,
    /// An answer before the due day.
    Early,
    /// An answer out of schedule: never moves a box.
    Cram,
    /// The person set box and due day.
    Manual {
        /// The box, from 1.
        box_number: u8,
        /// The due day.
        due: Day,
    },
    /// An answer taken over from another program.
    Import,
    /// Undo: the named event counts as not made.
    Void {
        /// The event undone; another void cannot be.
        target: EventId,
    },
    /// The card starts anew.
    Reset,
    /// The card is not asked any more on the event's day.
    Bury,
}

impl Kind {
    /// Whether the event is an answer, and so has a grade.
    pub const fn is_answer(self) -> bool {
        matches!(
            self,
            Self::Learn | Self::Review | Self::Early | Self::Cram | Self::Import
        )
    }

    /// Whether the answer may move the card between boxes.
    pub const fn is_counted(self) -> bool {
        matches!(self, Self::Review | Self::Early | Self::Import)
    }

    /// Stable name, for JSON and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Learn => "learn",
            Self::Review => "review",
            Self::Early => "early",
            Self::Cram => "cram",
            Self::Manual { .. } => "manual",
            Self::Import => "import",
            Self::Void { .. } => "void",
            Self::Reset => "reset",
            Self::Bury => "bury",
        }
    }
}

/// One event. Never edited once made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// Its name.
    pub id: EventId,
    /// The card it is about.
    pub card: CardId,
    /// The device it was made on.
    pub device: DeviceId,
    /// Its place in the order of all events.
    pub hlc: Hlc,
    /// Wall clock of the device.
    pub at: UnixMs,
    /// Offset of the device's local time.
    pub offset_min: OffsetMin,
    /// Study day at the device, fixed when the event is made.
    pub day: Day,
    /// For answers: how well.
    pub grade: Option<Grade>,
    /// For answers: how hard it felt, 1 to 5.
    pub difficulty: Option<u8>,
    /// For answers: how long it took, as measured.
    pub response_ms: u32,
    /// What happened.
    pub kind: Kind,
    /// The box the device showed before; for audit only.
    pub prev_box: u8,
    /// The box the device showed after; for audit only.
    pub new_box: u8,
}

/// Why bytes or fields are not an event. Readers skip and count such events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Packed by a later version.
    #[error("the event has format {0}, which this version does not know")]
    Version(u8),
    /// Wrong length for its kind.
    #[error("the event has {0} bytes, which does not fit its kind")]
    Length(usize),
    /// Unknown kind.
    #[error("the event has the unknown kind {0}")]
    Kind(u8),
    /// A field out of its range.
    #[error("the event's {0} is out of range")]
    Field(&'static str),
}

/// Place of an event in the order in which all devices apply events.
pub type EventOrder = (Hlc, DeviceId, EventId);

const VERSION: u8 = 1;
const FIXED_BYTES: usize = 64;
const BOX_MAX: u8 = 5;

impl Event {
    /// The key by which events are ordered.
    pub const fn order(&self) -> EventOrder {
        (self.hlc, self.device, self.id)
    }

    /// Whether every field is in its range.
    pub fn check(&self) -> Result<(), EventError> {
        let ensure = |fits: bool, field| {
            if fits {
                Ok(())
            } else {
                Err(EventError::Field(field))
            }
        };
        let day_fits = |day: Day| (-limit::DAY_ABS_MAX..=limit::DAY_ABS_MAX).contains(&day.0);
        ensure(self.hlc.unix_ms() <= limit::HLC_MS_MAX, "logical clock")?;
        ensure(
            (-limit::AT_MS_ABS_MAX..=limit::AT_MS_ABS_MAX).contains(&self.at.0),
            "time",
        )?;
        ensure(
            self.offset_min.0.unsigned_abs() <= limit::OFFSET_MIN_ABS_MAX.unsigned_abs(),
            "offset",
        )?;
        ensure(day_fits(self.day), "day")?;
        ensure(self.grade.is_some() == self.kind.is_answer(), "grade")?;
        ensure(
            self.difficulty.is_none_or(|d| (1..=5).contains(&d)),
            "difficulty",
        )?;
        ensure(self.prev_box <= BOX_MAX && self.new_box <= BOX_MAX, "box")?;
        if let Kind::Manual { box_number, due } = self.kind {
            ensure((1..=BOX_MAX).contains(&box_number), "box")?;
            ensure(day_fits(due), "due day")?;
        }
        Ok(())
    }

    /// The packed form, without the id, which is the key it is stored under.
    ///
    /// `version kind card device hlc at offset day grade difficulty response prev new`, big-endian, 64 bytes; then box and
    /// due day for a manual event, the target for a void one.
    pub fn pack(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(FIXED_BYTES + 16);
        out.push(VERSION);
        out.push(kind_code(self.kind));
        out.extend(self.card.as_bytes());
        out.extend(self.device.as_bytes());
        out.extend(self.hlc.to_u64().to_be_bytes());
        out.extend(self.at.0.to_be_bytes());
        out.extend(self.offset_min.0.to_be_bytes());
        out.extend(self.day.0.to_be_bytes());
        out.push(self.grade.map_or(0, Grade::number));
        out.push(self.difficulty.unwrap_or(0));
        out.extend(self.response_ms.to_be_bytes());
        out.extend([self.prev_box, self.new_box]);
        match self.kind {
            Kind::Manual { box_number, due } => {
                out.push(box_number);
                out.extend(due.0.to_be_bytes());
            }
            Kind::Void { target } => out.extend(target.as_bytes()),
            _ => {}
        }
        out
    }

    /// Reads a packed event; anything out of range is an error, so that what is read can be computed with.
    pub fn unpack(id: EventId, packed: &[u8]) -> Result<Self, EventError> {
        let length = || EventError::Length(packed.len());
        let mut rest = packed;
        let [version, kind] = take(&mut rest).ok_or_else(length)?;
        if version != VERSION {
            return Err(EventError::Version(version));
        }
        let card = CardId::from_bytes(take(&mut rest).ok_or_else(length)?);
        let device = DeviceId::from_bytes(take(&mut rest).ok_or_else(length)?);
        let hlc = Hlc::from_u64(u64::from_be_bytes(take(&mut rest).ok_or_else(length)?));
        let at = UnixMs(i64::from_be_bytes(take(&mut rest).ok_or_else(length)?));
        let offset_min = OffsetMin(i16::from_be_bytes(take(&mut rest).ok_or_else(length)?));
        let day = Day(i32::from_be_bytes(take(&mut rest).ok_or_else(length)?));
        let [grade, difficulty] = take(&mut rest).ok_or_else(length)?;
        let response_ms = u32::from_be_bytes(take(&mut rest).ok_or_else(length)?);
        let [prev_box, new_box] = take(&mut rest).ok_or_else(length)?;
        let kind = read_kind(kind, &mut rest, packed.len())?;
        if !rest.is_empty() {
            return Err(length());
        }
        let grade = match grade {
            0 => None,
            number => Some(Grade::from_number(number).ok_or(EventError::Field("grade"))?),
        };
        let difficulty = (difficulty != 0).then_some(difficulty);
        let event = Self {
            id,
            card,
            device,
            hlc,
            at,
            offset_min,
            day,
            grade,
            difficulty,
            response_ms,
            kind,
            prev_box,
            new_box,
        };
        event.check()?;
        Ok(event)
    }
}

const fn kind_code(kind: Kind) -> u8 {
    match kind {
        Kind::Learn => 1,
        Kind::Review => 2,
        Kind::Early => 3,
        Kind::Cram => 4,
        Kind::Manual { .. } => 5,
        Kind::Import => 6,
        Kind::Void { .. } => 7,
        Kind::Reset => 8,
        Kind::Bury => 9,
    }
}

fn read_kind(code: u8, rest: &mut &[u8], length: usize) -> Result<Kind, EventError> {
    let short = EventError::Length(length);
    Ok(match code {
        1 => Kind::Learn,
        2 => Kind::Review,
        3 => Kind::Early,
        4 => Kind::Cram,
        5 => {
            let [box_number] = take(rest).ok_or(short)?;
            Kind::Manual {
                box_number,
                due: Day(i32::from_be_bytes(take(rest).ok_or(short)?)),
            }
        }
        6 => Kind::Import,
        7 => Kind::Void {
            target: EventId::from_bytes(take(rest).ok_or(short)?),
        },
        8 => Kind::Reset,
        9 => Kind::Bury,
        unknown => return Err(EventError::Kind(unknown)),
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*taken)
}
