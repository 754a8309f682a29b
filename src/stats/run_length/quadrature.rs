//! Gauss-Legendre quadrature.

/// The most nodes of a rule: enough for statistics that range over a hundred standard deviations of their steps.
const MOST_NODES: usize = 480;

/// Nodes and weights on `[low, high]`, as many as a kernel of deviation `scale` needs; `None` if that is too many, or the
/// interval is none.
pub(super) fn nodes(low: f64, high: f64, scale: f64) -> Option<Vec<(f64, f64)>> {
    let needed = 30.0 + 4.0 * (high - low) / scale;
    let fits = low < high && scale > 0.0 && needed <= MOST_NODES as f64;
    fits.then(|| gauss_legendre(needed as usize, low, high))
}

/// The roots of the Legendre polynomial of degree `n` by Newton's method, scaled to the interval.
fn gauss_legendre(n: usize, low: f64, high: f64) -> Vec<(f64, f64)> {
    let count = n as f64;
    let root = |i: usize| {
        let mut x = libm::cos(std::f64::consts::PI * (i as f64 + 0.75) / (count + 0.5));
        let mut slope = 1.0;
        for _ in 0..20 {
            let (mut value, mut before) = (1.0, 0.0);
            for j in 0..n {
                let j = j as f64;
                (value, before) = (((2.0 * j + 1.0) * x * value - j * before) / (j + 1.0), value);
            }
            slope = count * (x * value - before) / (x * x - 1.0);
            let step = value / slope;
            x -= step;
            if step.abs() < 1e-15 {
                break;
            }
        }
        let weight = (high - low) / ((1.0 - x * x) * slope * slope);
        (low + 0.5 * (high - low) * (x + 1.0), weight)
    };
    (0..n).map(root).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_are_integrated_exactly() {
        let rule = gauss_legendre(12, -1.0, 3.0);
        // x^7 - 2 x^2 from -1 to 3: (3^8 - 1)/8 - 2 (27 + 1)/3.
        let sum: f64 = rule.iter().map(|(x, w)| w * (libm::pow(*x, 7.0) - 2.0 * x * x)).sum();
        assert!((sum - (820.0 - 56.0 / 3.0)).abs() < 1e-9, "{sum}");
    }

    #[test]
    fn what_is_no_interval_or_too_fine_is_refused() {
        assert!(nodes(1.0, 1.0, 1.0).is_none() && nodes(0.0, f64::NAN, 1.0).is_none());
        assert!(nodes(0.0, 1e6, 1.0).is_none() && nodes(0.0, f64::INFINITY, 1.0).is_none());
        assert!(nodes(0.0, 5.0, 0.0).is_none() && nodes(0.0, 5.0, 1.0).is_some());
    }
}
