//! Services and their calls: ranges, names and the shape of the graph.

use std::collections::BTreeMap;

use super::document::{Call, Probe, Service};
use super::limits::{
    MAX_ATTEMPTS, MAX_FAN_OUT, MAX_PODS, MAX_REPLICAS, MAX_SERVICE_TIME, MAX_SERVICES, MAX_SLOTS,
};
use super::noise::resolve as noise;
use super::protection;
use super::resolve::Checker;
use super::resources;
use crate::effect::ServiceId;
use crate::rng::Distribution;
use crate::time::SimDuration;
use crate::world::spec::{CallSpec, ProbeSpec, ServiceSpec};

/// Every service in the order of their names, which is the order of their ids.
pub(super) fn resolve(checker: &mut Checker<'_>, services: &BTreeMap<String, Service>) -> Vec<ServiceSpec> {
    if services.is_empty() {
        checker.error(&["services"], "there is no service", "name at least the one that is rolled out");
    }
    if services.len() > MAX_SERVICES {
        let fact = format!("{} services are more than {MAX_SERVICES}", services.len());
        checker.error(&["services"], fact, "keep those that the rolled-out service meets");
        return Vec::new();
    }
    let pods: u64 = services.values().map(|service| u64::from(resources::most_replicas(service))).sum();
    if pods > MAX_PODS {
        let fact = format!("{pods} pods in all are more than {MAX_PODS}");
        checker.error(&["services"], fact, "scale replicas and rates down together");
    }
    let specs: Vec<ServiceSpec> =
        services.iter().map(|(name, service)| one(checker, name, service)).collect();
    check_graph(checker, services);
    specs
}

fn one(checker: &mut Checker<'_>, name: &str, service: &Service) -> ServiceSpec {
    check_name(checker, name);
    let path = |field| ["services", name, field];
    checker.count(&path("replicas"), service.replicas, 1, MAX_REPLICAS, "replicas");
    checker.count(&path("zones"), service.zones, 1, MAX_REPLICAS, "zones");
    checker.count(&path("concurrency"), service.concurrency, 1, MAX_SLOTS, "concurrent requests");
    checker.count(&path("queue"), service.queue, 0, MAX_SLOTS, "waiting requests");
    check_time(checker, &path("service_time"), &service.service_time, "service time", MAX_SERVICE_TIME);
    check_time(checker, &path("startup"), &service.startup, "startup", SimDuration::from_mins(60));
    if service.service_time.mean() == 0.0 {
        checker.error(&path("service_time"), "the service time is 0", "give the time a request takes");
    }
    resources::check(checker, name, service);
    let calls = 0..service.calls.len();
    ServiceSpec {
        name: name.to_owned(),
        replicas: service.replicas,
        zones: service.zones,
        concurrency: service.concurrency,
        queue: service.queue,
        service_time: service.service_time.clone(),
        error_ratio: service.error_ratio,
        noise: noise(checker, &path("noise"), service.noise),
        error_noise: noise(checker, &path("error_noise"), service.error_noise),
        calls: calls.filter_map(|index| resolve_call(checker, name, &service.calls, index)).collect(),
        startup: service.startup.clone(),
        readiness: probe(checker, &path("readiness"), service.readiness),
        liveness: probe(checker, &path("liveness"), service.liveness),
        termination_grace: service.termination_grace,
        cpu_per_request: service.cpu.per_request.as_secs_f64(),
        cpu_limit: service.cpu.limit.get(),
        cpu_request: service.cpu.request.unwrap_or(service.cpu.limit).get(),
        throttled: service.cpu.throttle,
        memory_base: service.memory.base,
        memory_limit: service.memory.limit,
        memory_per_request: service.memory.per_request,
        warming: resources::warming(checker, name, service.warm_up),
        autoscaler: resources::autoscaler(checker, name, service),
        server: protection::server(checker, &["services", name], service),
    }
}

/// Names go into metric labels and pod names, so they are DNS labels, as in Kubernetes.
fn check_name(checker: &mut Checker<'_>, name: &str) {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let edge = |c: Option<char>| c.is_some_and(|c| c != '-');
    let holds = name.len() <= 63
        && name.chars().all(good)
        && edge(name.chars().next())
        && edge(name.chars().next_back());
    if !holds {
        let fact = format!("`{}` is no name of a service", name.chars().take(70).collect::<String>());
        let help = "use up to 63 lower-case letters, digits and `-`, as in Kubernetes";
        checker.error(&["services", name], fact, help);
    }
}

