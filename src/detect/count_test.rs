//! The sequential count test of Lindon and Malek (2022): has the candidate more bad events than its share of the traffic?
//!
//! Two integers, valid at all looks and for any shape of the traffic; see [`crate::stats::count_test`]. Where the share of
//! the traffic is given, evidence is that of a Beta prior around it, of which on one side only the part beyond it counts, so
//! that a candidate that is better than tolerated raises no alarm either.
//!
//! Where the share is not given it is taken from the totals of each evaluation, exactly, and the prior is one of the *ratio*
//! of both rates (half-Cauchy in its logarithm): a ratio means the same at every share, a share of the events does not, and
//! a prior of shares around the one of the first evaluation finds evidence in the traffic's own wandering. After a step of
//! the rollout (a share that differs from the one before by more than half and by more than chance) the prior starts anew
//! and evidence is multiplied on, half of it staked: such a product of e-processes, one stage after the other, is one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support::{Side, fields};
use super::{BadField, Counts, Detect, Detector, DetectorSpec, Reads, Sample, State};
use crate::catalogue::Entry;
use crate::quantity::Ratio;
use crate::stats;

/// The sequential test of two counts of bad events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CountTest {
    /// The candidate's share of the traffic of both arms. Taken from the totals if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Ratio>,
    /// Weight of the prior: 200 expects near equality, 2 large effects. 100 if not given.
    #[serde(default = "hundred")]
    pub concentration: f64,
    /// Chance that a healthy release ever raises an alarm. 1 % if not given.
    #[serde(default = "fields::one_percent")]
    pub alpha: Ratio,
    /// How many times the control's rate the candidate may have, 1 or more. 1 if not given.
    #[serde(default = "one")]
    pub tolerated: f64,
    /// How many events come at once on average, 1 or more; counts are divided by it. 1 if not given.
    #[serde(default = "one")]
    pub dispersion: f64,
    /// Which differences count.
    #[serde(default)]
    pub side: Side,
}

fn hundred() -> f64 {
    100.0
}

fn one() -> f64 {
    1.0
}

impl Entry for CountTest {
    const NAME: &'static str = "count_test";
    const SUMMARY: &'static str =
        "a sequential test of two event counts against their shares of the traffic (Lindon and Malek)";
    const EXAMPLE: &'static str = "count_test: {share: 5%, concentration: 100, alpha: 1%, tolerated: 1.2}";
}

impl Detect for CountTest {
    fn reads(&self) -> Reads {
        Reads::CountsBeside
    }

    fn check(&self) -> Result<(), BadField> {
        fields::level("alpha", self.alpha)?;
        if let Some(share) = self.share {
            fields::level("share", share)?;
        }
        fields::positive("concentration", self.concentration, "write 100")?;
        if self.concentration > 1e12 {
            return Err(BadField::new("concentration", "a prior that nothing can move", "write 100"));
        }
        fields::at_least("tolerated", self.tolerated, 1.0, "write 1.2 for a fifth more errors")?;
        fields::at_least("dispersion", self.dispersion, 1.0, "write how many errors come at once, like 2")?;
        if self.side == Side::Both && self.tolerated != 1.0 {
            let help = "leave out `tolerated`, or write `side: up`";
            return Err(BadField::new("tolerated", "a tolerance has one side", help));
        }
        Ok(())
    }

    fn start(&self) -> Box<dyn Detector> {
        Box::new(Counting { spec: self.clone(), stage: None, settled: 0.0, most: 0.0 })
    }

    fn at_level(&self, alpha: Ratio) -> Option<DetectorSpec> {
        Some(DetectorSpec::CountTest(CountTest { alpha, ..self.clone() }))
    }

    fn assumes(&self) -> &'static str {
        "a concurrent control whose traffic has the same mix, and rare bad events that come one by one"
    }

    fn cost(&self) -> &'static str {
        "sixteen sums; O(1) a step; with a given share three logarithms of the gamma function and an incomplete beta function"
    }

    fn pitfall(&self) -> &'static str {
        "retries and bursts count one cause many times: set `dispersion`; a dependency both arms share hides everything"
    }
}

/// How many ratios of the rates the prior holds, all equally likely.
const RATIOS: usize = 16;

/// Logarithm of a ratio beyond which no ratio differs from the next one.
const FARTHEST: f64 = 7.0;

/// What the mixture of a stage is over.
#[derive(Clone, Debug)]
enum Mixture {
    /// Shares of the events, around a share of the traffic that is known.
    Shares { test: stats::count_test::CountTest, candidate: f64, control: f64, null: f64 },
    /// Ratios of the rates: each with the logarithm of its likelihood ratio.
    Ratios(Vec<(f64, f64)>),
}

/// What came since the share of the traffic last made a step.
#[derive(Clone, Debug)]
struct Stage {
    mixture: Mixture,
    /// All requests of both.
    total: f64,
    /// The candidate's requests.
    of_candidate: f64,
}

#[derive(Clone, Debug)]
struct Counting {
    spec: CountTest,
    stage: Option<Stage>,
    /// Evidence of earlier stages, as a logarithm.
    settled: f64,
    most: f64,
}

impl Counting {
    /// The candidate's share of the bad events if it is as bad as tolerated.
    fn expected(&self, candidate: Counts, control: Counts) -> f64 {
        let share = self
            .spec
            .share
            .map_or_else(|| candidate.total / (candidate.total + control.total), |share| share.get());
        let ratio =
            if self.spec.side == Side::Down { 1.0 / self.spec.tolerated } else { self.spec.tolerated };
        share * ratio / (share * ratio + 1.0 - share)
    }

