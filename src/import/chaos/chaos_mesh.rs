//! Chaos Mesh (`chaos-mesh.org/v1alpha1`): single chaos objects, schedules of them, and workflows.
//!
//! A workflow runs templates one after the other (`Serial`) or at once (`Parallel`); a `Suspend` waits. A schedule repeats
//! its chaos; it is played once. What one object does is in [`super::chaos_mesh_actions`].

use super::chaos_mesh_actions as actions;
use super::chaos_mesh_network::network;
use super::collector::{Collector, When};
use crate::diagnostic::Diagnostic;
use crate::document::{Node, Reader};
use crate::time::SimDuration;

pub(super) fn is_one(root: &Reader<'_>) -> bool {
    let version = root.peek().get("apiVersion").and_then(Node::as_str);
    version.is_some_and(|version| version.starts_with("chaos-mesh.org/"))
}

/// Workflows within workflows deeper than this are a circle.
const DEEPEST: u32 = 32;

pub(super) fn read(root: &Reader<'_>, out: &mut Collector<'_>) -> Result<(), Diagnostic> {
    root.ignore("apiVersion");
    root.ignore("metadata");
    let kind = root.required("kind")?;
    let Some(spec) = root.get("spec") else { return Ok(()) };
    let at = out.options.at;
    match kind.text()? {
        "Workflow" => workflow(&spec, out),
        "Schedule" => {
            let inner = spec.required("type")?.text()?.to_owned();
            if let Some(schedule) = spec.get("schedule") {
                out.stand_in(&schedule, "a schedule", "its chaos is played once");
            }
            for key in ["concurrencyPolicy", "historyLimit", "startingDeadlineSeconds"] {
                spec.ignore(key);
            }
            embedded(&spec, &inner, at, None, out).map(|_| ())
        }
        single => one(&spec, single, at, None, out).map(|_| ()),
    }
}

fn workflow(spec: &Reader<'_>, out: &mut Collector<'_>) -> Result<(), Diagnostic> {
    let entry = spec.required("entry")?.text()?.to_owned();
    let templates = spec.required("templates")?.seq()?;
    template(&templates, &entry, (out.options.at, 0), out).map(|_| ())
}

/// Plays a template from an instant on; how long it takes.
fn template(
    all: &[Reader<'_>],
    name: &str,
    (at, depth): (SimDuration, u32),
    out: &mut Collector<'_>,
) -> Result<SimDuration, Diagnostic> {
    let named = |one: &&Reader<'_>| one.get("name").and_then(|found| found.text().ok()) == Some(name);
    let Some(one) = all.iter().find(named) else {
        let place = all.first();
        let fact = format!("there is no template `{name}`");
        return Err(place.map_or_else(
            || Diagnostic::error(&fact),
            |place| place.diagnostic_at(&fact, "give it, or correct the name"),
        ));
    };
    if depth > DEEPEST {
        return Err(
            one.diagnostic_at(format!("the template `{name}` runs itself"), "break the circle of `children`")
        );
    }
    let deadline = one.get("deadline").map(|deadline| deadline.duration_go()).transpose()?;
    let kind = one.required("templateType")?.text()?.to_owned();
    let children =
        || one.get("children").map(|children| children.seq()).transpose().map(Option::unwrap_or_default);
    match kind.as_str() {
        "Serial" => {
            let mut sum = SimDuration::ZERO;
            for child in children()? {
                sum += template(all, child.text()?, (at + sum, depth + 1), out)?;
            }
            Ok(sum)
        }
        "Parallel" => {
            let mut longest = SimDuration::ZERO;
            for child in children()? {
                longest = longest.max(template(all, child.text()?, (at, depth + 1), out)?);
            }
            Ok(longest)
        }
        "Suspend" => Ok(deadline.unwrap_or(SimDuration::ZERO)),
        "StatusCheck" => {
            out.leave_out(one, "status checks decide nothing here: the scenario's SLO says what is good");
            Ok(deadline.unwrap_or(SimDuration::ZERO))
        }
        "Task" => {
            out.leave_out(one, "tasks of one's own do nothing here");
            Ok(deadline.unwrap_or(SimDuration::ZERO))
        }
        chaos => embedded(one, chaos, at, deadline, out),
    }
}

/// A chaos that is written inside of another object, under its kind with a small first letter.
fn embedded(
    around: &Reader<'_>,
    kind: &str,
    at: SimDuration,
    deadline: Option<SimDuration>,
    out: &mut Collector<'_>,
) -> Result<SimDuration, Diagnostic> {
    let upper = kind.chars().take_while(char::is_ascii_uppercase).count();
    // PodChaos is podChaos, HTTPChaos httpChaos, IOChaos ioChaos, DNSChaos dnsChaos.
    let small = if upper > 1 { upper - 1 } else { upper };
    let key = format!("{}{}", kind[..small].to_ascii_lowercase(), &kind[small..]);
    match around.get(&key) {
        Some(spec) => one(&spec, kind, at, deadline, out),
        None => {
            out.leave_out(around, format!("`{kind}` has no counterpart here"));
            Ok(deadline.unwrap_or(SimDuration::ZERO))
        }
    }
}

/// One chaos from an instant on; how long it takes.
fn one(
    spec: &Reader<'_>,
    kind: &str,
    at: SimDuration,
    deadline: Option<SimDuration>,
    out: &mut Collector<'_>,
) -> Result<SimDuration, Diagnostic> {
    let said = spec.get("duration").map(|duration| duration.duration_go()).transpose()?.or(deadline);
    let lasts = said.unwrap_or(out.options.lasts);
    if said.is_none() {
        out.stand_in(spec, "no duration: until somebody ends it", format!("it lasts {lasts}"));
    }
    let hit = actions::selected(spec, When { at, lasts }, out)?;
    match kind {
        "PodChaos" => actions::pod(spec, &hit, out)?,
        "NetworkChaos" => network(spec, &hit, out)?,
        "StressChaos" => actions::stress(spec, &hit, out)?,
        "HTTPChaos" => actions::http(spec, &hit, out)?,
        "IOChaos" => actions::io(spec, &hit, out)?,
        "TimeChaos" => actions::time(spec, &hit, out)?,
        "DNSChaos" => actions::dns(spec, &hit, out)?,
        other => out.leave_out(spec, format!("`{other}` has no counterpart here")),
    }
    Ok(lasts)
}
