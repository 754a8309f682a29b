//! How clients move to another side by themselves, when they next look where it is.
//!
//! Nobody moves them: a resolver asks again when the answer in its cache has run out, a client asks for its flags once a
//! polling interval. When the change comes, the time since each client's last look is uniform over its interval, so the
//! share that has looked grows linearly with time and is whole after one interval. Some look far less often (resolvers
//! that ignore the time to live, clients that read flags only at their start); they follow the same rule over a longer one.
//!
//! A client does what the side it read at its last look says, so several changes add up: each is worth its size
//! times the share that has looked since. That also gives the way back, and why it is slow: the client that moved first looks
//! again one whole interval after it moved. After a short stay nobody comes back for a while, then all in the order in which
//! they went; the last one takes the whole interval whenever the change is taken back.
//!
//! Traps: a share changes in [`STEPS`] steps an interval, each of them worth the share at its middle, so that the mean
//! over an interval is right; it depends on the time since the change only, whenever and however often it is asked for.

use crate::quantity::Ratio;
use crate::time::SimDuration;

/// Steps in which the clients of one kind move.
pub const STEPS: u64 = 60;

/// How often clients look.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drift {
    /// Interval of those who look as they should: a time to live, a polling interval.
    pub period: SimDuration,
    /// Share of the clients that look less often.
    pub late: Ratio,
    /// Their interval.
    pub late_period: SimDuration,
}

/// The values a change goes through, and how clients find them.
#[derive(Clone, Debug, PartialEq)]
pub struct Ladder {
    /// How often clients look.
    pub drift: Drift,
    /// Shares (0 to 1) of the clients that the new side is meant for, rising.
    pub values: Vec<f64>,
}

/// A share that holds for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// The share, 0 to 1.
    pub share: f64,
    /// Until this long after the change; `None` for the last.
    pub until: Option<SimDuration>,
}

/// Share of the clients with this interval that have looked since a change.
fn looked(elapsed: SimDuration, period: SimDuration) -> f64 {
    if elapsed >= period { 1.0 } else { elapsed.as_secs_f64() / period.as_secs_f64() }
}

impl Drift {
    /// Time until everybody has looked.
    pub fn longest(&self) -> SimDuration {
        if self.late.get() > 0.0 { self.period.max(self.late_period) } else { self.period }
    }

    /// Share of all clients that have looked this long after a change.
    pub fn moved(&self, elapsed: SimDuration) -> f64 {
        if elapsed >= self.longest() {
            return 1.0;
        }
        self.over_kinds(|period| looked(elapsed, period))
    }

    /// The mean over the kinds of clients.
    fn over_kinds(&self, of: impl Fn(SimDuration) -> f64) -> f64 {
        let late = self.late.get();
        (1.0 - late) * of(self.period) + late * of(self.late_period)
    }

    /// The step at this time after a change: its middle and its end; none when everybody has looked.
    fn step(&self, elapsed: SimDuration) -> Option<(SimDuration, SimDuration)> {
        let end = self.longest();
        if elapsed >= end {
            return None;
        }
        // While those who look often still move, their steps; then those of the others.
        let short = if self.late.get() > 0.0 { self.period.min(self.late_period) } else { end };
        let (from, to) = if elapsed < short { (SimDuration::ZERO, short) } else { (short, end) };
        let width = ((to.as_nanos() - from.as_nanos()) / STEPS).max(1);
        let index = (elapsed.as_nanos() - from.as_nanos()) / width;
        let begins = from + SimDuration::from_nanos(width * index);
        let until = (begins + SimDuration::from_nanos(width)).min(to);
        Some((SimDuration::from_nanos((begins.as_nanos() + until.as_nanos()) / 2), until))
    }

    /// Share on the new side this long after its value rose from `before` to `value`.
    pub fn forth(&self, before: f64, value: f64, elapsed: SimDuration) -> Stage {
        match self.step(elapsed) {
            Some((middle, until)) => {
                Stage { share: before + (value - before) * self.moved(middle), until: Some(until) }
            }
            None => Stage { share: value, until: None },
        }
    }

    /// The time after a change at which this share of the clients had looked.
    fn age(&self, share: f64) -> SimDuration {
        let (mut low, mut high) = (0, self.longest().as_nanos());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.moved(SimDuration::from_nanos(middle)) >= share {
                high = middle
            } else {
                low = middle + 1
            }
        }
        SimDuration::from_nanos(low)
    }
}

