//! What is made of the definitions of all commands: completions for shells, man pages, and docs/cli.md. Needs no vault.

use std::path::PathBuf;

use clap::CommandFactory;
use clap_complete::Shell;

use super::Line;
use super::desk::Desk;
use super::failure::{Failure, Outcome};
use super::table::count;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum ManualCommand {
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Write man pages into a folder
    Man {
        /// The folder; it is made where it is missing
        folder: PathBuf,
    },
    /// Print all commands and options as Markdown
    Markdown,
}

pub(crate) fn run(desk: Desk<'_>, command: ManualCommand) -> Outcome {
    match command {
        ManualCommand::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Line::command(), "memoryvault", &mut script);
            print(desk, &String::from_utf8_lossy(&script))
        }
        ManualCommand::Man { folder } => man_pages(desk, &folder),
        ManualCommand::Markdown => print(desk, &markdown()),
    }
}

fn print(desk: Desk<'_>, text: &str) -> Outcome {
    text.lines().for_each(|line| desk.screen.line(line));
    Ok(())
}

fn man_pages(desk: Desk<'_>, folder: &std::path::Path) -> Outcome {
    let folder = desk.file(folder)?;
    let failed = |why: std::io::Error| {
        Failure::failed(format!(
            "the man pages cannot be written to {}: {why}",
            folder.display()
        ))
        .hint("name a folder that you may write to")
    };
    std::fs::create_dir_all(&folder).map_err(failed)?;
    clap_mangen::generate_to(Line::command(), &folder).map_err(failed)?;
    let pages = std::fs::read_dir(&folder).map_err(failed)?.count();
    desk.screen.line(format!(
        "Wrote {} to {}.",
        count(u64::try_from(pages).unwrap_or(u64::MAX), "page", "pages"),
        folder.display()
    ));
    desk.screen
        .note("Look at one: man -l FOLDER/memoryvault.1; all at once: export MANPATH=...");
    Ok(())
}

/// Every command and option, from the same definitions that read the command line.
pub(crate) fn markdown() -> String {
    let options = clap_markdown::MarkdownOptions::new()
        .title("memoryvault: every command".to_owned())
        .show_footer(false);
    clap_markdown::help_markdown_custom::<Line>(&options)
}

#[cfg(test)]
mod tests {
    /// The document says what the program takes; `MEMORYVAULT_GOLDEN=write` writes it anew.
    #[test]
    fn the_document_of_all_commands_is_true() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli.md");
        let made = super::markdown();
        if std::env::var_os("MEMORYVAULT_GOLDEN").is_some() {
            std::fs::write(path, &made).expect("the document is written");
        }
        let held = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            held == made,
            "docs/cli.md is not what the program takes; MEMORYVAULT_GOLDEN=write cargo test -p client writes it"
        );
    }
}
