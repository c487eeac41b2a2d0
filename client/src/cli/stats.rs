//! `memoryvault stats`: what was studied, how well, and what is to come; as a summary, as JSON, or as pictures in a folder.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use client::chart::{self, Chart};
use domain::limit;
use serde_json::json;

use super::desk::Desk;
use super::failure::{Failure, Outcome};
use super::table::clean;

/// Files are as readable as the person's umask lets new ones be.
const FILE_MODE: u32 = 0o666;

#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// Only this deck, by name or id; may be given several times
    #[arg(long, value_name = "DECK")]
    deck: Vec<String>,

    /// Days to look back, today included
    #[arg(long, value_name = "N", default_value_t = limit::STATISTICS_DAYS,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(limit::STATISTICS_DAYS_MAX)))]
    days: u32,

    /// Write the charts as SVG files into this folder
    #[arg(long, value_name = "DIR")]
    svg: Option<PathBuf>,
}

pub(crate) fn run(mut desk: Desk<'_>, args: StatsArgs) -> Outcome {
    let opened = desk.open()?;
    let vault = opened.lock()?;
    let decks = args.deck.iter().map(|deck| vault.deck_find(deck));
    let decks = decks.collect::<Result<Vec<_>, _>>()?;
    let statistics = vault.statistics(&decks, args.days)?;
    drop(vault);
    if let Some(folder) = &args.svg {
        let folder = desk.file(folder)?;
        let written = write_all(&folder, &chart::all(&statistics))?;
        return desk.show(&json!({ "files": written }), |screen| {
            for file in &written {
                screen.line(clean(&file.display().to_string()));
            }
        });
    }
    desk.show(&statistics, |screen| {
        for line in chart::plain(&statistics) {
            match line {
                chart::Line::Heading(text) => {
                    let text = screen.bold(&text);
                    screen.line(text);
                }
                chart::Line::Text(text) => screen.line(text),
            }
        }
    })
}

fn write_all(folder: &Path, charts: &[Chart]) -> Outcome<Vec<PathBuf>> {
    fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    let written = charts.iter().map(|chart| {
        let path = folder.join(format!("{}.svg", chart.name));
        write(folder, &path, &chart.svg).map_err(|error| unwritable(&path, &error))?;
        Ok(path)
    });
    written.collect()
}

/// Beside its place, then renamed: whoever looks at the folder meanwhile sees whole pictures.
fn write(folder: &Path, path: &Path, svg: &str) -> std::io::Result<()> {
    let mut file = tempfile::Builder::new()
        .permissions(Permissions::from_mode(FILE_MODE))
        .tempfile_in(folder)?;
    file.write_all(svg.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("{} cannot be written: {error}", path.display()))
        .hint("name a folder that you may write to: memoryvault stats --svg DIR")
}
