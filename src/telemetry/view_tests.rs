use super::*;
use crate::effect::SetView;
use crate::telemetry::binding::{Bound, WorldNames, bind};
use crate::telemetry::dialect::Dialect;
use crate::telemetry::matcher::{MatchOp, SelectorShape};
use crate::telemetry::naming::Naming;
use crate::telemetry::projection::SeriesLabels;
use crate::telemetry::store::ScrapeHealth;
use crate::world::instruments::{Code, PodInstruments, PodKey, RequestCounters, ServiceInstruments};

fn world() -> WorldNames {
    WorldNames {
        services: vec!["podinfo".into()],
        target: ServiceId(0),
        returns: false,
        model: Default::default(),
        released: Vec::new(),
    }
}

fn bound(metric: &str, naming: &Naming) -> Bound {
    bind(&SelectorShape::named(metric), naming, &Dialect::ALL, &world()).unwrap()
}

fn pod(set: SetName, ordinal: u16, answers: u64, failures: u64) -> PodInstruments {
    let mut counters = RequestCounters::default();
    (0..answers).for_each(|_| counters.count(Code::Ok, 0.02));
    (0..failures).for_each(|_| counters.count(Code::Failed, 0.2));
    PodInstruments {
        key: PodKey { service: ServiceId(0), set, ordinal },
        up: true,
        ready: true,
        restarts: 0,
        oom_kills: 0,
        server: counters,
        client: counters,
        cpu_seconds: 0.0,
        memory_bytes: 0.0,
        in_flight: 0,
    }
}

struct Rig {
    store: SampleStore,
    view: View<SeriesLabels>,
}

impl Rig {
    fn new(metrics: &[&str], naming: &Naming) -> Self {
        let bounds: Vec<Bound> = metrics.iter().map(|metric| bound(metric, naming)).collect();
        let projection = Arc::new(Projection::new(naming, &world(), &bounds).unwrap());
        Rig { store: SampleStore::new(projection.needs()), view: View::new(projection) }
    }

    fn scrape(&mut self, at_ms: i64, pods: Vec<PodInstruments>, ready: [u32; 3]) {
        let of = |ready| SetView { desired: ready, created: ready, ready, ..Default::default() };
        let sets = [of(ready[0]), of(ready[1]), of(ready[2]), of(0), of(0)];
        let service = ServiceInstruments { pods, sets, ..Default::default() };
        self.store.record_scrape(at_ms, at_ms + 2_000, &[service], &ScrapeHealth::default());
        self.view.extend(&self.store);
    }

    fn find(&self, labels: &[(&str, &str)]) -> Vec<u32> {
        let at = self.view.at(&self.store, i64::MAX);
        let fits = |id: &u32| labels.iter().all(|(name, value)| at.labels(*id).value(name) == *value);
        (0..at.series_count() as u32).filter(fits).collect()
    }

    fn values(&self, id: u32, now_ms: i64) -> Vec<(i64, f64)> {
        let mut out = Vec::new();
        self.view.at(&self.store, now_ms).samples(id, -1, now_ms, &mut out);
        out
    }
}

#[test]
fn samples_are_seen_after_their_lag_under_the_files_names() {
    let naming = Naming::flagger("test", "podinfo");
    let mut rig = Rig::new(&["istio_requests_total"], &naming);
    for (at, answers) in [(0, 1), (15_000, 5), (30_000, 9)] {
        rig.scrape(at, vec![pod(SetName::New, 0, answers, 0)], [0, 1, 0]);
    }
    let canary = rig.find(&[("reporter", "destination"), ("destination_workload", "podinfo")]);
    assert_eq!(canary.len(), 1);
    assert_eq!(rig.values(canary[0], 31_000), [(0, 1.0), (15_000, 5.0)]);
    assert_eq!(rig.values(canary[0], 32_000).len(), 3);
    let at = rig.view.at(&rig.store, 40_000);
    assert_eq!(at.latest(canary[0], 0, 29_999), Some((15_000, 5.0)));
    assert_eq!(at.latest(canary[0], 30_000, 40_000), None);
    assert_eq!(at.rows(), 3);
    let mut out = Vec::new();
    at.samples(canary[0], 0, 15_000, &mut out);
    assert_eq!(out, [(15_000, 5.0)], "open on the left");
}

