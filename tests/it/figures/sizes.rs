//! How many requests a canary needs, and what a few can tell.

use backout::stats::estimate::wilson;
use backout::stats::sizing::{Demands, requests_beside};

use super::table::Table;

const USUAL: Demands = Demands { alpha: 0.05, power: 0.9 };

#[test]
fn requests_that_a_canary_needs() {
    let mut table = Table::new("requests per arm, one-sided 5 %, power 90 % (statistics page 1.8)");
    for (p0, p1, equal, of_canary) in [
        (0.001, 0.002, 25_652.0, 12_693.0),
        (0.001, 0.005, 3200.0, 1394.0),
        (0.001, 0.01, 1155.0, 456.0),
        (0.005, 0.006, 93_683.0, 48_727.0),
        (0.01, 0.02, 2529.0, 1252.0),
        (0.01, 0.05, 310.0, 135.0),
    ] {
        let found = |control| requests_beside(p0, p1, control, USUAL).unwrap();
        table.exact(&format!("{p0} to {p1}, equal arms"), equal, found(1.0), 0.0);
        table.exact(&format!("{p0} to {p1}, canary of 5 %"), of_canary, found(19.0), 0.0);
    }
    // At ten requests a second the canary of 5 % gets half of one.
    let hours = requests_beside(0.001, 0.002, 19.0, USUAL).unwrap() / 0.5 / 3600.0;
    table.exact("hours to see 0.1 % double at 10 rps, 5 %", 7.0, hours, 0.5);
    table.hold();
}

#[test]
fn what_a_few_requests_can_tell() {
    let mut table = Table::new("Wilson's 95 % interval of a share (Wilson 1927; statistics page 1.8)");
    for (bad, n, low, high, digits) in [
        (0, 100, 0.0, 0.0370, 1e-4),
        (0, 1000, 0.0, 0.00383, 1e-5),
        (1, 100, 0.00177, 0.0545, 1e-4),
        (5, 100, 0.0215, 0.1118, 1e-4),
        (50, 1000, 0.0381, 0.0653, 1e-4),
    ] {
        let found = wilson(bad, n, 0.95);
        let digits_low = if low < 0.01 { 1e-5 } else { 1e-4 };
        table.exact(&format!("{bad} of {n}, lower end"), low, found.low, 0.51 * digits_low);
        table.exact(&format!("{bad} of {n}, upper end"), high, found.high, 0.51 * digits);
    }
    table.hold();
}
