//! A scenario with its players, everything bound and compiled: what all replications share.

use std::sync::Arc;

use crate::diagnostic::Diagnostic;
use crate::policy::Policy;
use crate::policy::loaded::{CheckDef, Loaded};
use crate::policy::reference;
use crate::rollback::ProcedureSpec;
use crate::scenario::Scenario;
use crate::strategy::StrategySpec;
use crate::telemetry::binding::WorldNames;
use crate::telemetry::instrument::{Instrument, Needs};
use crate::time::SimDuration;
use crate::world::Level;

use super::name::Name;
use super::panel::{BoundSelector, Known, Panel, PanelError, PanelInput, Reads};
use super::question::Questions;
use super::record::{Player, Reference};
use super::station::Spares;
use super::sweep::SweepPlan;

/// A scenario ready to be replicated.
pub struct Prepared {
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// Seed of the study.
    pub seed: u64,
    /// How its world is played.
    pub level: Level,
    /// What monitoring has to store.
    pub needs: Needs,
    /// The queries of all policies, bound.
    pub panel: Panel,
    /// What replications learnt about labels, for the later ones.
    pub known: Known,
    /// Memory of monitoring that has ended.
    pub spares: Spares,
    /// What may be asked after the fact.
    pub questions: Questions,
    /// One per distinct rollout, in the order of first use.
    pub rollouts: Vec<RolloutPlan>,
    /// The staging world in which the release is rehearsed, without any policy.
    pub staging: Option<Box<Prepared>>,
}

/// A rollout and who watches it.
pub struct RolloutPlan {
    /// `scenario`, or the name of the first policy that brings it.
    pub label: String,
    /// How the new revision comes.
    pub strategy: StrategySpec,
    /// How long a pod must be ready to count as available.
    pub min_ready: SimDuration,
    /// Whether the candidate is a workload of its own, with an autoscaler of its own.
    pub apart: bool,
    /// Reference players first, in the order of [`Reference`], then policies.
    pub players: Vec<PlayerSpec>,
    /// Who they are in records, in the same order.
    pub who: Vec<Player>,
    /// What they read.
    pub reads: Reads,
    /// Who of them can be accounted for together.
    pub sweep: SweepPlan,
}

/// A player of a rollout.
pub struct PlayerSpec {
    /// Name, for keyed draws.
    pub name: String,
    /// Which reference policy it is, if it is one.
    pub reference: Option<Reference>,
    /// The policy before its start.
    pub prototype: Box<dyn Policy>,
    /// How it rolls back.
    pub procedure: ProcedureSpec,
    /// Whether it may look at the truth.
    pub needs_truth: bool,
    /// Whether the rollout is the one its own file brings.
    pub own_rollout: bool,
    /// Keys the phase of its ticks.
    pub phase_key: String,
    /// Names of its checks.
    pub checks: Vec<String>,
    /// Its checks in full.
    pub check_defs: Vec<CheckDef>,
    /// The questions of its checks in [`Prepared::questions`].
    pub questions: Vec<Option<usize>>,
    /// Under which number its queries stand in the panel, if it asks anything.
    pub asks_as: Option<usize>,
    /// How many queries it has.
    pub queries: usize,
}

/// What to do where a policy and a scenario do not fit by themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct PrepareOptions {
    /// Accept selectors that can never match.
    pub allow_missing: bool,
    /// Play every policy on the scenario's rollout, whatever its file brings.
    pub scenario_rollout: bool,
}

/// The services as monitoring knows them.
fn names(scenario: &Scenario) -> WorldNames {
    let returns = scenario.rollback_conditions.may_bring_others();
    WorldNames { returns, released: scenario.released(), ..WorldNames::of(&scenario.world) }
}

