//! The findings of a sweep in an order in which what a check found at any threshold can be looked up.
//!
//! How many values were bad is a place among the sorted values. The longest run of bad ones is a place as well: for
//! every length there is a highest *low*, the best that the lowest value of so many in a row ever was, and longer runs
//! have lower lows.

/// Values in both orders; none is NaN, one that can be bad for nobody is minus infinity.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranking {
    /// From the lowest to the highest.
    sorted: Vec<f64>,
    /// By length less one: the highest low of so many in a row.
    lows: Vec<f64>,
    /// Runs that have not ended while `lows` is made: their lowest value and where they begin.
    open: Vec<(f64, usize)>,
}

/// What was found at a threshold, and at those above it as long as `down_to` is bad for them too.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Standing {
    /// Bad values in all.
    pub(super) bad: u32,
    /// The longest run of them.
    pub(super) longest: u32,
    /// The lowest of them; `None` if there is none.
    pub(super) down_to: Option<f64>,
}

impl Ranking {
    /// Takes in the values that have come since it was called last; they are the end of `found`.
    pub(super) fn catch_up(&mut self, found: &[f64]) {
        let fresh = found.get(self.sorted.len()..).unwrap_or_default();
        if fresh.is_empty() {
            return;
        }
        if fresh.len() > 4 {
            self.sorted.extend_from_slice(fresh);
            self.sorted.sort_unstable_by(f64::total_cmp);
        } else {
            for value in fresh {
                let place = self.sorted.partition_point(|other| other.total_cmp(value).is_le());
                self.sorted.insert(place, *value);
            }
        }
        self.find_lows(found);
    }

    /// Every run ends before the first value below its lowest one.
    fn find_lows(&mut self, found: &[f64]) {
        self.lows.clear();
        self.lows.resize(found.len(), f64::NEG_INFINITY);
        for (index, &value) in found.iter().chain([&f64::NEG_INFINITY]).enumerate() {
            let mut begin = index;
            while let Some(&(low, since)) = self.open.last().filter(|(low, _)| *low >= value) {
                self.open.pop();
                begin = since;
                let best = &mut self.lows[index - since - 1];
                *best = best.max(low);
            }
            self.open.push((value, begin));
        }
        self.open.clear();
        // What is in a long run is in a shorter one.
        let mut best = f64::NEG_INFINITY;
        for low in self.lows.iter_mut().rev() {
            best = best.max(*low);
            *low = best;
        }
    }

    /// What was found where these values are bad; what is above a bad value must be bad too.
    pub(super) fn standing(&self, is_bad: impl Fn(f64) -> bool) -> Standing {
        let good = self.sorted.partition_point(|value| !is_bad(*value));
        Standing {
            bad: (self.sorted.len() - good) as u32,
            longest: self.lows.partition_point(|low| is_bad(*low)) as u32,
            down_to: self.sorted.get(good).copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same by counting.
    fn counted(found: &[f64], limit: f64) -> (u32, u32) {
        let (mut bad, mut streak, mut longest) = (0, 0, 0);
        for &value in found {
            streak = if value > limit { streak + 1 } else { 0 };
            bad += u32::from(streak > 0);
            longest = longest.max(streak);
        }
        (bad, longest)
    }

    proptest! {
        #[test]
        fn ranks_are_what_counting_gives(
            // Few distinct values, so that many are equal to each other and to the limit.
            found in prop::collection::vec(
                prop_oneof![
                    8 => (-3i8..4).prop_map(f64::from),
                    1 => Just(f64::NEG_INFINITY),
                    1 => Just(f64::INFINITY),
                ],
                0..40,
            ),
            parts in prop::collection::vec(1usize..12, 1..12),
            limit in -4i8..5,
        ) {
            let limit = f64::from(limit);
            let mut ranking = Ranking::default();
            let mut until = 0;
            for part in parts {
                until = (until + part).min(found.len());
                let so_far = &found[..until];
                ranking.catch_up(so_far);
                let standing = ranking.standing(|value| value > limit);
                prop_assert_eq!((standing.bad, standing.longest), counted(so_far, limit));
                let lowest = so_far.iter().copied().filter(|value| *value > limit).reduce(f64::min);
                prop_assert_eq!(standing.down_to, lowest);
            }
        }
    }
}
