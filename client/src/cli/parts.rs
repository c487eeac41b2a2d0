//! The contents of a card as they stand on the command line: `--front`, `--back`, `--front-image`, `--front-audio`,
//! `--back-image`, `--back-audio`, each as often as wished, in the order typed; `--alt` belongs to the media option
//! before it. clap's derive loses the order between options, so this reads the indices. Opening files is done by `contents`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::ValueParser;
use clap::error::{Error, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueHint, value_parser};
use media::Kind;

/// Which face of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Front,
    Back,
}

/// One item as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Text(String),
    File {
        kind: Kind,
        path: PathBuf,
        alt: Option<String>,
    },
}

/// The items of a new card in the order typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parts(pub(crate) Vec<(Side, Content)>);

const TEXTS: [(&str, Side, &str); 2] = [
    (
        "front",
        Side::Front,
        "Text on the front, in Markdown; `-` reads it from stdin",
    ),
    (
        "back",
        Side::Back,
        "Text on the back, in Markdown; `-` reads it from stdin",
    ),
];
const FILES: [(&str, Side, Kind, &str); 4] = [
    (
        "front-image",
        Side::Front,
        Kind::Image,
        "Picture on the front: JPEG, PNG, WebP or GIF; `-` reads it from stdin",
    ),
    (
        "front-audio",
        Side::Front,
        Kind::Audio,
        "Sound on the front: MP3, WAV, OGG or M4A",
    ),
    ("back-image", Side::Back, Kind::Image, "Picture on the back"),
    ("back-audio", Side::Back, Kind::Audio, "Sound on the back"),
];

impl Args for Parts {
    fn augment_args(command: Command) -> Command {
        let command = TEXTS.iter().fold(command, |command, (name, _, help)| {
            command.arg(option(name, "TEXT", help, value_parser!(String)).allow_hyphen_values(true))
        });
        let command = FILES.iter().fold(command, |command, (name, _, _, help)| {
            command.arg(
                option(name, "FILE", help, value_parser!(OsString)).value_hint(ValueHint::FilePath),
            )
        });
        let help = "What the picture shows, or what is spoken, for the picture or sound before it";
        command.arg(option("alt", "TEXT", help, value_parser!(String)).allow_hyphen_values(true))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn option(name: &'static str, value: &'static str, help: &'static str, parser: ValueParser) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name(value)
        .help(help)
        .action(ArgAction::Append)
        .value_parser(parser)
}

impl FromArgMatches for Parts {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut placed: Vec<(usize, Typed)> = Vec::new();
        for (name, side, _) in TEXTS {
            placed.extend(
                indexed::<String>(matches, name)
                    .map(|(at, text)| (at, Typed::Item(side, Content::Text(text.clone())))),
            );
        }
        for (name, side, kind, _) in FILES {
            placed.extend(indexed::<OsString>(matches, name).map(|(at, path)| {
                (
                    at,
                    Typed::Item(
                        side,
                        Content::File {
                            kind,
                            path: PathBuf::from(path),
                            alt: None,
                        },
                    ),
                )
            }));
        }
        placed.extend(
            indexed::<String>(matches, "alt").map(|(at, text)| (at, Typed::Alt(text.clone()))),
        );
        placed.sort_by_key(|(at, _)| *at);
        join(placed.into_iter().map(|(_, typed)| typed))
            .map_err(|words| Error::raw(ErrorKind::ArgumentConflict, words))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

enum Typed {
    Item(Side, Content),
    Alt(String),
}

/// The values of an option with their places on the line.
fn indexed<'a, T: Clone + Send + Sync + 'static>(
    matches: &'a ArgMatches,
    name: &str,
) -> impl Iterator<Item = (usize, &'a T)> {
    let places = matches.indices_of(name).into_iter().flatten();
    places.zip(matches.get_many::<T>(name).into_iter().flatten())
}

/// Gives each `--alt` to the media option before it.
fn join(typed: impl Iterator<Item = Typed>) -> Result<Parts, String> {
    let mut parts: Vec<(Side, Content)> = Vec::new();
    for word in typed {
        match word {
            Typed::Item(side, content) => parts.push((side, content)),
            Typed::Alt(text) => match parts.last_mut() {
                Some((
                    _,
                    Content::File {
                        alt: alt @ None, ..
                    },
                )) => *alt = Some(text),
                Some((_, Content::File { alt: Some(_), .. })) => {
                    return Err("two --alt stand after one picture or sound\n".to_owned());
                }
                _ => {
                    let options = "--front-image, --front-audio, --back-image or --back-audio";
                    return Err(format!(
                        "--alt must stand after the {options} that it describes\n"
                    ));
                }
            },
        }
    }
    Ok(Parts(parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Vec<(Side, Content)>, String> {
        let command = Parts::augment_args(Command::new("add").no_binary_name(true));
        let matches = command
            .try_get_matches_from(words)
            .map_err(|error| error.to_string())?;
        Parts::from_arg_matches(&matches)
            .map(|parts| parts.0)
            .map_err(|error| error.to_string())
    }

    fn file(kind: Kind, path: &str, alt: Option<&str>) -> Content {
        Content::File {
            kind,
            path: path.into(),
            alt: alt.map(str::to_owned),
        }
    }

    #[test]
    fn items_keep_the_order_of_the_line() {
        let words = [
            "--back",
            "b1",
            "--front-image",
            "a.png",
            "--alt",
            "A flag",
            "--front",
            "-5 degrees",
            "--back-audio=x.mp3",
            "--front",
            "f2",
            "--back",
            "b2",
            "--front-image",
            "c.png",
        ];
        let expected = vec![
            (Side::Back, Content::Text("b1".into())),
            (Side::Front, file(Kind::Image, "a.png", Some("A flag"))),
            (Side::Front, Content::Text("-5 degrees".into())),
            (Side::Back, file(Kind::Audio, "x.mp3", None)),
            (Side::Front, Content::Text("f2".into())),
            (Side::Back, Content::Text("b2".into())),
            (Side::Front, file(Kind::Image, "c.png", None)),
        ];
        assert_eq!(parse(&words), Ok(expected));
    }

    #[test]
    fn a_description_needs_something_to_describe() {
        for words in [
            &["--alt", "x"][..],
            &["--front", "t", "--alt", "x"],
            &["--alt", "x", "--front-image", "a.png"],
            &["--front-image", "a.png", "--front", "t", "--alt", "x"],
        ] {
            let refused = parse(words).expect_err("no medium before it");
            assert!(refused.contains("--alt must stand after"), "{refused}");
        }
        let twice = parse(&["--back-audio", "a.mp3", "--alt", "x", "--alt", "y"])
            .expect_err("two descriptions");
        assert!(twice.contains("two --alt"), "{twice}");
    }
}
