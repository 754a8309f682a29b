//! Mean times to absorption of a Markov chain.

/// The most states a dense chain may have: a second or so of work.
pub(super) const MOST_STATES: usize = 1500;

/// Solves `L = 1 + P L` for the mean number of steps from each state; `transition[i][j]` is the weight of going from `i`
/// to `j` without an alarm. `None` if there is no answer (the chain never ends).
pub(super) fn mean_steps(transition: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let states = transition.len();
    if states == 0 || states > MOST_STATES {
        return None;
    }
    let mut matrix = transition;
    for (i, row) in matrix.iter_mut().enumerate() {
        row.iter_mut().for_each(|weight| *weight = -*weight);
        row[i] += 1.0;
    }
    solve(matrix, vec![1.0; states]).filter(|lengths| lengths.iter().all(|l| l.is_finite()))
}

/// Gaussian elimination with partial pivoting.
fn solve(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Option<Vec<f64>> {
    let n = b.len();
    for column in 0..n {
        let pivot = (column..n).max_by(|&i, &j| a[i][column].abs().total_cmp(&a[j][column].abs()))?;
        a.swap(column, pivot);
        b.swap(column, pivot);
        let (above, below) = a.split_at_mut(column + 1);
        let pivot_row = &above[column];
        for (offset, row) in below.iter_mut().enumerate() {
            let factor = row[column] / pivot_row[column];
            if factor != 0.0 {
                row[column..].iter_mut().zip(&pivot_row[column..]).for_each(|(x, y)| *x -= factor * y);
                b[column + 1 + offset] -= factor * b[column];
            }
        }
    }
    for row in (0..n).rev() {
        let known: f64 = a[row][row + 1..].iter().zip(&b[row + 1..]).map(|(weight, x)| weight * x).sum();
        b[row] = (b[row] - known) / a[row][row];
    }
    Some(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gambler_is_ruined_after_the_textbook_time() {
        // Fair walk on 1..n-1, absorbed at 0 and n: the mean time from i is i (n - i).
        let n = 20;
        let state = |i: usize| i - 1;
        let mut walk = vec![vec![0.0; n - 1]; n - 1];
        for i in 1..n {
            if i > 1 {
                walk[state(i)][state(i - 1)] = 0.5;
            }
            if i < n - 1 {
                walk[state(i)][state(i + 1)] = 0.5;
            }
        }
        for (index, steps) in mean_steps(walk).unwrap().into_iter().enumerate() {
            let i = index + 1;
            assert!((steps - (i * (n - i)) as f64).abs() < 1e-9);
        }
    }

    #[test]
    fn a_chain_that_never_ends_has_no_mean() {
        assert_eq!(mean_steps(vec![vec![1.0]]), None);
        assert_eq!(mean_steps(Vec::new()), None);
    }
}
