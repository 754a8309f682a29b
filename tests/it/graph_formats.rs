//! What each format becomes, from texts small enough to work out by hand.

use backout::import::SourceText;
use backout::import::graph::{Entry, Graph, HowOften, format_of, load};
use backout::quantity::Bytes;
use backout::time::SimDuration;

fn graph(text: &str) -> Graph {
    load(&[SourceText { name: "dir/f.yaml", text }]).unwrap_or_else(|wrong| panic!("{}", wrong.render(false)))
}

fn calls(graph: &Graph) -> Vec<(&str, &str, HowOften)> {
    graph.edges.iter().map(|edge| (edge.from.as_str(), edge.to.as_str(), edge.often)).collect()
}

fn entries(graph: &Graph) -> Vec<(&str, &str, Option<f64>)> {
    let rate = |entry: &Entry| entry.rate.as_ref().map(|rate| rate.value);
    graph.entries.iter().map(|entry| (entry.name.as_str(), entry.to.as_str(), rate(entry))).collect()
}

fn says(graph: &Graph, line: usize, words: &str) -> bool {
    graph.notes.iter().any(|note| note.line == line && note.text.contains(words))
}

const KIALI: &str = r#"{"duration": 60, "elements": {"nodes": [
{"data": {"id": "a", "nodeType": "app", "namespace": "n", "app": "web", "version": "v1", "traffic": [
  {"protocol": "http", "rates": {"httpIn": "30.00", "httpIn5xx": "3.00", "httpIn4xx": "1.00"}}]}},
{"data": {"id": "b", "nodeType": "app", "namespace": "n", "app": "web", "version": "v2", "traffic": [
  {"protocol": "http", "rates": {"httpIn": "10.00"}}, {"protocol": "tcp", "rates": {"tcpIn": "500.00"}}]}},
{"data": {"id": "c", "nodeType": "app", "namespace": "n", "app": "db", "version": "v1", "traffic": [
  {"protocol": "grpc", "rates": {"grpcIn": "26.00", "grpcInErr": "2.60"}}]}},
{"data": {"id": "r", "nodeType": "unknown", "namespace": "unknown", "app": "unknown", "isRoot": true}}],
"edges": [
{"data": {"source": "r", "target": "a", "traffic": {"protocol": "http", "rates": {"http": "30.00"}}}},
{"data": {"source": "r", "target": "b", "traffic": {"protocol": "http", "rates": {"http": "8.00"}}}},
{"data": {"source": "b", "target": "b", "traffic": {"protocol": "http", "rates": {"http": "2.00"}}}},
{"data": {"source": "a", "target": "c", "traffic": {"protocol": "grpc", "rates": {"grpc": "20.00", "grpcErr": "2.00"}}}},
{"data": {"source": "b", "target": "c", "traffic": {"protocol": "grpc", "rates": {"grpc": "5.00", "grpcErr": "0.50"}}}}]}}"#;

/// Versions are one service; rates and failures add up; what is on no edge comes from outside; bytes are no requests.
#[test]
fn a_kiali_graph_keeps_its_rates() {
    let graph = graph(KIALI);
    assert_eq!(calls(&graph), [("web", "db", HowOften::Rate(25.0))]);
    assert_eq!(graph.edges[0].failing, Some(0.1));
    let entries = entries(&graph);
    assert_eq!(entries[..2], [("unknown", "web", Some(30.0)), ("unknown", "web", Some(8.0))]);
    assert_eq!(entries[2..], [("others-to-db", "db", Some(1.0))]);
    let web = &graph.services["web"];
    assert_eq!(web.error_ratio.as_ref().unwrap().value.get(), 3.0 / 40.0);
    assert_eq!(web.versions, [("v1".to_owned(), 0.75), ("v2".to_owned(), 0.25)]);
    assert!(says(&graph, 12, "`web` calls itself (2/s)"), "{:#?}", graph.notes);
    assert!(says(&graph, 5, "over `tcp`: counted in bytes"), "{:#?}", graph.notes);
    assert!(says(&graph, 0, "no latencies"));
}

