//! Two policies in the same worlds: what differs, by how much, and in which worlds they disagreed.
//!
//! Differences are new minus base, paired by replication ([`paired`](crate::score::figure::paired) says how). A scenario is
//! *better* or *worse* in a figure when its difference cannot be put down to chance: McNemar's exact test for shares, the
//! paired t test for the rest, with Holm's correction over the scenarios of the figure at 5 %. So the chance that any of the
//! scenarios that did not change is called so is at most 5 % per figure. Over all figures together the correction is
//! over every scenario and figure; a scenario is better if something is better and nothing worse, and *mixed* if both.
//!
//! Traps: the pooled difference of a figure has a 95 % interval of its own and is not corrected; scenario intervals in tables are
//! 95 % each, so one may leave out 0 and still be within noise by Holm. "Within noise" is no proof that nothing changed: it
//! may be that too little was played.

mod disagreement;
pub mod robust;

use serde::Serialize;

use crate::replication::record::ReplicationRecord;
use crate::rng::Key;
use crate::score::ScenarioMeta;
use crate::score::cost::KINDS;
use crate::score::figure::paired::{Paired, difference, holm, p_value, pair};
use crate::score::figure::{Better, CONFIDENCE, Figure, Kind, Stat, Summary, figure, level};
use crate::score::stratum::{ScoreError, Stratum, Who, gather};
use crate::stats::Estimate;

pub use disagreement::{Decided, Disagreement, Disagreements, disagreements};

/// The figures that are compared, in the order of tables. Times are compared by their means, cut at the end of the follow-up.
pub const COMPARED: [&str; 8] = [
    "detection_time",
    "missed_rate",
    "false_rollback_rate",
    "user_impact",
    "rollback_time",
    "promotion_delay",
    "cost",
    "efficacy",
];

/// Chance of calling anything different that is not, per figure and over all of them.
const ALPHA: f64 = 0.05;

/// Where a difference stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The new one is better.
    Better,
    /// The new one is worse.
    Worse,
    /// Better in one figure, worse in another.
    Mixed,
    /// It cannot be told from chance.
    WithinNoise,
}

/// Scenarios by standing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Better.
    pub better: usize,
    /// Worse.
    pub worse: usize,
    /// Better in one figure, worse in another; none within a figure.
    pub mixed: usize,
    /// Within noise.
    pub within_noise: usize,
}

impl Tally {
    fn of(standings: impl Iterator<Item = Standing>) -> Self {
        let mut tally = Tally::default();
        for standing in standings {
            *match standing {
                Standing::Better => &mut tally.better,
                Standing::Worse => &mut tally.worse,
                Standing::Mixed => &mut tally.mixed,
                Standing::WithinNoise => &mut tally.within_noise,
            } += 1;
        }
        tally
    }

    /// `3 scenarios better, 1 worse, 12 within noise`.
    pub fn sentence(&self) -> String {
        let noun = if self.better == 1 { "scenario" } else { "scenarios" };
        let mixed = if self.mixed > 0 { format!(", {} mixed", self.mixed) } else { String::new() };
        format!(
            "{} {noun} better, {} worse{mixed}, {} within noise",
            self.better, self.worse, self.within_noise
        )
    }
}

/// A figure of one scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScenarioDifference {
    /// The scenario.
    pub scenario: String,
    /// New minus base, with a 95 % interval.
    pub difference: Estimate,
    /// The probability of as large a difference by chance.
    pub p: f64,
    /// Where it stands, by Holm's correction.
    pub standing: Standing,
}

/// A figure over all scenarios.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FigureComparison {
    /// Its name.
    pub figure: String,
    /// Of the base.
    pub base: Estimate,
    /// Of the new one.
    pub new: Estimate,
    /// New minus base, pooled over the scenarios, with a 95 % interval.
    pub difference: Estimate,
    /// Of times: the difference of the medians.
    pub median: Option<Estimate>,
    /// Where the pooled difference stands by its own interval.
    pub standing: Standing,
    /// Scenarios by standing.
    pub tally: Tally,
    /// Scenario by scenario.
    pub scenarios: Vec<ScenarioDifference>,
}

