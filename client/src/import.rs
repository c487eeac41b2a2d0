//! Cards from a table: TSV or CSV, two columns or more. Rows that cannot become a card are left out and reported with their
//! line, the rest is added; without `apply` nothing is written and the report tells what would be.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use domain::{DeckId, TagId};

use crate::limit;
use crate::vault::{ImportReport, NewCard, NewItem, SkippedRow, Vault, VaultError, VaultResult};

/// Which column holds what.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Columns {
    front: usize,
    back: usize,
    tags: Option<usize>,
}

/// A table that was read.
#[derive(Debug, Default)]
struct Table {
    rows: Vec<Row>,
    rows_read: u64,
    skipped: u64,
    skipped_rows: Vec<SkippedRow>,
    header: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Row {
    front: String,
    back: String,
    tags: Vec<String>,
}

impl Vault {
    /// Makes cards of the rows of a table in a deck, which is made if there is none of that name.
    ///
    /// Columns are front, back and, where there is a third, tags separated by spaces, commas or semicolons; a first row that names
    /// `front` and `back` is taken as a header and may order them otherwise. The file's name says whether tabs (`.tsv`, `.txt`,
    /// `.tab`) or commas separate them.
    ///
    /// # Errors
    /// The file cannot be read, is too large, or has too many rows.
    pub fn import_table(
        &mut self,
        path: &Path,
        deck: &str,
        apply: bool,
    ) -> VaultResult<ImportReport> {
        let table = read_table(path)?;
        let found = match self.deck_find(deck) {
            Ok(deck) => Some(deck),
            Err(VaultError::NotFound { .. }) => None,
            Err(other) => return Err(other),
        };
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let words = format!("imported {} cards from {file}", table.rows.len());
        self.as_one_step(&words, |vault| vault.take_table(table, found, deck, apply))
    }

    fn take_table(
        &mut self,
        table: Table,
        found: Option<DeckId>,
        deck: &str,
        apply: bool,
    ) -> VaultResult<ImportReport> {
        let id = match (found, apply) {
            (None, true) if !table.rows.is_empty() => Some(self.deck_add(deck)?),
            (found, _) => found,
        };
        let deck_name = match id {
            Some(id) => self.deck_name(id)?,
            None => deck.trim().to_owned(),
        };
        let tags: BTreeSet<TagId> = table
            .rows
            .iter()
            .flat_map(|row| &row.tags)
            .map(|tag| TagId::from_name(tag))
            .collect();
        let count = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
        let report = ImportReport {
            applied: apply,
            deck: id,
            deck_name,
            rows: table.rows_read,
            cards: count(table.rows.len()),
            skipped: table.skipped,
            skipped_rows: table.skipped_rows,
            tags: count(tags.len()),
            header: table.header,
        };
        if let (true, Some(deck)) = (apply, id) {
            let cards: Vec<NewCard> = table
                .rows
                .into_iter()
                .map(|row| row.into_card(deck))
                .collect();
            self.add_cards(&cards)?;
        }
        Ok(report)
    }
}

impl Row {
    fn into_card(self, deck: DeckId) -> NewCard {
        let back = if self.back.is_empty() {
            Vec::new()
        } else {
            vec![NewItem::Text(self.back)]
        };
        NewCard {
            deck,
            front: vec![NewItem::Text(self.front)],
            back,
            tags: self.tags,
        }
    }
}

fn read_table(path: &Path) -> VaultResult<Table> {
    let failed = |source| VaultError::File {
        doing: "read",
        path: path.to_owned(),
        source,
    };
    let size = fs::metadata(path).map_err(failed)?.len();
    if size > limit::IMPORT_BYTES_MAX {
        return Err(VaultError::Limit(format!(
            "{} has {size} bytes and an import takes {}; split it",
            path.display(),
            limit::IMPORT_BYTES_MAX
        )));
    }
    let text = fs::read(path).map_err(failed)?;
    let delimiter = delimiter(path);
    let quoting = match quotes(&text, delimiter) {
        Ok(()) => true,
        // Between tabs a quote is most often just a quote.
        Err(_) if delimiter == b'\t' => false,
        Err(why) => {
            return Err(VaultError::Refused(format!("{}: {why}", path.display())));
        }
    };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .comment(None)
        .quoting(quoting)
        .from_reader(text.as_slice());
    let mut lines = Lines::new(&text);
    let mut table = Table::default();
    let mut columns = Columns {
        front: 0,
        back: 1,
        tags: Some(2),
    };
    let mut record = csv::ByteRecord::new();
    let mut first = true;
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(why) => {
                let source = match why.into_kind() {
                    csv::ErrorKind::Io(source) => source,
                    other => std::io::Error::other(format!("{other:?}")),
                };
                return Err(failed(source));
            }
        }
        let line = lines.of(record.position().map_or(0, csv::Position::byte));
        if first {
            first = false;
            if let Some(named) = header(&record) {
                (columns, table.header) = (named, true);
                continue;
            }
        }
        table.take(&record, &columns, line)?;
    }
    Ok(table)
}

