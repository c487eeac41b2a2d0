//! How a sitting looks on the full screen. Pure: what there is to show goes in, cells come out.

use client::{ItemShown, StudyCounts, markdown};
use domain::note::Piece;
use image::RgbaImage;
use image::imageops::FilterType;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Clear, Paragraph};

use crate::cli::table::{clean, grouped, width};

/// A smaller window shows nothing that can be studied.
const COLUMNS_MIN: u16 = 20;
const ROWS_MIN: u16 = 6;
/// Rows of cells that a picture may take: the question stays in sight.
const PICTURE_ROWS_MAX: u32 = 20;

/// One thing on a side.
#[derive(Debug, Clone)]
pub(super) enum Shown {
    /// Markdown.
    Text(String),
    /// A line about something that is no text.
    Words(String),
    /// A picture, as pixels.
    Picture(RgbaImage),
    /// A typed answer beside the right one.
    Typed(Vec<Piece>),
}

/// What there is to show.
#[derive(Debug, Default)]
pub(super) struct View {
    pub(super) deck: String,
    pub(super) counts: StudyCounts,
    pub(super) front: Vec<Shown>,
    /// Empty as long as the answer is not shown.
    pub(super) back: Option<Vec<Shown>>,
    /// What the keys for grades do.
    pub(super) buttons: Vec<String>,
    /// News of the last step.
    pub(super) news: String,
    /// A line that is being typed: what it is, and what it says.
    pub(super) prompt: Option<(String, String)>,
    /// Lines over everything else, and how many of them are above the window.
    pub(super) overlay: Option<(Vec<String>, usize)>,
    /// Rows of the card that are above the window.
    pub(super) scroll: usize,
    pub(super) colour: bool,
    /// The card has a flag.
    pub(super) marked: bool,
}

/// The blocks of a side; `picture` gives the pixels of a picture where they can be drawn.
pub(super) fn blocks(
    items: &[ItemShown],
    mut picture: impl FnMut(&ItemShown) -> Option<RgbaImage>,
) -> Vec<Shown> {
    let mut blocks = Vec::new();
    for item in items {
        match item {
            ItemShown::Text { text } => blocks.push(Shown::Text(clean(text))),
            other => {
                blocks.extend(picture(other).map(Shown::Picture));
                blocks.push(Shown::Words(crate::cli::face::item(other)));
            }
        }
    }
    blocks
}

/// Draws it; answers how many rows the card has too many, so that scrolling ends there.
pub(super) fn draw(frame: &mut Frame<'_>, view: &View) -> usize {
    let area = frame.area();
    if area.width < COLUMNS_MIN || area.height < ROWS_MIN {
        frame.render_widget(Paragraph::new("Make the window larger."), area);
        return 0;
    }
    let buttons = button_lines(view, usize::from(area.width));
    let [head, body, foot] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Min(1),
        Constraint::Length(u16::try_from(buttons.len()).unwrap_or(u16::MAX) + 1),
    ])
    .areas(area);
    draw_head(frame, view, head);
    let inner = Rect {
        x: body.x + 1,
        width: body.width.saturating_sub(2),
        ..body
    };
    let rows = card_rows(view, usize::from(inner.width));
    let too_many = rows.len().saturating_sub(usize::from(inner.height));
    let scroll = view.scroll.min(too_many);
    let shown: Vec<Line<'_>> = rows
        .into_iter()
        .skip(scroll)
        .take(usize::from(inner.height))
        .collect();
    frame.render_widget(Paragraph::new(Text::from(shown)), inner);
    let mut lines = vec![Line::styled(
        if !view.news.is_empty() {
            format!(" {}", clean(&view.news))
        } else if view.prompt.is_some() {
            " Enter takes the line, Esc leaves it".to_owned()
        } else if too_many > scroll {
            " more below: arrow keys".to_owned()
        } else {
            String::new()
        },
        faint(),
    )];
    lines.extend(buttons);
    frame.render_widget(Paragraph::new(Text::from(lines)), foot);
    if let Some((lines, above)) = &view.overlay {
        draw_overlay(frame, lines, *above, area);
    }
    too_many
}

fn draw_head(frame: &mut Frame<'_>, view: &View, area: Rect) {
    let counts = format!(
        "{} new  {} again  {} due ",
        grouped(view.counts.new),
        grouped(view.counts.learning),
        grouped(view.counts.due)
    );
    let mark = if view.marked { " *" } else { "" };
    let room = usize::from(area.width).saturating_sub(width(&counts) + 2);
    let name = format!(
        " {}{mark}",
        crate::cli::table::short(&view.deck, room.saturating_sub(width(mark)))
    );
    let gap = usize::from(area.width).saturating_sub(width(&name) + width(&counts));
    let line = Line::from(vec![
        Span::styled(name, Style::new().add_modifier(Modifier::BOLD)),
        Span::raw(" ".repeat(gap)),
        Span::raw(counts),
    ]);
    let rule = Line::styled("\u{2500}".repeat(usize::from(area.width)), faint());
    frame.render_widget(Paragraph::new(Text::from(vec![line, rule])), area);
}

