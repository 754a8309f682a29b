//! Noise of a scenario: presets fitted to recorded series, and what a file says instead.
//!
//! A preset is a set of parameters of [`crate::rng::Noise`]. Each was fitted to public recordings so that their
//! coefficient of variation and lag-1 autocorrelation are ordinary outcomes of the model; `tests/it/noise_presets.rs`
//! proves it from the files, `docs/noise.md` has the figures and what is not reached.
//!
//! Traps: recordings say nothing about times shorter than their step (five minutes or an hour), so the quick part has
//! a third of the step as its correlation time: the longest that still looks uncorrelated in the recording. They say
//! nothing about replicas either: `shared` is an assumption of every preset.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::Noise;
use super::limits::{MAX_CV, MAX_SPIKE_OVERLAP, MAX_SPIKE_SIZE, MAX_SPIKE_SPREAD, MIN_SPIKE_EVERY};
use super::resolve::Checker;
use super::services::deeper;
use crate::quantity::Ratio;
use crate::rng::{Cycle, DurationSpread, Quick, SizeSpread, Spikes};
use crate::time::SimDuration;
use crate::world::spec::NoiseSpec;

/// A class of recorded series. `backout list noise` shows the parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoisePreset {
    /// Requests a load balancer counts: nearly as much variation as mean, little of it lasts.
    LoadBalancerRequests,
    /// Requests of an API with people behind it: day and night, with slow drift.
    DailyRequests,
    /// Requests of a language model service: nothing, then a burst.
    InferenceRequests,
    /// Processor of a database: drifts over days, hardly moves within an hour.
    DatabaseCpu,
    /// Processor of an instance under load: drifts over hours.
    InstanceCpu,
    /// Processor of an instance with jobs: oscillates with them.
    InstanceCpuJobs,
    /// Load of an autoscaling group: stays where it is for hours, then somewhere else.
    ScalingGroupLoad,
    /// Network traffic of an instance that does transfers: nearly nothing, then thousands of times as much.
    NetworkBursts,
    /// Latency of requests: steady, what is too much now is too little next, with rare spikes.
    RequestLatency,
    /// Latency of calls to others: steady, with outages of hours every few weeks.
    OutgoingLatency,
    /// Crashes of an app: come and go within hours.
    AppCrashes,
    /// Crashes of an app with incidents that last for a day.
    AppCrashesLasting,
}

/// A preset with its parameters.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Which one.
    pub preset: NoisePreset,
    /// Its name in files.
    pub name: &'static str,
    /// What it is like, for lists.
    pub summary: &'static str,
    /// The recordings it was fitted to.
    pub source: &'static str,
    /// Its parameters; `shared` is an assumption.
    pub noise: NoiseSpec,
}

const fn secs(secs: u64) -> SimDuration {
    SimDuration::from_secs(secs)
}

const fn mins(mins: u64) -> SimDuration {
    SimDuration::from_mins(mins)
}

const fn hours(hours: u64) -> SimDuration {
    SimDuration::from_mins(60 * hours)
}

const fn days(days: u64) -> SimDuration {
    hours(24 * days)
}

/// Parameters without quick part, cycle and spikes.
const fn plain(tau: SimDuration, cv: f64) -> NoiseSpec {
    NoiseSpec { tau, cv, shared: Ratio::HALF, quick: None, cycle: None, spikes: None }
}

/// With a part that is forgotten quickly.
const fn with_quick(noise: NoiseSpec, share: f64, tau: SimDuration) -> NoiseSpec {
    NoiseSpec { quick: Some(Quick { share, tau }), ..noise }
}

const fn with_cycle(noise: NoiseSpec, share: f64, period: SimDuration, coherence: SimDuration) -> NoiseSpec {
    NoiseSpec { cycle: Some(Cycle { share, period, coherence }), ..noise }
}

/// With spikes; durations and sizes by median and 99th percentile.
const fn with_spikes(
    noise: NoiseSpec,
    every: SimDuration,
    lasts: (SimDuration, SimDuration),
    size: (f64, f64),
) -> NoiseSpec {
    let lasts = DurationSpread { p50: lasts.0, p99: lasts.1 };
    let size = SizeSpread { p50: size.0, p99: size.1 };
    NoiseSpec { spikes: Some(Spikes { every, lasts, size }), ..noise }
}