/// Two policies compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The base, by name.
    pub base: String,
    /// The new one, by name.
    pub new: String,
    /// Figure by figure.
    pub figures: Vec<FigureComparison>,
    /// Scenarios by standing over all figures.
    pub overall: Tally,
    /// The worlds in which they disagreed.
    pub disagreements: Disagreements,
}

/// One side of a comparison.
#[derive(Clone, Copy, Debug)]
pub struct Side<'s> {
    /// The policy, by name.
    pub policy: &'s str,
    /// The records it is in.
    pub records: &'s [ReplicationRecord],
}

/// Compares two policies; `seed` is that of the resampling of medians.
///
/// # Errors
/// When a record belongs to none of the scenarios, or is there twice.
pub fn compare(
    base: Side<'_>,
    new: Side<'_>,
    scenarios: &[ScenarioMeta],
    prices: &[f64; KINDS],
    seed: u64,
) -> Result<Comparison, ScoreError> {
    let (ours, theirs) = (strata(new, scenarios)?, strata(base, scenarios)?);
    let (ours, theirs): (Vec<&Stratum>, Vec<&Stratum>) = (ours.iter().collect(), theirs.iter().collect());
    let paired = pair(&ours, &theirs);
    let compared = COMPARED.iter().filter_map(|name| figure(name));
    let mut figures = Vec::new();
    for figure in compared {
        figures.push(one(figure, (&theirs, &ours), &paired, scenarios, (prices, seed)));
    }
    Ok(Comparison {
        base: base.policy.to_owned(),
        new: new.policy.to_owned(),
        overall: overall(&figures, paired.len()),
        figures,
        disagreements: disagreements(base, new, scenarios),
    })
}

/// What one side did, over all scenarios.
fn strata(side: Side<'_>, scenarios: &[ScenarioMeta]) -> Result<Vec<Stratum>, ScoreError> {
    let who = Who::Policy(side.policy.into());
    let players = gather(side.records, scenarios)?;
    let own = players.into_iter().filter(|((player, _), _)| *player == who);
    let mut strata: Vec<Stratum> = own.flat_map(|(_, strata)| strata).collect();
    strata.sort_by_key(|stratum| stratum.scenario);
    Ok(strata)
}

