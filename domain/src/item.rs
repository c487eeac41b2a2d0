//! Items: what a side of a card is made of. Each is stored as one scalar string of compact JSON; fields and whole kinds
//! that this version does not know are kept when an item is written again. The bytes of media live elsewhere, under their
//! hash.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::BlobHash;
use crate::limit;

/// One piece of a side.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// Markdown.
    Text(TextItem),
    /// A picture.
    Image(ImageItem),
    /// A sound.
    Audio(AudioItem),
    /// A kind of a later version, or damage: shown as unsupported, kept as it is.
    Unknown(String),
}

/// Markdown text.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TextItem {
    /// The Markdown.
    #[serde(rename = "v")]
    pub text: String,
    /// Language, as in BCP 47.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// A picture in the blob store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageItem {
    /// Name of the bytes.
    pub blob: BlobHash,
    /// Kind of the bytes.
    pub mime: String,
    /// How many bytes.
    pub bytes: u64,
    /// Width in pixels.
    #[serde(default)]
    pub width_px: u32,
    /// Height in pixels.
    #[serde(default)]
    pub height_px: u32,
    /// Pictures of an animation; 1 for a still one, 0 when not known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub frames: u32,
    /// ThumbHash in Base64: what to show until the bytes are here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thumbhash: Option<String>,
    /// What the picture shows, for who cannot see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt: Option<String>,
    /// Original file name, to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Language of the alternative text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// Hash of the upload the bytes were made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<BlobHash>,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// A sound in the blob store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AudioItem {
    /// Name of the bytes.
    pub blob: BlobHash,
    /// Kind of the bytes.
    pub mime: String,
    /// How many bytes.
    pub bytes: u64,
    /// Length in milliseconds; 0 when not known.
    #[serde(default)]
    pub duration_ms: u64,
    /// Loudness of the bytes in LUFS; none for silence or when not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lufs: Option<f64>,
    /// What a player has to add, in dB, where the bytes could not be levelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gain_db: Option<f64>,
    /// 200 peaks of the wave, a byte each, in Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peaks: Option<String>,
    /// What is said, for who cannot hear it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt: Option<String>,
    /// Original file name, to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Language spoken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// Hash of the upload the bytes were made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<BlobHash>,
    /// Fields of later versions.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Why an item cannot be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ItemError {
    /// Too much text.
    #[error(
        "the text has {bytes} bytes and one item holds {max}: split it into several items or cards"
    )]
    TextTooLong {
        /// What was given.
        bytes: usize,
        /// What is allowed.
        max: usize,
    },
    /// A label, name or language is too long.
    #[error("the {field} has {bytes} bytes and may have {max}: shorten it")]
    LabelTooLong {
        /// Which field.
        field: &'static str,
        /// What was given.
        bytes: usize,
        /// What is allowed.
        max: usize,
    },
    /// The item as stored is too long.
    #[error("the item has {bytes} bytes as stored and may have {max}: shorten it")]
    TooLong {
        /// What was given.
        bytes: usize,
        /// What is allowed.
        max: usize,
    },
}

/// The known kinds, as they are spelt in JSON.
#[derive(Deserialize)]
#[serde(tag = "t", rename_all = "lowercase")]
enum Parsed {
    Text(TextItem),
    Image(ImageItem),
    Audio(AudioItem),
}

