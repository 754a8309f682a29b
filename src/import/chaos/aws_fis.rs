//! Experiment templates of AWS Fault Injection Service.
//!
//! Actions begin at once or when those in `startAfter` have ended; spans are ISO 8601 (`PT10M`). Resources are tagged
//! machines and clusters, not services, so actions hit the service that is rolled out unless a setting says another one,
//! databases where it uses them. Automations of Systems Manager do what their document says, which is not in the
//! template: known ones are recognised by their names, others are listed.

use std::collections::BTreeMap;

use super::collector::{Collector, When, percent};
use super::hit::Hit;
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::fault::SurroundingSpec;
use crate::time::SimDuration;

pub(super) fn is_one(root: &Reader<'_>) -> bool {
    root.has("actions") && (root.has("stopConditions") || root.has("targets") || root.has("roleArn"))
}

pub(super) fn read(root: &Reader<'_>, out: &mut Collector<'_>) -> Result<(), Diagnostic> {
    for key in [
        "description",
        "roleArn",
        "tags",
        "logConfiguration",
        "experimentOptions",
        "experimentReportConfiguration",
    ] {
        root.ignore(key);
    }
    stop_conditions(root, out)?;
    let shares = targets(root)?;
    let actions = root.required("actions")?.entries()?;
    let mut ends: BTreeMap<String, SimDuration> = BTreeMap::new();
    // Each round settles the actions whose predecessors are settled; what is left after as many rounds is a circle.
    for _ in 0..actions.len() {
        for (name, _, action) in &actions {
            if ends.contains_key(*name) {
                continue;
            }
            let Some(at) = starts_at(action, &ends, out.options.at)? else { continue };
            let lasts = play(name, action, at, &shares, out)?;
            ends.insert((*name).to_owned(), at + lasts);
        }
    }
    for (name, _, action) in &actions {
        if !ends.contains_key(*name) {
            return Err(action.diagnostic_at(
                format!("the action `{name}` never starts"),
                "its `startAfter` names no action, or a circle of them",
            ));
        }
    }
    Ok(())
}

/// Alarms that end an experiment are triggers; they are read as policies, not as chaos.
fn stop_conditions(root: &Reader<'_>, out: &mut Collector<'_>) -> Result<(), Diagnostic> {
    let Some(conditions) = root.get("stopConditions") else { return Ok(()) };
    for condition in conditions.seq()? {
        let source = condition.get("source").map(|source| source.text()).transpose()?;
        condition.whole();
        if source.is_some_and(|source| source != "none") {
            out.leave_out(
                &condition,
                "the chaos goes on whatever the alarm says; give the alarm as a policy to score it",
            );
        }
    }
    Ok(())
}

/// Shares of resources by the names of targets.
fn targets(root: &Reader<'_>) -> Result<BTreeMap<String, Pods>, Diagnostic> {
    let Some(targets) = root.get("targets") else { return Ok(BTreeMap::new()) };
    let mut all = BTreeMap::new();
    for (name, _, target) in targets.entries()? {
        let mode = target.get("selectionMode").map(|mode| mode.text()).transpose()?.unwrap_or("ALL");
        target.whole();
        let number = |open: &str| {
            mode.strip_prefix(open)
                .and_then(|rest| rest.strip_suffix(')'))
                .and_then(|n| n.trim().parse::<f64>().ok())
        };
        let pods = match (number("COUNT("), number("PERCENT(")) {
            (Some(count), _) => Pods::Count(count.clamp(0.0, f64::from(u32::MAX)) as u32),
            (_, Some(part)) => Pods::Share((part / 100.0).clamp(0.0, 1.0)),
            _ => Pods::Share(1.0),
        };
        all.insert(name.to_owned(), pods);
    }
    Ok(all)
}

#[derive(Clone, Copy, Debug)]
enum Pods {
    Share(f64),
    Count(u32),
}

