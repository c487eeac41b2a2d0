//! The parent: starts a child for one file, waits in bounded time, and believes nothing that does not pass the bounds.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use media::{
    Mime, Pixels, Prepared, PreparedAudio, PreparedContent, PreparedImage, Wishes, clean_name,
};
use rustix::process::{Pid, Signal, kill_process};

use crate::WORD;
use crate::limit::{
    CHILD_PATIENCE, MESSAGE_CHARS_MAX, NOTES_MAX, PEAKS_MAX, RESULT_BYTES_MAX, THUMBHASH_BYTES_MAX,
};
use crate::wire::{self, Job, Outcome};

/// What a message calls bytes that come without a name.
const A_PICTURE: &str = "the picture";

/// How to start a child.
#[derive(Debug, Clone)]
pub struct Worker {
    program: PathBuf,
    arguments: Vec<OsString>,
    patience: Duration,
}

/// Why there is no result. Every message names the file and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The file is not one to be taken.
    #[error("{message}")]
    Refused {
        /// Why, for a person.
        message: String,
        /// A bound was met, as opposed to a wrong or damaged file.
        is_limit: bool,
    },
    /// The child ended over the file.
    #[error(
        "{name} ended the process that reads pictures and sounds ({how}). It is damaged or made to do harm: open it in a program for such files, save it anew, and add that"
    )]
    Died {
        /// Cleaned name of the file.
        name: String,
        /// How it ended.
        how: String,
    },
    /// No child could be started.
    #[error(
        "the process that reads pictures and sounds could not be started; try again when the machine is less busy"
    )]
    Start(#[source] io::Error),
}

impl WorkerError {
    /// Whether a limit was met (as opposed to a wrong or damaged file).
    #[must_use]
    pub fn is_limit(&self) -> bool {
        matches!(self, Self::Refused { is_limit: true, .. })
    }
}

impl Worker {
    /// The program `program`, which calls [`crate::serve`] when its first argument is [`WORD`].
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: vec![WORD.into()],
            patience: CHILD_PATIENCE,
        }
    }

    /// As it is, but with another time that it may take.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The program that is running, also when its file was replaced meanwhile.
    ///
    /// # Errors
    /// When the system does not say which program that is.
    pub fn of_this_program() -> io::Result<Self> {
        if cfg!(target_os = "linux") {
            return Ok(Self::new("/proc/self/exe"));
        }
        std::env::current_exe().map(Self::new)
    }

    /// `media::prepare` in a child.
    ///
    /// # Errors
    /// The file is refused, or ended its child.
    pub fn prepare(
        &self,
        bytes: &[u8],
        file_name: &str,
        wishes: Wishes,
    ) -> Result<Prepared, WorkerError> {
        let name = clean_name(file_name);
        let job = Job::Prepare {
            name: file_name.to_owned(),
            keep_original: wishes.keep_original,
        };
        let (outcome, bytes) = self.run(&job, bytes, &name)?;
        believe(outcome, bytes).unwrap_or_else(|| Err(nonsense(name)))
    }

    /// `media::thumbnail` in a child.
    ///
    /// # Errors
    /// The picture is refused, or ended its child.
    pub fn thumbnail(&self, bytes: &[u8], side_px: u32) -> Result<Vec<u8>, WorkerError> {
        match self.run(&Job::Thumbnail { side_px }, bytes, A_PICTURE)? {
            (Outcome::Thumbnail {}, bytes) if media::sniff(&bytes) == Some(Mime::Webp) => Ok(bytes),
            (Outcome::Refused { message, is_limit }, _) => Err(refused(&message, is_limit)),
            _ => Err(nonsense(A_PICTURE.to_owned())),
        }
    }

    /// `media::pixels` in a child.
    ///
    /// # Errors
    /// The picture is refused, or ended its child.
    pub fn pixels(&self, bytes: &[u8], side_px: u32) -> Result<Pixels, WorkerError> {
        match self.run(&Job::Pixels { side_px }, bytes, A_PICTURE)? {
            (
                Outcome::Pixels {
                    width_px,
                    height_px,
                },
                rgba,
            ) if rgba.len() as u64 == 4 * u64::from(width_px) * u64::from(height_px) => {
                Ok(Pixels {
                    width_px,
                    height_px,
                    rgba,
                })
            }
            (Outcome::Refused { message, is_limit }, _) => Err(refused(&message, is_limit)),
            _ => Err(nonsense(A_PICTURE.to_owned())),
        }
    }

    fn run(&self, job: &Job, bytes: &[u8], name: &str) -> Result<(Outcome, Vec<u8>), WorkerError> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(WorkerError::Start)?;
        let talked = talk(&mut child, job, bytes, self.patience);
        // Whatever it still does, nobody waits for it.
        child.kill().map_err(WorkerError::Start)?;
        let status = child.wait().map_err(WorkerError::Start)?;
        talked.map_err(|Silence { late }| {
            let how = how_it_ended(status, late);
            tracing::warn!(name, how, "a media worker gave no result");
            WorkerError::Died {
                name: name.to_owned(),
                how,
            }
        })
    }
}

