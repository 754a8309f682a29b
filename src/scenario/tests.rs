use proptest::prelude::*;

use super::*;
use crate::diagnostic::{Diagnostic, Severity};
use crate::effect::ServiceId;
use crate::time::SimDuration;

const GOOD: &str = "\
format: 1
summary: Two services.
services:
  web: {service_time: 12ms, calls: [{to: checkout, timeout: 800ms, retry: {attempts: 2}}]}
  checkout: {replicas: 4, service_time: {lognormal: {p50: 30ms, p99: 250ms}}}
traffic: [{to: web, rate: 20/s}]
rollouts: [{service: checkout, strategy: {canary: {steps: [{weight: 5%, bake: 10m}, {weight: 50%, bake: 10m}]}}}]
change: {faults: [{error_burst: {share: 5%}}]}
horizon: 30m
";

fn read_text(text: &str) -> Result<Resolved, Diagnostics> {
    read("folder/stem", Source::new("s.yaml", text))
}

/// The good text with one part replaced.
fn with(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    GOOD.replace(from, to)
}

/// The first error after the replacement.
fn first_error(from: &str, to: &str) -> Diagnostic {
    let findings = read_text(&with(from, to)).expect_err(to);
    findings.into_iter().find(|finding| finding.severity == Severity::Error).unwrap()
}

#[track_caller]
fn check_error(from: &str, to: &str, place: &str, fact: &str) {
    let error = first_error(from, to);
    assert!(error.message.contains(fact), "{to}: {error}");
    let text = with(from, to);
    let line = text.lines().nth(error.location.unwrap().line as usize - 1).unwrap();
    let marked: String = line.chars().skip(error.location.unwrap().column as usize - 1).collect();
    assert!(marked.starts_with(place), "{to}: marks `{marked}`\n{error}");
    assert!(error.help.is_some(), "{to}: {error}");
}

#[track_caller]
fn check_warning(from: &str, to: &str, line: u32, fact: &str) {
    let resolved = read_text(&with(from, to)).unwrap_or_else(|findings| panic!("{}", findings.render(false)));
    let warning = resolved.warnings.iter().find(|warning| warning.message.contains(fact));
    let warning = warning.unwrap_or_else(|| panic!("{to}: {}", resolved.warnings.render(false)));
    assert_eq!(warning.location.map(|l| l.line), Some(line), "{warning}");
}

#[test]
fn a_good_text_resolves_with_its_defaults() {
    let Resolved { scenario, warnings } = read_text(GOOD).unwrap();
    assert!(warnings.is_empty(), "{}", warnings.render(false));
    assert_eq!((scenario.name.as_str(), scenario.folder.as_str()), ("folder/stem", "folder"));
    assert_eq!((scenario.warm_up, scenario.watch), (SimDuration::from_mins(10), SimDuration::from_mins(30)));
    let names: Vec<&str> = scenario.world.services.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["checkout", "web"], "in the order of names");
    assert_eq!((scenario.world.target, scenario.world.traffic[0].to), (ServiceId(0), ServiceId(1)));
    let call = &scenario.world.services[1].calls[0];
    assert_eq!((call.to, call.attempts, call.backoff), (ServiceId(0), 2, SimDuration::from_millis(50)));
    assert_eq!(scenario.base_rate.get(), 0.1);
    assert_eq!(scenario.faults[0].0, "change.faults[0]");
    assert!(!scenario.is_flow(), "web calls checkout");
    assert_eq!(scenario.world.slot, scenario.telemetry.scrape);
    assert_eq!(scenario.telemetry.dialects.len(), 7);
}

#[test]
fn unknown_names_are_corrected_where_they_stand() {
    check_error("to: checkout", "to: chekout", "chekout", "there is no service `chekout`");
    let error = first_error("to: checkout", "to: chekout");
    assert_eq!(error.help.as_deref(), Some("did you mean `checkout`? services: `checkout`, `web`"));
    check_error("to: web,", "to: wbe,", "wbe", "there is no service `wbe`");
    check_error("service: checkout", "service: cart", "cart", "there is no service `cart`");
    check_error("horizon", "horzon", "horzon", "unknown field `horzon`");
    let outage =
        "horizon: 30m\nconfounders: [{neighbour_outage: {service: wep, share: 5%, at: 1m, for: 1m}}]";
    check_error("horizon: 30m", outage, "wep", "there is no service `wep`");
}

