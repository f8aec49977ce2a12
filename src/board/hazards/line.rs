//! One report as pages and programs see it.

use crate::board::text::Lang;
use crate::board::view::day;
use crate::directory::Directory;
use crate::intake::reports::{Actor, Report, ReportChannel, Shown, Standing, TextPurpose};
use crate::model::{Channel, ReportId, Timestamp, mask_number};
use serde_json::{Value, json};

/// A report on a page.
pub(super) struct Line {
    pub id: String,
    pub at: String,
    /// `演练`; empty for the real thing.
    pub drill: &'static str,
    pub place: String,
    /// The code of the place, for the form.
    pub code: String,
    pub who: Vec<String>,
    pub way: &'static str,
    pub hazard: String,
    pub words: String,
    pub position: String,
    /// `open`, `accepted`, `raised`, `dismissed`, `ending`, `ended`.
    pub standing: &'static str,
    pub state: &'static str,
    pub decided: String,
    /// Who ended the warning, and when.
    pub ended: String,
    /// Whether it waits and no duty officer was written to.
    pub untold: bool,
    pub callouts: Vec<String>,
    /// Why the desk of warnings refused what was made of it.
    pub refused: Vec<String>,
    /// When the next duty officers above are told, in milliseconds; while it is open.
    pub due: Option<i64>,
}

/// The report that a warning's message was made of, told by its identifier.
pub(in crate::board) fn of_identifier(identifier: &str) -> Option<ReportId> {
    identifier.strip_prefix("report-")?.rsplit_once('-').map(|(id, _)| id.into())
}

impl Line {
    pub(super) fn of(lang: Lang, directory: &Directory, shown: &Shown, answer_within_ms: i64) -> Self {
        let (report, t) = (&shown.report, lang.texts());
        let said = &report.reported;
        let place = said.place.as_ref().map_or_else(|| t.no_place.to_owned(), |p| directory.place(p.as_str()));
        let position = said.position.map_or_else(String::new, |p| format!("{}, {}", p.lat, p.lon));
        let last = report.texts_for(TextPurpose::Alert).next_back().map_or(report.reported_at, |t| t.at);
        let open = matches!(report.standing, Standing::Open | Standing::Accepted);
        Self {
            id: report.id.to_string(),
            at: day(report.reported_at),
            drill: if report.is_drill() { t.drill } else { "" },
            place,
            code: said.place.as_ref().map(ToString::to_string).unwrap_or_default(),
            who: who(lang, directory, shown),
            way: match said.channel {
                ReportChannel::Sms => lang.pick("短信", "SMS"),
                ReportChannel::Link => lang.pick("链接", "link"),
                ReportChannel::Api => lang.pick("接口", "API"),
            },
            hazard: said.hazard.as_ref().map_or_else(String::new, |h| lang.pick(h.zh(), h.en()).to_owned()),
            words: shown.words.clone().unwrap_or_else(|| t.unopened.to_owned()),
            position,
            standing: report.standing.name(),
            state: match report.standing {
                Standing::Open => t.report_open,
                Standing::Accepted => t.report_accepted,
                Standing::Raised { .. } => t.report_raised,
                Standing::Dismissed => t.report_dismissed,
                Standing::Ending { .. } => t.report_ending,
                Standing::Ended { .. } => t.report_ended,
            },
            decided: match &report.decided {
                Some((at, by)) if !open => format!("{} {}", actor(lang, by), day(*at)),
                _ => String::new(),
            },
            ended: report.ended.as_ref().map_or_else(String::new, |(_, at, by)| {
                format!("{} {} {}", t.report_ended_by, actor(lang, by), day(*at))
            }),
            untold: report.standing == Standing::Open && !report.is_told(),
            callouts: callouts(report),
            refused: report
                .refused
                .iter()
                .map(|f| format!("{}：{}", f.place, lang.pick(f.reason_zh(), f.reason.clone())))
                .collect(),
            due: open.then(|| last.plus_ms(answer_within_ms).0 / 1000),
        }
    }
}

pub(super) fn actor(lang: Lang, by: &Actor) -> String {
    match by {
        Actor::Plan => lang.pick("预案（可信岗位）", "the plan (trusted post)").to_owned(),
        Actor::Operator(name) => name.clone(),
    }
}

fn callouts(report: &Report) -> Vec<String> {
    let raised = report.standing.raised();
    raised.map_or_else(Vec::new, |(_, callouts)| callouts.iter().map(ToString::to_string).collect())
}

fn who(lang: Lang, directory: &Directory, shown: &Shown) -> Vec<String> {
    let said = &shown.report.reported;
    let mut who: Vec<String> = Vec::new();
    for id in &said.people {
        let Some(person) = directory.person(id) else {
            who.push(id.to_string());
            continue;
        };
        let number = person.contacts_on(Channel::Sms).next().map_or_else(String::new, |c| mask_number(&c.number));
        let posts = directory.postings().filter(|p| p.person == *id);
        let posts: Vec<String> = posts.take(3).map(|p| format!("{} {}", directory.place(&p.ground), p.post)).collect();
        who.push(format!("{} {number} {}", person.name, posts.join("、")));
    }
    who.extend(said.account.iter().cloned());
    if let Some(number) = &shown.number {
        who.push(format!("{} {number}", lang.texts().unknown_number));
    }
    who
}

/// A report for a program.
pub(super) fn json_of(shown: &Shown) -> Value {
    let report = &shown.report;
    let said = &report.reported;
    let iso = |at: &Timestamp| at.iso();
    let mut value = json!({
        "id": report.id,
        "drill": report.is_drill(),
        "standing": report.standing.name(),
        "channel": said.channel.name(),
        "reported_at": report.reported_at.iso(),
        "place": said.place,
        "hazard": said.hazard,
        "position": said.position.map(|p| [p.lat, p.lon]),
        "words": shown.words,
        "people": said.people,
        "account": said.account,
        "number": shown.number,
        "decided_by": report.decided.as_ref().map(|(_, by)| by.to_string()),
        "decided_at": report.decided.as_ref().map(|(at, _)| iso(at)),
        "ended_by": report.ended.as_ref().map(|(_, _, by)| by.to_string()),
        "ended_at": report.ended.as_ref().map(|(_, at, _)| iso(at)),
        "callouts": callouts(report),
        "findings": report.refused,
        "events": report.seq,
    });
    if let Some((warning, _)) = report.standing.raised() {
        value["warning"] = json!(warning);
    }
    value
}
