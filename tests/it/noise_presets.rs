//! Noise presets against recorded series: the recording must be an ordinary outcome of the preset.
//!
//! For every recording, 200 series of the same length and step are generated, the points the recording misses are
//! left out of each, and the recorded coefficient of variation and lag-1 autocorrelation must lie between the 2.5 %
//! and 97.5 % quantiles of theirs. Recordings no preset stands for are listed with the reason, and the reason is
//! checked. Every file of the folders must be on one of the two lists.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use backout::effect::{ServiceId, SetName};
use backout::quantity::Ratio;
use backout::rng::{Distribution, Key, Noise, poisson_quantile};
use backout::scenario::noise::PRESETS;
use backout::time::{SimDuration, SimTime};
use backout::world::climate::Climate;
use backout::world::spec::NoiseSpec;

use crate::{shared, studies, worlds};

const RUNS: u64 = 200;

/// How a recording becomes a series.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reading {
    /// The second column, a value a step.
    Values,
    /// The second column, whole numbers of events a step: generated series are counts too.
    Counts,
    /// A line an event: events are counted per step of this many seconds.
    Events(u64),
}

/// Preset, how it is read, and the recordings it stands for.
const FITTED: &[(&str, Reading, &[&str])] = &[
    ("load_balancer_requests", Reading::Counts, &["nab/elb_request_count_8c0756.csv"]),
    ("daily_requests", Reading::Values, &["ms-cloud-monitoring/api-01.csv"]),
    ("inference_requests", Reading::Events(15), &["azure/AzureLLMInferenceTrace_code.csv"]),
    (
        "database_cpu",
        Reading::Values,
        &["nab/rds_cpu_utilization_cc0c53.csv", "nab/rds_cpu_utilization_e47b3b.csv"],
    ),
    ("instance_cpu", Reading::Values, &["nab/ec2_cpu_utilization_825cc2.csv"]),
    ("instance_cpu_jobs", Reading::Values, &["nab/ec2_cpu_utilization_5f5533.csv"]),
    ("scaling_group_load", Reading::Values, &["nab/grok_asg_anomaly.csv"]),
    ("network_bursts", Reading::Values, &["nab/ec2_network_in_5abac7.csv"]),
    ("request_latency", Reading::Values, &["nab/ec2_request_latency_system_failure.csv"]),
    (
        "outgoing_latency",
        Reading::Values,
        &[
            "ms-cloud-monitoring/outbound-01.csv",
            "ms-cloud-monitoring/outbound-03.csv",
            "ms-cloud-monitoring/outbound-04.csv",
        ],
    ),
    (
        "app_crashes",
        Reading::Values,
        &[
            "ms-cloud-monitoring/app1-01.csv",
            "ms-cloud-monitoring/app1-04.csv",
            "ms-cloud-monitoring/app1-05.csv",
            "ms-cloud-monitoring/app1-07.csv",
            "ms-cloud-monitoring/app1-08.csv",
            "ms-cloud-monitoring/app2-01.csv",
        ],
    ),
    (
        "app_crashes_lasting",
        Reading::Values,
        &[
            "ms-cloud-monitoring/app1-02.csv",
            "ms-cloud-monitoring/app1-03.csv",
            "ms-cloud-monitoring/app1-06.csv",
            "ms-cloud-monitoring/app2-02.csv",
        ],
    ),
];

/// Recordings without a preset: the reason, and what must be true for it to be one.
type Reason = (&'static str, &'static str, fn(&Recording) -> bool);
const LEFT_OUT: &[Reason] = &[
    (
        "nab/art_daily_small_noise.csv",
        "made by a program, not recorded: one day is like the next to a few per cent",
        |r| r.name.contains("/art_") && autocorrelation(&r.values, 288) > 0.9,
    ),
    (
        "ms-cloud-monitoring/outbound-02.csv",
        "in most hours there is no call at all, and 0 stands for its latency",
        |r| r.values.iter().filter(|v| **v == 0.0).count() * 2 > r.values.len(),
    ),
    (
        "ms-cloud-monitoring/unavail-01.csv",
        "so few events in eleven days that a Poisson count without any noise does it",
        |r| {
            let events: f64 = r.values.iter().sum();
            events <= 5.0 && r.values.iter().all(|v| *v <= 1.0)
        },
    ),
    (
        "azure/vmnoise_fio_randread64k_remote_long_eastus_D8s_v5_msec.csv",
        "held at its quota by the cloud: it does not vary, and it has no step",
        |r| variation(&r.values) < 0.001 && !r.regular,
    ),
];