#[test]
fn a_rate_that_is_none_has_a_place() {
    let wrong = KIALI.replace("\"httpIn\": \"10.00\"", "\"httpIn\": \"many\"");
    let errors = load(&[SourceText { name: "f", text: &wrong }]).unwrap_err();
    assert!(errors.render(false).contains("f:5:"), "{}", errors.render(false));
}

const MANIFESTS: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web-v1}
spec:
  replicas: 2
  template:
    metadata: {labels: {app: web, version: v1}}
    spec:
      containers:
        - name: c
          image: web:1
          env: [{name: DB_ADDR, value: 'db:5432'}, {name: SELF, value: web}]
          readinessProbe: {initialDelaySeconds: 4}
          resources: {limits: {cpu: 200m, memory: 128Mi}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web-v2}
spec:
  template:
    metadata: {labels: {app: web, version: v2}}
    spec: {containers: [{name: c, image: 'web:2'}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: postgres}
spec:
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: c, image: 'db:1'}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: hammer}
spec:
  template:
    metadata: {labels: {app: hammer}}
    spec: {containers: [{name: c, image: 'h:1', args: ['--url', 'http://web:80/']}]}
---
{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {selector: {app: web}}}
---
{apiVersion: v1, kind: Service, metadata: {name: db}, spec: {selector: {app: db}}}
---
{apiVersion: v1, kind: Gizmo, metadata: {name: x}}
";

/// A Service with two workloads is one service of three pods; a value that names it is a call; nobody can call the load
/// generator, so what it names is where requests enter.
#[test]
fn services_are_what_selectors_match() {
    let graph = graph(MANIFESTS);
    assert_eq!(graph.services.keys().collect::<Vec<_>>(), ["db", "web"]);
    assert_eq!(calls(&graph), [("web", "db", HowOften::Unknown)]);
    assert!(
        graph.edges[0].is_guess && graph.edges[0].at.starts_with("f.yaml:13 "),
        "{:?}",
        graph.edges[0].at
    );
    assert_eq!(entries(&graph), [("hammer", "web", None)]);
    let web = &graph.services["web"];
    assert_eq!(web.replicas.as_ref().unwrap().value, 3);
    assert_eq!(web.versions, [("v1".to_owned(), 2.0 / 3.0), ("v2".to_owned(), 1.0 / 3.0)]);
    let times = web.readiness.as_ref().unwrap().value.unwrap();
    // Kubernetes fills in a period of 10 s and a threshold of 3.
    assert_eq!(
        (times.initial_delay.as_secs_f64(), times.period.as_secs_f64(), times.failure_threshold),
        (4.0, 10.0, 3)
    );
    assert_eq!(web.liveness.as_ref().unwrap().value, None);
    assert_eq!(web.cpu_limit.as_ref().unwrap().value.get(), 0.2);
    assert!(says(&graph, 45, "`kind: Gizmo`"), "{:#?}", graph.notes);
}

const COMPOSE: &str = "
services:
  web:
    image: web:1
    ports: ['80:80']
    environment: {CART: 'http://cart:7070', KEY: cartoon}
    depends_on: [queue]
    deploy: {replicas: 3, resources: {limits: {cpus: '0.5', memory: 300M}}}
    healthcheck: {test: [CMD, x], interval: 5s, retries: 20, start_period: 20s}
    sysctls: {a: b}
  cart:
    image: cart:1
    healthcheck: {test: NONE}
  queue: {image: q, ports: ['90:90']}
";

#[test]
fn a_compose_file_is_services_and_guesses() {
    let graph = graph(COMPOSE);
    assert_eq!(calls(&graph), [("web", "cart", HowOften::Unknown), ("web", "queue", HowOften::Unknown)]);
    assert_eq!(entries(&graph), [("users-of-web", "web", None)]);
    let web = &graph.services["web"];
    assert_eq!(web.replicas.as_ref().unwrap().value, 3);
    // `M` is binary in compose files.
    assert_eq!(web.memory_limit.as_ref().unwrap().value, Bytes::new(300 << 20));
    let times = web.readiness.as_ref().unwrap().value.unwrap();
    assert_eq!((times.period.as_secs_f64(), times.failure_threshold), (5.0, 20));
    assert_eq!(graph.services["cart"].readiness.as_ref().unwrap().value, None);
    assert!(says(&graph, 10, "`sysctls`"), "{:#?}", graph.notes);
}

