//! Finding a deck or a card by what a person types: a name, an id, or the first letters of an id.

use domain::{CardId, DeckId};

use super::{Vault, VaultError, VaultResult};
use crate::index::{CardRow, DeckRow, ReadRows, key};
use crate::limit;

/// The error of a card that is not there.
pub(crate) fn no_card(wanted: &str) -> VaultError {
    VaultError::NotFound {
        what: "card",
        wanted: wanted.to_owned(),
        list: "memoryvault card list",
    }
}

/// The error of a picture or sound that is not there.
pub(crate) fn no_media(wanted: &str) -> VaultError {
    VaultError::NotFound {
        what: "picture or sound",
        wanted: wanted.to_owned(),
        list: "memoryvault media list",
    }
}

/// The error of a deck that is not there.
pub(crate) fn no_deck(wanted: &str) -> VaultError {
    VaultError::NotFound {
        what: "deck",
        wanted: wanted.to_owned(),
        list: "memoryvault deck list",
    }
}

impl Vault {
    /// Finds a deck that is shown, by its name (upper and lower case count as one), its id, or the beginning of its id.
    ///
    /// # Errors
    /// None fits, or several do.
    pub fn deck_find(&self, wanted: &str) -> VaultResult<DeckId> {
        self.find_deck(wanted, true)
    }

    /// Finds a removed deck.
    ///
    /// # Errors
    /// None fits, or several do.
    pub fn deck_find_removed(&self, wanted: &str) -> VaultResult<DeckId> {
        self.find_deck(wanted, false)
    }

    /// Finds a card, removed ones included, by its id or the beginning of it.
    ///
    /// # Errors
    /// None fits, or several do.
    pub fn card_find(&self, wanted: &str) -> VaultResult<CardId> {
        let wanted = wanted.trim();
        if let Ok(card) = wanted.parse::<CardId>() {
            let row: Option<CardRow> = self.store.read(&key::card(card))?;
            return row.map(|_| card).ok_or_else(|| no_card(wanted));
        }
        let letters = letters(wanted).ok_or_else(|| no_card(wanted))?;
        let mut found = Vec::new();
        for entry in self.store.scan(&prefix(key::CARDS, &letters)) {
            let (key, _) = entry?;
            let Some(card) = key::last16(&key).map(CardId::from_bytes) else {
                continue;
            };
            if plain(&card.to_string()).starts_with(&letters) {
                found.push(card);
            }
        }
        one("card", wanted, &found).unwrap_or_else(|| Err(no_card(wanted)))
    }

    fn find_deck(&self, wanted: &str, visible: bool) -> VaultResult<DeckId> {
        let wanted = wanted.trim();
        let decks: Vec<(DeckId, DeckRow)> = self
            .deck_rows()?
            .into_iter()
            .filter(|(_, deck)| deck.visible == visible)
            .collect();
        let named = |same: &dyn Fn(&str) -> bool| -> Vec<DeckId> {
            decks
                .iter()
                .filter(|(_, deck)| same(&deck.name))
                .map(|(id, _)| *id)
                .collect()
        };
        let exact = named(&|name| name == wanted);
        let folded = named(&|name| name.to_lowercase() == wanted.to_lowercase());
        for found in [exact, folded] {
            if let Some(answer) = one("deck", wanted, &found) {
                return answer;
            }
        }
        let Some(letters) = letters(wanted) else {
            return Err(no_deck(wanted));
        };
        let by_id: Vec<DeckId> = decks
            .iter()
            .map(|(id, _)| *id)
            .filter(|id| plain(&id.to_string()).starts_with(&letters))
            .collect();
        one("deck", wanted, &by_id).unwrap_or_else(|| Err(no_deck(wanted)))
    }
}

/// The only one, or that there are several; none where there is none.
pub(crate) fn one<T: Copy + ToString>(
    what: &'static str,
    wanted: &str,
    found: &[T],
) -> Option<VaultResult<T>> {
    match found {
        [] => None,
        [only] => Some(Ok(*only)),
        several => {
            let examples: Vec<String> = several.iter().take(5).map(ToString::to_string).collect();
            Some(Err(VaultError::Ambiguous {
                what,
                wanted: wanted.to_owned(),
                count: several.len(),
                examples: examples.join(", "),
            }))
        }
    }
}

/// The hexadecimal letters of a beginning of an id, if it is one and long enough.
fn letters(wanted: &str) -> Option<String> {
    let letters = plain(&wanted.to_lowercase());
    let fits = (limit::ID_PREFIX_LETTERS_MIN..=32).contains(&letters.len());
    (fits && letters.bytes().all(|letter| letter.is_ascii_hexdigit())).then_some(letters)
}

fn plain(id: &str) -> String {
    id.replace('-', "")
}

/// The rows whose id begins with the whole bytes of the letters.
fn prefix(rows: &[u8], letters: &str) -> Vec<u8> {
    let bytes = letters.as_bytes().chunks_exact(2).filter_map(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    });
    rows.iter().copied().chain(bytes).collect()
}