/// When an action starts; `None` while one it waits for is not settled.
fn starts_at(
    action: &Reader<'_>,
    ends: &BTreeMap<String, SimDuration>,
    begins: SimDuration,
) -> Result<Option<SimDuration>, Diagnostic> {
    let Some(after) = action.get("startAfter") else { return Ok(Some(begins)) };
    let mut latest = begins;
    for name in after.seq()? {
        match ends.get(name.text()?) {
            Some(end) => latest = latest.max(*end),
            None => return Ok(None),
        }
    }
    Ok(Some(latest))
}

/// Plays an action; how long it takes.
fn play(
    name: &str,
    action: &Reader<'_>,
    at: SimDuration,
    shares: &BTreeMap<String, Pods>,
    out: &mut Collector<'_>,
) -> Result<SimDuration, Diagnostic> {
    action.ignore("description");
    let id = action.required("actionId")?.text()?.to_owned();
    let duration = action.at("parameters.duration").map(|duration| iso(&duration)).transpose()?;
    if id == "aws:fis:wait" {
        return Ok(duration.unwrap_or(SimDuration::ZERO));
    }
    let targets = action.get("targets").map(|targets| targets.entries()).transpose()?.unwrap_or_default();
    let target = targets.first().map(|(_, _, target)| target.text().map(str::to_owned)).transpose()?;
    let pods = target.as_ref().and_then(|target| shares.get(target)).copied().unwrap_or(Pods::Share(1.0));
    let service = out.service(action, &target.into_iter().chain([name.to_owned()]).collect::<Vec<_>>());
    let replicas = f64::from(out.replicas(&service));
    let (part, count) = match pods {
        Pods::Share(part) => (part, None),
        Pods::Count(count) => ((f64::from(count) / replicas).min(1.0), Some(count)),
    };
    let lasts = duration.unwrap_or(out.options.lasts);
    let hit = Hit { service, pods: part, count, when: When { at, lasts } };
    match fault(&id, action, &hit, duration, out)? {
        Some(fault) => {
            action.whole();
            out.add(
                action,
                fault,
                format!("`{name}` ({id}) hits `{}` from {at} after the deploy.", hit.service),
            );
        }
        None => out.leave_out(action, format!("`{id}` has no counterpart here")),
    }
    Ok(lasts)
}

/// What an action does; spans and shares that it does not say are those of the service's documentation.
fn fault(
    id: &str,
    action: &Reader<'_>,
    hit: &Hit,
    duration: Option<SimDuration>,
    out: &mut Collector<'_>,
) -> Result<Option<SurroundingSpec>, Diagnostic> {
    let number = |key: &str, or: f64| parameter(action, key, or);
    let document = action.at("parameters.documentArn").and_then(|arn| arn.text().ok());
    let document = document.map(str::to_ascii_lowercase).unwrap_or_default();
    let millis = |millis: f64| SimDuration::from_secs_f64(millis / 1000.0);
    Ok(Some(match kind(id, &document) {
        Kind::Down => hit.down(id.ends_with("reboot-instances"), down_for(action, duration, out)),
        Kind::Failover => hit.failover(down_for(action, duration, out)),
        Kind::Locks => {
            out.stand_in(action, "rows that are locked", "every tenth request waits 2s for them");
            hit.locked()
        }
        Kind::Connections => {
            out.stand_in(action, "connections that are taken", "one is left to each pod");
            hit.connections()
        }
        Kind::Blackhole => hit.partition(hit.from(), true),
        Kind::Loss => {
            out.some_pods(action, hit);
            hit.loss(hit.to(), number("lossPercent", 7.0)? / 100.0 * hit.pods)
        }
        Kind::Latency => {
            let (delay, jitter) = (number("delayMilliseconds", 200.0)?, number("jitterMilliseconds", 10.0)?);
            hit.edge_delay(hit.to(), millis(delay), millis(jitter))
        }
        Kind::Cpu => {
            let load = number("percent", number("loadPercent", 100.0)?)? / 100.0;
            out.hogs(action, format!("CPU at {}", percent(load)), 1.0 + load);
            hit.slower(1.0 + load)
        }
        Kind::Memory => {
            out.memory(action);
            hit.out_of_memory()
        }
        Kind::Disk => {
            out.stand_in(action, "a disk that is slow", "every request waits 100ms for it");
            hit.io_delay(SimDuration::from_millis(100), hit.pods)
        }
        Kind::Unknown => return Ok(None),
    }))
}