/// The keys of the moment, on as many lines as they need.
fn button_lines(view: &View, columns: usize) -> Vec<Line<'static>> {
    if let Some((label, text)) = &view.prompt {
        return vec![Line::from(vec![
            Span::styled(
                format!(" {label}: "),
                Style::new().add_modifier(Modifier::BOLD),
            ),
            Span::raw(clean(text)),
            Span::styled(" ", Style::new().add_modifier(Modifier::REVERSED)),
        ])];
    }
    let mut lines = Vec::new();
    let mut line = String::new();
    for button in view.buttons.iter().map(String::as_str).chain(["? keys"]) {
        if !line.is_empty() && width(&line) + width(button) + 3 > columns {
            lines.push(Line::raw(std::mem::take(&mut line)));
        }
        line.push_str(if line.is_empty() { " " } else { "   " });
        line.push_str(button);
    }
    lines.push(Line::raw(line));
    lines
}

fn draw_overlay(frame: &mut Frame<'_>, lines: &[String], above: usize, area: Rect) {
    frame.render_widget(Clear, area);
    let columns = usize::from(area.width.saturating_sub(2));
    let mut rows: Vec<Line<'_>> = lines
        .iter()
        .flat_map(|line| wrap(&[(clean(line), Style::new())], columns))
        .collect();
    let room = usize::from(area.height.saturating_sub(2));
    let above = above.min(rows.len().saturating_sub(room));
    let title = if rows.len() > room {
        " arrow keys for more, any other key closes "
    } else {
        " any key closes "
    };
    rows.drain(..above);
    let block = Block::bordered().title(title);
    frame.render_widget(Paragraph::new(Text::from(rows)).block(block), area);
}

/// The card as rows that fit.
fn card_rows(view: &View, columns: usize) -> Vec<Line<'static>> {
    let mut rows = vec![Line::default()];
    rows.extend(block_rows(&view.front, columns, view.colour));
    if let Some(back) = &view.back {
        rows.push(Line::default());
        rows.push(Line::styled("\u{2500}".repeat(columns.min(24)), faint()));
        rows.push(Line::default());
        rows.extend(block_rows(back, columns, view.colour));
    }
    rows
}

fn block_rows(blocks: &[Shown], columns: usize, colour: bool) -> Vec<Line<'static>> {
    let mut rows = Vec::new();
    for block in blocks {
        match block {
            Shown::Text(text) => {
                for line in markdown::lines(text) {
                    let runs: Vec<(String, Style)> = line
                        .into_iter()
                        .map(|run| (run.text.clone(), look(&run)))
                        .collect();
                    rows.extend(wrap(&runs, columns));
                }
            }
            Shown::Words(words) => rows.extend(wrap(&[(words.clone(), faint())], columns)),
            Shown::Picture(picture) if colour => rows.extend(picture_rows(picture, columns)),
            Shown::Picture(_) => {}
            Shown::Typed(pieces) => {
                let runs: Vec<(String, Style)> =
                    pieces.iter().map(|piece| typed(piece, colour)).collect();
                rows.extend(wrap(&runs, columns));
                rows.push(Line::default());
            }
        }
    }
    rows
}

fn typed(piece: &Piece, colour: bool) -> (String, Style) {
    let in_colour = |style: Style, of: Color| if colour { style.fg(of) } else { style };
    match piece {
        Piece::Right(text) => (clean(text), in_colour(Style::new(), Color::Green)),
        Piece::Wrong(text) => (
            format!("[-{}-]", clean(text)),
            in_colour(Style::new().add_modifier(Modifier::CROSSED_OUT), Color::Red),
        ),
        Piece::Missing(text) => (
            format!("[+{}+]", clean(text)),
            in_colour(
                Style::new().add_modifier(Modifier::UNDERLINED),
                Color::Yellow,
            ),
        ),
    }
}

fn look(run: &markdown::Run) -> Style {
    let mut style = Style::new();
    for (is, modifier) in [
        (run.strong, Modifier::BOLD),
        (run.emphasis, Modifier::ITALIC),
        (run.code, Modifier::DIM),
    ] {
        if is {
            style = style.add_modifier(modifier);
        }
    }
    style
}

fn faint() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

