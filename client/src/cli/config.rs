//! `memoryvault config`, and the file behind it: wishes that a person has once, for every command. An option counts before the
//! environment, the environment before the file, the file before what is built in.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::desk::Desk;
use super::failure::{Failure, Outcome};
use super::table::{Align, clean, lines};

/// A longer file is no settings of ours.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// What the file says. The environment variable of each stands in `KEYS`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The vault's folder.
    pub(crate) vault: Option<PathBuf>,
    /// Whether output is coloured at a terminal.
    pub(crate) colour: Option<bool>,
    /// `study` line by line.
    pub(crate) plain: Option<bool>,
    /// How pictures are drawn.
    pub(crate) pictures: Option<Pictures>,
    /// The player for sounds and its arguments.
    pub(crate) player: Option<String>,
}

/// How pictures are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Pictures {
    Kitty,
    Iterm,
    Sixel,
    Blocks,
    None,
}

impl Pictures {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Kitty => "kitty",
            Self::Iterm => "iterm",
            Self::Sixel => "sixel",
            Self::Blocks => "blocks",
            Self::None => "none",
        }
    }
}

/// A key of the file.
struct Key {
    name: &'static str,
    variable: Option<&'static str>,
    built_in: &'static str,
    words: &'static str,
    /// Whether its values are written without quotes.
    is_bool: bool,
}

const fn key(
    name: &'static str,
    variable: Option<&'static str>,
    built_in: &'static str,
    is_bool: bool,
    words: &'static str,
) -> Key {
    Key {
        name,
        variable,
        built_in,
        words,
        is_bool,
    }
}

const KEYS: [Key; 5] = [
    key(
        "vault",
        Some("MEMORYVAULT_HOME"),
        "",
        false,
        "the vault's folder",
    ),
    key(
        "colour",
        Some("NO_COLOR"),
        "true",
        true,
        "colours at a terminal",
    ),
    key("plain", None, "false", true, "study line by line"),
    key(
        "pictures",
        Some("MEMORYVAULT_PICTURES"),
        "",
        false,
        "kitty, iterm, sixel, blocks or none",
    ),
    key(
        "player",
        Some("MEMORYVAULT_PLAYER"),
        "",
        false,
        "the player for sounds and its arguments",
    ),
];

static PRESENT: OnceLock<Config> = OnceLock::new();

/// The wishes of the person of this process; none before they were read.
pub(crate) fn present() -> &'static Config {
    static NONE: Config = Config {
        vault: None,
        colour: None,
        plain: None,
        pictures: None,
        player: None,
    };
    PRESENT.get().unwrap_or(&NONE)
}

/// Reads the file once for this process.
///
/// # Errors
/// It cannot be understood; nothing of it counts then.
pub(crate) fn read_once() -> Outcome {
    if let Some(path) = path() {
        let config = parse(&path, &text(&path)?)?;
        // A second reading would find the same.
        PRESENT.set(config).ok();
    }
    Ok(())
}

/// Where the file is, or would be; nowhere without a home.
fn path() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let base = variable("XDG_CONFIG_HOME")
        .filter(|folder| folder.is_absolute())
        .or_else(|| variable("HOME").map(|home| home.join(".config")))?;
    Some(base.join("memoryvault/config.toml"))
}

/// What stands in the file; nothing when it is not there.
fn text(path: &Path) -> Outcome<String> {
    let mut text = String::new();
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text));
    match read {
        // A file that this person may not read is another person's, whose home this process was given.
        Err(why)
            if ![
                std::io::ErrorKind::NotFound,
                std::io::ErrorKind::PermissionDenied,
            ]
            .contains(&why.kind()) =>
        {
            Err(Failure::usage(format!(
                "the settings in {} cannot be read: {why}",
                path.display()
            )))
        }
        _ if text.len() as u64 > FILE_BYTES_MAX => Err(Failure::usage(format!(
            "{} has more than {FILE_BYTES_MAX} bytes; these are no settings of this program",
            path.display()
        ))),
        _ => Ok(text),
    }
}

fn parse(path: &Path, text: &str) -> Outcome<Config> {
    toml::from_str(text).map_err(|why| {
        let line = why.span().map_or(0, |span| {
            text.get(..span.start).unwrap_or_default().matches('\n').count() + 1
        });
        Failure::usage(format!(
            "line {line} of {} cannot be used: {}",
            path.display(),
            why.message()
        ))
        .hint("mend the line, or let it be written: memoryvault config set KEY VALUE; memoryvault config list names the keys")
    })
}

#[derive(Debug, clap::Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print where the file is
    Path,
    /// List all keys, what they say, and where that comes from
    List,
    /// Write a key into the file
    Set {
        /// The key
        key: String,
        /// Its value
        value: String,
    },
    /// Take a key out of the file
    Unset {
        /// The key
        key: String,
    },
}

