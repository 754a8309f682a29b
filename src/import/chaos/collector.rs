//! What reading a chaos file comes to.

use super::super::line;
use super::super::unread::unsupported;
use super::hit::Hit;
use super::{Chaos, ChaosOptions, Services};
use crate::catalogue::Catalogue as _;
use crate::document::Reader;
use crate::fault::SurroundingSpec;
use crate::policy::loaded::{StandIn, Unsupported};
use crate::rng::{Distribution, Ratio, Unit};
use crate::time::SimDuration;

/// When something happens, counted from the deploy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct When {
    pub(super) at: SimDuration,
    pub(super) lasts: SimDuration,
}

/// A place to put things while a file is read.
pub(super) struct Collector<'s> {
    pub(super) options: &'s ChaosOptions,
    services: &'s Services,
    chaos: Chaos,
}

impl<'s> Collector<'s> {
    pub(super) fn new(source: &str, options: &'s ChaosOptions, services: &'s Services) -> Self {
        let chaos = Chaos {
            source: source.to_owned(),
            tool: "",
            faults: Vec::new(),
            unsupported: Vec::new(),
            stand_ins: Vec::new(),
            reading: Vec::new(),
        };
        Collector { options, services, chaos }
    }

    pub(super) fn finish(mut self, tool: &'static str) -> Chaos {
        self.chaos.tool = tool;
        self.chaos.unsupported.sort_by_key(|one| one.line);
        if self.chaos.faults.is_empty() {
            self.chaos.reading.push("Nothing in this file does anything here.".to_owned());
        }
        self.chaos
    }

    /// Something happens.
    pub(super) fn add(&mut self, at: &Reader<'_>, fault: SurroundingSpec, sentence: impl Into<String>) {
        self.chaos.reading.push(format!("{} [{}]", sentence.into(), fault.name()));
        self.chaos.faults.push((line(at), fault));
    }

    /// Something stands in for what the file says.
    pub(super) fn stand_in(&mut self, at: &Reader<'_>, what: impl Into<String>, setting: impl Into<String>) {
        let one = StandIn { what: what.into(), line: line(at), setting: setting.into() };
        if !self.chaos.stand_ins.contains(&one) {
            self.chaos.stand_ins.push(one);
        }
    }

    /// Only some pods of a service are hit, and what happens is of calls.
    pub(super) fn some_pods(&mut self, at: &Reader<'_>, hit: &Hit) {
        if hit.pods < 1.0 {
            let (part, service) = (percent(hit.pods), &hit.service);
            self.stand_in(
                at,
                format!("{part} of the pods of `{service}`"),
                format!("{part} of the calls to `{service}`"),
            );
        }
    }

    /// Something else uses the processors.
    pub(super) fn hogs(&mut self, at: &Reader<'_>, what: String, factor: f64) {
        let setting =
            format!("service times {factor} times as long: as many hogs share a core with a request");
        self.stand_in(at, what, setting);
    }

    /// Something else uses the memory.
    pub(super) fn memory(&mut self, at: &Reader<'_>) {
        self.stand_in(at, "memory that is taken", "a process is killed for it after about a minute");
    }

    /// Something has no effect.
    pub(super) fn leave_out(&mut self, at: &Reader<'_>, note: impl Into<String>) {
        at.whole();
        self.chaos.unsupported.push(unsupported(at, note));
    }

    pub(super) fn unread(&mut self, unread: Vec<Unsupported>) {
        self.chaos.unsupported.extend(unread);
    }

    /// The service that the file calls by one of these names.
    pub(super) fn service(&mut self, at: &Reader<'_>, names: &[String]) -> String {
        let said = names.iter().find_map(|name| self.options.targets.get(name));
        let named = || names.iter().find(|name| self.services.replicas.contains_key(*name));
        if let Some(service) = said.or_else(named) {
            return service.clone();
        }
        let target = self.services.target.clone();
        let what = if names.is_empty() {
            "pods without a name".to_owned()
        } else {
            format!("`{}`", names.join("`, `"))
        };
        self.stand_in(
            at,
            what,
            format!(
                "`{target}`, the service that is rolled out (`--chaos-target NAME=SERVICE` says another)"
            ),
        );
        target
    }

    /// A service only where the file or a setting names one of the scenario.
    pub(super) fn known_service(&self, names: &[String]) -> Option<String> {
        let said = names.iter().find_map(|name| self.options.targets.get(name));
        said.or_else(|| names.iter().find(|name| self.services.replicas.contains_key(*name))).cloned()
    }

    /// Pods of a service in the scenario.
    pub(super) fn replicas(&self, service: &str) -> u32 {
        self.services.replicas.get(service).copied().unwrap_or(1).max(1)
    }
}

/// The same value in every replication.
pub(super) fn always<T: Unit>(value: f64) -> Distribution<T> {
    Distribution::certain(value)
}

/// A span that is the same in every replication.
pub(super) fn span(span: SimDuration) -> Distribution<SimDuration> {
    Distribution::certain(span.as_secs_f64())
}

/// A share, cut to what one can be.
pub(super) fn share(value: f64) -> Distribution<Ratio> {
    Distribution::certain(if value.is_finite() { value.clamp(0.0, 1.0) } else { 1.0 })
}

/// `30 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}
