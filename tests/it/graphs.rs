//! Files that show services: other people's graphs, manifests and compose files become scenarios that can be played, and
//! what they say comes out again.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use backout::diagnostic::Source;
use backout::import::graph::{Graph, format_of, load};
use backout::import::{ImportOptions, SourceText};
use backout::quantity::Rate;
use backout::replication::prepared::PrepareOptions;
use backout::scenario::from_graph::{Draft, Wishes, draft};
use backout::scenario::quick::FAMILY;
use backout::scenario::{Scenario, embedded, read};
use backout::study::{Progress, Replications, Study};
use backout::time::SimDuration;

use crate::shared;

/// Each file of other people with its format, how many services and calls it shows and where requests enter. The numbers
/// are counted in the files by hand: of Kiali, what receives requests over HTTP or gRPC; of manifests, Services with a
/// workload; of compose files, services but load generators.
const FILES: &[(&str, &str, usize, usize, &[&str])] = &[
    ("peer-files/kiali-istio/test_service_graph.json", "kiali", 6, 5, &["productpage", "productpage"]),
    (
        "peer-files/kiali-istio/test_versioned_app_graph.json",
        "kiali",
        7,
        5,
        &["productpage", "kiali-2412", "productpage"],
    ),
    (
        "peer-files/kiali-istio/test_workload_graph.json",
        "kiali",
        7,
        5,
        &["productpage", "productpage", "kiali-2412"],
    ),
    ("peer-files/compose-k8s/bookinfo.yaml", "kubernetes", 4, 0, &[]),
    ("peer-files/compose-k8s/online-boutique.kubernetes-manifests.yaml", "kubernetes", 11, 15, &["frontend"]),
    ("peer-files/compose-k8s/hotelReservation.docker-compose.yml", "compose", 24, 22, &["frontend"]),
    (
        "peer-files/compose-k8s/mediaMicroservices.docker-compose.yml",
        "compose",
        33,
        0,
        &["jaeger", "movie-review-mongodb", "nginx-web-server"],
    ),
    ("peer-files/compose-k8s/otel-demo.compose.yaml", "compose", 19, 43, &["frontend-proxy"]),
    ("peer-files/isotope/canonical.yaml", "isotope", 4, 5, &["d"]),
    ("peer-files/isotope/chain-3-services.yaml", "isotope", 3, 2, &["a"]),
    ("peer-files/isotope/tree-13-services.yaml", "isotope", 13, 12, &["d"]),
    ("peer-files/misim/arch_circuitbreaker_demonstration.json", "misim", 3, 3, &["gateway"]),
    ("peer-files/bering/bering-model.otel.sample.json", "bering", 4, 2, &["checkout", "frontend"]),
    ("peer-files/bering/topology-api.sample.yaml", "bering", 3, 1, &["frontend", "checkout"]),
    ("policies/k8s-01-podinfo-deployment.yaml", "kubernetes", 1, 0, &[]),
    ("policies/k8s-02-boutique-frontend.yaml", "kubernetes", 1, 0, &["frontend"]),
];

fn graph_of(folder: &Path, file: &str) -> Graph {
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    let source = SourceText { name: file, text: &text };
    load(&[source]).unwrap_or_else(|wrong| panic!("{file}: {}", wrong.render(false)))
}

