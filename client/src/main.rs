//! The `memoryvault` command: hands its arguments to the command line in `cli` and turns the answer into an exit code.

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    cli::run(std::env::args_os().collect())
}
