//! Files of chaos tools: what each of other people's files does, by what stands in it, and what of it is listed.

use std::collections::BTreeMap;

use backout::catalogue::Catalogue as _;
use backout::diagnostic::Diagnostics;
use backout::fault::SurroundingSpec;
use backout::import::SourceText;
use backout::import::chaos::{Chaos, ChaosOptions, Services, load};
use backout::rng::Distribution;
use backout::time::SimDuration;

use crate::shared;

/// A shop of four pods in front of a database of two.
fn services() -> Services {
    let replicas = BTreeMap::from([("shop".to_owned(), 4), ("db".to_owned(), 2)]);
    Services { target: "shop".to_owned(), replicas }
}

fn read(name: &str, text: &str, options: &ChaosOptions) -> Result<Chaos, Diagnostics> {
    load(&[SourceText { name, text }], options, &services()).map(|mut all| all.remove(0))
}

fn of(text: &str) -> Chaos {
    read("chaos.yaml", text, &ChaosOptions::default()).unwrap_or_else(|wrong| {
        panic!("{}", wrong.into_iter().map(|one| one.render(false)).collect::<String>())
    })
}

fn kinds(chaos: &Chaos) -> Vec<&'static str> {
    chaos.faults.iter().map(|(_, fault)| fault.name()).collect()
}

/// Each file of other people: its tool, what it does, and how many of its parts are listed as without effect. Those of AWS
/// that run documents are known by the names of the documents; a paused replication has no counterpart.
const FILES: &[(&str, &str, &[&str], usize)] = &[
    ("chaos-mesh/burn-cpu.yaml", "Chaos Mesh", &["cpu_pressure"], 1),
    ("chaos-mesh/http-patch-response.yaml", "Chaos Mesh", &["http_body_corrupt"], 0),
    ("chaos-mesh/io-delay-example.yaml", "Chaos Mesh", &["io_delay"], 0),
    ("chaos-mesh/network-delay-with-target-example.yaml", "Chaos Mesh", &["http_delay"], 1),
    ("chaos-mesh/pod-failure-example.yaml", "Chaos Mesh", &["instance_down"], 0),
    ("chaos-mesh/status-check.yaml", "Chaos Mesh", &["edge_delay", "edge_delay"], 2),
    ("chaos-mesh/time-chaos-example.yaml", "Chaos Mesh", &["clock_skew"], 0),
    ("litmus/pod-cpu-hog.engine.yaml", "Litmus", &["cpu_pressure"], 0),
    ("litmus/pod-delete.engine.yaml", "Litmus", &["instance_down", "instance_down", "instance_down"], 0),
    ("litmus/pod-http-latency.fault.yaml", "Litmus", &["http_delay"], 0),
    ("litmus/pod-http-status-code.engine.yaml", "Litmus", &["http_error"], 0),
    ("litmus/pod-network-latency.engine.yaml", "Litmus", &["http_delay"], 0),
    ("chaostoolkit/drain_node_experiment.json", "Chaos Toolkit", &["node_drain"], 1),
    ("chaostoolkit/kill_pods_experiment.json", "Chaos Toolkit", &["instance_down"], 1),
    ("chaostoolkit/override-rollbacks-runtime-strategy.json", "Chaos Toolkit", &[], 2),
    ("chaostoolkit/toxiproxy_introduce_latency.json", "Chaos Toolkit", &["edge_delay"], 1),
    ("chaostoolkit/well-formed-experiment.json", "Chaos Toolkit", &[], 3),
    ("aws-fis/aurora-cluster-failover-template.json", "AWS FIS", &["db_failover"], 0),
    ("aws-fis/database-blocking-locks-template.json", "AWS FIS", &["db_lock"], 0),
    (
        "aws-fis/database-connection-limit-exhaustion-experiment-template.json",
        "AWS FIS",
        &["db_conn_exhaust"],
        0,
    ),
    ("aws-fis/dynamodb-traffic-blackhole-region-impairment-template.json", "AWS FIS", &["edge_partition"], 1),
    ("aws-fis/ec2-instances-terminate-template.json", "AWS FIS", &["instance_down"], 0),
    ("aws-fis/ecs-fargate-az-impairment-template.json", "AWS FIS", &["edge_loss", "instance_down"], 1),
    ("kiali-istio/fault-injection-details-v1.yaml", "Istio", &["http_error"], 0),
    ("kiali-istio/virtual-service-ratings-test-delay.yaml", "Istio", &["http_delay"], 1),
    ("kiali-istio/virtual-service-reviews-90-10.yaml", "Istio", &[], 0),
];

