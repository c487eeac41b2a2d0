//! File names as text to show: cleaned, never used as a path. Also finds a name's extension.

use crate::limit::NAME_BYTES_MAX;
use crate::mime::Mime;

/// What stands in for a name of which nothing is left.
const UNNAMED: &str = "unnamed";

/// Longest extension that survives when a long name is cut, in bytes.
const EXTENSION_BYTES_MAX: usize = 16;

/// Makes a file name safe to show: the last part of a path only, without control characters, invisible marks and
/// characters that change the reading direction; runs of white space become one space; at most
/// [`NAME_BYTES_MAX`] bytes, cut before the extension. Never empty.
#[must_use]
pub fn clean_name(name: &str) -> String {
    let last = name
        .rsplit(['/', '\\'])
        .find(|part| !part.trim().is_empty())
        .unwrap_or_default();
    let visible: String = last
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| is_shown(*c))
        .collect();
    let words: Vec<&str> = visible.split(' ').filter(|word| !word.is_empty()).collect();
    let joined = words.join(" ");
    let cut = shorten(&joined);
    if cut.trim_matches('.').is_empty() {
        UNNAMED.to_owned()
    } else {
        cut
    }
}

/// Gives the extension of a cleaned name, without its dot. A name that only begins with a dot has none.
pub(crate) fn extension(name: &str) -> Option<&str> {
    name.rsplit_once('.')
        .filter(|(stem, end)| !stem.is_empty() && !end.is_empty())
        .map(|(_, end)| end)
}

/// Gives a cleaned name whose extension fits this type: the one it has, or the type's usual one in its place. A name without
/// an extension promises nothing and stays.
pub(crate) fn with_extension(name: String, mime: Mime) -> String {
    match extension(&name) {
        Some(end) if Mime::from_extension(end) != Some(mime) => {
            let stem = name.get(..name.len() - end.len()).unwrap_or(&name);
            clean_name(&format!("{stem}{}", mime.usual_extension()))
        }
        _ => name,
    }
}

/// Cuts a name to the bound, keeping a short extension and whole characters.
fn shorten(name: &str) -> String {
    if name.len() <= NAME_BYTES_MAX {
        return name.to_owned();
    }
    let tail = extension(name).filter(|end| end.len() <= EXTENSION_BYTES_MAX);
    let tail_bytes = tail.map_or(0, |end| end.len() + 1);
    let mut room = NAME_BYTES_MAX - tail_bytes;
    let stem = name.get(..name.len() - tail_bytes).unwrap_or(name);
    while !stem.is_char_boundary(room) {
        room -= 1;
    }
    let mut out = stem.get(..room).unwrap_or_default().trim_end().to_owned();
    if let Some(end) = tail {
        out.push('.');
        out.push_str(end);
    }
    out
}

/// False for what a reader cannot see or what reorders the text around it.
fn is_shown(c: char) -> bool {
    let hidden = c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    !hidden
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_cleaned() {
        let check =
            |input: &str, expected: &str| assert_eq!(clean_name(input), expected, "{input:?}");
        check("cat.jpg", "cat.jpg");
        check("../../etc/passwd", "passwd");
        check("C:\\Users\\me\\cat.jpg", "cat.jpg");
        check("a/b/", "b");
        check("", "unnamed");
        check("..", "unnamed");
        check("/", "unnamed");
        check("a\0b\n\tc.png", "ab c.png");
        check("cat\u{202e}gpj.exe", "catgpj.exe");
        check("  two   words .gif ", "two words .gif");
        check("Ñandú – naïve 猫.webp", "Ñandú – naïve 猫.webp");
        check("\u{feff}\u{200b}", "unnamed");
    }

    #[test]
    fn a_long_name_keeps_its_extension() {
        let name = clean_name(&format!("{}.jpeg", "猫".repeat(2_000)));
        assert!(
            name.len() <= NAME_BYTES_MAX && name.ends_with("猫.jpeg"),
            "{name}"
        );
        let odd = clean_name(&format!("a.{}", "x".repeat(4_000)));
        assert_eq!(odd.len(), NAME_BYTES_MAX);
    }

    #[test]
    fn extensions() {
        assert_eq!(extension("a.b.PNG"), Some("PNG"));
        for none in ["", "png", ".png", "a."] {
            assert_eq!(extension(none), None, "{none}");
        }
    }

    #[test]
    fn a_name_follows_its_type() {
        let check = |name: &str, mime, expected: &str| {
            assert_eq!(with_extension(name.to_owned(), mime), expected);
        };
        check("cat.png", Mime::Jpeg, "cat.jpg");
        check("cat.JPEG", Mime::Jpeg, "cat.JPEG");
        check("a.b.wav", Mime::Mp3, "a.b.mp3");
        check("cat", Mime::Webp, "cat");
        let long = clean_name(&format!("{}.png", "猫".repeat(2_000)));
        let changed = with_extension(long, Mime::Webp);
        assert!(changed.ends_with("猫.webp") && changed.len() <= NAME_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn any_name_becomes_short_plain_and_stable(name in any::<String>()) {
            let clean = clean_name(&name);
            prop_assert!(!clean.is_empty() && clean.len() <= NAME_BYTES_MAX);
            prop_assert!(clean.chars().all(is_shown) && !clean.contains(['/', '\\']));
            prop_assert_eq!(clean_name(&clean), clean);
        }
    }
}