impl Ladder {
    /// From nobody to everybody in one change.
    pub fn whole(drift: Drift) -> Self {
        Ladder { drift, values: vec![1.0] }
    }

    /// The value a share was on its way to, and the one before it.
    fn rung(&self, share: f64) -> (f64, f64) {
        let value = self.values.iter().copied().find(|value| *value >= share).unwrap_or(share);
        let before = self.values.iter().copied().take_while(|other| *other < value).last().unwrap_or(0.0);
        (before, value)
    }

    /// Share still on the new side this long after it was meant for nobody again; `share` was there at that moment.
    /// Everybody is taken to have found the values before the last one.
    pub fn back(&self, share: f64, elapsed: SimDuration) -> Stage {
        let step = if share > 0.0 { self.drift.step(elapsed) } else { None };
        let Some((middle, until)) = step else { return Stage { share: 0.0, until: None } };
        let (before, value) = self.rung(share);
        let rise = value - before;
        let age = if rise > 0.0 { self.drift.age((share - before) / rise) } else { self.drift.longest() };
        let left = self.drift.over_kinds(|period| {
            let not_looked = 1.0 - looked(middle, period);
            before * not_looked + rise * looked(age, period).min(not_looked)
        });
        Stage { share: left, until: Some(until) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(seconds: u64) -> SimDuration {
        SimDuration::from_secs(seconds)
    }

    fn drift() -> Drift {
        Drift { period: secs(60), late: Ratio::new(0.1).unwrap(), late_period: secs(600) }
    }

    #[test]
    fn half_of_those_who_look_often_have_looked_after_half_an_interval() {
        let moved = drift().moved(secs(30));
        assert!((moved - (0.9 * 0.5 + 0.1 * 0.05)).abs() < 1e-12, "{moved}");
        assert_eq!(drift().moved(secs(600)), 1.0);
        assert_eq!(drift().forth(0.0, 1.0, secs(600)), Stage { share: 1.0, until: None });
    }

    #[test]
    fn steps_have_the_mean_of_the_law_and_do_not_depend_on_who_asks() {
        let (mut at, mut area, mut steps) = (SimDuration::ZERO, 0.0, 0);
        loop {
            let stage = drift().forth(0.0, 1.0, at);
            let Some(until) = stage.until else { break };
            let inside = SimDuration::from_nanos((at.as_nanos() + until.as_nanos()) / 2);
            assert_eq!(drift().forth(0.0, 1.0, inside), stage);
            area += stage.share * (until.as_secs_f64() - at.as_secs_f64());
            (at, steps) = (until, steps + 1);
        }
        assert_eq!((at, steps), (secs(600), 2 * STEPS));
        // 600 s less the means of the two intervals: 0.9 x 30 s and 0.1 x 300 s.
        assert!((area - (600.0 - 57.0)).abs() < 1e-6, "{area}");
    }

    #[test]
    fn who_moved_first_comes_back_first_and_a_whole_interval_later() {
        let all = Ladder::whole(Drift { late: Ratio::ZERO, ..drift() });
        // 20 s after the change a third had moved; 40 s later the first of them look again.
        let share = all.drift.moved(secs(20));
        assert!((all.back(share, secs(35)).share - share).abs() < 1e-6);
        let stage = all.back(share, secs(50));
        assert!((stage.share - (1.0 - 50.5 / 60.0)).abs() < 1e-6, "{stage:?}");
        assert_eq!(all.back(share, secs(60)), Stage { share: 0.0, until: None });
        // From the very beginning when everybody had moved.
        assert!((all.back(1.0, secs(30)).share - (1.0 - 30.5 / 60.0)).abs() < 1e-6);
        assert_eq!(all.back(0.0, SimDuration::ZERO), Stage { share: 0.0, until: None });
    }

    #[test]
    fn a_value_everybody_has_found_is_left_evenly() {
        let ladder = Ladder { drift: Drift { late: Ratio::ZERO, ..drift() }, values: vec![0.1, 0.5, 1.0] };
        let left = ladder.back(0.1, secs(30)).share;
        assert!((left - 0.1 * (1.0 - 30.5 / 60.0)).abs() < 1e-6, "{left}");
        // A quarter of the rise from a tenth to a half had looked: they stay, the others leave.
        let left = ladder.back(0.2, secs(30)).share;
        assert!((left - (0.1 * (1.0 - 30.5 / 60.0) + 0.4 * 0.25)).abs() < 1e-6, "{left}");
    }
}
