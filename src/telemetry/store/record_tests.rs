use super::*;
use crate::telemetry::store::is_stale;
use crate::world::instruments::Code;
use proptest::prelude::*;

fn pod(set: SetName, ordinal: u16) -> PodInstruments {
    PodInstruments {
        key: PodKey { service: ServiceId(0), set, ordinal },
        up: true,
        ready: true,
        restarts: 0,
        oom_kills: 0,
        server: RequestCounters::default(),
        client: RequestCounters::default(),
        cpu_seconds: 0.0,
        memory_bytes: 0.0,
        in_flight: 0,
    }
}

fn world(pods: Vec<PodInstruments>) -> Vec<ServiceInstruments> {
    vec![ServiceInstruments { pods, memory_limit: 1e9, cpu_limit: 2.0, ..Default::default() }]
}

fn store(instruments: &[Instrument]) -> SampleStore {
    let mut needs = Needs::none();
    instruments.iter().for_each(|&instrument| needs.add(ServiceId(0), instrument));
    SampleStore::new(&needs)
}

/// All samples of an instrument in the first set's pod 0, or of the whole set: `v`, `stale` or `-` per row.
fn column(store: &SampleStore, instrument: Instrument) -> Vec<String> {
    let id = store.keys().iter().position(|key| key.instrument == instrument);
    let text = |row| match id.and_then(|id| store.sample(row, id as u32)) {
        None => "-".to_owned(),
        Some(value) if is_stale(value) => "stale".to_owned(),
        Some(value) => value.to_string(),
    };
    (0..store.rows()).map(text).collect()
}

#[test]
fn a_lost_scrape_puts_up_to_zero_and_ends_the_series_of_the_pod_only() {
    let mut store = store(&[
        Instrument::Up,
        Instrument::ServerErrors,
        Instrument::ClientRequests(Code::Ok),
        Instrument::Restarts,
    ]);
    let mut p = pod(SetName::Old, 0);
    p.client.count(Code::Ok, 0.1);
    let lost = ScrapeHealth { lost_pods: vec![p.key], ..Default::default() };
    for (row, health) in [&ScrapeHealth::default(), &lost, &lost, &ScrapeHealth::default()].iter().enumerate()
    {
        store.record_scrape(row as i64 * 1000, row as i64 * 1000, &world(vec![p]), health);
    }
    assert_eq!(column(&store, Instrument::Up), ["1", "0", "0", "1"]);
    assert_eq!(column(&store, Instrument::ServerErrors), ["0", "stale", "-", "0"]);
    assert_eq!(column(&store, Instrument::ClientRequests(Code::Ok)), ["1", "1", "1", "1"]);
    assert_eq!(column(&store, Instrument::Restarts), ["0", "0", "0", "0"]);
}

#[test]
fn a_gone_pod_is_marked_stale_once_and_callers_keep_their_counts() {
    let mut store =
        store(&[Instrument::Up, Instrument::ServerRequests(Code::Ok), Instrument::ClientRequests(Code::Ok)]);
    let mut first = pod(SetName::Old, 0);
    first.client.count(Code::Ok, 0.1);
    first.server.count(Code::Ok, 0.1);
    let mut second = pod(SetName::Old, 1);
    second.client.count(Code::Ok, 0.1);
    let all = ScrapeHealth::default();
    for (row, pods) in [vec![first, second], vec![second], vec![second], vec![]].into_iter().enumerate() {
        store.record_scrape(row as i64 * 1000, row as i64 * 1000, &world(pods), &all);
    }
    assert_eq!(column(&store, Instrument::Up), ["1", "stale", "-", "-"]);
    assert_eq!(column(&store, Instrument::ServerRequests(Code::Ok)), ["1", "stale", "-", "-"]);
    assert_eq!(column(&store, Instrument::ClientRequests(Code::Ok)), ["2", "2", "2", "2"]);
}

#[test]
fn a_code_appears_with_its_first_event_and_again_after_a_restart() {
    let mut store = store(&[Instrument::ServerRequests(Code::Failed), Instrument::LastKilledByMemory]);
    let mut p = pod(SetName::Old, 0);
    let mut rows = vec![p];
    p.server.count(Code::Failed, 0.1);
    rows.push(p);
    p.server = RequestCounters::default();
    p.restarts = 1;
    p.oom_kills = 1;
    rows.push(p);
    p.server.count(Code::Failed, 0.1);
    p.restarts = 2;
    rows.push(p);
    for (row, p) in rows.into_iter().enumerate() {
        store.record_scrape(row as i64, row as i64, &world(vec![p]), &ScrapeHealth::default());
    }
    assert_eq!(column(&store, Instrument::ServerRequests(Code::Failed)), ["-", "1", "stale", "1"]);
    assert_eq!(column(&store, Instrument::LastKilledByMemory), ["-", "-", "1", "0"]);
}

