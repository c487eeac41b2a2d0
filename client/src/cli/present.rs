//! Pictures and sounds on the terminal where the person is. A picture is read by the media worker of this process and drawn by a
//! library in the way the terminal knows; a sound is handed to a player that the person has.

use std::ffi::OsString;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use image::{DynamicImage, RgbaImage};
use media_worker::{Pixels, Worker};

use super::config;

/// How pictures are drawn: `kitty`, `iterm`, `sixel`, `blocks` or `none`. Without it the terminal's own name decides.
const PICTURES_VARIABLE: &str = "MEMORYVAULT_PICTURES";

/// The player and its arguments, split at blanks; the file's name comes last. Empty for none.
const PLAYER_VARIABLE: &str = "MEMORYVAULT_PLAYER";

/// Players that are looked for when none is named, the first that is installed.
const PLAYERS: [&[&str]; 4] = [
    &["mpv", "--no-video", "--really-quiet"],
    &["ffplay", "-nodisp", "-autoexit", "-loglevel", "quiet"],
    &["mpg123", "--quiet"],
    &["play", "-q"],
];

/// Pixels of a picture that is drawn with the terminal's own graphics.
const GRAPHICS_SIDE_PX: u32 = 800;

/// Rows of the terminal that a picture may take: the question stays in sight.
const PICTURE_ROWS_MAX: u32 = 20;

/// How a terminal draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drawing {
    Kitty,
    Iterm,
    Sixel,
    Blocks,
}

/// A sound that is playing; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Player(Child);

impl Player {
    /// Waits until the sound has been heard.
    pub(crate) fn finish(mut self) {
        self.0.wait().ok();
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Draws a picture below what was written. What cannot be drawn was described in words already.
pub(crate) fn draw(path: &Path) {
    let Some(drawing) = drawing(variable) else {
        return;
    };
    let Some(pixels) = pixels(path) else {
        return;
    };
    let (width, height) = (pixels.width_px, pixels.height_px);
    let Some(picture) = RgbaImage::from_raw(width, height, pixels.rgba) else {
        return;
    };
    let (columns, rows) = viuer::terminal_size();
    let rows = u32::from(rows).saturating_sub(2).clamp(1, PICTURE_ROWS_MAX);
    // A character is about twice as high as it is wide.
    let wide = (2 * rows * width).div_ceil(height.max(1));
    let columns = u32::from(columns).max(1);
    let config = viuer::Config {
        absolute_offset: false,
        transparent: true,
        use_kitty: drawing == Drawing::Kitty,
        use_iterm: drawing == Drawing::Iterm,
        use_sixel: drawing == Drawing::Sixel,
        width: (wide > columns).then_some(columns),
        height: (wide <= columns).then_some(rows),
        ..viuer::Config::default()
    };
    if let Err(error) = viuer::print(&DynamicImage::ImageRgba8(picture), &config) {
        tracing::debug!(%error, "a picture was not drawn");
    }
}

/// The pixels of a picture for whoever draws it with coloured cells; none when pictures are not wanted.
pub(crate) fn picture(path: &Path) -> Option<RgbaImage> {
    drawing(variable)?;
    let pixels = pixels(path)?;
    RgbaImage::from_raw(pixels.width_px, pixels.height_px, pixels.rgba)
}

/// A variable of the environment, or what the settings say in its stead.
fn variable(name: &str) -> Option<String> {
    let set = std::env::var(name).ok();
    match name {
        PICTURES_VARIABLE => set.or_else(|| {
            config::present()
                .pictures
                .map(|pictures| pictures.name().to_owned())
        }),
        PLAYER_VARIABLE => set.or_else(|| config::present().player.clone()),
        _ => set,
    }
}

fn pixels(path: &Path) -> Option<Pixels> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| {
            file.take(media::limit::UPLOAD_BYTES_MAX)
                .read_to_end(&mut bytes)
        })
        .ok()?;
    match Worker::of_this_program().map(|worker| worker.pixels(&bytes, GRAPHICS_SIDE_PX)) {
        Ok(Ok(pixels)) => Some(pixels),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a picture was not read");
            None
        }
        Err(error) => {
            tracing::debug!(%error, "this program cannot find itself");
            None
        }
    }
}

