//! Pictures and sounds on their way into a card: read, known again by the hash of the upload, or prepared in a process of
//! their own. Nothing here holds the vault while a file is worked on.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine};
use domain::{AudioItem, BlobHash, ImageItem, Item};
use media::{Kind, Prepared, PreparedContent, Wishes};
use media_worker::{Worker, WorkerError};

use super::{Vault, VaultError, VaultResult};
use crate::index::{CardRow, ReadRows, Rows, key};

/// How often a file may end the process that reads it; a machine without memory may do that to a good one, once.
const DEATHS_MAX: u32 = 2;

/// A file as a person gave it.
#[derive(Debug, Clone)]
pub struct MediaFile {
    bytes: Vec<u8>,
    name: String,
    alt: Option<String>,
}

/// A picture or a sound that can go into a card.
#[derive(Debug, Clone)]
pub struct NewMedia {
    /// The bytes to store; none when the vault knows them.
    pub bytes: Option<Vec<u8>>,
    /// What the card will say of it.
    pub item: Item,
    /// What a person should know of how it came out.
    pub notes: Vec<String>,
}

/// Why a media file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum MediaFileError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what a card may hold.
    #[error(transparent)]
    Refused(#[from] WorkerError),
    /// A sound where a picture was asked for, or the other way round.
    #[error("{} is a {}, not a {}; use the option for a {}", path.display(), found.noun(), wanted.noun(), found.noun())]
    OtherKind {
        /// The file.
        path: PathBuf,
        /// What it is.
        found: Kind,
        /// What was asked for.
        wanted: Kind,
    },
}

impl MediaFileError {
    /// Whether a limit was met (as opposed to a wrong or unreadable file).
    pub fn is_limit(&self) -> bool {
        matches!(self, Self::Refused(refused) if refused.is_limit())
    }

    /// Whether the file ended the process that read it, each time.
    pub fn is_harmful(&self) -> bool {
        matches!(self, Self::Refused(WorkerError::Died { .. }))
    }
}

impl MediaFile {
    /// Reads a file, at most one byte more than the limit of its kind.
    ///
    /// # Errors
    /// The file cannot be read, or is of the other kind.
    pub fn read(path: &Path, wanted: Kind, alt: Option<String>) -> Result<Self, MediaFileError> {
        let failed = |source| MediaFileError::Read {
            path: path.to_owned(),
            source,
        };
        let mut file = File::open(path).map_err(failed)?;
        let bytes = read_bounded(&mut file).map_err(failed)?;
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        Self::of_bytes(bytes, name, wanted, alt, path)
    }

    /// As [`MediaFile::read`], of a stream without a name.
    ///
    /// # Errors
    /// As [`MediaFile::read`].
    pub fn of_stream(
        stream: &mut dyn Read,
        wanted: Kind,
        alt: Option<String>,
    ) -> Result<Self, MediaFileError> {
        let path = Path::new("-");
        let bytes = read_bounded(stream).map_err(|source| MediaFileError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::of_bytes(bytes, String::new(), wanted, alt, path)
    }

    fn of_bytes(
        bytes: Vec<u8>,
        name: String,
        wanted: Kind,
        alt: Option<String>,
        path: &Path,
    ) -> Result<Self, MediaFileError> {
        // What is no kind at all is refused with better words when it is prepared.
        match media::sniff(&bytes).map(media::Mime::kind) {
            Some(found) if found != wanted => Err(MediaFileError::OtherKind {
                path: path.to_owned(),
                found,
                wanted,
            }),
            _ => Ok(Self { bytes, name, alt }),
        }
    }

    /// The hash by which every device knows this upload again.
    pub fn source(&self) -> BlobHash {
        hash(&self.bytes)
    }

    /// Makes of it what a card holds. Takes up to seconds; nothing else waits meanwhile.
    ///
    /// # Errors
    /// The file is not what a card may hold.
    pub fn prepare(&self, worker: &Worker, wishes: Wishes) -> Result<NewMedia, MediaFileError> {
        let mut deaths = 0;
        let prepared = loop {
            match worker.prepare(&self.bytes, &self.name, wishes) {
                Err(WorkerError::Died { .. }) if deaths + 1 < DEATHS_MAX => deaths += 1,
                done => break done?,
            }
        };
        Ok(NewMedia {
            item: item(&prepared, self.source(), self.alt.clone()),
            notes: prepared.notes,
            bytes: Some(prepared.bytes),
        })
    }
}

impl Vault {
    /// What a card of this vault holds of the same upload, on whichever device it was added.
    ///
    /// # Errors
    /// The upload ended the process that reads media before, or the index cannot be read.
    pub fn known_media(&self, file: &MediaFile) -> VaultResult<Option<NewMedia>> {
        let source = file.source();
        if self.store.read::<()>(&key::harmful(source))?.is_some() {
            return Err(VaultError::Refused(format!(
                "{} ended the process that reads pictures and sounds {DEATHS_MAX} times and is not tried again; open it in a program for such files, save it anew, and add that",
                media::clean_name(&file.name)
            )));
        }
        let Some(card) = self.first_card_of(source)? else {
            return Ok(None);
        };
        let row: Option<CardRow> = self.store.read(&key::card(card))?;
        let known = row.and_then(|row| row.items().find(|item| item.source() == Some(source)));
        Ok(known.map(|item| NewMedia {
            bytes: None,
            item: with_words(item, &file.name, file.alt.clone()),
            notes: Vec::new(),
        }))
    }

