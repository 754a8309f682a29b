//! The distribution function of a latency at the bounds of the histogram, remembered.
//!
//! It takes a logarithm and an error function for each bound and depends on five numbers only, which stay the same
//! from slot to slot as long as no noise moves them. So each set of pods keeps the last one.
//!
//! Trap: the table is used for exactly those numbers and no others, so that what is remembered changes nothing.

use super::super::instruments::BOUNDS;
use super::serve::Latency;

/// Finite bounds; the last bucket takes the rest.
const FINITE: usize = BOUNDS.len() - 1;
/// Bounds above which less than this share lies are not worked out in advance: hardly ever is a request left for them.
const NOBODY: f64 = 1e-7;

/// What is known of one latency.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Below {
    /// Multiplier, share of slow requests and their factor, share of waiting requests and their wait; zeros before the
    /// first use, which no latency has.
    of: [f64; 5],
    known: usize,
    below: [f64; FINITE],
}

impl Below {
    /// Makes this the table of `latency`, if it is not already.
    pub(super) fn look_at(&mut self, latency: &Latency<'_>) {
        let (waiting, wait) = latency.wait;
        let of = [latency.multiplier, latency.slow_share, latency.slow_factor, waiting, wait];
        if self.of == of {
            return;
        }
        self.of = of;
        self.known = 0;
        for (place, &bound) in self.below.iter_mut().zip(&BOUNDS[..FINITE]) {
            *place = latency.below(bound);
            self.known += 1;
            if *place > 1.0 - NOBODY {
                break;
            }
        }
    }

    /// The share of requests at or below the bound with this index.
    pub(super) fn at(&self, index: usize, latency: &Latency<'_>) -> f64 {
        match self.below[..self.known].get(index) {
            Some(&known) => known,
            None if index < FINITE => latency.below(BOUNDS[index]),
            None => 1.0,
        }
    }
}