/// Breaks runs into rows at blanks; a word longer than a row is broken where the row ends.
fn wrap(runs: &[(String, Style)], columns: usize) -> Vec<Line<'static>> {
    let columns = columns.max(2);
    let letters: Vec<(char, Style)> = runs
        .iter()
        .flat_map(|(text, style)| text.chars().map(|letter| (letter, *style)))
        .collect();
    let mut rows: Vec<Vec<(char, Style)>> = vec![Vec::new()];
    let mut wide = 0;
    for word in letters.split_inclusive(|(letter, _)| *letter == ' ') {
        let text: String = word.iter().map(|(letter, _)| letter).collect();
        if wide > 0 && wide + width(text.trim_end()) > columns {
            rows.push(Vec::new());
            wide = 0;
        }
        for (letter, style) in word {
            let letter_wide = width(letter.encode_utf8(&mut [0; 4]));
            if wide + letter_wide > columns {
                if *letter == ' ' {
                    continue;
                }
                rows.push(Vec::new());
                wide = 0;
            }
            wide += letter_wide;
            if let Some(row) = rows.last_mut() {
                row.push((*letter, *style));
            }
        }
    }
    rows.into_iter()
        .map(|row| {
            let spans = row.chunk_by(|(_, a), (_, b)| a == b).map(|same| {
                let text: String = same.iter().map(|(letter, _)| letter).collect();
                Span::styled(
                    text,
                    same.first().map(|(_, style)| *style).unwrap_or_default(),
                )
            });
            Line::from(spans.collect::<Vec<_>>())
        })
        .collect()
}

/// A picture in half blocks: each cell is two pixels high.
fn picture_rows(picture: &RgbaImage, columns: usize) -> Vec<Line<'static>> {
    let (width, height) = picture.dimensions();
    let columns = u32::try_from(columns).unwrap_or(u32::MAX).max(1);
    let scale = f64::min(
        f64::from(columns) / f64::from(width.max(1)),
        f64::from(2 * PICTURE_ROWS_MAX) / f64::from(height.max(1)),
    )
    .min(1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a side of a picture times at most one"
    )]
    let fit = |side: u32| ((f64::from(side) * scale) as u32).max(1);
    let small = image::imageops::resize(picture, fit(width), fit(height), FilterType::Triangle);
    let colour = |x: u32, y: u32| {
        let [red, green, blue, alpha] = small.get_pixel_checked(x, y)?.0;
        (alpha > 127).then_some(Color::Rgb(red, green, blue))
    };
    let row = |y: u32| {
        let cell = |x: u32| match (colour(x, y), colour(x, y + 1)) {
            (None, None) => Span::raw(" "),
            (Some(top), None) => Span::styled("\u{2580}", Style::new().fg(top)),
            (None, Some(low)) => Span::styled("\u{2584}", Style::new().fg(low)),
            (Some(top), Some(low)) => Span::styled("\u{2580}", Style::new().fg(top).bg(low)),
        };
        Line::from((0..small.width()).map(cell).collect::<Vec<_>>())
    };
    (0..small.height()).step_by(2).map(row).collect()
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn screen(view: &View, columns: u16, rows: u16) -> (Vec<String>, usize) {
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a screen");
        let mut too_many = 0;
        terminal
            .draw(|frame| too_many = draw(frame, view))
            .expect("a drawing");
        let buffer = terminal.backend().buffer();
        let lines = buffer.content().chunks(usize::from(columns)).map(|row| {
            let line: String = row.iter().map(|cell| cell.symbol()).collect();
            line.trim_end().to_owned()
        });
        (lines.collect(), too_many)
    }

    fn view() -> View {
        View {
            deck: "Capitals".to_owned(),
            counts: StudyCounts {
                new: 3,
                learning: 0,
                due: 12,
            },
            front: vec![Shown::Text(
                "Capital of **Peru**, a country in the Andes?".to_owned(),
            )],
            back: Some(vec![
                Shown::Typed(vec![
                    Piece::Right("Li".into()),
                    Piece::Wrong("n".into()),
                    Piece::Missing("m".into()),
                ]),
                Shown::Text("\u{5229}\u{9a6c} $x^2$".to_owned()),
            ]),
            buttons: ["1 Again soon", "2 Hard 2 d"].map(str::to_owned).to_vec(),
            ..View::default()
        }
    }

    #[test]
    fn a_card_fits_a_narrow_window_and_the_rest_is_scrolled_to() {
        let (lines, too_many) = screen(&view(), 30, 10);
        assert_eq!(lines[0], " Capi\u{2026} 3 new  0 again  12 due");
        assert_eq!(too_many, 4);
        assert_eq!(lines[3], " Capital of Peru, a country");
        assert_eq!(lines[4], " in the Andes?");
        assert!(lines[8].contains("1 Again soon   2 Hard 2 d"), "{lines:?}");
        let mut below = view();
        below.scroll = 99;
        let (lines, _) = screen(&below, 30, 10);
        assert!(
            lines.iter().any(|line| line.contains("Li[-n-][+m+]")),
            "{lines:?}"
        );
        assert!(lines.iter().any(|line| line.contains("$x^2$")), "{lines:?}");
    }

    #[test]
    fn no_window_is_too_small_and_no_word_too_long() {
        let mut view = view();
        view.front = vec![
            Shown::Text("x".repeat(500)),
            Shown::Picture(RgbaImage::from_pixel(3, 900, image::Rgba([9, 9, 9, 255]))),
        ];
        view.overlay = Some((vec!["a line".repeat(40)], 3));
        view.colour = true;
        for columns in [1, 5, 20, 21, 80] {
            for rows in [1, 5, 6, 7, 24] {
                screen(&view, columns, rows);
            }
        }
    }
}