#[derive(Serialize)]
#[serde(tag = "t", rename_all = "lowercase")]
enum Written<'a> {
    Text(&'a TextItem),
    Image(&'a ImageItem),
    Audio(&'a AudioItem),
}

impl Item {
    /// A text item without a language.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(TextItem {
            text: text.into(),
            ..TextItem::default()
        })
    }

    /// Reads an item as stored. What cannot be read is not lost: it becomes [`Item::Unknown`].
    pub fn parse(stored: &str) -> Self {
        if stored.len() > limit::ITEM_BYTES_MAX {
            return Self::Unknown(stored.to_owned());
        }
        match serde_json::from_str(stored) {
            Ok(Parsed::Text(text)) => Self::Text(text),
            Ok(Parsed::Image(image)) => Self::Image(image),
            Ok(Parsed::Audio(audio)) => Self::Audio(audio),
            Err(_) => Self::Unknown(stored.to_owned()),
        }
    }

    /// The item as it is stored: compact JSON.
    pub fn to_json(&self) -> String {
        let written = match self {
            Self::Text(text) => Written::Text(text),
            Self::Image(image) => Written::Image(image),
            Self::Audio(audio) => Written::Audio(audio),
            Self::Unknown(stored) => return stored.clone(),
        };
        serde_json::to_string(&written)
            .expect("strings, numbers and JSON values under string keys always serialise")
    }

    /// Whether the item may be written into a card.
    pub fn check(&self) -> Result<(), ItemError> {
        let labels: &[(&'static str, Option<&String>)] = match self {
            Self::Text(item) => {
                let bytes = item.text.len();
                if bytes > limit::TEXT_BYTES_MAX {
                    return Err(ItemError::TextTooLong {
                        bytes,
                        max: limit::TEXT_BYTES_MAX,
                    });
                }
                &[("language", item.lang.as_ref())]
            }
            Self::Image(item) => &[
                ("alternative text", item.alt.as_ref()),
                ("file name", item.name.as_ref()),
                ("language", item.lang.as_ref()),
                ("media type", Some(&item.mime)),
            ],
            Self::Audio(item) => &[
                ("spoken label", item.alt.as_ref()),
                ("file name", item.name.as_ref()),
                ("language", item.lang.as_ref()),
                ("media type", Some(&item.mime)),
            ],
            Self::Unknown(_) => &[],
        };
        for (field, label) in labels {
            let bytes = label.map_or(0, |label| label.len());
            if bytes > limit::LABEL_BYTES_MAX {
                return Err(ItemError::LabelTooLong {
                    field,
                    bytes,
                    max: limit::LABEL_BYTES_MAX,
                });
            }
        }
        let bytes = self.to_json().len();
        if bytes > limit::ITEM_BYTES_MAX {
            return Err(ItemError::TooLong {
                bytes,
                max: limit::ITEM_BYTES_MAX,
            });
        }
        Ok(())
    }

    /// The text, if it is a text item.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(item) => Some(&item.text),
            _ => None,
        }
    }

    /// What the item says in words: text, alternative text, spoken label.
    pub fn words(&self) -> Option<&str> {
        match self {
            Self::Text(item) => Some(&item.text),
            Self::Image(item) => item.alt.as_deref(),
            Self::Audio(item) => item.alt.as_deref(),
            Self::Unknown(_) => None,
        }
    }

    /// The upload that the item's bytes were made from.
    pub fn source(&self) -> Option<BlobHash> {
        match self {
            Self::Image(item) => item.source,
            Self::Audio(item) => item.source,
            Self::Text(_) | Self::Unknown(_) => None,
        }
    }

    /// The blob the item refers to, with its size.
    pub fn blob(&self) -> Option<(BlobHash, u64)> {
        match self {
            Self::Image(item) => Some((item.blob, item.bytes)),
            Self::Audio(item) => Some((item.blob, item.bytes)),
            Self::Text(_) | Self::Unknown(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> ImageItem {
        ImageItem {
            blob: BlobHash::from_bytes([7; 32]),
            mime: "image/png".into(),
            bytes: 1_234,
            width_px: 320,
            height_px: 200,
            frames: 0,
            thumbhash: None,
            alt: Some("a \"flag\"".into()),
            name: None,
            lang: None,
            source: None,
            extra: BTreeMap::new(),
        }
    }

    #[test]
    fn stored_forms() {
        let hash = "07".repeat(32);
        let audio = AudioItem {
            blob: BlobHash::from_bytes([7; 32]),
            mime: "audio/mpeg".into(),
            bytes: 9,
            duration_ms: 1_500,
            lufs: None,
            gain_db: None,
            peaks: None,
            alt: None,
            name: Some("oslo.mp3".into()),
            lang: Some("no".into()),
            source: None,
            extra: BTreeMap::new(),
        };
        let cases = [
            (
                Item::text("Oslo\n"),
                r#"{"t":"text","v":"Oslo\n"}"#.to_owned(),
            ),
            (
                Item::Image(image()),
                format!(
                    r#"{{"t":"image","blob":"{hash}","mime":"image/png","bytes":1234,"width_px":320,"height_px":200,"alt":"a \"flag\""}}"#
                ),
            ),
            (
                Item::Audio(audio),
                format!(
                    r#"{{"t":"audio","blob":"{hash}","mime":"audio/mpeg","bytes":9,"duration_ms":1500,"name":"oslo.mp3","lang":"no"}}"#
                ),
            ),
        ];
        for (item, stored) in cases {
            assert_eq!(item.to_json(), stored);
            assert_eq!(Item::parse(&stored), item);
            assert_eq!(item.check(), Ok(()));
        }
    }

    #[test]
    fn unknown_fields_and_kinds_survive_a_rewrite() {
        let stored = r#"{"t":"text","v":"a","font":{"size":[1,2.5]}}"#;
        assert_eq!(Item::parse(stored).to_json(), stored);
        for odd in [
            "",
            "7",
            "[]",
            r#"{"t":"video","x":1}"#,
            r#"{"t":"text","v":7}"#,
            r#"{"t":"image","blob":"xx"}"#,
        ] {
            assert_eq!(Item::parse(odd), Item::Unknown(odd.to_owned()));
            assert_eq!(Item::parse(odd).to_json(), odd);
        }
        let nested = format!("{}{}", "[".repeat(60_000), "]".repeat(60_000));
        assert!(matches!(Item::parse(&nested), Item::Unknown(_)));
    }

    #[test]
    fn bounds() {
        assert_eq!(
            Item::text("x".repeat(limit::TEXT_BYTES_MAX)).check(),
            Ok(())
        );
        assert_eq!(
            Item::text("\"".repeat(limit::TEXT_BYTES_MAX)).check(),
            Ok(())
        );
        assert!(matches!(
            Item::text("x".repeat(limit::TEXT_BYTES_MAX + 1)).check(),
            Err(ItemError::TextTooLong { .. })
        ));
        // A control character takes six bytes in JSON.
        assert!(matches!(
            Item::text("\u{1}".repeat(limit::TEXT_BYTES_MAX)).check(),
            Err(ItemError::TooLong { .. })
        ));
        let long_alt = ImageItem {
            alt: Some("x".repeat(5_000)),
            ..image()
        };
        assert!(matches!(
            Item::Image(long_alt).check(),
            Err(ItemError::LabelTooLong {
                field: "alternative text",
                ..
            })
        ));
    }
}
