//! Many documents at once: up from one device, down to another, and in step again with a server that was started anew.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use automerge::transaction::Transactable;
use automerge::{AutoCommit, ObjType, ROOT};
use domain::DocId;
use sync_protocol::DocChange;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::account::Login;
use super::device::{Device, Told, What, random};

/// Text of a card, in bytes.
const CARD_BYTES: usize = 130;
/// Cards added at once.
const CHANGE_CARDS: usize = 100;
/// A session that tells nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Changes that make documents of cards with about `bytes` of text each, [`CHANGE_CARDS`] at a time.
///
/// # Errors
/// Automerge refuses an edit.
pub fn documents(count: usize, bytes: usize) -> anyhow::Result<Vec<DocChange>> {
    let mut made = Vec::new();
    for _ in 0..count {
        let doc = DocId::from_bytes(random());
        let mut document = AutoCommit::new();
        let cards = document.put_object(ROOT, "cards", ObjType::Map)?;
        for number in 0..bytes / CARD_BYTES {
            let card = document.put_object(&cards, format!("card{number}"), ObjType::Map)?;
            for (side, length) in [("front", 60), ("back", 70)] {
                let text = document.put_object(&card, side, ObjType::Text)?;
                document.splice_text(&text, 0, 0, &words(length))?;
            }
            document.put(&card, "suspended", false)?;
            if (number + 1) % CHANGE_CARDS == 0 {
                document.commit();
            }
        }
        document.commit();
        made.extend(
            document
                .get_changes(&[])
                .into_iter()
                .map(|mut change| DocChange {
                    doc,
                    change: change.bytes().to_vec(),
                }),
        );
    }
    Ok(made)
}

fn words(bytes: usize) -> String {
    const SYLLABLES: [&str; 16] = [
        "ka", "lo", "mi", "ne", "ru", "sa", "to", "ve", "an", "el", "is", "or", "un", "ta", "ri",
        "do",
    ];
    let mut text = String::new();
    while text.len() < bytes {
        let [dice]: [u8; 1] = random();
        text.push_str(SYLLABLES.get(usize::from(dice % 16)).unwrap_or(&"ka"));
        if dice > 127 {
            text.push(' ');
        }
    }
    text
}

/// A device that comes and goes, and what it tells.
#[derive(Debug)]
pub struct Visitor {
    device: Device,
    told: UnboundedReceiver<Told>,
}

impl Visitor {
    /// A device that has not synced yet.
    #[must_use]
    pub fn new(login: Login) -> Self {
        let (tell, told) = unbounded_channel();
        Self {
            device: Device::new(0, login, tell),
            told,
        }
    }

    /// Gives it documents to push.
    pub fn hold(&mut self, documents: Vec<DocChange>) {
        self.device.hold(documents);
    }

    /// One session until `count` things of that kind were told; how long from connecting until then.
    ///
    /// # Errors
    /// The session ends or hangs before.
    pub async fn visit(
        &mut self,
        count: usize,
        counts: impl Fn(&What) -> usize,
    ) -> anyhow::Result<Duration> {
        let (_order, mut orders) = unbounded_channel();
        let begun = Instant::now();
        let mut left = count;
        let watch = async {
            while left > 0 {
                let told = tokio::time::timeout(PATIENCE, self.told.recv()).await?;
                let told = told.context("the device is gone")?;
                if let What::Ended(words) = told.what {
                    bail!("the session ended: {words}");
                }
                left = left.saturating_sub(counts(&told.what));
            }
            Ok(begun.elapsed())
        };
        tokio::select! {
            took = watch => took,
            () = self.device.session(&mut orders) => bail!("the session ended"),
        }
    }
}