#[test]
fn a_noise_is_a_preset_with_what_the_file_says_instead() {
    let noise = |text: &str| {
        let text = with("rate: 20/s", &format!("rate: 20/s, noise: {text}"));
        read_text(&text)
            .unwrap_or_else(|findings| panic!("{}", findings.render(false)))
            .scenario
            .world
            .traffic[0]
            .noise
    };
    let preset = noise("{preset: request_latency}");
    let entry = super::noise::PRESETS.iter().find(|entry| entry.name == "request_latency").unwrap();
    assert_eq!(preset, entry.noise);
    let own = noise("{preset: request_latency, cv: 0.5, tau: 1h, shared: 100%}");
    assert_eq!((own.cv, own.tau, own.shared.get()), (0.5, SimDuration::from_mins(60), 1.0));
    assert_eq!((own.quick, own.cycle, own.spikes), (preset.quick, preset.cycle, preset.spikes));
    let plain = noise("{cv: 0.2}");
    assert_eq!((plain.tau, plain.shared.get()), (SimDuration::from_mins(5), 0.5));
    assert!(plain.quick.is_none() && plain.cycle.is_none() && plain.spikes.is_none());
    let unknown = first_error("rate: 20/s", "rate: 20/s, noise: {preset: request_latenzy}");
    assert!(unknown.message.contains("request_latenzy"), "{unknown}");
    assert!(unknown.help.as_deref().is_some_and(|help| help.contains("`request_latency`")), "{unknown}");
}

#[test]
fn circles_of_calls_are_named() {
    check_error("replicas: 4,", "calls: [{to: web}],", "calls", "circle: checkout -> web -> checkout");
    check_error("to: checkout", "to: web", "web, timeout", "`web` calls itself");
}

#[test]
fn numbers_out_of_range_are_refused() {
    for (from, to, place, fact) in [
        ("format: 1", "format: 2", "2", "format 2 is not known"),
        ("replicas: 4", "replicas: 0", "0,", "0 replicas are not between 1 and 512"),
        ("replicas: 4", "replicas: 513", "513", "513 replicas"),
        ("service_time: 12ms", "service_time: 0s", "0s", "the service time is 0"),
        (
            "p50: 30ms, p99: 250ms",
            "p50: 1ns, p99: 99999999999d",
            "service_time",
            "the mean service time is more than 10m",
        ),
        ("p50: 30ms, p99: 250ms", "p50: 2h, p99: 3h", "service_time", "more than 10m"),
        ("timeout: 800ms", "timeout: 0s", "0s", "a timeout of 0s"),
        ("attempts: 2", "attempts: 0", "retry", "0 attempts"),
        ("rate: 20/s", "rate: 0/s", "0/s", "a rate of 0/s"),
        ("rate: 20/s", "rate: 20/s, users: 0", "0}", "0 users"),
        ("rate: 20/s", "rate: 20/s, noise: {cv: -1}", "-1", "coefficient of variation of -1"),
        ("rate: 20/s", "rate: 20/s, noise: {cv: .nan}", ".nan", "coefficient of variation of NaN"),
        ("rate: 20/s", "rate: 20/s, noise: {tau: 5m}", "noise", "a noise without `cv`"),
        ("rate: 20/s", "rate: 20/s, noise: {cv: 1, tau: 0s}", "0s", "a correlation time of 0s"),
        (
            "rate: 20/s",
            "rate: 20/s, noise: {cv: 1, quick: {share: 1, tau: 1s}, cycle: {share: 0.1, period: 1h, coherence: 1d}}",
            "noise",
            "`quick` and `cycle` are 110 % in all",
        ),
        (
            "rate: 20/s",
            "rate: 20/s, noise: {preset: app_crashes, cycle: {share: 0.1, period: 0s, coherence: 1d}}",
            "0s, coh",
            "a period of 0s",
        ),
        (
            "rate: 20/s",
            "rate: 20/s, noise: {cv: 0, spikes: {every: 1s, lasts: {p50: 1s, p99: 1s}, size: {p50: 1, p99: 2}}}",
            "1s, lasts",
            "more often than every 10s",
        ),
        (
            "rate: 20/s",
            "rate: 20/s, noise: {cv: 0, spikes: {every: 1m, lasts: {p50: 9h, p99: 9h}, size: {p50: 1, p99: 2}}}",
            "lasts",
            "is not between 1ns and 1h40m",
        ),
        (
            "rate: 20/s",
            "rate: 20/s, noise: {cv: 0, spikes: {every: 1m, lasts: {p50: 1s, p99: 1s}, size: {p50: 0, p99: 2}}}",
            "size",
            "a size of 0",
        ),
        (
            "rate: 20/s",
            "rate: 20/s, noise: {cv: 0, spikes: {every: 1m, lasts: {p50: 1s, p99: 1s}, size: {p50: 2, p99: 1}}}",
            "size",
            "the p99 is not between",
        ),
        ("rate: 20/s", "rate: 90000/s", "traffic", "calls in one replication are more than"),
        ("horizon: 30m", "horizon: 400d", "400d", "is not between"),
        ("horizon: 30m", "horizon: 30m\nweight: 0", "0", "the weight 0"),
        ("horizon: 30m", "horizon: 30m\ntelemetry: {scrape: 0s}", "0s", "0s is not between 1s and 1h"),
        ("horizon: 30m", "horizon: 30m\ntelemetry: {jitter: 9s}", "9s", "more than half"),
        ("horizon: 30m", "horizon: 30m\ntelemetry: {dialects: []}", "dialects", "there is no exporter"),
        ("horizon: 30m", "horizon: 30m\nrollback: {slower: 0}", "0}", "a multiplier of 0"),
        ("horizon: 30m", "horizon: 30m\nrollback: {step_fails: 100%}", "100%", "every command fails"),
        ("horizon: 30m", "horizon: 30m\nfidelity: flow", "flow", "which the flow level cannot play"),
        ("replicas: 4", "memory: {base: 1Gi}", "memory", "needs 1Gi, its limit is 512Mi"),
        ("  web:", "  Web_1:", "Web_1", "`Web_1` is no name of a service"),
    ] {
        check_error(from, to, place, fact);
    }
}