    /// The stage that goes on with this evaluation, or a new one.
    fn stage(&mut self, expected: f64, candidate: f64, total: f64) -> Option<&mut Stage> {
        let steps = |stage: &Stage| {
            let before = stage.of_candidate / stage.total;
            let now = candidate / total;
            let chance = 4.0 * (before * (1.0 - before) * (1.0 / total + 1.0 / stage.total)).sqrt();
            (now - before).abs() > chance && (now > 1.5 * before || before > 1.5 * now)
        };
        if self.spec.share.is_none() && self.stage.as_ref().is_some_and(steps) {
            self.settled += half_staked(self.stage_evidence());
            self.stage = None;
        }
        if self.stage.is_none() {
            let mixture = self.mixture(expected)?;
            self.stage = Some(Stage { mixture, total: 0.0, of_candidate: 0.0 });
        }
        self.stage.as_mut()
    }

    fn mixture(&self, expected: f64) -> Option<Mixture> {
        if self.spec.share.is_none() {
            return Some(Mixture::Ratios(self.ratios(expected)));
        }
        // The second arm is the one that is to have more events.
        let second = if self.spec.side == Side::Down { 1.0 - expected } else { expected };
        let test = stats::count_test::CountTest::new(second, self.spec.concentration)?;
        Some(Mixture::Shares { test, candidate: 0.0, control: 0.0, null: 0.0 })
    }

    /// Logarithms of ratios that are equally likely: half-Cauchy, as wide as the Beta prior of this concentration is about
    /// the expected share.
    fn ratios(&self, expected: f64) -> Vec<(f64, f64)> {
        let scale = 1.0 / ((self.spec.concentration + 1.0) * expected * (1.0 - expected)).sqrt();
        let half = (0..RATIOS).map(|place| {
            let level = (place as f64 + 0.5) / RATIOS as f64;
            (scale * libm::tan(std::f64::consts::FRAC_PI_2 * level)).min(FARTHEST)
        });
        let of_side = |ratio: f64| match self.spec.side {
            Side::Up => vec![(ratio, 0.0)],
            Side::Down => vec![(-ratio, 0.0)],
            Side::Both => vec![(ratio, 0.0), (-ratio, 0.0)],
        };
        half.flat_map(of_side).collect()
    }

    fn stage_evidence(&self) -> f64 {
        match self.stage.as_ref().map(|stage| &stage.mixture) {
            None => 0.0,
            Some(Mixture::Ratios(ratios)) => {
                stats::mixture::log_mean(ratios.iter().map(|(_, evidence)| *evidence))
            }
            Some(Mixture::Shares { test, candidate, control, null }) => {
                let (first, second) = match self.spec.side {
                    Side::Down => (*candidate, *control),
                    Side::Up | Side::Both => (*control, *candidate),
                };
                let one_sided =
                    if self.spec.side == Side::Both { 0.0 } else { test.log_above(first, second) };
                test.log_marginal(first, second) + one_sided - null
            }
        }
    }

    fn take(&mut self, candidate: Counts, control: Counts) {
        if !(candidate.total > 0.0 && control.total > 0.0) {
            return;
        }
        let expected = self.expected(candidate, control);
        let dispersion = self.spec.dispersion;
        let total = candidate.total + control.total;
        let Some(stage) = self.stage(expected, candidate.total, total) else { return };
        stage.total += total;
        stage.of_candidate += candidate.total;
        stage.mixture.take(candidate.bad / dispersion, control.bad / dispersion, expected);
        let evidence = self.settled + self.stage_evidence();
        if evidence > self.most {
            self.most = evidence;
        }
    }
}

impl Mixture {
    /// Takes in bad events of both, of which the candidate was to have the expected share.
    fn take(&mut self, worse: f64, rest: f64, expected: f64) {
        match self {
            Mixture::Shares { candidate, control, null, .. } => {
                *candidate += worse;
                *control += rest;
                *null += worse * libm::log(expected) + rest * libm::log1p(-expected);
            }
            // Given that an event happened, it is the candidate's with the probability e r / (e r + 1 - e).
            Mixture::Ratios(ratios) => {
                for (ratio, evidence) in ratios {
                    *evidence +=
                        worse * *ratio - (worse + rest) * libm::log1p(expected * libm::expm1(*ratio));
                }
            }
        }
    }
}

/// The evidence of a stage of which only half was staked, (1 + E) / 2, as a logarithm: still an e-value, and what a good
/// stage speaks for the candidate does not outweigh everything that comes after.
fn half_staked(evidence: f64) -> f64 {
    let large = evidence.max(0.0);
    large + libm::log(0.5 * (libm::exp(-large) + libm::exp(evidence - large)))
}

impl Detector for Counting {
    fn step(&mut self, sample: &Sample<'_>) -> State {
        if let Sample::CountsBeside { candidate, control } = *sample
            && candidate.are_counts()
            && control.are_counts()
        {
            self.take(candidate, control);
        }
        if self.statistic() >= self.limit() { State::Alarm } else { State::Quiet }
    }

    fn reset(&mut self) {
        (self.stage, self.settled, self.most) = (None, 0.0, 0.0);
    }

    /// The logarithm of 1 / p.
    fn statistic(&self) -> Option<f64> {
        Some(self.most)
    }

    fn limit(&self) -> Option<f64> {
        Some(-libm::log(self.spec.alpha.get()))
    }

    fn evidence(&self) -> Option<f64> {
        Some(self.settled + self.stage_evidence())
    }

    fn boxed(&self) -> Box<dyn Detector> {
        Box::new(self.clone())
    }
}
