//! The eight types of media a card can hold, their names and their file extensions.

use std::fmt;
use std::str::FromStr;

/// The two kinds of media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Something to look at.
    Image,
    /// Something to listen to.
    Audio,
}

impl Kind {
    /// Names the kind as a person would.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Image => "picture",
            Self::Audio => "sound",
        }
    }
}

/// A media type that is allowed in a vault. There are exactly eight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mime {
    /// `image/jpeg`
    Jpeg,
    /// `image/png`
    Png,
    /// `image/webp`
    Webp,
    /// `image/gif`
    Gif,
    /// `audio/mpeg`
    Mp3,
    /// `audio/wav`
    Wav,
    /// `audio/ogg`: Vorbis, Opus or FLAC in Ogg.
    Ogg,
    /// `audio/mp4`: AAC or ALAC in an MPEG-4 file without video.
    M4a,
}

impl Mime {
    /// All allowed types.
    pub const ALL: [Self; 8] = [
        Self::Jpeg,
        Self::Png,
        Self::Webp,
        Self::Gif,
        Self::Mp3,
        Self::Wav,
        Self::Ogg,
        Self::M4a,
    ];

    /// Gives the registered name, such as `image/png`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Mp3 => "audio/mpeg",
            Self::Wav => "audio/wav",
            Self::Ogg => "audio/ogg",
            Self::M4a => "audio/mp4",
        }
    }

    /// Tells whether it is a picture or a sound.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Jpeg | Self::Png | Self::Webp | Self::Gif => Kind::Image,
            Self::Mp3 | Self::Wav | Self::Ogg | Self::M4a => Kind::Audio,
        }
    }

    /// Names the type as a person would, such as `PNG`.
    #[must_use]
    pub const fn short_name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Webp => "WebP",
            Self::Gif => "GIF",
            Self::Mp3 => "MP3",
            Self::Wav => "WAV",
            Self::Ogg => "OGG",
            Self::M4a => "M4A",
        }
    }

    /// Lists the lower-case extensions that may stand behind a name of this type, the usual one first.
    #[must_use]
    pub const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Jpeg => &["jpg", "jpeg", "jpe", "jfif"],
            Self::Png => &["png"],
            Self::Webp => &["webp"],
            Self::Gif => &["gif"],
            Self::Mp3 => &["mp3"],
            Self::Wav => &["wav", "wave"],
            Self::Ogg => &["ogg", "oga", "opus"],
            Self::M4a => &["m4a", "m4b"],
        }
    }

    /// Gives the extension that a file of this type usually has.
    #[must_use]
    pub const fn usual_extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Mp3 => "mp3",
            Self::Wav => "wav",
            Self::Ogg => "ogg",
            Self::M4a => "m4a",
        }
    }

    /// Finds the type that an extension (without its dot, any case) promises.
    #[must_use]
    pub fn from_extension(extension: &str) -> Option<Self> {
        let lower = extension.to_ascii_lowercase();
        Self::ALL
            .into_iter()
            .find(|mime| mime.extensions().contains(&lower.as_str()))
    }

    /// Gives the largest size of a file of this type, in bytes.
    #[must_use]
    pub const fn bytes_max(self) -> u64 {
        match self.kind() {
            Kind::Image => crate::limit::IMAGE_BYTES_MAX,
            Kind::Audio => crate::limit::AUDIO_BYTES_MAX,
        }
    }
}

impl fmt::Display for Mime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is none of the eight allowed media types.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an allowed media type; allowed are JPEG, PNG, WebP, GIF, MP3, WAV, OGG and M4A")]
pub struct UnknownMime;

impl FromStr for Mime {
    type Err = UnknownMime;

    fn from_str(text: &str) -> Result<Self, UnknownMime> {
        Self::ALL
            .into_iter()
            .find(|mime| mime.as_str() == text)
            .ok_or(UnknownMime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_extensions_lead_back_to_their_type() {
        for mime in Mime::ALL {
            assert_eq!(mime.as_str().parse(), Ok(mime));
            assert_eq!(mime.extensions().first(), Some(&mime.usual_extension()));
            for extension in mime.extensions() {
                assert_eq!(Mime::from_extension(extension), Some(mime));
                assert_eq!(Mime::from_extension(&extension.to_uppercase()), Some(mime));
            }
        }
        assert_eq!("image/svg+xml".parse::<Mime>(), Err(UnknownMime));
        assert_eq!(Mime::from_extension("svg"), None);
    }
}
