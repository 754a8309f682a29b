//! CloudWatch alarms and CodeDeploy: the guide's table of missing data, other people's templates, and templates played.

use std::num::NonZeroUsize;

use backout::fault::FaultSpec;
use backout::import::{ImportOptions, SourceText, load};
use backout::policy::codedeploy::alarm::{AlarmState, Datapoint, TreatMissing, evaluate};
use backout::policy::loaded::Loaded;
use backout::replication::prepared::PrepareOptions;
use backout::replication::record::{DecisionKind, Player, ReplicationRecord, RunRecord};
use backout::scenario::Scenario;
use backout::scenario::resolved::FidelityChoice;
use backout::study::{Progress, Replications, Study};
use backout::time::SimDuration;

use crate::{shared, studies};

#[test]
fn missing_data_are_treated_as_the_guide_s_table_says() {
    let Some(folder) = shared::folder() else { return };
    let table = std::fs::read_to_string(folder.join("conformance/cloudwatch/missing_data.csv")).unwrap();
    let mut held = 0;
    for row in table.lines().skip(1) {
        let cells: Vec<&str> = row.split(',').collect();
        let number = |index: usize| cells[index].parse::<u32>().unwrap();
        let of = |c| match c {
            '0' => Datapoint::Good,
            'X' => Datapoint::Breaching,
            '-' => Datapoint::Missing,
            other => panic!("{other}"),
        };
        let points: Vec<Datapoint> = cells[3].chars().map(of).collect();
        assert_eq!(points.len(), number(2) as usize);
        let columns = [
            TreatMissing::Missing,
            TreatMissing::Ignore,
            TreatMissing::Breaching,
            TreatMissing::NotBreaching,
        ];
        for (treat, expected) in columns.into_iter().zip(&cells[4..]) {
            let found = evaluate(&points, number(0), number(1), treat).map_or("RETAIN", AlarmState::word);
            assert_eq!(found, *expected, "{row} {treat:?}");
            held += 1;
        }
    }
    assert_eq!(held, 40);
}

fn options(arguments: &[(&str, &str)]) -> ImportOptions {
    let args = arguments.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    ImportOptions { service: Some("shop".to_owned()), args, ..ImportOptions::default() }
}

fn read(text: &str, options: &ImportOptions) -> Result<Vec<Loaded>, String> {
    load(&[SourceText { name: "t.yaml", text }], options)
        .map_err(|found| found.iter().map(|one| one.render(false)).collect::<Vec<_>>().join("\n"))
}

fn template(preference: &str, alarm: &str) -> String {
    format!(
        "Resources:\n  Api:\n    Type: AWS::Serverless::Function\n    Properties:\n      AutoPublishAlias: live\n      \
         DeploymentPreference:\n        Type: {preference}\n        Alarms:\n          - !Ref TooManyErrors\n  \
         TooManyErrors:\n    Type: AWS::CloudWatch::Alarm\n    Properties:\n      Namespace: AWS/Lambda\n      \
         ComparisonOperator: GreaterThanThreshold\n      Period: 60\n{alarm}"
    )
}

/// More than so many errors in two of three minutes.
fn errors(threshold: u32, more: &str) -> String {
    format!(
        "      MetricName: Errors\n      Statistic: Sum\n      Threshold: {threshold}\n      EvaluationPeriods: 3\n      \
         DatapointsToAlarm: 2\n{more}"
    )
}

fn scenario(fault: &str) -> Scenario {
    let fault: FaultSpec = studies::yaml(fault);
    Scenario {
        name: "test/codedeploy".to_owned(),
        faults: vec![("change.faults[0]".to_owned(), fault)],
        warm_up: SimDuration::from_mins(8),
        horizon: SimDuration::from_mins(40),
        ..studies::canary(FidelityChoice::Flow, 200.0)
    }
}

fn runs(scenario: Scenario, policy: &[Loaded], n: u32, bad: bool) -> Vec<RunRecord> {
    let records: Vec<ReplicationRecord> =
        Study::new(&[studies::shared(scenario)], policy, 5, PrepareOptions::default())
            .unwrap_or_else(|error| panic!("{error:?}"))
            .with_replications(Replications { flow: n, request: n })
            .with_jobs(NonZeroUsize::MIN)
            .play(&Progress::default())
            .unwrap();
    let twins = records.iter().flat_map(|r| &r.rollouts).map(|r| if bad { &r.bad } else { &r.healthy });
    let of_policy = |run: &&RunRecord| matches!(run.player, Player::Policy(_));
    twins.flat_map(|twin| twin.runs.iter().filter(of_policy).cloned()).collect()
}

