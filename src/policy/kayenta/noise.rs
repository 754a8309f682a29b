//! The noise the judge adds to constants, from the one number a policy gets for chance.
//!
//! The number is keyed by policy and instant, so the same judgement has the same noise in every branch.

/// Normal numbers that follow from one number.
pub(super) struct Noise(u64);

impl Noise {
    /// The noise that belongs to a chance in `[0, 1)`.
    pub(super) fn of(chance: f64) -> Self {
        Noise(chance.to_bits())
    }

    /// A uniform number in `(0, 1)`: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        ((bits >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// A standard normal number (Box and Muller 1958).
    pub(super) fn normal(&mut self) -> f64 {
        let (radius, angle) = (self.uniform(), self.uniform());
        (-2.0 * libm::log(radius)).sqrt() * libm::cos(std::f64::consts::TAU * angle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_normal_and_a_function_of_the_chance() {
        let mut noise = Noise::of(0.25);
        let values: Vec<f64> = (0..20_000).map(|_| noise.normal()).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
        // Four standard errors.
        assert!(mean.abs() < 4.0 / n.sqrt() && (variance - 1.0).abs() < 4.0 * (2.0 / n).sqrt());
        assert_eq!(Noise::of(0.25).normal(), values[0]);
        assert_ne!(Noise::of(0.5).normal(), values[0]);
    }
}
