//! `backout report`: what a run store holds, as a report.

use super::super::args::{Global, Report, SCORE_FORMATS};
use super::super::exit::Failure;
use super::super::store::RunStore;

pub(super) fn run(global: &Global, report: &Report) -> Result<(), Failure> {
    let format = super::format(global, &SCORE_FORMATS)?;
    let sink = super::sink(global)?;
    RunStore::read(&report.store)?.write(format, sink)
}
