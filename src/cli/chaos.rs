//! Chaos from files of other tools, on top of scenarios.

use std::sync::Arc;

use super::args::ChaosArgs;
use super::exit::Failure;
use super::files::{self, Shipped, Text};
use super::inputs::pair_of;
use super::plan::PlannedScenario;
use super::ui::Ui;
use crate::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use crate::import::SourceText;
use crate::import::chaos::{self, Chaos, ChaosOptions, Services};
use crate::scenario::Scenario;

/// The scenarios with what the files do to each of them; what of the files has no effect is said once.
///
/// # Errors
/// When a file cannot be read, or a target is no service of a scenario.
pub(super) fn apply(
    planned: Vec<PlannedScenario>,
    args: &ChaosArgs,
    ui: &Ui,
) -> Result<Vec<PlannedScenario>, Failure> {
    apply_texts(planned, &texts(args)?, args, ui)
}

/// As [`apply`], with the texts of the files at hand.
pub(super) fn apply_texts(
    planned: Vec<PlannedScenario>,
    texts: &[Text],
    args: &ChaosArgs,
    ui: &Ui,
) -> Result<Vec<PlannedScenario>, Failure> {
    if texts.is_empty() {
        return Ok(planned);
    }
    let with = |(index, planned): (usize, PlannedScenario)| {
        let chaos = load(texts, args, &planned.scenario)?;
        if index == 0 {
            chaos.iter().filter(|one| !one.unsupported.is_empty()).for_each(|one| ui.warn(&partly(one)));
        }
        let mut scenario = Scenario::clone(&planned.scenario);
        let faults = chaos.into_iter().flat_map(|one| one.faults).enumerate();
        scenario.surroundings.extend(faults.map(|(at, (_, fault))| (format!("chaos[{at}]"), fault)));
        Ok(PlannedScenario { scenario: Arc::new(scenario), ..planned })
    };
    planned.into_iter().enumerate().map(with).collect()
}

/// What the files do to a scenario.
pub(super) fn told(args: &ChaosArgs, scenario: &Scenario) -> Result<Vec<Chaos>, Failure> {
    load(&texts(args)?, args, scenario)
}

/// The texts of the files.
pub(super) fn texts(args: &ChaosArgs) -> Result<Vec<Text>, Failure> {
    files::check_stdin_once(&args.chaos)?;
    args.chaos.iter().map(|word| files::read(word, Shipped::None)).collect()
}

fn load(texts: &[Text], args: &ChaosArgs, scenario: &Scenario) -> Result<Vec<Chaos>, Failure> {
    let world = &scenario.world;
    let services = Services {
        target: world.services[usize::from(world.target.0)].name.clone(),
        replicas: world.services.iter().map(|service| (service.name.clone(), service.replicas)).collect(),
    };
    let mut options = ChaosOptions::default();
    options.at = args.chaos_at.unwrap_or(options.at);
    for pair in &args.chaos_target {
        let (name, service) = pair_of("chaos-target", pair)?;
        if !services.replicas.contains_key(service) {
            let names: Vec<&str> = services.replicas.keys().map(String::as_str).collect();
            let meant = did_you_mean(service, &names)
                .map(|near| format!("did you mean `{near}`? "))
                .unwrap_or_default();
            let fact = format!("`{}` has no service `{service}`", scenario.name);
            return Err(Failure::usage(fact, format!("{meant}there are: {}", names.join(", "))));
        }
        options.targets.insert(name.to_owned(), service.to_owned());
    }
    let sources: Vec<SourceText<'_>> =
        texts.iter().map(|text| SourceText { name: &text.name, text: &text.text }).collect();
    chaos::load(&sources, &options, &services).map_err(Failure::Input)
}

/// A file of which not everything happens.
fn partly(chaos: &Chaos) -> Diagnostics {
    let mut all = Diagnostics::new();
    let count = chaos.unsupported.len();
    let things = if count == 1 { "1 thing".to_owned() } else { format!("{count} things") };
    let fact = format!("{things} in {} ({}) have no effect here", chaos.source, chaos.tool);
    let help = format!("`backout explain --chaos {}` lists them with their lines", chaos.source);
    all.push(Diagnostic::warning(fact).with_help(help));
    all
}