/// When runs rolled back, in seconds after the deploy.
fn rolled_back(scenario: Scenario, policy: &[Loaded], n: u32, bad: bool) -> Vec<u64> {
    let warm_up = scenario.warm_up.as_nanos();
    runs(scenario, policy, n, bad)
        .iter()
        .filter_map(|run| run.decision.as_ref())
        .filter(|decision| decision.kind == DecisionKind::RollBack)
        .map(|decision| (decision.at - warm_up) / 1_000_000_000)
        .collect()
}

#[test]
fn given_templates_bring_their_rollout() {
    let Some(folder) = shared::folder() else { return };
    for (name, function, minutes, hooks) in [
        ("aws-01-sam-linear.yaml", "MinimalFunction", 27, 0),
        ("aws-02-safe-lambda-template.yaml", "returnS3Buckets", 9, 1),
    ] {
        let text = std::fs::read_to_string(folder.join("policies").join(name)).unwrap();
        let loaded = read(&text, &options(&[])).unwrap();
        assert_eq!(loaded.len(), 1, "{name}: functions without a preference are none");
        let policy = &loaded[0];
        assert!(policy.summary.contains(function), "{}", policy.summary);
        // Nine steps of 10 % more, so long apart; a hook takes a second.
        let shortest = policy.rollout.as_ref().map(|rollout| rollout.as_dyn().shortest()).unwrap();
        assert_eq!(shortest.as_nanos() / 60_000_000_000, minutes, "{name}");
        assert_eq!(policy.stand_ins.iter().filter(|one| one.what.contains("preTrafficHook")).count(), hooks);
        assert!(policy.reading.iter().any(|line| line.contains("watches no alarm")), "{:?}", policy.reading);
        // Nothing watches: neither release is rolled back, and that is what these templates do.
        let burst = || scenario("error_burst: {share: 30%, after: 0s}");
        assert!(rolled_back(burst(), &loaded, 1, true).is_empty());
        assert!(rolled_back(burst(), &loaded, 1, false).is_empty());
    }
}

#[test]
fn a_hook_that_fails_stops_the_deployment_before_any_traffic() {
    let Some(folder) = shared::folder() else { return };
    let text = std::fs::read_to_string(folder.join("policies/aws-02-safe-lambda-template.yaml")).unwrap();
    for which in ["preTrafficHook", "PreTraffic", "*"] {
        let mut options = options(&[]);
        options.webhooks.insert(which.to_owned(), "fails:100%,takes:40s".parse().unwrap());
        let loaded = read(&text, &options).unwrap();
        let scenario = scenario("error_burst: {share: 30%, after: 0s}");
        assert_eq!(rolled_back(scenario.clone(), &loaded, 1, false), [40], "{which}");
        let harmed = runs(scenario, &loaded, 1, true).iter().map(|run| run.harmed.total()).sum::<u64>();
        assert_eq!(harmed, 0, "no request reached it");
    }
}

#[test]
fn two_bad_minutes_of_three_stop_it_and_a_healthy_release_goes_through() {
    // 200 requests a second, 0.2 % errors before: 24 a minute. 30 % of the tenth that is shifted: 360 more.
    let file = template("Linear10PercentEvery3Minutes", &errors(100, ""));
    let loaded = read(&file, &options(&[])).unwrap();
    assert_eq!((loaded[0].checks.len(), loaded[0].unsupported.len()), (1, 0));
    let burst = || scenario("error_burst: {share: 30%, after: 0s}");
    let bad = rolled_back(burst(), &loaded, 3, true);
    // The second whole minute with traffic on the new revision, at the latest the third.
    assert!(bad.len() == 3 && bad.iter().all(|at| (120..=180).contains(at)), "{bad:?}");
    assert!(rolled_back(burst(), &loaded, 3, false).is_empty());
    // Seen by version, what is good before does not dilute; it sees the new revision only, whatever its share.
    let versioned = errors(
        100,
        "      Dimensions:\n        - Name: ExecutedVersion\n          Value: !GetAtt Api.Version\n",
    );
    let of_version = read(&template("Linear10PercentEvery3Minutes", &versioned), &options(&[])).unwrap();
    assert!(of_version[0].queries[0].text.contains("role=\"candidate\""));
    assert_eq!(rolled_back(burst(), &of_version, 3, true).len(), 3);
}

