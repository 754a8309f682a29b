//! Workflow commands of GitHub Actions: findings beside the lines of a pull request.
//!
//! GitHub shows ten errors and ten warnings of a step and drops the rest without a word, so the worst come first and what
//! is left over is counted in one notice. Escapes are those of the runner's own toolkit: `%`, carriage return and line
//! feed in messages, `:` and `,` in properties as well.

use crate::diagnostic::{Diagnostic, Severity};

/// Annotations of one level that a step may have.
const SHOWN: usize = 10;

/// One command a line, the worst first.
pub fn render<'d>(findings: impl IntoIterator<Item = &'d Diagnostic>) -> String {
    let mut all: Vec<&Diagnostic> = findings.into_iter().collect();
    all.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let mut out = String::new();
    let mut left_out = 0;
    for severity in [Severity::Error, Severity::Warning, Severity::Note] {
        let of_it: Vec<&&Diagnostic> = all.iter().filter(|finding| finding.severity == severity).collect();
        of_it.iter().take(SHOWN).for_each(|finding| out.push_str(&command(finding)));
        left_out += of_it.len().saturating_sub(SHOWN);
    }
    if left_out > 0 {
        out.push_str(&format!("::notice title=backout::{left_out} more findings are not shown here\n"));
    }
    out
}

fn command(finding: &Diagnostic) -> String {
    let mut properties = Vec::new();
    if let Some(source) = &finding.source {
        properties.push(format!("file={}", property(source)));
    }
    if let Some(location) = finding.location {
        properties.push(format!("line={},col={}", location.line, location.column));
    }
    if let Some(code) = finding.code {
        properties.push(format!("title={}", property(code)));
    }
    let help = finding.help.as_deref().map(|help| format!("\n{help}")).unwrap_or_default();
    let message = message(&format!("{}{help}", finding.message));
    let space = if properties.is_empty() { "" } else { " " };
    format!("::{}{space}{}::{message}\n", super::level(finding.severity), properties.join(","))
}

fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Location, Source};

    #[test]
    fn places_and_escapes() {
        let source = Source::new("a,b:c.yaml", "x\nshare: 5%\n");
        let finding = source
            .error(Location::of_bytes(source.text, 9, 11), "5% is\ntoo much")
            .with_help("write 1%")
            .with_code("some-rule");
        assert_eq!(
            render([&finding]),
            "::error file=a%2Cb%3Ac.yaml,line=2,col=8,title=some-rule::5%25 is%0Atoo much%0Awrite 1%25\n"
        );
        assert_eq!(render([&Diagnostic::warning("no place")]), "::warning::no place\n");
    }

    #[test]
    fn ten_of_a_kind_the_worst_first_and_a_word_about_the_rest() {
        let warnings = (0..12).map(|n| Diagnostic::warning(format!("w{n}")));
        let all: Vec<Diagnostic> = warnings.chain([Diagnostic::error("e")]).collect();
        let text = render(&all);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 12);
        assert_eq!(lines[0], "::error::e");
        assert_eq!(lines[11], "::notice title=backout::2 more findings are not shown here");
    }
}
