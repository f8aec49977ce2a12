//! What makes a plan senseless whoever is in the directory: steps that cannot be reached or passed,
//! waits of nothing, proofs that no channel can give.

use crate::model::{
    Channel, ClockEnd, ClockScope, ClockStart, Finding, Holders, Moves, Need, OnMiss, Plan, Proof, Step, Texts,
};
use std::collections::BTreeSet;

/// Faults of a command region's plan.
pub(super) fn check_plan(file: &str, plan: &Plan) -> Vec<Finding> {
    let mut findings = check_tiers(file, plan);
    let mut fault = |place: &str, reason: &str| findings.push(Finding::fatal(format!("{file} / {place}"), reason));
    let own = 0..plan.above();
    let shortest = own.map(|tier| plan.steps.iter().filter(|s| s.tier == tier).count()).min();
    if usize::from(plan.repeat_from) >= shortest.unwrap_or_default() {
        fault("repeat_from", &format!("{} is beyond the last step; steps count from 0", plan.repeat_from));
    }
    let waits = [
        ("in_force_s", plan.in_force_ms),
        ("repeat_s", plan.repeat_ms),
        ("retry_s", plan.retry_ms),
        ("valid_s", plan.valid_ms),
    ];
    for (key, _) in waits.iter().filter(|(_, ms)| *ms == 0) {
        fault(key, "0 seconds: it must be longer");
    }
    let mut names = BTreeSet::new();
    for clock in &plan.clocks {
        let place = format!("clock {}", clock.name);
        if !names.insert(&clock.name) {
            fault(&place, "the name stands twice");
        }
        if clock.name.is_empty() || !clock.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
            fault(&place, "a clock's name has only small letters and underscores, as it names a metric");
        }
        if clock.within_ms == 0 && clock.starts != ClockStart::Onset {
            fault(&place, "within_s is 0: the clock would be missed at once");
        }
        if clock.within_ms < 0 && clock.starts != ClockStart::Onset {
            fault(&place, "before_s: only a clock that starts = \"onset\" can end before its start");
        }
        let milestone = matches!(clock.until, ClockEnd::Milestone(_));
        if !clock.units.is_empty() && !milestone {
            fault(&place, "units: only a clock that waits for a milestone lists units");
        }
        if clock.of == ClockScope::Tier
            && matches!(clock.starts, ClockStart::TakenOver | ClockStart::Answered | ClockStart::Moving)
        {
            fault(&place, "starts: the clock of a tier starts with the tier, the onset or the origin");
        }
        if let ClockEnd::Tried(channel) = clock.until
            && !plan.steps.iter().any(|s| clock.holds_for(s.tier) && s.rings.iter().any(|r| r.channel == channel))
        {
            fault(&place, "until: no step that it watches over rings on this channel");
        }
        if clock.missed == OnMiss::Escalate && matches!(clock.until, ClockEnd::Answered | ClockEnd::Tried(_)) {
            fault(&place, "missed = \"escalate\": without an answer the steps go on by themselves");
        }
        if clock.source.trim().is_empty() {
            fault(&place, "source is empty: say where the number comes from");
        }
    }
    findings
}

