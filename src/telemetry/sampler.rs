//! When monitoring scrapes, what it misses, and when queries see it.
//!
//! Every draw is keyed by what it decides (purpose, scrape number, target), so two branches of a replication miss the
//! same scrapes of the same pods, whatever else differs between them.
//!
//! Traps: a lost scrape is not a late one: its series end with a stale marker. Lag moves when a sample can be *seen*,
//! not its stamp. Query errors are drawn per instant: all queries of one instant fail together.

use crate::effect::{MonitoringDisturbance, ServiceId};
use crate::quantity::Ratio;
use crate::rng::{Key, Purpose};
use crate::telemetry::dialect::Dialect;
use crate::telemetry::store::ScrapeHealth;
use crate::time::{SimDuration, SimTime};
use crate::world::instruments::ServiceInstruments;
use crate::world::spec::Timed;

/// How a scenario's monitoring works.
#[derive(Clone, Debug, PartialEq)]
pub struct TelemetrySpec {
    /// Time between scrapes.
    pub scrape: SimDuration,
    /// Longest deviation of one scrape from its schedule; at most half of `scrape` is used.
    pub jitter: SimDuration,
    /// Time from the stamp of a sample until queries see it.
    pub lag: SimDuration,
    /// Share of scrapes of one target that fail.
    pub loss: Ratio,
    /// Share of instants at which queries fail.
    pub query_errors: Ratio,
    /// The service without which nothing is scraped and no query answered.
    pub needs: Option<ServiceId>,
    /// The exporters that are there.
    pub dialects: Vec<Dialect>,
}

/// The scrapes of one replication.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampler {
    scrape: SimDuration,
    jitter: SimDuration,
    lag: SimDuration,
    loss: f64,
    query_errors: f64,
    needs: Option<ServiceId>,
    phase: SimDuration,
    key: Key,
    disturbances: Vec<Timed<MonitoringDisturbance>>,
}

/// Stand for the targets that are no pods in keyed draws.
const PROXY: u64 = 1 << 40;
const KUBELET: u64 = 2 << 40;
const CLUSTER: u64 = 3 << 40;

impl Sampler {
    /// The sampler of the replication that `key` names, under these disturbances.
    pub fn new(spec: &TelemetrySpec, key: Key, disturbances: Vec<Timed<MonitoringDisturbance>>) -> Self {
        let scrape = if spec.scrape.is_zero() { SimDuration::from_secs(15) } else { spec.scrape };
        let share = key.purpose(Purpose::ScrapePhase).uniform();
        let half = SimDuration::from_nanos(scrape.as_nanos() / 2);
        Sampler {
            scrape,
            jitter: spec.jitter.min(half),
            lag: spec.lag,
            loss: spec.loss.get(),
            query_errors: spec.query_errors.get(),
            needs: spec.needs,
            phase: scrape.scale(share),
            key,
            disturbances,
        }
    }

    /// When the scrape of this number happens; ascending.
    pub fn scrape_at(&self, index: u64) -> SimTime {
        let jitter = self.jitter.scale(self.key.purpose(Purpose::ScrapeJitter).id(index).uniform());
        SimTime::ZERO + self.phase + self.scrape * index + jitter
    }

    /// The service without which nothing is scraped and no query answered.
    pub fn needs(&self) -> Option<ServiceId> {
        self.needs
    }

    /// When queries see the samples of a scrape at `at`.
    pub fn visible_at(&self, at: SimTime) -> SimTime {
        let extra = self.active(at).filter_map(|what| match what {
            MonitoringDisturbance::ExtraLag(extra) => Some(*extra),
            _ => None,
        });
        extra.fold(at + self.lag, |visible, extra| visible + extra)
    }

