//! What single chaos objects of Chaos Mesh do (`api/v1alpha1/*chaos_types.go`).
//!
//! Traps: `NetworkChaos` shapes what *leaves* the selected pods (see [`super::chaos_mesh_network`]); numbers that are
//! percentages are written as strings ("25"); `mode: one` means one pod, whatever its service has.

use super::collector::{Collector, When, always, percent, share, span};
use super::hit::Hit;
use super::istio::refusal;
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::fault::SurroundingSpec;
use crate::fault::clock_skew::ClockSkew;
use crate::time::SimDuration;

/// The pods that are selected, and when.
pub(super) fn selected(spec: &Reader<'_>, when: When, out: &mut Collector<'_>) -> Result<Hit, Diagnostic> {
    let service = out.service(spec, &names(spec));
    let replicas = f64::from(out.replicas(&service));
    let value = spec.get("value");
    let number = |or: f64| -> Result<f64, Diagnostic> { value.as_ref().map_or(Ok(or), number_in) };
    let mode = spec.get("mode").map(|mode| mode.text()).transpose()?.unwrap_or("one");
    let (pods, count) = match mode {
        "all" => (1.0, None),
        "fixed" => {
            let count = number(1.0)?.clamp(0.0, replicas);
            (count / replicas, Some(count as u32))
        }
        "fixed-percent" => ((number(100.0)? / 100.0).clamp(0.0, 1.0), None),
        "random-max-percent" => {
            let most = (number(100.0)? / 100.0).clamp(0.0, 1.0);
            out.stand_in(
                spec,
                format!("up to {} of the pods", percent(most)),
                format!("{} of them", percent(most / 2.0)),
            );
            (most / 2.0, None)
        }
        _ => (1.0 / replicas, Some(1)),
    };
    Ok(Hit { service, pods, count, when })
}

/// The pods in words.
fn words(hit: &Hit) -> String {
    match hit.count {
        Some(1) => format!("one pod of `{}`", hit.service),
        Some(count) => format!("{count} pods of `{}`", hit.service),
        None if hit.pods >= 1.0 => format!("all pods of `{}`", hit.service),
        None => format!("{} of the pods of `{}`", percent(hit.pods), hit.service),
    }
}

/// Values of the labels a selector asks for.
pub(super) fn names(spec: &Reader<'_>) -> Vec<String> {
    let Some(selector) = spec.get("selector") else { return Vec::new() };
    selector.ignore("namespaces");
    let labels = selector.get("labelSelectors").and_then(|labels| labels.entries().ok());
    labels.into_iter().flatten().filter_map(|(_, _, value)| value.text().ok().map(str::to_owned)).collect()
}

/// A number that may be written as a string with a percent sign.
fn number_in(at: &Reader<'_>) -> Result<f64, Diagnostic> {
    let text = at.text()?.trim().trim_end_matches('%');
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| at.diagnostic_at(format!("`{text}` is no number"), "write it like \"25\""))
}

pub(super) fn percent_under(of: &Reader<'_>, key: &str, or: f64) -> Result<f64, Diagnostic> {
    Ok(of.get(key).map(|value| number_in(&value)).transpose()?.unwrap_or(or) / 100.0)
}

pub(super) fn duration_under(of: &Reader<'_>, key: &str) -> Result<SimDuration, Diagnostic> {
    Ok(of.get(key).map(|value| value.duration_go()).transpose()?.unwrap_or(SimDuration::ZERO))
}

pub(super) fn pod(spec: &Reader<'_>, hit: &Hit, out: &mut Collector<'_>) -> Result<(), Diagnostic> {
    let action = spec.required("action")?;
    spec.ignore("containerNames");
    let soon = SimDuration::from_secs(10);
    let (graceful, down, what) = match action.text()? {
        "pod-kill" => {
            let grace = spec.get("gracePeriod").map(|grace| grace.f64()).transpose()?.unwrap_or(0.0);
            out.stand_in(&action, "a pod that is replaced", "its replacement runs after 10s");
            (grace > 0.0, soon, "killed")
        }
        "pod-failure" => (false, hit.when.lasts, "out of service"),
        "container-kill" => (false, soon, "restarted"),
        other => {
            out.leave_out(&action, format!("`{other}` has no counterpart here"));
            return Ok(());
        }
    };
    let sentence = format!("{} {what} {} after the deploy, back after {down}.", words(hit), hit.when.at);
    out.add(&action, hit.down(graceful, down), sentence);
    Ok(())
}

pub(super) fn stress(spec: &Reader<'_>, hit: &Hit, out: &mut Collector<'_>) -> Result<(), Diagnostic> {
    if let Some(cpu) = spec.at("stressors.cpu") {
        if let Some(options) = cpu.get("options") {
            out.leave_out(&options, "options of the stress tool have no counterpart");
        }
        let workers = cpu.get("workers").map(|workers| workers.f64()).transpose()?.unwrap_or(1.0).max(0.0);
        let load = percent_under(&cpu, "load", 100.0)?.max(0.0);
        out.hogs(&cpu, format!("{workers} workers at {}", percent(load)), 1.0 + workers * load);
        let sentence = format!("{} short of CPU for {}.", words(hit), hit.when.lasts);
        out.add(&cpu, hit.slower(1.0 + workers * load), sentence);
    }
    if let Some(memory) = spec.at("stressors.memory") {
        memory.whole();
        out.memory(&memory);
        out.add(
            &memory,
            hit.out_of_memory(),
            format!("{} short of memory for {}.", words(hit), hit.when.lasts),
        );
    }
    Ok(())
}

