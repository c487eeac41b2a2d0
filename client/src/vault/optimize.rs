//! FSRS's weights fitted to this person's answers. Runs on one device; the weights then travel with the settings, so that no
//! two devices fit their own. New weights are taken only when they would have foretold the latest answers better.

use domain::schedule::{Weights, answers_for_memory};
use domain::{Day, Grade};
use serde::Serialize;

use super::options::OptionsChange;
use super::{Vault, VaultError, VaultResult};
use crate::index::{key, read_events};

/// Answers without which fitting is guessing.
const ANSWERS_MIN: usize = 400;
/// Of ten answers in the order of their days, so many are fitted to; the rest judges.
const FITTED_OF_TEN: usize = 8;

/// What a fit found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fitted {
    /// Answers that could be used.
    pub answers: u64,
    /// Log loss of the present weights over the latest fifth of the answers: less is better.
    pub loss_before: f64,
    /// The same of the fitted weights.
    pub loss_after: f64,
    /// Whether the fitted weights were better, and so were taken.
    pub taken: bool,
    /// The fitted weights.
    pub weights: Vec<f64>,
}

/// An answer to foretell: the answers before it, and the day it was given.
struct Known {
    day: Day,
    item: fsrs::FSRSItem,
}

impl Vault {
    /// Fits FSRS's weights to all answers of the vault and takes them when they are better; one step that can be taken back.
    ///
    /// # Errors
    /// There are too few answers, or they allow no fit.
    pub fn fit_weights(&mut self) -> VaultResult<Fitted> {
        let mut known = self.answers_to_foretell()?;
        if known.len() < ANSWERS_MIN {
            return Err(VaultError::Refused(format!(
                "FSRS's weights are fitted to {ANSWERS_MIN} answers on later days or more, and there are {}; study on with the weights of the average person",
                known.len()
            )));
        }
        known.sort_by_key(|known| known.day);
        let (fitted_to, judged_by) = known.split_at(known.len() * FITTED_OF_TEN / 10);
        let items = |known: &[Known]| -> Vec<fsrs::FSRSItem> {
            known.iter().map(|known| known.item.clone()).collect()
        };
        let unfit = |why: &dyn std::fmt::Debug| {
            VaultError::Refused(format!("these answers allow no fit: {why:?}"))
        };
        let found = fsrs::compute_parameters(fsrs::ComputeParametersInput {
            train_set: items(fitted_to),
            enable_short_term: true,
            ..fsrs::ComputeParametersInput::default()
        })
        .map_err(|why| unfit(&why))?;
        let figures: Vec<f64> = found.iter().map(|figure| f64::from(*figure)).collect();
        let weights = Weights::new(&figures).ok_or_else(|| unfit(&figures))?;
        let loss = |weights: &Weights| {
            let figures = weights.figures().map(|figure| figure as f32);
            let model = fsrs::FSRS::new(&figures).map_err(|why| unfit(&why))?;
            let told = model.evaluate(items(judged_by), |_| true);
            told.map(|told| f64::from(told.log_loss))
                .map_err(|why| unfit(&why))
        };
        let present = self.settings.weights().unwrap_or_default();
        let (loss_before, loss_after) = (loss(&present)?, loss(&weights)?);
        let taken = loss_after < loss_before;
        if taken {
            let change = OptionsChange {
                weights: Some(Some(weights)),
                ..OptionsChange::default()
            };
            self.set_options(None, &change)?;
        }
        Ok(Fitted {
            answers: u64::try_from(known.len()).unwrap_or(u64::MAX),
            loss_before,
            loss_after,
            taken,
            weights: weights.figures().to_vec(),
        })
    }

    fn answers_to_foretell(&self) -> VaultResult<Vec<Known>> {
        let mut known = Vec::new();
        for entry in self.store.scan(key::CARDS) {
            let (key, _) = entry?;
            let Some(card) = key::last16(&key).map(domain::CardId::from_bytes) else {
                continue;
            };
            let answers = answers_for_memory(&read_events(&self.store, card)?);
            known.extend(prefixes(&answers));
        }
        Ok(known)
    }
}

/// Every answer on a later day than the one before it, with all that came before.
fn prefixes(answers: &[(Day, Grade)]) -> Vec<Known> {
    let mut reviews: Vec<fsrs::FSRSReview> = Vec::new();
    let mut known = Vec::new();
    let mut before: Option<Day> = None;
    for (day, grade) in answers {
        let days = before.map_or(0, |before| day.since(before).max(0));
        reviews.push(fsrs::FSRSReview {
            rating: u32::from(grade.number()),
            delta_t: days.unsigned_abs(),
        });
        before = Some(*day);
        if days > 0 {
            known.push(Known {
                day: *day,
                item: fsrs::FSRSItem {
                    reviews: reviews.clone(),
                },
            });
        }
    }
    known
}