/// A recorded series.
struct Recording {
    name: String,
    step: SimDuration,
    values: Vec<f64>,
    /// Where each value stands, in steps from the first.
    places: Vec<usize>,
    /// Whether the time between most values is the step.
    regular: bool,
}

/// Seconds of `2018-06-17T00:00:00Z` or `2018-06-17 00:00:00.123`, from any fixed day on.
fn seconds(text: &str) -> Option<f64> {
    let text = text.trim_end_matches('Z');
    let (date, time) = text.split_once(['T', ' '])?;
    let mut date = date.split('-').map(|part| part.parse::<i64>());
    let (year, month, day) = (date.next()?.ok()?, date.next()?.ok()?, date.next()?.ok()?);
    // Days since March of year 0: H. Hinnant's civil calendar.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day;
    let mut time = time.split(':').map(|part| part.parse::<f64>());
    let (hour, minute, second) = (time.next()?.ok()?, time.next()?.ok()?, time.next()?.ok()?);
    Some(days as f64 * 86_400.0 + hour * 3600.0 + minute * 60.0 + second)
}

/// Instants and values of a file; `None` if it is no table of that kind.
fn table(path: &Path, time: &str, value: &str) -> Option<Vec<(f64, f64)>> {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').map(|f| f.trim_matches('"')).collect::<Vec<_>>());
    let head = lines.next()?;
    let column = |name: &str| head.iter().position(|field| field.eq_ignore_ascii_case(name));
    let (at, of) = (column(time)?, column(value)?);
    let row = |fields: Vec<&str>| Some((seconds(fields.get(at)?)?, fields.get(of)?.parse().ok()?));
    let mut rows: Vec<(f64, f64)> = lines.filter_map(row).collect();
    rows.sort_by(|a, b| a.0.total_cmp(&b.0));
    Some(rows)
}

fn recording(folder: &Path, name: &str, reading: Reading) -> Recording {
    let path = folder.join(name);
    let rows = table(&path, "timestamp", "value").or_else(|| table(&path, "timestamp", "ContextTokens"));
    let rows = rows.or_else(|| table(&path, "starttime", "value")).unwrap_or_else(|| panic!("{name}"));
    assert!(rows.len() > 100, "{name}: {} rows", rows.len());
    let start = rows[0].0;
    if let Reading::Events(step) = reading {
        let place = |at: f64| ((at - start) / step as f64) as usize;
        // The last step is not a whole one.
        let mut values = vec![0.0; place(rows[rows.len() - 1].0)];
        rows.iter().for_each(|(at, _)| {
            if let Some(count) = values.get_mut(place(*at)) {
                *count += 1.0;
            }
        });
        let places = (0..values.len()).collect();
        return Recording {
            name: name.to_owned(),
            step: SimDuration::from_secs(step),
            values,
            places,
            regular: true,
        };
    }
    let mut gaps: Vec<f64> = rows.windows(2).map(|w| w[1].0 - w[0].0).filter(|gap| *gap > 0.0).collect();
    gaps.sort_by(f64::total_cmp);
    let step = gaps[gaps.len() / 2];
    let regular = gaps.iter().filter(|gap| **gap == step).count() * 10 > gaps.len() * 9;
    // Of values with one time stamp (clocks are set back in autumn) the first counts.
    let mut kept: BTreeMap<usize, f64> = BTreeMap::new();
    rows.iter().for_each(|(at, value)| {
        kept.entry(((at - start) / step).round() as usize).or_insert(*value);
    });
    let (places, values) = kept.into_iter().unzip();
    Recording { name: name.to_owned(), step: SimDuration::from_secs_f64(step), values, places, regular }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn variation(values: &[f64]) -> f64 {
    let centre = mean(values);
    let variance = values.iter().map(|v| (v - centre) * (v - centre)).sum::<f64>() / values.len() as f64;
    variance.sqrt() / centre
}

fn autocorrelation(values: &[f64], lag: usize) -> f64 {
    let centre = mean(values);
    let all: f64 = values.iter().map(|v| (v - centre) * (v - centre)).sum();
    let pairs = values.iter().zip(values.iter().skip(lag));
    pairs.map(|(a, b)| (a - centre) * (b - centre)).sum::<f64>() / all
}

/// The ratio of the 99th percentile to the mean.
fn tail(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() * 99 / 100] / mean(values)
}

