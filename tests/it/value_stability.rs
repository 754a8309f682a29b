//! The exact bits of keys and samplers. A change here changes every stored record and golden report: it needs
//! a line in the change log and a new format version, not just new numbers in this file.

use backout::rng::{
    Ar1, Cycle, Distribution, Key, Noise, Purpose, Quick, Spikes, binomial_quantile, binomial_sample,
    gamma_quantile, gamma_sample, normal_cdf, normal_quantile, poisson_quantile, poisson_sample,
};
use backout::time::SimDuration;

fn key() -> Key {
    Key::root(20_261_121, "scenarios/fault/checkout-error-regression")
}

/// A rolling hash over the bits of many values, so that a rare path shows too.
fn digest(values: impl IntoIterator<Item = f64>) -> u64 {
    values
        .into_iter()
        .fold(0, |hash: u64, v| (hash.rotate_left(5) ^ v.to_bits()).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn streamed(mut draw: impl FnMut(&mut backout::rng::Stream) -> f64) -> u64 {
    let mut stream = key().purpose(Purpose::ServiceTime).stream();
    digest((0..20_000).map(|_| draw(&mut stream)))
}

fn keyed(draw: impl Fn(f64) -> f64) -> u64 {
    let key = key().purpose(Purpose::Error);
    digest((0..20_000).map(|i| draw(key.id(i).uniform_open())))
}

#[test]
fn keys() {
    let k = key();
    let found = [
        k.bits(),
        k.replication(3).bits(),
        k.entity("checkout").bits(),
        k.entity("").bits(),
        k.id(7).bits(),
        k.purpose(Purpose::Arrivals).bits(),
        k.purpose(Purpose::StandIn).bits(),
        k.replication(1).entity("web").purpose(Purpose::ServiceTime).id(99).bits(),
    ];
    assert_eq!(found, KEYS, "{found:#x?}");
}

#[test]
fn streams() {
    let mut s = key().stream();
    let found =
        [s.next_u64(), s.next_u64(), s.uniform().to_bits(), s.uniform_open().to_bits(), s.below(1000)];
    assert_eq!(found, STREAM, "{found:#x?}");
    let found = [key().uniform().to_bits(), key().uniform_open().to_bits(), key().below(1000)];
    assert_eq!(found, ONE_DRAW, "{found:#x?}");
}

#[test]
fn quantiles() {
    let found = [
        keyed(normal_quantile),
        keyed(|u| normal_cdf(8.0 * u - 4.0)),
        keyed(|u| gamma_quantile(3.0, 0.5, u)),
        keyed(|u| gamma_quantile(3.0, 12.0, u)),
        keyed(|u| poisson_quantile(4.2, u) as f64),
        keyed(|u| poisson_quantile(420.0, u) as f64),
        keyed(|u| binomial_quantile(1500, 0.003, u) as f64),
        keyed(|u| binomial_quantile(1500, 0.3, u) as f64),
        keyed(|u| binomial_quantile(1500, 0.9, u) as f64),
    ];
    assert_eq!(found, QUANTILES, "{found:#x?}");
}

#[test]
fn samplers() {
    let found = [
        streamed(|s| gamma_sample(3.0, 0.5, s)),
        streamed(|s| gamma_sample(3.0, 12.0, s)),
        streamed(|s| poisson_sample(4.2, s) as f64),
        streamed(|s| poisson_sample(420.0, s) as f64),
        streamed(|s| binomial_sample(1500, 0.003, s) as f64),
        streamed(|s| binomial_sample(1500, 0.3, s) as f64),
        streamed(|s| binomial_sample(1500, 0.9, s) as f64),
    ];
    assert_eq!(found, SAMPLERS, "{found:#x?}");
}

#[test]
fn distributions() {
    type D = Distribution<f64>;
    let all = [
        D::fixed(2.5),
        D::uniform(-1.0, 3.0),
        D::exponential(3.0),
        D::lognormal(0.012, 0.080),
        D::gamma(3.0, 2.5),
        D::poisson(17.0),
        D::binomial(900, 0.2),
        D::empirical(&[1.0, 4.0, 2.0], &[1.0, 2.0, 3.0]),
        D::mixture(vec![(0.9, D::fixed(1.0).unwrap()), (0.1, D::lognormal(2.0, 9.0).unwrap())]),
    ];
    let found: Vec<[u64; 3]> = all
        .into_iter()
        .map(Result::unwrap)
        .map(|d| [streamed(|s| d.sample(s)), keyed(|u| d.draw(u)), keyed(|u| d.cdf(4.0 * u))])
        .collect();
    assert_eq!(found, DISTRIBUTIONS, "{found:#x?}");
}

#[test]
fn noise() {
    let noise = Ar1 { tau: SimDuration::from_mins(5), cv: 0.2 };
    let found = digest(noise.path(key().purpose(Purpose::Noise), SimDuration::from_secs(15), 20_000));
    assert_eq!(found, NOISE, "{found:#x}");
}

#[test]
fn noise_with_all_parts() {
    let read = |text: &str| serde_saphyr::from_str::<Spikes>(text).unwrap();
    let noise = Noise {
        tau: SimDuration::from_mins(5),
        cv: 0.2,
        quick: Some(Quick { share: 0.2, tau: SimDuration::from_secs(20) }),
        cycle: Some(Cycle {
            share: 0.3,
            period: SimDuration::from_mins(10),
            coherence: SimDuration::from_mins(30),
        }),
        spikes: Some(read("{every: 30m, lasts: {p50: 40s, p99: 5m}, size: {p50: 2, p99: 10}}")),
    };
    let own = key().purpose(Purpose::Noise);
    let found = digest(noise.path(own, key(), SimDuration::from_secs(15), 20_000));
    assert_eq!(found, NOISE_WITH_ALL_PARTS, "{found:#x}");
    // One part alone is what it always was.
    let plain = Noise { quick: None, cycle: None, spikes: None, ..noise };
    assert_eq!(digest(plain.path(own, key(), SimDuration::from_secs(15), 20_000)), NOISE);
}

const NOISE_WITH_ALL_PARTS: u64 = 0x66f6_8765_0557_8579;

const KEYS: [u64; 8] = [
    0x4692_859d_e044_0cd6,
    0xe68b_00f4_0488_8bfd,
    0x03dc_181b_2736_9c4b,
    0xa06f_5caa_7a0d_55ae,
    0x48b7_e6ae_f415_f98c,
    0x1ee7_027a_4833_8f44,
    0x5de7_a236_0a1c_6b4a,
    0x01f0_5c3d_8b35_e6b9,
];
const STREAM: [u64; 5] =
    [0x3a75_8338_d09f_e4cf, 0xc803_6805_dce8_f83a, 0x3fcb_0531_ebc2_86cc, 0x3fde_1ba2_f714_13ae, 0x213];
const ONE_DRAW: [u64; 3] = [0x3fd1_a4a1_6778_1102, 0x3fd1_a4a1_6778_1102, 0x113];
const QUANTILES: [u64; 9] = [
    0xbeea_1707_1705_3efe,
    0x8845_aa66_06a1_b184,
    0xe8ea_799c_c3c3_cfa1,
    0x0f2f_c62f_e060_ed70,
    0x621e_08b7_20e2_0524,
    0xf025_f22c_fd99_fe18,
    0xf2ee_6b98_094e_de0b,
    0x62ae_b665_0df1_3a49,
    0xa272_4d5f_cb5c_ffe1,
];
const SAMPLERS: [u64; 7] = [
    0xbe55_7928_8930_72b5,
    0x267a_2c70_6745_9e02,
    0x0367_ceb5_6e79_7bb1,
    0x1a91_1d68_965b_3ee5,
    0x227c_35ea_62d7_0429,
    0xa4e7_c2d5_a180_90ad,
    0x474b_505b_05ae_cb13,
];
const DISTRIBUTIONS: [[u64; 3]; 9] = [
    [0x5b91_831a_1b82_dd79, 0x5b91_831a_1b82_dd79, 0x9872_eb6e_f8b8_3699],
    [0xea6b_3ac9_640e_c342, 0xefe2_b72a_eaa7_01c3, 0xf19f_9642_f1c9_2afe],
    [0xd7c8_15c2_63b5_e328, 0xd894_f31c_4fc8_03c1, 0xcbc1_5d25_2a30_1884],
    [0x52ff_ba45_ff1e_cd9b, 0xc4c4_f487_bd17_7990, 0x0018_5820_d8c7_2780],
    [0xb351_377f_d853_bbef, 0x0b5b_c18d_70bc_7faa, 0xf0bf_dab2_756d_9a4e],
    [0x2b6c_882c_d09e_aaaa, 0xd614_bf4c_ffa9_1cb3, 0xddfa_2053_5d42_b294],
    [0x5b88_dc5c_7919_b204, 0x4911_92ce_70c8_7917, 0x45bc_418b_b04b_c30e],
    [0x8360_dec2_be6b_7a85, 0x684d_2c1f_cdc6_b371, 0x3cb6_0694_d2d3_6874],
    [0x04a9_b276_9f8c_32b7, 0x3cf4_7a77_4931_54d2, 0xb8d1_23bb_5507_64d1],
];
const NOISE: u64 = 0x0fe7_d795_18a3_5ea4;