/// Whether every field that begins with a quote also ends with one; the reader would swallow the rows up to the next quote.
fn quotes(text: &[u8], delimiter: u8) -> Result<(), String> {
    let mut line: u64 = 1;
    let mut opened: Option<u64> = None;
    let mut begins = true;
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        line += u64::from(byte == b'\n');
        match (opened, byte) {
            (None, b'"') if begins => opened = Some(line),
            (None, _) => begins = byte == delimiter || byte == b'\n' || byte == b'\r',
            (Some(_), b'"') => match bytes.peek() {
                Some(b'"') => {
                    bytes.next();
                }
                None | Some(b'\n' | b'\r') => (opened, begins) = (None, false),
                Some(next) if *next == delimiter => (opened, begins) = (None, false),
                Some(_) => {
                    return Err(format!(
                        "in line {line} text follows a closing quote; write a quote inside a quoted field twice"
                    ));
                }
            },
            (Some(_), _) => {}
        }
    }
    match opened {
        None => Ok(()),
        Some(line) => Err(format!(
            "the quote opened in line {line} is never closed; close it, or put the field in quotes and write the quote twice"
        )),
    }
}

/// Line numbers of places in a text, asked for in rising order.
struct Lines<'a> {
    text: &'a [u8],
    seen: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            seen: 0,
            line: 1,
        }
    }

    /// The line of the first row at or after a byte: the reader's own count stops before the empty lines it skips.
    fn of(&mut self, byte: u64) -> u64 {
        let from = usize::try_from(byte).unwrap_or(usize::MAX);
        let rest = self.text.get(from..).unwrap_or_default();
        let empty = rest
            .iter()
            .take_while(|byte| matches!(byte, b'\n' | b'\r'))
            .count();
        let to = from.saturating_add(empty);
        let between = self.text.get(self.seen..to).unwrap_or_default();
        let ends = between.iter().filter(|byte| **byte == b'\n').count();
        self.line += u64::try_from(ends).unwrap_or(u64::MAX);
        self.seen = to.max(self.seen);
        self.line
    }
}

impl Table {
    fn take(&mut self, record: &csv::ByteRecord, columns: &Columns, line: u64) -> VaultResult<()> {
        self.rows_read += 1;
        if self.rows.len() >= limit::IMPORT_ROWS_MAX {
            return Err(VaultError::Limit(format!(
                "the file has more than {} rows; split it",
                limit::IMPORT_ROWS_MAX
            )));
        }
        match row(record, columns) {
            Ok(row) => self.rows.push(row),
            Err(reason) => {
                self.skipped += 1;
                if self.skipped_rows.len() < limit::IMPORT_SKIPPED_SHOWN_MAX {
                    self.skipped_rows.push(SkippedRow { line, reason });
                }
            }
        }
        Ok(())
    }
}

/// Makes a row of a record, or says why it is none.
fn row(record: &csv::ByteRecord, columns: &Columns) -> Result<Row, String> {
    let field = |column: usize| match record.get(column) {
        Some(bytes) => std::str::from_utf8(bytes)
            .map(|text| text.trim_start_matches('\u{feff}').trim().to_owned())
            .map_err(|_| format!("column {} is not UTF-8 text", column + 1)),
        None => Ok(String::new()),
    };
    if record.len() < 2 {
        return Err("it has one column; a card needs a front and a back".to_owned());
    }
    let (front, back) = (field(columns.front)?, field(columns.back)?);
    if front.is_empty() {
        return Err("its front is empty".to_owned());
    }
    if back.is_empty() {
        return Err("its back is empty".to_owned());
    }
    for (side, text) in [("front", &front), ("back", &back)] {
        if let Err(why) = domain::Item::text(text.as_str()).check() {
            return Err(format!("its {side} cannot be used: {why}"));
        }
    }
    let tags = columns.tags.map_or(Ok(String::new()), field)?;
    let tags: Vec<String> = tags
        .split(|letter: char| letter.is_whitespace() || letter == ',' || letter == ';')
        .filter(|tag| !tag.is_empty())
        .map(str::to_owned)
        .collect();
    if tags.len() > domain::limit::CARD_TAGS_MAX
        || tags
            .iter()
            .any(|tag| tag.len() > domain::limit::NAME_BYTES_MAX)
    {
        return Err("it has too many tags, or one that is too long".to_owned());
    }
    Ok(Row { front, back, tags })
}