/// A figure of a series.
type Figure = fn(&[f64]) -> f64;

/// The figures that are compared: the first two must fit, the others are shown.
const FIGURES: [(&str, Figure); 4] = [
    ("cv", variation),
    ("lag 1", |v| autocorrelation(v, 1)),
    ("lag 12", |v| autocorrelation(v, 12)),
    ("p99/mean", tail),
];

/// A series of the preset with the length, step and gaps of the recording.
fn generated(noise: &Noise, recording: &Recording, reading: Reading, run: u64) -> Vec<f64> {
    let key = Key::root(run, &recording.name);
    let path = noise.path(key.entity("noise"), key, recording.step, recording.places.last().unwrap() + 1);
    let present = recording.places.iter().map(|place| path[*place]);
    if reading == Reading::Values {
        return present.collect();
    }
    let rate = mean(&recording.values);
    let counts = key.entity("counts");
    present
        .enumerate()
        .map(|(k, factor)| poisson_quantile(rate * factor, counts.id(k as u64).uniform()) as f64)
        .collect()
}

/// Each figure: recorded, and the central 95 % of the generated ones.
fn compare(noise: &Noise, recording: &Recording, reading: Reading) -> [(f64, f64, f64); FIGURES.len()] {
    let series: Vec<Vec<f64>> = std::thread::scope(|scope| {
        let half = |odd: u64| {
            (0..RUNS)
                .filter(|run| run % 2 == odd)
                .map(|run| generated(noise, recording, reading, run))
                .collect()
        };
        let other = scope.spawn(move || half(1));
        let mut all: Vec<Vec<f64>> = half(0);
        all.extend(other.join().unwrap());
        all
    });
    FIGURES.map(|(_, figure)| {
        let mut values: Vec<f64> = series.iter().map(|v| figure(v)).collect();
        values.sort_by(f64::total_cmp);
        // Of 200, five are left out on each side.
        let out = values.len() / 40;
        (figure(&recording.values), values[out], values[values.len() - 1 - out])
    })
}

