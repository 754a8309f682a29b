//! What can only be seen with several objects side by side, and in objects that are no policy by themselves.

use super::super::support::place::At;
use super::super::{Check, Example, Files, Mistake, Rule};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "burn-alert-inverted",
        summary: "an alert on a burn rate fires while the budget is not burnt",
        effect: "It is on when nothing happens and goes off in the incident: the operator compares the rate with the threshold, and the smaller rate is the better one.",
        example: Example::file(
            r#"apiVersion: openslo/v1
kind: AlertCondition
metadata: {name: fast-burn}
spec:
  severity: page
  condition: {kind: burnrate, op: lte, threshold: 2, lookbackWindow: 1h, alertAfter: 5m}
"#,
        ),
        check: Check::Files(inverted),
    },
    Rule {
        id: "metric-template-unused",
        summary: "no canary refers to a metric template that is given with it",
        effect: "A MetricTemplate decides nothing by itself: what it asks is never asked.",
        example: Example::file(
            r#"apiVersion: flagger.app/v1beta1
kind: MetricTemplate
metadata: {name: error-rate}
spec:
  provider: {type: prometheus, address: "http://prometheus:9090"}
  query: sum(rate(http_requests_total{version="v2",code=~"5.."}[1m]))
---
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: web}
spec:
  provider: istio
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  analysis:
    interval: 1m
    threshold: 5
    stepWeight: 5
    maxWeight: 50
    metrics: [{name: request-duration, interval: 1m, thresholdRange: {max: 500}}]
"#,
        ),
        check: Check::Files(unused_template),
    },
    Rule {
        id: "deployment-without-alarm",
        summary: "a function is deployed bit by bit and no alarm is watched",
        effect: "CodeDeploy shifts the traffic on the clock whatever happens: a bad release reaches everybody, a little later.",
        example: Example::file(
            r#"Resources:
  Shop:
    Type: AWS::Serverless::Function
    Properties:
      AutoPublishAlias: live
      DeploymentPreference: {Type: Linear10PercentEvery1Minute}
"#,
        ),
        check: Check::Files(without_alarm),
    },
    Rule {
        id: "alarm-not-watched",
        summary: "an alarm on a function is not among those its deployment watches",
        effect: "It goes off, and the deployment goes on.",
        example: Example::file(
            r#"Resources:
  Shop:
    Type: AWS::Serverless::Function
    Properties:
      AutoPublishAlias: live
      DeploymentPreference: {Type: Canary10Percent10Minutes, Alarms: [{Ref: Errors}]}
  Errors:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: AWS/Lambda
      MetricName: Errors
      Dimensions: [{Name: FunctionName, Value: {Ref: Shop}}]
      Statistic: Sum
      Period: 60
      EvaluationPeriods: 2
      Threshold: 0
      ComparisonOperator: GreaterThanThreshold
  Throttled:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: AWS/Lambda
      MetricName: Errors
      Dimensions: [{Name: FunctionName, Value: {Ref: Shop}}]
      Statistic: Sum
      Period: 60
      EvaluationPeriods: 1
      Threshold: 5
      ComparisonOperator: GreaterThanThreshold
"#,
        ),
        check: Check::Files(unwatched),
    },
];

/// Every condition of an alert in OpenSLO documents: alone, in an alert policy, or in an objective.
fn conditions<'f>(files: &'f Files<'_>) -> Vec<At<'f>> {
    let of_policy = |spec: At<'f>| -> Vec<At<'f>> {
        let items = spec.get("conditions").into_iter().flat_map(|list| list.items());
        items.filter_map(|item| item.at("spec.condition").or_else(|| item.get("condition"))).collect()
    };
    let mut found: Vec<At<'f>> =
        files.objects(&["AlertCondition"]).filter_map(|object| object.at("spec.condition")).collect();
    found.extend(files.objects(&["AlertPolicy"]).filter_map(|object| object.get("spec")).flat_map(of_policy));
    for slo in files.objects(&["SLO"]) {
        let policies = slo.at("spec.alertPolicies").into_iter().flat_map(|list| list.items());
        found.extend(policies.filter_map(|policy| policy.get("spec")).flat_map(of_policy));
    }
    found
}

fn inverted(files: &Files<'_>) -> Vec<Mistake> {
    let look = |condition: At<'_>| {
        let burns = condition.get("kind").is_some_and(|kind| kind.raw().eq_ignore_ascii_case("burnrate"));
        let op = condition.get("op").filter(|op| burns && matches!(op.raw(), "lt" | "lte"))?;
        let threshold = condition.get("threshold").map_or("its threshold", |threshold| threshold.raw());
        let fact = format!(
            "this alert is on while the budget burns slower than {threshold} times, so when nothing happens"
        );
        let meant = if op.raw() == "lt" { "gt" } else { "gte" };
        Some(op.spot().mistake(fact, format!("write `op: {meant}`")))
    };
    conditions(files).into_iter().filter_map(look).collect()
}

