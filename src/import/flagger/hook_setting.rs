//! What the user says of a webhook's receiver: `fails:5%`, `takes:12s`, `answers:500/202`, `opens:20m`.

use std::str::FromStr;

use crate::policy::flagger::{Answer, HookKind, Opens};
use crate::quantity::Ratio;
use crate::time::SimDuration;

/// What stands in for the receiver of a webhook, where the user says it. Several parts are given with commas.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HookSetting {
    /// `fails:5%`: share of the attempts that fail with a server error.
    pub fails: Option<Ratio>,
    /// `takes:12s`: time an answer takes.
    pub takes: Option<SimDuration>,
    /// `answers:500/202`: statuses of the successive attempts of a call, the last one repeated.
    pub answers: Vec<u16>,
    /// `opens:20m`, `opens:now`, `opens:never`: when it begins to say yes: so long after it was first asked, for a
    /// rollback webhook so long after the deploy.
    pub opens: Option<HookOpens>,
}

/// When a receiver begins to say yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookOpens {
    /// It always does.
    Now,
    /// Later.
    After(SimDuration),
    /// It never does.
    Never,
}

/// How a setting is written, for messages.
pub const SETTINGS: &str = "fails:5%, takes:12s, answers:500/202, opens:20m, opens:now or opens:never";

impl FromStr for HookSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut setting = HookSetting::default();
        for part in text.split(',').map(str::trim) {
            let (key, value) = part.split_once(':').unwrap_or((part, ""));
            match key {
                "fails" => setting.fails = Some(value.parse().map_err(|error| format!("{part}: {error}"))?),
                "takes" => setting.takes = Some(duration(part, value)?),
                "answers" => setting.answers = value.split('/').map(status).collect::<Result<_, _>>()?,
                "opens" => {
                    setting.opens = Some(match value {
                        "now" => HookOpens::Now,
                        "never" => HookOpens::Never,
                        _ => HookOpens::After(duration(part, value)?),
                    });
                }
                _ => return Err(format!("`{part}` says nothing about a webhook")),
            }
        }
        Ok(setting)
    }
}

fn duration(part: &str, value: &str) -> Result<SimDuration, String> {
    value.parse().map_err(|error| format!("{part}: {error}"))
}

fn status(text: &str) -> Result<u16, String> {
    let number = text.parse::<u16>().ok().filter(|status| (100..600).contains(status));
    number.ok_or_else(|| format!("`{text}` is no HTTP status"))
}

impl HookSetting {
    /// The answer with what the user says in place.
    pub(super) fn put_into(&self, answer: &mut Answer, kind: HookKind) {
        if let Some(fails) = self.fails {
            answer.fails = fails.get();
        }
        if let Some(takes) = self.takes {
            answer.takes = takes;
        }
        if !self.answers.is_empty() {
            answer.statuses.clone_from(&self.answers);
        }
        match self.opens {
            Some(HookOpens::Now) => answer.opens = Opens::AtOnce,
            Some(HookOpens::Never) => answer.opens = Opens::Never,
            Some(HookOpens::After(wait)) if kind == HookKind::Rollback => {
                answer.opens = Opens::AfterDeploy(wait);
            }
            Some(HookOpens::After(wait)) => answer.opens = Opens::AfterAsked(wait),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_part_by_part() {
        let setting: HookSetting = "fails:5%, takes:12s,answers:500/202,opens:20m".parse().unwrap();
        let wanted = HookSetting {
            fails: Ratio::new(0.05).ok(),
            takes: Some(SimDuration::from_secs(12)),
            answers: vec![500, 202],
            opens: Some(HookOpens::After(SimDuration::from_mins(20))),
        };
        assert_eq!(setting, wanted);
        assert_eq!("opens:never".parse::<HookSetting>().unwrap().opens, Some(HookOpens::Never));
        for wrong in ["", "fails:5 apples", "takes:12", "answers:7", "opens:later", "burns"] {
            assert!(wrong.parse::<HookSetting>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rollback_webhook_counts_from_the_deploy_and_a_gate_from_the_question() {
        let setting: HookSetting = "opens:20m".parse().unwrap();
        let of = |kind| {
            let mut answer = Answer::default();
            setting.put_into(&mut answer, kind);
            answer.opens
        };
        let wait = SimDuration::from_mins(20);
        assert_eq!(of(HookKind::Rollback), Opens::AfterDeploy(wait));
        assert_eq!(of(HookKind::ConfirmPromotion), Opens::AfterAsked(wait));
    }
}
