//! The words for what the model names.

use crate::board::text::Lang;
use crate::model::{
    Action, Answer, AnswerWay, Attempt, AttemptKey, Channel, CloseReason, Colour, Failure, Figures, GapReason,
    GatewayId, Hazard, Moves, NoteReason, Passed, Phrasing, Proof, Purpose, ReleaseReason, Routed, SkipReason, Stage,
    StepCause, Timestamp,
};

pub(super) fn colour(lang: Lang, colour: Colour) -> &'static str {
    let en = match colour {
        Colour::Blue => "Blue",
        Colour::Yellow => "Yellow",
        Colour::Orange => "Orange",
        Colour::Red => "Red",
    };
    lang.pick(colour.zh(), en)
}

fn hazard(lang: Lang, hazard: &Hazard) -> &str {
    lang.pick(hazard.zh(), hazard.en())
}

/// `暴雨红色预警`, `Red rainstorm warning`.
pub(in crate::board) fn kind(lang: Lang, of: &Hazard, level: Colour) -> String {
    let (hazard, colour) = (hazard(lang, of), colour(lang, level));
    match lang {
        Lang::Zh => format!("{hazard}{colour}预警"),
        Lang::En => format!("{colour} {hazard} warning"),
    }
}

pub(in crate::board) fn channel(lang: Lang, channel: Channel) -> &'static str {
    let en = match channel {
        Channel::Sms => "SMS",
        Channel::Voice => "Voice",
        Channel::Broadcast => "Broadcast",
    };
    lang.pick(channel.zh(), en)
}

/// How far an attempt came, or how it ended.
pub(super) fn progress(lang: Lang, attempt: &Attempt) -> &'static str {
    match attempt.failure {
        Some(f) => failure(lang, f),
        None => stage(lang, attempt.channel, attempt.stage),
    }
}

pub(super) fn stage(lang: Lang, channel: Channel, stage: Stage) -> &'static str {
    let (zh, en) = match (channel, stage) {
        (_, Stage::Released) => ("已发出", "released"),
        (_, Stage::Unknown) => ("去向不明", "unknown"),
        (Channel::Voice, Stage::Submitted) => ("拨号中", "dialling"),
        (_, Stage::Submitted) => ("已提交", "submitted"),
        (Channel::Voice, Stage::Delivered) => ("响铃中", "ringing"),
        (_, Stage::Delivered) => ("已送达", "delivered"),
        (Channel::Voice, Stage::PickedUp) => ("已接听", "picked up"),
        (_, Stage::PickedUp) => ("播放中", "playing"),
        (Channel::Voice, Stage::Heard) => ("已听完", "heard to the end"),
        (_, Stage::Heard) => ("已播完", "played"),
    };
    lang.pick(zh, en)
}

pub(super) fn failure(lang: Lang, failure: Failure) -> &'static str {
    let (zh, en) = match failure {
        Failure::Busy => ("占线", "busy"),
        Failure::NoAnswer => ("无人接听", "no answer"),
        Failure::Declined => ("拒接", "declined"),
        Failure::HungUp => ("中途挂断", "hung up"),
        Failure::Undelivered => ("未送达", "undelivered"),
        Failure::DeadNumber => ("空号", "dead number"),
        Failure::Refused => ("网关拒绝", "refused by the gateway"),
        Failure::GatewayDown => ("网关不通", "gateway down"),
        Failure::Expired => ("过时未发", "expired"),
        Failure::Withdrawn => ("已撤回", "withdrawn"),
        Failure::Parted => ("合并未成，未发出", "not sent: the bundle came apart"),
    };
    lang.pick(zh, en)
}

pub(in crate::board) fn answer(lang: Lang, answer: Answer) -> &'static str {
    let t = lang.texts();
    match answer {
        Answer::Yes => t.yes,
        Answer::Cannot => t.cannot,
    }
}

pub(super) fn proof(lang: Lang, proof: Proof) -> &'static str {
    let (zh, en) = match proof {
        Proof::Delivered => ("送达", "delivered"),
        Proof::PickedUp => ("接听", "picked up"),
        Proof::Heard => ("听完", "heard"),
        Proof::Key => ("按键", "key"),
        Proof::Code => ("回复码或链接", "code or link"),
        Proof::Attested => ("代为证明", "attested"),
        Proof::Action => ("已行动", "action"),
    };
    lang.pick(zh, en)
}

