//! Rates come out as they went in; who fails is who was observed to fail; every number says where it is from.

use backout::diagnostic::Source;
use backout::import::SourceText;
use backout::import::graph::load;
use backout::quantity::Rate;
use backout::scenario::from_graph::{Draft, Wishes, draft};
use backout::scenario::quick::FAMILY;
use backout::scenario::{Scenario, read};

const GRAPH: &str = r#"{"elements": {"nodes": [
{"data": {"id": "a", "namespace": "n", "app": "web", "traffic": [{"protocol": "http", "rates": {"httpIn": "40", "httpIn5xx": "1"}}]}},
{"data": {"id": "b", "namespace": "n", "app": "shop", "traffic": [{"protocol": "http", "rates": {"httpIn": "10", "httpIn5xx": "2"}}]}},
{"data": {"id": "c", "namespace": "n", "app": "db", "traffic": [{"protocol": "http", "rates": {"httpIn": "25", "httpIn5xx": "2.5"}}]}},
{"data": {"id": "r", "nodeType": "unknown", "namespace": "unknown", "app": "unknown"}}],
"edges": [
{"data": {"source": "r", "target": "a", "traffic": {"protocol": "http", "rates": {"http": "40"}}}},
{"data": {"source": "a", "target": "b", "traffic": {"protocol": "http", "rates": {"http": "10", "http5xx": "2"}}}},
{"data": {"source": "b", "target": "c", "traffic": {"protocol": "http", "rates": {"http": "25", "http5xx": "1.25"}}}}]}}"#;

fn scenario(wishes: &Wishes) -> (Scenario, Draft) {
    let graph = load(&[SourceText { name: "g.json", text: GRAPH }]).unwrap();
    let draft = draft(&graph, wishes, &FAMILY[0]).unwrap();
    let resolved = read("local/g", Source::new("<draft>", &draft.text));
    let resolved = resolved.unwrap_or_else(|wrong| panic!("{}\n{}", draft.text, wrong.render(false)));
    assert!(resolved.warnings.is_empty(), "{}", resolved.warnings.render(false));
    (resolved.scenario, draft)
}

/// 40/s come in, a quarter of which call the shop, which calls the database 2.5 times. The shop fails for 20 % and its calls
/// for 2.5 times 5 % of its requests: 7.5 % are its own. The web fails for 2.5 % and the shop for a quarter of 20 % of its
/// requests: it cannot have passed that on.
#[test]
fn rates_and_failures_are_those_observed() {
    let (scenario, draft) = scenario(&Wishes::default());
    let world = &scenario.world;
    let names: Vec<&str> = world.services.iter().map(|service| service.name.as_str()).collect();
    assert_eq!(names, ["db", "shop", "web"]);
    assert_eq!(world.traffic[0].rate.get(), 40.0);
    let (shop, web) = (&world.services[1], &world.services[2]);
    assert!((web.calls[0].mean_count() - 0.25).abs() < 1e-9);
    assert!((shop.calls[0].mean_count() - 2.5).abs() < 1e-6);
    assert!((shop.error_ratio.get() - 0.075).abs() < 1e-9, "{}", draft.text);
    assert!((web.error_ratio.get() - 0.025).abs() < 1e-9, "{}", draft.text);
    assert_eq!(draft.text.matches("on_failure: ignore").count(), 1, "{}", draft.text);
    assert!(draft.text.contains("- {to: shop, probability: 25%, on_failure: ignore}"), "{}", draft.text);
    assert!(draft.chosen[0].starts_with("`web` is rolled out"), "{:?}", draft.chosen);
}

/// `--rate` scales users; calls per request stay.
#[test]
fn a_rate_scales_what_was_observed() {
    let wishes =
        Wishes { rate: Rate::per_second(4.0).ok(), service: Some("shop".to_owned()), ..Wishes::default() };
    let (scenario, draft) = scenario(&wishes);
    assert_eq!(scenario.world.traffic[0].rate.get(), 4.0);
    assert!((scenario.world.services[2].calls[0].mean_count() - 0.25).abs() < 1e-9, "{}", draft.text);
    assert_eq!(scenario.world.services[usize::from(scenario.world.target.0)].name, "shop");
}

#[test]
fn every_number_says_where_it_is_from() {
    let (_, draft) = scenario(&Wishes::default());
    for line in
        draft.text.lines().skip_while(|line| *line != "services:").take_while(|line| *line != "rollouts:")
    {
        let has_number = line.chars().any(|c| c.is_ascii_digit());
        assert!(!has_number || line.contains('#'), "{line}");
    }
}

#[test]
fn a_service_that_is_not_there_is_told_what_is() {
    let graph = load(&[SourceText { name: "g.json", text: GRAPH }]).unwrap();
    let wishes = Wishes { service: Some("shpo".to_owned()), ..Wishes::default() };
    let wrong = draft(&graph, &wishes, &FAMILY[0]).unwrap_err();
    assert!(wrong.help.unwrap().starts_with("did you mean `shop`? services: db, shop, web"));
}
