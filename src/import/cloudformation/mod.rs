//! CloudFormation and SAM templates: functions deployed bit by bit, and the alarms that stop it.
//!
//! A `AWS::Serverless::Function` with a `DeploymentPreference` is a policy with its own rollout: the name of the preference
//! says the steps (AWS CodeDeploy user guide, "Deployment configurations"), traffic is split by the weights of an alias,
//! and a rollback is a new deployment of the last good revision, which for an alias is one change of its weights.
//! CodeDeploy rolls back when an alarm is in ALARM, when a hook fails, or when somebody asks for it.
//!
//! Alarms are those of the template that the preference lists. Hooks are functions nobody runs here: each succeeds at once
//! unless the user says otherwise (`--webhook PreTraffic=fails:100%,takes:1m`).

mod alarms;
mod values;

use super::query_book::QueryBook;
use super::unread::unsupported;
use super::{ImportOptions, line};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::document::Reader;
use crate::policy::codedeploy::{Alarm, CodeDeploy, Deployment, Hook, HookTime};
use crate::policy::loaded::{CheckDef, Loaded, StandIn, Unsupported};
use crate::quantity::Weight;
use crate::rollback::ProcedureSpec;
use crate::rollback::load_balancer_switch::LoadBalancerSwitch;
use crate::strategy::StrategySpec;
use crate::strategy::canary::{Canary, CanaryStep};
use crate::telemetry::naming::{Engine, Naming};
use crate::time::SimDuration;

/// The most alarms a deployment group may have.
const MOST_ALARMS: usize = 10;
/// Time until a deployment that rolls back exists.
const CREATE: SimDuration = SimDuration::from_secs(5);

/// A policy while it is read.
struct Draft<'a, 'o> {
    root: Reader<'a>,
    options: &'o ImportOptions,
    book: QueryBook,
    checks: Vec<CheckDef>,
    unsupported: Vec<Unsupported>,
    stand_ins: Vec<StandIn>,
    reading: Vec<String>,
}

impl Draft<'_, '_> {
    fn not_honoured(&mut self, at: &Reader<'_>, note: &str) {
        self.unsupported.push(unsupported(at, note));
    }
}

/// Whether a document is a template.
pub(super) fn is_template(root: &Reader<'_>) -> bool {
    let resources = root.peek().get("Resources").map(|resources| resources.entries()).unwrap_or_default();
    let is_of_aws = |kind: &str| kind.starts_with("AWS::") || kind.starts_with("Custom::");
    resources.iter().any(|entry| entry.value.get("Type").is_some_and(|kind| is_of_aws(&kind.raw)))
}

/// The policies of a template: one for each function that is deployed bit by bit.
pub(super) fn load(root: &Reader<'_>, options: &ImportOptions) -> Result<Vec<Loaded>, Vec<Diagnostic>> {
    let mut problems = Diagnostics::new();
    let mut loaded = Vec::new();
    let resources = root.required("Resources").and_then(|resources| resources.entries());
    let shared = root.at("Globals.Function.DeploymentPreference");
    for (name, _, resource) in problems.keep(resources).unwrap_or_default() {
        let kind = resource.get("Type").and_then(|kind| kind.text().ok()).unwrap_or_default();
        if kind != "AWS::Serverless::Function" {
            continue;
        }
        let Some(preference) = resource.at("Properties.DeploymentPreference").or_else(|| shared.clone())
        else {
            continue;
        };
        if preference.get("Enabled").is_some_and(|enabled| enabled.bool().is_ok_and(|enabled| !enabled)) {
            continue;
        }
        loaded.extend(problems.keep(function(root, name, &preference, options)));
    }
    if loaded.is_empty() && !problems.has_errors() {
        let help = "give a function an `AutoPublishAlias` and a `DeploymentPreference`";
        problems.push(root.diagnostic_at("no function of this template is deployed bit by bit", help));
    }
    if problems.has_errors() { Err(problems.into_iter().collect()) } else { Ok(loaded) }
}