/// A key as it is listed.
#[derive(Serialize)]
struct Row {
    key: &'static str,
    value: String,
    /// `environment`, `file` or `default`.
    from: &'static str,
    about: &'static str,
}

pub(crate) fn run(mut desk: Desk<'_>, command: ConfigCommand) -> Outcome {
    let path = path().ok_or_else(|| {
        Failure::usage("no folder for the settings is known: $HOME is not set")
            .hint("set HOME or XDG_CONFIG_HOME")
    })?;
    match command {
        ConfigCommand::Path => {
            let shown = path.display().to_string();
            desk.show(&serde_json::json!({ "path": shown }), |screen| {
                screen.line(&shown)
            })
        }
        ConfigCommand::List => list(desk, &path),
        ConfigCommand::Set { key, value } => change(&mut desk, &path, &key, Some(&value)),
        ConfigCommand::Unset { key } => change(&mut desk, &path, &key, None),
    }
}

fn list(desk: Desk<'_>, path: &Path) -> Outcome {
    let text = text(path)?;
    if let Err(failure) = parse(path, &text) {
        // The keys are told all the same: who mends the file needs them.
        desk.screen.warn(failure.lines().join(" "));
    }
    let table: toml::Table = toml::from_str(&text).unwrap_or_default();
    let row = |key: &Key| {
        let variable = key
            .variable
            .and_then(std::env::var_os)
            .filter(|value| !value.is_empty());
        let (value, from) = match (variable, table.get(key.name)) {
            // Whatever it says, it takes the colours.
            (Some(_), _) if key.is_bool => ("false".to_owned(), "environment"),
            (Some(value), _) => (value.to_string_lossy().into_owned(), "environment"),
            (None, Some(toml::Value::String(text))) => (text.clone(), "file"),
            (None, Some(value)) => (value.to_string(), "file"),
            (None, None) => (key.built_in.to_owned(), "default"),
        };
        Row {
            key: key.name,
            value,
            from,
            about: key.words,
        }
    };
    let rows: Vec<Row> = KEYS.iter().map(row).collect();
    if desk.screen.is_json() {
        return desk.screen.objects(&rows);
    }
    let cells = |row: &Row| {
        let (key, from, about) = (
            row.key.to_owned(),
            row.from.to_owned(),
            row.about.to_owned(),
        );
        vec![key, clean(&row.value), from, about]
    };
    let cells: Vec<Vec<String>> = rows.iter().map(cells).collect();
    lines(&[Align::Left; 4], &cells)
        .iter()
        .for_each(|line| desk.screen.line(line));
    Ok(())
}

/// Writes the file with the line of one key changed: all other lines, comments too, stay.
fn change(desk: &mut Desk<'_>, path: &Path, name: &str, value: Option<&str>) -> Outcome {
    let key = KEYS.iter().find(|key| key.name == name);
    let new = match (value, key) {
        (None, _) => None,
        (Some(value), Some(key)) if key.is_bool => Some(format!("{name} = {value}")),
        (Some(value), Some(_)) => Some(format!("{name} = {}", toml::Value::from(value))),
        (Some(_), None) => {
            let known = KEYS.map(|key| key.name).join(", ");
            let unknown = format!("there is no setting {}; there are {known}", clean(name));
            return Err(Failure::usage(unknown).hint("memoryvault config list"));
        }
    };
    if let Some(line) = &new {
        parse(Path::new("what was typed"), line).map_err(|failure| {
            failure.hint(format!("{name}: {}", key.map_or("", |key| key.words)))
        })?;
    }
    let old = text(path)?;
    let is_its = |line: &str| {
        line.split_once('=')
            .is_some_and(|(held, _)| held.trim().trim_matches('"') == name)
    };
    let mut rest: Vec<&str> = old.lines().filter(|line| !is_its(line)).collect();
    rest.extend(new.as_deref());
    let written = rest
        .iter()
        .map(|line| format!("{line}\n"))
        .collect::<String>();
    // Nothing is written that would not be understood: another line is broken, or a value goes over several lines.
    parse(path, &written).map_err(|failure| {
        failure.hint(format!(
            "nothing was written; mend that line in {}",
            path.display()
        ))
    })?;
    put(path, &written).map_err(|why| {
        Failure::failed(format!(
            "the settings cannot be written to {}: {why}",
            path.display()
        ))
    })?;
    desk.show(
        &serde_json::json!({ "key": name, "value": value }),
        |screen| {
            screen.line(match value {
                Some(value) => format!("{name} is {} now.", clean(value)),
                None => format!("{name} is as built in again."),
            });
        },
    )
}

/// Whole or not at all.
fn put(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
