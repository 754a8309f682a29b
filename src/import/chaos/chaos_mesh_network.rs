//! `NetworkChaos`: what leaves the selected pods is delayed, lost, doubled, cut off or slowed down.
//!
//! `direction: to` (the default) shapes packets to the target, `from` those from it. Without a target everything that
//! leaves the pods is shaped: their calls and their answers alike.

use super::chaos_mesh_actions::{duration_under, names, percent_under};
use super::collector::{Collector, percent};
use super::hit::{Ends, Hit};
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::fault::SurroundingSpec;

/// Whose packets are shaped.
struct Path {
    /// Callers and callees.
    pairs: Vec<Ends>,
    words: String,
}

pub(super) fn network(spec: &Reader<'_>, hit: &Hit, out: &mut Collector<'_>) -> Result<(), Diagnostic> {
    let action = spec.required("action")?;
    let path = path(spec, hit, out)?;
    for key in ["device", "externalTargets"] {
        if let Some(left) = spec.get(key) {
            out.leave_out(&left, "the simulation has services, no addresses");
        }
    }
    let kind = action.text()?;
    let of = spec.get(kind).unwrap_or_else(|| spec.clone());
    let (fault, what): (Box<dyn Fn(Ends) -> SurroundingSpec>, String) = match kind {
        "delay" => return delay(&of, &path, hit, out),
        "bandwidth" => return bandwidth(spec, &path, hit, out),
        "loss" | "corrupt" => {
            if kind == "corrupt" {
                out.stand_in(
                    &action,
                    "packets that are corrupted",
                    "packets that are lost: a checksum drops them",
                );
            }
            let lost = percent_under(&of, kind, 100.0)?;
            let fault = move |ends| hit.loss(ends, lost * hit.pods);
            (Box::new(fault), format!("{} of the packets of {} are lost.", percent(lost), path.words))
        }
        "duplicate" => {
            let twice = percent_under(&of, "duplicate", 100.0)?;
            let fault = move |ends| hit.duplicate(ends, twice * hit.pods);
            (Box::new(fault), format!("{} of {} arrive twice.", percent(twice), path.words))
        }
        "partition" if hit.pods >= 1.0 => {
            let what = format!("nothing of {} arrives for {}.", path.words, hit.when.lasts);
            (Box::new(|ends| hit.partition(ends, true)), what)
        }
        "partition" => {
            out.leave_out(
                &action,
                "a partition of some pods of a service: only whole services can be cut off",
            );
            return Ok(());
        }
        other => {
            out.leave_out(&action, format!("`{other}` has no counterpart here"));
            return Ok(());
        }
    };
    correlation(&of, out);
    out.some_pods(&action, hit);
    for ends in path.pairs {
        out.add(&action, fault(ends), what.clone());
    }
    Ok(())
}

fn path(spec: &Reader<'_>, hit: &Hit, out: &mut Collector<'_>) -> Result<Path, Diagnostic> {
    let direction = spec.get("direction").map(|d| d.text()).transpose()?.unwrap_or("to");
    let Some(target) = spec.get("target") else {
        let words = format!("the calls of `{}` and its answers", hit.service);
        return Ok(Path { pairs: vec![hit.from(), hit.to()], words });
    };
    target.ignore("mode");
    target.ignore("value");
    let names = names(&target);
    let known = out.known_service(&names);
    if known.is_none() {
        let what = format!("`{}`", names.join("`, `"));
        out.stand_in(&target, what, "every service that is called: the scenario has none of that name");
    }
    let other = known.clone().unwrap_or_else(|| "everybody".to_owned());
    let (to, from) = ((hit.name(), known.clone()), (known, hit.name()));
    let (pairs, words) = match direction {
        "from" => (vec![from], format!("the calls of {other} to `{}`", hit.service)),
        "both" => (vec![to, from], format!("the calls between {other} and `{}`", hit.service)),
        _ => (vec![to], format!("the calls of `{}` to {other}", hit.service)),
    };
    Ok(Path { pairs, words })
}

fn delay(of: &Reader<'_>, path: &Path, hit: &Hit, out: &mut Collector<'_>) -> Result<(), Diagnostic> {
    let (latency, jitter) = (duration_under(of, "latency")?, duration_under(of, "jitter")?);
    correlation(of, out);
    if let Some(reorder) = of.get("reorder") {
        out.leave_out(&reorder, "packets keep their order");
    }
    let some = hit.pods < 1.0;
    if some && !jitter.is_zero() {
        let setting = "none: the delay of some of the calls is always the same";
        out.stand_in(of, format!("a jitter of {jitter}"), setting);
    }
    out.some_pods(of, hit);
    for ends in path.pairs.iter().cloned() {
        let fault = match some {
            true => hit.http_delay(ends, latency, hit.pods),
            false => hit.edge_delay(ends, latency, jitter),
        };
        out.add(of, fault, format!("{} are delayed by {latency} for {}.", path.words, hit.when.lasts));
    }
    Ok(())
}

fn correlation(of: &Reader<'_>, out: &mut Collector<'_>) {
    let Some(correlation) = of.get("correlation") else { return };
    if !matches!(correlation.text(), Ok("0" | "")) {
        out.leave_out(&correlation, "packets are hit independently of each other");
    }
}

/// Rates of `tc`: `bps` are bytes a second there, `bit` bits.
fn bandwidth(spec: &Reader<'_>, path: &Path, hit: &Hit, out: &mut Collector<'_>) -> Result<(), Diagnostic> {
    let of = spec.required("bandwidth")?;
    let rate = of.required("rate")?;
    let text = rate.text()?.trim().to_ascii_lowercase();
    let wrong =
        || rate.diagnostic_at(format!("`{text}` is no rate"), "write it like `1mbps` (bytes) or `8mbit`");
    let digits = text.chars().take_while(|c| c.is_ascii_digit() || *c == '.').count();
    let (number, unit) = text.split_at(digits);
    let bits = match unit.trim() {
        "bit" | "" => 1.0,
        "kbit" => 1e3,
        "mbit" => 1e6,
        "gbit" => 1e9,
        "bps" => 8.0,
        "kbps" => 8e3,
        "mbps" => 8e6,
        "gbps" => 8e9,
        _ => return Err(wrong()),
    };
    let number: f64 = number.parse().map_err(|_| wrong())?;
    for key in ["limit", "buffer", "peakrate", "minburst"] {
        of.ignore(key);
    }
    out.stand_in(&of, "bytes of a call", "64 KiB there and back");
    for ends in path.pairs.iter().cloned() {
        let fault = hit.bandwidth(ends, number * bits / 1e6);
        out.add(&of, fault, format!("{} share {text} for {}.", path.words, hit.when.lasts));
    }
    Ok(())
}
