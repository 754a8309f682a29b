//! Arguments of `backout test`.

use clap::Subcommand;

/// Run unit tests of files that have some.
#[derive(Clone, Debug, clap::Args)]
pub struct Tests {
    /// Whose tests.
    #[command(subcommand)]
    pub kind: TestKind,
}

/// What has unit tests.
#[allow(missing_docs, reason = "a description here would hide the longer one of the arguments")]
#[derive(Clone, Debug, Subcommand)]
pub enum TestKind {
    Rules(TestRules),
}

/// Run unit tests of Prometheus rules, as `promtool test rules` does.
///
/// Exits with 1 when a test fails or a file cannot be used, as promtool does.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  backout test rules rules_test.yml
  backout test rules tests/*.yml --run 'burn rate'
  backout test rules rules_test.yml --format json")]
pub struct TestRules {
    /// Test files; the rule files they name are looked for beside them
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<String>,
    /// Run only tests whose name matches this regular expression
    #[arg(long, value_name = "REGEX")]
    pub run: Option<String>,
}