#[test]
fn shapes_and_resources_out_of_range_are_refused() {
    let shape = |form: &str| format!("rate: 20/s, shape: {{{form}}}");
    for (form, place, fact) in [
        ("ramp: {from: -1, to: 3, for: 5m}", "-1", "a multiplier of -1"),
        ("ramp: {from: 1, to: 3, for: 0s}", "0s", "a ramp of 0s"),
        ("ramp: {from: 0, to: 0, for: 1m}", "0, for", "from nothing to nothing"),
        ("diurnal: {amplitude: 1.5}", "1.5", "an amplitude of 1.5"),
        ("diurnal: {amplitude: 0.5, period: 1s}", "1s", "a day of 1s"),
        ("spikes: []", "spikes", "0 spikes"),
        ("spikes: [{at: 1m, for: 1m, factor: 1e9}]", "1e9", "a multiplier of 1000000000"),
        ("recorded: {rates: []}", "rates", "0 values"),
        ("recorded: {rates: [1, -3]}", "-3", "a rate that is negative"),
        ("recorded: {rates: [0, 0]}", "rates", "all values are 0"),
        ("recorded: {step: 1ms, rates: [1]}", "1ms", "a step of 1ms"),
    ] {
        check_error("rate: 20/s", &shape(form), place, fact);
    }
    for (to, place, fact) in [
        ("replicas: 4, autoscaler: {min: 5, max: 9}", "autoscaler", "starts with 4 pods"),
        ("replicas: 4, autoscaler: {max: 600}", "600", "600 pods are not between"),
        ("replicas: 4, autoscaler: {max: 9, cpu: 0%}", "0%", "a target of 0%"),
        ("replicas: 4, autoscaler: {max: 9, sync: 0s}", "0s", "is not between 1s and 10m"),
        ("replicas: 4, cpu: {request: 2}", "2}", "requests 2 cores, more than its limit 1"),
        ("replicas: 4, cpu: {request: 0}", "0}", "the processor request is 0"),
        ("replicas: 4, warm_up: {factor: 0, tau: 1m}", "0, tau", "a multiplier of 0"),
        ("replicas: 4, warm_up: {factor: 2, tau: 0s}", "0s", "a time constant of 0s"),
    ] {
        check_error("replicas: 4", to, place, fact);
    }
}

