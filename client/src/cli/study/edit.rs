//! A card in the person's own editor: written to a file, read back, and written to the vault by the caller.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use client::{CardEdit, CardShown, ItemShown, SideEdit, Vault};

use crate::cli::failure::{Failure, Outcome};

/// Editors that are looked for when none is named.
const EDITORS: [&str; 2] = ["nano", "vi"];
/// A longer file is no card.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The texts of a card in their order: fields of its note, or its two sides.
pub(super) struct Texts {
    names: Vec<String>,
    texts: Vec<String>,
    of_note: bool,
}

impl Texts {
    pub(super) fn of(vault: &Vault, card: &CardShown) -> Outcome<Self> {
        if let Some(note) = card.note {
            let note = vault.note(note)?;
            let (names, texts) = note
                .fields
                .into_iter()
                .map(|field| (field.name, field.text))
                .unzip();
            return Ok(Self {
                names,
                texts,
                of_note: true,
            });
        }
        let text = |items: &[ItemShown]| {
            let texts = items.iter().filter_map(|item| match item {
                ItemShown::Text { text } => Some(text.as_str()),
                _ => None,
            });
            texts.collect::<Vec<_>>().join("\n\n")
        };
        Ok(Self {
            names: ["Front", "Back"].map(str::to_owned).to_vec(),
            texts: vec![text(&card.front), text(&card.back)],
            of_note: false,
        })
    }

    fn write(&self) -> String {
        let mut out =
            "Change what stands below the lines with ###, save and close. Nothing changed leaves the card as it is.\n"
                .to_owned();
        for (name, text) in self.names.iter().zip(&self.texts) {
            out.push_str(&format!("{}\n{text}\n", heading(name)));
        }
        out
    }

    /// The texts as they were written back.
    fn read(&self, file: &str) -> Result<Vec<String>, String> {
        let lines: Vec<&str> = file.lines().collect();
        let mut places = Vec::new();
        for name in &self.names {
            let from = places.last().map_or(0, |place| place + 1);
            let rest = lines.get(from..).unwrap_or_default();
            let found = rest
                .iter()
                .position(|line| line.trim_end() == heading(name));
            places.push(from + found.ok_or_else(|| heading(name))?);
        }
        let ends = places.iter().skip(1).copied().chain([lines.len()]);
        let texts = places.iter().zip(ends).map(|(from, to)| {
            let text = lines.get(from + 1..to).unwrap_or_default().join("\n");
            text.trim().to_owned()
        });
        Ok(texts.collect())
    }

    /// Writes what differs into the vault; answers whether anything did.
    fn store(&self, vault: &mut Vault, card: &CardShown, new: &[String]) -> Outcome<bool> {
        let changed: BTreeMap<String, String> = self
            .names
            .iter()
            .zip(self.texts.iter().zip(new))
            .filter(|(_, (old, new))| old.trim() != new.as_str())
            .map(|(name, (_, new))| (name.clone(), new.clone()))
            .collect();
        if changed.is_empty() {
            return Ok(false);
        }
        if let (true, Some(note)) = (self.of_note, card.note) {
            vault.note_edit(note, &changed)?;
            return Ok(true);
        }
        let side = |name: &str| SideEdit {
            text: changed.get(name).cloned(),
            add: Vec::new(),
        };
        let edit = CardEdit {
            front: side("Front"),
            back: side("Back"),
            ..CardEdit::default()
        };
        vault.card_edit(card.id, &edit)?;
        Ok(true)
    }

    /// Lets the person edit, then stores it. What cannot be taken stays in its file, which the refusal names.
    pub(super) fn edit(
        &self,
        card: &CardShown,
        lock: impl FnOnce(&mut dyn FnMut(&mut Vault) -> Outcome<bool>) -> Outcome<bool>,
    ) -> Outcome<bool> {
        let unwritable = |why: std::io::Error| {
            Failure::failed(format!("no file for the editor could be written: {why}"))
        };
        let mut file = tempfile::Builder::new()
            .prefix("card-")
            .suffix(".md")
            .tempfile()
            .map_err(unwritable)?;
        file.write_all(self.write().as_bytes())
            .map_err(unwritable)?;
        let path = file.into_temp_path();
        run(&path)?;
        let taken = read(&path).and_then(|text| {
            self.read(&text)
                .map_err(|missing| Failure::usage(format!("the line `{missing}` is missing")))
                .and_then(|new| lock(&mut |vault| self.store(vault, card, &new)))
        });
        taken.map_err(|failure| match path.keep() {
            Ok(kept) => failure.hint(format!("what you wrote is kept in {}", kept.display())),
            Err(_) => failure,
        })
    }
}

fn heading(name: &str) -> String {
    format!("### {name}")
}

fn read(path: &Path) -> Outcome<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_string(&mut text))
        .map_err(|why| Failure::failed(format!("what you wrote could not be read: {why}")))?;
    Ok(text)
}

fn run(path: &Path) -> Outcome {
    let mut words = editor().into_iter();
    let program = words.next().ok_or_else(|| {
        Failure::usage("no editor is here").hint("name one in $EDITOR, like EDITOR=nano")
    })?;
    let ended = Command::new(&program).args(words).arg(path).status();
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::failed(format!(
            "the editor {} ended with {status}; nothing was changed",
            program.to_string_lossy()
        ))),
        Err(why) => Err(Failure::failed(format!(
            "the editor {} does not start: {why}",
            program.to_string_lossy()
        ))
        .hint("name another one in $EDITOR")),
    }
}

/// The words that start the editor.
fn editor() -> Vec<OsString> {
    for variable in ["VISUAL", "EDITOR"] {
        if let Some(words) = std::env::var_os(variable) {
            let words: Vec<OsString> = words
                .to_string_lossy()
                .split_whitespace()
                .map(OsString::from)
                .collect();
            if !words.is_empty() {
                return words;
            }
        }
    }
    let paths: Vec<PathBuf> = std::env::var_os("PATH")
        .map(|paths| std::env::split_paths(&paths).collect())
        .unwrap_or_default();
    let is_installed = |name: &&str| paths.iter().any(|dir| dir.join(name).is_file());
    let found = EDITORS.iter().find(|name| is_installed(name));
    found.map(OsString::from).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let texts = Texts {
            names: ["Front", "Back"].map(str::to_owned).to_vec(),
            texts: vec!["a\n### Front\nb".to_owned(), String::new()],
            of_note: false,
        };
        assert_eq!(texts.read(&texts.write()), Ok(texts.texts.clone()));
        assert_eq!(texts.read("### Front\nx"), Err("### Back".to_owned()));
    }
}
