//! The rules of C1 and C2, on counts of windows.
//!
//! C1: one version; fires when its error ratio is above 1 % in three windows running. C2: two versions; fires when C1's
//! rule does for the candidate, or when its p99 is above 1.3 times the stable version's in three windows running. The
//! same is written in `flow_numpy.py`. At 100 requests per second, windows of 15 s, 120 of them and 0.8 % errors, C1
//! fires in 0.484304 of the rollouts, by the Markov chain of the runs of bad windows.

use backout::world::instruments::BOUNDS;

/// Windows of a rollout, and their length in seconds.
pub(crate) const WINDOWS: u64 = 120;
pub(crate) const WINDOW: f64 = 15.0;
/// Requests per second of a version, and the share of them that fail.
pub(crate) const RATE: f64 = 100.0;
pub(crate) const ERRORS: f64 = 0.008;

const LIMIT: f64 = 0.01;
const SLOWER: f64 = 1.3;
const RUNNING: u32 = 3;

/// How many windows running were bad.
#[derive(Default)]
pub(crate) struct Streak {
    now: u32,
    fired: bool,
}

impl Streak {
    fn see(&mut self, bad: bool) {
        self.now = if bad { self.now + 1 } else { 0 };
        self.fired |= self.now >= RUNNING;
    }

    /// C1 sees a window of one version.
    pub(crate) fn errors(&mut self, failed: u64, all: u64) {
        self.see(failed as f64 > LIMIT * all as f64);
    }

    /// C2 sees the latencies of a window, by bucket.
    pub(crate) fn latencies(&mut self, stable: &[u64; BOUNDS.len()], candidate: &[u64; BOUNDS.len()]) {
        self.see(p99(candidate) > SLOWER * p99(stable));
    }

    /// Whether it ever fired.
    pub(crate) fn fired(&self) -> bool {
        self.fired
    }
}

/// The 0.99 quantile by linear interpolation within its bucket, as Prometheus takes it; 0 without requests.
fn p99(buckets: &[u64; BOUNDS.len()]) -> f64 {
    let all: u64 = buckets.iter().sum();
    let rank = 0.99 * all as f64;
    let (mut below, mut lower) = (0.0, 0.0);
    for (&count, &upper) in buckets.iter().zip(&BOUNDS) {
        let upto = below + count as f64;
        if upto >= rank && count > 0 {
            let upper = if upper.is_finite() { upper } else { lower };
            return lower + (upper - lower) * (rank - below) / count as f64;
        }
        (below, lower) = (upto, upper);
    }
    0.0
}