    /// Which targets do not answer the scrape of this number.
    pub fn health(&self, index: u64, at: SimTime, services: &[ServiceInstruments]) -> ScrapeHealth {
        let gap = self.active(at).any(|what| matches!(what, MonitoringDisturbance::ScrapeGap));
        let unlabelled = self.unlabelled(at).is_some();
        let mut health = ScrapeHealth { gap, unlabelled, ..ScrapeHealth::default() };
        if self.loss <= 0.0 || gap {
            return health;
        }
        let draws = self.key.purpose(Purpose::ScrapeLoss).id(index);
        let lost = |target: u64| draws.id(target).uniform() < self.loss;
        for (number, service) in services.iter().enumerate() {
            let id = ServiceId(number as u16);
            for pod in service.pods.iter().map(|pod| pod.key) {
                if lost(u64::from(id.0) << 20 | (pod.set.index() as u64) << 16 | u64::from(pod.ordinal)) {
                    health.lost_pods.push(pod);
                }
            }
            if lost(PROXY | u64::from(id.0)) {
                health.lost_proxies.push(id);
            }
            if lost(KUBELET | u64::from(id.0)) {
                health.lost_kubelets.push(id);
            }
        }
        health.lost_cluster = lost(CLUSTER);
        health.lost_pods.sort_unstable();
        health
    }

    /// Whether monitoring fails to answer queries at this instant.
    pub fn query_fails(&self, at: SimTime) -> bool {
        let shares = self.active(at).filter_map(|what| match what {
            MonitoringDisturbance::QueryErrors(share) => Some(share.get()),
            _ => None,
        });
        let answers = shares.fold(1.0 - self.query_errors, |answers, share| answers * (1.0 - share));
        answers < 1.0 && self.key.purpose(Purpose::QueryFailure).id(at.as_nanos()).uniform() >= answers
    }

    /// Chance that a verdict of this instant does not reach whoever acts on it.
    pub fn drops_verdicts(&self, at: SimTime) -> f64 {
        let shares = self.active(at).filter_map(|what| match what {
            MonitoringDisturbance::DroppedVerdicts(share) => Some(share.get()),
            _ => None,
        });
        1.0 - shares.fold(1.0, |delivered, share| delivered * (1.0 - share))
    }

    /// Whether verdicts are dropped at any time.
    pub fn ever_drops_verdicts(&self) -> bool {
        self.disturbances.iter().any(|t| matches!(t.what, MonitoringDisturbance::DroppedVerdicts(_)))
    }

    /// The last instant up to `at` at which the counters of all exporters started from zero.
    pub fn last_counter_reset(&self, at: SimTime) -> Option<SimTime> {
        let resets = self.disturbances.iter().filter(|t| t.what == MonitoringDisturbance::CounterReset);
        resets.map(|timed| timed.from).filter(|from| *from <= at).max()
    }

    /// Whether no exporter ever shows anything but the truth.
    pub fn tells_the_truth(&self) -> bool {
        use MonitoringDisturbance::{CandidateUnlabelled, CounterReset, StaleSeries};
        let bends = |t: &Timed<MonitoringDisturbance>| {
            matches!(t.what, CounterReset | StaleSeries | CandidateUnlabelled { .. })
        };
        !self.disturbances.iter().any(bends)
    }

    /// Whether exporters repeat old values.
    pub fn is_stale(&self, at: SimTime) -> bool {
        self.active(at).any(|what| matches!(what, MonitoringDisturbance::StaleSeries))
    }

    /// Whether the candidate's request metrics are not told from others, and if so whether the stable's count them.
    pub fn unlabelled(&self, at: SimTime) -> Option<bool> {
        self.active(at).find_map(|what| match what {
            MonitoringDisturbance::CandidateUnlabelled { as_stable } => Some(*as_stable),
            _ => None,
        })
    }

