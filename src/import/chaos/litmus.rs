//! LitmusChaos: a `ChaosEngine` names experiments and overrides their settings, a `ChaosExperiment` holds the defaults.
//!
//! Settings are strings in a list of environment variables; an empty one is as good as absent. Defaults of the charts
//! (litmuschaos/chaos-charts, `faults/kubernetes/*/fault.yaml`) hold where a setting is absent: 60 s of chaos, one pod.

use super::collector::{Collector, When, percent};
use super::hit::Hit;
use super::istio::refusal;
use crate::diagnostic::Diagnostic;
use crate::document::{Node, Reader};
use crate::fault::SurroundingSpec;
use crate::time::SimDuration;

pub(super) fn is_one(root: &Reader<'_>) -> bool {
    let version = root.peek().get("apiVersion").and_then(Node::as_str);
    version.is_some_and(|version| version.starts_with("litmuschaos.io/"))
}

/// One experiment with its settings.
struct Experiment<'r> {
    name: String,
    at: Reader<'r>,
    env: Vec<(String, String, Reader<'r>)>,
    /// What the file calls the pods.
    names: Vec<String>,
}

pub(super) fn read(root: &Reader<'_>, out: &mut Collector<'_>) -> Result<(), Diagnostic> {
    for key in
        ["apiVersion", "kind", "metadata", "description", "spec.engineState", "spec.chaosServiceAccount"]
    {
        root.ignore(key);
    }
    for key in [
        "spec.jobCleanUpPolicy",
        "spec.annotationCheck",
        "spec.terminationGracePeriodSeconds",
        "spec.definition",
    ] {
        root.ignore(key);
    }
    let names = app_names(root);
    if let Some(env) = root.at("spec.definition.env") {
        let name = root.at("metadata.name").map(|name| name.text().map(str::to_owned)).transpose()?;
        let one =
            Experiment { name: name.unwrap_or_default(), at: root.clone(), env: settings(&env)?, names };
        return play(&one, out);
    }
    let Some(experiments) = root.at("spec.experiments") else { return Ok(()) };
    for item in experiments.seq()? {
        let name = item.required("name")?.text()?.to_owned();
        let env = item.at("spec.components.env").map(|env| settings(&env)).transpose()?.unwrap_or_default();
        if let Some(probes) = item.at("spec.probe") {
            out.leave_out(&probes, "probes decide nothing here: the scenario's SLO says what is good");
        }
        play(&Experiment { name, at: item, env, names: names.clone() }, out)?;
    }
    Ok(())
}

/// The values of the labels in `appinfo.applabel` (`app=nginx,tier=web`).
fn app_names(root: &Reader<'_>) -> Vec<String> {
    for key in ["spec.appinfo.appns", "spec.appinfo.appkind"] {
        root.ignore(key);
    }
    let label = root.at("spec.appinfo.applabel").and_then(|label| label.text().ok());
    let pairs = label.into_iter().flat_map(|label| label.split(','));
    pairs.filter_map(|pair| pair.split_once('=')).map(|(_, value)| value.trim().to_owned()).collect()
}

fn settings<'r>(env: &Reader<'r>) -> Result<Vec<(String, String, Reader<'r>)>, Diagnostic> {
    let setting = |item: Reader<'r>| {
        let name = item.required("name")?.text()?.to_owned();
        let value = item.get("value").map(|value| value.text().map(str::to_owned)).transpose()?;
        item.whole();
        Ok((name, value.unwrap_or_default(), item))
    };
    env.seq()?.into_iter().map(setting).collect()
}

impl Experiment<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        let found = self.env.iter().find(|(key, value, _)| key == name && !value.trim().is_empty());
        found.map(|(_, value, _)| value.trim())
    }

    fn number(&self, name: &str) -> Result<Option<f64>, Diagnostic> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let number = text.parse::<f64>().ok().filter(|number| number.is_finite() && *number >= 0.0);
        let place = self.env.iter().find(|(key, ..)| key == name).map_or(&self.at, |(_, _, at)| at);
        number.map(Some).ok_or_else(|| {
            place.diagnostic_at(format!("`{name}` is `{text}`"), "write a number, like \"60\"")
        })
    }

    /// Share of the pods; one pod where nothing is said.
    fn pods(&self, replicas: u32) -> Result<f64, Diagnostic> {
        let one = 1.0 / f64::from(replicas);
        Ok(match self.number("PODS_AFFECTED_PERC")? {
            Some(percent) if percent > 0.0 => (percent / 100.0).max(one).min(1.0),
            _ => one,
        })
    }
}