#[test]
fn series_under_one_label_set_are_one_series() {
    let naming = Naming::flagger("test", "podinfo");
    let mut rig = Rig::new(
        &[
            "nginx_ingress_controller_ingress_upstream_latency_seconds_count",
            "kube_deployment_status_replicas_ready",
        ],
        &naming,
    );
    rig.scrape(0, vec![pod(SetName::Old, 0, 4, 1), pod(SetName::New, 0, 2, 0)], [2, 1, 0]);
    rig.scrape(15_000, vec![pod(SetName::Old, 0, 4, 1), pod(SetName::Promoted, 0, 6, 0)], [1, 0, 3]);
    let canary = rig.find(&[("canary", "test-podinfo-canary-80")]);
    let main = rig.find(&[("ingress", "podinfo"), ("canary", "")]);
    assert_eq!((canary.len(), main.len()), (1, 1));
    assert_eq!(rig.values(canary[0], 60_000), [(0, 2.0), (15_000, 2.0)]);
    assert_eq!(rig.values(main[0], 60_000), [(0, 5.0), (15_000, 11.0)]);
    let primary = rig.find(&[("deployment", "podinfo-primary")]);
    assert_eq!(rig.values(primary[0], 60_000), [(0, 2.0), (15_000, 4.0)]);
    let at = rig.view.at(&rig.store, 60_000).only(SetName::Promoted);
    assert_eq!(at.latest(primary[0], -1, 60_000), Some((15_000, 3.0)));
    assert_eq!(at.latest(canary[0], -1, 60_000), Some((15_000, 2.0)), "the canary runs the same revision");
    let at = rig.view.at(&rig.store, 60_000).only(SetName::Old);
    assert_eq!(at.latest(primary[0], -1, 60_000), Some((15_000, 1.0)));
    assert_eq!(at.latest(canary[0], -1, 60_000), None);
}

#[test]
fn values_are_in_the_exporters_unit_and_flags_have_both_sides() {
    let naming = Naming::native("podinfo");
    let mut rig = Rig::new(&["istio_request_duration_milliseconds_sum", "kube_pod_status_ready"], &naming);
    let mut p = pod(SetName::Old, 0, 10, 0);
    p.ready = false;
    rig.scrape(0, vec![p], [0, 0, 0]);
    let sum = rig.find(&[("reporter", "destination")]);
    assert!((rig.values(sum[0], 9_000)[0].1 - 200.0).abs() < 1e-9);
    let ready = rig.find(&[("condition", "true")]);
    let not_ready = rig.find(&[("condition", "false")]);
    assert_eq!((rig.values(ready[0], 9_000)[0].1, rig.values(not_ready[0], 9_000)[0].1), (0.0, 1.0));
}

#[test]
fn the_reason_of_the_last_restart_is_the_only_one_that_exists() {
    let naming = Naming::native("podinfo");
    let mut rig = Rig::new(&["kube_pod_container_status_last_terminated_reason"], &naming);
    let mut p = pod(SetName::New, 0, 1, 0);
    for (at, restarts, oom) in [(0, 0, 0), (15_000, 1, 1), (30_000, 2, 1)] {
        (p.restarts, p.oom_kills) = (restarts, oom);
        rig.scrape(at, vec![p], [0, 1, 0]);
    }
    let killed = rig.find(&[("reason", "OOMKilled")]);
    let exited = rig.find(&[("reason", "Error")]);
    let killed = rig.values(killed[0], 60_000);
    assert_eq!(killed[0], (15_000, 1.0));
    assert!(is_stale(killed[1].1), "{killed:?}");
    assert_eq!(rig.values(exited[0], 60_000).last(), Some(&(30_000, 1.0)));
}

#[test]
fn a_clone_keeps_its_ids_and_grows_on_its_own() {
    let naming = Naming::argo("demo", "podinfo", "s", "c");
    let mut one = Rig::new(&["http_requests_total"], &naming);
    one.scrape(0, vec![pod(SetName::Old, 0, 3, 0)], [1, 0, 0]);
    let mut other = Rig { store: one.store.clone(), view: one.view.clone() };
    one.scrape(15_000, vec![pod(SetName::Old, 0, 5, 0), pod(SetName::New, 0, 1, 1)], [1, 1, 0]);
    other.scrape(15_000, vec![pod(SetName::Old, 0, 4, 0)], [1, 0, 0]);
    assert_eq!((one.view.series_count(), other.view.series_count()), (3, 1));
    assert_eq!(one.values(0, 60_000), [(0, 3.0), (15_000, 5.0)]);
    assert_eq!(other.values(0, 60_000), [(0, 3.0), (15_000, 4.0)]);
    other.scrape(30_000, vec![pod(SetName::New, 7, 2, 0)], [0, 1, 0]);
    let late = other.find(&[("service", "c")]);
    assert_eq!(other.values(late[0], 60_000), [(30_000, 2.0)]);
}

#[test]
fn selectors_that_ask_for_more_labels_get_them() {
    let naming = Naming::flagger("test", "podinfo");
    let asked = SelectorShape::named("http_requests_total").with("status", MatchOp::NotRegex, "5..").unwrap();
    let bounds = [bind(&asked, &naming, &Dialect::ALL, &world()).unwrap()];
    let projection: Arc<Projection<SeriesLabels>> =
        Arc::new(Projection::new(&naming, &world(), &bounds).unwrap());
    let mut rig = Rig { store: SampleStore::new(projection.needs()), view: View::new(projection) };
    rig.scrape(0, vec![pod(SetName::New, 0, 1, 1)], [0, 1, 0]);
    assert_eq!(rig.find(&[("status", "200"), ("code", "200")]).len(), 1);
    assert!(rig.find(&[("status", "500")]).is_empty(), "only what the selector can read is stored");
}