pub(super) fn way(lang: Lang, way: AnswerWay) -> &'static str {
    let (zh, en) = match way {
        AnswerWay::Sms => ("短信", "SMS"),
        AnswerWay::Voice => ("电话", "voice"),
        AnswerWay::CallBack => ("回拨电话", "call back"),
        AnswerWay::Link => ("链接", "link"),
        AnswerWay::Operator => ("代为应答", "operator"),
    };
    lang.pick(zh, en)
}

/// The way an answer came and how sure it is, told once: a link's button is as sure as a reply code.
pub(super) fn way_and_proof(lang: Lang, by: AnswerWay, how: Proof) -> String {
    let way = way(lang, by);
    match (by, how) {
        (AnswerWay::Link | AnswerWay::Operator, _) => way.to_owned(),
        (_, Proof::Code) => format!("{way}{}{}", lang.pick("，", ", "), lang.pick("回复码", "code")),
        (_, how) => format!("{way}{}{}", lang.pick("，", ", "), proof(lang, how)),
    }
}

pub(super) fn purpose(lang: Lang, purpose: Purpose) -> &'static str {
    let (zh, en) = match purpose {
        Purpose::CallOut => ("叫应", "call out"),
        Purpose::Alert => ("广播", "alert"),
        Purpose::Cancelled => ("告知解除", "tell of the end"),
        Purpose::Retracted => ("告知误报", "retract the false alarm"),
        Purpose::Dropped => ("告知无须响应", "tell that nobody is needed"),
        Purpose::Updated => ("告知更新", "tell of the update"),
        Purpose::AskCode => ("追问回复码", "ask for the code"),
        Purpose::Remind => ("提醒时限", "remind of the deadline"),
        Purpose::Suspended => ("告知演练中止", "tell that the drill stops"),
    };
    lang.pick(zh, en)
}

pub(super) fn gap(lang: Lang, reason: GapReason) -> &'static str {
    let (zh, en) = match reason {
        GapReason::UnknownArea => ("名录中没有这个地区", "not in the directory"),
        GapReason::NoTarget => ("没有责任区", "no target"),
        GapReason::NobodyInPost => ("岗位空缺", "nobody in post"),
        GapReason::NobodyAtAll => ("各级都没有人", "nobody at any step"),
    };
    lang.pick(zh, en)
}

pub(super) fn cause(lang: Lang, cause: StepCause) -> &'static str {
    let (zh, en) = match cause {
        StepCause::Covered => ("纳入叫应", "covered"),
        StepCause::Deadline => ("上一级超时", "the step before ran out"),
        StepCause::Refused => ("上一级无法应答", "the step before cannot"),
        StepCause::Repeated => ("再叫一轮", "next round"),
        StepCause::Upgraded => ("预警升级", "the colour went up"),
        StepCause::Raised => ("下级上报", "raised from below"),
        StepCause::Opened => ("到时启动", "its time has come"),
        StepCause::Idle => ("应而未动", "heard, and nothing done"),
    };
    lang.pick(zh, en)
}

pub(super) fn moves(lang: Lang, moves: Moves) -> &'static str {
    match moves {
        Moves::Nobody => "",
        Moves::Special => lang.pick("转移特殊群体", "move special groups"),
        Moves::Everyone => lang.pick("转移所有受威胁人员", "move everyone threatened"),
    }
}

/// A report from the ground in words.
pub(super) fn action(lang: Lang, action: &Action) -> String {
    let figures = |f: &Figures| match lang {
        Lang::Zh => format!("{}户{}人，其中特殊群体{}人，拒不转移{}人", f.households, f.persons, f.special, f.refused),
        Lang::En => {
            format!("{} households, {} persons, {} special, {} refuse", f.households, f.persons, f.special, f.refused)
        }
    };
    match action {
        Action::Moving(f) => format!("{} {}", lang.pick("正在转移", "moving"), figures(f)),
        Action::Done(f) => format!("{} {}", lang.pick("转移完毕", "all moved"), figures(f)),
        Action::Knocked => lang.pick("已上门", "doors knocked on").into(),
        Action::KnockConfirmed => lang.pick("上门已核实", "door-knock confirmed").into(),
        Action::Checked { item } => format!("{} {}", lang.pick("清单完成第", "checklist item"), item + 1),
        // The scene knows what the plan calls it.
        Action::Reached { .. } => lang.pick("已报", "reached").into(),
    }
}

