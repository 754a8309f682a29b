//! Chaos Toolkit experiments (JSON or YAML): a steady-state hypothesis, a method, rollbacks.
//!
//! An action names a function of a Python module; a table knows the ones that do something to a service. Actions run one
//! after the other, with pauses before and after; `${name}` is a configuration, whose default is in the file or which is
//! only known where it runs. Rollbacks undo the method when everything is over: an action whose undoing is among them
//! ends when the chaos does.
//!
//! Trap: a rollback that undoes something else than what was done undoes nothing. Toxics of a proxy are compared by name.

use super::collector::{Collector, When};
use super::hit::Hit;
use crate::diagnostic::Diagnostic;
use crate::document::Reader;
use crate::fault::SurroundingSpec;
use crate::time::SimDuration;

pub(super) fn is_one(root: &Reader<'_>) -> bool {
    root.has("method") && root.has("title") && !root.has("actions")
}

pub(super) fn read(root: &Reader<'_>, out: &mut Collector<'_>) -> Result<(), Diagnostic> {
    for key in [
        "version",
        "title",
        "description",
        "tags",
        "contributions",
        "secrets",
        "configuration",
        "controls",
        "extensions",
        "runtime",
    ] {
        root.ignore(key);
    }
    if let Some(steady) = root.get("steady-state-hypothesis") {
        out.leave_out(&steady, "probes decide nothing here: the scenario's SLO says what is good");
    }
    let mut at = out.options.at;
    for step in root.required("method")?.seq()? {
        at += pause(&step, "before")?;
        let is_action = step.get("type").is_some_and(|kind| kind.text().is_ok_and(|kind| kind == "action"));
        if is_action {
            action(root, &step, at, out)?;
        } else {
            out.leave_out(&step, "a step that is no action does nothing here");
        }
        at += pause(&step, "after")?;
    }
    if let Some(rollbacks) = root.get("rollbacks") {
        rollbacks.whole();
    }
    Ok(())
}

fn pause(step: &Reader<'_>, which: &str) -> Result<SimDuration, Diagnostic> {
    let seconds = step.at(&format!("pauses.{which}")).map(|pause| pause.f64()).transpose()?.unwrap_or(0.0);
    Ok(SimDuration::from_secs_f64(seconds.max(0.0)))
}

/// One action of the method.
fn action(
    root: &Reader<'_>,
    step: &Reader<'_>,
    at: SimDuration,
    out: &mut Collector<'_>,
) -> Result<(), Diagnostic> {
    for key in ["name", "tolerance", "timeout", "background"] {
        step.ignore(key);
    }
    let Some(provider) = step.get("provider") else {
        out.leave_out(step, "an action without a provider");
        return Ok(());
    };
    let text = |key: &str| provider.get(key).and_then(|value| value.text().ok().map(str::to_owned));
    let Some((module, function)) = text("module").zip(text("func")) else {
        let kind = text("type").unwrap_or_default();
        out.leave_out(step, format!("a provider of the type `{kind}` does nothing here"));
        return Ok(());
    };
    let call = Call { provider: &provider, root };
    let service = out.service(step, &call.names());
    let replicas = out.replicas(&service);
    let when = When { at, lasts: call.lasts().unwrap_or(out.options.lasts) };
    let hit = Hit { pods: 1.0, count: None, service, when };
    let package = module.split('.').next().unwrap_or_default();
    let fault = match package {
        "chaosk8s" | "chaosgremlin" => of_pods(&function, &call, &hit, (step, replicas), out),
        "chaostoxi" => of_proxy(&function, &call, &hit, step, out),
        "chaosistio" => of_mesh(&function, &call, &hit, step, out),
        _ => None,
    };
    match fault {
        Some(fault) => {
            provider.whole();
            let sentence = format!("`{module}.{function}` hits `{}` {at} after the deploy.", hit.service);
            out.add(step, fault, sentence);
        }
        None => out.leave_out(step, format!("`{module}.{function}` has no counterpart here")),
    }
    Ok(())
}