/// A third of a step of five minutes, and of an hour; see the traps above.
const OF_FIVE_MINUTES: SimDuration = secs(100);
const OF_AN_HOUR: SimDuration = mins(20);

/// Every preset, in the order of lists.
pub const PRESETS: &[Preset] = &[
    Preset {
        preset: NoisePreset::LoadBalancerRequests,
        name: "load_balancer_requests",
        summary: "requests a load balancer counts: nearly as much variation as mean, little of it lasts",
        source: "elb_request_count_8c0756 of numenta/NAB",
        noise: with_quick(plain(hours(5), 0.9), 0.73, OF_FIVE_MINUTES),
    },
    Preset {
        preset: NoisePreset::DailyRequests,
        name: "daily_requests",
        summary: "requests of an API with people behind it: day and night, with slow drift",
        source: "api-01 of microsoft/cloud-monitoring-dataset",
        noise: with_cycle(with_quick(plain(days(2), 0.38), 0.06, OF_AN_HOUR), 0.55, hours(24), days(20)),
    },
    Preset {
        preset: NoisePreset::InferenceRequests,
        name: "inference_requests",
        summary: "requests of a language model service: hardly any, then a burst of seconds",
        source: "AzureLLMInferenceTrace_code of Azure/AzurePublicDataset",
        noise: with_spikes(plain(mins(5), 0.6), secs(35), (secs(4), secs(20)), (12.0, 60.0)),
    },
    Preset {
        preset: NoisePreset::DatabaseCpu,
        name: "database_cpu",
        summary: "processor of a database: drifts over days, hardly moves within an hour",
        source: "rds_cpu_utilization_cc0c53 and _e47b3b of numenta/NAB",
        noise: with_quick(plain(days(3), 0.45), 0.02, OF_FIVE_MINUTES),
    },
    Preset {
        preset: NoisePreset::InstanceCpu,
        name: "instance_cpu",
        summary: "processor of an instance under load: drifts over hours",
        source: "ec2_cpu_utilization_825cc2 of numenta/NAB",
        noise: with_quick(plain(hours(6), 0.135), 0.015, OF_FIVE_MINUTES),
    },
    Preset {
        preset: NoisePreset::InstanceCpuJobs,
        name: "instance_cpu_jobs",
        summary: "processor of an instance with jobs: oscillates with them",
        source: "ec2_cpu_utilization_5f5533 of numenta/NAB",
        noise: with_cycle(
            with_quick(plain(days(2), 0.105), 0.15, OF_FIVE_MINUTES),
            0.25,
            secs(800),
            hours(6),
        ),
    },
    Preset {
        preset: NoisePreset::ScalingGroupLoad,
        name: "scaling_group_load",
        summary: "load of an autoscaling group: stays for hours, then moves",
        source: "grok_asg_anomaly of numenta/NAB",
        noise: with_quick(plain(days(2), 0.5), 0.006, OF_FIVE_MINUTES),
    },
    Preset {
        preset: NoisePreset::NetworkBursts,
        name: "network_bursts",
        summary: "network of an instance that does transfers: hardly anything, then thousands of times as much",
        source: "ec2_network_in_5abac7 of numenta/NAB",
        noise: with_spikes(
            with_quick(plain(hours(1), 0.2), 0.5, OF_FIVE_MINUTES),
            mins(210),
            (secs(30), secs(60)),
            (5000.0, 9000.0),
        ),
    },
    Preset {
        preset: NoisePreset::RequestLatency,
        name: "request_latency",
        summary: "latency of requests: steady, high and low take turns every few minutes, rare spikes",
        source: "ec2_request_latency_system_failure of numenta/NAB",
        noise: with_spikes(
            with_cycle(with_quick(plain(days(1), 0.044), 0.2, OF_FIVE_MINUTES), 0.65, mins(10), mins(7)),
            days(2),
            (mins(2), mins(6)),
            (0.6, 3.0),
        ),
    },
    Preset {
        preset: NoisePreset::OutgoingLatency,
        name: "outgoing_latency",
        summary: "latency of calls to others: steady, with incidents of hours every few weeks",
        source: "outbound-01, -03 and -04 of microsoft/cloud-monitoring-dataset",
        noise: with_spikes(
            with_quick(plain(hours(12), 0.15), 0.5, OF_AN_HOUR),
            days(12),
            (mins(90), hours(6)),
            (15.0, 80.0),
        ),
    },
    Preset {
        preset: NoisePreset::AppCrashes,
        name: "app_crashes",
        summary: "crashes of an app: bursts that come and go within hours",
        source: "app1-01, -04, -05, -07, -08 and app2-01 of microsoft/cloud-monitoring-dataset",
        noise: with_spikes(
            with_quick(plain(hours(12), 0.6), 0.5, OF_AN_HOUR),
            days(4),
            (mins(90), hours(16)),
            (12.0, 200.0),
        ),
    },
    Preset {
        preset: NoisePreset::AppCrashesLasting,
        name: "app_crashes_lasting",
        summary: "crashes of an app with incidents that last for most of a day",
        source: "app1-02, -03, -06 and app2-02 of microsoft/cloud-monitoring-dataset",
        noise: with_spikes(
            with_quick(plain(hours(12), 0.7), 0.1, OF_AN_HOUR),
            days(7),
            (hours(15), hours(50)),
            (8.0, 400.0),
        ),
    },
];

