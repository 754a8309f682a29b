//! Multi-window burn rates of an error budget (SRE Workbook, chapter 5, approaches 5 and 6).
//!
//! The burn rate is the share of bad events over what the objective leaves: 1 spends the budget exactly by the end of its
//! period. An alarm while in some pair of windows both the long one (is it worth it?) and the short one (does it still
//! go on?) burn faster than the pair's factor. Windows are counted in evaluations of `every`; rules of Prometheus do the
//! same with time and `rate()`, whose windows also depend on where the scrapes fall, and are read as rules.
//!
//! What came before the first step fills the windows, if it is shown ([`Detector::learn`]). A window that is not full yet
//! is judged by what there is, as `rate()` over a young series is.

use std::collections::VecDeque;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::fields;
use super::{BadField, Counts, Detect, Detector, Reads, Sample, State};
use crate::catalogue::Entry;
use crate::quantity::Ratio;
use crate::time::SimDuration;

/// Burn rates of an error budget over pairs of windows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BurnRate {
    /// The share of good events that is promised, like 99.9%.
    pub objective: Ratio,
    /// Time from one evaluation to the next. 15s if not given.
    #[serde(default = "fifteen_seconds")]
    pub every: SimDuration,
    /// The pairs of windows, at most 16. The two that page in the SRE Workbook if not given: 1h and 5m at 14.4, 6h and
    /// 30m at 6.
    #[serde(default = "pages")]
    pub windows: Vec<Windows>,
}

/// A pair of windows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Windows {
    /// The long one.
    pub long: SimDuration,
    /// The short one, a twelfth of the long one in the SRE Workbook.
    pub short: SimDuration,
    /// The burn rate that both must exceed.
    pub factor: f64,
}

fn fifteen_seconds() -> SimDuration {
    SimDuration::from_secs(15)
}

fn pages() -> Vec<Windows> {
    let pair = |long, short, factor| Windows {
        long: SimDuration::from_mins(long),
        short: SimDuration::from_mins(short),
        factor,
    };
    vec![pair(60, 5, 14.4), pair(360, 30, 6.0)]
}

/// The most evaluations that a window may hold.
const LONGEST: u64 = 200_000;

impl Entry for BurnRate {
    const NAME: &'static str = "burn_rate";
    const SUMMARY: &'static str = "burn rates of an error budget over pairs of a long and a short window";
    const EXAMPLE: &'static str =
        "burn_rate: {objective: 99.9%, every: 1m, windows: [{long: 1h, short: 5m, factor: 14.4}]}";
}

impl Detect for BurnRate {
    fn reads(&self) -> Reads {
        Reads::Counts
    }

    fn check(&self) -> Result<(), BadField> {
        let some = self.objective.get() > 0.0 && self.objective.get() < 1.0;
        if !some {
            let fact = format!("an objective of {} leaves all or nothing", self.objective.get());
            return Err(BadField::new("objective", fact, "write a share between 0 and 1, like 99.9%"));
        }
        if self.every.is_zero() {
            return Err(BadField::new("every", "no time between evaluations", "write `every: 15s`"));
        }
        let number = u32::try_from(self.windows.len()).unwrap_or(u32::MAX);
        fields::within("windows", number, 1, 16)?;
        self.windows.iter().try_for_each(|pair| self.check_pair(*pair))
    }

    fn start(&self) -> Box<dyn Detector> {
        let pairs: Vec<Pair> = if self.check().is_ok() {
            self.windows.iter().map(|pair| self.pair(*pair)).collect()
        } else {
            Vec::new()
        };
        let longest = pairs.iter().map(|pair| pair.long.max(pair.short)).max().unwrap_or(0);
        let past = History { longest, totals: VecDeque::from([Counts::default()]) };
        Box::new(Burning { pairs, now: past.clone(), past, statistic: None })
    }