fn check_time(
    checker: &mut Checker<'_>,
    path: &[&str],
    time: &Distribution<SimDuration>,
    what: &str,
    most: SimDuration,
) {
    let mean = time.mean();
    if !(mean.is_finite() && mean <= most.as_secs_f64()) {
        let fact = format!("the mean {what} is more than {most}");
        checker.error(path, fact, "take quantiles that are nearer to each other, or a shorter time");
    }
}

pub(super) fn deeper<'p>(path: &[&'p str], field: &'p str) -> Vec<&'p str> {
    path.iter().copied().chain([field]).collect()
}

fn probe(checker: &mut Checker<'_>, path: &[&str], probe: Probe) -> ProbeSpec {
    if probe.period < SimDuration::from_millis(100) {
        checker.error(&deeper(path, "period"), "a probe more often than every 100ms", "write `period: 5s`");
    }
    checker.count(&deeper(path, "failure_threshold"), probe.failure_threshold, 1, 1000, "failures in a row");
    ProbeSpec {
        initial_delay: probe.initial_delay,
        period: probe.period,
        failure_threshold: probe.failure_threshold,
    }
}

fn resolve_call(checker: &mut Checker<'_>, name: &str, calls: &[Call], index: usize) -> Option<CallSpec> {
    let call = calls.get(index)?;
    let number = index.to_string();
    let path = |field| ["services", name, "calls", number.as_str(), field];
    let options = protection::call(checker, &["services", name, "calls", &number], calls, index);
    checker.count(&path("retry"), call.retry.attempts, 1, MAX_ATTEMPTS, "attempts");
    if call.timeout.is_some_and(SimDuration::is_zero) {
        checker.error(&path("timeout"), "a timeout of 0s", "leave it out if the caller waits for ever");
    }
    if call.to == name {
        checker.error(&path("to"), format!("`{name}` calls itself"), "name another service");
        return None;
    }
    let to = checker.service(&path("to"), &call.to)?;
    let (attempts, backoff) = (call.retry.attempts, call.retry.backoff);
    Some(CallSpec { to, timeout: call.timeout, attempts, backoff, options })
}

/// Calls must not form a circle, and one request must not become a flood.
fn check_graph(checker: &mut Checker<'_>, services: &BTreeMap<String, Service>) {
    let mut cost: BTreeMap<&str, f64> = BTreeMap::new();
    // Services whose calls are all counted leave the list; when none can leave, the rest forms a circle.
    let mut left: Vec<&str> = services.keys().map(String::as_str).collect();
    while !left.is_empty() {
        let before = left.len();
        left.retain(|name| {
            let calls = services.get(*name).map(|service| service.calls.as_slice()).unwrap_or_default();
            let costs = calls
                .iter()
                .filter(|call| services.contains_key(&call.to) && call.to != **name)
                .map(|call| cost.get(call.to.as_str()).map(|cost| (cost + 1.0) * f64::from(call.count)));
            let sum: Option<f64> = costs.sum();
            if let Some(sum) = sum {
                cost.insert(name, sum);
            }
            sum.is_none()
        });
        if left.len() == before {
            report_circle(checker, services, &left);
            return;
        }
    }
    if let Some((name, calls)) = cost.iter().find(|(_, calls)| **calls > MAX_FAN_OUT) {
        let fact = format!("one request to `{name}` causes {calls:.0} calls, more than {MAX_FAN_OUT}");
        checker.error(&["services", name, "calls"], fact, "leave out calls that do not matter here");
    }
}

/// Names one circle among services that are all on or above one.
fn report_circle(checker: &mut Checker<'_>, services: &BTreeMap<String, Service>, among: &[&str]) {
    let next = |name: &str| {
        let calls = services.get(name).map(|service| service.calls.as_slice()).unwrap_or_default();
        calls.iter().map(|call| call.to.as_str()).find(|to| *to != name && among.contains(to))
    };
    let mut walk: Vec<&str> = among.first().copied().into_iter().collect();
    while let Some(to) = walk.last().and_then(|name| next(name)) {
        if let Some(start) = walk.iter().position(|name| *name == to) {
            let circle: Vec<&str> = walk.iter().skip(start).copied().chain([to]).collect();
            let fact = format!("the calls go round in a circle: {}", circle.join(" -> "));
            checker.error(&["services", to, "calls"], fact, "a call graph has no circles: remove one call");
            return;
        }
        walk.push(to);
    }
}

/// The id of the service of this name; ids follow the order of names.
pub(super) fn id_of(services: &BTreeMap<String, Service>, name: &str) -> Option<ServiceId> {
    let index = services.keys().position(|key| key == name)?;
    u16::try_from(index).ok().map(ServiceId)
}
