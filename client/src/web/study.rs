//! A sitting in the page. There is one at a time, which all tabs share: a step names the card it means, and a request that comes
//! twice is done once. Every answer is durable before its request is answered.

use std::sync::{Arc, PoisonError};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use domain::{CardId, DeckId, Grade};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::api::{Failed, work};
use crate::markdown;
use crate::study::{StudySession, StudyWish};
use crate::vault::{Answer, CardEdit, CardShown, ItemShown, Query, Vault};

/// A sitting under way.
#[derive(Debug)]
pub(super) struct Sitting {
    session: StudySession,
    /// The last request that was carried out, and what it came to.
    last: Option<(String, Value)>,
}

/// What to study.
#[derive(Debug, Deserialize)]
pub(super) struct Wish {
    #[serde(default)]
    decks: Vec<DeckId>,
    query: Option<String>,
    #[serde(default)]
    ahead: u16,
    #[serde(default)]
    cram: bool,
}

/// An answer to a card. The request has a name of its own, so that it counts once however often it comes.
#[derive(Debug, Deserialize)]
pub(super) struct Answered {
    request: String,
    card: CardId,
    grade: u8,
    difficulty: Option<u8>,
    response_ms: Option<u32>,
}

/// Which card a step means.
#[derive(Debug, Deserialize)]
pub(super) struct Meant {
    card: CardId,
}

pub(super) async fn begin(
    State(shared): State<Arc<Shared>>,
    Json(wish): Json<Wish>,
) -> Result<Json<Value>, Failed> {
    work(&shared, move |shared| {
        let query = wish.query.as_deref().filter(|text| !text.trim().is_empty());
        let query = query.map(Query::parse).transpose().map_err(|why| {
            Failed::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", why.to_string())
        })?;
        let mut vault = shared.vault.lock();
        let session = vault.study_wish(&StudyWish {
            decks: wish.decks,
            query,
            ahead_days: wish.ahead.min(crate::AHEAD_DAYS_MAX),
            cram: wish.cram,
        })?;
        let mut held = shared
            .sitting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(ended) = held.take() {
            ended.session.finish(&mut vault)?;
        }
        let mut sitting = Sitting {
            session,
            last: None,
        };
        let state = sitting.state(&mut vault)?;
        *held = Some(sitting);
        Ok(Json(state))
    })
    .await
}

pub(super) async fn present(State(shared): State<Arc<Shared>>) -> Result<Json<Value>, Failed> {
    work(&shared, |shared| {
        let mut vault = shared.vault.lock();
        let mut held = shared
            .sitting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let state = held.as_mut().map(|sitting| sitting.state(&mut vault));
        Ok(Json(state.transpose()?.unwrap_or(Value::Null)))
    })
    .await
}

pub(super) async fn answer(
    State(shared): State<Arc<Shared>>,
    Json(answered): Json<Answered>,
) -> Result<Json<Value>, Failed> {
    with_sitting(&shared, move |sitting, vault| {
        if let Some((request, state)) = &sitting.last
            && *request == answered.request
        {
            return Ok(state.clone());
        }
        sitting.check(vault, answered.card)?;
        let grade = Grade::from_number(answered.grade).ok_or_else(|| {
            Failed::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "refused",
                "grades are 1 to 4",
            )
        })?;
        let answer = Answer {
            grade,
            at: None,
            difficulty: answered.difficulty,
            response_ms: answered.response_ms,
        };
        let reviewed = sitting.session.answer(vault, answer)?;
        let mut state = sitting.state(vault)?;
        if let Some(object) = state.as_object_mut() {
            object.insert("reviewed".to_owned(), json!(reviewed));
        }
        sitting.last = Some((answered.request, state.clone()));
        Ok(state)
    })
    .await
}

pub(super) async fn step(
    State(shared): State<Arc<Shared>>,
    Path(step): Path<String>,
    Json(meant): Json<Meant>,
) -> Result<Json<Value>, Failed> {
    with_sitting(&shared, move |sitting, vault| {
        let edit = |vault: &mut Vault, edit: CardEdit| vault.card_edit(meant.card, &edit);
        match step.as_str() {
            "undo" => {
                sitting.session.undo(vault)?;
            }
            "bury" => {
                sitting.check(vault, meant.card)?;
                sitting.session.bury(vault)?;
            }
            "suspend" => edit(
                vault,
                CardEdit {
                    suspended: Some(true),
                    ..CardEdit::default()
                },
            )?,
            "mark" => {
                let flag = u8::from(vault.card(meant.card)?.flag == 0);
                edit(
                    vault,
                    CardEdit {
                        flag: Some(flag),
                        ..CardEdit::default()
                    },
                )?;
            }
            _ => {
                return Err(Failed::new(
                    StatusCode::NOT_FOUND,
                    "not_found",
                    "there is no such step; there are undo, bury, suspend and mark",
                ));
            }
        }
        sitting.last = None;
        sitting.state(vault)
    })
    .await
}

async fn with_sitting(
    shared: &Arc<Shared>,
    job: impl FnOnce(&mut Sitting, &mut Vault) -> Result<Value, Failed> + Send + 'static,
) -> Result<Json<Value>, Failed> {
    work(shared, move |shared| {
        let mut vault = shared.vault.lock();
        let mut sitting = shared
            .sitting
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let sitting = sitting.as_mut().ok_or_else(|| {
            Failed::new(
                StatusCode::NOT_FOUND,
                "no_sitting",
                "no sitting is under way; begin one",
            )
        })?;
        job(sitting, &mut vault).map(Json)
    })
    .await
}

impl Sitting {
    /// What the page shows now: a card to ask, or that nothing is left.
    fn state(&mut self, vault: &mut Vault) -> Result<Value, Failed> {
        let card = self.session.current(vault)?;
        let counts = self.session.counts();
        let Some(card) = card else {
            // Ready to be sent, although the sitting can still be taken back.
            vault.fold_journal()?;
            return Ok(json!({ "card": null, "counts": counts }));
        };
        vault.note_viewed(card.id)?;
        let previews = self.session.previews(vault)?;
        let [front, back] = [&card.front, &card.back].map(|side| shown(side));
        Ok(
            json!({ "card": card, "front": front, "back": back, "counts": counts, "previews": previews }),
        )
    }

    /// Whether the card is the one that is asked now; another tab or device may have gone on.
    fn check(&mut self, vault: &Vault, meant: CardId) -> Result<(), Failed> {
        let current: Option<CardShown> = self.session.current(vault)?;
        if current.is_some_and(|card| card.id == meant) {
            return Ok(());
        }
        Err(Failed::new(
            StatusCode::CONFLICT,
            "went_on",
            "this card is not asked any more; another tab or device went on",
        ))
    }
}

/// The items of a side with their texts as HTML that does nothing but show them.
fn shown(side: &[ItemShown]) -> Vec<Value> {
    let item = |item: &ItemShown| match item {
        ItemShown::Text { text } => json!({ "type": "text", "html": markdown::to_html(text) }),
        ItemShown::Image {
            blob,
            alt,
            width_px,
            height_px,
            ..
        } => json!({
            "type": "image", "url": format!("/blob/{blob}"), "alt": alt, "width_px": width_px, "height_px": height_px,
        }),
        ItemShown::Audio { blob, alt, .. } => {
            json!({ "type": "audio", "url": format!("/blob/{blob}"), "alt": alt })
        }
        ItemShown::Unknown { .. } => json!({ "type": "unknown" }),
    };
    side.iter().map(item).collect()
}