/// Faults of tiers and their steps.
fn check_tiers(file: &str, plan: &Plan) -> Vec<Finding> {
    let mut findings = Vec::new();
    if plan.steps.len() > usize::from(u8::MAX) || plan.tiers.len() > usize::from(u8::MAX) {
        return vec![Finding::fatal(format!("{file} / step"), "more than 255 steps or tiers")];
    }
    let mut names = BTreeSet::new();
    for (ix, tier) in plan.tiers.iter().enumerate() {
        let single = plan.tiers.len() == 2;
        let list = match () {
            () if ix == usize::from(plan.above()) => "above".to_owned(),
            () if single => "step".to_owned(),
            () => format!("tier {} step", tier.name),
        };
        let place = format!("{file} / {list}");
        let mut fault = |wrong: bool, reason: &str| {
            if wrong {
                findings.push(Finding::fatal(&place, reason));
            }
        };
        fault(!names.insert(&tier.name), "the tier's name stands twice");
        fault(!plan.steps.iter().any(|s| usize::from(s.tier) == ix), "there is no step: nobody would be called");
        let told = tier.before_ms.is_none() && tier.moves == Moves::Nobody;
        fault(
            !told && tier.source.trim().is_empty(),
            "source is empty: say where the tier's time and action come from",
        );
        let mut elapsed = 0_i64;
        for (step_ix, step) in plan.steps.iter().filter(|s| usize::from(s.tier) == ix).enumerate() {
            let place = format!("{file} / {list} {} ({})", step_ix + 1, step.name);
            if elapsed >= plan.in_force_ms {
                findings.push(Finding::fatal(&place, "never reached: the steps before it outlast in_force_s"));
            }
            elapsed += step.wait_ms;
            findings.extend(step_faults(step, &plan.texts).into_iter().map(|reason| Finding::fatal(&place, reason)));
        }
    }
    findings
}

fn step_faults(step: &Step, texts: &Texts) -> Vec<String> {
    let mut faults: Vec<String> = Vec::new();
    let mut fault = |wrong: bool, reason: &str| {
        if wrong {
            faults.push(reason.to_owned());
        }
    };
    fault(step.name.trim().is_empty(), "name is empty");
    fault(step.posts.is_empty(), "posts is empty: nobody would be called");
    fault(step.wait_ms == 0, "wait_s is 0: the next step would start at once");
    fault(step.rings.is_empty(), "there is no ring: nobody would be called");
    fault(step.rings.iter().any(|r| r.tries == 0), "a ring has tries = 0");
    fault(step.rings.iter().any(|r| r.wait_ms == 0), "a ring has wait_s = 0");
    fault(step.proof == Proof::Delivered, "proof = \"delivered\": that a message arrived is never an answer");
    fault(step.need == Need::K(0), "need k = 0: the ground would be covered without an answer");
    let most = if step.holders == Holders::Present { step.posts.len() } else { usize::MAX };
    let wanted = if let Need::K(k) = step.need { usize::from(k) } else { 1 };
    fault(wanted > most && most > 0, "need k is greater than the persons a step with holders = \"present\" can have");
    let strongest = step.rings.iter().filter_map(|r| strongest(r.channel, texts)).max();
    let weak = !step.rings.is_empty() && strongest < Some(step.proof);
    fault(weak, &weak_reason(step.proof, strongest));
    let broadcasts = step.rings.iter().any(|r| r.channel == Channel::Broadcast);
    fault(!step.alert.is_empty() && !broadcasts, "alert names posts, but no ring has the channel broadcast");
    faults
}

fn weak_reason(wanted: Proof, strongest: Option<Proof>) -> String {
    match strongest {
        Some(strongest) => format!(
            "proof {wanted:?} cannot be given on the step's channels with the plan's texts; the strongest is {strongest:?}"
        ),
        None => format!("proof {wanted:?} cannot be given: the step's channels bring no answer at all"),
    }
}

/// The strongest answer that can come back on a channel: it depends on what the text asks for. A
/// voice call takes a code only when it speaks one; a pressed key alone is no code. A loudspeaker
/// answers nothing.
fn strongest(channel: Channel, texts: &Texts) -> Option<Proof> {
    match channel {
        // The link's page and the words of a short message can report an action.
        Channel::Sms if texts.sms.contains("{link}") || texts.sms.contains("{code}") => Some(Proof::Action),
        Channel::Voice if [&texts.voice, &texts.script.prompt].iter().any(|t| t.contains("{code}")) => {
            Some(Proof::Code)
        }
        Channel::Sms | Channel::Voice => Some(Proof::Key),
        Channel::Broadcast => None,
    }
}