#[test]
fn buckets_are_cumulative_and_means_are_per_scrape() {
    let mut store = store(&[
        Instrument::ServerBucket(5),
        Instrument::ServerBucket(16),
        Instrument::ServerSum,
        Instrument::ServerMean,
    ]);
    let mut p = pod(SetName::Old, 0);
    p.server.count(Code::Ok, 0.01);
    p.server.count(Code::Ok, 0.03);
    store.record_scrape(0, 0, &world(vec![p]), &ScrapeHealth::default());
    p.server.count(Code::Ok, 2.0);
    store.record_scrape(1, 1, &world(vec![p]), &ScrapeHealth::default());
    store.record_scrape(2, 2, &world(vec![p]), &ScrapeHealth::default());
    assert_eq!(column(&store, Instrument::ServerBucket(5)), ["2", "2", "2"]);
    assert_eq!(column(&store, Instrument::ServerBucket(16)), ["2", "3", "3"]);
    assert_eq!(column(&store, Instrument::ServerSum), ["0.04", "2.04", "2.04"]);
    assert_eq!(column(&store, Instrument::ServerMean), ["0.02", "2", "stale"]);
}

#[test]
fn only_what_is_needed_is_stored_and_sets_appear_when_they_exist() {
    let mut store = store(&[Instrument::SetReady]);
    let mut services = world(vec![pod(SetName::Old, 0)]);
    store.record_scrape(0, 0, &services, &ScrapeHealth::default());
    assert_eq!(store.keys().len(), 1);
    services[0].sets[1].desired = 1;
    store.record_scrape(1, 1, &services, &ScrapeHealth::default());
    services[0].sets[1].desired = 0;
    store.record_scrape(2, 2, &services, &ScrapeHealth { gap: true, ..Default::default() });
    let sets: Vec<SetName> = store.keys().iter().map(|key| key.set).collect();
    assert_eq!(sets, [SetName::Old, SetName::New]);
    assert_eq!(column(&store, Instrument::SetReady), ["0", "0", "stale"]);
}

#[test]
fn rows_become_visible_in_order_after_their_lag() {
    let mut store = store(&[Instrument::Up]);
    for (stamp, visible) in [(0, 2_000), (15_000, 60_000), (30_000, 32_000)] {
        store.record_scrape(stamp, visible, &world(vec![pod(SetName::Old, 0)]), &ScrapeHealth::default());
    }
    assert_eq!(store.visible_rows(1_999), 0);
    assert_eq!(store.visible_rows(2_000), 1);
    assert_eq!(store.visible_rows(40_000), 1);
    assert_eq!(store.visible_rows(60_000), 3);
    assert_eq!(store.window(0, 30_000, 3), 1..3);
    assert_eq!(store.window(0, 30_000, 2), 1..2);
    assert_eq!(store.window(40_000, 30_000, 3), 3..3);
}

/// One scrape of a made-up history: which pods exist, which are up, what they counted, what is lost.
fn scrape() -> impl Strategy<Value = (u8, u8, u8, u16, bool)> {
    (any::<u8>(), any::<u8>(), any::<u8>(), any::<u16>(), prop::bool::weighted(0.1))
}

