//! A study with everything that fixes its records: what makes two studies the same, and what differs if they are not.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cli::args::StudyArgs;
use crate::cli::exit::Failure;
use crate::cli::files::Text;
use crate::cli::plan::{StudyPlan, StudyTexts};
use crate::cli::ui::Ui;
use crate::study::Replications;

/// Everything that fixes the records of a study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sealed {
    /// Version of the program: another one may play otherwise.
    pub(super) version: String,
    /// Seed of all randomness.
    pub(super) seed: u64,
    /// How often each scenario is played.
    pub(super) replications: Replications,
    /// Options; the words that name files are left out, for their texts are there.
    pub(super) options: StudyArgs,
    /// The files.
    pub(super) texts: StudyTexts,
}

impl Sealed {
    /// The study of this plan.
    pub(crate) fn of(plan: &StudyPlan, args: &StudyArgs) -> Self {
        let mut options = args.clone();
        options.scenario.clear();
        options.chaos.chaos.clear();
        options.replications = None;
        Sealed {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed: plan.seed,
            replications: plan.replications(),
            options,
            texts: plan.texts.clone(),
        }
    }

    /// What is to be played, from the texts alone.
    ///
    /// # Errors
    /// When this program cannot use them.
    pub(crate) fn plan(&self, jobs: std::num::NonZeroUsize, ui: &Ui) -> Result<StudyPlan, Failure> {
        let mut plan = StudyPlan::of(self.texts.clone(), self.seed, jobs, &self.options, ui)?;
        plan.replications = Some(self.replications);
        Ok(plan)
    }

    /// What differs between this study and another one, in sentences; nothing if they are the same.
    pub(crate) fn differences(&self, here: &Sealed) -> Vec<String> {
        let mut found = Vec::new();
        let mut differ = |what: &str, there: String, here: String| {
            if there != here {
                found.push(format!("{what}: {there} there, {here} here"));
            }
        };
        differ("version of the program", self.version.clone(), here.version.clone());
        differ("seed", self.seed.to_string(), here.seed.to_string());
        let Replications { flow, request } = self.replications;
        differ("replications", flow.to_string(), here.replications.flow.to_string());
        differ("replications at request level", request.to_string(), here.replications.request.to_string());
        let value = |options: &StudyArgs| serde_json::to_value(options).unwrap_or(Value::Null);
        in_options("", &value(&self.options), &value(&here.options), &mut found);
        let files =
            |sealed: &Sealed| sealed.texts.policies.iter().map(|one| one.file.clone()).collect::<Vec<_>>();
        in_texts("policy", &files(self), &files(here), &mut found);
        in_texts("scenario", &self.texts.scenarios, &here.texts.scenarios, &mut found);
        in_texts("file of chaos", &self.texts.chaos, &here.texts.chaos, &mut found);
        if found.is_empty() && self != here {
            found.push("which policies are the program's own".to_owned());
        }
        found
    }
}

/// Options that differ, by their names.
fn in_options(name: &str, there: &Value, here: &Value, found: &mut Vec<String>) {
    if let (Value::Object(there), Value::Object(here)) = (there, here) {
        for (key, value) in there {
            in_options(key, value, here.get(key).unwrap_or(&Value::Null), found);
        }
    } else if there != here {
        let said = |value: &Value| match value {
            Value::Null => "not given".to_owned(),
            Value::Array(list) if list.is_empty() => "not given".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        found.push(format!("--{}: {} there, {} here", name.replace('_', "-"), said(there), said(here)));
    }
}

/// Files that differ: missing ones, and the first line that is not the same.
fn in_texts(kind: &str, there: &[Text], here: &[Text], found: &mut Vec<String>) {
    let before = found.len();
    for text in there {
        match here.iter().find(|other| other.name == text.name) {
            None => found.push(format!("{kind} `{}`: not here", text.name)),
            Some(other) if other.text != text.text => {
                let same = text.text.lines().zip(other.text.lines()).take_while(|(a, b)| a == b).count();
                found.push(format!("{kind} `{}`: its text, from line {} on", text.name, same + 1));
            }
            Some(_) => {}
        }
    }
    for text in here.iter().filter(|text| there.iter().all(|other| other.name != text.name)) {
        found.push(format!("{kind} `{}`: not there", text.name));
    }
    if found.len() == before && there != here {
        found.push(format!("the order of each {kind}"));
    }
}
