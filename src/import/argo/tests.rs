//! What Argo's own objects become.

use std::collections::BTreeMap;

use crate::import::{Answer, ImportOptions, SourceText, load};
use crate::policy::loaded::Loaded;
use crate::quantity::Weight;
use crate::rollback::ProcedureSpec;
use crate::strategy::StrategySpec;
use crate::strategy::canary::{Canary, CanaryScale, Experiment, WaitKind};
use crate::time::SimDuration;

fn read(text: &str, options: &ImportOptions) -> Result<Vec<Loaded>, String> {
    let found = load(&[SourceText { name: "p.yaml", text }], options);
    found.map_err(|found| found.iter().map(|d| d.render(false)).collect::<Vec<_>>().join("\n"))
}

#[track_caller]
fn first(text: &str) -> Loaded {
    read(text, &ImportOptions::default()).unwrap_or_else(|error| panic!("{error}")).remove(0)
}

fn rollout(strategy: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {{name: shop}}\nspec:\n  progressDeadlineAbort: true\n  progressDeadlineSeconds: 300\n  strategy:\n{strategy}\n---\n{TEMPLATE}"
    )
}

const TEMPLATE: &str = "\
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: t}
spec:
  args: [{name: hash, value: none}]
  metrics:
    - name: m
      interval: 20s
      count: 4
      successCondition: result[0] < 1
      provider: {prometheus: {query: 'sum(e{h=\"{{args.hash}}\"})'}}
";

#[track_caller]
fn canary(policy: &Loaded) -> &Canary {
    match &policy.rollout {
        Some(StrategySpec::Canary(canary)) => canary,
        other => panic!("{other:?}"),
    }
}

fn percent(value: f64) -> Weight {
    Weight::percent(value).unwrap()
}

#[test]
fn a_blue_green_rollout_has_its_pauses_and_analyses() {
    let policy = first(&rollout(
        "    blueGreen:
      activeService: live
      previewService: next
      previewReplicaCount: 2
      autoPromotionEnabled: false
      scaleDownDelaySeconds: 90
      abortScaleDownDelaySeconds: 0
      prePromotionAnalysis: {templates: [{templateName: t}]}
      postPromotionAnalysis:
        templates: [{templateName: t}]
        args: [{name: hash, valueFrom: {podTemplateHashValue: Latest}}]",
    ));
    let Some(StrategySpec::BlueGreen(rollout)) = &policy.rollout else { panic!("{:?}", policy.rollout) };
    assert_eq!(
        (rollout.preview_replicas, rollout.pause, rollout.person),
        (Some(2), SimDuration::from_mins(10), true)
    );
    let minute = Some(SimDuration::from_secs(60));
    assert_eq!((rollout.pre_promotion, rollout.post_promotion), (minute, minute));
    assert_eq!(rollout.scale_down_delay, Some(SimDuration::from_secs(90)));
    let Some(ProcedureSpec::SwitchBack(back)) = &policy.rollback else { panic!("{:?}", policy.rollback) };
    assert!(back.keep_candidate, "0 is never");
    assert!(policy.stand_ins.iter().any(|entry| entry.what.contains("promotes the preview")));
    assert_eq!(policy.naming.stable.service, "live");
    assert_eq!(policy.queries.len(), 2, "the argument differs after the switch");
    assert!(policy.unsupported.is_empty(), "{:?}", policy.unsupported);
    let quick = first(&rollout_with("blueGreen: {activeService: a, autoPromotionSeconds: 45}"));
    let Some(StrategySpec::BlueGreen(quick)) = &quick.rollout else { panic!() };
    assert_eq!(
        (quick.pause, quick.person, quick.scale_down_delay),
        (SimDuration::from_secs(45), false, None)
    );
}

fn rollout_with(strategy: &str) -> String {
    rollout(&format!("    {strategy}"))
}