#[test]
fn other_peoples_files_show_what_stands_in_them() {
    let Some(folder) = shared::folder() else { return };
    let mut wrong = String::new();
    for &(file, format, services, calls, entries) in FILES {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        assert_eq!(format_of(SourceText { name: file, text: &text }), Some(format), "{file}");
        let graph = graph_of(&folder, file);
        let found: Vec<&str> = graph.entries.iter().map(|entry| entry.to.as_str()).collect();
        let mut sorted = (found.clone(), entries.to_vec());
        sorted.0.sort_unstable();
        sorted.1.sort_unstable();
        if (graph.services.len(), graph.edges.len()) != (services, calls) || sorted.0 != sorted.1 {
            let edges: Vec<String> = graph.edges.iter().map(|e| format!("{}->{}", e.from, e.to)).collect();
            let names: Vec<&String> = graph.services.keys().collect();
            wrong += &format!("{file}: {} {names:?}, {} {edges:?}, {found:?}\n", names.len(), edges.len());
        }
        assert!(!graph.notes.is_empty() || format == "isotope", "{file} says nothing");
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A short replication of what `init` writes; the horizon is cut, the rest is the file's.
fn play(file: &str, draft: &Draft) {
    let resolved =
        read(&format!("graphs/{}", file.rsplit('/').next().unwrap()), Source::new(file, &draft.text));
    let resolved = resolved.unwrap_or_else(|wrong| panic!("{file}: {}\n{}", wrong.render(false), draft.text));
    assert!(resolved.warnings.is_empty(), "{file}: {}\n{}", resolved.warnings.render(false), draft.text);
    let mut scenario: Scenario = resolved.scenario;
    scenario.horizon = SimDuration::from_mins(4);
    scenario.watch = SimDuration::from_mins(2);
    scenario.warm_up = SimDuration::from_mins(6);
    let policy = embedded::policy("five-xx-10pct-2m").unwrap();
    let source = SourceText { name: policy.path, text: policy.text };
    let policies = backout::import::load(&[source], &ImportOptions::default()).unwrap();
    let records = Study::new(&[Arc::new(scenario)], &policies, 7, PrepareOptions::default())
        .unwrap_or_else(|wrong| panic!("{file}: {wrong:?}"))
        .with_replications(Replications { flow: 1, request: 1 })
        .with_jobs(NonZeroUsize::new(1).unwrap())
        .play(&Progress::default())
        .unwrap_or_else(|wrong| panic!("{file}: {wrong:?}"));
    assert_eq!(records.len(), 1, "{file}");
    let record = &records[0];
    assert!(!record.rollouts.is_empty(), "{file}: nothing was deployed: {record:?}");
}

/// Every file makes a scenario without a doubt, and a replication of it can be played, at a low rate.
#[test]
fn what_is_written_can_be_played() {
    let Some(folder) = shared::folder() else { return };
    for &(file, ..) in FILES {
        let graph = graph_of(&folder, file);
        let first = draft(&graph, &Wishes::default(), &FAMILY[0]).unwrap();
        let text = Source::new(file, &first.text);
        read("graphs/x", text)
            .unwrap_or_else(|wrong| panic!("{file}: {}\n{}", wrong.render(false), first.text));
        let wishes = Wishes { rate: Rate::per_second(4.0).ok(), ..Wishes::default() };
        play(file, &draft(&graph, &wishes, &FAMILY[0]).unwrap());
    }
}

/// Rates of Kiali's sample: 150/s of users come to the product page (the 20/s it sends to itself cannot be had), which calls
/// the details with 80/s and the reviews with 60/s; the details fail for a quarter and the page for none, so it answers
/// without them.
#[test]
fn the_rates_of_kiali_come_out_again() {
    let Some(folder) = shared::folder() else { return };
    let graph = graph_of(&folder, "peer-files/kiali-istio/test_service_graph.json");
    let draft = draft(&graph, &Wishes::default(), &FAMILY[0]).unwrap();
    let world = read("graphs/kiali", Source::new("k", &draft.text)).unwrap().scenario.world;
    let index = |name: &str| world.services.iter().position(|service| service.name == name).unwrap();
    let users: f64 = world.traffic.iter().map(|traffic| traffic.rate.get()).sum();
    assert_eq!(users, 150.0);
    let page = &world.services[index("productpage")];
    assert_eq!(usize::from(world.target.0), index("productpage"));
    assert_eq!(page.error_ratio.get(), 0.0);
    let made = |to: &str| {
        let call = page.calls.iter().find(|call| usize::from(call.to.0) == index(to)).unwrap();
        call.mean_count() * users
    };
    assert!((made("details") - 80.0).abs() < 0.01 && (made("reviews") - 60.0).abs() < 0.01, "{}", draft.text);
    assert_eq!(world.services[index("details")].error_ratio.get(), 0.25);
    assert!(draft.text.contains("to: details, probability: 53.333"), "{}", draft.text);
}

/// All files of the folders are in the list, but for those that are no graphs.
#[test]
fn no_graph_is_passed_over() {
    let Some(folder) = shared::folder() else { return };
    for inside in ["kiali-istio", "compose-k8s", "isotope", "misim", "bering"] {
        for entry in std::fs::read_dir(folder.join("peer-files").join(inside)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let file = format!("peer-files/{inside}/{name}");
            let text = std::fs::read_to_string(folder.join(&file)).unwrap();
            let is_graph = format_of(SourceText { name: &file, text: &text }).is_some();
            assert_eq!(is_graph, FILES.iter().any(|(known, ..)| *known == file), "{file}");
        }
    }
}

/// Swarm's update of a service as a policy: the engine's defaults, what a file says, and what cannot be meant.
#[test]
fn compose_updates_are_policies() {
    use backout::strategy::StrategySpec;
    use backout::strategy::support::replicas::Amount;

    let text = "services:\n  web:\n    image: web:1\n    healthcheck: {interval: 10s}\n    deploy:\n      update_config: {parallelism: 2, delay: 10s, order: start-first, failure_action: rollback, monitor: 40s, max_failure_ratio: 0.3}\n      rollback_config: {parallelism: 0, monitor: 9s}\n  db: {image: db, deploy: {replicas: 1}}\n";
    let of =
        |text: &str| backout::import::load(&[SourceText { name: "c.yaml", text }], &ImportOptions::default());
    let all = of(text).unwrap();
    assert_eq!(all.len(), 1, "only who says update_config");
    let policy = &all[0];
    let Some(StrategySpec::Rolling(rolling)) = &policy.rollout else { panic!("{:?}", policy.rollout) };
    assert_eq!(
        (rolling.bounds.max_surge, rolling.bounds.max_unavailable),
        (Amount::Pods(2), Amount::Pods(0))
    );
    assert_eq!(rolling.bounds.min_ready, SimDuration::from_secs(10));
    let said = policy.reading.join("\n");
    for words in [
        "Only Docker Swarm reads this",
        "more than 30 %",
        "within 40s after, it rolls back",
        "ends after 30s",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(
        policy.unsupported.iter().any(|one| one.path.ends_with("rollback_config.monitor")),
        "{:?}",
        policy.unsupported
    );

    let defaults = of("services:\n  web: {image: 'web:1', deploy: {replicas: 2}}\n").unwrap();
    let said = defaults[0].reading.join("\n");
    for words in [
        "1 at a time, 0s apart; the old one is stopped first",
        "more than 0 %",
        "within 5s after, it stops where it is",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    for (wrong, words) in [
        ("order: first", "no order `first`"),
        ("failure_action: stop", "no failure action"),
        ("max_failure_ratio: 30", "not between 0 and 1"),
    ] {
        let text = format!("services:\n  web: {{image: a, deploy: {{update_config: {{{wrong}}}}}}}\n");
        let Err(errors) = of(&text) else { panic!("{wrong} is read") };
        assert!(
            errors[0].render(false).contains(words) && errors[0].location.is_some(),
            "{}",
            errors[0].render(false)
        );
    }
}

/// A release whose tasks exit at once is rolled back by Swarm; with `continue` nobody looks.
#[test]
fn swarm_rolls_back_what_exits_at_once_and_nothing_else() {
    let scenario = embedded::scenario("fault/crash-loop").unwrap();
    let text = scenario.text;
    let resolved = read(scenario.name(), Source::new(scenario.path, text)).unwrap();
    let fired = |action: &str, monitor: &str| {
        let text = format!(
            "services:\n  web: {{image: 'web:1', deploy: {{update_config: {{failure_action: {action}, monitor: {monitor}}}}}}}\n"
        );
        let policies =
            backout::import::load(&[SourceText { name: "c.yaml", text: &text }], &ImportOptions::default())
                .unwrap();
        let records =
            Study::new(&[Arc::new(resolved.scenario.clone())], &policies, 3, PrepareOptions::default())
                .unwrap()
                .with_replications(Replications { flow: 6, request: 2 })
                .with_jobs(NonZeroUsize::new(1).unwrap())
                .play(&Progress::default())
                .unwrap();
        let shown = format!("{records:?}");
        shown.matches("update rolled back due to failure").count()
    };
    // Containers of the crash loop run for seconds to minutes: within ten minutes every one has ended once.
    assert!(fired("rollback", "10m") > 0);
    assert_eq!(fired("continue", "10m"), 0);
}
