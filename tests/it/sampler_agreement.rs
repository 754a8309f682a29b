//! Our samplers against an independent implementation (`rand_distr`) of the same laws: two-sample
//! Kolmogorov-Smirnov for continuous laws, chi-square of two samples for counts.
//!
//! Seeds are fixed, so a test either always passes or always fails; p-values below 1e-3 in so few tests mean
//! a defect.

use backout::rng::special::incomplete_gamma;
use backout::rng::{
    Distribution, Key, Stream, binomial_quantile, binomial_sample, gamma_quantile, gamma_sample,
    normal_sample, poisson_quantile, poisson_sample,
};
use backout::stats::rank_test::{kolmogorov_smirnov, kolmogorov_smirnov_against};
use rand_distr::Distribution as _;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;

const DRAWS: usize = 100_000;

fn ours(name: &str, mut draw: impl FnMut(&mut Stream) -> f64) -> Vec<f64> {
    let mut stream = Key::root(20, name).stream();
    (0..DRAWS).map(|_| draw(&mut stream)).collect()
}

fn keyed(name: &str, draw: impl Fn(f64) -> f64) -> Vec<f64> {
    let key = Key::root(21, name);
    (0..DRAWS as u64).map(|i| draw(key.id(i).uniform())).collect()
}

fn theirs(law: impl rand_distr::Distribution<f64>) -> Vec<f64> {
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(5);
    (0..DRAWS).map(|_| law.sample(&mut generator)).collect()
}

#[track_caller]
fn same_law(first: &[f64], second: &[f64]) {
    let test = kolmogorov_smirnov(first, second).unwrap();
    assert!(test.p > 1e-3, "distance {} p {}", test.distance, test.p);
}

/// Chi-square of two equally large samples over cells of at least 40 counts together.
#[track_caller]
fn same_counts(first: &[f64], second: &[f64]) {
    let cells = 1 + first.iter().chain(second).fold(0.0f64, |m, &x| m.max(x)) as usize;
    let count = |sample: &[f64]| {
        let mut counts = vec![0.0; cells];
        sample.iter().for_each(|&x| counts[x as usize] += 1.0);
        counts
    };
    let (mut statistic, mut degrees) = (0.0, -1.0);
    let (mut a, mut b) = (0.0, 0.0);
    for (x, y) in count(first).into_iter().zip(count(second)) {
        a += x;
        b += y;
        if a + b >= 40.0 {
            statistic += (a - b) * (a - b) / (a + b);
            degrees += 1.0;
            (a, b) = (0.0, 0.0);
        }
    }
    assert!(degrees >= 1.0);
    let p = incomplete_gamma(degrees / 2.0, statistic / 2.0).upper;
    assert!(p > 1e-3, "chi-square {statistic} on {degrees}: p {p}");
}

#[test]
fn normal_exponential_and_lognormal() {
    same_law(&ours("normal", normal_sample), &theirs(rand_distr::StandardNormal));
    let exponential = Distribution::<f64>::exponential(3.0).unwrap();
    same_law(&ours("exp", |s| exponential.sample(s)), &theirs(rand_distr::Exp::new(1.0 / 3.0).unwrap()));
    let lognormal = Distribution::<f64>::lognormal(12.0, 80.0).unwrap();
    let sigma = f64::ln(80.0 / 12.0) / 2.326_347_874_040_841;
    same_law(
        &ours("lognormal", |s| lognormal.sample(s)),
        &theirs(rand_distr::LogNormal::new(f64::ln(12.0), sigma).unwrap()),
    );
}

#[test]
fn gamma_by_rejection_and_by_inversion() {
    for shape in [0.3, 1.0, 2.5, 40.0] {
        let reference = theirs(rand_distr::Gamma::new(shape, 2.0 / shape).unwrap());
        let sample = ours("gamma", |s| gamma_sample(2.0, shape, s));
        same_law(&sample, &reference);
        let exact = kolmogorov_smirnov_against(&sample, |x| incomplete_gamma(shape, x * shape / 2.0).lower);
        assert!(exact.unwrap().p > 1e-3, "{exact:?}");
        same_law(&keyed("gamma", |u| gamma_quantile(2.0, shape, u))[..10_000], &reference);
    }
}

#[test]
fn poisson_by_rejection_and_by_inversion() {
    for mean in [0.2, 4.0, 9.99, 10.0, 29.0, 31.0, 400.0] {
        let reference = theirs(rand_distr::Poisson::new(mean).unwrap());
        same_counts(&ours("poisson", |s| poisson_sample(mean, s) as f64), &reference);
        same_counts(&keyed("poisson", |u| poisson_quantile(mean, u) as f64), &reference);
    }
}

#[test]
fn binomial_by_rejection_and_by_inversion() {
    for (n, p) in [(5, 0.5), (100, 0.02), (100, 0.1), (1500, 0.01), (1500, 0.2), (300, 0.93), (40, 0.97)] {
        let law = rand_distr::Binomial::new(n, p).unwrap();
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(7);
        let reference: Vec<f64> = (0..DRAWS).map(|_| law.sample(&mut generator) as f64).collect();
        same_counts(&ours("binomial", |s| binomial_sample(n, p, s) as f64), &reference);
        same_counts(&keyed("binomial", |u| binomial_quantile(n, p, u) as f64), &reference);
    }
}

#[test]
fn mixtures_and_empirical_values_by_every_way_of_drawing() {
    let fast = Distribution::<f64>::uniform(0.0, 1.0).unwrap();
    let slow = Distribution::<f64>::exponential(5.0).unwrap();
    let mixture = Distribution::mixture(vec![(3.0, fast), (1.0, slow)]).unwrap();
    let sampled = ours("mixture", |s| mixture.sample(s));
    same_law(&sampled, &keyed("mixture", |u| mixture.draw(u)));
    same_law(&sampled, &keyed("inverse", |u| mixture.quantile(u)));
    let choice = rand_distr::weighted::WeightedIndex::new([3.0, 1.0]).unwrap();
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(3);
    let (uniform, exponential) =
        (rand_distr::Uniform::new(0.0, 1.0).unwrap(), rand_distr::Exp::new(0.2).unwrap());
    let reference: Vec<f64> = (0..DRAWS)
        .map(|_| match choice.sample(&mut generator) {
            0 => uniform.sample(&mut generator),
            _ => exponential.sample(&mut generator),
        })
        .collect();
    same_law(&sampled, &reference);
    let empirical = Distribution::<f64>::empirical(&[0.0, 1.0, 5.0], &[1.0, 2.0, 1.0]).unwrap();
    let reference: Vec<f64> = {
        let choice = rand_distr::weighted::WeightedIndex::new([1.0, 2.0, 1.0]).unwrap();
        (0..DRAWS).map(|_| [0.0, 1.0, 5.0][choice.sample(&mut generator)]).collect()
    };
    same_counts(&ours("empirical", |s| empirical.sample(s)), &reference);
}
