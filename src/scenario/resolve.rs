//! From the document to the resolved [`Scenario`]: names looked up, ranges checked, defaults filled in.
//!
//! Everything that is wrong is collected, each finding with its place; only then is the scenario refused.

use super::document::{Document, FORMAT, Fidelity, Traffic};
use super::limits::{MAX_FAULTS, MAX_SPAN, MAX_TRAFFIC, MAX_USERS};
use super::place::Places;
use super::resolved::{FidelityChoice, Scenario};
use super::{
    budget, database, doubts, history, noise, people, protection, rehearsal, rollouts, services, shapes,
};
use crate::catalogue::Catalogue;
use crate::diagnostic::{Diagnostics, Source, did_you_mean};
use crate::effect::ServiceId;
use crate::fault::Fault;
use crate::rollback::{DeployPath, Lessons, OutOfReach, RollbackConditions};
use crate::telemetry::sampler::TelemetrySpec;
use crate::time::SimDuration;
use crate::world::spec::{SloSpec, TrafficSpec, WorldSpec};

/// A scenario and what its reader should doubt.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The scenario.
    pub scenario: Scenario,
    /// Warnings: it can be played, but look at this.
    pub warnings: Diagnostics,
}

/// Collects findings and looks names up.
pub(super) struct Checker<'a> {
    pub(super) document: &'a Document,
    pub(super) places: Places<'a>,
    pub(super) findings: Diagnostics,
}

impl Checker<'_> {
    /// Notes an error.
    pub(super) fn error(&mut self, path: &[&str], fact: impl Into<String>, help: impl Into<String>) {
        let error = self.places.error(path, fact).with_help(help);
        self.findings.push(error);
    }

    /// Notes a warning of this name.
    pub(super) fn warning(
        &mut self,
        code: &'static str,
        path: &[&str],
        fact: impl Into<String>,
        help: impl Into<String>,
    ) {
        let warning = self.places.warning(path, fact).with_help(help).with_code(code);
        self.findings.push(warning);
    }

    /// Notes an error unless the number is in the range.
    pub(super) fn count(&mut self, path: &[&str], number: u32, least: u32, most: u32, what: &str) {
        if number < least || number > most {
            let fact = format!("{number} {what} are not between {least} and {most}");
            self.error(path, fact, format!("write a number from {least} to {most}"));
        }
    }

    /// Notes an error unless the duration is in the range.
    pub(super) fn span(&mut self, path: &[&str], span: SimDuration, least: SimDuration, most: SimDuration) {
        if span < least || span > most {
            let fact = format!("{span} is not between {least} and {most}");
            self.error(path, fact, format!("write a duration from {least} to {most}"));
        }
    }

    /// The service of this name, or an error with the one that was likely meant.
    pub(super) fn service(&mut self, path: &[&str], name: &str) -> Option<ServiceId> {
        let found = services::id_of(&self.document.services, name);
        if found.is_none() {
            let names: Vec<&str> = self.document.services.keys().map(String::as_str).collect();
            let list = names.iter().take(20).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            let meant = did_you_mean(name, &names).map(|meant| format!("did you mean `{meant}`? "));
            let help = format!("{}services: {list}", meant.unwrap_or_default());
            self.error(path, format!("there is no service `{name}`"), help);
        }
        found
    }
}

/// Resolves a document that was read from `source`; `name` is `folder/stem` and keys every draw.
///
/// # Errors
/// Everything that is wrong with it, each with its place, and the warnings among them.
pub fn resolve(document: &Document, name: &str, source: Source<'_>) -> Result<Resolved, Diagnostics> {
    let places = Places::of(source);
    let mut checker = Checker { document, places, findings: Diagnostics::new() };
    check_head(&mut checker);
    let services = services::resolve(&mut checker, &document.services);
    let traffic = resolve_traffic(&mut checker);
    let rollout = rollouts::resolve(&mut checker);
    let database = database::resolve(&mut checker);
    check_faults(&mut checker);
    let telemetry = resolve_telemetry(&mut checker);
    let rollback_conditions = resolve_conditions(&mut checker);
    let people = people::resolve(&mut checker);
    let slo = resolve_slo(&mut checker);
    let Some(rollout) = rollout.filter(|_| !checker.findings.has_errors()) else {
        return Err(checker.findings);
    };
    let mut scenario = Scenario {
        name: name.to_owned(),
        folder: name.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned(),
        summary: document.summary.trim().to_owned(),
        weight: document.weight,
        world: WorldSpec {
            services,
            traffic,
            target: rollout.target,
            slo,
            slot: telemetry.scrape,
            weight_propagation: rollout.weight_propagation,
            database,
        },
        warm_up: document.warm_up,
        horizon: document.horizon,
        watch: document.watch,
        base_rate: document.change.bad,
        faults: with_paths("change.faults", &document.change.faults),
        confounders: with_paths("confounders", &document.confounders),
        surroundings: with_paths("surroundings", &document.surroundings),
        rollout: rollout.strategy,
        rollback: rollout.rollback,
        rollback_conditions,
        rehearsal: None,
        people,
        facts: document.change.facts,
        telemetry,
        fidelity: match document.fidelity {
            Fidelity::Auto => FidelityChoice::Auto,
            Fidelity::Request => FidelityChoice::Request,
            Fidelity::Flow => FidelityChoice::Flow,
        },
    };
    rehearsal::resolve(&mut checker, &mut scenario);
    budget::check(&mut checker, &scenario);
    doubts::note(&mut checker, &scenario);
    if checker.findings.has_errors() {
        return Err(checker.findings);
    }
    Ok(Resolved { scenario, warnings: checker.findings })
}

