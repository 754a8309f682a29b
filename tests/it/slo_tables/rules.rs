//! The rule files the tables are played with, written as teams write them: a record per window, alerts over records.

/// Windows of the records.
const WINDOWS: [&str; 10] = ["1m", "5m", "10m", "30m", "1h", "2h", "6h", "1d", "36h", "3d"];

fn group(every: &str, rules: &str) -> String {
    format!("groups:\n  - name: slo\n    interval: {every}\n    rules:\n{rules}")
}

fn record(window: &str) -> String {
    format!(
        "      - record: job:slo_errors_per_request:ratio_rate{window}\n        expr: |\n          \
         sum(rate(http_requests_total{{code=~\"5..\"}}[{window}]))\n            / sum(rate(http_requests_total[{window}]))\n"
    )
}

fn alert(name: &str, expr: &str, hold: Option<&str>) -> String {
    let hold = hold.map_or(String::new(), |hold| format!("        for: {hold}\n"));
    format!("      - alert: {name}\n        expr: {expr}\n{hold}")
}

/// `errors over a window > factor of the budget`.
fn burns(window: &str, factor: f64, budget: f64) -> String {
    format!("job:slo_errors_per_request:ratio_rate{window} > ({factor} * {budget})")
}

fn pair(long: &str, short: &str, factor: f64, budget: f64) -> String {
    format!("{} and {}", burns(long, factor, budget), burns(short, factor, budget))
}

/// The six approaches and the tiers, for an objective that leaves this budget.
pub fn approaches(every: &str, budget: f64) -> String {
    let mut rules: String = WINDOWS.iter().map(|window| record(window)).collect();
    let at_least = |window| format!("job:slo_errors_per_request:ratio_rate{window} >= {budget}");
    let burns = |window, factor| burns(window, factor, budget);
    let pair = |long, short, factor| pair(long, short, factor, budget);
    let page = format!("{} or {}", pair("1h", "5m", 14.4), pair("6h", "30m", 6.0));
    for (name, expr, hold) in [
        ("Rate10m", at_least("10m"), None),
        ("Rate36h", burns("36h", 1.0), None),
        ("For1h", burns("1m", 1.0), Some("1h")),
        ("For10m", burns("1m", 1.0), Some("10m")),
        ("Burn36", burns("1h", 36.0), None),
        ("Long1h", burns("1h", 14.4), None),
        ("Long6h", burns("6h", 6.0), None),
        ("Long3d", burns("3d", 1.0), None),
        ("Pair1h", pair("1h", "5m", 14.4), None),
        ("Pair6h", pair("6h", "30m", 6.0), None),
        ("Pair1d", pair("1d", "2h", 3.0), None),
        ("Pair3d", pair("3d", "6h", 1.0), None),
        ("Page", page, None),
    ] {
        rules += &alert(name, &expr, hold);
    }
    group(every, &rules)
}

/// The budget of thirty days by one query, and by Sloth's record over a record; it is used up.
pub fn month(every: &str) -> String {
    let errors = |what: &str| format!("sum(increase(http_requests_total{what}[30d]))");
    let query = format!("{} / {} > 0.001", errors("{code=~\"5..\"}"), errors(""));
    let over = "sum_over_time(job:slo_errors_per_request:ratio_rate5m[30d]) \
         / count_over_time(job:slo_errors_per_request:ratio_rate5m[30d]) > 0.001";
    group(every, &(record("5m") + &alert("Gone", &query, None) + &alert("GoneByRecord", over, None)))
}