/// Pods and machines (chaosk8s, chaosgremlin).
fn of_pods(
    function: &str,
    call: &Call<'_, '_>,
    hit: &Hit,
    (step, replicas): (&Reader<'_>, u32),
    out: &mut Collector<'_>,
) -> Option<SurroundingSpec> {
    let one = |count: u32| Hit { count: Some(count), ..hit.clone() };
    Some(match function {
        "terminate_pods" | "kill_microservice" | "delete_pods" => {
            let graceful = call.number("grace_period").is_none_or(|grace| grace > 0.0);
            let quantity = call.number("qty").unwrap_or(1.0);
            let some = if call.text("all").is_some_and(|all| all == "true") {
                hit.clone()
            } else if call.text("mode").is_some_and(|mode| mode == "percentage") {
                Hit { pods: quantity / 100.0, ..hit.clone() }
            } else {
                // At least one, and no more than there are.
                one(quantity.clamp(1.0, f64::from(replicas)) as u32)
            };
            some.down(graceful, SimDuration::from_secs(10))
        }
        "drain_nodes" | "delete_nodes" => {
            out.stand_in(step, "pods on the node", "one pod of the service");
            Hit { pods: 1.0 / f64::from(replicas), ..hit.clone() }.drained()
        }
        "attack" if call.text("command.type").as_deref() == Some("shutdown") => {
            out.stand_in(step, "a machine that is shut down", "one pod, back after 30s");
            one(1).down(false, SimDuration::from_secs(30))
        }
        _ => return None,
    })
}

/// Toxics of a proxy (chaostoxi); its latencies are milliseconds, its rates KB a second.
fn of_proxy(
    function: &str,
    call: &Call<'_, '_>,
    hit: &Hit,
    step: &Reader<'_>,
    out: &mut Collector<'_>,
) -> Option<SurroundingSpec> {
    let millis = |name: &str| SimDuration::from_secs_f64(call.number(name).unwrap_or(0.0) / 1000.0);
    let fault = match function {
        "create_latency_toxic" => hit.edge_delay(hit.to(), millis("latency"), millis("jitter")),
        "create_bandwidth_degradation_toxic" => {
            out.stand_in(step, "bytes of a call", "64 KiB there and back");
            hit.bandwidth(hit.to(), call.number("rate").unwrap_or(1.0) * 8.0 / 1000.0)
        }
        "create_timeout_toxic" => hit.partition(hit.to(), true),
        "create_reset_peer_toxic" => hit.http_reset(1.0),
        "disable_proxy" => return Some(hit.partition(hit.to(), false)),
        _ => return None,
    };
    never_removed(call, step, out);
    Some(fault)
}

/// Faults in a service mesh (chaosistio).
fn of_mesh(
    function: &str,
    call: &Call<'_, '_>,
    hit: &Hit,
    step: &Reader<'_>,
    out: &mut Collector<'_>,
) -> Option<SurroundingSpec> {
    let part = call.number("percentage").unwrap_or(100.0) / 100.0;
    match function {
        "add_delay_fault" => {
            let delay = call.text("fixed_delay").and_then(|text| crate::document::duration_of_go(&text))?;
            Some(hit.http_delay(hit.to(), delay, part))
        }
        "add_abort_fault" => {
            let status = call.text("http_status").unwrap_or_else(|| "500".to_owned());
            Some(hit.http_error(super::istio::refusal(&status, step, out), part))
        }
        _ => None,
    }
}

/// A call of a function with its arguments; configuration is put in where the file has a default for it.
struct Call<'c, 'r> {
    provider: &'c Reader<'r>,
    root: &'c Reader<'r>,
}

impl Call<'_, '_> {
    fn text(&self, path: &str) -> Option<String> {
        let argument = self.provider.at(&format!("arguments.{path}"))?;
        Some(self.filled_in(argument.text().ok()?))
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.text(name)?.trim().parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)
    }

    /// `${name}` by the default of the configuration; as it stands where there is none.
    fn filled_in(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let Some((name, behind)) = after.split_once('}') else { return text.to_owned() };
            match self.configured(name) {
                Some(value) => out.push_str(&value),
                None => out.push_str(&format!("${{{name}}}")),
            }
            rest = behind;
        }
        out + rest
    }

    fn configured(&self, name: &str) -> Option<String> {
        let value = self.root.get("configuration")?.get(name)?;
        let default = value.get("default");
        default.unwrap_or(value).text().ok().map(str::to_owned)
    }

    fn lasts(&self) -> Option<SimDuration> {
        self.number("duration").map(SimDuration::from_secs_f64)
    }

    /// What the call names its victims: labels, proxies, services, deployments.
    fn names(&self) -> Vec<String> {
        let plain = ["name", "for_proxy", "proxy_name", "deployment_name", "virtual_service_name", "service"];
        let mut names: Vec<String> = plain.iter().filter_map(|key| self.text(key)).collect();
        if let Some(selector) = self.text("label_selector") {
            let values = selector
                .split(',')
                .map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value).trim().to_owned());
            names.extend(values);
        }
        let labels = self.provider.at("arguments.labels").and_then(|labels| labels.entries().ok());
        names.extend(
            labels.into_iter().flatten().filter_map(|(_, _, value)| value.text().ok().map(str::to_owned)),
        );
        names
    }
}

/// A toxic whose name no rollback removes stays for ever: said, since the chaos here ends all the same.
fn never_removed(call: &Call<'_, '_>, step: &Reader<'_>, out: &mut Collector<'_>) {
    let Some(created) = call.text("toxic_name") else { return };
    let rollbacks = call.root.get("rollbacks").and_then(|list| list.seq().ok()).unwrap_or_default();
    let removes = |rollback: &Reader<'_>| {
        let name = rollback.at("provider.arguments.toxic_name").and_then(|name| name.text().ok());
        name.is_some_and(|name| call.filled_in(name) == created)
    };
    if !rollbacks.iter().any(removes) {
        out.stand_in(
            step,
            format!("the toxic `{created}`, which no rollback of the experiment removes"),
            "it ends with the chaos",
        );
    }
}
