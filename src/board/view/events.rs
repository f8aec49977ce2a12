//! Events in words.

use super::scene::Scene;
use super::words;
use crate::board::text::Lang;
use crate::evidence::Numbered;
use crate::model::{Action, CallIx, Event, Fact, TargetIx};

/// An event on the page.
pub(in crate::board) struct Said {
    pub seq: u64,
    pub at: String,
    /// How much it matters: `alarm`, `good`, or nothing.
    pub class: &'static str,
    pub text: String,
}

macro_rules! say {
    ($lang:expr, $zh:literal, $en:literal) => {
        match $lang {
            Lang::Zh => format!($zh),
            Lang::En => format!($en),
        }
    };
}

/// An event in words. The scene's callout must hold the event already.
pub(in crate::board) fn said(scene: &Scene<'_>, numbered: &Numbered) -> Said {
    Said {
        seq: numbered.seq,
        at: words::clock(numbered.entry.0),
        class: class(&numbered.entry.1),
        text: text(scene, &numbered.entry.1),
    }
}

fn class(event: &Event) -> &'static str {
    match event {
        Event::TargetExhausted { .. } | Event::ClockMissed { .. } | Event::Raised { .. } | Event::GapFound { .. } => {
            "bad"
        }
        Event::ActionReported { .. }
        | Event::Answered { .. }
        | Event::Confirmed { .. }
        | Event::TargetSatisfied { .. }
        | Event::ClockMet { .. } => "good",
        Event::TargetTakenOver { .. } | Event::TierOpened { .. } => "mid",
        _ => "",
    }
}

