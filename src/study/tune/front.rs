//! Who goes on: better variants by several figures at once, with limits to keep to.
//!
//! Constrained domination of Deb, Pratap, Agarwal and Meyarivan (2002): one that keeps to the limits is better than one that
//! does not; of two that do not, the one that is nearer; of two that do, the one that is nowhere worse and somewhere
//! better. Fronts are peeled off one by one, and within a front those in sparse places go first (crowding distance).
//!
//! Trap: with five figures nearly everything is on the first front, so the front alone would choose at random. A third of
//! the places therefore goes to those with the least of what is to be minimised, and a third to those that gain most on
//! both detection time and false rollbacks.

use super::Measure;

/// What a variant is judged by: less of each is better.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Candidate {
    /// Detection time, false rollbacks, misses, users, promotion delay.
    pub(super) figures: [f64; 5],
    /// What is to be minimised.
    pub(super) objective: f64,
    /// How far it is from the limits, 0 where it keeps to all.
    pub(super) violation: f64,
}

/// The figures of [`Candidate::figures`].
pub(super) const FRONT: [Measure; 5] = [
    Measure::DetectionTime,
    Measure::FalseRollbackRate,
    Measure::MissedRate,
    Measure::UserImpact,
    Measure::PromotionDelay,
];

fn dominates(a: &Candidate, b: &Candidate) -> bool {
    if a.violation > 0.0 || b.violation > 0.0 {
        return a.violation < b.violation;
    }
    let mut pairs = a.figures.iter().zip(&b.figures);
    pairs.clone().all(|(x, y)| x <= y) && pairs.any(|(x, y)| x < y)
}

/// The places of those nobody dominates.
pub(super) fn first_front(all: &[Candidate]) -> Vec<usize> {
    let free = |at: &usize| !all.iter().any(|other| dominates(other, &all[*at]));
    (0..all.len()).filter(free).collect()
}

/// All places, front by front, within a front sparse ones first; ties by place.
fn by_fronts(all: &[Candidate]) -> Vec<usize> {
    let mut left: Vec<usize> = (0..all.len()).collect();
    let mut order = Vec::with_capacity(all.len());
    while !left.is_empty() {
        let members: Vec<Candidate> = left.iter().map(|at| all[*at].clone()).collect();
        let front: Vec<usize> = first_front(&members).into_iter().map(|at| left[at]).collect();
        if front.is_empty() {
            break;
        }
        left.retain(|at| !front.contains(at));
        let crowding = crowding(all, &front);
        let mut sparse: Vec<(f64, usize)> = crowding.into_iter().zip(front).collect();
        sparse.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        order.extend(sparse.into_iter().map(|(_, at)| at));
    }
    order.extend(left);
    order
}

/// How far the neighbours of each member of a front are, over all figures; the ends are infinitely sparse.
fn crowding(all: &[Candidate], front: &[usize]) -> Vec<f64> {
    let mut distance = vec![0.0; front.len()];
    for figure in 0..FRONT.len() {
        let value = |at: usize| all[front[at]].figures[figure];
        let mut order: Vec<usize> = (0..front.len()).filter(|at| value(*at).is_finite()).collect();
        order.sort_by(|a, b| value(*a).total_cmp(&value(*b)).then(a.cmp(b)));
        let (Some(first), Some(last)) = (order.first().copied(), order.last().copied()) else { continue };
        let span = value(last) - value(first);
        if span <= 0.0 {
            continue;
        }
        distance[first] = f64::INFINITY;
        distance[last] = f64::INFINITY;
        for around in order.windows(3) {
            distance[around[1]] += (value(around[2]) - value(around[0])) / span;
        }
    }
    distance
}

/// Which of them go on, by place, ascending: `keep` of them, the first one always.
pub(super) fn survivors(all: &[Candidate], keep: usize) -> Vec<usize> {
    let Some(original) = all.first() else { return Vec::new() };
    let ranked = |key: &dyn Fn(&Candidate) -> f64| {
        let mut order: Vec<usize> = (0..all.len()).collect();
        order.sort_by(|a, b| {
            let violation = all[*a].violation.total_cmp(&all[*b].violation);
            violation.then(key(&all[*a]).total_cmp(&key(&all[*b]))).then(a.cmp(b))
        });
        order
    };
    let cheap = ranked(&|one| one.objective);
    let gaining = ranked(&|one| -gain(original, one));
    let fronts = by_fronts(all);
    let third = keep.div_ceil(3);
    let mut kept = vec![0];
    for (order, places) in [(cheap, third), (gaining, third), (fronts, keep)] {
        let fresh: Vec<usize> = order.into_iter().filter(|at| !kept.contains(at)).collect();
        kept.extend(fresh.into_iter().take(places.min(keep.saturating_sub(kept.len()))));
    }
    kept.sort_unstable();
    kept
}

/// The smaller of the two gains on detection time and false rollbacks, as shares of what the original has; negative where
/// one of them is a loss.
fn gain(original: &Candidate, one: &Candidate) -> f64 {
    let part = |figure: usize| {
        let (old, new) = (original.figures[figure], one.figures[figure]);
        if old.is_finite() && new.is_finite() { (old - new) / old.max(1e-9) } else { f64::NEG_INFINITY }
    };
    part(0).min(part(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(detection: f64, false_rate: f64, objective: f64, violation: f64) -> Candidate {
        Candidate { figures: [detection, false_rate, 0.0, 1.0, 1.0], objective, violation }
    }

    #[test]
    fn the_front_is_those_nobody_beats() {
        let all = [
            one(9.0, 0.5, 3.0, 0.0),
            one(5.0, 0.5, 2.0, 0.0),
            one(9.0, 0.1, 9.0, 0.0),
            one(9.0, 0.6, 1.0, 0.0),
        ];
        assert_eq!(first_front(&all), [1, 2]);
        // Who keeps to the limits comes before who is better and does not.
        let limited = [one(9.0, 0.5, 3.0, 0.0), one(1.0, 0.0, 0.0, 0.5), one(1.0, 0.0, 0.0, 0.2)];
        assert_eq!(first_front(&limited), [0]);
        assert_eq!(by_fronts(&limited), [0, 2, 1]);
    }

    #[test]
    fn the_file_as_it_is_and_the_cheapest_go_on() {
        let mut all: Vec<Candidate> =
            (0..30).map(|i| one(10.0 + f64::from(i), 0.5, f64::from(i), 0.0)).collect();
        all[0].objective = 99.0;
        all[17].objective = -1.0;
        all[23].figures = [9.0, 0.4, 0.0, 1.0, 1.0];
        let kept = survivors(&all, 6);
        assert_eq!(kept.len(), 6);
        assert!([0, 17, 23].iter().all(|at| kept.contains(at)), "{kept:?}");
        assert_eq!(survivors(&all[..1], 6), [0]);
    }

    #[test]
    fn sparse_places_go_first() {
        let all = [
            one(1.0, 0.9, 0.0, 0.0),
            one(2.0, 0.8, 0.0, 0.0),
            one(2.1, 0.79, 0.0, 0.0),
            one(9.0, 0.1, 0.0, 0.0),
        ];
        let order = by_fronts(&all);
        assert_eq!(&order[..2], [0, 3]);
    }
}