#[test]
fn shapes_count_from_the_deploy_and_set_the_mean_rate() {
    let scenario =
        |form: &str| read_text(&with("rate: 20/s", &format!("rate: 20/s, shape: {form}"))).unwrap().scenario;
    assert_eq!(scenario("constant").mean_rate(), 20.0);
    // Ten minutes at 1, ten from 1 to 3, ten at 3.
    let ramp = scenario("{ramp: {from: 1, to: 3, at: 10m, for: 10m}}");
    assert!((ramp.mean_rate() - 40.0).abs() < 1e-9, "{}", ramp.mean_rate());
    assert_eq!(ramp.peak_rate(1), 60.0);
    let spikes = scenario("{spikes: [{at: 0s, for: 6m, factor: 3}, {at: 3m, for: 3m, factor: 2}]}");
    assert!((spikes.mean_rate() - 20.0 * (3.0 * 3.0 + 3.0 * 6.0 + 24.0) / 30.0).abs() < 1e-9);
    let recorded = scenario("{recorded: {step: 10m, rates: [10, 20, 60]}}");
    assert!((recorded.mean_rate() - 20.0).abs() < 1e-9, "a recording is scaled to the rate");
    let trough = scenario("{diurnal: {amplitude: 0.9, peak_at: 12h}}");
    assert!(trough.mean_rate() < 2.1, "{}", trough.mean_rate());
}

#[test]
fn steps_must_rise_and_exist() {
    check_error("weight: 50%", "weight: 5%", "5%, bake: 10m}]", "the weight 5% does not rise above 5%");
    let above = first_error("weight: 50%", "weight: 101%");
    assert!(above.message.contains("a weight lies between 0% and 100%"), "{above}");
    let flagger = "flagger: {interval: 1m, weights: [10%, 5%]}}}]";
    let canary = "canary: {steps: [{weight: 5%, bake: 10m}, {weight: 50%, bake: 10m}]}}}]";
    check_error(canary, flagger, "5%]", "the weight 5% does not rise above 10%");
    check_error(canary, "flagger: {interval: 0s, weights: [10%]}}}]", "0s", "a tick every 0s");
    check_error(canary, "canary: {steps: []}}}]", "steps", "a rollout without steps");
    let bounds = "rolling: {bounds: {max_surge: {percent: 900}}}}}]";
    check_error(canary, bounds, "max_surge", "`max_surge` is out of range");
    check_error(
        "rollouts: [{",
        "rollouts: [{service: web, strategy: {rolling: {}}}, {",
        "rollouts",
        "2 rollouts",
    );
}

#[test]
fn everything_wrong_is_told_at_once() {
    let text =
        GOOD.replace("replicas: 4", "replicas: 0").replace("to: web,", "to: nobody,").replace("800ms", "0s");
    let findings = read_text(&text).unwrap_err();
    assert_eq!(findings.len(), 3, "{}", findings.render(false));
}

#[test]
fn what_is_probably_not_meant_is_doubted() {
    check_warning("horizon: 30m", "horizon: 15m", 9, "ends before the rollout, which takes 20m");
    check_warning("change: {faults: [{error_burst: {share: 5%}}]}", "change: {bad: 5%}", 8, "has no fault");
    check_warning("share: 5%", "share: 5%, after: 40m", 8, "begins 40m after the deploy or later");
    let gap = "horizon: 30m\nconfounders:\n- metric_gap: {at: 2h, for: 1m}";
    check_warning("horizon: 30m", gap, 11, "begins 2h after the deploy");
    check_warning(
        "service_time: 12ms",
        "concurrency: 1, replicas: 1, service_time: 100ms",
        4,
        "2.0 times the requests",
    );
    check_warning("horizon: 30m", "horizon: 30m\nwarm_up: 10s", 10, "fewer than two scrapes");
}

#[test]
fn a_fault_that_may_begin_in_time_is_not_doubted() {
    let resolved = read_text(&with("share: 5%", "share: 5%, after: {uniform: [0s, 2h]}")).unwrap();
    assert!(resolved.warnings.is_empty(), "{}", resolved.warnings.render(false));
}

#[test]
fn floods_along_the_graph_are_counted() {
    // Each of six layers calls the next one ten times: a million calls for one request.
    let mut text = "format: 1\nservices:\n".to_owned();
    for layer in 0..6 {
        let call = format!("{{to: s{}}}", layer + 1);
        text += &format!("  s{layer}: {{service_time: 1ms, calls: [{}]}}\n", vec![call; 10].join(", "));
    }
    text += "  s6: {service_time: 1ms}\ntraffic: [{to: s0, rate: 1/s}]\n";
    text += "rollouts: [{service: s6, strategy: {rolling: {}}}]\n";
    let findings = read_text(&text).unwrap_err();
    assert!(
        findings.iter().any(|f| f.message.contains("causes 1111110 calls")),
        "{}",
        findings.render(false)
    );
}

