//! The rules that follow from an objective, as Sloth generates them for Prometheus.
//!
//! Error ratios over seven windows and over the period; what they mean (objective, budget, burn rates); two alerts, a page and a
//! ticket, each the multi-window, multi-burn-rate scheme of the SRE Workbook: a share of the budget spent over a long window,
//! confirmed by a short one. Shares and windows are Sloth's for thirty days: pages 2 % in 1 h and 5 % in 6 h, tickets 10 % in
//! 1 d and 10 % in 3 d, with 5 m, 30 m, 2 h and 6 h beside them; the factor of a tier is share x period / long window.

use super::window::filled;
use super::{BurnAlert, Objective, Sli, TierAlert};
use crate::rules::{GroupDef, Kind, RuleDef};
use crate::time::SimDuration;

/// Windows of the records, shortest first.
const WINDOWS: [&str; 7] = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"];

/// A condition of an alert: windows, hours of the long one, and the share of the budget in percent.
struct Tier {
    short: &'static str,
    long: &'static str,
    hours: f64,
    percent: f64,
}

const PAGE: [Tier; 2] = [
    Tier { short: "5m", long: "1h", hours: 1.0, percent: 2.0 },
    Tier { short: "30m", long: "6h", hours: 6.0, percent: 5.0 },
];
const TICKET: [Tier; 2] = [
    Tier { short: "2h", long: "1d", hours: 24.0, percent: 10.0 },
    Tier { short: "6h", long: "3d", hours: 72.0, percent: 10.0 },
];

/// The groups of an objective, in the order of their evaluation.
pub(super) fn groups(slo: &Objective) -> Vec<GroupDef> {
    let id = slo.id();
    let mut groups = Vec::new();
    if let Sli::Slices { of_slice, length } = &slo.sli {
        let rule = record(slo, "slo:slice_error:ratio", of_slice.clone(), &[]);
        groups.push(group(format!("openslo-slices-{id}"), Some(*length), vec![rule]));
    }
    groups.push(group(format!("sloth-slo-sli-recordings-{id}"), None, ratios(slo)));
    groups.push(group(format!("sloth-slo-meta-recordings-{id}"), None, meta(slo)));
    let tiers = slo.tiers.iter().map(|alert| tier_alert(slo, alert));
    let alerts: Vec<RuleDef> = tiers.chain(slo.alerts.iter().map(|alert| burn_alert(slo, alert))).collect();
    if !alerts.is_empty() {
        groups.push(group(format!("sloth-slo-alerts-{id}"), None, alerts));
    }
    groups
}

fn group(name: String, interval: Option<SimDuration>, rules: Vec<RuleDef>) -> GroupDef {
    GroupDef { name, interval, query_offset: SimDuration::ZERO, limit: 0, rules }
}

fn record(slo: &Objective, name: &str, expr: String, more: &[(&str, String)]) -> RuleDef {
    let mut labels = slo.labels.clone();
    let own =
        [("sloth_id", slo.id()), ("sloth_service", slo.service.clone()), ("sloth_slo", slo.name.clone())];
    labels.extend(own.iter().chain(more).map(|(name, value)| ((*name).to_owned(), value.clone())));
    labels.sort();
    RuleDef { kind: Kind::Record(name.to_owned()), expr, labels, place: slo.place }
}

