//! The CUSUM of single successes and failures.

/// The most numbers that the solution may hold.
const MOST_CELLS: usize = 8_000_000;

/// Mean number of events until an alarm of the Bernoulli CUSUM of Reynolds and Stoumbos (1999): `gain - 1` is added per
/// failure, 1 taken per success, never below zero, an alarm at `limit`; failures have probability `p`.
///
/// From `s` a success leads to `s - 1` only, so elimination needs one row at a time. `None` where `gain * limit` is beyond
/// eight million.
#[must_use]
pub fn bernoulli_cusum(gain: u32, limit: u32, p: f64, start: u32) -> Option<f64> {
    let (up, states) = (gain.checked_sub(1)? as usize, limit as usize);
    let sound = p > 0.0 && p < 1.0 && up >= 1 && start < limit;
    let width = up.min(states) + 1;
    if !sound || states.checked_mul(width)? > MOST_CELLS {
        return None;
    }
    // Row s reads L(s) = value + sum over d = 1..=up of weight[d - 1] L(s + d), after everything below s is eliminated.
    let mut weights = vec![0.0; states * up.min(states)];
    let mut values = vec![0.0; states];
    let stride = up.min(states);
    for s in 0..states {
        // L(s) = 1 + (1 - p) L(s - 1) + p L(s + up); at zero a success stays.
        let mut own = 1.0;
        let mut value = 1.0;
        let mut row = vec![0.0; stride];
        if up <= stride {
            row[up - 1] = p;
        }
        if s == 0 {
            own -= 1.0 - p;
        } else {
            let before = &weights[(s - 1) * stride..s * stride];
            value += (1.0 - p) * values[s - 1];
            own -= (1.0 - p) * before[0];
            row.iter_mut().zip(&before[1..]).for_each(|(to, weight)| *to += (1.0 - p) * weight);
        }
        values[s] = value / own;
        weights[s * stride..(s + 1) * stride].iter_mut().zip(row).for_each(|(to, weight)| *to = weight / own);
    }
    for s in (0..states).rev() {
        let known: f64 = weights[s * stride..(s + 1) * stride]
            .iter()
            .enumerate()
            .take_while(|(d, _)| s + d + 1 < states)
            .map(|(d, weight)| weight * values[s + d + 1])
            .sum();
        values[s] += known;
    }
    let length = values[start as usize];
    length.is_finite().then_some(length)
}
