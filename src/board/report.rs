//! Reports from the ground as forms and programs write them: read whole, or refused with the field named.

use super::refusal::Refusal;
use crate::model::{Action, CallIx, Callout, Figures, Purpose, TargetIx};
use serde::Deserialize;
use serde_json::Value;

/// Characters of a shelter's name.
const SHELTER_CHARS_MAX: usize = 200;

/// A report in a form. Values arrive as text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReportForm {
    /// `moving`, `done`, `knocked`, `knock_confirmed`, `checked:<item>`, `reached:<milestone>:<unit>`.
    pub report: String,
    households: String,
    persons: String,
    special: String,
    refused: String,
    shelter: String,
    /// The edition of the plan whose checklist the page showed.
    edition: String,
}

/// A report as a program writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReportBody {
    pub call: Option<CallIx>,
    #[serde(default)]
    pub targets: Vec<TargetIx>,
    pub action: Action,
    #[serde(default)]
    pub shelter: String,
    pub reason: String,
    #[serde(default)]
    pub operator: String,
}

// === impl ReportForm ===

impl ReportForm {
    /// What is reported, and where people were taken.
    ///
    /// # Errors
    /// When a figure is no count, or nothing is reported that there is.
    pub(super) fn read(&self, callout: &Callout) -> Result<(Action, String), Refusal> {
        let unknown = || Refusal::Unprocessable("没有这种上报 / there is no such report");
        let action = match self.report.split_once(':') {
            None => match self.report.as_str() {
                "moving" => Action::Moving(self.figures()?),
                "done" => Action::Done(self.figures()?),
                "knocked" => Action::Knocked,
                "knock_confirmed" => Action::KnockConfirmed,
                _ => return Err(unknown()),
            },
            Some(("checked", item)) => {
                // The list may have changed since the page was shown, and the third item be another one.
                let edition = callout.head.as_ref().map_or("", |h| &h.plan.edition);
                if !self.edition.is_empty() && self.edition != edition {
                    return Err(Refusal::Conflict(
                        "预案已更新，请重新打开页面再勾选 / the plan has changed: open the page again",
                    ));
                }
                Action::Checked { item: item.parse().map_err(|_| unknown())? }
            }
            Some(("reached", rest)) => {
                let (milestone, unit) = rest.rsplit_once(':').ok_or_else(unknown)?;
                Action::Reached { milestone: milestone.to_owned(), unit: unit.to_owned() }
            }
            Some(_) => return Err(unknown()),
        };
        Ok((action, shelter(&self.shelter)?))
    }

    /// The figures as they were typed.
    pub(super) fn typed(&self) -> String {
        [&self.report, &self.households, &self.persons, &self.special, &self.refused].map(String::as_str).join(" ")
    }

    fn figures(&self) -> Result<Figures, Refusal> {
        Ok(Figures {
            households: count("households", "户数", &self.households)?,
            persons: count("persons", "人数", &self.persons)?,
            special: count("special", "特殊群体人数", &self.special)?,
            refused: count("refused", "拒不转移人数", &self.refused)?,
        })
    }
}

// === impl ReportBody ===

impl ReportBody {
    /// Reads a program's report.
    ///
    /// # Errors
    /// With the field that cannot be.
    pub(super) fn read(body: Value) -> Result<Self, Refusal> {
        let mut read: Self = serde_path_to_error::deserialize(body).map_err(|error| {
            let (path, why) = (error.path().to_string(), error.inner().to_string());
            Refusal::Field(path, format!("不能用（{why}）"), why)
        })?;
        if let Some(figures) = read.action.figures() {
            let Figures { households, persons, special, refused } = figures;
            let all = [("households", households), ("persons", persons), ("special", special), ("refused", refused)];
            if let Some((field, _)) = all.into_iter().find(|(_, n)| *n > Figures::COUNT_MAX) {
                return Err(no_count(&format!("action.{}.{field}", read.action.name()), ""));
            }
        }
        read.shelter = shelter(&read.shelter)?;
        Ok(read)
    }
}

/// That a report is about ground and a person of the callout that belong together.
///
/// # Errors
/// With the field that does not fit.
pub(super) fn fits(callout: &Callout, call: Option<CallIx>, targets: &[TargetIx]) -> Result<(), Refusal> {
    let field = |name: &str, zh: &str, en: &str| Err(Refusal::Field(name.into(), zh.into(), en.into()));
    let person = call.map(|c| callout.calls.get(c as usize).filter(|c| c.purpose == Purpose::CallOut));
    let known = |t: &TargetIx| match person {
        Some(Some(call)) => call.link(*t).is_some(),
        _ => (*t as usize) < callout.targets.len(),
    };
    match person {
        Some(None) => field("call", "本次叫应没有这个呼叫", "there is no such call in this callout"),
        None if targets.is_empty() => {
            field("targets", "没有 call 时必须给出责任区", "must be given when there is no call")
        }
        _ if !targets.iter().all(known) => {
            field("targets", "没有这处责任区，或不归此人负责", "no such target, or not one of this person's")
        }
        _ => Ok(()),
    }
}

fn shelter(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    if text.chars().count() > SHELTER_CHARS_MAX || text.contains(char::is_control) {
        let (zh, en) = ("最多 200 个普通字符", "must be at most 200 plain characters");
        return Err(Refusal::Field("shelter".into(), zh.into(), en.into()));
    }
    Ok(text.to_owned())
}

/// Reads a count of people; nothing is none. Full-width digits count as well.
fn count(field: &str, zh: &str, text: &str) -> Result<u32, Refusal> {
    let plain = |c: char| match c {
        '０'..='９' => char::from(b'0' + (c as u32 - '０' as u32) as u8),
        c => c,
    };
    let text: String = text.trim().chars().map(plain).collect();
    if text.is_empty() {
        return Ok(0);
    }
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|n| digits && *n <= Figures::COUNT_MAX);
    number.ok_or_else(|| no_count(field, zh))
}

fn no_count(field: &str, zh: &str) -> Refusal {
    let named = if zh.is_empty() { field.to_owned() } else { format!("{zh} {field}") };
    let most = Figures::COUNT_MAX;
    Refusal::Field(named, format!("必须是 0 到 {most} 的整数"), format!("must be a whole number from 0 to {most}"))
}