impl Prepared {
    /// Binds policies to a scenario.
    ///
    /// # Errors
    /// One diagnostic per query that cannot be asked.
    pub fn new(
        scenario: Arc<Scenario>,
        policies: &[Loaded],
        seed: u64,
        options: PrepareOptions,
    ) -> Result<Self, Vec<Diagnostic>> {
        let panel = bind(&scenario, policies, options)?;
        let mut rollouts: Vec<RolloutPlan> = Vec::new();
        let mut questions = Questions::default();
        for (index, policy) in policies.iter().enumerate() {
            let plan = rollout_of(policy, &scenario, &mut rollouts, options);
            let procedure = procedure(Some(policy), &plan.strategy, &scenario);
            let asks_as = (!policy.queries.is_empty()).then_some(index);
            let mut player = player(policy, &plan.strategy, procedure, asks_as);
            player.questions = questions.of_policy(&panel, index, policy);
            plan.players.push(player);
        }
        if rollouts.is_empty() {
            rollouts.push(plan_of("scenario".to_owned(), scenario.rollout.clone(), &scenario));
        }
        for plan in &mut rollouts {
            plan.reads = panel.reads(plan.players.iter().filter_map(|player| player.asks_as));
            plan.sweep = SweepPlan::new(&plan.players, &panel);
            plan.who = who(&plan.players);
        }
        let needs = panel.needs().clone();
        let level = level(&scenario, &needs);
        let staging = scenario.rehearsal.as_ref().map(|rehearsal| rehearsal.staging.as_ref().clone());
        let staging =
            staging.map(|staging| Prepared::new(Arc::new(staging), &[], seed, options).map(Box::new));
        let staging = staging.transpose()?;
        Ok(Prepared {
            scenario,
            seed,
            level,
            needs,
            panel,
            known: Known::default(),
            spares: Spares::default(),
            questions,
            rollouts,
            staging,
        })
    }
}

fn level(scenario: &Scenario, needs: &Needs) -> Level {
    if !scenario.is_flow() {
        return Level::Request;
    }
    let services = 0..scenario.world.services.len() as u16;
    let histograms = services
        .map(crate::effect::ServiceId)
        .any(|s| needs.of(s).any(|instrument: Instrument| instrument.bucket().is_some()));
    Level::Flow { histograms }
}

/// Binds the queries of every policy.
fn bind(scenario: &Scenario, policies: &[Loaded], options: PrepareOptions) -> Result<Panel, Vec<Diagnostic>> {
    let world = names(scenario);
    let namings: Vec<_> = policies.iter().map(|policy| policy.naming.in_scenario(released(&world))).collect();
    let inputs: Vec<PanelInput<'_>> = policies
        .iter()
        .zip(&namings)
        .map(|(policy, naming)| PanelInput {
            naming,
            queries: policy.queries.iter().map(|q| q.text.as_str()).collect(),
            allow_missing: options.allow_missing,
        })
        .collect();
    let diagnostic = |error: &PanelError| {
        let policy = &policies[error.policy];
        let line = error.query.and_then(|q| policy.queries.get(q)).map_or(0, |q| q.line);
        Diagnostic::error(error.to_string()).in_source(&format!("{}:{line}", policy.source)).with_help(
            "`backout explain` shows what each selector can match; --allow-missing-series plays it anyway",
        )
    };
    Panel::new(&inputs, &scenario.telemetry.dialects, &world)
        .map_err(|errors| errors.iter().map(diagnostic).collect())
}

/// What the scenario calls the service that is released.
fn released(world: &WorldNames) -> &str {
    world.services.get(usize::from(world.target.0)).map_or("", String::as_str)
}

/// How the queries of a policy are bound in a scenario: one entry a query, what is wrong in place.
pub fn explain_bindings(
    policy: &Loaded,
    scenario: &Scenario,
) -> Vec<(String, Result<Vec<BoundSelector>, String>)> {
    let world = names(scenario);
    let naming = policy.naming.in_scenario(released(&world));
    let one = |text: &str| {
        let input = PanelInput { naming: &naming, queries: vec![text], allow_missing: false };
        Panel::new(&[input], &scenario.telemetry.dialects, &world)
            .map(|panel| panel.selectors(0, 0).to_vec())
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    };
    policy.queries.iter().map(|query| (query.text.clone(), one(&query.text))).collect()
}