fn play(
    store: &mut SampleStore,
    counters: &mut [RequestCounters; 8],
    row: i64,
    step: (u8, u8, u8, u16, bool),
) {
    let (exist, up, lost, events, gap) = step;
    let mut pods = Vec::new();
    let mut health = ScrapeHealth { gap, ..Default::default() };
    for i in 0..8u16 {
        if exist & (1 << i) == 0 {
            counters[i as usize] = RequestCounters::default();
            continue;
        }
        let code = Code::ALL[usize::from(events >> i) % 4];
        counters[i as usize].count(code, f64::from(events) / 1e4);
        let mut p = pod(if i < 4 { SetName::Old } else { SetName::New }, i % 4);
        p.up = up & (1 << i) != 0;
        p.server = counters[i as usize];
        p.client = counters[i as usize];
        if lost & (1 << i) != 0 {
            health.lost_pods.push(p.key);
        }
        pods.push(p);
    }
    store.record_scrape(row * 15_000, row * 15_000, &world(pods), &health);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_clone_that_records_the_same_stays_equal(
        steps in prop::collection::vec(scrape(), 1..80),
        fork in 0usize..80,
    ) {
        let mut one = SampleStore::new(&Needs::everything(1));
        let mut counters = [RequestCounters::default(); 8];
        let mut branch = None;
        for (row, &step) in steps.iter().enumerate() {
            if row == fork.min(steps.len() - 1) {
                branch = Some((one.clone(), counters));
            }
            if let Some((store, counters)) = &mut branch {
                play(store, counters, row as i64, step);
            }
            play(&mut one, &mut counters, row as i64, step);
        }
        let (branch, _) = branch.unwrap_or_else(|| (one.clone(), counters));
        prop_assert!(branch == one);
    }

    #[test]
    fn a_narrowed_store_goes_on_as_one_that_never_kept_more(
        steps in prop::collection::vec(scrape(), 1..60),
        at in 0usize..60,
        wanted in prop::collection::vec(any::<bool>(), Instrument::COUNT),
    ) {
        let mut needs = Needs::none();
        let wanted = Instrument::all().zip(wanted).filter(|(_, wanted)| *wanted);
        wanted.for_each(|(instrument, _)| needs.add(ServiceId(0), instrument));
        let mut narrowed = SampleStore::new(&Needs::everything(1));
        let mut narrow = SampleStore::new(&needs);
        let mut counters = [RequestCounters::default(); 8];
        for (row, &step) in steps.iter().enumerate() {
            if row == at {
                narrowed = narrowed.narrowed(&needs);
            }
            let mut same = counters;
            play(&mut narrow, &mut same, row as i64, step);
            play(&mut narrowed, &mut counters, row as i64, step);
        }
        let narrowed = if at >= steps.len() { narrowed.narrowed(&needs) } else { narrowed };
        prop_assert_eq!(narrowed.keys(), narrow.keys());
        prop_assert_eq!(narrowed.rows(), narrow.rows());
        prop_assert!(narrowed.blocks == narrow.blocks);
    }

    #[test]
    fn a_stale_marker_follows_a_value_and_never_another_marker(
        steps in prop::collection::vec(scrape(), 1..60),
    ) {
        let mut store = SampleStore::new(&Needs::everything(1));
        let mut counters = [RequestCounters::default(); 8];
        for (row, &step) in steps.iter().enumerate() {
            play(&mut store, &mut counters, row as i64, step);
        }
        for id in 0..store.keys().len() as u32 {
            let mut live = false;
            for row in 0..store.rows() {
                match store.sample(row, id) {
                    Some(value) if is_stale(value) => {
                        prop_assert!(live, "series {id} row {row}");
                        live = false;
                    }
                    Some(_) => live = true,
                    None => prop_assert!(!live, "series {id} ended without a marker at row {row}"),
                }
            }
        }
    }
}

#[test]
fn a_new_pod_before_known_ones_ends_nobody_s_series_and_counts_nothing_twice() {
    let mut store = store(&[Instrument::Up, Instrument::ClientRequests(Code::Ok)]);
    let mut new = pod(SetName::New, 0);
    new.client.count(Code::Ok, 0.1);
    let rows = [vec![pod(SetName::Old, 0), new], vec![pod(SetName::Old, 0), pod(SetName::Old, 1), new]];
    for (row, pods) in rows.into_iter().enumerate() {
        let at = row as i64 * 1000;
        store.record_scrape(at, at, &world(pods), &ScrapeHealth::default());
    }
    let of = |set, instrument| {
        let key = |key: &SeriesKey| key.set == set && key.instrument == instrument;
        let ids: Vec<usize> = (0..store.keys().len()).filter(|&id| key(&store.keys()[id])).collect();
        ids.iter().map(|&id| store.sample(1, id as u32)).collect::<Vec<_>>()
    };
    assert_eq!(of(SetName::New, Instrument::Up), [Some(1.0)]);
    assert_eq!(of(SetName::New, Instrument::ClientRequests(Code::Ok)), [Some(1.0)]);
    assert_eq!(of(SetName::Old, Instrument::Up).len(), 2);
}