/// By what the terminal says of itself: asking it costs a wait for an answer that many never give.
fn drawing(variable: impl Fn(&str) -> Option<String>) -> Option<Drawing> {
    let wish = variable(PICTURES_VARIABLE).unwrap_or_default();
    match wish.as_str() {
        "none" => return None,
        "kitty" => return Some(Drawing::Kitty),
        "iterm" => return Some(Drawing::Iterm),
        "sixel" => return Some(Drawing::Sixel),
        "blocks" => return Some(Drawing::Blocks),
        _ => {}
    }
    let (term, program) = (
        variable("TERM").unwrap_or_default(),
        variable("TERM_PROGRAM").unwrap_or_default(),
    );
    let names = |known: &[&str]| {
        known
            .iter()
            .any(|name| term.contains(name) || program == *name)
    };
    Some(if term == "dumb" {
        return None;
    } else if variable("TMUX").is_some() {
        // What tmux does not know it swallows.
        Drawing::Blocks
    } else if variable("KITTY_WINDOW_ID").is_some() || names(&["kitty", "ghostty", "WezTerm"]) {
        Drawing::Kitty
    } else if names(&["iTerm.app"]) {
        Drawing::Iterm
    } else if names(&["foot", "mlterm", "sixel"]) {
        Drawing::Sixel
    } else {
        Drawing::Blocks
    })
}

/// The words that start the player.
fn player() -> Option<Vec<OsString>> {
    if let Some(words) = variable(PLAYER_VARIABLE) {
        let words: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
        return Some(words).filter(|words| !words.is_empty());
    }
    let paths = std::env::var_os("PATH")?;
    let is_installed =
        |name: &str| std::env::split_paths(&paths).any(|dir| dir.join(name).is_file());
    let found = PLAYERS
        .iter()
        .find(|words| words.first().is_some_and(|name| is_installed(name)))?;
    Some(found.iter().map(OsString::from).collect())
}

/// Begins to play a sound.
///
/// # Errors
/// Words for the person: there is no player, or it does not start.
pub(crate) fn play(path: &Path) -> Result<Player, String> {
    let words = player();
    let Some((program, arguments)) = words.as_deref().and_then(<[OsString]>::split_first) else {
        return Err(format!(
            "no player for sounds is here; install mpv, or name one in {PLAYER_VARIABLE}"
        ));
    };
    Command::new(program)
        .args(arguments)
        .arg(path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(Player)
        .map_err(|error| {
            format!(
                "the player {} does not start: {error}",
                program.to_string_lossy()
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn by(variables: &[(&str, &str)]) -> Option<Drawing> {
        drawing(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_terminal_is_known_by_what_it_says_of_itself() {
        assert_eq!(by(&[("TERM", "xterm-256color")]), Some(Drawing::Blocks));
        assert_eq!(by(&[("TERM", "xterm-kitty")]), Some(Drawing::Kitty));
        assert_eq!(by(&[("TERM_PROGRAM", "WezTerm")]), Some(Drawing::Kitty));
        assert_eq!(by(&[("TERM", "foot-extra")]), Some(Drawing::Sixel));
        assert_eq!(by(&[("TERM_PROGRAM", "iTerm.app")]), Some(Drawing::Iterm));
        assert_eq!(by(&[("TERM", "dumb")]), None);
        let inside = [("TERM", "xterm-kitty"), ("TMUX", "/tmp/tmux")];
        assert_eq!(by(&inside), Some(Drawing::Blocks));
        assert_eq!(
            by(&[("TERM", "dumb"), (PICTURES_VARIABLE, "sixel")]),
            Some(Drawing::Sixel)
        );
        assert_eq!(
            by(&[("TERM", "xterm-kitty"), (PICTURES_VARIABLE, "none")]),
            None
        );
    }
}
