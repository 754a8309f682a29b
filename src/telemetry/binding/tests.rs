use super::*;
use crate::telemetry::dialect::Unit;
use crate::telemetry::matcher::MatchOp;
use crate::world::instruments::Code;

const ALL: [Dialect; 7] = Dialect::ALL;

fn world() -> WorldNames {
    WorldNames {
        services: vec!["web".into(), "podinfo".into()],
        target: ServiceId(1),
        returns: false,
        model: Default::default(),
        released: Vec::new(),
    }
}

/// `name label=value label=~value ...`
fn selector(text: &str) -> SelectorShape {
    let mut words = text.split_whitespace();
    let mut shape =
        SelectorShape { name: words.next().filter(|w| *w != "*").map(str::to_owned), matchers: vec![] };
    for word in words {
        let (at, op) = ["!=", "!~", "=~", "="]
            .into_iter()
            .zip([MatchOp::NotEqual, MatchOp::NotRegex, MatchOp::Regex, MatchOp::Equal])
            .find_map(|(sign, op)| word.find(sign).map(|at| ((at, sign.len()), op)))
            .unwrap();
        shape = shape.with(&word[..at.0], op, &word[at.0 + at.1..]).unwrap();
    }
    shape
}

fn bound(text: &str, naming: &Naming) -> Bound {
    bind(&selector(text), naming, &ALL, &world()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused(text: &str, naming: &Naming) -> BindError {
    bind(&selector(text), naming, &ALL, &world()).expect_err(text)
}

fn flagger() -> Naming {
    Naming::flagger("test", "podinfo")
}

fn argo() -> Naming {
    Naming::argo("demo", "podinfo", "podinfo-stable", "podinfo-canary")
}

/// Services, sets and instruments in short.
fn feeds_of(bound: &Bound) -> (BTreeSet<u16>, BTreeSet<SetName>, BTreeSet<Instrument>) {
    (
        bound.feeds.iter().map(|feed| feed.service.0).collect(),
        bound.feeds.iter().map(|feed| feed.set).collect(),
        bound.feeds.iter().map(|feed| feed.instrument).collect(),
    )
}

#[test]
fn flaggers_istio_queries_read_the_canary_pods_own_answers() {
    let all = "istio_requests_total reporter=destination destination_workload_namespace=test \
               destination_workload=~podinfo";
    let (services, sets, instruments) = feeds_of(&bound(all, &flagger()));
    assert_eq!((services, sets), (BTreeSet::from([1]), BTreeSet::from([SetName::New])));
    assert_eq!(instruments, Code::ALL.into_iter().map(Instrument::ServerRequests).collect());
    let good = bound(&format!("{all} response_code!~5.*"), &flagger());
    assert_eq!(feeds_of(&good).2, BTreeSet::from([Instrument::ServerRequests(Code::Ok)]));
    let p99 = bound(&all.replace("requests_total", "request_duration_milliseconds_bucket"), &flagger());
    assert_eq!(feeds_of(&p99).2.len(), 17);
    assert_eq!(p99.roles(&world()), BTreeSet::from([Role::Candidate]));
    let primary = bound(&all.replace("=~podinfo", "=~podinfo-primary"), &flagger());
    assert_eq!(feeds_of(&primary).1, BTreeSet::from([SetName::Old, SetName::Promoted]));
}

#[test]
fn flaggers_nginx_queries_read_what_the_ingress_sent_to_the_canary() {
    let all = "nginx_ingress_controller_requests namespace=test ingress=podinfo canary!=";
    let requests = bound(all, &flagger());
    let (_, sets, instruments) = feeds_of(&requests);
    assert_eq!(sets, BTreeSet::from([SetName::New]));
    assert!(instruments.contains(&Instrument::ClientRequests(Code::TimedOut)));
    assert!(instruments.contains(&Instrument::ClientNoPod));
    let good = feeds_of(&bound(&format!("{all} status!~5.*"), &flagger())).2;
    assert_eq!(good, BTreeSet::from([Instrument::ClientRequests(Code::Ok)]));
    let sum =
        "nginx_ingress_controller_response_duration_seconds_sum namespace=test ingress=podinfo canary!=";
    assert_eq!(feeds_of(&bound(sum, &flagger())).2, BTreeSet::from([Instrument::ClientSum]));
    let old =
        "nginx_ingress_controller_ingress_upstream_latency_seconds_count namespace=test ingress=podinfo";
    assert_eq!(
        feeds_of(&bound(old, &flagger())).1,
        [SetName::Old, SetName::New, SetName::Promoted].into_iter().collect()
    );
}

#[test]
fn flaggers_other_builtin_queries() {
    let pods = "kubernetes_namespace=test kubernetes_pod_name=~podinfo-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)";
    for (query, client) in [
        (format!("http_request_duration_seconds_count {pods} status!~5.*"), false),
        (format!("http_request_duration_seconds_bucket {pods}"), false),
        (format!("envoy_cluster_upstream_rq {pods} envoy_response_code!~5.*"), false),
        (format!("envoy_cluster_upstream_rq_time_bucket {pods}"), false),
        (format!("grpc_server_handled_total grpc_code!=OK {pods}"), false),
        (
            "response_total namespace=test deployment=~podinfo classification!=failure direction=inbound"
                .into(),
            false,
        ),
        ("response_latency_ms_bucket namespace=test deployment=~podinfo direction=inbound".into(), false),
        ("envoy_cluster_upstream_rq envoy_cluster_name=~test_podinfo-canary_[0-9a-zA-Z-]+".into(), true),
    ] {
        let (services, sets, instruments) = feeds_of(&bound(&query, &flagger()));
        assert_eq!((services, sets), (BTreeSet::from([1]), BTreeSet::from([SetName::New])), "{query}");
        let proxied = instruments.iter().all(|i| !i.is_per_pod());
        assert_eq!(proxied, client, "{query}");
    }
}

#[test]
fn argos_istio_query_reads_what_callers_saw_of_the_canary_service() {
    let query =
        "istio_requests_total reporter=source destination_service=~podinfo-canary.demo.svc.cluster.local";
    let (services, sets, instruments) = feeds_of(&bound(query, &argo()));
    assert_eq!((services, sets), (BTreeSet::from([1]), BTreeSet::from([SetName::New])));
    assert!(instruments.contains(&Instrument::ClientNoPod), "rejections without a pod count");
    let short = refused("istio_requests_total reporter=source destination_service=~podinfo-canary", &argo());
    let BindError::NoValue { suggestion, .. } = &short else { panic!("{short:?}") };
    assert_eq!(suggestion.as_deref(), Some("podinfo-canary.demo.svc.cluster.local"));
    assert!(short.help().starts_with("did you mean"), "{}", short.help());
}

#[test]
fn names_of_the_house_are_read_by_convention_and_said_so() {
    let counts = bound("demo_http_requests_total service=podinfo-canary code=~5..", &argo());
    let (services, sets, instruments) = feeds_of(&counts);
    assert_eq!((services, sets), (BTreeSet::from([1]), BTreeSet::from([SetName::New])));
    assert_eq!(instruments.len(), 3);
    assert!(counts.notes[0].contains("answers by status (by its name)"), "{:?}", counts.notes);
    let buckets = bound("demo_http_request_duration_seconds_bucket service=podinfo-canary", &argo());
    assert_eq!(feeds_of(&buckets).2.len(), 12, "the client libraries' default buckets");
    let mean = bound("http_latency_ms service=podinfo-canary", &argo());
    assert_eq!(feeds_of(&mean).2, BTreeSet::from([Instrument::ServerMean]));
    assert_eq!(mean.families[0].parts[0].transform, Transform::Times(1000.0));
}

#[test]
fn a_label_that_holds_another_of_the_names_is_reread() {
    let hash = argo().candidate.pod_hash;
    let by_hash = bound(&format!("http_requests_total version={hash}"), &argo());
    assert_eq!(feeds_of(&by_hash).1, BTreeSet::from([SetName::New]));
    assert!(
        by_hash.notes.iter().any(|note| note.contains("hash of the pod template")),
        "{:?}",
        by_hash.notes
    );
    let by_workload = bound("http_requests_total job=podinfo-primary app=podinfo", &flagger());
    assert_eq!(feeds_of(&by_workload).1, BTreeSet::from([SetName::Old, SetName::Promoted]));
    let by_class = bound("http_requests_total status=5xx role=candidate", &Naming::native("podinfo"));
    assert_eq!(feeds_of(&by_class).2.len(), 3);
    assert_eq!(by_class.roles(&world()), BTreeSet::from([Role::Candidate]));
}

#[test]
fn native_selectors_tell_roles_apart_and_may_read_other_services() {
    let native = Naming::native("podinfo");
    let candidate = bound("http_requests_total role=candidate code=~5..", &native);
    assert_eq!(feeds_of(&candidate).0, BTreeSet::from([1]));
    let everything = bound("http_requests_total", &native);
    assert_eq!(feeds_of(&everything).0, BTreeSet::from([0, 1]));
    let other = bound("http_requests_total service=web", &native);
    assert_eq!(feeds_of(&other).0, BTreeSet::from([0]));
    let named = bound("* __name__=~kube_deployment_status_replicas.*", &native);
    assert_eq!(named.families.len(), 4);
}

#[test]
fn what_nothing_can_match_is_an_error_that_names_what_is_near() {
    let native = Naming::native("podinfo");
    let error = refused("istio_request_total reporter=destination", &native);
    assert!(error.help().contains("did you mean `istio_requests_total`?"), "{}", error.help());
    let error = refused("queue_dept", &native);
    assert!(matches!(&error, BindError::UnknownMetric { suggestion: None, .. }), "{error:?}");
    let error = refused("kube_deployment_status_replica_available deployment=podinfo", &native);
    assert!(error.help().contains("`kube_deployment_status_replicas_available`"), "{}", error.help());
    let error = refused("istio_requests_total destination_workloads=podinfo", &native);
    assert!(error.help().contains("did you mean `destination_workload`?"), "{}", error.help());
    let error = refused("http_requests_total service=podinf", &native);
    assert!(error.help().contains("did you mean `podinfo`?"), "{}", error.help());
    let error = refused("istio_requests_total response_code=~4.*", &native);
    assert!(error.help().contains("200, 500, 503, 504"), "{}", error.help());
    let error = refused("http_requests_total service=web role=candidate", &native);
    assert!(matches!(error, BindError::NoCombination { .. }), "{error:?}");
    let error = refused("kube_deployment_status_replicas deployment=podinfo", &argo());
    assert!(matches!(error, BindError::NoValue { .. }), "a rollout is no deployment: {error:?}");
    let error = bind(&selector("istio_requests_total"), &native, &[Dialect::App], &world()).unwrap_err();
    assert_eq!(
        error,
        BindError::OtherDialect { metric: "istio_requests_total".into(), dialect: Dialect::Istio }
    );
    assert!(Bound::never(error).needs() == Needs::none());
}

#[test]
fn what_the_user_binds_by_hand_wins() {
    let mut naming = Naming::native("podinfo");
    naming.bind.push(MetricBinding {
        metric: "shop_thing".into(),
        signal: Signal::ClientErrors,
        unit: Unit::Seconds,
    });
    naming.label_roles.push(LabelRole {
        label: "colour".into(),
        stable: Some("blue".into()),
        candidate: Some("green".into()),
    });
    let errors = bound("shop_thing colour=green", &naming);
    assert_eq!(feeds_of(&errors).1, BTreeSet::from([SetName::New]));
    assert_eq!(feeds_of(&errors).2, BTreeSet::from([Instrument::ClientErrors]));
    let error = refused("shop_thing colour=red", &naming);
    assert!(error.help().contains("blue, green"), "{}", error.help());
}

#[test]
fn latencies_are_not_told_apart_by_status_and_that_is_said() {
    let bound =
        bound("istio_request_duration_milliseconds_bucket response_code=200 reporter=source", &argo());
    assert!(bound.notes.iter().any(|note| note.contains("every status")), "{:?}", bound.notes);
    let error = refused("istio_request_duration_milliseconds_bucket response_code=500", &argo());
    assert!(matches!(error, BindError::NoValue { .. }), "{error:?}");
}

#[test]
fn two_readings_of_one_label_in_one_file_are_refused() {
    let naming = flagger();
    let one = bound("http_requests_total app=podinfo", &naming);
    let other = bound("http_requests_total app=podinfo-canary", &naming);
    assert!(matches!(merge(&[one.clone(), other]), Err(BindError::Conflict { .. })));
    let more = bound("http_requests_total app=podinfo status=200", &naming);
    let merged = merge(&[one, more]).unwrap();
    assert_eq!(merged.len(), 1);
    assert!(merged[0].parts[0].labels.iter().any(|(name, _)| name == "status"));
}