fn play(one: &Experiment<'_>, out: &mut Collector<'_>) -> Result<(), Diagnostic> {
    let service = out.service(&one.at, &one.names);
    let pods = one.pods(out.replicas(&service))?;
    let seconds = one.number("TOTAL_CHAOS_DURATION")?.unwrap_or(60.0);
    let ramp = SimDuration::from_secs_f64(one.number("RAMP_TIME")?.unwrap_or(0.0));
    let when = When { at: out.options.at + ramp, lasts: SimDuration::from_secs_f64(seconds) };
    let hit = Hit { service, pods, count: None, when };
    if one.name == "pod-delete" {
        return pod_delete(one, &hit, out);
    }
    let fault = match of_pods(one, &hit, out)? {
        Some(fault) => Some(fault),
        None => of_calls(one, &hit, out)?,
    };
    match fault {
        Some(fault) => {
            let words = format!("{} of the pods of `{}`", percent(pods), hit.service);
            out.add(
                &one.at,
                fault,
                format!("`{}` on {words}, from {} after the deploy for {}.", one.name, when.at, when.lasts),
            );
        }
        None => out.leave_out(&one.at, format!("`{}` has no counterpart here", one.name)),
    }
    Ok(())
}

/// Experiments that take pods away, or what they live on.
fn of_pods(
    one: &Experiment<'_>,
    hit: &Hit,
    out: &mut Collector<'_>,
) -> Result<Option<SurroundingSpec>, Diagnostic> {
    Ok(Some(match one.name.as_str() {
        "container-kill" => hit.down(false, SimDuration::from_secs(10)),
        "node-drain" | "node-taint" => hit.drained(),
        "pod-cpu-hog" | "pod-cpu-hog-exec" | "node-cpu-hog" => {
            let cores = one.number("CPU_CORES")?.unwrap_or(1.0).max(1.0);
            let factor = 1.0 + cores * one.number("CPU_LOAD")?.unwrap_or(100.0) / 100.0;
            out.hogs(&one.at, format!("{cores} busy cores"), factor);
            hit.slower(factor)
        }
        "pod-memory-hog" | "pod-memory-hog-exec" | "node-memory-hog" => {
            out.memory(&one.at);
            hit.out_of_memory()
        }
        "disk-fill" => {
            out.stand_in(&one.at, "a full disk", "every tenth request writes");
            hit.disk_full(0.1 * hit.pods)
        }
        _ => return Ok(None),
    }))
}

/// Experiments that spoil calls; those to some of the pods are that share of the calls.
fn of_calls(
    one: &Experiment<'_>,
    hit: &Hit,
    out: &mut Collector<'_>,
) -> Result<Option<SurroundingSpec>, Diagnostic> {
    let part = |name: &str| one.number(name).map(|found| found.unwrap_or(100.0) / 100.0 * hit.pods);
    let millis = |name: &str, or: f64| {
        one.number(name).map(|found| SimDuration::from_secs_f64(found.unwrap_or(or) / 1000.0))
    };
    let fault = match one.name.as_str() {
        "pod-network-latency" if hit.pods < 1.0 => {
            hit.http_delay(hit.to(), millis("NETWORK_LATENCY", 2000.0)?, hit.pods)
        }
        "pod-network-latency" => {
            return Ok(Some(hit.edge_delay(
                hit.to(),
                millis("NETWORK_LATENCY", 2000.0)?,
                millis("JITTER", 0.0)?,
            )));
        }
        "pod-network-loss" => hit.loss(hit.to(), part("NETWORK_PACKET_LOSS_PERCENTAGE")?),
        "pod-network-corruption" => hit.loss(hit.to(), part("NETWORK_PACKET_CORRUPTION_PERCENTAGE")?),
        "pod-network-duplication" => hit.duplicate(hit.to(), part("NETWORK_PACKET_DUPLICATION_PERCENTAGE")?),
        "pod-network-partition" if hit.pods >= 1.0 => return Ok(Some(hit.partition(hit.to(), true))),
        "pod-dns-error" => hit.dns(hit.pods),
        "pod-http-latency" => hit.http_delay(hit.to(), millis("LATENCY", 2000.0)?, part("TOXICITY")?),
        "pod-http-status-code" => {
            let status = refusal(one.text("STATUS_CODE").unwrap_or("500"), &one.at, out);
            hit.http_error(status, part("TOXICITY")?)
        }
        "pod-http-reset-peer" => hit.http_reset(part("TOXICITY")?),
        "pod-http-modify-body" => hit.wrong_answers(part("TOXICITY")?),
        _ => return Ok(None),
    };
    out.some_pods(&one.at, hit);
    Ok(Some(fault))
}

/// Kills again every `CHAOS_INTERVAL` until the time is over.
fn pod_delete(one: &Experiment<'_>, hit: &Hit, out: &mut Collector<'_>) -> Result<(), Diagnostic> {
    /// More repetitions than anybody writes; a duration of years must not make a million faults.
    const MOST: u32 = 1000;
    let interval = SimDuration::from_secs_f64(one.number("CHAOS_INTERVAL")?.unwrap_or(10.0).max(1.0));
    let graceful = one.text("FORCE").is_some_and(|force| force.eq_ignore_ascii_case("false"));
    let ends = hit.when.at + hit.when.lasts;
    let mut at = hit.when.at;
    for _ in 0..MOST {
        if at >= ends {
            break;
        }
        let now = Hit { when: When { at, ..hit.when }, ..hit.clone() };
        let sentence = format!(
            "{} of the pods of `{}` are deleted {at} after the deploy.",
            percent(hit.pods),
            hit.service
        );
        out.add(&one.at, now.down(graceful, SimDuration::from_secs(10)), sentence);
        at += interval;
    }
    Ok(())
}