const ROUTED: &str = "    canary:
      trafficRouting: {istio: {virtualService: {name: v}}, maxTrafficWeight: 1000, managedRoutes: [{name: h}, {name: m}]}
      dynamicStableScale: true
      minPodsPerReplicaSet: 2
      abortScaleDownDelaySeconds: 0
      steps:
        - setCanaryScale: {replicas: 3}
        - setHeaderRoute: {name: h, match: [{headerName: x, headerValue: {exact: y}}]}
        - setMirrorRoute: {name: m, percentage: 35, match: [{method: {exact: GET}}]}
        - setMirrorRoute: {name: m}
        - setCanaryScale: {weight: 25}
        - setCanaryScale: {matchTrafficWeight: true}
        - setWeight: 250
        - experiment:
            duration: 5m
            templates:
              - {name: base, specRef: stable, replicas: 2, weight: 100}
              - {name: next, specRef: canary, weight: 50}
            analyses:
              - name: compare
                templateName: t
                requiredForCompletion: true
                args: [{name: hash, value: '{{templates.next.podTemplateHash}}'}]
        - plugin: {name: x}";

#[test]
fn every_step_of_a_routed_canary_is_honoured() {
    let policy = first(&rollout(ROUTED));
    let canary = canary(&policy);
    assert!(canary.dynamic_stable_scale);
    assert_eq!((canary.min_pods, canary.steps.len()), (2, 9));
    let step = &canary.steps;
    assert_eq!(step[0].scale, Some(CanaryScale::Pods(3)));
    assert_eq!(
        (step[1].cohort, step[2].mirror, step[3].mirror),
        (Some(true), Some(percent(35.0)), Some(percent(0.0)))
    );
    assert_eq!(step[4].scale, Some(CanaryScale::Share(percent(25.0))));
    assert_eq!((step[5].scale, step[6].weight), (Some(CanaryScale::MatchTraffic), Some(percent(25.0))));
    let experiment = Experiment {
        candidate: 1,
        candidate_weight: percent(5.0),
        baseline: 2,
        baseline_weight: percent(10.0),
    };
    assert_eq!((step[7].experiment, step[7].kind), (Some(experiment), WaitKind::Analysis));
    assert_eq!(step[7].bake, SimDuration::from_mins(5));
    assert!(!policy.queries[0].text.contains("templates."), "{:?}", policy.queries);
    let Some(ProcedureSpec::ArgoAbort(abort)) = &policy.rollback else { panic!() };
    assert!(abort.dynamic_stable_scale && abort.keep_candidate);
    assert_eq!(policy.unsupported.len(), 1, "{:?}", policy.unsupported);
    assert!(policy.unsupported[0].note.contains("`plugin`"));
    assert_eq!(policy.stand_ins.len(), 2, "{:?}", policy.stand_ins);
}

#[test]
fn without_a_router_what_needs_one_is_listed() {
    let text = rollout(ROUTED).replace("      trafficRouting", "      canaryMetadata").replace("250", "25");
    let policy = first(&text.replace("weight: 100}", "weight: 10}"));
    let canary = canary(&policy);
    assert!(!canary.traffic_routed && !canary.dynamic_stable_scale);
    assert!(canary.steps.iter().all(|s| s.scale.is_none() && s.mirror.is_none() && s.cohort.is_none()));
    use crate::strategy::Rollout as _;
    assert_eq!(canary.objections(), []);
    let experiment = canary.steps[7].experiment.unwrap();
    assert_eq!((experiment.baseline, experiment.baseline_weight), (2, percent(0.0)));
    let needs = policy.unsupported.iter().filter(|entry| entry.note.contains("needs trafficRouting"));
    assert_eq!(needs.count(), 8, "{:?}", policy.unsupported);
}

#[test]
fn templates_that_disagree_about_an_argument_are_refused() {
    let both = "    canary: {steps: [{analysis: {templates: [{templateName: t}, {templateName: u}]}}]}";
    let other = TEMPLATE.replace("name: t}", "name: u}").replace("name: m\n", "name: n\n");
    let text = format!("{}---\n{other}", rollout(both));
    assert!(read(&text, &ImportOptions::default()).is_ok());
    let error =
        read(&text.replacen("value: none", "value: some", 1), &ImportOptions::default()).err().unwrap();
    assert!(error.contains("different values"), "{error}");
    let same = format!("{}---\n{}", rollout(both), other.replace("name: n\n", "name: m\n"));
    let error = read(&same, &ImportOptions::default()).err().unwrap();
    assert!(error.contains("duplicate name 'm'"), "{error}");
}