#[test]
fn other_peoples_files_do_what_stands_in_them() {
    let Some(folder) = shared::folder() else { return };
    let mut wrong = String::new();
    for &(file, tool, expected, left_out) in FILES {
        let text = std::fs::read_to_string(folder.join("peer-files").join(file)).unwrap();
        let chaos = match read(file, &text, &ChaosOptions::default()) {
            Ok(chaos) => chaos,
            Err(errors) => {
                wrong += &errors.into_iter().map(|one| one.render(false)).collect::<String>();
                continue;
            }
        };
        let mut found = kinds(&chaos);
        found.sort_unstable();
        if (chaos.tool, found.as_slice(), chaos.unsupported.len()) != (tool, expected, left_out) {
            wrong += &format!("{file}: {} {found:?}\n{:#?}\n", chaos.tool, chaos.unsupported);
        }
        assert!(!chaos.reading.is_empty(), "{file}");
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// All files of the folders of chaos tools are in the list, so a new one is not passed over.
#[test]
fn no_file_is_passed_over() {
    let Some(folder) = shared::folder() else { return };
    for tool in ["chaos-mesh", "litmus", "chaostoolkit", "aws-fis"] {
        for entry in std::fs::read_dir(folder.join("peer-files").join(tool)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let known = FILES.iter().any(|(file, ..)| *file == format!("{tool}/{name}"));
            // The experiment that kills a whole machine through a paid service is played in `what_a_machine...`.
            assert!(
                known || name == "SOURCE.txt" || name == "service-killed-experiment.json",
                "{tool}/{name}"
            );
        }
    }
}

#[test]
fn what_a_machine_that_is_shut_down_takes_with_it() {
    let Some(folder) = shared::folder() else { return };
    let file = folder.join("peer-files/chaostoolkit/service-killed-experiment.json");
    let targets = BTreeMap::from([("my-provider-app".to_owned(), "db".to_owned())]);
    let options = ChaosOptions { targets, ..ChaosOptions::default() };
    let chaos = read("killed.json", &std::fs::read_to_string(file).unwrap(), &options).unwrap();
    let [(_, SurroundingSpec::InstanceDown(down))] = chaos.faults.as_slice() else {
        panic!("{:?}", chaos.faults)
    };
    assert_eq!((down.service.as_deref(), down.count, down.graceful), (Some("db"), Some(1), false));
}

const DELAY: &str = "
apiVersion: chaos-mesh.org/v1alpha1
kind: NetworkChaos
metadata: {name: slow}
spec:
  action: delay
  mode: MODE
  value: '50'
  selector: {labelSelectors: {app: shop}}
  delay: {latency: 90ms, jitter: 10ms}
  direction: to
  target: {mode: all, selector: {labelSelectors: {app: db}}}
  duration: 10s
";

/// The whole service is slow to its target; half of its pods are half of its calls.
#[test]
fn a_share_of_the_pods_is_a_share_of_the_calls() {
    let all = of(&DELAY.replace("MODE", "all"));
    let [(_, SurroundingSpec::EdgeDelay(delay))] = all.faults.as_slice() else { panic!("{:?}", all.faults) };
    assert_eq!((delay.from.as_deref(), delay.to.as_deref()), (Some("shop"), Some("db")));
    assert_eq!((delay.latency.mean(), delay.jitter.mean()), (0.09, 0.01));
    assert_eq!((delay.at.mean(), delay.lasts.mean()), (300.0, 10.0));
    for (mode, share) in [("fixed-percent", 0.5), ("one", 0.25), ("random-max-percent", 0.25)] {
        let some = of(&DELAY.replace("MODE", mode));
        let [(_, SurroundingSpec::HttpDelay(delay))] = some.faults.as_slice() else {
            panic!("{:?}", some.faults)
        };
        assert_eq!(delay.share, Distribution::certain(share), "{mode}");
        assert!(some.stand_ins.iter().any(|one| one.setting.contains("of the calls to `shop`")), "{mode}");
    }
}

/// What leaves the pods is delayed: without a target, their calls and their answers.
#[test]
fn without_a_target_calls_and_answers_are_slow() {
    let text = DELAY
        .replace("MODE", "all")
        .replace("  target: {mode: all, selector: {labelSelectors: {app: db}}}\n", "");
    let ends: Vec<(Option<String>, Option<String>)> = of(&text)
        .faults
        .into_iter()
        .map(|(_, fault)| match fault {
            SurroundingSpec::EdgeDelay(delay) => (delay.from, delay.to),
            other => panic!("{other:?}"),
        })
        .collect();
    let shop = Some("shop".to_owned());
    assert_eq!(ends, [(shop.clone(), None), (None, shop)]);
}

#[test]
fn a_workflow_plays_its_templates_in_their_order() {
    let text = "
apiVersion: chaos-mesh.org/v1alpha1
kind: Workflow
metadata: {name: two}
spec:
  entry: first
  templates:
    - {name: first, templateType: Serial, children: [kill, rest, slow]}
    - {name: rest, templateType: Suspend, deadline: 1m}
    - name: kill
      templateType: PodChaos
      deadline: 20s
      podChaos: {action: pod-failure, mode: fixed, value: '2', selector: {labelSelectors: {app: shop}}}
    - name: slow
      templateType: HTTPChaos
      deadline: 30s
      httpChaos: {mode: all, target: Request, port: 80, delay: 2s, selector: {labelSelectors: {app: db}}}
";
    let chaos = of(text);
    let [(_, SurroundingSpec::InstanceDown(down)), (_, SurroundingSpec::HttpDelay(slow))] =
        chaos.faults.as_slice()
    else {
        panic!("{:?}", chaos.faults)
    };
    assert_eq!((down.count, down.at.mean(), down.restart_after.mean()), (Some(2), 300.0, 20.0));
    assert_eq!((slow.at.mean(), slow.lasts.mean(), slow.to.as_deref()), (380.0, 30.0, Some("db")));
}

#[test]
fn actions_of_a_template_wait_for_each_other() {
    let text = r#"{"actions": {
      "second": {"actionId": "aws:ecs:task-network-latency", "parameters": {"duration": "PT2M", "delayMilliseconds": "300"},
                 "startAfter": ["wait"], "targets": {"Tasks": "some"}},
      "wait": {"actionId": "aws:fis:wait", "parameters": {"duration": "PT1M30S"}}},
      "targets": {"some": {"resourceType": "aws:ecs:task", "selectionMode": "ALL"}},
      "stopConditions": [{"source": "aws:cloudwatch:alarm", "value": "arn"}]}"#;
    let chaos = of(text);
    let [(_, SurroundingSpec::EdgeDelay(delay))] = chaos.faults.as_slice() else {
        panic!("{:?}", chaos.faults)
    };
    assert_eq!((delay.at.mean(), delay.lasts.mean(), delay.latency.mean()), (390.0, 120.0, 0.3));
    assert!(chaos.unsupported.iter().any(|one| one.path == "stopConditions[0]"), "{:?}", chaos.unsupported);
}

