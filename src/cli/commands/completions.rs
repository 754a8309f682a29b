//! `backout completions`: a script for a shell.

use clap::CommandFactory as _;

use super::super::args::{Args, Completions, Global};
use super::super::exit::Failure;

pub(super) fn run(global: &Global, completions: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut Args::command(), "backout", &mut script);
    super::sink(global)?.write(&script)
}