/// The matchers that select the records of an objective.
fn selector(slo: &Objective) -> String {
    format!(r#"{{sloth_id="{}", sloth_service="{}", sloth_slo="{}"}}"#, slo.id(), slo.service, slo.name)
}

/// The error ratio over each window, and over the period.
fn ratios(slo: &Objective) -> Vec<RuleDef> {
    let of_window = |window: &str| match &slo.sli {
        Sli::Events { errors, total } => {
            format!("({})\n/\n({})\n", filled(errors, window), filled(total, window))
        }
        Sli::Ratio(query) => format!("({})", filled(query, window)),
        Sli::Slices { .. } => format!("avg_over_time(slo:slice_error:ratio{}[{window}])", selector(slo)),
    };
    let named = |window: &str, expr: String| {
        record(
            slo,
            &format!("slo:sli_error:ratio_rate{window}"),
            expr,
            &[("sloth_window", window.to_owned())],
        )
    };
    let mut rules: Vec<RuleDef> =
        windows(slo).iter().map(|window| named(window, of_window(window))).collect();
    let (ids, period) = (selector(slo), format!("{}d", slo.days));
    let short = format!("slo:sli_error:ratio_rate5m{ids}[{period}]");
    let mean = format!("sum_over_time({short})\n/ ignoring (sloth_window)\ncount_over_time({short})\n");
    rules.push(named(&period, mean));
    rules
}

/// The usual windows, and those that own alerts look at.
fn windows(slo: &Objective) -> Vec<String> {
    let mut windows: Vec<String> = WINDOWS.iter().map(|window| (*window).to_owned()).collect();
    for alert in &slo.alerts {
        if !windows.contains(&alert.window) && alert.window != format!("{}d", slo.days) {
            windows.push(alert.window.clone());
        }
    }
    windows
}

fn meta(slo: &Objective) -> Vec<RuleDef> {
    let ids = selector(slo);
    let objective = slo.target / 100.0;
    let burn = |of: &str| {
        format!(
            "slo:sli_error:ratio_rate{of}{ids}\n/ on(sloth_id, sloth_slo, sloth_service) group_left\n\
             slo:error_budget:ratio{ids}\n"
        )
    };
    let period = format!("{}d", slo.days);
    let info = [
        ("sloth_mode", "cli-gen-prom".to_owned()),
        ("sloth_objective", slo.target.to_string()),
        ("sloth_spec", "prometheus/v1".to_owned()),
        ("sloth_version", "dev".to_owned()),
    ];
    let plain = |name: &str, expr: String| record(slo, name, expr, &[]);
    vec![
        plain("slo:objective:ratio", format!("vector({objective})")),
        plain("slo:error_budget:ratio", format!("vector(1-{objective})")),
        plain("slo:time_period:days", format!("vector({})", slo.days)),
        plain("slo:current_burn_rate:ratio", burn("5m")),
        plain("slo:period_burn_rate:ratio", burn(&period)),
        plain("slo:period_error_budget_remaining:ratio", format!("1 - slo:period_burn_rate:ratio{ids}")),
        record(slo, "sloth_slo_info", "vector(1)".to_owned(), &info),
    ]
}

fn tier_alert(slo: &Objective, alert: &TierAlert) -> RuleDef {
    let ids = selector(slo);
    let above = |window: &str, factor: f64| {
        let ratio = format!("slo:sli_error:ratio_rate{window}{ids}");
        format!("max({ratio} > ({factor} * {})) without (sloth_window)", slo.budget())
    };
    let both = |tier: &Tier| {
        let factor = tier.percent * (f64::from(slo.days) * 24.0) / 100.0 / tier.hours;
        format!("(\n    {}\n    and\n    {}\n)\n", above(tier.short, factor), above(tier.long, factor))
    };
    let [quick, slow] = if alert.is_page { &PAGE } else { &TICKET };
    let kind = Kind::Alert {
        name: alert.name.clone(),
        hold: SimDuration::ZERO,
        keep_firing: SimDuration::ZERO,
        annotations: alert.annotations.clone(),
    };
    let expr = format!("{}or\n{}", both(quick), both(slow));
    RuleDef { kind, expr, labels: alert.labels.clone(), place: slo.place }
}

fn burn_alert(slo: &Objective, alert: &BurnAlert) -> RuleDef {
    let BurnAlert { name, op, burn, window, hold, severity, place } = alert;
    let summary =
        format!("{} {} burns its budget at {op} {burn} times the usual rate", slo.service, slo.name);
    let kind = Kind::Alert {
        name: name.clone(),
        hold: *hold,
        keep_firing: SimDuration::ZERO,
        annotations: vec![("summary".to_owned(), summary)],
    };
    let ratio = format!("slo:sli_error:ratio_rate{window}{}", selector(slo));
    RuleDef {
        kind,
        expr: format!("{ratio} / {} {op} {burn}", slo.budget()),
        labels: vec![("severity".to_owned(), severity.clone())],
        place: *place,
    }
}