fn one(
    figure: &Figure,
    (base, new): (&[&Stratum], &[&Stratum]),
    paired: &[Paired<'_>],
    scenarios: &[ScenarioMeta],
    (prices, seed): (&[f64; KINDS], u64),
) -> FigureComparison {
    let stat = Stat { summary: Summary::Mean, worst: false };
    let key = Key::root(seed, "compare").entity(figure.name);
    let all: Vec<&Paired<'_>> = paired.iter().collect();
    let own = |strata: &[&Stratum]| level::estimate(figure, stat, strata, prices, CONFIDENCE);
    let p: Vec<f64> = paired.iter().map(|s| p_value(figure, s, prices)).collect();
    let rows = paired.iter().zip(&p).zip(holm(&p, ALPHA)).map(|((stratum, p), real)| {
        let difference = difference(figure, stat, &[stratum], prices, (CONFIDENCE, key));
        let standing = if real { direction(figure.better, difference.value) } else { Standing::WithinNoise };
        let scenario = scenarios.get(stratum.scenario).map_or(String::new(), |meta| meta.name.clone());
        ScenarioDifference { scenario, difference, p: *p, standing }
    });
    let rows: Vec<ScenarioDifference> = rows.collect();
    let pooled = difference(figure, stat, &all, prices, (CONFIDENCE, key));
    let median = matches!(figure.kind, Kind::Time(_)).then(|| {
        let stat = Stat { summary: Summary::Percentile(50), worst: false };
        difference(figure, stat, &all, prices, (CONFIDENCE, key))
    });
    FigureComparison {
        figure: figure.name.to_owned(),
        base: own(base),
        new: own(new),
        standing: standing(figure.better, &pooled),
        difference: pooled,
        median,
        tally: Tally::of(rows.iter().map(|row| row.standing)),
        scenarios: rows,
    }
}

/// Where a difference stands by its interval.
pub fn standing(better: Better, difference: &Estimate) -> Standing {
    if difference.low > 0.0 || difference.high < 0.0 {
        direction(better, difference.value)
    } else {
        Standing::WithinNoise
    }
}

fn direction(better: Better, difference: f64) -> Standing {
    match (better, difference < 0.0) {
        _ if difference == 0.0 || difference.is_nan() => Standing::WithinNoise,
        (Better::Lower, true) | (Better::Higher, false) => Standing::Better,
        _ => Standing::Worse,
    }
}

/// Scenarios by standing over all figures, corrected over all of them.
fn overall(figures: &[FigureComparison], scenarios: usize) -> Tally {
    let p: Vec<f64> = figures.iter().flat_map(|f| f.scenarios.iter().map(|row| row.p)).collect();
    let real = holm(&p, ALPHA);
    let standing = |scenario: usize| {
        let (mut better, mut worse) = (false, false);
        for (number, compared) in figures.iter().enumerate() {
            let (Some(row), Some(figure)) = (compared.scenarios.get(scenario), figure(&compared.figure))
            else {
                continue;
            };
            if real.get(number * scenarios + scenario).copied().unwrap_or(false) {
                match direction(figure.better, row.difference.value) {
                    Standing::Better => better = true,
                    Standing::Worse => worse = true,
                    Standing::Mixed | Standing::WithinNoise => {}
                }
            }
        }
        match (better, worse) {
            (true, true) => Standing::Mixed,
            (true, false) => Standing::Better,
            (false, true) => Standing::Worse,
            (false, false) => Standing::WithinNoise,
        }
    };
    Tally::of((0..scenarios).map(standing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::CostWeights;
    use crate::score::testing::Sample;

    fn compared(base: &str, new: &str) -> Comparison {
        let sample = Sample::new();
        let side = |policy| Side { policy, records: &sample.records };
        let prices = CostWeights::default().prices();
        compare(side(base), side(new), &sample.scenarios, &prices, 7).unwrap()
    }

    #[test]
    fn a_policy_beside_itself_is_within_noise_everywhere() {
        let same = compared("quick", "quick");
        assert_eq!((same.overall.better, same.overall.worse, same.overall.mixed), (0, 0, 0));
        assert_eq!(same.disagreements.total, 0);
        assert!(same.figures.iter().all(|figure| figure.standing == Standing::WithinNoise));
    }

    #[test]
    fn swapping_the_sides_swaps_better_and_worse() {
        let (there, back) = (compared("quick", "thorough"), compared("thorough", "quick"));
        assert_eq!(
            (there.overall.better, there.overall.worse, there.overall.mixed),
            (back.overall.worse, back.overall.better, back.overall.mixed)
        );
        for (a, b) in there.figures.iter().zip(&back.figures) {
            assert!((a.difference.value + b.difference.value).abs() < 1e-9 || a.difference.value.is_nan());
            assert_eq!((a.tally.better, a.tally.worse), (b.tally.worse, b.tally.better), "{}", a.figure);
        }
        assert_eq!(there.disagreements.total, back.disagreements.total);
        assert!(there.disagreements.total > 0);
    }

    #[test]
    fn directions() {
        let e = |low, high| Estimate { value: 0.5 * (low + high), low, high, n: 9 };
        assert_eq!(standing(Better::Lower, &e(-2.0, -1.0)), Standing::Better);
        assert_eq!(standing(Better::Higher, &e(-2.0, -1.0)), Standing::Worse);
        assert_eq!(standing(Better::Lower, &e(-1.0, 1.0)), Standing::WithinNoise);
        assert_eq!(standing(Better::Lower, &Estimate::UNKNOWN), Standing::WithinNoise);
    }
}