pub(super) fn skip(lang: Lang, reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::NoContact => lang.pick("没有可用号码", "no usable contact"),
        SkipReason::NoGateway => lang.pick("没有可用网关", "no gateway"),
        SkipReason::Locked => lang.pick("网关均被人工锁定", "every gateway for it is locked by hand"),
        SkipReason::NoneWorks => {
            lang.pick("网关均不通，改用下一渠道", "no gateway for it works; the next channel is tried")
        }
        SkipReason::NoTemplate => lang.pick("网关没有对应的报备模板", "no gateway has a registered template for it"),
        SkipReason::NoDrillGateway => lang.pick("没有演练网关，演练不呼", "no gateway for drills: nobody is rung"),
    }
}

/// With how many warnings beside its own an attempt went out: `，与另1项预警合并叫应`.
pub(super) fn bundle(lang: Lang, bundle: &[AttemptKey]) -> String {
    match (bundle.len(), lang) {
        (0 | 1, _) => String::new(),
        (n, Lang::Zh) => format!("，与另{}项预警合并叫应", n - 1),
        (n, Lang::En) => format!(", in one message with {} other warning(s)", n - 1),
    }
}

/// Why an attempt goes through its gateway: `，经 sms-b（sms-a 不通）`.
pub(super) fn routed(lang: Lang, gateway: &GatewayId, routed: &Routed) -> String {
    let why = |why: Passed| match why {
        Passed::Locked => lang.pick("已锁定", "is locked"),
        Passed::Open => lang.pick("不通", "does not work"),
        Passed::Failed => lang.pick("刚才失败", "failed it just now"),
        Passed::Silent => lang.pick("无回音", "tells nothing"),
        Passed::Canary => lang.pick("自检失败", "fails its canary"),
        Passed::Busy => lang.pick("已满", "is busy"),
    };
    let past: Vec<_> = routed.past.iter().map(|(id, reason)| format!("{id} {}", why(*reason))).collect();
    let probe = lang.pick("试探", "a probe").to_owned();
    let told: Vec<_> = routed.probe.then_some(probe).into_iter().chain(past).collect();
    match lang {
        Lang::Zh => format!("，经 {gateway}（{}）", told.join("，")),
        Lang::En => format!(", through {gateway} ({})", told.join(", ")),
    }
}

/// How an attempt was phrased, as far as there is something to tell: `bo · 模板 SMS_1 · 截短 place · UCS-2 82 · 2 条`.
pub(super) fn phrasing(lang: Lang, phrasing: &Phrasing) -> String {
    let mut parts = Vec::new();
    parts.extend(phrasing.language.clone());
    parts.extend(phrasing.template.as_ref().map(|t| format!("{} {}", lang.pick("模板", "template"), t.id)));
    if !phrasing.cut.is_empty() {
        parts.push(format!("{} {}", lang.pick("截短", "cut"), phrasing.cut.join("、")));
    }
    parts.extend(phrasing.segments.map(|s| {
        let unit = if lang == Lang::En && s.segments == 1 { "segment" } else { lang.pick("条", "segments") };
        format!("{} {} · {} {unit}", s.alphabet.name(), s.units, s.segments)
    }));
    parts.join(" · ")
}

pub(super) fn note(lang: Lang, reason: NoteReason) -> &'static str {
    let (zh, en) = match reason {
        NoteReason::Ambiguous => ("不知所指哪次叫应", "could mean several callouts"),
        NoteReason::UnknownCode => ("回复码无效", "unknown code"),
        NoteReason::Nonsense => ("看不懂", "not understood"),
        NoteReason::BeforeSend => ("早于呼叫", "said before the call"),
        NoteReason::Superseded => ("针对升级前的呼叫", "for the lower colour"),
        NoteReason::Closed => ("叫应已结束", "after the close"),
        NoteReason::AboveRoster => ("数字超过底册", "above the roster"),
        NoteReason::BadFigure => ("数字有误", "no count of people"),
        NoteReason::NotListed => ("不在应报单位之列", "not a listed unit or milestone"),
        NoteReason::NoTask => ("没有这项任务", "no such task"),
        NoteReason::SamePerson => ("上报人不能自己确认", "whoever reported cannot confirm"),
        NoteReason::NoItem => ("清单中没有这一项", "not on the checklist"),
        NoteReason::WhichTarget => ("不知所指哪处责任区", "could mean several targets"),
    };
    lang.pick(zh, en)
}