    fn assumes(&self) -> &'static str {
        "events enough that one bad one is far below the budget of the short window"
    }

    fn cost(&self) -> &'static str {
        "two sums for each evaluation of the longest window; O(pairs of windows) a step"
    }

    fn pitfall(&self) -> &'static str {
        "a long window is full of what was before the deploy; at low traffic one failure pages; a factor above \
         1 / (1 - objective) can never fire"
    }
}

impl BurnRate {
    fn check_pair(&self, pair: Windows) -> Result<(), BadField> {
        let ordered = self.every <= pair.short && pair.short <= pair.long;
        if !ordered {
            let fact = format!("windows of {} and {} evaluated every {}", pair.long, pair.short, self.every);
            let help = "the long one must be at least as long as the short one, and both as `every`";
            return Err(BadField::new("windows", fact, help));
        }
        if self.evaluations(pair.long) as u64 > LONGEST {
            let fact = format!("a window of {} holds more than {LONGEST} evaluations", pair.long);
            return Err(BadField::new("windows", fact, "evaluate more rarely"));
        }
        fields::positive("windows", pair.factor, "write a factor like 14.4")
    }

    /// How many evaluations a window holds, to the nearest.
    fn evaluations(&self, window: SimDuration) -> usize {
        let every = self.every.as_nanos().max(1);
        usize::try_from(window.as_nanos().saturating_add(every / 2) / every).unwrap_or(usize::MAX)
    }

    fn pair(&self, pair: Windows) -> Pair {
        Pair {
            long: self.evaluations(pair.long),
            short: self.evaluations(pair.short),
            limit: pair.factor * self.objective.complement().get(),
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Pair {
    long: usize,
    short: usize,
    /// The share of bad events that both must exceed.
    limit: f64,
}

/// Running totals, the newest last, as far back as the longest window.
#[derive(Clone, Debug)]
struct History {
    longest: usize,
    totals: VecDeque<Counts>,
}

impl History {
    fn take(&mut self, counts: Counts) {
        let before = self.totals.back().copied().unwrap_or_default();
        self.totals.push_back(before.and(counts));
        while self.totals.len() > self.longest + 1 {
            self.totals.pop_front();
        }
    }

    /// The share of bad events in the newest evaluations, as far as there are any.
    fn share(&self, evaluations: usize) -> Option<f64> {
        let newest = self.totals.back()?;
        let before = self.totals.get(self.totals.len().saturating_sub(evaluations + 1))?;
        Counts { bad: newest.bad - before.bad, total: newest.total - before.total }.share()
    }
}

#[derive(Clone, Debug)]
struct Burning {
    pairs: Vec<Pair>,
    /// What was learned.
    past: History,
    now: History,
    statistic: Option<f64>,
}

impl Burning {
    /// How far the slower of the pair's windows is on its way to the limit.
    fn burns(&self, pair: &Pair) -> Option<f64> {
        let slower = self.now.share(pair.long)?.min(self.now.share(pair.short)?);
        Some(slower / pair.limit)
    }
}

impl Detector for Burning {
    fn learn(&mut self, sample: &Sample<'_>) {
        if let Sample::Counts(counts) = *sample
            && counts.are_counts()
        {
            self.past.take(counts);
            self.now.take(counts);
        }
    }

    fn step(&mut self, sample: &Sample<'_>) -> State {
        if let Sample::Counts(counts) = *sample
            && counts.are_counts()
        {
            self.now.take(counts);
            self.statistic = self.pairs.iter().filter_map(|pair| self.burns(pair)).reduce(f64::max);
        }
        if self.statistic > self.limit() { State::Alarm } else { State::Quiet }
    }

    fn reset(&mut self) {
        self.now = self.past.clone();
        self.statistic = None;
    }

    /// The burn rate of the pair that is nearest to its factor, as a share of it; beyond 1 is an alarm.
    fn statistic(&self) -> Option<f64> {
        self.statistic
    }

    fn limit(&self) -> Option<f64> {
        Some(1.0)
    }

    fn boxed(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}