/// A number among the parameters, which are written as strings.
fn parameter(action: &Reader<'_>, key: &str, or: f64) -> Result<f64, Diagnostic> {
    let Some(value) = action.get("parameters").and_then(|all| all.get(key)) else { return Ok(or) };
    let text = value.text()?.trim();
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| value.diagnostic_at(format!("`{text}` is no number"), "write it like \"10\""))
}

/// How long what went down stays down.
fn down_for(action: &Reader<'_>, duration: Option<SimDuration>, out: &mut Collector<'_>) -> SimDuration {
    duration.unwrap_or_else(|| {
        out.stand_in(action, "until it is back", "30s");
        SimDuration::from_secs(30)
    })
}

enum Kind {
    Down,
    Failover,
    Locks,
    Connections,
    Blackhole,
    Loss,
    Latency,
    Cpu,
    Memory,
    Disk,
    Unknown,
}

fn kind(id: &str, document: &str) -> Kind {
    let ends = |ends: &[&str]| ends.iter().any(|end| id.ends_with(end));
    if id == "aws:ssm:start-automation-execution" || id == "aws:ssm:send-command" {
        let named = |word: &str| document.contains(word);
        return match () {
            () if named("lock") => Kind::Locks,
            () if named("connection") => Kind::Connections,
            () if named("cpu-stress") => Kind::Cpu,
            () if named("memory-stress") => Kind::Memory,
            () if named("latency") => Kind::Latency,
            () if named("packet-loss") => Kind::Loss,
            () => Kind::Unknown,
        };
    }
    match () {
        () if ends(&[
            "terminate-instances",
            "stop-instances",
            "reboot-instances",
            "stop-task",
            "pod-delete",
            "drain-container-instances",
            "terminate-nodegroup-instances",
            "send-spot-instance-interruptions",
            "task-kill-process",
        ]) =>
        {
            Kind::Down
        }
        () if ends(&["failover-db-cluster", "reboot-db-instances"]) => Kind::Failover,
        () if ends(&["disrupt-connectivity", "network-blackhole-port"]) => Kind::Blackhole,
        () if ends(&["packet-loss"]) => Kind::Loss,
        () if ends(&["network-latency"]) => Kind::Latency,
        () if ends(&["cpu-stress"]) => Kind::Cpu,
        () if ends(&["memory-stress"]) => Kind::Memory,
        () if ends(&["io-stress", "volume-io-latency", "pause-volume-io"]) => Kind::Disk,
        () => Kind::Unknown,
    }
}

/// Spans of ISO 8601 with days, hours, minutes and seconds: `PT1H30M`, `P1DT10S`.
fn iso(at: &Reader<'_>) -> Result<SimDuration, Diagnostic> {
    let text = at.text()?;
    let wrong = || at.diagnostic_at(format!("`{text}` is no duration"), "write it like `PT10M`");
    let rest = text.strip_prefix('P').ok_or_else(wrong)?;
    let (days, rest) = rest.split_once('T').unwrap_or((rest, ""));
    let mut seconds = 0.0;
    let mut add = |part: &str, units: &[(char, f64)]| -> Option<()> {
        let mut digits = String::new();
        for c in part.chars() {
            if c.is_ascii_digit() || c == '.' {
                digits.push(c);
                continue;
            }
            let (_, unit) = units.iter().find(|(name, _)| *name == c)?;
            seconds += std::mem::take(&mut digits).parse::<f64>().ok()? * unit;
        }
        digits.is_empty().then_some(())
    };
    add(days, &[('W', 604_800.0), ('D', 86_400.0)]).ok_or_else(wrong)?;
    add(rest, &[('H', 3600.0), ('M', 60.0), ('S', 1.0)]).ok_or_else(wrong)?;
    Ok(SimDuration::from_secs_f64(seconds))
}