/// The columns that a first row names, if it is a header.
fn header(record: &csv::ByteRecord) -> Option<Columns> {
    let names: Vec<String> = record
        .iter()
        .map(|name| {
            String::from_utf8_lossy(name)
                .trim_start_matches('\u{feff}')
                .trim()
                .to_lowercase()
        })
        .collect();
    let named = |wanted: &[&str]| {
        names
            .iter()
            .position(|name| wanted.contains(&name.as_str()))
    };
    Some(Columns {
        front: named(&["front", "question"])?,
        back: named(&["back", "answer"])?,
        tags: named(&["tags", "tag"]),
    })
}

fn delimiter(path: &Path) -> u8 {
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    if matches!(ending.as_str(), "tsv" | "tab" | "txt") {
        b'\t'
    } else {
        b','
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Table {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join(name);
        std::fs::write(&path, text).expect("a file");
        read_table(&path).expect("a table")
    }

    #[test]
    fn rows_become_cards_and_the_rest_is_reported_by_line() {
        let table = read(
            "a.tsv",
            "\u{feff}Oslo\tNorway\teurope north\n\tempty\nalone\nRome\tItaly\n",
        );
        let fronts: Vec<&str> = table.rows.iter().map(|row| row.front.as_str()).collect();
        assert_eq!(fronts, ["Oslo", "Rome"]);
        assert_eq!(table.rows[0].tags, ["europe", "north"]);
        let skipped: Vec<u64> = table.skipped_rows.iter().map(|row| row.line).collect();
        assert_eq!(
            (skipped, table.rows_read, table.header),
            (vec![2, 3], 4, false)
        );
    }

    #[test]
    fn a_header_may_order_the_columns() {
        let table = read(
            "a.csv",
            "Tags,Back,Front\nx;y,\"Norway, the country\",Oslo\n",
        );
        assert!(table.header);
        assert_eq!(
            table.rows,
            [Row {
                front: "Oslo".into(),
                back: "Norway, the country".into(),
                tags: vec!["x".into(), "y".into()]
            }]
        );
    }

    #[test]
    fn a_row_over_several_lines_keeps_the_count_of_lines() {
        let table = read("a.csv", "\"two\nlines\",back\nonly\n");
        assert_eq!(table.rows[0].front, "two\nlines");
        assert_eq!(table.skipped_rows[0].line, 3);
    }

    #[test]
    fn lines_are_counted_over_empty_ones_and_both_line_ends() {
        for end in ["\n", "\r\n"] {
            let text = ["a\tb", "", "", "only", "c\td", "", "alone"].join(end);
            let lines: Vec<u64> = read("a.tsv", &text)
                .skipped_rows
                .iter()
                .map(|row| row.line)
                .collect();
            assert_eq!(lines, [4, 7], "{end:?}");
        }
    }

    #[test]
    fn a_quote_that_is_not_closed_swallows_nothing() {
        let table = read("a.tsv", "word\t\"unclosed\nx\t5\" tall\ny\tz\n");
        let backs: Vec<&str> = table.rows.iter().map(|row| row.back.as_str()).collect();
        assert_eq!(backs, ["\"unclosed", "5\" tall", "z"]);
        for (text, why) in [
            ("a,b\nw,\"open\nx,y\n", "opened in line 2"),
            ("a,\"b\" c\n", "in line 1"),
        ] {
            assert!(quotes(text.as_bytes(), b',').unwrap_err().contains(why));
        }
        for fine in [
            "\"a \"\"b\"\"\",c\n",
            "5\" tall,x\r\n\"two\nlines\",y",
            "\u{feff}\"a\",\"\"\n",
        ] {
            assert_eq!(quotes(fine.as_bytes(), b','), Ok(()), "{fine:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_cost_their_row() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.tsv");
        std::fs::write(&path, b"\xff\xfe\tback\nfront\tback\n").expect("a file");
        let table = read_table(&path).expect("a table");
        assert_eq!((table.rows.len(), table.skipped), (1, 1));
    }
}