fn with_paths<T: Clone>(list: &str, entries: &[T]) -> Vec<(String, T)> {
    entries.iter().enumerate().map(|(index, entry)| (format!("{list}[{index}]"), entry.clone())).collect()
}

fn check_head(checker: &mut Checker<'_>) {
    let document = checker.document;
    if document.format != FORMAT {
        let fact = format!("format {} is not known here", document.format);
        checker.error(&["format"], fact, format!("write `format: {FORMAT}`, or use a newer version"));
    }
    if !(document.weight.is_finite() && document.weight > 0.0 && document.weight <= 1e6) {
        let fact = format!("the weight {} is not between 0 and 1000000", document.weight);
        checker.error(&["weight"], fact, "1 is the weight of a file that says nothing");
    }
    checker.span(&["warm_up"], document.warm_up, SimDuration::ZERO, MAX_SPAN);
    checker.span(&["horizon"], document.horizon, SimDuration::from_mins(1), MAX_SPAN);
    checker.span(&["watch"], document.watch, SimDuration::from_mins(1), MAX_SPAN);
}

fn resolve_traffic(checker: &mut Checker<'_>) -> Vec<TrafficSpec> {
    let all = &checker.document.traffic;
    if all.is_empty() || all.len() > MAX_TRAFFIC {
        let fact = format!("{} sources of traffic are not between 1 and {MAX_TRAFFIC}", all.len());
        checker.error(&["traffic"], fact, "write `- {to: web, rate: 100/s}`");
        return Vec::new();
    }
    let mut specs: Vec<TrafficSpec> = Vec::new();
    for (index, traffic) in all.iter().enumerate() {
        let Some(spec) = one_traffic(checker, &index.to_string(), traffic) else { continue };
        if specs.iter().any(|other| other.name == spec.name) {
            let fact = format!("two sources of traffic are called `{}`", spec.name);
            let help = "give one of them another `name:`, it keys its random draws";
            checker.error(&["traffic", &index.to_string(), "name"], fact, help);
        }
        specs.push(spec);
    }
    specs
}

fn one_traffic(checker: &mut Checker<'_>, index: &str, traffic: &Traffic) -> Option<TrafficSpec> {
    let path = |field| ["traffic", index, field];
    if traffic.rate.get() <= 0.0 {
        checker.error(&path("rate"), "a rate of 0/s", "give the mean arrival rate, like `100/s`");
    }
    if traffic.users == 0 || traffic.users > MAX_USERS {
        let fact = format!("{} users are not between 1 and {MAX_USERS}", traffic.users);
        checker.error(&path("users"), fact, "give the number of people behind the requests");
    }
    if traffic.timeout.is_some_and(SimDuration::is_zero) {
        checker.error(&path("timeout"), "a timeout of 0s", "leave it out if users wait for ever");
    }
    let noise = noise::resolve(checker, &path("noise"), traffic.noise);
    let shape = shapes::resolve(checker, index, &traffic.shape);
    let people = protection::people(checker, &["traffic", index], traffic);
    let to = checker.service(&path("to"), &traffic.to)?;
    Some(TrafficSpec {
        name: traffic.name.clone().unwrap_or_else(|| traffic.to.clone()),
        to,
        rate: traffic.rate,
        shape,
        noise,
        users: traffic.users,
        sticky: traffic.sticky,
        cohort: traffic.cohort,
        timeout: traffic.timeout,
        people,
    })
}

fn check_faults(checker: &mut Checker<'_>) {
    let document = checker.document;
    for (path, count) in [
        (["change", "faults"].as_slice(), document.change.faults.len()),
        (["confounders"].as_slice(), document.confounders.len()),
        (["surroundings"].as_slice(), document.surroundings.len()),
    ] {
        if count > MAX_FAULTS {
            checker.error(path, format!("{count} entries are more than {MAX_FAULTS}"), "split the file");
        }
    }
    for (index, fault) in document.change.faults.iter().enumerate() {
        let place = ["change", "faults", &index.to_string(), fault.name()];
        check_services(checker, &place, fault.as_dyn());
    }
    for (index, confounder) in document.confounders.iter().enumerate() {
        let place = ["confounders", &index.to_string(), confounder.name()];
        check_services(checker, &place, confounder.as_dyn());
    }
    for (index, surrounding) in document.surroundings.iter().enumerate() {
        let place = ["surroundings", &index.to_string(), surrounding.name()];
        check_services(checker, &place, surrounding.as_dyn());
    }
}