#[test]
fn the_start_is_a_setting() {
    let options = ChaosOptions { at: SimDuration::from_secs(60), ..ChaosOptions::default() };
    let chaos = read("chaos.yaml", &DELAY.replace("MODE", "all"), &options).unwrap();
    let [(_, SurroundingSpec::EdgeDelay(delay))] = chaos.faults.as_slice() else {
        panic!("{:?}", chaos.faults)
    };
    assert_eq!(delay.at.mean(), 60.0);
}

#[test]
fn what_cannot_be_read_is_an_error_with_its_place() {
    let rows = [
        ("a: 1\n", "no chaos in"),
        (
            "apiVersion: chaos-mesh.org/v1alpha1\nkind: PodChaos\nspec: {mode: one}\n",
            "`spec.action` is missing",
        ),
        (
            "apiVersion: chaos-mesh.org/v1alpha1\nkind: PodChaos\nspec: {action: pod-kill, mode: fixed, value: many}\n",
            "`many` is no number",
        ),
        (
            "apiVersion: chaos-mesh.org/v1alpha1\nkind: PodChaos\nspec: {action: pod-kill, mode: one, duration: 5}\n",
            "duration",
        ),
        (
            "apiVersion: chaos-mesh.org/v1alpha1\nkind: Workflow\nspec: {entry: a, templates: [{name: a, templateType: Serial, children: [a]}]}\n",
            "runs itself",
        ),
        (
            "{\"actions\": {\"a\": {\"actionId\": \"aws:fis:wait\", \"startAfter\": [\"b\"]}}, \"targets\": {}}",
            "never starts",
        ),
        (
            "{\"actions\": {\"a\": {\"actionId\": \"aws:fis:wait\", \"parameters\": {\"duration\": \"ten\"}}}, \"targets\": {}}",
            "`ten` is no duration",
        ),
        (
            "apiVersion: litmuschaos.io/v1alpha1\nkind: ChaosEngine\nspec: {experiments: [{name: pod-delete, spec: {components: {env: [{name: TOTAL_CHAOS_DURATION, value: long}]}}}]}\n",
            "is `long`",
        ),
    ];
    for (text, expected) in rows {
        let errors = read("wrong.yaml", text, &ChaosOptions::default()).unwrap_err();
        let shown: String = errors.into_iter().map(|one| one.render(false)).collect();
        assert!(shown.contains(expected), "{text}\n{shown}");
    }
}