    fn active(&self, at: SimTime) -> impl Iterator<Item = &MonitoringDisturbance> {
        self.disturbances
            .iter()
            .filter(move |timed| timed.from <= at && at < timed.until)
            .map(|timed| &timed.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::SetName;
    use crate::world::instruments::{PodInstruments, PodKey, RequestCounters};

    fn spec(loss: f64, query_errors: f64) -> TelemetrySpec {
        TelemetrySpec {
            scrape: SimDuration::from_secs(15),
            jitter: SimDuration::from_secs(60),
            lag: SimDuration::from_secs(2),
            loss: Ratio::new(loss).unwrap(),
            query_errors: Ratio::new(query_errors).unwrap(),
            needs: None,
            dialects: vec![Dialect::App],
        }
    }

    fn key() -> Key {
        Key::root(1, "sampler").replication(3)
    }

    fn services(pods: u16) -> Vec<ServiceInstruments> {
        let pod = |ordinal| PodInstruments {
            key: PodKey { service: ServiceId(0), set: SetName::Old, ordinal },
            up: true,
            ready: true,
            restarts: 0,
            oom_kills: 0,
            server: RequestCounters::default(),
            client: RequestCounters::default(),
            cpu_seconds: 0.0,
            memory_bytes: 0.0,
            in_flight: 0,
        };
        vec![ServiceInstruments { pods: (0..pods).map(pod).collect(), ..Default::default() }]
    }

    #[test]
    fn scrapes_ascend_whatever_the_jitter_and_keep_their_rate() {
        let sampler = Sampler::new(&spec(0.0, 0.0), key(), vec![]);
        for index in 0..2000 {
            assert!(sampler.scrape_at(index) < sampler.scrape_at(index + 1), "{index}");
        }
        let mean = (sampler.scrape_at(2000) - sampler.scrape_at(0)).as_secs_f64() / 2000.0;
        assert!((mean - 15.0).abs() < 0.01, "{mean}");
    }

    #[test]
    fn losses_have_their_share_and_do_not_depend_on_the_company() {
        let sampler = Sampler::new(&spec(0.05, 0.0), key(), vec![]);
        let (mut lost, mut cluster) = (0, 0);
        for index in 0..2000u64 {
            let health = sampler.health(index, sampler.scrape_at(index), &services(5));
            let fewer = sampler.health(index, sampler.scrape_at(index), &services(2));
            let first: Vec<_> = health.lost_pods.iter().filter(|pod| pod.ordinal < 2).copied().collect();
            assert_eq!(fewer.lost_pods, first);
            assert_eq!(fewer.lost_cluster, health.lost_cluster);
            lost += health.lost_pods.len();
            cluster += usize::from(health.lost_cluster);
        }
        // 10,000 draws at 5 %: mean 500, standard deviation 22; 2,000: mean 100, standard deviation 9.7.
        assert!((390..610).contains(&lost), "{lost}");
        assert!((50..150).contains(&cluster), "{cluster}");
    }

    #[test]
    fn disturbances_hold_only_in_their_span() {
        let at = |secs| SimTime::ZERO + SimDuration::from_secs(secs);
        let timed = |what| Timed { from: at(100), until: at(200), what };
        let all = vec![
            timed(MonitoringDisturbance::ScrapeGap),
            timed(MonitoringDisturbance::ExtraLag(SimDuration::from_secs(30))),
            timed(MonitoringDisturbance::QueryErrors(Ratio::ONE)),
        ];
        let sampler = Sampler::new(&spec(0.0, 0.0), key(), all);
        assert_eq!(sampler.visible_at(at(99)), at(101));
        assert_eq!(sampler.visible_at(at(100)), at(132));
        assert!(
            sampler.health(0, at(150), &services(1)).gap && !sampler.health(0, at(200), &services(1)).gap
        );
        assert!(sampler.query_fails(at(150)) && !sampler.query_fails(at(99)));
    }

    #[test]
    fn query_errors_have_their_share() {
        let sampler = Sampler::new(&spec(0.0, 0.1), key(), vec![]);
        let fails =
            (0..10_000).filter(|&s| sampler.query_fails(SimTime::ZERO + SimDuration::from_secs(s))).count();
        // Mean 1,000, standard deviation 30.
        assert!((850..1150).contains(&fails), "{fails}");
    }
}