#[test]
fn calls_servers_and_users_take_options_and_refuse_nonsense() {
    let call = "to: checkout";
    for (to, place, fact) in [
        ("count: 0", "0,", "0 calls are not between 1 and 1000"),
        ("count: 1001", "1001", "1001 calls"),
        ("probability: 0%", "0%", "never made"),
        ("breaker: {open: 5s}", "breaker", "nothing opens"),
        ("breaker: {consecutive: 0}", "0}", "0 failures in a row"),
        ("breaker: {error_ratio: 0%}", "0%", "a share of 0%"),
        ("breaker: {consecutive: 3, probes: 0}", "0}", "0 probes"),
        ("breaker: {consecutive: 3, open: 0s}", "0s", "a time of 0s"),
        ("throttle: {k: 0.5}", "0.5", "0.5 is not between 1 and 1000"),
        ("throttle: {window: 0s}", "0s", "a time of 0s"),
        ("pool: {size: 0}", "0}", "0 connections"),
        ("on_failure: panic", "panic", "unknown name `panic`"),
    ] {
        check_error(call, &format!("to: checkout, {to}"), place, fact);
    }
    let limited = "retry: {budget: {ratio: 10%}}";
    check_error("retry: {attempts: 2}", limited, "retry", "a limit on retries, and no retries");
    let budget = |inner: &str| format!("retry: {{attempts: 2, budget: {{{inner}}}}}");
    check_error("retry: {attempts: 2}", &budget("ratio: 0%"), "0%", "a share of 0%");
    check_error("retry: {attempts: 2}", &budget("ratio: 5%, burst: 0"), "0}", "0 is not between 1 and");
    for (to, place, fact) in [
        ("shed: {}", "shed", "shedding without a limit"),
        ("shed: {queue: 0%}", "0%", "a share of 0%"),
        ("queue_target: 0s", "0s", "whoever waits is rejected"),
        ("contention: 20m", "20m", "a contention of 20m"),
        ("queue_order: random", "random", "unknown name `random`"),
    ] {
        check_error("replicas: 4", &format!("replicas: 4, {to}"), place, fact);
    }
    for (to, place, fact) in [
        ("sessions: {requests: 0, think: 1s}", "0,", "0 is not between 1 and 10000"),
        ("sessions: {requests: 5, think: 3d}", "3d", "think for more than a day"),
        ("retry: {attempts: 99}", "retry", "99 attempts"),
        ("retry: {attempts: 3, budget: {ratio: 10%}}", "retry", "users share no limit"),
    ] {
        check_error("rate: 20/s", &format!("rate: 20/s, {to}"), place, fact);
    }
}

#[test]
fn a_group_of_calls_stands_together() {
    let three = |calls: &str| {
        let front = format!("services:\n  front: {{service_time: 1ms, calls: [{calls}]}}");
        read_text(&with("services:", &front))
    };
    let good =
        three("{to: web, parallel: a}, {to: checkout, parallel: a, count: 2}, {to: checkout}").unwrap();
    let front = good.scenario.world.services.iter().find(|s| s.name == "front").unwrap();
    let groups: Vec<_> = front.calls.iter().map(|c| c.options.as_ref().and_then(|o| o.group)).collect();
    assert_eq!(groups, [Some(0), Some(0), None]);
    assert!(front.calls[2].options.is_none(), "a plain call pays for nothing");
    let apart = three("{to: web, parallel: a}, {to: checkout}, {to: checkout, parallel: a}").unwrap_err();
    assert!(
        apart.render(false).contains("stands between those made at once as `a`"),
        "{}",
        apart.render(false)
    );
    let flood = three("{to: web, count: 400}, {to: web, count: 400}").unwrap_err();
    assert!(flood.render(false).contains("causes 1600 calls"), "{}", flood.render(false));
}

