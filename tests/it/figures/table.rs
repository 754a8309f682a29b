//! A table of published figures and ours: printed whole, then held to its tolerances.

use std::fmt::Write as _;

/// Published figures with ours beside them.
///
/// A row that is computed exactly must agree to the digits that were published (half a unit of the last one, or the
/// given tolerance); a row that is simulated to within four standard errors of ours beyond that.
pub struct Table {
    title: &'static str,
    text: String,
    wrong: Vec<String>,
}

impl Table {
    /// An empty table; the title names what it is a table of and where it was published.
    pub fn new(title: &'static str) -> Self {
        Table { title, text: String::new(), wrong: Vec::new() }
    }

    /// A figure that is computed, not simulated.
    pub fn exact(&mut self, what: &str, published: f64, ours: f64, tolerance: f64) {
        self.row(what, published, (ours, 0.0), tolerance);
    }

    /// A figure that is simulated: its estimate with its standard error.
    pub fn simulated(&mut self, what: &str, published: f64, (ours, error): (f64, f64), tolerance: f64) {
        assert!(error > 0.0, "{}, {what}: a simulated figure has a standard error", self.title);
        self.row(what, published, (ours, error), tolerance);
    }

    /// A figure that is computed, beside one as it was printed: it must round to the same digits, give or take `slack`
    /// units of the last one (for tables whose last digit is not right, with the reason at the call).
    pub fn printed(&mut self, what: &str, published: &str, ours: f64, slack: f64) {
        let decimals = published.split_once('.').map_or(0, |(_, digits)| digits.len());
        let unit = f64::powi(0.1, i32::try_from(decimals).unwrap());
        self.exact(what, published.parse().unwrap(), ours, (0.501 + slack) * unit);
    }

    fn row(&mut self, what: &str, published: f64, (ours, error): (f64, f64), tolerance: f64) {
        let allowed = tolerance + 4.0 * error;
        let holds = (ours - published).abs() <= allowed;
        let sign = if holds { "" } else { "  <-- outside" };
        let line =
            format!("{what:<44} {published:>12.5} {ours:>12.5} +-{error:<10.5} allowed {allowed:.5}{sign}");
        let _ = writeln!(self.text, "{line}");
        if !holds {
            self.wrong.push(line);
        }
    }

    /// Prints the table.
    ///
    /// # Panics
    /// If a row is outside of its tolerance.
    pub fn hold(self) {
        println!("{}\n{:<44} {:>12} {:>12}\n{}", self.title, "", "published", "ours", self.text);
        assert!(self.wrong.is_empty(), "{}:\n{}", self.title, self.wrong.join("\n"));
    }
}