fn function<'a>(
    root: &Reader<'a>,
    name: &str,
    preference: &Reader<'a>,
    options: &ImportOptions,
) -> Result<Loaded, Diagnostic> {
    let mut draft = Draft {
        root: root.clone(),
        options,
        book: QueryBook::default(),
        checks: Vec::new(),
        unsupported: Vec::new(),
        stand_ins: Vec::new(),
        reading: Vec::new(),
    };
    let kind = preference.required("Type")?;
    let resolved = draft.resolve(&kind);
    let shift = resolved.text().and_then(Shift::named).ok_or_else(|| {
        let help = "names of AWS: Canary10Percent5Minutes, Linear10PercentEvery1Minute, AllAtOnce ...";
        kind.diagnostic_at("this is no deployment configuration that is known", help)
    })?;
    draft.reading.push(shift.words());
    let alarms = watched(&mut draft, preference)?;
    let hooks = hooks(&mut draft, preference)?;
    for key in ["Role", "TriggerConfigurations", "PassthroughCondition"] {
        if let Some(reader) = preference.get(key) {
            reader.whole();
            if key == "TriggerConfigurations" {
                draft.not_honoured(&reader, "nobody is told of deployments");
            }
        }
    }
    let (steps, last_step) = shift.steps(&hooks);
    draft.reading.push(if alarms.is_empty() {
        "It watches no alarm: nothing but a failed hook rolls it back.".to_owned()
    } else {
        "An alarm in ALARM while traffic is shifted stops it, one that is so already when it starts included."
            .to_owned()
    });
    draft.reading.push(
        "A rollback is a new deployment of the last good revision: all traffic back at once.".to_owned(),
    );
    let summary = format!("CodeDeploy of {name} ({}, {} alarms)", shift.name, alarms.len());
    let service = options.service.as_deref().unwrap_or("app");
    let mut naming = Naming::native(service).with_engine(Engine::Codedeploy);
    if let Some(namespace) = &options.namespace {
        naming.namespace.clone_from(namespace);
    }
    let deployment = Deployment { alarms, hooks, last_step };
    draft.unsupported.sort_by(|a, b| (a.line, &a.path).cmp(&(b.line, &b.path)));
    Ok(Loaded {
        name: name.to_owned(),
        source: root.source().name.to_owned(),
        engine: Engine::Codedeploy,
        identity: format!("codedeploy/{name}"),
        summary,
        prototype: Box::new(CodeDeploy::new(deployment)),
        queries: draft.book.into_queries(),
        checks: draft.checks,
        rollout: Some(StrategySpec::Canary(Canary { steps, ..Canary::default() })),
        rollback: Some(ProcedureSpec::LoadBalancerSwitch(LoadBalancerSwitch {
            call: CREATE,
            make_sure: true,
        })),
        naming,
        needs_truth: false,
        tells_only: false,
        unsupported: draft.unsupported,
        stand_ins: draft.stand_ins,
        reading: draft.reading,
    })
}

/// How traffic is shifted.
#[derive(Clone, Debug, PartialEq)]
struct Shift {
    name: String,
    /// Percent of a step.
    percent: u32,
    /// Time between steps.
    every: SimDuration,
    /// Whether the second step takes all that is left.
    once: bool,
}

impl Shift {
    /// A configuration by its name: AWS's own, with or without the prefix of the platform.
    fn named(name: &str) -> Option<Shift> {
        let plain = name.strip_prefix("CodeDeployDefault.").unwrap_or(name);
        let plain = plain.strip_prefix("Lambda").or_else(|| plain.strip_prefix("ECS")).unwrap_or(plain);
        let shift = |percent, minutes, once| Shift {
            name: plain.to_owned(),
            percent,
            every: SimDuration::from_mins(minutes),
            once,
        };
        if plain == "AllAtOnce" {
            return Some(shift(100, 0, true));
        }
        let minutes = |text: &str| {
            let digits = text.strip_suffix("Minutes").or_else(|| text.strip_suffix("Minute"))?;
            digits.parse::<u64>().ok().filter(|minutes| (1..=2880).contains(minutes))
        };
        let percent = |text: &str| text.parse::<u32>().ok().filter(|percent| (1..=99).contains(percent));
        if let Some(rest) = plain.strip_prefix("Canary") {
            let (share, wait) = rest.split_once("Percent")?;
            return Some(shift(percent(share)?, minutes(wait)?, true));
        }
        let (share, wait) = plain.strip_prefix("Linear")?.split_once("PercentEvery")?;
        Some(shift(percent(share)?, minutes(wait)?, false))
    }

    fn words(&self) -> String {
        match (self.percent, self.once) {
            (100, _) => "All traffic at once.".to_owned(),
            (percent, true) => format!("{percent} % of the traffic, and after {} all of it.", self.every),
            (percent, false) => format!("{percent} % of the traffic more every {}.", self.every),
        }
    }

    /// The steps of the rollout with the time of the hooks, and the index of the one in which the last hook runs.
    fn steps(&self, hooks: &[Hook]) -> (Vec<CanaryStep>, Option<usize>) {
        let step = |percent: u32, bake| CanaryStep {
            weight: Weight::percent(f64::from(percent)).ok(),
            bake,
            ..CanaryStep::default()
        };
        let takes = |time| hooks.iter().filter(|hook| hook.time == time).map(|hook| hook.takes).max();
        let mut steps = Vec::new();
        if let Some(takes) = takes(HookTime::PreTraffic) {
            steps.push(step(0, takes));
        }
        let mut at = self.percent;
        while at < 100 {
            steps.push(step(at, self.every));
            at = if self.once { 100 } else { at + self.percent };
        }
        let mut last = None;
        if let Some(takes) = takes(HookTime::PostTraffic) {
            last = Some(steps.len());
            steps.push(step(100, takes));
        }
        (steps, last)
    }
}

