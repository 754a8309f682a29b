//! Faults that an Istio `VirtualService` injects (networking.istio.io `HTTPFaultInjection`).
//!
//! They act on all calls to its hosts while the object is there, in the sidecar of the caller. A rule with `match`
//! concerns only the requests it matches; here it concerns all, or is left out where another rule follows.

use super::collector::{Collector, When, percent};
use super::hit::Hit;
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::effect::Refusal;

pub(super) fn is_one(root: &Reader<'_>) -> bool {
    let text = |key: &str| root.peek().get(key).and_then(|node| node.as_str().map(str::to_owned));
    text("kind").as_deref() == Some("VirtualService")
        && text("apiVersion").is_some_and(|version| version.starts_with("networking.istio.io/"))
}

pub(super) fn read(root: &Reader<'_>, out: &mut Collector<'_>) -> Result<(), Diagnostic> {
    for key in ["apiVersion", "kind", "metadata"] {
        root.ignore(key);
    }
    let hosts = match root.at("spec.hosts") {
        Some(hosts) => {
            hosts.seq()?.iter().map(|host| host.text().map(short)).collect::<Result<Vec<_>, _>>()?
        }
        None => Vec::new(),
    };
    let Some(rules) = root.at("spec.http") else { return Ok(()) };
    for rule in rules.seq()? {
        rule.ignore("route");
        let Some(fault) = rule.get("fault") else { continue };
        if let Some(matches) = rule.get("match") {
            out.leave_out(&matches, "requests are not told apart by headers or paths");
            out.stand_in(&matches, "requests that match", "all requests to the host");
        }
        let service = out.service(&root.at("spec.hosts").unwrap_or_else(|| root.clone()), &hosts);
        let when = When { at: out.options.at, lasts: out.options.lasts };
        let setting = format!("from {} after the deploy for {}", when.at, when.lasts);
        out.stand_in(&fault, "while the object is there", setting);
        let hit = Hit { service, pods: 1.0, count: None, when };
        delay(&fault, &hit, out)?;
        abort(&fault, &hit, out)?;
    }
    Ok(())
}

fn delay(fault: &Reader<'_>, hit: &Hit, out: &mut Collector<'_>) -> Result<(), Diagnostic> {
    let Some(delay) = fault.get("delay") else { return Ok(()) };
    let Some(fixed) = delay.get("fixedDelay") else { return Ok(()) };
    let (long, part) = (fixed.duration_go()?, percentage(&delay)?);
    let sentence = format!("{} of the calls to `{}` take {long} longer.", percent(part), hit.service);
    out.add(&delay, hit.http_delay(hit.to(), long, part), sentence);
    Ok(())
}

fn abort(fault: &Reader<'_>, hit: &Hit, out: &mut Collector<'_>) -> Result<(), Diagnostic> {
    let Some(abort) = fault.get("abort") else { return Ok(()) };
    let Some(at) = abort.get("httpStatus").or_else(|| abort.get("grpcStatus")) else { return Ok(()) };
    let (status, part) = (at.text()?.to_owned(), percentage(&abort)?);
    let sentence = format!("{} of the calls to `{}` end in {status}.", percent(part), hit.service);
    let refusal = refusal(&status, &at, out);
    out.add(&abort, hit.http_error(refusal, part), sentence);
    Ok(())
}

/// The refusal that is nearest to a status; said where it is not the same.
pub(super) fn refusal(status: &str, at: &Reader<'_>, out: &mut Collector<'_>) -> Refusal {
    match status {
        "503" | "UNAVAILABLE" => Refusal::Unavailable,
        "504" | "DEADLINE_EXCEEDED" => Refusal::TimedOut,
        "500" => Refusal::Error,
        other => {
            out.stand_in(at, format!("the status {other}"), "a 500: an error like any other");
            Refusal::Error
        }
    }
}

/// `percentage.value` (0 to 100), or the old whole-number `percent`; all if neither is given.
fn percentage(of: &Reader<'_>) -> Result<f64, Diagnostic> {
    match of.at("percentage.value").or_else(|| of.get("percent")) {
        Some(value) => Ok(value.f64()? / 100.0),
        None => Ok(1.0),
    }
}

/// The name before the first dot: `ratings` of `ratings.prod.svc.cluster.local`.
fn short(host: &str) -> String {
    host.split('.').next().unwrap_or(host).to_owned()
}