fn text(s: &Scene<'_>, event: &Event) -> String {
    let l = s.lang;
    match event {
        Event::Opened { place, colour, hazard, .. } => {
            let kind = words::kind(l, hazard, *colour);
            say!(l, "{place}{kind}，开始叫应", "{kind} for {place}: call-out begins")
        }
        Event::MessageApplied { colour, recall, conflict, .. } => {
            let colour = words::colour(l, *colour);
            let recall = if *recall { l.pick("，全部重叫", ", everybody is called again") } else { "" };
            let conflict = if *conflict { l.pick("，与前文矛盾", ", contradicts an earlier one") } else { "" };
            say!(l, "新报文生效：{colour}{recall}{conflict}", "message applied: {colour}{recall}{conflict}")
        }
        Event::TargetCovered { spec, beside, .. } => {
            let (name, why) = (&spec.name, beside.as_ref().map(|b| s.beside(b)));
            match why {
                Some(why) => say!(l, "{name} 横向叫应：{why}", "{name} is called sideways: {why}"),
                None => say!(l, "{name} 纳入叫应", "{name} is covered by the warning"),
            }
        }
        Event::GapFound { gap } => {
            let (ground, why) = (s.directory.place(&gap.ground), words::gap(l, gap.reason));
            let step = gap.step.map(|step| s.step(step)).unwrap_or_default();
            say!(l, "缺口：{ground} {step} {why}", "gap: {ground} {step} {why}")
        }
        Event::GapClosed { gap } => {
            let (ground, why) = (s.directory.place(&gap.ground), words::gap(l, gap.reason));
            say!(l, "缺口消除：{ground} {why}", "gap closed: {ground} {why}")
        }
        Event::StepStarted { target, step, round, cause, .. } => {
            let (name, step, cause) = (s.target(*target), s.step(*step), words::cause(l, *cause));
            say!(l, "{name} 开始叫{step}（第{round}轮，{cause}）", "{name}: calling {step} (round {round}, {cause})")
        }
        Event::CallPlanned { call, purpose, targets, .. } => {
            let (who, what, n) = (who(s, *call), words::purpose(l, *purpose), targets.len());
            say!(l, "安排{what}：{who}，{n} 处", "planned for {who}: {what}, {n} target(s)")
        }
        Event::AttemptReleased { call, channel, contact, phrasing, gateway, routed, bundle, .. } => {
            let (who, channel, phone) = (who(s, *call), words::channel(l, *channel), s.phone(&contact.contact));
            let how = Some(words::phrasing(l, phrasing)).filter(|how| !how.is_empty());
            let how = how.map(|how| say!(l, "（{how}）", " ({how})")).unwrap_or_default();
            let routed = routed.as_ref().map(|r| words::routed(l, gateway, r)).unwrap_or_default();
            let bundle = words::bundle(l, bundle);
            format!("{channel} → {who} {phone}{how}{bundle}{routed}")
        }
        Event::RungSkipped { call, reason, .. } => {
            let (who, why) = (who(s, *call), words::skip(l, *reason));
            say!(l, "{who} 跳过一次：{why}", "{who} skipped: {why}")
        }
        Event::AttemptReported { attempt, fact, .. } => reported(s, *attempt, fact),
        Event::Answered { call, answer, way, proof, targets, on_behalf, .. } => {
            let (who, answer, n) = (who(s, *call), words::answer(l, *answer), targets.len());
            let how = words::way_and_proof(l, *way, *proof);
            match on_behalf.as_ref().map(|b| &b.operator) {
                None => {
                    say!(l, "{who} 应答：{answer}（{how}，{n} 处）", "{who} answered: {answer} ({how}, {n} target(s))")
                }
                Some(by) => say!(
                    l,
                    "{by} 代 {who} 应答：{answer}（{n} 处）",
                    "{by} answered on behalf of {who}: {answer} ({n} target(s))"
                ),
            }
        }
        Event::ReplyNoted { call, reason, way, .. } => {
            let who = call.map(|c| who(s, c)).unwrap_or_default();
            let (why, way) = (words::note(l, *reason), words::way(l, *way));
            say!(l, "{who} 有回复，不算应答：{why}（{way}）", "{who} said something that is no answer: {why} ({way})")
        }
        Event::Confirmed { call, way, .. } => {
            let (who, way) = (who(s, *call), words::way(l, *way));
            say!(l, "{who} 已确认误报撤回（{way}）", "{who} confirmed the retraction ({way})")
        }
        Event::TargetSatisfied { target, step, .. } => {
            let (name, step) = (s.target(*target), s.step(*step));
            say!(l, "{name} 已叫应（{step}）", "{name} is covered ({step})")
        }
        Event::TargetTakenOver { target, step, above, .. } => {
            let by = match (step, above) {
                (Some(step), _) => s.step(*step),
                (None, Some(region)) => s.region(region),
                (None, None) => String::new(),
            };
            let name = s.target(*target);
            say!(l, "{name} 由{by}接手，须派人上门", "{name} taken over by {by}: somebody must go there")
        }
        Event::TargetExhausted { target, round, .. } => {
            let name = s.target(*target);
            say!(l, "{name} 第{round}轮各级无人应答", "{name}: nobody answered in round {round}")
        }
        Event::TargetReleased { target, reason } => {
            let (name, why) = (s.target(*target), words::release(l, *reason));
            say!(l, "{name} 解除：{why}", "{name} released: {why}")
        }
        Event::TierScheduled { tier, due } => {
            let (tier, due) = (s.tier(*tier), words::clock(*due));
            say!(l, "{tier} 将于 {due} 启动", "{tier} opens at {due}")
        }
        Event::TierOpened { tier, moves, .. } => {
            let (tier, moves) = (s.tier(*tier), words::moves(l, *moves));
            say!(l, "{tier} 启动 {moves}", "{tier} opened {moves}")
        }
        Event::ActionReported { call, targets, action, way, on_behalf, .. } => {
            let (who, what) = (call.map(|c| who(s, c)).unwrap_or_default(), what(s, action, targets));
            let by = on_behalf.as_ref().map_or(words::way(l, *way), |b| &b.operator);
            let ground = match targets[..] {
                [one] => s.target(one).to_owned(),
                _ => format!("{} {}", targets.len(), l.texts().places),
            };
            say!(l, "{ground} {what}：{who}（{by}）", "{ground} {what}: {who} ({by})")
        }
        Event::ClockMoved { clock, due } => {
            let ((title, name), due) = (clock_of(s, *clock), words::clock(*due));
            say!(l, "{title}改至 {due}：{name}", "{title} for {name} moved to {due}")
        }
        Event::ClockReminded { clock } => {
            let (title, name) = clock_of(s, *clock);
            say!(l, "已提醒{title}：{name}", "reminded of {title} for {name}")
        }
        Event::ClockStarted { clock, due, .. } => {
            let ((title, name), due) = (clock_of(s, *clock), words::clock(*due));
            say!(l, "{title}起算：{name}，至 {due}", "{title} runs for {name} until {due}")
        }
        Event::ClockMet { clock } => {
            let (title, name) = clock_of(s, *clock);
            say!(l, "{title}达成：{name}", "{title} met for {name}")
        }
        Event::ClockMissed { clock } => {
            let (title, name) = clock_of(s, *clock);
            say!(l, "{title}超时：{name}", "{title} missed for {name}")
        }
        Event::CallSilenced { call } => {
            let who = who(s, *call);
            say!(l, "停止呼叫 {who}", "no more calls to {who}")
        }
        Event::Raised { to, targets, gaps } => {
            let to = s.region(to);
            say!(
                l,
                "上报{to}：{targets} 处无人应答，{gaps} 处缺口",
                "raised to {to}: {targets} without an answer, {gaps} gaps"
            )
        }
        Event::Lowered { to } => {
            let to = s.region(to);
            say!(l, "告知{to}：上报事项已了结", "{to} was told: what went up is over")
        }
        Event::BelowTold { region, needs, .. } => {
            let region = s.region(region);
            match needs {
                true => say!(l, "{region} 上报", "{region} raised"),
                false => say!(l, "{region} 上报事项已了结", "what {region} had raised is over"),
            }
        }
        Event::Closed { reason, by, .. } => {
            let by = by.as_ref().map(|id| format!(" {id}")).unwrap_or_default();
            let why = words::close(l, *reason);
            say!(l, "叫应结束：{why}{by}", "call-out over: {why}{by}")
        }
    }
}