impl NoisePreset {
    /// Its parameters; those of [`NoiseSpec::none`] never, because the table holds every preset (tested).
    fn noise(self) -> NoiseSpec {
        PRESETS.iter().find(|entry| entry.preset == self).map_or_else(NoiseSpec::none, |entry| entry.noise)
    }
}

impl Preset {
    /// The parameters as a file would write them out.
    #[must_use]
    pub fn written(&self) -> String {
        let noise = &self.noise;
        let mut text = format!("noise: {{tau: {}, cv: {}", noise.tau, noise.cv);
        if let Some(quick) = noise.quick {
            text += &format!(", quick: {{share: {}, tau: {}}}", quick.share, quick.tau);
        }
        if let Some(cycle) = noise.cycle {
            let Cycle { share, period, coherence } = cycle;
            text += &format!(", cycle: {{share: {share}, period: {period}, coherence: {coherence}}}");
        }
        if let Some(Spikes { every, lasts, size }) = noise.spikes {
            text += &format!(
                ", spikes: {{every: {every}, lasts: {{p50: {}, p99: {}}}, size: {{p50: {}, p99: {}}}}}",
                lasts.p50, lasts.p99, size.p50, size.p99
            );
        }
        text + "}"
    }
}

/// A noise, or none.
pub(super) fn resolve(checker: &mut Checker<'_>, path: &[&str], noise: Option<Noise>) -> NoiseSpec {
    let Some(noise) = noise else { return NoiseSpec::none() };
    if noise.cv.is_none() && noise.preset.is_none() {
        checker.error(
            path,
            "a noise without `cv`",
            "write `cv: 20%`, or a `preset:` of `backout list noise`",
        );
    }
    let base = noise.preset.map_or_else(|| plain(mins(5), 0.0), NoisePreset::noise);
    let spec = NoiseSpec {
        tau: noise.tau.unwrap_or(base.tau),
        cv: noise.cv.unwrap_or(base.cv),
        shared: noise.shared.unwrap_or(base.shared),
        quick: noise.quick.or(base.quick),
        cycle: noise.cycle.or(base.cycle),
        spikes: noise.spikes.or(base.spikes),
    };
    check(checker, path, &spec);
    spec
}

