//! What the rules of [`crate::lint`] find in policy files, over all scenarios a command plays.

use std::collections::BTreeMap;

use super::args::{PolicyArgs, RolloutFrom};
use super::exit::Failure;
use super::inputs::{self, PolicySet};
use super::plan::PlannedScenario;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::lint::{self, Facts, Files, Said, Subject, Text};
use crate::policy::loaded::Loaded;
use crate::scenario::Scenario;

/// The rule whose findings are errors where every query has to mean something.
const MATCHES_NOTHING: &str = "query-matches-nothing";

/// What is found in these policies when they are played in these scenarios; each mistake once.
pub(super) fn find(
    sets: &[PolicySet],
    scenarios: &[PlannedScenario],
    args: &PolicyArgs,
) -> Result<Diagnostics, Failure> {
    let said = said(args)?;
    let files: Vec<Files<'_>> = sets.iter().map(parsed).collect();
    let mut all = Merged::default();
    for planned in scenarios {
        let facts = facts(&planned.scenario);
        for (set, files) in sets.iter().zip(&files) {
            for policy in &set.policies {
                all.take(of_policy(files, policy, &facts, &said), &planned.scenario.name);
            }
        }
    }
    let mut found = all.finish(scenarios.len());
    files.iter().for_each(|files| found.extend(lint::check_files(files)));
    let policies: Vec<&Loaded> = sets.iter().flat_map(|set| &set.policies).collect();
    let options = inputs::import_options(args)?;
    let metrics = options.bindings.iter().map(|binding| binding.metric.as_str());
    let labels = options.label_roles.iter().map(|role| role.label.as_str());
    found.extend(lint::unused_bindings(&policies, metrics, labels));
    Ok(found)
}

/// The texts of a set, parsed for the rules.
pub(super) fn parsed(set: &PolicySet) -> Files<'_> {
    let texts: Vec<Text<'_>> =
        set.texts.iter().map(|text| Text { name: &text.name, text: &text.text }).collect();
    Files::parse(&texts)
}

/// What is found in one policy in one scenario.
pub(super) fn of_policy(files: &Files<'_>, policy: &Loaded, facts: &Facts, said: &Said) -> Diagnostics {
    lint::check(&Subject::new(files, policy, facts, said))
}

/// The facts of a scenario.
pub(super) fn facts(scenario: &Scenario) -> Facts {
    let Scenario { world, telemetry, rollout, warm_up, horizon, .. } = scenario;
    let people_act = scenario.people.as_ref().is_some_and(|people| people.act_on_pages);
    Facts { people_act, ..Facts::new(world, telemetry, rollout, *warm_up, *horizon) }
}

/// What the options say about policy files.
pub(super) fn said(args: &PolicyArgs) -> Result<Said, Failure> {
    let options = inputs::import_options(args)?;
    Ok(Said {
        args: options.args,
        service: options.service,
        canary_run: Some((options.kayenta.lifetime, options.kayenta.interval)),
        scenario_rollout: args.rollout == RolloutFrom::Scenario,
    })
}

/// Errors of binding with their places, as the rules know them; the others stay as they are.
pub(super) fn placed(errors: Diagnostics, found: &Diagnostics) -> Diagnostics {
    let known: Vec<&Diagnostic> =
        found.into_iter().filter(|finding| finding.code == Some(MATCHES_NOTHING)).collect();
    let mut all = Diagnostics::new();
    for finding in &known {
        let mut error = (*finding).clone();
        error.severity = Severity::Error;
        let help = error.help.take().unwrap_or_default();
        let more =
            "`backout explain` shows what each selector can match; --allow-missing-series plays it anyway";
        all.push(error.with_help(format!("{help}\n{more}")));
    }
    let is_known = |error: &Diagnostic| known.iter().any(|finding| finding.message.contains(&error.message));
    all.extend(errors.into_iter().filter(|error| !is_known(error)));
    all
}

/// Findings over several scenarios: one entry a rule and place, with where it holds.
#[derive(Default)]
struct Merged {
    order: Vec<(Diagnostic, Vec<String>)>,
    known: BTreeMap<String, usize>,
}

impl Merged {
    fn take(&mut self, found: Diagnostics, scenario: &str) {
        for finding in found {
            // What is said about numbers of the scenario differs from one to the next; the place does not.
            let place = finding.location.map(|at| (at.line, at.column));
            let what = if place.is_some() { "" } else { finding.message.as_str() };
            let key = format!("{:?} {:?} {place:?} {what}", finding.code, finding.source);
            let index = *self.known.entry(key).or_insert(self.order.len());
            match self.order.get_mut(index) {
                Some((_, scenarios)) if scenarios.last().is_some_and(|last| last == scenario) => {}
                Some((_, scenarios)) => scenarios.push(scenario.to_owned()),
                None => self.order.push((finding, vec![scenario.to_owned()])),
            }
        }
    }

    fn finish(self, scenarios: usize) -> Diagnostics {
        let mut found = Diagnostics::new();
        for (mut finding, holds) in self.order {
            if holds.len() < scenarios
                && let Some((first, others)) = holds.split_first()
            {
                let more = match others.len() {
                    0 => String::new(),
                    count => format!(" and {count} more"),
                };
                finding.message.push_str(&format!(" (in {first}{more})"));
            }
            found.push(finding);
        }
        found
    }
}
