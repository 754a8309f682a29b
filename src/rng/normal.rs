//! The normal distribution and the two that follow from it by one transformation: exponential and log-normal.

const TAIL: f64 = 0.425;

/// The standard normal distribution function, with relative precision in the lower tail.
#[must_use]
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// The standard normal quantile of `u`, to about 1e-15 relative: Wichura, algorithm AS 241 (PPND16), 1988.
///
/// 0 gives minus infinity, 1 plus infinity, anything outside NaN. The inner 85 % need neither logarithm nor
/// root, which makes this as fast as a rejection sampler, with exactly one uniform per variate.
#[inline]
#[must_use]
pub fn normal_quantile(u: f64) -> f64 {
    let q = u - 0.5;
    if q.abs() <= TAIL {
        let r = TAIL * TAIL - q * q;
        return q * polynomial(r, &CENTRE) / polynomial(r, &CENTRE_BELOW);
    }
    normal_tail(u, q)
}

#[inline(never)]
fn normal_tail(u: f64, q: f64) -> f64 {
    let tail = if q < 0.0 { u } else { 1.0 - u };
    if tail.is_nan() || tail < 0.0 {
        return f64::NAN;
    }
    let r = (-libm::log(tail)).sqrt();
    let size = if r.is_infinite() {
        f64::INFINITY
    } else if r <= 5.0 {
        polynomial(r - 1.6, &MIDDLE) / polynomial(r - 1.6, &MIDDLE_BELOW)
    } else {
        polynomial(r - 5.0, &FAR) / polynomial(r - 5.0, &FAR_BELOW)
    };
    if q < 0.0 { -size } else { size }
}

#[inline]
fn polynomial(x: f64, coefficients: &[f64; 8]) -> f64 {
    coefficients.iter().fold(0.0, |sum, c| sum * x + c)
}

/// A standard normal variate from one uniform.
#[inline]
pub fn normal_sample(stream: &mut super::Stream) -> f64 {
    normal_quantile(stream.uniform_open())
}

/// The quantile of the exponential distribution with mean `mean`, for `u` in [0, 1).
#[inline]
#[must_use]
pub fn exponential_quantile(mean: f64, u: f64) -> f64 {
    -mean * libm::log1p(-u)
}

/// The quantile of the log-normal distribution whose logarithm has mean `mu` and standard deviation `sigma`.
#[inline]
#[must_use]
pub fn lognormal_quantile(mu: f64, sigma: f64, u: f64) -> f64 {
    libm::exp(mu + sigma * normal_quantile(u))
}

// Coefficients of AS 241, highest power first.
const CENTRE: [f64; 8] = [
    2.509_080_928_730_122_7e3,
    3.343_057_558_358_813e4,
    6.726_577_092_700_87e4,
    4.592_195_393_154_987e4,
    1.373_169_376_550_946e4,
    1.971_590_950_306_551_3e3,
    1.331_416_678_917_843_8e2,
    3.387_132_872_796_366_5,
];
const CENTRE_BELOW: [f64; 8] = [
    5.226_495_278_852_854e3,
    2.872_908_573_572_194_3e4,
    3.930_789_580_009_271e4,
    2.121_379_430_158_66e4,
    5.394_196_021_424_751e3,
    6.871_870_074_920_579e2,
    4.231_333_070_160_091e1,
    1.0,
];
const MIDDLE: [f64; 8] = [
    7.745_450_142_783_414e-4,
    2.272_384_498_926_918_4e-2,
    2.417_807_251_774_506e-1,
    1.270_458_252_452_368_4,
    3.647_848_324_763_204_5,
    5.769_497_221_460_691,
    4.630_337_846_156_546,
    1.423_437_110_749_683_5,
];
const MIDDLE_BELOW: [f64; 8] = [
    1.050_750_071_644_416_9e-9,
    5.475_938_084_995_345e-4,
    1.519_866_656_361_645_7e-2,
    1.481_039_764_274_800_8e-1,
    6.897_673_349_851e-1,
    1.676_384_830_183_803_8,
    2.053_191_626_637_759,
    1.0,
];
const FAR: [f64; 8] = [
    2.010_334_399_292_288_1e-7,
    2.711_555_568_743_487_6e-5,
    1.242_660_947_388_078_4e-3,
    2.653_218_952_657_612_4e-2,
    2.965_605_718_285_048_7e-1,
    1.784_826_539_917_291_3,
    5.463_784_911_164_114,
    6.657_904_643_501_103,
];
const FAR_BELOW: [f64; 8] = [
    2.044_263_103_389_939_8e-15,
    1.421_511_758_316_446e-7,
    1.846_318_317_510_054_8e-5,
    7.868_691_311_456_133e-4,
    1.487_536_129_085_061_5e-2,
    1.369_298_809_227_358e-1,
    5.998_322_065_558_88e-1,
    1.0,
];

#[cfg(test)]
mod tests {
    use super::*;

    // Reference values: mpmath 1.3 with 40 digits.
    const QUANTILES: [(f64, f64); 15] = [
        (1e-300, -37.0470962993612),
        (1e-20, -9.262340089798407),
        (1e-10, -6.361340902404057),
        (0.001, -3.0902323061678136),
        (0.02, -2.053748910631823),
        (0.07499, -1.4396021182393162),
        (0.0750001, -1.4395307645017297),
        (0.3, -0.5244005127080408),
        (0.499999999, -2.5066283428845328e-09),
        (0.5, 0.0),
        (0.6, 0.2533471031357997),
        (0.9249, 1.4388253927525403),
        (0.9251, 1.440238267527964),
        (0.975, 1.9599639845400538),
        (0.999999, 4.753424308817087),
    ];

    #[test]
    fn quantiles_agree_with_forty_digit_arithmetic() {
        for (u, expected) in QUANTILES {
            let found = normal_quantile(u);
            // Half an ulp of u near 1 moves the quantile by this much.
            let slack = if u > 0.9 { 5e-12 } else { 1e-15 };
            assert!((found - expected).abs() <= slack * expected.abs().max(1e-8), "{u}: {found}");
        }
        assert_eq!(normal_quantile(0.0), f64::NEG_INFINITY);
        assert_eq!(normal_quantile(1.0), f64::INFINITY);
        assert!(normal_quantile(-0.1).is_nan() && normal_quantile(f64::NAN).is_nan());
    }

    #[test]
    fn cdf_and_quantile_are_inverse() {
        for i in 1..2000 {
            let u = f64::from(i) / 2000.0;
            assert!((normal_cdf(normal_quantile(u)) - u).abs() < 1e-15, "{u}");
        }
    }

    #[test]
    fn exponential_and_lognormal_quantiles_follow_their_formulas() {
        assert_eq!(exponential_quantile(3.0, 0.0), 0.0);
        assert!((exponential_quantile(2.0, 0.5) - 2.0 * std::f64::consts::LN_2).abs() < 1e-15);
        assert!((lognormal_quantile(1.0, 0.5, 0.5) - std::f64::consts::E).abs() < 1e-15);
    }
}
