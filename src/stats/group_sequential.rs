//! Looking at a test several times: what it costs, and the limits that pay for it.
//!
//! The statistic after k of K equally spaced looks is a normal random walk; the chance of crossing a limit at look k
//! follows by recursion over the density of walks that have not crossed yet (Armitage, McPherson and Rowe 1969). An
//! alpha-spending function says how much of the error probability may be spent up to each share of the information
//! (Lan and DeMets 1983), and the recursion is solved for the limits.
//!
//! Traps: a limit of 1.96 at every look is no 5 % test: 14 % after five looks, 37 % after a hundred. Spending is over
//! after the last planned look: what comes later may not be tested. Looks are taken as equally informative; traffic
//! that doubles in between makes later ones worth more.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rng::{normal_cdf, normal_quantile};

/// How the error probability of a test is shared among its looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Spending {
    /// Not at all: each look is made as if it were the only one. Naive; to show what peeking does.
    None,
    /// Evenly over the information: alpha ln(1 + (e - 1) t) (Lan and DeMets 1983, like Pocock 1977).
    Pocock,
    /// Nearly all at the end: 2 (1 - Phi(z(1 - alpha / 2) / sqrt t)) (Lan and DeMets 1983, like O'Brien and Fleming 1979).
    #[default]
    ObrienFleming,
    /// The same small share at each look, as if looks were independent: never too much, often far too little.
    Bonferroni,
}

impl Spending {
    /// What may be spent of `alpha` up to the share `t` of all information; `looks` are planned.
    #[must_use]
    pub fn spent(self, alpha: f64, t: f64, looks: u32) -> f64 {
        let t = t.clamp(0.0, 1.0);
        match self {
            Spending::None => alpha,
            Spending::Pocock => alpha * libm::log1p((std::f64::consts::E - 1.0) * t),
            Spending::ObrienFleming if t == 0.0 => 0.0,
            Spending::ObrienFleming => 2.0 * normal_cdf(normal_quantile(0.5 * alpha) / t.sqrt()),
            Spending::Bonferroni => {
                alpha * libm::floor(t * f64::from(looks) + 1e-9) / f64::from(looks.max(1))
            }
        }
    }

    /// The limits of the standardised statistic at each of `looks` equally spaced looks, for an error probability of
    /// `alpha` in all: on one side, or half of it on each of two. At most 10,000 looks are planned.
    ///
    /// Levels outside of (0, 1) give infinite limits.
    #[must_use]
    pub fn limits(self, alpha: f64, looks: u32, two_sided: bool) -> Vec<f64> {
        let looks = looks.min(MOST_LOOKS);
        let one_side = if two_sided { 0.5 * alpha } else { alpha };
        let valid = alpha > 0.0 && alpha < 1.0;
        if !valid {
            return vec![f64::INFINITY; looks as usize];
        }
        match self {
            Spending::None => vec![-normal_quantile(one_side); looks as usize],
            Spending::Bonferroni => vec![-normal_quantile(one_side / f64::from(looks)); looks as usize],
            Spending::Pocock | Spending::ObrienFleming => self.solved(one_side, looks, two_sided),
        }
    }

    fn solved(self, one_side: f64, looks: u32, two_sided: bool) -> Vec<f64> {
        let share = |look: u32| f64::from(look) / f64::from(looks);
        let mut walk = Walk::start(two_sided, 0.0);
        let mut limits = Vec::with_capacity(looks as usize);
        for look in 1..=looks {
            let sides = if two_sided { 2.0 } else { 1.0 };
            let before = self.spent(one_side, share(look - 1), looks);
            let limit = walk.limit_of(sides * (self.spent(one_side, share(look), looks) - before));
            walk.look(limit);
            limits.push(limit);
        }
        limits
    }
}

const MOST_LOOKS: u32 = 10_000;

/// The probability of having crossed up to each look, with these limits of the standardised statistic and a mean of
/// the statistic's increments of `drift` (in standard deviations of an increment; 0 if there is no effect).
#[must_use]
pub fn crossing(limits: &[f64], two_sided: bool, drift: f64) -> Vec<f64> {
    let mut walk = Walk::start(two_sided, drift);
    let mut crossed = 0.0;
    limits
        .iter()
        .map(|limit| {
            crossed += walk.look(*limit);
            crossed
        })
        .collect()
}

/// Distance of the nodes of Simpson's rule, in standard deviations of one increment.
const SPACING: f64 = 0.2;
/// Where the density of an increment, and of the walk, ends for all purposes, in standard deviations.
const REACH: f64 = 8.0;

/// The density of walks that have not crossed at any look so far: places and their masses.
struct Walk {
    two_sided: bool,
    drift: f64,
    looks: u32,
    nodes: Vec<(f64, f64)>,
}

impl Walk {
    fn start(two_sided: bool, drift: f64) -> Self {
        Walk { two_sided, drift, looks: 0, nodes: vec![(0.0, 1.0)] }
    }

    /// The probability of crossing at the next look, and not before, at the place `at`.
    fn crosses_at(&self, at: f64) -> f64 {
        let nearest = |node: &(f64, f64)| node.0 + self.drift < at - REACH;
        let above = self.nodes.get(self.nodes.partition_point(nearest)..).unwrap_or_default();
        let upper: f64 = above.iter().map(|(place, mass)| mass * normal_cdf(place + self.drift - at)).sum();
        if !self.two_sided {
            return upper;
        }
        let within = |node: &(f64, f64)| node.0 + self.drift <= REACH - at;
        let below = self.nodes.get(..self.nodes.partition_point(within)).unwrap_or_default();
        upper + below.iter().map(|(place, mass)| mass * normal_cdf(-at - place - self.drift)).sum::<f64>()
    }