/// Of a circle the last guess is left out, or the call with the lowest rate.
#[test]
fn circles_are_opened_and_said() {
    let text = "services:\n  a: {image: a, depends_on: [b]}\n  b: {image: b, depends_on: [c]}\n  c: {image: c, depends_on: [a]}\n";
    let opened = graph(text);
    assert_eq!(calls(&opened), [("a", "b", HowOften::Unknown), ("b", "c", HowOften::Unknown)]);
    assert!(says(&opened, 4, "from `c` to `a`: the calls go round in a circle"), "{:#?}", opened.notes);
    assert_eq!(entries(&opened), [("users-of-a", "a", None)]);
}

#[test]
fn scripts_of_isotope_are_calls_in_groups() {
    let text = "defaults: {numReplicas: 6, errorRate: 0.1%}\nservices:\n- name: a\n- name: b\n  numReplicas: 2\n- name: d\n  isEntrypoint: true\n  script:\n  - sleep: 10ms\n  - - call: a\n    - call: {service: b, probability: 40}\n";
    let graph = graph(text);
    assert_eq!(calls(&graph), [("d", "a", HowOften::PerRequest(1.0)), ("d", "b", HowOften::PerRequest(0.4))]);
    assert!(graph.edges.iter().all(|edge| edge.parallel.as_deref() == Some("step-1")));
    let of = |name: &str| &graph.services[name];
    assert_eq!((of("a").replicas.as_ref().unwrap().value, of("b").replicas.as_ref().unwrap().value), (6, 2));
    assert_eq!(of("d").service_time.as_ref().unwrap().value, "10ms");
    assert_eq!(of("a").error_ratio.as_ref().unwrap().value.get(), 0.001);
}

/// Two operations of demand 100 and 300 on a capacity of 20000 take 10 ms on average; one of them calls.
#[test]
fn demand_over_capacity_is_time() {
    let text = r#"{"microservices": [
        {"name": "a", "instances": 2, "capacity": 20000, "operations": [
            {"name": "x", "demand": 100, "dependencies": [{"service": "b", "operation": "y"}]}, {"name": "z", "demand": 300}]},
        {"name": "b", "capacity": 10, "operations": [{"name": "y", "demand": 1}]}]}"#;
    let graph = graph(text);
    assert_eq!(calls(&graph), [("a", "b", HowOften::PerRequest(0.5))]);
    assert_eq!(graph.services["a"].service_time.as_ref().unwrap().value, "{exponential: {mean: 10ms}}");
    assert_eq!(entries(&graph), [("users-of-a", "a", None)]);
}

#[test]
fn what_does_not_block_is_no_call() {
    let text = "services: [{id: f, replicas: 2}, {id: c}, {id: p}]\nedges:\n- {from: f, to: c, kind: sync, weight: 0.9, resilience: {request_timeout_ms: 2000, retry: {max_attempts: 3}}}\n- {from: c, to: p, kind: async}\nendpoints: [{entry_service: f}]\n";
    let graph = graph(text);
    assert_eq!(calls(&graph), [("f", "c", HowOften::PerRequest(0.9))]);
    assert_eq!(graph.edges[0].timeout.as_ref().unwrap().value, SimDuration::from_secs(2));
    assert_eq!(graph.edges[0].attempts.as_ref().unwrap().value, 3);
    assert!(says(&graph, 4, "does not block"));
    assert_eq!(entries(&graph), [("users", "f", None)]);
}

#[test]
fn what_is_no_graph_is_an_error() {
    for text in
        ["a: 1\n", "services: {}\n", "format: 1\nservices: {web: {image: x}}\n", "services: [1]\n", ""]
    {
        assert!(load(&[SourceText { name: "f", text }]).is_err(), "{text}");
        assert_eq!(format_of(SourceText { name: "f", text }), None, "{text}");
    }
}