/// The child said nothing that makes sense.
struct Silence {
    late: bool,
}

/// Hands over the job and waits for the outcome. The child is not reaped before this returns, so that its id stays its own.
fn talk(
    child: &mut Child,
    job: &Job,
    bytes: &[u8],
    patience: Duration,
) -> Result<(Outcome, Vec<u8>), Silence> {
    let (Some(mut to), Some(mut from)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Silence { late: false });
    };
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (finished, wait) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        // Ends with the child, which then reads no more.
        scope.spawn(move || drop(wire::write(&mut to, job, bytes)));
        let watch = scope.spawn(move || {
            let late = wait.recv_timeout(patience) == Err(RecvTimeoutError::Timeout);
            if late && let Some(id) = id {
                kill_process(id, Signal::KILL).ok();
            }
            late
        });
        let read = wire::read(&mut from, RESULT_BYTES_MAX);
        // A child that answered without reading all would keep the writer waiting.
        drop(from);
        if let Some(id) = id {
            kill_process(id, Signal::KILL).ok();
        }
        drop(finished);
        let late = watch.join().unwrap_or(false);
        read.map_err(|_| Silence { late })
    })
}

fn how_it_ended(status: ExitStatus, late: bool) -> String {
    match (late, status.signal(), status.code()) {
        (true, ..) => "it took too long".to_owned(),
        (_, Some(signal), _) if signal == Signal::XCPU.as_raw() => "it took too long".to_owned(),
        (_, Some(signal), _) if signal == Signal::ABORT.as_raw() => {
            "it asked for too much memory, or gave up".to_owned()
        }
        (_, Some(signal), _) => format!("signal {signal}"),
        (_, None, Some(code)) => format!("exit status {code}"),
        (_, None, None) => "no reason is known".to_owned(),
    }
}

fn refused(message: &str, is_limit: bool) -> WorkerError {
    WorkerError::Refused {
        message: plain(message),
        is_limit,
    }
}

/// Words for a terminal.
fn plain(words: &str) -> String {
    words
        .chars()
        .filter(|character| !character.is_control())
        .take(MESSAGE_CHARS_MAX)
        .collect()
}

fn nonsense(name: String) -> WorkerError {
    WorkerError::Died {
        name,
        how: "what it said makes no sense".to_owned(),
    }
}

/// A child that a file has taken over could say anything: only what `media` itself could have said is passed on.
fn believe(outcome: Outcome, bytes: Vec<u8>) -> Option<Result<Prepared, WorkerError>> {
    let (mime, name, notes, content) = match outcome {
        Outcome::Image {
            mime,
            name,
            notes,
            width_px,
            height_px,
            frames,
            thumbhash,
        } => {
            let image = PreparedImage {
                width_px,
                height_px,
                frames,
                thumbhash,
            };
            (mime, name, notes, PreparedContent::Image(image))
        }
        Outcome::Audio {
            mime,
            name,
            notes,
            duration_ms,
            lufs,
            gain_db,
            peaks,
        } => {
            let audio = PreparedAudio {
                duration_ms,
                lufs,
                gain_db,
                peaks,
            };
            (mime, name, notes, PreparedContent::Audio(audio))
        }
        Outcome::Thumbnail {} | Outcome::Pixels { .. } => return None,
        Outcome::Refused { message, is_limit } => {
            return Some(Err(refused(&message, is_limit)));
        }
    };
    let mime: Mime = mime.parse().ok()?;
    let is_sane = match &content {
        PreparedContent::Image(image) => {
            image.width_px.max(image.height_px) <= media::limit::IMAGE_SIDE_PX_MAX
                && image.frames <= media::limit::ANIMATION_FRAMES_MAX
                && image.thumbhash.len() <= THUMBHASH_BYTES_MAX
        }
        PreparedContent::Audio(audio) => {
            let longest_ms = media::limit::AUDIO_SECONDS_MAX * 1_000 + media::limit::AUDIO_SLACK_MS;
            audio.duration_ms <= longest_ms && audio.peaks.len() <= PEAKS_MAX
        }
    };
    if !is_sane || media::sniff(&bytes) != Some(mime) {
        return None;
    }
    let notes = notes
        .iter()
        .take(NOTES_MAX)
        .map(|note| plain(note))
        .collect();
    Some(Ok(Prepared {
        bytes,
        mime,
        name: clean_name(&name),
        content,
        notes,
    }))
}