    /// The limit of the standardised statistic that the next look crosses with this probability; none if it is below
    /// what the densities hold.
    fn limit_of(&self, probability: f64) -> f64 {
        let root = f64::from(self.looks + 1).sqrt();
        let (mut low, mut high) = (0.0, REACH);
        let reachable = probability > 1e-15 && self.crosses_at(high * root) < probability;
        if !reachable {
            return f64::INFINITY;
        }
        while high - low > 1e-9 {
            let middle = 0.5 * (low + high);
            if self.crosses_at(middle * root) > probability {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    }

    /// Makes the next look; the probability of crossing at it and not before.
    fn look(&mut self, limit: f64) -> f64 {
        self.looks += 1;
        let (root, mean) = (f64::from(self.looks).sqrt(), self.drift * f64::from(self.looks));
        let at = limit * root;
        let crossed = if at.is_finite() { self.crosses_at(at) } else { 0.0 };
        let top = at.min(mean + REACH * root);
        let bottom = if self.two_sided { (-at).max(mean - REACH * root) } else { mean - REACH * root };
        self.nodes = if top > bottom { self.spread(bottom, top) } else { Vec::new() };
        crossed
    }

    /// The density one increment later, between two places.
    fn spread(&self, bottom: f64, top: f64) -> Vec<(f64, f64)> {
        let pairs = libm::ceil(0.5 * (top - bottom) / SPACING).max(4.0) as u32;
        let spacing = (top - bottom) / f64::from(2 * pairs);
        let weight = |index: u32| match index {
            0 => 1.0,
            index if index == 2 * pairs => 1.0,
            index if index % 2 == 1 => 4.0,
            _ => 2.0,
        };
        (0..=2 * pairs)
            .map(|index| {
                let place = bottom + spacing * f64::from(index);
                (place, self.density(place) * weight(index) * spacing / 3.0)
            })
            .collect()
    }

    /// The density at a place one increment later.
    ///
    /// Nodes are equally far apart, so the normal density at the next one is the last times a factor that itself changes
    /// by a constant factor: two products instead of an exponential.
    fn density(&self, place: f64) -> f64 {
        let from = place - self.drift;
        let near = |bound: f64| self.nodes.partition_point(|(node, _)| *node < bound);
        let nodes = self.nodes.get(near(from - REACH)..near(from + REACH)).unwrap_or_default();
        let Some((start, _)) = nodes.first() else { return 0.0 };
        let spacing = nodes.get(1).map_or(0.0, |(next, _)| next - start);
        let distance = start - from;
        let mut kernel = libm::exp(-0.5 * distance * distance) * INVERSE_ROOT_TAU;
        let mut factor = libm::exp(-spacing * (distance + 0.5 * spacing));
        let change = libm::exp(-spacing * spacing);
        let mut sum = 0.0;
        for (_, mass) in nodes {
            sum += mass * kernel;
            kernel *= factor;
            factor *= change;
        }
        sum
    }
}

const INVERSE_ROOT_TAU: f64 = 0.398_942_280_401_432_7;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_spent_at_the_end_and_never_more() {
        for spending in [Spending::Pocock, Spending::ObrienFleming, Spending::Bonferroni] {
            assert_eq!(spending.spent(0.05, 0.0, 8), 0.0);
            assert!((spending.spent(0.05, 1.0, 8) - 0.05).abs() < 1e-12);
            for two_sided in [false, true] {
                let crossed = crossing(&spending.limits(0.05, 8, two_sided), two_sided, 0.0);
                let last = *crossed.last().unwrap();
                let all = if spending == Spending::Bonferroni { 0.022..0.0501 } else { 0.04999..0.05001 };
                assert!(all.contains(&last), "{spending:?} {last}");
            }
        }
    }

    #[test]
    fn a_drift_gives_the_power_of_the_single_look() {
        // One look: P(Z > 1.6449 - 2) by the normal distribution function.
        let found = crossing(&[1.6449], false, 2.0)[0];
        assert!((found - normal_cdf(2.0 - 1.6449)).abs() < 1e-12);
        // Two sided over many looks with a strong drift nearly always.
        assert!(crossing(&[2.4; 20], true, 1.0)[19] > 0.98);
    }

    #[test]
    fn levels_without_meaning_never_cross() {
        assert_eq!(Spending::Pocock.limits(0.0, 3, true), [f64::INFINITY; 3]);
        assert_eq!(Spending::ObrienFleming.limits(f64::NAN, 2, false), [f64::INFINITY; 2]);
        assert!(Spending::Pocock.limits(0.05, 0, false).is_empty());
        assert_eq!(crossing(&[f64::INFINITY; 3], true, 0.0), [0.0; 3]);
        // A spending function that gives the first look almost nothing gives it no limit.
        let limits = Spending::ObrienFleming.limits(0.01, 200, true);
        assert_eq!(limits[0], f64::INFINITY);
        assert!((crossing(&limits, true, 0.0)[199] - 0.01).abs() < 1e-6);
    }
}
