//! A window of values of candidate and control, in order: what rank judges look at.

use std::collections::VecDeque;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::detect::Sample;
use crate::stats::running_ranks::{RunningRanks, Which};

/// Which samples are judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// The newest `window` of them.
    #[default]
    Newest,
    /// All since the start, once there are `window`; at most the newest 10000.
    All,
}

/// The most samples of either arm that are kept.
pub const MOST: u32 = 10_000;

/// A window at work.
#[derive(Clone, Debug)]
pub struct Pairs {
    window: usize,
    most: usize,
    values: VecDeque<(f64, f64)>,
    ranks: RunningRanks,
}

impl Pairs {
    /// An empty window of `window` samples.
    pub fn new(window: u32, keep: Keep) -> Self {
        let window = window.clamp(1, MOST);
        let most = if keep == Keep::All { MOST } else { window };
        Pairs {
            window: window as usize,
            most: most as usize,
            values: VecDeque::new(),
            ranks: RunningRanks::default(),
        }
    }

    /// Takes in a pair of values; the two samples once there are enough.
    pub fn take(&mut self, sample: &Sample<'_>) -> Option<&RunningRanks> {
        if let Sample::Values { candidate, control } = *sample
            && candidate.is_finite()
            && control.is_finite()
        {
            self.push(candidate, control);
        }
        (self.values.len() >= self.window).then_some(&self.ranks)
    }

    fn push(&mut self, candidate: f64, control: f64) {
        self.values.push_back((candidate, control));
        self.ranks.add(Which::First, candidate);
        self.ranks.add(Which::Second, control);
        if self.values.len() > self.most
            && let Some((candidate, control)) = self.values.pop_front()
        {
            self.ranks.remove(Which::First, candidate);
            self.ranks.remove(Which::Second, control);
        }
    }

    /// Forgets all.
    pub fn reset(&mut self) {
        self.values.clear();
        self.ranks = RunningRanks::default();
    }
}
