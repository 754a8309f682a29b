//! The templates in labels and annotations of alerts: the part of Go's template language they use.
//!
//! Supported: text; `{{ $labels.name }}`, `{{ $value }}`, `$externalLabels`, `$externalURL`, the same as `.Labels` and
//! so on; literals; pipelines (`$value | humanize`); `printf`, the functions that format numbers and texts; `if`, `else`
//! and `end`; trimming (`{{-`, `-}}`) and comments. What asks Prometheus again (`query`, `range`, `with`) is not.
//!
//! Traps: a template that cannot be filled in becomes a text that says so, and the alert goes on, as in Prometheus.
//! A label that is not there is the empty text.

mod format;
mod parse;

use crate::promql::Labels;

use self::format::{Shown, apply};
use self::parse::{Operand, Piece, parse};

/// What templates can see beside the alert itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expansion<'a> {
    /// Labels of the whole server.
    pub external_labels: &'a [(String, String)],
    /// Where the server is found.
    pub external_url: &'a str,
}

/// A template filled in; what is wrong with it, in its place, if it cannot be.
pub fn expand(text: &str, labels: &Labels, value: f64, world: &Expansion<'_>) -> String {
    if !text.contains("{{") {
        return text.to_owned();
    }
    let scope = Scope { labels, value, world };
    let filled = parse(text).and_then(|pieces| {
        let mut out = String::new();
        scope.write(&pieces, &mut out)?;
        Ok(out)
    });
    filled.unwrap_or_else(|why| format!("<error expanding template: {why}>"))
}

struct Scope<'a> {
    labels: &'a Labels,
    value: f64,
    world: &'a Expansion<'a>,
}

impl Scope<'_> {
    fn write(&self, pieces: &[Piece], out: &mut String) -> Result<(), String> {
        for piece in pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Value(pipeline) => out.push_str(&self.pipeline(pipeline)?.to_string()),
                Piece::If { condition, then, or_else } => {
                    let branch = if self.pipeline(condition)?.is_true() { then } else { or_else };
                    self.write(branch, out)?;
                }
            }
        }
        Ok(())
    }

    /// The stages of a pipeline, each of which gets the value of the one before as its last argument.
    fn pipeline(&self, stages: &[Vec<Operand>]) -> Result<Shown, String> {
        let mut piped = None;
        for stage in stages {
            piped = Some(self.stage(stage, piped)?);
        }
        piped.ok_or_else(|| "missing value for command".to_owned())
    }

    fn stage(&self, operands: &[Operand], piped: Option<Shown>) -> Result<Shown, String> {
        let (first, rest) = operands.split_first().ok_or("missing value for command")?;
        let mut arguments =
            rest.iter().map(|operand| self.operand(operand)).collect::<Result<Vec<_>, _>>()?;
        arguments.extend(piped);
        match first {
            Operand::Word(name) => apply(name, &arguments),
            _ if arguments.is_empty() => self.operand(first),
            _ => Err("can't give argument to non-function".to_owned()),
        }
    }

    fn operand(&self, operand: &Operand) -> Result<Shown, String> {
        Ok(match operand {
            Operand::Number(value) => Shown::Number(*value),
            Operand::Text(text) => Shown::Text(text.clone()),
            Operand::Group(pipeline) => self.pipeline(pipeline)?,
            Operand::Word(name) => apply(name, &[])?,
            Operand::Field(path) => self.field(path)?,
        })
    }

    fn field(&self, path: &[String]) -> Result<Shown, String> {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let own = || self.labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(match path.as_slice() {
            ["$labels" | "Labels"] => Shown::Map(own()),
            ["$labels" | "Labels", name] => Shown::Text(self.labels.value(name).to_owned()),
            ["$value" | "Value"] => Shown::Number(self.value),
            ["$externalURL" | "ExternalURL"] => Shown::Text(self.world.external_url.to_owned()),
            ["$externalLabels" | "ExternalLabels"] => Shown::Map(self.world.external_labels.to_vec()),
            ["$externalLabels" | "ExternalLabels", name] => {
                let found = self.world.external_labels.iter().find(|(other, _)| other == name);
                Shown::Text(found.map(|(_, value)| value.clone()).unwrap_or_default())
            }
            other => return Err(format!("`{}` is not known here", other.join("."))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, value: f64) -> String {
        let labels = Labels::new([("instance", "a:1"), ("job", "web")]);
        let external = [("cluster".to_owned(), "eu".to_owned())];
        let world = Expansion { external_labels: &external, external_url: "http://prom" };
        expand(text, &labels, value, &world)
    }

    #[test]
    fn values_and_labels_are_filled_in_as_go_writes_them() {
        for (template, value, wanted) in [
            ("no template", 0.0, "no template"),
            ("{{ $labels.instance }} of {{$labels.job}}", 0.0, "a:1 of web"),
            ("{{ .Labels.job }}={{ .Value }}", 0.25, "web=0.25"),
            ("[{{ $labels.absent }}]", 0.0, "[]"),
            ("{{ $labels }}", 0.0, "map[instance:a:1 job:web]"),
            ("{{ $externalLabels.cluster }} {{ $externalURL }}", 0.0, "eu http://prom"),
            ("{{ $value }}", 1e21, "1e+21"),
            ("{{ $value }}", 123456789.0, "1.23456789e+08"),
            ("{{ $value }}", 1e-5, "1e-05"),
            ("{{ $value }}", f64::NAN, "NaN"),
            ("{{ $value }}", f64::INFINITY, "+Inf"),
            ("{{ $value | printf \"%.1f\" }}%", 5.25, "5.2%"),
            ("{{ printf \"%s has %.2f\" $labels.job $value }}", 5.0, "web has 5.00"),
            ("{{ $value | humanize }}", 1_234_567.0, "1.235M"),
            ("{{ $value | humanize }}", 0.0123, "12.3m"),
            ("{{ humanize1024 $value }}", 1_048_576.0, "1Mi"),
            ("{{ $value | humanizePercentage }}", 0.1234, "12.34%"),
            ("{{ $value | humanizeDuration }}", 3661.0, "1h 1m 1s"),
            ("{{ $value | humanizeDuration }}", 0.0123, "12.3ms"),
            ("{{ $labels.job | toUpper | title }}", 0.0, "WEB"),
            ("{{ reReplaceAll \"(.):.*\" \"$1\" $labels.instance }}", 0.0, "a"),
            ("{{ if gt $value 5.0 }}high{{ else }}low{{ end }}", 6.0, "high"),
            (
                "{{ if eq $labels.job \"db\" }}db{{ else if match \"w.b\" $labels.job }}web{{ end }}",
                0.0,
                "web",
            ),
            ("a {{- /* not shown */ -}} b", 0.0, "ab"),
            ("{{ \"{{\" }}x", 0.0, "{{x"),
        ] {
            assert_eq!(filled(template, value), wanted, "{template}");
        }
    }

    #[test]
    fn what_cannot_be_filled_in_says_so() {
        for template in
            ["{{ $labels.job", "{{ nothing }}", "{{ if }}x{{ end }}", "{{ if 1 }}x", "{{ query \"up\" }}"]
        {
            let text = filled(template, 1.0);
            assert!(text.starts_with("<error expanding template: "), "{template}: {text}");
        }
    }
}
