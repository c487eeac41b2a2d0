//! An SVG document as it is written: escaped text, colours by name, coordinates in whole tenths of a unit. The only file that
//! spells elements.

use std::fmt::Write as _;

use super::Chart;

/// Tenths of a unit of the view box. A chart is [`WIDTH`] wide.
pub(super) type Tenths = i64;

/// Of every chart. Letters of 14 units are then 10 px high on a screen of 360 px.
pub(super) const WIDTH: Tenths = 4_800;

/// Colours as custom properties, so that a page can set its own. The grades and lines are of Okabe and Ito's palette, which
/// colour-blind people tell apart; the steps of boxes and calendar differ in lightness only.
const STYLE: &str = "\
.mv{--ink:#1f2328;--faint:#59636e;--grid:#d1d9e0;--paper:#ffffff;--again:#d55e00;--hard:#e69f00;--good:#009e73;--easy:#0072b2;\
--s0:#ebedf0;--s1:#b7d7ef;--s2:#7ab5de;--s3:#3f8fc7;--s4:#1a649c;--s5:#0b3a61;--rest:#8c959f;\
background:var(--paper);max-width:40rem;font-family:system-ui,sans-serif}\
@media(prefers-color-scheme:dark){.mv{--ink:#e6edf3;--faint:#9da7b1;--grid:#363d46;--paper:#14181d;--again:#f0803c;--hard:#f0b440;--good:#2fbf94;--easy:#56b4e9;\
--s0:#252b33;--s1:#1d4568;--s2:#27689f;--s3:#3f8fc7;--s4:#7ab5de;--s5:#c4e1f6;--rest:#6e7681}}\
.mv text{fill:var(--ink);font-size:14px}.mv .head{font-size:17px;font-weight:600}.mv .small{fill:var(--faint);font-size:13px}\
.mv .grid{stroke:var(--grid);stroke-width:1}.mv .base{stroke:var(--faint);stroke-width:1}.mv .hatch{stroke:var(--paper);stroke-width:1.5}";

/// A colour of the scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    Again,
    Hard,
    Good,
    Easy,
    /// Lightness from 0, nothing, to 5.
    Step(u8),
    Rest,
    Ink,
}

/// Where a text stands to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// How important a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Head,
    Plain,
    Small,
}

/// A rectangle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) x: Tenths,
    pub(super) y: Tenths,
    pub(super) width: Tenths,
    pub(super) height: Tenths,
}

/// A chart being drawn.
#[derive(Debug)]
pub(super) struct Drawing {
    name: &'static str,
    title: &'static str,
    body: String,
    hatched: bool,
}

impl Drawing {
    pub(super) fn new(name: &'static str, title: &'static str) -> Self {
        Self {
            name,
            title,
            body: String::new(),
            hatched: false,
        }
    }

    pub(super) fn text(&mut self, x: Tenths, y: Tenths, anchor: Anchor, tone: Tone, text: &str) {
        let class = match tone {
            Tone::Head => " class=\"head\"",
            Tone::Plain => "",
            Tone::Small => " class=\"small\"",
        };
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        self.put(&format!(
            "<text x=\"{}\" y=\"{}\"{class}{anchor}>{}</text>",
            shown(x),
            shown(y),
            escaped(text)
        ));
    }

    /// A filled rectangle; the note is what a pointer that rests on it shows.
    pub(super) fn rect(&mut self, area: Area, colour: Colour, hatched: bool, note: Option<&str>) {
        let place = format!(
            "x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
            shown(area.x),
            shown(area.y),
            shown(area.width),
            shown(area.height)
        );
        let fill = colour.css();
        self.put(&match note {
            Some(note) => format!(
                "<rect {place} fill=\"{fill}\"><title>{}</title></rect>",
                escaped(note)
            ),
            None => format!("<rect {place} fill=\"{fill}\"/>"),
        });
        if hatched {
            self.hatched = true;
            self.put(&format!(
                "<rect {place} fill=\"url(#mv-hatch-{})\" pointer-events=\"none\"/>",
                self.name
            ));
        }
    }

    /// A line of the frame.
    pub(super) fn rule(&mut self, from: (Tenths, Tenths), to: (Tenths, Tenths), base: bool) {
        let class = if base { "base" } else { "grid" };
        self.put(&format!(
            "<path class=\"{class}\" d=\"M{} {}L{} {}\"/>",
            shown(from.0),
            shown(from.1),
            shown(to.0),
            shown(to.1)
        ));
    }