fn reported(s: &Scene<'_>, attempt: u32, fact: &Fact) -> String {
    let l = s.lang;
    let Some(a) = s.callout.attempts.get(attempt as usize) else { return String::new() };
    let (who, channel) = (who(s, a.call), words::channel(l, a.channel));
    let what = match fact {
        Fact::Reached { stage, .. } => words::stage(l, a.channel, *stage),
        Fact::Failed { failure, .. } => words::failure(l, *failure),
        Fact::Ended => l.pick("通话结束", "call over"),
        Fact::Unknown { resent: true } => l.pick("去向不明，以同一标识重发", "unknown, sent again under its key"),
        Fact::Unknown { resent: false } => l.pick("去向不明", "unknown"),
    };
    say!(l, "{channel} {who}：{what}", "{channel} {who}: {what}")
}

/// A report of targets in words, with the plan's names for what it reports.
pub(in crate::board) fn what(s: &Scene<'_>, action: &Action, targets: &[TargetIx]) -> String {
    let words = words::action(s.lang, action);
    match action {
        Action::Reached { milestone, unit } => {
            format!("{words} {} {}", s.milestone(milestone), s.unit(unit, targets.first().copied()))
                .trim_end()
                .to_owned()
        }
        Action::Checked { item } => format!("{words} {}", s.item(*item)),
        _ => words,
    }
}

fn who(s: &Scene<'_>, call: CallIx) -> String {
    s.callout.calls.get(call as usize).map(|c| s.person(c.person)).unwrap_or_default()
}

fn clock_of(s: &Scene<'_>, clock: u32) -> (String, String) {
    s.callout.clocks.get(clock as usize).map(|c| s.clock(c)).unwrap_or_default()
}
