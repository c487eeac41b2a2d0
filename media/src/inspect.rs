//! The one question a caller asks about an upload: may it come in, and what is it?
//!
//! Order: size of the file, type by its first bytes, type against the name's extension, size for that kind, then the
//! container of a picture or a sound. The cheapest refusal comes first and nothing is decoded.

use crate::limit::UPLOAD_BYTES_MAX;
use crate::mime::{Kind, Mime};
use crate::name::{clean_name, extension};
use crate::picture::{self, Picture};
use crate::sniff::{name_refused, sniff};
use crate::sound::{self, Sound};

/// What is known of an upload that may come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaInfo {
    /// Type by the bytes themselves, never by the name.
    pub mime: Mime,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Name of the file, cleaned: text to show, never a path.
    pub name: String,
    /// What only a picture or only a sound has.
    pub content: Content,
}

/// What only a picture or only a sound has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Something to look at.
    Image(Picture),
    /// Something to listen to.
    Audio(Sound),
}

impl MediaInfo {
    /// Tells whether it is a picture or a sound.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.mime.kind()
    }
}

/// Why an upload is refused. Every message names the file and says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// The file has no bytes.
    #[error("{name} is empty")]
    Empty {
        /// Cleaned name of the file.
        name: String,
    },
    /// The file is larger than its kind may be.
    #[error("{name} has {bytes} bytes; a {} may have {bytes_max}. Make it smaller and add it again", kind.noun())]
    TooLarge {
        /// Cleaned name of the file.
        name: String,
        /// Kind whose bound it passes.
        kind: Kind,
        /// Size of the file.
        bytes: u64,
        /// The bound.
        bytes_max: u64,
    },
    /// The first bytes are none of the eight allowed types.
    #[error(
        "{name} is {}; allowed are JPEG, PNG, WebP and GIF pictures and MP3, WAV, OGG and M4A sounds. Convert it to one of these",
        looks_like.unwrap_or("no picture or sound that is known here")
    )]
    UnknownType {
        /// Cleaned name of the file.
        name: String,
        /// What it seems to be, where that is known.
        looks_like: Option<&'static str>,
    },
    /// The name promises another type than the bytes are.
    #[error(
        "{name} ends in .{extension}, but its content is {}. Rename it to end in .{}, or check that it is the file you mean",
        found.short_name(),
        found.usual_extension()
    )]
    ExtensionMismatch {
        /// Cleaned name of the file.
        name: String,
        /// Extension of the name, without its dot.
        extension: String,
        /// Type of the bytes.
        found: Mime,
    },
    /// The container is damaged, or passes a bound on pixels, frames, seconds, rate or channels.
    #[error("{name} is no {} that can be used: {reason}", mime.short_name())]
    Unusable {
        /// Cleaned name of the file.
        name: String,
        /// Type of the bytes.
        mime: Mime,
        /// Why, in words for a person.
        reason: String,
    },
}

/// Inspects an upload: type, bounds, dimensions or duration.
///
/// `bytes` is the whole file; a caller that reads it from elsewhere stops at [`UPLOAD_BYTES_MAX`] plus one byte. A
/// `file_name` without an extension promises nothing and is not held against the type.
///
/// # Errors
/// [`MediaError`] when the upload must not come in. Nothing panics on any bytes.
pub fn inspect(bytes: &[u8], file_name: &str) -> Result<MediaInfo, MediaError> {
    let name = clean_name(file_name);
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if bytes.is_empty() {
        return Err(MediaError::Empty { name });
    }
    let Some(mime) = sniff(bytes) else {
        return Err(MediaError::UnknownType {
            name,
            looks_like: name_refused(bytes),
        });
    };
    let bytes_max = mime.bytes_max().min(UPLOAD_BYTES_MAX);
    if size > bytes_max {
        return Err(MediaError::TooLarge {
            name,
            kind: mime.kind(),
            bytes: size,
            bytes_max,
        });
    }
    if let Some(end) = extension(&name)
        && Mime::from_extension(end) != Some(mime)
    {
        let extension = end.to_owned();
        return Err(MediaError::ExtensionMismatch {
            name,
            extension,
            found: mime,
        });
    }
    let content = match mime.kind() {
        Kind::Image => picture::measure(mime, bytes)
            .map(Content::Image)
            .map_err(|e| e.to_string()),
        Kind::Audio => sound::measure(mime, bytes)
            .map(Content::Audio)
            .map_err(|e| e.to_string()),
    };
    match content {
        Ok(content) => Ok(MediaInfo {
            mime,
            bytes: size,
            name,
            content,
        }),
        Err(reason) => Err(MediaError::Unusable { name, mime, reason }),
    }
}