#[test]
fn what_couples_requests_is_played_at_request_level() {
    let alone = "format: 1\nservices: {web: {service_time: 12ms}}\ntraffic: [{to: web, rate: 20/s}]\n\
        rollouts: [{service: web, strategy: {rolling: {}}}]\nchange: {faults: [{error_burst: {share: 5%}}]}\n";
    let why = |from: &str, to: &str| {
        assert!(alone.contains(from));
        read_text(&alone.replace(from, to)).unwrap().scenario.why_not_flow()
    };
    assert_eq!(why("12ms", "12ms"), None);
    for option in ["contention: 1ms", "shed: {queue: 50%}", "queue_order: lifo", "queue_target: 1s"] {
        let why = why("service_time: 12ms", &format!("service_time: 12ms, {option}"));
        assert!(why.is_some_and(|why| why.contains("sheds, orders or slows")), "{option}");
    }
    let sessions = why("rate: 20/s", "rate: 20/s, sessions: {requests: 5, think: 1s}");
    assert!(sessions.is_some_and(|why| why.contains("come for sessions")));
    assert!(
        why("rate: 20/s", "rate: 20/s, retry: {attempts: 3}").is_some_and(|why| why.contains("try again"))
    );
    let forced = alone.replace("rate: 20/s", "rate: 20/s, retry: {attempts: 3}") + "fidelity: flow\n";
    let error = read_text(&forced).unwrap_err().render(false);
    assert!(error.contains("try again, which the flow level cannot play"), "{error}");
}

#[test]
fn names_come_from_folder_and_stem() {
    for (path, name) in [
        ("scenarios/fault/x.yaml", "fault/x"),
        ("./x.yml", "local/x"),
        ("a\\b\\c.yaml", "b/c"),
        ("", "local/scenario"),
        ("../..", "local/scenario"),
        ("d/.yaml", "d/scenario"),
    ] {
        assert_eq!(name_of(path), name, "{path}");
    }
}

#[test]
fn the_schema_knows_every_key_of_the_format() {
    let schema = schemars::schema_for!(Document).to_value();
    let properties = schema["properties"].as_object().unwrap();
    let document: Document = parse_typed("s", GOOD).unwrap();
    let written = serde_json::to_value(&document).unwrap();
    for key in written.as_object().unwrap().keys() {
        let described = properties.get(key).and_then(|p| p.get("description"));
        assert!(described.is_some() || properties[key].get("$ref").is_some(), "{key} has no description");
    }
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn a_document_that_is_written_reads_back() {
    let document: Document = parse_typed("s", GOOD).unwrap();
    let again: Document = parse_typed("s", &serde_json::to_string(&document).unwrap()).unwrap();
    assert_eq!(document, again);
}

/// Pieces of scenario files, right and wrong, to be strung together.
fn pieces() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "format: 1\n",
        "services:",
        " {web: {",
        "service_time: ",
        "12ms",
        "1e300d",
        "{lognormal: {p50: 1ms, p99: 1e9s}}",
        "}}\n",
        "traffic: [",
        "{to: web, rate: ",
        "1e18/s",
        "20/s",
        "}]\n",
        "rollouts: [{service: web, strategy: ",
        "{rolling: {}}",
        "{canary: {steps: [{weight: 5%, bake: 1m}]}}",
        "{flagger: {interval: 1ns, weights: [1%]}}",
        "change: {faults: [{error_burst: {share: ",
        ".inf",
        "5%",
        "}}]}\n",
        "telemetry: {scrape: ",
        "0s",
        "}\n",
        "- ",
        "\n",
        "confounders: ",
        "[]",
        "{traffic_spike: {factor: 1e308, at: 0s, for: 99d}}",
        "replicas: ",
        "4294967295",
        "-1",
        "horizon: ",
        "&a ",
        "*a",
        "? ",
        "|",
        "\u{0}",
        "é",
        "weight: .nan\n",
        "watch: 300d\n",
        "calls: [{to: web}]",
    ])
    .prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
        let _ = read_text(&text);
    }

    #[test]
    fn strings_of_plausible_pieces_never_panic(parts in prop::collection::vec(pieces(), 0..40)) {
        let _ = read_text(&parts.concat());
    }

    #[test]
    fn a_good_file_with_a_hole_or_a_swapped_number_never_panics(
        at in 0..GOOD.len(), length in 0..30usize, filler in "[0-9a-z:{},%.\\-]{0,8}",
    ) {
        let end = (at + length).min(GOOD.len());
        let text = [&GOOD[..at], &filler, &GOOD[end..]].concat();
        if let Err(findings) = read_text(&text) {
            prop_assert!(findings.has_errors());
        }
    }
}