    /// Notes that a file ended the process that reads media: it is not tried again.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn note_harmful(&mut self, file: &MediaFile) -> VaultResult<()> {
        let source = file.source();
        self.write(|tx| {
            tx.writer.write(key::harmful(source), &());
            Ok(())
        })
    }

    fn first_card_of(&self, source: BlobHash) -> VaultResult<Option<domain::CardId>> {
        let first = self.store.scan(&key::cards_of_source(source)).next();
        let row = first.transpose()?;
        Ok(row.and_then(|(key, _)| key::last16(&key).map(domain::CardId::from_bytes)))
    }
}

fn read_bounded(from: &mut dyn Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(media::limit::UPLOAD_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn hash(bytes: &[u8]) -> BlobHash {
    BlobHash::from_bytes(*blake3::hash(bytes).as_bytes())
}

fn some_name(name: &str) -> Option<String> {
    Some(name.to_owned()).filter(|name| !name.is_empty())
}

/// The same bytes under the name and the words of this upload.
fn with_words(item: Item, file_name: &str, alt: Option<String>) -> Item {
    let name = some_name(&media::clean_name(file_name));
    match item {
        Item::Image(image) => Item::Image(ImageItem { name, alt, ..image }),
        Item::Audio(audio) => Item::Audio(AudioItem { name, alt, ..audio }),
        other => other,
    }
}

fn item(prepared: &Prepared, source: BlobHash, alt: Option<String>) -> Item {
    let blob = hash(&prepared.bytes);
    let mime = prepared.mime.as_str().to_owned();
    let bytes = prepared.bytes.len() as u64;
    let name = some_name(&prepared.name);
    let packed =
        |bytes: &[u8]| Some(BASE64_STANDARD.encode(bytes)).filter(|packed| !packed.is_empty());
    match &prepared.content {
        PreparedContent::Image(image) => Item::Image(ImageItem {
            blob,
            mime,
            bytes,
            width_px: image.width_px,
            height_px: image.height_px,
            frames: image.frames,
            thumbhash: packed(&image.thumbhash),
            alt,
            name,
            lang: None,
            source: Some(source),
            extra: Default::default(),
        }),
        PreparedContent::Audio(audio) => Item::Audio(AudioItem {
            blob,
            mime,
            bytes,
            duration_ms: audio.duration_ms,
            lufs: audio.lufs.map(to_hundredths),
            gain_db: Some(to_hundredths(audio.gain_db)).filter(|gain| *gain != 0.0),
            peaks: packed(&audio.peaks),
            alt,
            name,
            lang: None,
            source: Some(source),
            extra: Default::default(),
        }),
    }
}

/// Two digits are more than anybody hears.
fn to_hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
