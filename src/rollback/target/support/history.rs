//! The revisions that ran before, and what is left of them.
//!
//! A deploy leaves three things behind: an entry in the platform's list of revisions, an artefact (image, package)
//! in a registry or on a host, and a reputation. They go missing one by one: lists are cut at a limit, images are
//! pruned by age, tags are moved to other builds.
//!
//! Traps: pods that still run need no artefact, so a canary can always go back and a finished rollout perhaps not;
//! an image that is kept *by age* is gone for a team that releases less often than that age (`docker image prune
//! --filter until=168h` and a release every ten days); a tag is no label, so pruning "all but those labelled `keep`"
//! does not spare a tagged one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::FaultSpec;
use crate::time::SimDuration;

/// How a revision did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reputation {
    /// It ran and nobody complained.
    #[default]
    Good,
    /// It was rolled back, or marked as failed.
    Failed,
}

/// What is left of a revision's artefact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Artefact {
    /// It can be fetched.
    #[default]
    Kept,
    /// It was deleted.
    Deleted,
    /// Its name now means the build of the new revision (a mutable tag like `latest`).
    Overwritten,
}

/// A revision that was deployed before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Past {
    /// What it is called.
    pub name: String,
    /// How long before this deploy it was deployed.
    pub deployed_ago: SimDuration,
    /// How it did.
    #[serde(default)]
    pub reputation: Reputation,
    /// Tags on its artefact.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The figure it was chosen by before its deploy (an offline accuracy); higher is better.
    #[serde(default)]
    pub metric: Option<f64>,
    /// What is left of its artefact, before retention has its way.
    #[serde(default)]
    pub artefact: Artefact,
    /// What is wrong with it, if a rollback brings it back; their `after` counts from the start of the run.
    #[serde(default)]
    pub faults: Vec<FaultSpec>,
}

/// How the new revision is known to whoever looks for a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewRevision {
    /// What it is called.
    pub name: String,
    /// Tags on its artefact.
    pub tags: Vec<String>,
    /// The figure it was chosen by; higher is better.
    pub metric: Option<f64>,
}

impl Default for NewRevision {
    fn default() -> Self {
        NewRevision { name: "new".to_owned(), tags: Vec::new(), metric: None }
    }
}

/// What is thrown away, and when.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Old revisions the platform keeps in its list (`revisionHistoryLimit`); Kubernetes' 10 if absent.
    pub revisions: Option<u32>,
    /// Images other than the newest so many are deleted; all are kept if absent.
    pub images: Option<u32>,
    /// Images older than this are deleted; none for its age if absent.
    pub image_age: Option<SimDuration>,
    /// Tag that spares an image from both.
    pub keep_tag: Option<String>,
}

/// Kubernetes' `revisionHistoryLimit`.
const REVISIONS_KEPT: u32 = 10;

impl Retention {
    /// Old revisions in the platform's list.
    pub fn revisions(&self) -> usize {
        self.revisions.unwrap_or(REVISIONS_KEPT) as usize
    }

    /// Whether the image of a revision, the `rank`th newest (the new one is 0), has been thrown away.
    fn prunes(&self, rank: usize, past: &Past) -> bool {
        let spared = self.keep_tag.as_ref().is_some_and(|tag| past.tags.contains(tag));
        let surplus = self.images.is_some_and(|newest| rank >= newest as usize);
        let old = self.image_age.is_some_and(|age| past.deployed_ago > age);
        !spared && (surplus || old)
    }
}

/// The revisions before this deploy.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// Newest deploy first; never empty.
    pub past: Vec<Past>,
    /// Which of them runs when the new revision is deployed.
    pub running: usize,
    /// The new revision.
    pub new: NewRevision,
    /// What is thrown away.
    pub retention: Retention,
}

impl Default for History {
    fn default() -> Self {
        let past = Past {
            name: "previous".to_owned(),
            deployed_ago: SimDuration::from_mins(1440),
            reputation: Reputation::Good,
            tags: Vec::new(),
            metric: None,
            artefact: Artefact::Kept,
            faults: Vec::new(),
        };
        History { past: vec![past], running: 0, new: NewRevision::default(), retention: Retention::default() }
    }
}

impl History {
    /// What is left of the artefact of a past revision.
    pub fn artefact(&self, past: usize) -> Artefact {
        let revision = &self.past[past];
        match revision.artefact {
            Artefact::Kept if self.retention.prunes(past + 1, revision) => Artefact::Deleted,
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(name: &str, days: u64, tags: &[&str]) -> Past {
        Past {
            name: name.to_owned(),
            deployed_ago: SimDuration::from_mins(1440 * days),
            tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
            ..History::default().past.remove(0)
        }
    }

    fn history(past: Vec<Past>, retention: Retention) -> History {
        History { past, retention, ..History::default() }
    }

    #[test]
    fn who_releases_less_often_than_images_are_kept_has_no_image_to_go_back_to() {
        let weekly = Retention { image_age: Some(SimDuration::from_mins(7 * 1440)), ..Retention::default() };
        let often = history(vec![past("v2", 5, &[]), past("v1", 9, &[])], weekly.clone());
        assert_eq!([often.artefact(0), often.artefact(1)], [Artefact::Kept, Artefact::Deleted]);
        let seldom = history(vec![past("v2", 10, &[])], weekly);
        assert_eq!(seldom.artefact(0), Artefact::Deleted);
    }

    #[test]
    fn a_count_includes_the_new_image_and_a_spared_tag_is_spared() {
        let two = Retention { images: Some(2), keep_tag: Some("stable".to_owned()), ..Retention::default() };
        let all = history(vec![past("v3", 1, &[]), past("v2", 2, &[]), past("v1", 3, &["stable"])], two);
        let kept: Vec<Artefact> = (0..3).map(|i| all.artefact(i)).collect();
        assert_eq!(kept, [Artefact::Kept, Artefact::Deleted, Artefact::Kept]);
    }

    #[test]
    fn what_was_overwritten_stays_overwritten() {
        let mut latest = past("v2", 1, &["latest"]);
        latest.artefact = Artefact::Overwritten;
        assert_eq!(history(vec![latest], Retention::default()).artefact(0), Artefact::Overwritten);
    }
}