/// The alarms a preference lists, as far as they can be watched.
fn watched<'a>(draft: &mut Draft<'a, '_>, preference: &Reader<'a>) -> Result<Vec<Alarm>, Diagnostic> {
    let Some(list) = preference.get("Alarms") else { return Ok(Vec::new()) };
    let Ok(items) = list.seq() else {
        list.whole();
        draft.not_honoured(&list, "which alarms these are cannot be told from the template: write a list");
        return Ok(Vec::new());
    };
    if items.len() > MOST_ALARMS {
        let fact = format!("{} alarms are more than a deployment group may have", items.len());
        return Err(list.diagnostic_at(fact, format!("list at most {MOST_ALARMS}")));
    }
    let resources = draft.root.required("Resources")?.entries()?;
    let mut alarms = Vec::new();
    for item in items {
        let wanted = draft.resolve(&item);
        let found = resources.iter().find(|(logical, _, resource)| {
            let is_alarm =
                resource.peek().get("Type").is_some_and(|kind| kind.raw == "AWS::CloudWatch::Alarm");
            is_alarm && alarms::is_called(draft, logical, resource.get("Properties").as_ref(), &wanted)
        });
        match found {
            Some((logical, _, resource)) => {
                let properties = resource.required("Properties")?;
                alarms.extend(alarms::alarm(draft, logical, &properties)?);
            }
            None => draft.not_honoured(&item, "there is no such alarm in this template: it is not watched"),
        }
    }
    Ok(alarms)
}

/// The hooks of a preference, each with what stands in for its function.
fn hooks<'a>(draft: &mut Draft<'a, '_>, preference: &Reader<'a>) -> Result<Vec<Hook>, Diagnostic> {
    let Some(section) = preference.get("Hooks") else { return Ok(Vec::new()) };
    let mut hooks = Vec::new();
    for (key, time) in [("PreTraffic", HookTime::PreTraffic), ("PostTraffic", HookTime::PostTraffic)] {
        let Some(reader) = section.get(key) else { continue };
        let name = draft.resolve(&reader).text().unwrap_or(key).to_owned();
        let said = |of: &str| draft.options.webhooks.get(of).cloned();
        let setting = said(&name).or_else(|| said(key)).or_else(|| said("*"));
        let refuses = |answers: &[u16]| answers.last().is_some_and(|status| *status > 202);
        let (fails, takes) = match &setting {
            Some(setting) if refuses(&setting.answers) => (1.0, setting.takes),
            Some(setting) => (setting.fails.map_or(0.0, |fails| fails.get()), setting.takes),
            None => (0.0, None),
        };
        let takes = takes.unwrap_or(SimDuration::from_secs(1));
        let does = if fails > 0.0 {
            format!("fails in {} % of the deployments", fails * 100.0)
        } else {
            "succeeds".to_owned()
        };
        let what = format!("webhook {name} ({key} hook)");
        draft.stand_ins.push(StandIn {
            what,
            line: line(&reader),
            setting: format!("{does}, takes {takes}"),
        });
        hooks.push(Hook { name, time, takes, fails });
    }
    Ok(hooks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_are_read_by_their_names() {
        let of = |name: &str| Shift::named(name).map(|shift| (shift.percent, shift.every, shift.once));
        let mins = SimDuration::from_mins;
        assert_eq!(of("Canary10Percent5Minutes"), Some((10, mins(5), true)));
        assert_eq!(of("CodeDeployDefault.LambdaLinear10PercentEvery1Minute"), Some((10, mins(1), false)));
        assert_eq!(of("CodeDeployDefault.ECSLinear10PercentEvery3Minutes"), Some((10, mins(3), false)));
        assert_eq!(of("AllAtOnce"), Some((100, SimDuration::ZERO, true)));
        for wrong in [
            "",
            "Canary",
            "Canary0Percent5Minutes",
            "Linear10PercentEvery0Minutes",
            "Linear10Percent",
            "Rolling",
        ] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn steps_are_those_of_the_guide_with_the_time_of_hooks_around_them() {
        let weights = |name: &str, hooks: &[Hook]| -> Vec<f64> {
            let (steps, _) = Shift::named(name).unwrap().steps(hooks);
            steps.iter().filter_map(|step| step.weight).map(|weight| weight.get()).collect()
        };
        assert_eq!(weights("Linear10PercentEvery1Minute", &[]).len(), 9);
        assert_eq!(weights("Canary10Percent30Minutes", &[]), [10.0]);
        assert!(weights("AllAtOnce", &[]).is_empty());
        let hook = |time| Hook { name: String::new(), time, takes: SimDuration::from_secs(9), fails: 0.0 };
        let both = [hook(HookTime::PreTraffic), hook(HookTime::PostTraffic)];
        assert_eq!(weights("Canary10Percent5Minutes", &both), [0.0, 10.0, 100.0]);
        assert_eq!(Shift::named("AllAtOnce").unwrap().steps(&both).1, Some(1));
    }
}
