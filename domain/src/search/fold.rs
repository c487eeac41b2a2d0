//! Makes texts comparable: upper and lower case as one, an accent written in one way. What of a card is searched for words
//! is kept in this form, so that a search folds only what was typed.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark, is_nfc};

use super::Media;
use crate::item::Item;

/// Ends every text of a card: no folded text holds it, so that nothing is found across two texts.
pub(super) const END: char = '\u{1f}';

/// A text in which upper and lower case are one.
pub(super) fn fold(text: &str) -> String {
    if text.is_ascii() {
        let lower = text.to_ascii_lowercase();
        return if lower.contains(END) {
            lower.replace(END, " ")
        } else {
            lower
        };
    }
    let letter = |letter: char| letter.to_lowercase().map(one_sigma);
    if is_nfc(text) {
        text.chars().flat_map(letter).collect()
    } else {
        text.nfc().flat_map(letter).collect()
    }
}

/// Both small sigmas are one letter, and the sign that ends texts is a space.
fn one_sigma(letter: char) -> char {
    match letter {
        'ς' => 'σ',
        END => ' ',
        letter => letter,
    }
}

/// A folded text without accents and other marks.
pub(super) fn unmark(folded: &str) -> String {
    folded
        .nfd()
        .filter(|letter| !is_combining_mark(*letter))
        .nfc()
        .collect()
}

/// The words of a card, folded, and which kinds of media it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CardText {
    folded: Folded,
    /// Without marks, where that is another text.
    unmarked: Option<Box<Folded>>,
    image: bool,
    audio: bool,
}

/// Texts one behind the other, each with its end; those of the back begin somewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Folded {
    texts: Box<str>,
    back_at: u32,
}

impl CardText {
    /// The words and media of items.
    pub fn of<'i>(
        front: impl IntoIterator<Item = &'i Item>,
        back: impl IntoIterator<Item = &'i Item>,
    ) -> Self {
        let (mut texts, mut image, mut audio) = (String::new(), false, false);
        let mut push = |item: &Item| {
            image |= matches!(item, Item::Image(_));
            audio |= matches!(item, Item::Audio(_));
            if let Some(words) = item.words() {
                texts.push_str(&fold(words));
                texts.push(END);
            }
            texts.len()
        };
        let back_at = front.into_iter().map(&mut push).last().unwrap_or(0);
        back.into_iter().for_each(|item| {
            push(item);
        });
        let unmarked = (!texts.is_ascii()).then(|| unmark(&texts));
        let folded = Folded::new(texts, back_at);
        let unmarked = unmarked.filter(|text| **text != *folded.texts).map(|text| {
            let back_at = unmark(folded.sides().0).len();
            Box::new(Folded::new(text, back_at))
        });
        Self {
            folded,
            unmarked,
            image,
            audio,
        }
    }

    /// Whether it holds such media.
    pub(super) fn has(&self, media: Media) -> bool {
        match media {
            Media::Image => self.image,
            Media::Audio => self.audio,
        }
    }

    /// All texts, each with its end.
    pub(super) fn folded(&self) -> &str {
        &self.folded.texts
    }

    /// All texts without marks, each with its end.
    pub(super) fn unmarked(&self) -> &str {
        self.unmarked
            .as_ref()
            .map_or(&self.folded.texts, |folded| &folded.texts)
    }

    /// The texts of the front and those of the back, each with its end.
    pub(super) fn sides(&self) -> (&str, &str) {
        self.folded.sides()
    }

    /// What cards are sorted by when they are sorted by their text.
    pub fn sort_key(&self) -> &str {
        &self.folded.texts
    }

    /// Bytes that it takes besides itself.
    pub fn heap_bytes(&self) -> usize {
        let unmarked = self.unmarked.as_ref().map_or(0, |folded| {
            std::mem::size_of::<Folded>() + folded.texts.len()
        });
        self.folded.texts.len() + unmarked
    }
}

impl Folded {
    fn new(texts: String, back_at: usize) -> Self {
        Self {
            // A card's items are bounded far below 4 GiB.
            back_at: u32::try_from(back_at).unwrap_or(u32::MAX),
            texts: texts.into_boxed_str(),
        }
    }

    fn sides(&self) -> (&str, &str) {
        let at = usize::try_from(self.back_at).unwrap_or(usize::MAX);
        self.texts.split_at_checked(at).unwrap_or((&self.texts, ""))
    }
}

/// The texts of one side; a side without any has the empty one.
pub(super) fn texts(side: &str) -> impl Iterator<Item = &str> {
    let none = side.is_empty().then_some("");
    side.split_terminator(END).chain(none)
}
