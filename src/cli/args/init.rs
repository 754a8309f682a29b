//! Arguments of `backout init`.

use clap::builder::PossibleValuesParser;

use super::QuickArgs;

/// Write a scenario file to start from.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Examples:
  backout init                                    writes scenario.yaml
  backout init shop.yaml --from rollout.yaml      with the rollout and the replicas of your file
  backout init shop.yaml --from kiali.json --service reviews
                                                  with your services, calls and rates
  backout init - --fault latency --rate 300/s --p99 250ms")]
pub struct Init {
    /// The file to write, or - for stdout
    #[arg(value_name = "FILE", default_value = "scenario.yaml")]
    pub file: String,
    /// Take the services, calls and rates (Kiali graph, Kubernetes manifests, compose file, isotope, MiSim, Bering) or the
    /// rollout (Argo Rollout, Flagger Canary) from files of yours
    #[arg(long, value_name = "FILE")]
    pub from: Vec<String>,
    /// What is wrong with the bad release
    #[arg(long, value_name = "FAULT", default_value = "errors", value_parser = PossibleValuesParser::new(["errors", "latency", "crash"]))]
    pub fault: String,
    /// Replace a file that exists
    #[arg(long)]
    pub force: bool,
    /// A service in numbers.
    #[command(flatten)]
    pub quick: QuickArgs,
}
