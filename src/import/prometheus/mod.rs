//! Prometheus rule files: alerts become a policy, with the recording rules they read.
//!
//! A file with alerts is a policy. Records it reads may be in other files given with it; those files' groups are then
//! evaluated as well, without their alerts. What follows an alert is not in a rule file: it pages, unless the user says
//! that it does something else ([`AlertSetting`]). An `alertmanager.yml` given with the rules says who is told when.

mod alertmanager;
mod past;

use std::collections::BTreeSet;
use std::str::FromStr;

use self::alertmanager::Configuration;
pub(super) use self::alertmanager::is_configuration;
use self::past::Looks;
use super::native::{check, comparison, sides, then_words};
use super::query_book::QueryBook;
use super::{ImportOptions, SourceText, stem};
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::document::Reader;
use crate::policy::loaded::{CheckDef, Limits, Loaded, StandIn};
use crate::policy::native::Then;
use crate::policy::prometheus::{Ask, GroupSpec, Member, Prometheus, Reaction, Rules};
use crate::promql::{Program, Selector};
use crate::rules::{GroupDef, Kind, Rule, RuleDef, parse};
use crate::telemetry::naming::{Engine, Naming, phase_of};
use crate::time::SimDuration;

/// Time between evaluations where neither the group nor anybody else says.
const EVALUATION_INTERVAL: SimDuration = SimDuration::from_mins(1);
/// Alertmanager's `group_wait`.
const GROUP_WAIT: SimDuration = SimDuration::from_secs(30);
/// What the rule engine writes itself.
const OWN_SERIES: [&str; 2] = ["ALERTS", "ALERTS_FOR_STATE"];

/// What the stand-in for the receivers of an alert is called, before the alert's name.
pub const RECEIVERS_OF: &str = "receivers of alert ";

/// The form of a setting, for messages.
pub const ALERT_SETTINGS: &str = "NAME, LABEL:VALUE, `*` or, beside an alertmanager.yml, receiver:NAME, then `=` and page, investigate, hold, roll_back, forward_fix, stop or ignore, then `,after:30s` if wanted";

/// What follows alerts: which ones, what is done, and how long after they fire.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertSetting {
    /// An alert by name, all with a label by `label:value`, or all by `*`; `receiver:NAME` is all that a receiver of an
    /// `alertmanager.yml` is told.
    pub which: String,
    /// What is done; `None` if nobody listens.
    pub then: Option<Then>,
    /// How long after it fires; an `alertmanager.yml` says so itself.
    pub after: SimDuration,
}

impl FromStr for AlertSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (which, setting) = text.split_once('=').ok_or("there is no `=`")?;
        let (word, after) = match setting.split_once(",after:") {
            Some((word, after)) => (word, after.parse().map_err(|_| format!("`{after}` is no duration"))?),
            None => (setting, GROUP_WAIT),
        };
        let then = match word {
            "page" => Some(Then::Page),
            "investigate" => Some(Then::Investigate),
            "hold" => Some(Then::Hold),
            "roll_back" => Some(Then::RollBack),
            "forward_fix" => Some(Then::ForwardFix),
            "stop" => Some(Then::Stop),
            "ignore" => None,
            other => return Err(format!("`{other}` is not known")),
        };
        Ok(AlertSetting { which: which.to_owned(), then, after })
    }
}

impl AlertSetting {
    fn fits(&self, rule: &RuleDef) -> bool {
        match self.which.split_once(':') {
            Some((label, value)) => {
                rule.labels.iter().any(|(n, v)| (n.as_str(), v.as_str()) == (label, value))
            }
            None => self.which == "*" || self.which == rule.name(),
        }
    }
}

struct File<'a> {
    source: SourceText<'a>,
    groups: Vec<GroupDef>,
}