fn check(checker: &mut Checker<'_>, path: &[&str], noise: &NoiseSpec) {
    if !(noise.cv.is_finite() && (0.0..=MAX_CV).contains(&noise.cv)) {
        let fact = format!("a coefficient of variation of {} is not between 0 and {MAX_CV}", noise.cv);
        checker.error(&deeper(path, "cv"), fact, "0.2 means that values spread by 20 % of their mean");
    }
    no_time(checker, &deeper(path, "tau"), noise.tau, "a correlation time");
    if let Some(quick) = noise.quick {
        no_time(checker, &deeper(&deeper(path, "quick"), "tau"), quick.tau, "a correlation time");
    }
    if let Some(cycle) = noise.cycle {
        let path = deeper(path, "cycle");
        no_time(checker, &deeper(&path, "period"), cycle.period, "a period");
        no_time(checker, &deeper(&path, "coherence"), cycle.coherence, "a coherence");
    }
    let shares = noise.quick.map_or(0.0, |quick| quick.share) + noise.cycle.map_or(0.0, |cycle| cycle.share);
    if shares > 1.0 {
        let fact = format!("the shares of `quick` and `cycle` are {:.0} % in all", 100.0 * shares);
        checker.error(path, fact, "they are parts of one variance: at most 100 % together");
    }
    if let Some(spikes) = &noise.spikes {
        check_spikes(checker, &deeper(path, "spikes"), spikes);
    }
}

fn no_time(checker: &mut Checker<'_>, path: &[&str], time: SimDuration, what: &str) {
    if time.is_zero() {
        checker.error(path, format!("{what} of 0s"), "write how long a deviation lasts, like `5m`");
    }
}

fn check_spikes(checker: &mut Checker<'_>, path: &[&str], spikes: &Spikes) {
    let Spikes { every, lasts, size } = *spikes;
    if every < MIN_SPIKE_EVERY {
        let fact = format!("a spike every {every} is more often than every {MIN_SPIKE_EVERY}");
        checker.error(&deeper(path, "every"), fact, "what comes that often is not rare: raise `cv`");
    }
    let most = every * MAX_SPIKE_OVERLAP;
    if lasts.p50.is_zero() || lasts.p50 > most {
        let fact = format!("a spike that lasts {} is not between 1ns and {most}", lasts.p50);
        checker.error(&deeper(path, "lasts"), fact, "spikes that never end are a level: raise the mean");
    }
    if !(size.p50 > 0.0 && size.p50 <= MAX_SPIKE_SIZE) {
        let fact = format!("a size of {} is not between 0 and {MAX_SPIKE_SIZE}", size.p50);
        checker.error(&deeper(path, "size"), fact, "2 means that a spike adds twice the everyday level");
    }
    spread(checker, &deeper(path, "lasts"), lasts.p50.as_secs_f64(), lasts.p99.as_secs_f64());
    spread(checker, &deeper(path, "size"), size.p50, size.p99);
}

fn spread(checker: &mut Checker<'_>, path: &[&str], p50: f64, p99: f64) {
    if !(p99 >= p50 && p99 <= p50 * MAX_SPIKE_SPREAD) {
        let fact = format!("the p99 is not between the p50 and {MAX_SPIKE_SPREAD} times the p50");
        checker.error(path, fact, "write the median first: `{p50: 2, p99: 20}`");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::parse_typed;

    fn document(text: &str) -> Noise {
        parse_typed("n", text).unwrap()
    }

    #[test]
    fn the_table_holds_every_preset_under_its_name_in_files() {
        let schema = schemars::SchemaGenerator::default().into_root_schema_for::<NoisePreset>().to_value();
        let variants = schema["oneOf"].as_array().unwrap();
        let words: Vec<&str> = variants.iter().map(|v| v["const"].as_str().unwrap()).collect();
        let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        assert_eq!(words, names);
        for preset in PRESETS {
            assert_eq!(document(&format!("preset: {}", preset.name)).preset, Some(preset.preset));
            assert_eq!(preset.preset.noise(), preset.noise);
            assert!(!preset.summary.is_empty() && !preset.source.is_empty());
        }
    }

    #[test]
    fn a_preset_written_out_is_the_preset() {
        for preset in PRESETS {
            let text = preset.written();
            let inner = text.strip_prefix("noise: ").unwrap();
            let read = document(inner);
            let noise = &preset.noise;
            assert_eq!((read.tau, read.cv), (Some(noise.tau), Some(noise.cv)), "{text}");
            assert_eq!(
                (read.quick, read.cycle, read.spikes),
                (noise.quick, noise.cycle, noise.spikes),
                "{text}"
            );
        }
    }
}
