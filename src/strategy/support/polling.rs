//! How the processes that serve a model come to serve another version: each asks the registry once a polling interval, and then
//! takes a while to load what it found.
//!
//! The phases of the processes are uniform, as with every poll (see [`drift`](super::drift)), and all of them take the same
//! time to load. So the share that has *found* a version grows linearly from the change on, and the share that *serves* it
//! does the same one loading time later.
//!
//! Traps: who has found a version loads and serves it, even if the registry names another one meanwhile; it comes
//! back at its next poll, one interval after the last, plus the time to load. A rollback in the first seconds therefore
//! does not keep users from the new model, and every change takes an interval and a loading time until the last process
//! has followed.

use super::drift::{Drift, Ladder};
use crate::quantity::Ratio;
use crate::time::SimDuration;

/// Steps in which those who are still loading when a change is taken back finish.
const STEPS: u64 = 10;

/// How often processes ask, and how long they load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Polling {
    /// Polling interval.
    pub poll: SimDuration,
    /// Time from finding a version to answering with it.
    pub load: SimDuration,
}

/// Shares that hold for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Following {
    /// Share (0 to 1) of the processes that has found the new version.
    pub found: f64,
    /// Share (0 to 1) that serves it.
    pub loaded: f64,
    /// Until this long after the change; `None` for the last.
    pub until: Option<SimDuration>,
}

impl Polling {
    fn drift(&self) -> Drift {
        Drift { period: self.poll, late: Ratio::ZERO, late_period: self.poll }
    }

    /// Time since those who asked first have loaded; none before that.
    fn since_loaded(&self, elapsed: SimDuration) -> Option<SimDuration> {
        (elapsed >= self.load).then(|| elapsed.saturating_sub(self.load))
    }

    /// Time from a change until the last process follows it.
    pub fn longest(&self) -> SimDuration {
        self.poll + self.load
    }

    /// The shares this long after the registry began to name the new version.
    pub fn forth(&self, elapsed: SimDuration) -> Following {
        let found = self.drift().forth(0.0, 1.0, elapsed);
        let (loaded, until) = match self.since_loaded(elapsed) {
            None => (0.0, Some(self.load)),
            Some(since) => {
                let stage = self.drift().forth(0.0, 1.0, since);
                (stage.share, stage.until.map(|until| until + self.load))
            }
        };
        Following { found: found.share, loaded, until: sooner(found.until, until) }
    }

    /// The shares this long after the registry began to name another version again; `found` and `loaded` were those of that
    /// moment.
    pub fn back(&self, found: f64, loaded: f64, elapsed: SimDuration) -> Following {
        let ladder = Ladder::whole(self.drift());
        let asked = ladder.back(found, elapsed);
        let (serving, until) = match self.since_loaded(elapsed) {
            None => {
                let width = SimDuration::from_nanos((self.load.as_nanos() / STEPS).max(1));
                let step = elapsed.as_nanos() / width.as_nanos();
                let middle = (step as f64 + 0.5) * width.as_secs_f64();
                let finished = loaded + middle / self.poll.as_secs_f64().max(1e-9);
                (finished.min(found), Some((width * (step + 1)).min(self.load)))
            }
            Some(since) => {
                let stage = ladder.back(found, since);
                (stage.share, stage.until.map(|until| until + self.load))
            }
        };
        Following { found: asked.share, loaded: serving, until: sooner(asked.until, until) }
    }
}

fn sooner(a: Option<SimDuration>, b: Option<SimDuration>) -> Option<SimDuration> {
    [a, b].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(seconds: u64) -> SimDuration {
        SimDuration::from_secs(seconds)
    }

    const POLLING: Polling = Polling { poll: SimDuration::from_secs(60), load: SimDuration::from_secs(20) };

    #[test]
    fn half_have_found_it_after_half_an_interval_and_serve_it_one_loading_time_later() {
        let half = POLLING.forth(secs(30));
        assert!((half.found - 0.5).abs() < 0.01 && (half.loaded - 1.0 / 6.0).abs() < 0.01, "{half:?}");
        let later = POLLING.forth(secs(50));
        assert!((later.loaded - 0.5).abs() < 0.01, "{later:?}");
        assert_eq!(POLLING.forth(secs(80)), Following { found: 1.0, loaded: 1.0, until: None });
        assert_eq!(POLLING.forth(SimDuration::ZERO).loaded, 0.0);
    }

    #[test]
    fn who_was_loading_serves_it_all_the_same_and_comes_back_an_interval_later() {
        // Taken back 30 s after the change: half have found it, a sixth serves it.
        let at = POLLING.forth(secs(30));
        let soon = POLLING.back(at.found, at.loaded, secs(19));
        assert!(soon.loaded > 0.45 && soon.loaded <= at.found, "{soon:?}");
        // The first of them asks again 60 s after it asked, 30 s after the change was taken back, and loads.
        let before = POLLING.back(at.found, at.loaded, secs(49));
        assert!((before.loaded - at.found).abs() < 0.02, "{before:?}");
        let half = POLLING.back(at.found, at.loaded, secs(65));
        assert!((half.loaded - 0.25).abs() < 0.02, "{half:?}");
        let end = POLLING.back(at.found, at.loaded, secs(80));
        assert_eq!(end, Following { found: 0.0, loaded: 0.0, until: None });
        assert_eq!(POLLING.back(0.0, 0.0, secs(80)).until, None);
    }

    #[test]
    fn shares_depend_on_the_time_only_and_every_step_ends() {
        for back in [false, true] {
            let of = |elapsed| if back { POLLING.back(0.5, 0.2, elapsed) } else { POLLING.forth(elapsed) };
            let (mut at, mut steps) = (SimDuration::ZERO, 0);
            while let Some(until) = of(at).until {
                assert!(until > at, "{at}");
                let inside = SimDuration::from_nanos((at.as_nanos() + until.as_nanos()) / 2);
                assert_eq!(of(at), Following { until: of(inside).until, ..of(inside) }, "{at}");
                (at, steps) = (until, steps + 1);
            }
            assert!(at == POLLING.longest() && steps < 200, "{at} {steps}");
        }
    }
}
