//! Service level objectives as policies: Sloth's files and objects, OpenSLO documents and Pyrra's objectives.
//!
//! Such files hold no trigger. A generator makes Prometheus rules of them, and those are what is evaluated; here the same
//! rules are made ([`generate`]) and played as if they had been in a rule file, so everything that holds for rule files
//! holds for these: alerts page, unless the user says that they do something else.
//!
//! Traps: a file without alerts of its own gets the generator's usual ones, which is said; a query that only another
//! system than Prometheus could answer is replaced by what a simulated service shows, which is said too.

mod generate;
mod openslo;
mod pyrra;
mod sloth;
mod window;

use super::bundle::{SloFormat, SloObject};
use super::prometheus;
use super::{ImportOptions, SourceText};
use crate::diagnostic::{Diagnostic, Diagnostics, Location};
use crate::document::Reader;
use crate::policy::loaded::{Loaded, StandIn, Unsupported};
use crate::rules::{GroupDef, Kind};
use crate::time::SimDuration;

/// How errors are counted.
#[derive(Clone, Debug, PartialEq)]
enum Sli {
    /// The share of all events that are bad, from two queries over a window (`{{.window}}`).
    Events { errors: String, total: String },
    /// The error ratio over a window, by one query.
    Ratio(String),
    /// The mean of something computed slice by slice: 1 for a bad slice, or its error ratio.
    Slices { of_slice: String, length: SimDuration },
}

/// An objective, in what all formats have in common.
#[derive(Clone, Debug, PartialEq)]
struct Objective {
    service: String,
    name: String,
    /// In percent.
    target: f64,
    /// Days of its period.
    days: u32,
    sli: Sli,
    /// Labels of all records.
    labels: Vec<(String, String)>,
    /// Its alerts on burn rates, page first.
    tiers: Vec<TierAlert>,
    /// Its own alerts.
    alerts: Vec<BurnAlert>,
    place: Location,
}

/// The alert of a tier of the multi-window scheme.
#[derive(Clone, Debug, PartialEq)]
struct TierAlert {
    name: String,
    is_page: bool,
    labels: Vec<(String, String)>,
    annotations: Vec<(String, String)>,
}

/// An alert on the burn rate over one window.
#[derive(Clone, Debug, PartialEq)]
struct BurnAlert {
    name: String,
    /// As PromQL writes it.
    op: &'static str,
    burn: f64,
    window: String,
    hold: SimDuration,
    severity: String,
    place: Location,
}

/// An objective of a generator with rules of its own, which have been made already.
struct Made {
    /// What it wants.
    sentence: String,
    /// What is left out.
    note: String,
    groups: Vec<GroupDef>,
}

/// What a file is read into.
#[derive(Default)]
struct Read {
    objectives: Vec<Objective>,
    made: Vec<Made>,
    stand_ins: Vec<StandIn>,
    unsupported: Vec<Unsupported>,
}

/// The rules that follow from the objectives in a set of documents.
pub(super) fn rules(objects: &[SloObject<'_>], problems: &mut Diagnostics) -> Vec<GroupDef> {
    let mut read = Read::default();
    for object in objects {
        problems.keep(read.take(object, objects));
    }
    read.groups()
}

impl Read {
    fn take(&mut self, object: &SloObject<'_>, all: &[SloObject<'_>]) -> Result<(), Diagnostic> {
        match object.format {
            SloFormat::Sloth => sloth::read(&object.reader, self),
            SloFormat::SlothObject => sloth::read_object(&object.reader, self),
            SloFormat::OpenSlo => openslo::read(&object.reader, all, self),
            SloFormat::Pyrra => pyrra::read(&object.reader, self),
        }
    }

    /// The one service all objectives are about, if they say one.
    fn service(&self) -> Option<String> {
        let first = &self.objectives.first()?.service;
        let is_alone = self.made.is_empty() && self.objectives.iter().all(|slo| slo.service == *first);
        is_alone.then(|| first.clone())
    }

    /// All rules, objective by objective.
    fn groups(&self) -> Vec<GroupDef> {
        let made = self.made.iter().flat_map(|made| made.groups.clone());
        self.objectives.iter().flat_map(generate::groups).chain(made).collect()
    }
}

/// The policies in a set of objectives; those of one file are one policy.
pub(super) fn load(
    objects: &[SloObject<'_>],
    managers: &[Reader<'_>],
    options: &ImportOptions,
    problems: &mut Diagnostics,
) -> Vec<Loaded> {
    let mut sources: Vec<SourceText<'_>> = Vec::new();
    for object in objects {
        if !sources.contains(&object.source) {
            sources.push(object.source);
        }
    }
    let mut loaded = Vec::new();
    for source in sources {
        let mut read = Read::default();
        for object in objects.iter().filter(|object| object.source == source) {
            problems.keep(read.take(object, objects));
        }
        if read.objectives.is_empty() && read.made.is_empty() {
            continue;
        }
        let groups = read.groups();
        let policy = problems.keep(prometheus::of_groups(source, groups.clone(), managers, options));
        if let Some(mut policy) = policy {
            policy.naming.about = read.service().filter(|_| options.service.is_none());
            loaded.push(told(policy, read, &groups));
        }
    }
    loaded
}

/// The policy with what the file says in words, and the rules that follow from it.
fn told(mut policy: Loaded, read: Read, groups: &[GroupDef]) -> Loaded {
    let objectives = read.objectives.len() + read.made.len();
    policy.identity = policy.identity.replacen("prometheus/", "slo/", 1);
    policy.summary = format!("{objectives} objectives; {} made of them", policy.summary);
    let mut reading: Vec<String> = read.objectives.iter().map(Objective::sentence).collect();
    reading.extend(read.made.iter().flat_map(|made| [made.sentence.clone(), made.note.clone()]));
    reading.append(&mut policy.reading);
    for rule in groups.iter().flat_map(|group| &group.rules) {
        if let Kind::Record(name) = &rule.kind {
            let expr: Vec<&str> = rule.expr.split_whitespace().collect();
            reading.push(format!("Record `{name}`: `{}`.", expr.join(" ")));
        }
    }
    policy.reading = reading;
    policy.stand_ins.splice(0..0, read.stand_ins);
    policy.unsupported.extend(read.unsupported);
    policy
}

impl Objective {
    /// What Sloth calls it.
    fn id(&self) -> String {
        format!("{}-{}", self.service, self.name)
    }

    /// The share of events that may be bad.
    fn budget(&self) -> f64 {
        (100.0 - self.target) / 100.0
    }

    fn sentence(&self) -> String {
        let minutes = self.budget() * f64::from(self.days) * 24.0 * 60.0;
        format!(
            "Objective `{}` of `{}`: {} % over {} days; a total outage spends its budget in {minutes:.1} minutes.",
            self.name, self.service, self.target, self.days
        )
    }
}
