use super::*;
use crate::effect::{ServiceId, SetName};
use crate::telemetry::instrument::{Instrument, SeriesKey, WHOLE_SET};
use crate::telemetry::naming::{ModelNames, Naming};
use crate::world::instruments::Code;
use std::collections::BTreeSet;

/// The labels of one series of one part, `name="value"` in order of name.
fn labels(
    metric: &str,
    part: usize,
    naming: &Naming,
    set: SetName,
    pod: u16,
    instrument: Instrument,
) -> String {
    let (_, family) = owner(metric).unwrap();
    let names = naming.role(crate::telemetry::naming::Role::of(set));
    let key = SeriesKey { service: ServiceId(0), set, pod, instrument };
    let model = ModelNames::default();
    let context = support::text::Context { naming, names, is_target: true, model: &model, key };
    let mut pairs: Vec<String> = family.parts[part]
        .labels
        .iter()
        .map(|&(name, text)| (name, context.text(text)))
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    pairs.sort();
    pairs.join(",")
}

#[test]
fn istio_destination_series_of_a_flagger_canary() {
    let naming = Naming::flagger("test", "podinfo");
    let hash = &naming.candidate.pod_hash;
    let failed = Instrument::ServerRequests(Code::Failed);
    let found = labels("istio_requests_total", 0, &naming, SetName::New, 3, failed);
    let suffix = crate::telemetry::naming::pod_suffix(hash, 3);
    let expected = format!(
        "app=\"podinfo\",connection_security_policy=\"mutual_tls\",destination_app=\"podinfo\",\
         destination_canonical_revision=\"v2\",destination_canonical_service=\"podinfo\",\
         destination_service=\"podinfo-canary.test.svc.cluster.local\",\
         destination_service_name=\"podinfo-canary\",destination_service_namespace=\"test\",\
         destination_version=\"v2\",destination_workload=\"podinfo\",destination_workload_namespace=\"test\",\
         instance=\"10.16.80.5:15020\",job=\"kubernetes-pods\",namespace=\"test\",pod=\"podinfo-{hash}-{suffix}\",\
         pod_template_hash=\"{hash}\",reporter=\"destination\",request_protocol=\"http\",response_code=\"500\",\
         response_flags=\"-\",rollouts_pod_template_hash=\"{hash}\",source_app=\"unknown\",\
         source_version=\"unknown\",source_workload=\"unknown\",source_workload_namespace=\"unknown\",version=\"v2\""
    );
    assert_eq!(found, expected);
}

#[test]
fn istio_source_series_name_the_destination_and_the_reason() {
    let naming = Naming::argo("demo", "web", "web-stable", "web-canary");
    let unreachable = Instrument::ClientNoPod;
    let found = labels("istio_requests_total", 2, &naming, SetName::New, WHOLE_SET, unreachable);
    assert!(found.contains("destination_service=\"web-canary.demo.svc.cluster.local\""), "{found}");
    assert!(found.contains("response_code=\"503\",response_flags=\"UH\""), "{found}");
    assert!(found.contains("destination_workload=\"unknown\"") && !found.contains("pod="), "{found}");
    let bucket = Instrument::ClientBucket(1);
    let metric = "istio_request_duration_milliseconds_bucket";
    let found = labels(metric, 1, &naming, SetName::Old, WHOLE_SET, bucket);
    assert!(
        found.contains("le=\"1\"") && found.contains("destination_service_name=\"web-stable\""),
        "{found}"
    );
}

#[test]
fn nginx_marks_the_canary_and_keeps_the_main_names() {
    let naming = Naming::flagger("test", "podinfo");
    let ok = Instrument::ClientRequests(Code::Ok);
    let metric = "nginx_ingress_controller_requests";
    assert_eq!(
        labels(metric, 0, &naming, SetName::New, WHOLE_SET, ok),
        "canary=\"test-podinfo-canary-80\",controller_class=\"k8s.io/ingress-nginx\",\
         controller_namespace=\"ingress-nginx\",controller_pod=\"ingress-nginx-controller\",\
         exported_namespace=\"test\",exported_service=\"podinfo\",host=\"podinfo\",ingress=\"podinfo\",\
         job=\"ingress-nginx-controller-metrics\",method=\"GET\",namespace=\"test\",path=\"/\",\
         service=\"podinfo\",status=\"200\""
    );
    assert!(!labels(metric, 0, &naming, SetName::Old, WHOLE_SET, ok).contains("canary="));
}