#[test]
fn a_run_alone_is_a_background_analysis() {
    let text = TEMPLATE
        .replace("AnalysisTemplate", "AnalysisRun")
        .replace("metadata: {name: t}", "metadata: {generateName: nightly-}");
    let policy = first(&text);
    assert!(policy.rollout.is_none());
    assert!(policy.summary.contains("nightly"), "{}", policy.summary);
}

fn with_provider(provider: &str, condition: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {{name: t}}\nspec:\n  metrics:\n    - name: m\n      successCondition: {condition}\n      provider: {provider}\n"
    )
}

#[test]
fn providers_without_a_simulation_answer_as_the_user_says() {
    let setting = |provider: &str, answer: Option<&str>| {
        let mut options = ImportOptions::default();
        if let Some(answer) = answer {
            let kind = provider.trim_start_matches('{').split(':').next().unwrap();
            options.providers = BTreeMap::from([(kind.to_owned(), Answer::parse(answer).unwrap())]);
        }
        let policy = read(&with_provider(provider, "result > 0.9"), &options).unwrap().remove(0);
        assert_eq!(policy.stand_ins.len(), 1, "{:?}", policy.stand_ins);
        policy.stand_ins[0].setting.clone()
    };
    let web = "{web: {url: 'http://x', jsonPath: '{$.a}'}}";
    assert_eq!(setting(web, None), "assumed to succeed at every measurement");
    assert_eq!(setting(web, Some("70%")), "70 % of the measurements succeed");
    assert_eq!(setting(web, Some("0.95")), "the result is 0.95 at every measurement");
    assert_eq!(setting(web, Some("no_data")), "has no data: every measurement is Error");
    let datadog = "{datadog: {query: x}}";
    assert_eq!(setting(datadog, Some("no_data")), "has no data: the result is nil at every measurement");
    let kayenta = "{kayenta: {threshold: {pass: 90, marginal: 75}}}";
    assert_eq!(setting(kayenta, Some("80.9")), "a score of 80.9 at every measurement: Inconclusive");
    assert_eq!(setting(kayenta, Some("90")), "a score of 90 at every measurement: Successful");
    let dice = "{job: {spec: {template: {spec: {containers: [{args: ['exit $(($RANDOM%2))']}]}}}}}";
    assert_eq!(setting(dice, None), "half of the measurements succeed (its script throws dice)");
    let fails = "{job: {spec: {template: {spec: {containers: [{args: ['exit 3']}]}}}}}";
    assert!(setting(fails, None).starts_with("fails at every measurement"));
}

const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  replicas: 3
  minReadySeconds: 7
  progressDeadlineSeconds: 60
  strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 0, maxSurge: 50%}}
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: a, image: b, readinessProbe: {periodSeconds: 3}}]}
";

#[test]
fn a_deployment_alone_is_a_rolling_update_without_a_trigger() {
    let policy = first(DEPLOYMENT);
    let Some(StrategySpec::Rolling(rolling)) = &policy.rollout else { panic!() };
    assert_eq!(rolling.bounds.resolve(3), (2, 0));
    assert_eq!(rolling.bounds.min_ready, SimDuration::from_secs(7));
    let listed: Vec<&str> = policy.unsupported.iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(listed, ["spec.replicas", "spec.template.spec.containers[0].readinessProbe"]);
    let both = format!("{DEPLOYMENT}---\n{TEMPLATE}");
    let loaded = read(&both, &ImportOptions::default()).unwrap();
    assert_eq!(loaded.len(), 1, "beside a policy it is a companion");
    let error = read(&DEPLOYMENT.replace("type: RollingUpdate", "type: Recreate"), &ImportOptions::default());
    assert!(error.err().unwrap().contains("Recreate"));
}