#[test]
fn recordings_are_ordinary_outcomes_of_their_presets() {
    let Some(shared) = shared::folder() else { return };
    let folder = shared.join("datasets");
    let mut table = String::from("| preset | recording |");
    FIGURES.iter().for_each(|(name, _)| table += &format!(" {name} |"));
    let mut wrong = Vec::new();
    for (name, reading, files) in FITTED {
        let preset = PRESETS.iter().find(|preset| preset.name == *name).unwrap();
        let noise = preset.noise.noise();
        for file in *files {
            let recording = recording(&folder, file, *reading);
            assert!(recording.regular, "{file}");
            table += &format!("\n| `{name}` | {} |", file.trim_end_matches(".csv"));
            let figures = compare(&noise, &recording, *reading);
            for (index, ((figure, _), (found, low, high))) in FIGURES.iter().zip(figures).enumerate() {
                let fits = low <= found && found <= high;
                let mark = if fits { "" } else { " no" };
                table += &format!(" {found:.3} in {low:.3} to {high:.3}{mark} |");
                if index < 2 && !fits {
                    wrong.push(format!("{name}: {figure} of {file} is {found}, not in {low} to {high}"));
                }
            }
        }
    }
    eprintln!("{table}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_recording_has_a_preset_or_a_reason_that_holds() {
    let Some(shared) = shared::folder() else { return };
    let folder = shared.join("datasets");
    for (file, reason, holds) in LEFT_OUT {
        assert!(holds(&recording(&folder, file, Reading::Values)), "{file}: not true that it is {reason}");
    }
    let mut there: Vec<String> = Vec::new();
    for below in ["nab", "ms-cloud-monitoring", "azure"] {
        let entries = fs::read_dir(folder.join(below)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        there.extend(names.filter(|name| name.ends_with(".csv")).map(|name| format!("{below}/{name}")));
    }
    let fitted = FITTED.iter().flat_map(|(_, _, files)| files.iter().copied());
    let mut known: Vec<&str> = fitted.chain(LEFT_OUT.iter().map(|(file, ..)| *file)).collect();
    known.sort_unstable();
    there.sort();
    assert_eq!(there, known);
    let presets: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
    let tested: Vec<&str> = FITTED.iter().map(|(name, ..)| *name).collect();
    assert_eq!(presets, tested, "a preset without a recording, or in another order");
}

#[test]
fn rare_events_need_no_noise() {
    let Some(shared) = shared::folder() else { return };
    let file = "ms-cloud-monitoring/unavail-01.csv";
    let recording = recording(&shared.join("datasets"), file, Reading::Counts);
    let still = NoiseSpec::none().noise();
    // A series without an event has no variation to speak of; with one event in n steps it is the square root of n.
    let mut found: Vec<f64> = (0..RUNS)
        .map(|run| generated(&still, &recording, Reading::Counts, run))
        .filter(|series| series.iter().any(|v| *v > 0.0))
        .map(|series| variation(&series))
        .collect();
    found.sort_by(f64::total_cmp);
    assert!(found.len() > 150, "{}", found.len());
    let recorded = variation(&recording.values);
    let out = found.len() / 40;
    assert!(found[out] <= recorded && recorded <= found[found.len() - 1 - out], "{recorded}");
    assert!(autocorrelation(&recording.values, 1).abs() < 0.01);
}

#[test]
fn a_preset_with_another_correlation_or_spread_would_not_pass() {
    let Some(shared) = shared::folder() else { return };
    let recording = recording(&shared.join("datasets"), "nab/elb_request_count_8c0756.csv", Reading::Counts);
    let preset = PRESETS.iter().find(|preset| preset.name == "load_balancer_requests").unwrap();
    let noise = preset.noise.noise();
    let fits = |noise: &Noise| {
        compare(noise, &recording, Reading::Counts)[..2]
            .iter()
            .map(|(x, low, high)| low <= x && x <= high)
            .collect()
    };
    let both: Vec<bool> = fits(&noise);
    assert_eq!(both, [true, true]);
    let spread: Vec<bool> = fits(&Noise { cv: 0.5, ..noise });
    assert!(!spread[0], "half of the spread");
    let correlated: Vec<bool> = fits(&Noise { quick: None, ..noise });
    assert!(!correlated[1], "without the quick part");
    // Plain Poisson counts at this rate vary by 13 %, not by 92 %.
    let still: Vec<bool> = fits(&Noise { cv: 0.0, ..noise });
    assert_eq!(still, [false, false]);
}

#[test]
fn replicas_share_the_clock_and_their_share_of_the_spikes() {
    let spec = |shared: Ratio| {
        let noise = NoiseSpec {
            cv: 0.3,
            shared,
            cycle: Some(studies::yaml("{share: 100%, period: 10m, coherence: 1d}")),
            spikes: Some(studies::yaml("{every: 10m, lasts: {p50: 1m, p99: 2m}, size: {p50: 3, p99: 9}}")),
            ..NoiseSpec::none()
        };
        let mut services = ["a", "b"].map(|name| worlds::service(name, Distribution::certain(0.01))).to_vec();
        services.iter_mut().for_each(|service| service.noise = noise);
        worlds::spec(services, 10.0)
    };
    let end = SimTime::ZERO + SimDuration::from_mins(300);
    let climate = |shared: Ratio| Climate::new(&spec(shared), Key::root(1, "climate"), end);
    let together = climate(Ratio::ONE);
    let apart = climate(Ratio::ZERO);
    let slots = || 0..together.slot_of(end);
    let own = |climate: &Climate, ordinal: u16| -> Vec<f64> {
        slots().map(|slot| climate.replica_time(ServiceId(0), SetName::Old, ordinal, slot)).collect()
    };
    let common = |climate: &Climate, service: u16| -> Vec<f64> {
        slots().map(|slot| climate.service_time(ServiceId(service), slot)).collect()
    };
    // All shared: replicas have nothing of their own, and services have spikes of their own.
    assert!(own(&together, 0).iter().all(|factor| *factor == 1.0));
    assert_ne!(common(&together, 0), common(&together, 1));
    // Nothing shared: what is left in common is the clock, and it is that of the other service too.
    assert_eq!(common(&apart, 0), common(&apart, 1));
    assert!(variation(&common(&apart, 0)) > 0.1);
    assert_ne!(own(&apart, 0), own(&apart, 1));
    // Spikes and rests: all that a replica has alone.
    let rest = own(&apart, 0).into_iter().fold(f64::MAX, f64::min);
    let resting = own(&apart, 0).iter().filter(|factor| **factor < rest * 1.000_001).count();
    assert!((700..1190).contains(&resting), "{resting} of {}", slots().len());
}