/// The services an entry names must exist.
pub(super) fn check_services(checker: &mut Checker<'_>, place: &[&str], entry: &dyn Fault) {
    for (field, name) in entry.services() {
        let path: Vec<&str> = place.iter().copied().chain([field]).collect();
        checker.service(&path, name);
    }
}

fn resolve_telemetry(checker: &mut Checker<'_>) -> TelemetrySpec {
    let document = checker.document;
    let telemetry = &document.telemetry;
    let (scrape, jitter) = (telemetry.scrape, telemetry.jitter);
    checker.span(&["telemetry", "scrape"], scrape, SimDuration::from_secs(1), SimDuration::from_mins(60));
    if jitter > SimDuration::from_nanos(scrape.as_nanos() / 2) {
        let fact = format!("a jitter of {jitter} is more than half of the scrape interval {scrape}");
        checker.error(&["telemetry", "jitter"], fact, "scrapes must stay in order");
    }
    checker.span(&["telemetry", "lag"], telemetry.lag, SimDuration::ZERO, SimDuration::from_mins(60));
    let mut dialects = telemetry.dialects.clone();
    dialects.sort_unstable();
    dialects.dedup();
    if dialects.is_empty() {
        let help = "write `dialects: [istio, app]`, or leave it out for all there are";
        checker.error(&["telemetry", "dialects"], "there is no exporter, so no query finds anything", help);
    }
    TelemetrySpec {
        scrape,
        jitter,
        lag: telemetry.lag,
        loss: telemetry.loss,
        query_errors: telemetry.query_errors,
        needs: telemetry.needs.as_ref().and_then(|name| checker.service(&["telemetry", "needs"], name)),
        dialects,
    }
}

fn resolve_conditions(checker: &mut Checker<'_>) -> RollbackConditions {
    let history = history::resolve(checker);
    let conditions = &checker.document.rollback;
    let fix = &checker.document.forward_fix;
    if !(conditions.slower.is_finite() && conditions.slower > 0.0 && conditions.slower <= 1000.0) {
        let fact = format!("a multiplier of {} is not between 0 and 1000", conditions.slower);
        checker.error(&["rollback", "slower"], fact, "1 is the time by the book, 2 takes twice as long");
    }
    if conditions.step_fails.get() >= 1.0 {
        let help = "use `no_target: true` for a rollback that can never work";
        checker.error(
            &["rollback", "step_fails"],
            "every command fails, so it would be repeated for ever",
            help,
        );
    }
    if conditions.targets.is_empty() {
        let help = "write `targets: [previous: {}]`, or `no_target: true` if there is nothing to go back to";
        checker.error(&["rollback", "targets"], "no rule says which revision to go back to", help);
    }
    let path = resolve_path(checker);
    RollbackConditions {
        step_fails: conditions.step_fails,
        slower: conditions.slower,
        no_target: conditions.no_target,
        person_after: conditions.person_after,
        history,
        targets: conditions.targets.clone(),
        verify: conditions.verify.clone(),
        on_failure: conditions.on_failure.clone(),
        defects: conditions.defects.clone(),
        unrehearsed: Vec::new(),
        lessons: Lessons::default(),
        reverted_after: conditions.reverted_after,
        path,
        hands: None,
        fix: fix.clone(),
    }
}

/// What commands need to reach the cluster.
fn resolve_path(checker: &mut Checker<'_>) -> DeployPath {
    let conditions = &checker.document.rollback;
    let mut needs = Vec::new();
    for (index, name) in conditions.needs.iter().enumerate() {
        let found = checker.service(&["rollback", "needs", &index.to_string()], name);
        needs.extend(found.map(|service| (service, name.clone())));
    }
    if let OutOfReach::Wait { every, at_most } = conditions.out_of_reach {
        let place = |field| ["rollback", "out_of_reach", "wait", field];
        checker.span(&place("every"), every, SimDuration::from_secs(1), SimDuration::from_mins(60));
        checker.span(&place("at_most"), at_most, SimDuration::ZERO, MAX_SPAN);
    }
    DeployPath { needs, out_of_reach: conditions.out_of_reach }
}

fn resolve_slo(checker: &mut Checker<'_>) -> SloSpec {
    let slo = checker.document.slo;
    if slo.latency.is_some_and(|latency| latency.p99.is_zero()) {
        checker.error(&["slo", "latency", "p99"], "a latency of 0s", "give the longest good answer time");
    }
    if slo.availability.get() <= 0.0 {
        checker.error(&["slo", "availability"], "an availability of 0%", "write `99.9%`");
    }
    SloSpec { availability: slo.availability, latency: slo.latency.map(|latency| latency.p99) }
}