/// Why something was kept and does not count, for whoever reported it.
pub(in crate::board) fn why(lang: Lang, reason: NoteReason) -> &'static str {
    let en = match reason {
        NoteReason::Ambiguous => "you are called for several warnings: say which one",
        NoteReason::UnknownCode => "the code is wrong",
        NoteReason::Nonsense => "it was not understood",
        NoteReason::BeforeSend => "said before the call was made",
        NoteReason::Superseded => {
            "the warning went up or this ground was released: see the newest notice and report again"
        }
        NoteReason::Closed => "the callout is over",
        NoteReason::AboveRoster => {
            "more than the roster has: check and report again, or have the duty officer record it with a reason"
        }
        NoteReason::BadFigure => "a figure is no count of people",
        NoteReason::NotListed => {
            "this unit or milestone is not among those that are to report, or it was reported before"
        }
        NoteReason::NoTask => "there is no door-knock task, or it is confirmed, or nobody has reported it yet",
        NoteReason::SamePerson => "whoever reported the door-knock cannot confirm it: a second person must",
        NoteReason::NoItem => "the checklist has no such item",
        NoteReason::WhichTarget => "figures cannot be told apart over several targets: report each alone",
    };
    lang.pick(reason.zh(), en)
}

pub(super) fn release(lang: Lang, reason: ReleaseReason) -> &'static str {
    match reason {
        ReleaseReason::Cancelled => lang.pick("预警解除", "cancelled"),
        ReleaseReason::Expired => lang.pick("预警到期", "expired"),
        ReleaseReason::SettledBelow => lang.pick("下级已落实", "settled below"),
        ReleaseReason::NotCovered => lang.pick("不再覆盖", "no longer covered"),
        ReleaseReason::Suspended => lang.pick("演练中止", "drill suspended"),
    }
}

pub(super) fn close(lang: Lang, reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::Cancelled => lang.pick("预警解除", "cancelled"),
        CloseReason::Expired => lang.pick("预警到期", "expired"),
        CloseReason::Suspended => {
            lang.pick("演练中止，真实红色或橙色预警优先", "drill suspended by a real red or orange warning")
        }
        CloseReason::Retracted => lang.pick("误报撤回", "false alarm retracted"),
    }
}

/// `04:18:05`, China Standard Time.
pub(in crate::board) fn clock(at: Timestamp) -> String {
    at.to_cst().format("%H:%M:%S").to_string()
}

/// `04:18`, China Standard Time.
pub(super) fn minute(at: Timestamp) -> String {
    at.to_cst().format("%H:%M").to_string()
}

/// `07-01 04:18`, China Standard Time.
pub(in crate::board) fn day(at: Timestamp) -> String {
    at.to_cst().format("%m-%d %H:%M").to_string()
}

/// `2026-07-01 04:18:05`, China Standard Time.
pub(in crate::board) fn exact_day(at: Timestamp) -> String {
    at.to_cst().format("%Y-%m-%d %H:%M:%S").to_string()
}

/// `2:31` or `1:02:31`; a minus stands before what has passed.
pub(super) fn span(ms: i64) -> String {
    let s = ms.abs() / 1000;
    let sign = if ms < 0 { "−" } else { "" };
    match s / 3600 {
        0 => format!("{sign}{}:{:02}", s / 60, s % 60),
        h => format!("{sign}{h}:{:02}:{:02}", s / 60 % 60, s % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Segments;

    #[test]
    fn a_phrasing_names_what_is_special_about_it() {
        let mut how = Phrasing { segments: Some(Segments::of(&"应".repeat(71))), ..Phrasing::default() };
        assert_eq!(phrasing(Lang::Zh, &how), "UCS-2 71 · 2 条");
        how.language = Some("bo".into());
        how.cut = vec!["a".into(), "b".into()];
        assert_eq!(phrasing(Lang::En, &how), "bo · cut a、b · UCS-2 71 · 2 segments");
        assert_eq!(phrasing(Lang::Zh, &Phrasing::default()), "");
    }

    #[test]
    fn an_attempt_tells_with_how_many_other_warnings_it_went_out() {
        let key = |attempt| AttemptKey { callout: "c".into(), attempt };
        assert_eq!(bundle(Lang::Zh, &[]), "");
        assert_eq!(bundle(Lang::Zh, &[key(0), key(1), key(2)]), "，与另2项预警合并叫应");
        assert_eq!(bundle(Lang::En, &[key(0), key(1)]), ", in one message with 1 other warning(s)");
    }
}