    /// A line through points.
    pub(super) fn line(&mut self, points: &[(Tenths, Tenths)], colour: Colour, dashed: bool) {
        let path: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{} {}", shown(*x), shown(*y)))
            .collect();
        let dash = if dashed {
            " stroke-dasharray=\"5 4\""
        } else {
            ""
        };
        self.put(&format!(
            "<path d=\"M{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"{dash}/>",
            path.join("L"),
            colour.css()
        ));
    }

    /// A mark on a line: round, or square to tell a second line from the first.
    pub(super) fn mark(&mut self, at: (Tenths, Tenths), colour: Colour, square: bool, note: &str) {
        let (fill, note) = (colour.css(), escaped(note));
        self.put(&if square {
            format!(
                "<rect x=\"{}\" y=\"{}\" width=\"7\" height=\"7\" fill=\"{fill}\"><title>{note}</title></rect>",
                shown(at.0 - 35),
                shown(at.1 - 35)
            )
        } else {
            format!(
                "<circle cx=\"{}\" cy=\"{}\" r=\"4\" fill=\"{fill}\"><title>{note}</title></circle>",
                shown(at.0),
                shown(at.1)
            )
        });
    }

    /// A small dot.
    pub(super) fn dot(&mut self, at: (Tenths, Tenths), colour: Colour, note: &str) {
        self.put(&format!(
            "<circle cx=\"{}\" cy=\"{}\" r=\"2.5\" fill=\"{}\"><title>{}</title></circle>",
            shown(at.0),
            shown(at.1),
            colour.css(),
            escaped(note)
        ));
    }

    /// The document. The description is for those who do not see the chart.
    pub(super) fn finish(self, height: Tenths, description: &str) -> Chart {
        let Self {
            name,
            title,
            body,
            hatched,
        } = self;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"mv\" viewBox=\"0 0 {} {}\" width=\"100%\" role=\"img\" \
             aria-labelledby=\"mv-title-{name} mv-desc-{name}\">\n<title id=\"mv-title-{name}\">{}</title>\n\
             <desc id=\"mv-desc-{name}\">{}</desc>\n<style>{STYLE}</style>\n",
            shown(WIDTH),
            shown(height),
            escaped(title),
            escaped(description),
        );
        if hatched {
            svg.push_str(&format!(
                "<defs><pattern id=\"mv-hatch-{name}\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" \
                 patternTransform=\"rotate(45)\"><path class=\"hatch\" d=\"M0 0V5\"/></pattern></defs>\n"
            ));
        }
        svg.push_str(&body);
        svg.push_str("</svg>\n");
        Chart { name, title, svg }
    }

    fn put(&mut self, element: &str) {
        self.body.push_str(element);
        self.body.push('\n');
    }
}

impl Colour {
    fn css(self) -> String {
        match self {
            Self::Again => "var(--again)".to_owned(),
            Self::Hard => "var(--hard)".to_owned(),
            Self::Good => "var(--good)".to_owned(),
            Self::Easy => "var(--easy)".to_owned(),
            Self::Step(step) => format!("var(--s{})", step.min(5)),
            Self::Rest => "var(--rest)".to_owned(),
            Self::Ink => "var(--ink)".to_owned(),
        }
    }
}

fn shown(tenths: Tenths) -> String {
    let (whole, tenth) = (tenths.abs() / 10, tenths.abs() % 10);
    let sign = if tenths < 0 { "-" } else { "" };
    let mut text = format!("{sign}{whole}");
    if tenth > 0 {
        // Writing into a string cannot fail.
        write!(text, ".{tenth}").unwrap_or_default();
    }
    text
}

/// Text as it may stand in XML: names of devices come from other people. Letters that XML forbids are replaced.
fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            _ if letter.is_control() => safe.push('\u{fffd}'),
            _ => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_tenths_and_text_is_harmless() {
        assert_eq!(
            [0, 5, 10, -15, 4_801].map(shown),
            ["0", "0.5", "1", "-1.5", "480.1"]
        );
        assert_eq!(
            escaped("</text><script>\"a\" & 'b'\u{0}\u{ffff}"),
            "&lt;/text&gt;&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;\u{fffd}\u{fffd}"
        );
    }
}