#[test]
fn an_alarm_that_fires_already_blocks_whatever_is_deployed() {
    // Fewer errors than there are anyway.
    let loaded = read(&template("Canary10Percent5Minutes", &errors(1, "")), &options(&[])).unwrap();
    let burst = || scenario("error_burst: {share: 30%, after: 0s}");
    assert_eq!(rolled_back(burst(), &loaded, 2, false), [0, 0]);
}

#[test]
fn a_period_s_sum_counts_exactly_and_durations_are_in_milliseconds() {
    // 12,000 requests a minute: counted, neither stretched nor cut by more than Poisson noise (110) and late scrapes.
    let sum = |limit: &str, operator: &str| {
        let alarm = format!(
            "      MetricName: Invocations\n      Statistic: Sum\n      Threshold: {limit}\n      EvaluationPeriods: 1\n"
        );
        let file = template("AllAtOnce", &alarm).replace("GreaterThanThreshold", operator);
        let loaded = read(&file, &options(&[])).unwrap();
        rolled_back(scenario("error_burst: {share: 30%, after: 0s}"), &loaded, 2, false).len()
    };
    assert_eq!((sum("11000", "LessThanThreshold"), sum("13000", "GreaterThanThreshold")), (0, 0));
    assert_eq!((sum("11000", "GreaterThanThreshold"), sum("13000", "LessThanThreshold")), (2, 2));
    // Half of the answers take less than 30 ms.
    let median = |limit: &str| {
        let alarm = format!(
            "      MetricName: Duration\n      ExtendedStatistic: p50\n      Threshold: {limit}\n      EvaluationPeriods: 1\n"
        );
        let loaded = read(&template("AllAtOnce", &alarm), &options(&[])).unwrap();
        rolled_back(scenario("error_burst: {share: 30%, after: 0s}"), &loaded, 2, false).len()
    };
    assert_eq!((median("20"), median("60")), (2, 0));
}

#[test]
fn what_cannot_be_watched_is_listed_with_its_line_and_mistakes_have_a_place() {
    let alarm = errors(5, "");
    let file = template("Canary10Percent5Minutes", &alarm);
    let listed = |from: &str, to: &str| {
        let text = file.replace(from, to);
        assert_ne!(text, file, "{from}");
        read(&text, &options(&[])).unwrap()[0]
            .unsupported
            .iter()
            .map(|one| (one.line, one.note.clone()))
            .collect::<Vec<_>>()
    };
    let unknown = listed("MetricName: Errors", "MetricName: Throttles");
    assert!(unknown[0].0 == 16 && unknown[0].1.contains("Throttles"), "{unknown:?}");
    let elsewhere = listed("!Ref TooManyErrors", "Elsewhere");
    assert!(elsewhere[0].0 == 9 && elsewhere[0].1.contains("no such alarm"), "{elsewhere:?}");
    let statistic = listed("Statistic: Sum", "Statistic: Maximum");
    assert!(statistic[0].0 == 17 && statistic[0].1.contains("Maximum"), "{statistic:?}");
    for (from, to, place, fact) in [
        ("Canary10Percent5Minutes", "Canary10Percent", "t.yaml:7:15", "no deployment configuration"),
        ("EvaluationPeriods: 3", "EvaluationPeriods: 1", "t.yaml:19:26", "2 of 1 periods"),
        ("GreaterThanThreshold", "GreaterThanUpperThreshold", "t.yaml:14:27", "operator"),
        ("Threshold: 5", "Threshold: many", "t.yaml:18:18", "must be a number"),
        ("Period: 60", "Period: 86400", "t.yaml:19:26", "more than a day"),
    ] {
        let text = file.replace(from, to);
        assert_ne!(text, file, "{from}");
        let error = read(&text, &options(&[])).err().unwrap();
        assert!(error.contains(place) && error.contains(fact), "{to}: {error}");
    }
}

#[test]
fn parameters_are_their_defaults_or_what_the_user_says() {
    let parameters = "Parameters:\n  Limit: {Type: Number, Default: 100}\n";
    let file = format!(
        "{parameters}{}",
        template("Canary10Percent5Minutes", &errors(5, "")).replace("Threshold: 5", "Threshold: !Ref Limit")
    );
    let good = |options: &ImportOptions| read(&file, options).unwrap()[0].checks[0].good.clone();
    assert_eq!(good(&options(&[])), "not > 100");
    assert_eq!(good(&options(&[("Limit", "7")])), "not > 7");
}