pub(super) fn http(spec: &Reader<'_>, hit: &Hit, out: &mut Collector<'_>) -> Result<(), Diagnostic> {
    for key in ["target", "port"] {
        spec.ignore(key);
    }
    for key in ["path", "method", "code", "request_headers", "response_headers"] {
        match spec.get(key) {
            Some(path) if key == "path" && path.text().is_ok_and(|path| path == "*") => {}
            Some(only) => out.stand_in(&only, format!("only some requests (`{key}`)"), "all requests"),
            None => {}
        }
    }
    let mut add = |at: &Reader<'_>, fault: SurroundingSpec, what: String| {
        out.some_pods(at, hit);
        out.add(at, fault, what);
    };
    if let Some(abort) = spec.get("abort")
        && abort.bool()?
    {
        add(&abort, hit.http_reset(hit.pods), format!("connections to {} are cut.", words(hit)));
    }
    if let Some(delay) = spec.get("delay") {
        let long = delay.duration_go()?;
        let what = format!("calls to {} take {long} longer.", words(hit));
        add(&delay, hit.http_delay(hit.to(), long, hit.pods), what);
    }
    for path in ["patch.body", "replace.body"] {
        let Some(body) = spec.at(path) else { continue };
        body.whole();
        add(&body, hit.wrong_answers(hit.pods), format!("{} answer wrongly.", words(hit)));
    }
    if let Some(code) = spec.at("replace.code") {
        let status = refusal(code.text()?, &code, out);
        out.some_pods(&code, hit);
        out.add(&code, hit.http_error(status, hit.pods), format!("{} answer with an error.", words(hit)));
    }
    Ok(())
}

pub(super) fn io(spec: &Reader<'_>, hit: &Hit, out: &mut Collector<'_>) -> Result<(), Diagnostic> {
    let action = spec.required("action")?;
    for key in ["volumePath", "path", "methods", "containerNames"] {
        spec.ignore(key);
    }
    let part = percent_under(spec, "percent", 100.0)?;
    let (fault, what) = match action.text()? {
        "latency" => {
            let delay = duration_under(spec, "delay")?;
            (hit.io_delay(delay, part * hit.pods), format!("wait {delay} for a disk"))
        }
        "fault" => {
            spec.ignore("errno");
            (hit.io_error(part * hit.pods), "fail at a disk".to_owned())
        }
        other => {
            out.leave_out(&action, format!("`{other}` has no counterpart here"));
            return Ok(());
        }
    };
    out.some_pods(&action, hit);
    out.stand_in(&action, "operations on files", "one such operation a request");
    out.add(&action, fault, format!("{} of the requests to {} {what}.", percent(part), words(hit)));
    Ok(())
}

pub(super) fn time(spec: &Reader<'_>, hit: &Hit, out: &mut Collector<'_>) -> Result<(), Diagnostic> {
    let offset = spec.required("timeOffset")?;
    for key in ["clockIds", "containerNames"] {
        spec.ignore(key);
    }
    let text = offset.text()?;
    // The sign does not matter to whoever checks a date against a tolerance, either way.
    let unsigned = text.trim_start_matches(['-', '+']);
    let off = crate::document::duration_of_go(unsigned)
        .ok_or_else(|| offset.diagnostic_at(format!("`{text}` is no offset"), "write it like `-10m`"))?;
    let fault = ClockSkew {
        service: hit.name(),
        offset: always(off.as_secs_f64()),
        tolerance: SimDuration::from_mins(5),
        share: share(hit.pods),
        at: span(hit.when.at),
        lasts: span(hit.when.lasts),
    };
    out.some_pods(&offset, hit);
    out.stand_in(
        &offset,
        "what a wrong clock breaks",
        "requests with a date that is checked to 5m, and all have one",
    );
    out.add(
        &offset,
        SurroundingSpec::ClockSkew(fault),
        format!("the clocks of {} are {text} off.", words(hit)),
    );
    Ok(())
}

pub(super) fn dns(spec: &Reader<'_>, hit: &Hit, out: &mut Collector<'_>) -> Result<(), Diagnostic> {
    let action = spec.required("action")?;
    if let Some(patterns) = spec.get("patterns") {
        out.leave_out(&patterns, "all names are hit");
    }
    let what = if action.text()? == "random" { "answered wrongly" } else { "not answered" };
    out.some_pods(&action, hit);
    out.add(&action, hit.dns(hit.pods), format!("look-ups of {} are {what}.", words(hit)));
    Ok(())
}