fn unused_template(files: &Files<'_>) -> Vec<Mistake> {
    let mut used: Vec<&str> = Vec::new();
    let mut canaries = 0;
    for canary in files.objects(&["Canary"]) {
        canaries += 1;
        let analysis = canary.at("spec.analysis").or_else(|| canary.at("spec.canaryAnalysis"));
        let metrics = analysis.and_then(|analysis| analysis.get("metrics"));
        let named =
            metrics.into_iter().flat_map(|list| list.items()).filter_map(|item| item.at("templateRef.name"));
        used.extend(named.map(|name| name.raw()));
    }
    if canaries == 0 {
        return Vec::new();
    }
    let templates = files.objects(&["MetricTemplate"]).filter_map(|object| object.at("metadata.name"));
    let unused = templates.filter(|name| !used.contains(&name.raw()));
    unused
        .map(|name| {
            let fact = format!("no canary given here asks the metric template `{}`", name.raw());
            name.spot().mistake(fact, "name it in a metric's `templateRef:`, or leave it out")
        })
        .collect()
}

/// The functions that are deployed bit by bit, by name, with their preference.
fn deployed<'f>(root: &At<'f>) -> Vec<(&'f str, At<'f>)> {
    let Some(resources) = root.get("Resources") else { return Vec::new() };
    let shared = root.at("Globals.Function.DeploymentPreference");
    let mut found = Vec::new();
    for (name, _) in resources.keys() {
        let Some(resource) = resources.get(name) else { continue };
        let is_function = resource.get("Type").is_some_and(|kind| kind.raw() == "AWS::Serverless::Function");
        let own = resource.at("Properties.DeploymentPreference");
        let Some(preference) = own.or(shared).filter(|_| is_function) else { continue };
        let is_on = preference.get("Enabled").is_none_or(|enabled| enabled.raw() != "false");
        let gradual = preference
            .get("Type")
            .is_some_and(|kind| ["Linear", "Canary"].iter().any(|word| kind.raw().contains(word)));
        if is_on && gradual {
            found.push((name, preference));
        }
    }
    found
}

fn without_alarm(files: &Files<'_>) -> Vec<Mistake> {
    let mut found = Vec::new();
    for root in files.documents() {
        for (name, preference) in deployed(&root) {
            let listed = preference.get("Alarms");
            if listed.is_some_and(|list| list.items().next().is_some() || list.keys().next().is_some()) {
                continue;
            }
            // Hooks can stop it as well, though only before and after the traffic is shifted.
            let place = listed.or_else(|| preference.get("Type")).unwrap_or(preference);
            let fact = format!("the deployment of `{name}` watches no alarm: it goes on whatever happens");
            found.push(
                place.spot().mistake(fact, "list alarms on the errors of the new version under `Alarms:`"),
            );
        }
    }
    found
}

fn unwatched(files: &Files<'_>) -> Vec<Mistake> {
    let mut found = Vec::new();
    for root in files.documents() {
        let Some(resources) = root.get("Resources") else { continue };
        for (function, preference) in deployed(&root) {
            // A list that is chosen by a condition is no list here.
            let Some(listed) = preference.get("Alarms").filter(|list| list.items().next().is_some()) else {
                continue;
            };
            let mut named = Vec::new();
            listed.texts(&mut named);
            for (name, place) in resources.keys() {
                let Some(alarm) = resources.get(name) else { continue };
                let is_alarm = alarm.get("Type").is_some_and(|kind| kind.raw() == "AWS::CloudWatch::Alarm");
                let mut about = Vec::new();
                if let Some(dimensions) = alarm.at("Properties.Dimensions").filter(|_| is_alarm) {
                    dimensions.texts(&mut about);
                }
                let called = alarm.at("Properties.AlarmName").map_or("", |name| name.raw());
                let is_named =
                    named.iter().any(|text| *text == name || (!called.is_empty() && *text == called));
                if about.contains(&function) && !is_named {
                    let fact = format!(
                        "the alarm `{name}` is about `{function}`, and its deployment does not watch it"
                    );
                    let help = format!("add `!Ref {name}` to `Alarms:` of the DeploymentPreference");
                    found.push(resources.spot_at(place).mistake(fact, help));
                }
            }
        }
    }
    found
}
