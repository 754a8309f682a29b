//! Files of chaos tools as surroundings of a scenario: Chaos Mesh, Litmus, Chaos Toolkit, AWS FIS, Istio.
//!
//! Such a file says what is done to which pods, for how long. It does not say when a release comes, so the start is a
//! setting ([`ChaosOptions::at`]), and it names pods by labels of the user's cluster, which are services of the scenario
//! by name, by a setting ([`ChaosOptions::targets`]), or else the service that is rolled out. Everything a tool does and
//! the simulation does not is listed with its line, never guessed.
//!
//! Traps: tools act on pods, and some effects here on all calls of a service; where only some pods are hit, that share
//! of the calls is (said as a stand-in), or the action is listed as not honoured where a share would be something else.

mod aws_fis;
mod chaos_mesh;
mod chaos_mesh_actions;
mod chaos_mesh_network;
mod chaos_toolkit;
mod collector;
mod hit;
mod istio;
mod litmus;

use std::collections::BTreeMap;

use serde::Serialize;

use super::SourceText;
use super::unread;
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::document::{Reader, parse_documents};
use crate::fault::SurroundingSpec;
use crate::policy::loaded::{StandIn, Unsupported};
use crate::time::SimDuration;

use collector::Collector;

/// The services that can be hit.
#[derive(Clone, Debug, PartialEq)]
pub struct Services {
    /// The one that is rolled out.
    pub target: String,
    /// All of them with their pods.
    pub replicas: BTreeMap<String, u32>,
}

/// What is said beside the files.
#[derive(Clone, Debug, PartialEq)]
pub struct ChaosOptions {
    /// When the chaos begins, counted from the deploy.
    pub at: SimDuration,
    /// How long an action lasts that does not say it.
    pub lasts: SimDuration,
    /// Services by what a file calls them: a label's value, a host, a proxy.
    pub targets: BTreeMap<String, String>,
}

impl Default for ChaosOptions {
    /// Five minutes after the deploy, for five minutes.
    fn default() -> Self {
        let five = SimDuration::from_mins(5);
        ChaosOptions { at: five, lasts: five, targets: BTreeMap::new() }
    }
}

/// What a file does to a scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Chaos {
    /// The file.
    pub source: String,
    /// Whose format it is.
    pub tool: &'static str,
    /// What happens, each with its line in the file.
    pub faults: Vec<(usize, SurroundingSpec)>,
    /// What of the file has no effect.
    pub unsupported: Vec<Unsupported>,
    /// What stands in for what.
    pub stand_ins: Vec<StandIn>,
    /// Plain-language reading, one sentence a line.
    pub reading: Vec<String>,
}

/// Whose file it is, and how it is read.
struct Tool {
    name: &'static str,
    is_one: fn(&Reader<'_>) -> bool,
    read: fn(&Reader<'_>, &mut Collector<'_>) -> Result<(), Diagnostic>,
}

const TOOLS: &[Tool] = &[
    Tool { name: "Chaos Mesh", is_one: chaos_mesh::is_one, read: chaos_mesh::read },
    Tool { name: "Litmus", is_one: litmus::is_one, read: litmus::read },
    Tool { name: "Istio", is_one: istio::is_one, read: istio::read },
    Tool { name: "AWS FIS", is_one: aws_fis::is_one, read: aws_fis::read },
    Tool { name: "Chaos Toolkit", is_one: chaos_toolkit::is_one, read: chaos_toolkit::read },
];

/// Whether a document is of a tool that is known.
pub(super) fn is_of_a_tool(root: &Reader<'_>) -> bool {
    TOOLS.iter().any(|tool| (tool.is_one)(root))
}

/// What the files do, in their order.
///
/// # Errors
/// Everything that makes a file unusable: not YAML or JSON, of no known tool, a number that is none; each with its place.
/// A file that is read and does nothing to this scenario is no error: it says so itself.
pub fn load(
    sources: &[SourceText<'_>],
    options: &ChaosOptions,
    services: &Services,
) -> Result<Vec<Chaos>, Diagnostics> {
    let mut problems = Diagnostics::new();
    let mut all = Vec::new();
    for source in sources {
        all.extend(problems.keep(load_one(*source, options, services)));
    }
    if problems.has_errors() { Err(problems) } else { Ok(all) }
}

fn load_one(text: SourceText<'_>, options: &ChaosOptions, services: &Services) -> Result<Chaos, Diagnostic> {
    let source = Source::new(text.name, text.text);
    let documents = parse_documents(text.name, text.text)?;
    let mut collector = Collector::new(text.name, options, services);
    let mut known = None;
    for document in &documents {
        let root = Reader::new(source, document);
        let Some(tool) = TOOLS.iter().find(|tool| (tool.is_one)(&root)) else { continue };
        known = known.or(Some(tool.name));
        (tool.read)(&root, &mut collector)?;
        collector.unread(unread::list(&root, NOTES));
    }
    let Some(tool) = known else {
        let tools: Vec<&str> = TOOLS.iter().map(|tool| tool.name).collect();
        let fact = format!("no chaos in {}", text.name);
        return Err(Diagnostic::error(fact).with_help(format!("files of {} are read", tools.join(", "))));
    };
    Ok(collector.finish(tool))
}

const NOTES: unread::Notes = &[
    ("metadata", "names and labels of the object itself have no effect"),
    ("selector.namespaces", "the simulation has one namespace"),
    ("options", "options of the stress tool have no counterpart"),
];
