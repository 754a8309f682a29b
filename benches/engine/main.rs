//! The agenda against a hand-written loop over std's binary heap, side by side in one run.
//!
//! Each group runs the same model with the same draws over both lists; `agenda` goes through the public API
//! (`run_until`, an event enum), `std_heap` is what one would write by hand. Ratios within a group are the figures to
//! quote; absolute ones belong to the machine and the minute.

mod graph;
mod hold;
mod mm1;
mod models;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500));
    targets = hold::hold, hold::ties, hold::phold, mm1::mm1, graph::graph
}
criterion_main!(benches);
