//! The command line: raw arguments to a resolved plan to one file per command.
//!
//! The only place with an environment, files, standard streams, clocks and exit codes. The result of a command goes to
//! stdout (or `--out`), everything else to stderr; a reader that closes the pipe early is no error; an aborted run
//! never exits with 0.
//!
//! Traps: standard input can be read once, so `-` may stand for one file only; output files are opened before a run,
//! not after it, so that a wrong path costs a second and not an hour.

pub mod args;
mod chaos;
mod commands;
mod doubts;
pub mod exit;
mod files;
mod inputs;
mod lint_inputs;
pub mod plan;
pub mod process;
mod progress;
mod repeat;
mod results;
mod rewrite;
mod sides;
mod store;
mod ui;

use std::process::ExitCode;

use clap::Parser as _;

use args::Args;
use exit::Failure;
use ui::Ui;

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let words: Vec<std::ffi::OsString> = std::env::args_os().collect();
    let args = match Args::try_parse_from(&words) {
        Ok(args) => args,
        Err(error) => return parse_failed(&error),
    };
    args.global.color.write_global();
    let ui = Ui::new(&args.global);
    match commands::dispatch(args, &ui, &repeat::Invocation::of(&words)) {
        Ok(()) => ExitCode::from(exit::OK),
        Err(failure) => {
            ui.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Help and version are results, everything else is a usage error; both are already worded.
fn parse_failed(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::OK })
}

/// The failure of writing to a stream.
fn output_failure(error: std::io::Error, to: &str) -> Failure {
    if error.kind() == std::io::ErrorKind::BrokenPipe {
        Failure::BrokenPipe
    } else {
        Failure::Output(format!("{to} could not be written: {error}"))
    }
}