/// The plan a policy is played on; made, with its reference players, when it is new.
fn rollout_of<'a>(
    policy: &Loaded,
    scenario: &Scenario,
    rollouts: &'a mut Vec<RolloutPlan>,
    options: PrepareOptions,
) -> &'a mut RolloutPlan {
    let own = policy.rollout.as_ref().filter(|_| !options.scenario_rollout);
    let strategy = own.unwrap_or(&scenario.rollout).clone();
    let known = rollouts.iter().position(|plan| plan.strategy == strategy);
    let index = known.unwrap_or_else(|| {
        let label = if own.is_some() { policy.name.clone() } else { "scenario".to_owned() };
        rollouts.push(plan_of(label, strategy, scenario));
        rollouts.len() - 1
    });
    &mut rollouts[index]
}

/// A plan with its reference players.
fn plan_of(label: String, strategy: StrategySpec, scenario: &Scenario) -> RolloutPlan {
    let players = references(procedure(None, &strategy, scenario));
    RolloutPlan {
        label,
        min_ready: strategy.as_dyn().min_ready(),
        apart: strategy.as_dyn().has_own_workload(),
        strategy,
        players,
        who: Vec::new(),
        reads: Reads::default(),
        sweep: SweepPlan::default(),
    }
}

/// The engine's own way if the rollout is the engine's own, else the scenario's, else what the strategy implies.
fn procedure(policy: Option<&Loaded>, strategy: &StrategySpec, scenario: &Scenario) -> ProcedureSpec {
    let own = policy.filter(|p| p.rollout.as_ref() == Some(strategy)).and_then(|p| p.rollback.clone());
    let scenario_s = scenario.rollback.clone().filter(|_| *strategy == scenario.rollout);
    own.or(scenario_s).unwrap_or_else(|| ProcedureSpec::default_for(strategy))
}

/// Who players are in records.
fn who(players: &[PlayerSpec]) -> Vec<Player> {
    let names = Name::table(players.iter().map(|player| player.name.as_str()));
    let one = |(player, name): (&PlayerSpec, Name)| match player.reference {
        Some(reference) => Player::Reference(reference),
        None => Player::Policy(name),
    };
    players.iter().zip(names).map(one).collect()
}

fn references(procedure: ProcedureSpec) -> Vec<PlayerSpec> {
    use reference::Reference as Kind;
    let make = |kind: Kind, reference: Reference| PlayerSpec {
        name: kind.name().to_owned(),
        reference: Some(reference),
        prototype: kind.policy(),
        procedure: procedure.clone(),
        needs_truth: kind == Kind::Oracle,
        own_rollout: true,
        phase_key: format!("reference/{}", kind.name()),
        checks: Vec::new(),
        check_defs: Vec::new(),
        questions: Vec::new(),
        asks_as: None,
        queries: 0,
    };
    vec![
        make(Kind::Never, Reference::Never),
        make(Kind::Always, Reference::Always),
        make(Kind::Oracle, Reference::Oracle),
        make(Kind::Random, Reference::Random),
    ]
}

fn player(
    policy: &Loaded,
    strategy: &StrategySpec,
    procedure: ProcedureSpec,
    asks_as: Option<usize>,
) -> PlayerSpec {
    PlayerSpec {
        name: policy.name.clone(),
        reference: None,
        prototype: policy.prototype.clone(),
        procedure,
        needs_truth: policy.needs_truth,
        own_rollout: policy.rollout.as_ref() == Some(strategy),
        phase_key: format!("{}/{}", policy.engine.name(), policy.identity),
        checks: policy.checks.iter().map(|c| c.name.clone()).collect(),
        check_defs: policy.checks.clone(),
        questions: Vec::new(),
        asks_as,
        queries: policy.queries.len(),
    }
}
