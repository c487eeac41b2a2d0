//! The Markdown of cards, read safely: as lines of runs for a terminal, and as HTML. HTML that stands in a text is shown as the
//! letters it is, never carried out; links go to the web or to mail only; pictures are not fetched from addresses in a text;
//! math between dollar signs is kept as it was written.

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

/// A run of letters of one look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Run {
    /// The letters.
    pub text: String,
    /// Bold, or of a heading.
    pub strong: bool,
    /// Slanted.
    pub emphasis: bool,
    /// Code, or math as it was written.
    pub code: bool,
}

fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_MATH
}

/// The text as lines for a terminal. Line breaks are kept as typed: people write poems and lists on cards.
pub fn lines(text: &str) -> Vec<Vec<Run>> {
    let mut page = Page::default();
    for event in Parser::new_ext(text, options()) {
        page.take(event);
    }
    page.break_line();
    page.lines
}

#[derive(Default)]
struct Page {
    lines: Vec<Vec<Run>>,
    line: Vec<Run>,
    strong: usize,
    emphasis: usize,
    /// The next numbers of the lists that are open; none for one of dots.
    lists: Vec<Option<u64>>,
    /// A line is to be left empty before the next text.
    gap: bool,
}

impl Page {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.begin(&tag),
            Event::End(tag) => self.close(tag),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => {
                self.text(&text, false);
            }
            Event::Code(text) => self.text(&text, true),
            Event::InlineMath(text) => self.text(&format!("${text}$"), true),
            Event::DisplayMath(text) => self.text(&format!("$${text}$$"), true),
            Event::SoftBreak | Event::HardBreak => self.break_line(),
            Event::Rule => {
                self.break_line();
                self.text("----", false);
                self.break_line();
            }
            Event::FootnoteReference(_) | Event::TaskListMarker(_) => {}
        }
    }

    fn begin(&mut self, tag: &Tag<'_>) {
        let is_apart = !self.lines.is_empty() && self.lists.is_empty();
        match tag {
            Tag::Paragraph | Tag::CodeBlock(_) | Tag::Table(_) | Tag::HtmlBlock => {
                self.gap = is_apart;
            }
            Tag::Heading { .. } => {
                self.gap = is_apart;
                self.strong += 1;
            }
            Tag::Strong => self.strong += 1,
            Tag::Emphasis => self.emphasis += 1,
            Tag::List(first) => {
                self.gap = is_apart;
                self.break_line();
                self.lists.push(*first);
            }
            Tag::Item => {
                let depth = self.lists.len().saturating_sub(1);
                let mark = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        let mark = format!("{number}. ");
                        *number = number.saturating_add(1);
                        mark
                    }
                    _ => "\u{2022} ".to_owned(),
                };
                self.text(&format!("{}{mark}", "  ".repeat(depth)), false);
            }
            Tag::BlockQuote(_) => self.text("> ", false),
            _ => {}
        }
    }

    fn close(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Strong => self.strong = self.strong.saturating_sub(1),
            TagEnd::Emphasis => self.emphasis = self.emphasis.saturating_sub(1),
            TagEnd::TableCell => self.text("  ", false),
            TagEnd::Heading(_) => {
                self.strong = self.strong.saturating_sub(1);
                self.break_line();
            }
            TagEnd::List(_) => {
                self.lists.pop();
            }
            TagEnd::Paragraph
            | TagEnd::Item
            | TagEnd::TableHead
            | TagEnd::TableRow
            | TagEnd::CodeBlock
            | TagEnd::HtmlBlock => self.break_line(),
            _ => {}
        }
    }

    fn text(&mut self, text: &str, code: bool) {
        if std::mem::take(&mut self.gap) {
            self.lines.push(Vec::new());
        }
        for (number, part) in text.split('\n').enumerate() {
            if number > 0 {
                self.break_line();
            }
            if !part.is_empty() {
                self.line.push(Run {
                    text: part.to_owned(),
                    strong: self.strong > 0,
                    emphasis: self.emphasis > 0,
                    code,
                });
            }
        }
    }

    fn break_line(&mut self) {
        if !self.line.is_empty() {
            self.lines.push(std::mem::take(&mut self.line));
        }
    }
}

/// The text as HTML that does nothing but show it.
pub fn to_html(text: &str) -> String {
    let safe = Parser::new_ext(text, options()).filter_map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
        // Its description stays as text: what a card shows lies in the vault, not at an address.
        Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => None,
        Event::Start(Tag::Link {
            link_type,
            dest_url,
            title,
            id,
        }) => Some(Event::Start(Tag::Link {
            link_type,
            dest_url: if leads_to_the_web(&dest_url) {
                dest_url
            } else {
                CowStr::Borrowed("#")
            },
            title,
            id,
        })),
        Event::SoftBreak => Some(Event::HardBreak),
        event => Some(event),
    });
    let mut out = String::new();
    html::push_html(&mut out, safe);
    out
}

fn leads_to_the_web(address: &str) -> bool {
    let address = address.to_ascii_lowercase();
    let allowed = ["https://", "http://", "mailto:"];
    allowed.iter().any(|begin| address.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let run = |run: &Run| match (run.strong, run.emphasis, run.code) {
            (true, ..) => format!("[b:{}]", run.text),
            (_, true, _) => format!("[i:{}]", run.text),
            (_, _, true) => format!("[c:{}]", run.text),
            _ => run.text.clone(),
        };
        let line = |line: &Vec<Run>| line.iter().map(run).collect();
        lines(text).iter().map(line).collect()
    }

    #[test]
    fn lines_for_a_terminal() {
        let poem = "# Peru\n\nLima is **big**\nand *old*";
        assert_eq!(
            told(poem),
            ["[b:Peru]", "", "Lima is [b:big]", "and [i:old]"]
        );
        let list = "a\n\n- one\n- two\n  1. x\n\nb";
        let wanted = ["a", "", "\u{2022} one", "\u{2022} two", "  1. x", "", "b"];
        assert_eq!(told(list), wanted);
        let math = "$x^2$ and $$y_1$$ and `c`";
        assert_eq!(told(math), ["[c:$x^2$] and [c:$$y_1$$] and [c:c]"]);
        assert_eq!(told("<b>no</b> 2 < 3"), ["<b>no</b> 2 < 3"]);
        assert!(lines("").is_empty());
    }

    #[test]
    fn html_shows_and_does_nothing() {
        let html = to_html(
            "<script>alert(1)</script>\n\n**x** [a](javascript:alert(1)) ![cat](http://t.example/x.png) [ok](https://example.org)",
        );
        for bad in ["<script", "javascript:", "<img"] {
            assert!(!html.contains(bad), "{html}");
        }
        for good in ["<strong>x</strong>", "https://example.org", "cat"] {
            assert!(html.contains(good), "{html}");
        }
        assert!(to_html("$a<b$").contains("a&lt;b"));
    }
}