/// The policies in rule files that were given together.
pub(super) fn load(
    sources: &[SourceText<'_>],
    managers: &[Reader<'_>],
    options: &ImportOptions,
) -> Result<Vec<Loaded>, Vec<Diagnostic>> {
    let mut problems = Diagnostics::new();
    let mut files = Vec::new();
    for source in sources {
        match parse(Source::new(source.name, source.text)) {
            Ok(groups) => files.push(File { source: *source, groups }),
            Err(found) => problems.extend(found),
        }
    }
    let mut loaded = Vec::new();
    for (index, file) in files.iter().enumerate() {
        if file.groups.iter().flat_map(|group| &group.rules).any(is_alert) {
            loaded.extend(problems.keep(of_groups(
                file.source,
                with_records(index, &files),
                managers,
                options,
            )));
        }
    }
    if loaded.is_empty()
        && !problems.has_errors()
        && let Some(file) = files.first()
    {
        let fact = "there is no alert in these rules";
        let help = "recording rules decide nothing: give the file with the alerts that read them as well";
        problems.push(Diagnostic::error(fact).in_source(file.source.name).with_help(help));
    }
    if problems.has_errors() { Err(problems.into_iter().collect()) } else { Ok(loaded) }
}

fn is_alert(rule: &RuleDef) -> bool {
    matches!(rule.kind, Kind::Alert { .. })
}

/// The names of the series an expression reads.
fn reads(expr: &str) -> Vec<String> {
    let mut program = Program::new();
    let Ok(query) = program.add(expr) else { return Vec::new() };
    program.selectors_of(query).map(|selector| selector.name().unwrap_or_default().to_owned()).collect()
}

/// The groups of a file, after those of other files whose records it reads, directly or by others.
fn with_records(index: usize, files: &[File<'_>]) -> Vec<GroupDef> {
    let mut groups = files[index].groups.clone();
    let others: Vec<&GroupDef> =
        files.iter().enumerate().filter(|(i, _)| *i != index).flat_map(|(_, file)| &file.groups).collect();
    let mut taken = vec![false; others.len()];
    loop {
        let wanted: BTreeSet<String> =
            groups.iter().flat_map(|group| &group.rules).flat_map(|rule| reads(&rule.expr)).collect();
        let records =
            |group: &GroupDef| group.rules.iter().any(|r| !is_alert(r) && wanted.contains(r.name()));
        let Some(next) = (0..others.len()).find(|&i| !taken[i] && records(others[i])) else { return groups };
        taken[next] = true;
        let mut group = others[next].clone();
        group.rules.retain(|rule| !is_alert(rule));
        groups.insert(0, group);
    }
}

/// What a policy is put together from.
struct Parts {
    book: QueryBook,
    program: Program,
    records: BTreeSet<String>,
    looks: Vec<Looks>,
    checks: Vec<CheckDef>,
    reading: Vec<String>,
    stand_ins: Vec<StandIn>,
    /// What stands between alerts and people, if that is given.
    manager: Option<Configuration>,
}

/// The configuration of Alertmanager among the files, of which there may be one.
fn configuration(
    managers: &[Reader<'_>],
    options: &ImportOptions,
) -> Result<Option<Configuration>, Diagnostic> {
    if let Some(second) = managers.get(1) {
        let help = "an alert goes through one of them: leave the other out";
        return Err(second.diagnostic_at("there are two configurations of Alertmanager", help));
    }
    managers.first().map(|root| alertmanager::read(root, &options.alerts)).transpose()
}

/// The policy that groups of rules are; `source` is the file they come from.
///
/// # Errors
/// If a rule cannot be played, with its place.
pub(super) fn of_groups(
    source: SourceText<'_>,
    groups: Vec<GroupDef>,
    managers: &[Reader<'_>],
    options: &ImportOptions,
) -> Result<Loaded, Diagnostic> {
    let manager = configuration(managers, options)?;
    let all = || groups.iter().flat_map(|group| &group.rules);
    let own = OWN_SERIES.iter().map(|name| (*name).to_owned());
    let mut parts = Parts {
        book: QueryBook::default(),
        program: Program::new(),
        records: all().filter(|r| !is_alert(r)).map(|r| r.name().to_owned()).chain(own).collect(),
        looks: Vec::new(),
        checks: Vec::new(),
        reading: Vec::new(),
        stand_ins: Vec::new(),
        manager,
    };
    let place = Source::new(source.name, source.text);
    let mut specs = Vec::new();
    for group in &groups {
        specs.push(parts.group(group, place, options)?);
    }
    // What looks far back over records must find them there.
    let members = specs.iter_mut().flat_map(|spec| &mut spec.members);
    members.zip(past::needed(&parts.looks)).for_each(|(member, past)| member.past = past);
    let alerts = all().filter(|rule| is_alert(rule)).count();
    let records = all().count() - alerts;
    let name = stem(source.name).to_owned();
    let an_alert_acts = all().any(|rule| is_alert(rule) && acts(rule, options));
    let tells_only = !parts.manager.as_ref().map_or(an_alert_acts, |manager| manager.acts(an_alert_acts));
    let (alertmanager, unsupported) = match parts.manager {
        Some(manager) => {
            parts.reading.push(manager.sentence());
            (Some(manager.manager), manager.unsupported)
        }
        None => (None, Vec::new()),
    };
    Ok(Loaded {
        identity: format!("prometheus/{name}"),
        source: source.name.to_owned(),
        engine: Engine::Prometheus,
        summary: format!("{alerts} Prometheus alerts, {records} recording rules"),
        prototype: Box::new(Prometheus::new(Rules { groups: specs, program: parts.program, alertmanager })),
        queries: parts.book.into_queries(),
        checks: parts.checks,
        rollout: None,
        rollback: None,
        naming: naming(options),
        needs_truth: false,
        tells_only,
        unsupported,
        stand_ins: parts.stand_ins,
        reading: parts.reading,
        name,
    })
}

fn naming(options: &ImportOptions) -> Naming {
    let mut naming =
        Naming::native(options.service.as_deref().unwrap_or("app")).with_engine(Engine::Prometheus);
    if let Some(namespace) = &options.namespace {
        naming.namespace.clone_from(namespace);
    }
    naming
}

impl Parts {
    fn group(
        &mut self,
        group: &GroupDef,
        source: Source<'_>,
        options: &ImportOptions,
    ) -> Result<GroupSpec, Diagnostic> {
        let every = group.interval.unwrap_or(EVALUATION_INTERVAL);
        self.reading.push(format!(
            "Every {every}, group `{}`: {} rules in order.",
            group.name,
            group.rules.len()
        ));
        let mut members = Vec::new();
        for rule in &group.rules {
            members.push(self.member(rule, (group.limit, every), source, options)?);
        }
        let shift = phase_of(&group.name);
        Ok(GroupSpec { name: group.name.clone(), every, offset: group.query_offset, shift, members })
    }

    fn member(
        &mut self,
        rule: &RuleDef,
        (limit, every): (u32, SimDuration),
        source: Source<'_>,
        options: &ImportOptions,
    ) -> Result<Member, Diagnostic> {
        let ask = self.ask(rule, every, source)?;
        let plain =
            Member { rule: Rule::new(rule, limit), ask, past: SimDuration::ZERO, alert: None, side: None };
        let Kind::Alert { hold, .. } = &rule.kind else { return Ok(plain) };
        let reaction = reaction(rule, options);
        self.tell(rule, *hold, &reaction);
        let line = rule.place.line as usize;
        let compared = comparison(&rule.expr);
        let (side, check) = match ask {
            Ask::Monitoring(_) => {
                let side = sides(compared.as_ref(), line, &mut self.book).first().copied();
                let check = check(rule.name(), &rule.expr, compared.as_ref(), line, &mut self.book);
                (side.map(Ask::Monitoring), check)
            }
            Ask::Records(_) | Ask::Both(_) => (None, over_records(rule, line)),
        };
        let number = self.checks.len();
        let alike = self.checks.iter().filter(|other| is_same(&other.name, rule.name())).count();
        let name = if alike == 0 { check.name } else { format!("{}#{}", check.name, alike + 1) };
        self.checks.push(CheckDef { name, ..check });
        Ok(Member { alert: Some((number, reaction)), side, ..plain })
    }

    /// Where the value of a rule comes from.
    fn ask(&mut self, rule: &RuleDef, every: SimDuration, source: Source<'_>) -> Result<Ask, Diagnostic> {
        let line = rule.place.line as usize;
        let refused = |why: crate::promql::PromqlError| {
            let fact = format!("`{}` cannot be played: {why}", rule.name());
            source.error(rule.place, fact).with_help("say it without")
        };
        let mut alone = Program::new();
        let query = alone.add(&rule.expr).map_err(refused)?;
        let is_record =
            |selector: &&Selector| selector.name().is_some_and(|name| self.records.contains(name));
        let (recorded, scraped): (Vec<&Selector>, Vec<&Selector>) =
            alone.selectors_of(query).partition(is_record);
        let names = recorded.iter().filter_map(|selector| selector.name()).map(str::to_owned).collect();
        let reach = alone.window_of(query) + every;
        self.looks.push(Looks::of(rule, names, reach, every));
        if recorded.is_empty() && !scraped.is_empty() {
            return Ok(Ask::Monitoring(self.book.insert(rule.expr.trim().to_owned(), line)));
        }
        // What it reads of the scrapes is asked for as well, so that it is bound and stored.
        for selector in &scraped {
            self.book.insert(selector.to_string(), line);
        }
        let query = self.program.add(&rule.expr).map_err(refused)?;
        Ok(if scraped.is_empty() { Ask::Records(query) } else { Ask::Both(query) })
    }

    fn tell(&mut self, rule: &RuleDef, hold: SimDuration, reaction: &Option<Reaction>) {
        let expr: String = rule.expr.split_whitespace().collect::<Vec<_>>().join(" ");
        let long = if hold.is_zero() { String::new() } else { format!(" for {hold}") };
        let (does, setting) = match reaction {
            Some(reaction) => {
                let does = then_words(&reaction.then);
                let when = match &self.manager {
                    Some(_) => "when Alertmanager tells of it".to_owned(),
                    None => format!("{} after it fires", reaction.after),
                };
                (does.clone(), format!("{does} {when}"))
            }
            None => ("tells nobody".to_owned(), "nobody listens".to_owned()),
        };
        self.reading.push(format!("Alert `{}`: {does} when `{expr}`{long}.", rule.name()));
        if let Some(manager) = &self.manager {
            let goes_to = manager.goes_to(rule.name(), &rule.labels);
            self.reading.push(format!("Alert `{}` goes to {goes_to}.", rule.name()));
        }
        let line = rule.place.line as usize;
        self.stand_ins.push(StandIn { what: format!("{RECEIVERS_OF}{}", rule.name()), line, setting });
    }
}

/// Whether a check has this name, with a number behind it or without.
fn is_same(check: &str, name: &str) -> bool {
    check == name || check.strip_prefix(name).is_some_and(|rest| rest.starts_with('#'))
}

/// What follows an alert; a page by default.
fn reaction(rule: &RuleDef, options: &ImportOptions) -> Option<Reaction> {
    match options.alerts.iter().find(|setting| setting.fits(rule)) {
        Some(setting) => setting.then.clone().map(|then| Reaction { then, after: setting.after }),
        None => Some(Reaction { then: Then::Page, after: GROUP_WAIT }),
    }
}

/// Whether more than a page follows an alert.
fn acts(rule: &RuleDef, options: &ImportOptions) -> bool {
    reaction(rule, options).is_some_and(|reaction| reaction.then != Then::Page)
}

/// The check of an alert on records, of which there is no value for the candidate alone.
fn over_records(rule: &RuleDef, line: usize) -> CheckDef {
    CheckDef {
        name: rule.name().to_owned(),
        query: None,
        good: "without a result".to_owned(),
        limits: Limits { min: None, max: None, strict: false },
        line,
    }
}