#[test]
fn app_series_of_a_native_policy_carry_the_role() {
    let naming = Naming::native("checkout");
    let timed_out = Instrument::ServerRequests(Code::TimedOut);
    let found = labels("http_requests_total", 0, &naming, SetName::New, 0, timed_out);
    let pod = format!("checkout-{0}-{1}", naming.candidate.pod_hash, {
        crate::telemetry::naming::pod_suffix(&naming.candidate.pod_hash, 0)
    });
    assert_eq!(
        found,
        format!(
            "app=\"checkout\",code=\"504\",deployment=\"checkout\",instance=\"10.16.80.2:8080\",job=\"checkout\",\
             namespace=\"default\",pod=\"{pod}\",role=\"candidate\",service=\"checkout\",version=\"v2\""
        )
    );
}

#[test]
fn kube_state_and_cadvisor_and_linkerd_and_envoy() {
    let flagger = Naming::flagger("test", "podinfo");
    let ready = Instrument::SetReady;
    assert_eq!(
        labels("kube_deployment_status_replicas_ready", 0, &flagger, SetName::Promoted, WHOLE_SET, ready),
        "deployment=\"podinfo-primary\",instance=\"kube-state-metrics:8080\",job=\"kube-state-metrics\",\
         namespace=\"test\""
    );
    let argo = Naming::argo("demo", "web", "web", "web-canary");
    let found = labels("kube_deployment_status_replicas_ready", 0, &argo, SetName::New, WHOLE_SET, ready);
    assert!(!found.contains("deployment="), "a rollout is no deployment: {found}");
    let found = labels("kube_replicaset_status_ready_replicas", 0, &argo, SetName::New, WHOLE_SET, ready);
    assert!(found.contains(&format!("replicaset=\"web-{}\"", argo.candidate.pod_hash)), "{found}");
    let cpu =
        labels("container_cpu_usage_seconds_total", 0, &flagger, SetName::Old, 0, Instrument::CpuSeconds);
    assert!(cpu.contains("container=\"podinfo\",cpu=\"total\",job=\"kubelet\""), "{cpu}");
    let answers = Instrument::ServerRequests(Code::Failed);
    let linkerd = labels("response_total", 0, &flagger, SetName::Old, 0, answers);
    assert!(
        linkerd.contains("classification=\"failure\",deployment=\"podinfo-primary\",direction=\"inbound\"")
    );
    let upstream = Instrument::ClientRequests(Code::Ok);
    assert_eq!(
        labels("envoy_cluster_upstream_rq", 0, &flagger, SetName::New, WHOLE_SET, upstream),
        "envoy_cluster_name=\"test_podinfo-canary_80\",envoy_response_code=\"200\",\
         envoy_response_code_class=\"2\",job=\"envoy\""
    );
}

#[test]
fn names_are_unique_and_every_part_has_distinct_labels() {
    let mut names = BTreeSet::new();
    for family in Dialect::ALL.iter().flat_map(|dialect| dialect.families()) {
        assert!(names.insert(family.name), "{} is in two dialects", family.name);
        for part in family.parts {
            let labels: BTreeSet<&str> = part.labels.iter().map(|(name, _)| *name).collect();
            assert_eq!(labels.len(), part.labels.len(), "{}", family.name);
            assert!(!labels.contains(""), "{}: a joined length is wrong", family.name);
            let bounds = part.labels.iter().any(|(name, _)| *name == "le");
            assert_eq!(bounds, family.name.ends_with("_bucket"), "{}", family.name);
        }
    }
}

#[test]
fn buckets_a_histogram_does_not_have_do_not_exist() {
    let naming = Naming::native("checkout");
    let key = SeriesKey {
        service: ServiceId(0),
        set: SetName::Old,
        pod: 0,
        instrument: Instrument::ServerBucket(0),
    };
    let model = ModelNames::default();
    let context = support::text::Context {
        naming: &naming,
        names: &naming.stable,
        is_target: true,
        model: &model,
        key,
    };
    assert!(context.exists(Text::BoundMillis(Buckets::All)));
    assert!(!context.exists(Text::BoundSeconds(Buckets::ClientDefault)));
}
