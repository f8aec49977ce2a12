//! What a message means for the callouts: orders to all command regions that its warning covers or covered.

use super::desk::FrontDesk;
use super::lineage::{SENT_AHEAD_MS_MAX, Standing, Taken};
use super::warning::{Effect, WarningState};
use super::{Posted, ReceiptCover};
use crate::directory::{Cover, Covered, Directory};
use crate::journal::{InboxItem, MessageName};
use crate::model::{
    CalloutId, Colour, Command, Finding, Gap, Head, Message, MessageKind, Order, RegionCode, TargetId, Timestamp,
    WarningId, Words,
};
use crate::plan;
use std::collections::{BTreeMap, BTreeSet};

/// A message being taken, beside the warning as it stands.
pub(super) struct Case<'a> {
    pub posted: &'a Posted,
    pub message: &'a Message,
    pub findings: Vec<Finding>,
    pub warning: &'a WarningId,
    /// Identifiers that lead to the warning from now on.
    pub names: Vec<MessageName>,
    pub state: &'a WarningState,
    pub directory: &'a Directory,
    /// Another document with this identifier was taken before.
    pub conflict: bool,
    /// An operator says that it was a false alarm.
    pub retraction: bool,
    pub now: Timestamp,
}

/// What a message means for the callouts.
pub(super) struct Plan {
    pub effect: Effect,
    pub items: Vec<InboxItem>,
    pub cover: Vec<ReceiptCover>,
    /// All its ground lies outside the directory.
    pub nowhere: bool,
}

impl FrontDesk {
    /// What follows from a message: the difference that it makes to what its warning says.
    pub(super) fn plan(&self, case: &mut Case<'_>) -> Plan {
        let Case { posted, message, state, conflict, now, .. } = *case;
        let mut plan = Plan { effect: Effect::NotActual, items: Vec::new(), cover: Vec::new(), nowhere: false };
        let taken = Taken { at: now, account: posted.account.as_deref(), message };
        let standing = Standing::of(state.taken().chain([taken]));
        let Some(standing) = standing.filter(|_| message.status.calls()) else {
            case.findings.push(Finding::notice("status", "nobody is called: the message is not for an actual event"));
            return plan;
        };
        let before = Standing::of(state.taken());
        plan.effect = effect(before.as_ref(), &standing, message, conflict);
        if plan.effect == Effect::Superseded {
            let reason = "nobody is called: a later message of this warning, or its cancellation, was taken before";
            case.findings.push(Finding::notice("sent", reason));
            return plan;
        }
        if standing.is_cancelled() {
            self.plan_cancel(&mut plan, case);
            return plan;
        }
        if standing.expires().is_some_and(|at| at <= now) {
            let reason = "nobody is called: the warning's time ran out before it came";
            case.findings.push(Finding::notice("expires", reason));
            let said = standing.message();
            self.plan_orders(&mut plan, case, &standing, said, BTreeMap::new());
            if plan.items.is_empty() {
                plan.effect = Effect::Superseded;
            }
            return plan;
        }
        self.note_times(case, &standing);
        let mut said = standing.message().clone();
        (said.colour, said.expires) = (standing.colour(), standing.expires());
        let cover = self.cover(case, &standing);
        let orders = plan::orders(case.directory, &self.plans, &said, case.warning, &cover, now);
        self.plan_orders(&mut plan, case, &standing, &said, orders);
        if plan.effect != Effect::Joined {
            self.plan_outside(&mut plan, case, &said, &cover.outside);
            if let Some(before) = before.filter(|_| !conflict) {
                self.lower_outside(&mut plan, case, &before, &cover.outside);
            }
        }
        plan.nowhere = plan.cover.is_empty();
        plan
    }

    /// Orders to the regions that are covered, and to those that were and are not any more.
    fn plan_orders(
        &self,
        plan: &mut Plan,
        case: &Case<'_>,
        standing: &Standing<'_>,
        said: &Message,
        mut orders: BTreeMap<RegionCode, Order>,
    ) {
        let Case { message, warning, state, directory, conflict, now, .. } = *case;
        for region in state.regions().into_iter().filter(|_| !conflict) {
            if !orders.contains_key(&region)
                && let Some(order) =
                    plan::order(directory, &self.plans, said, warning, &region, &Covered::default(), now)
            {
                orders.insert(region, order);
            }
        }
        for mut order in orders.into_values() {
            order.message = if conflict { message.reference() } else { standing.message().reference() };
            (order.onset, order.origin_time, order.conflict) = (standing.onset, standing.origin_time, conflict);
            plan.cover.extend((!order.ground.is_empty() || !order.gaps.is_empty()).then(|| receipt_cover(&order)));
            plan.post(case, order);
        }
    }

    /// The end goes to every region that was ever covered, and to those above, which may have been raised to.
    fn plan_cancel(&self, plan: &mut Plan, case: &Case<'_>) {
        let Case { message, warning, state, directory, now, .. } = *case;
        let regions = state.regions();
        let above = |r: &RegionCode| std::iter::successors(Some(r.clone()), RegionCode::parent);
        for region in regions.iter().flat_map(above).collect::<BTreeSet<_>>() {
            let order = plan::order(directory, &self.plans, message, warning, &region, &Covered::default(), now);
            if let Some(order) = order {
                plan.post(case, order);
            }
        }
    }

    /// Times that are read as they are written and may not be meant so.
    fn note_times(&self, case: &mut Case<'_>, standing: &Standing<'_>) {
        if case.message.sent.is_some_and(|sent| sent > case.now.plus_ms(SENT_AHEAD_MS_MAX)) {
            let reason = "lies in the future; between messages of this warning the time of arrival decides";
            case.findings.push(Finding::notice("sent", reason));
        }
        let Some(onset) = case.message.onset else { return };
        if onset <= case.now {
            let reason = "lies in the past: the hazard counts as begun, and nothing waits for it";
            case.findings.push(Finding::notice("onset", reason));
        }
        if standing.expires().is_some_and(|end| onset >= end) {
            case.findings.push(Finding::notice("onset", "lies behind the warning's end, which holds"));
        }
    }

    /// What the versions of the message that applies cover together, each as far as its account may post.
    fn cover(&self, case: &mut Case<'_>, standing: &Standing<'_>) -> Cover {
        let mut all = Cover::default();
        for version in &standing.versions {
            let mut cover = case.directory.cover(&version.message.areas);
            self.allowed(case, version.account, &mut cover);
            for (region, more) in cover.regions {
                let covered = all.regions.entry(region).or_default();
                covered.targets.extend(more.targets);
                covered.gaps.extend(more.gaps);
            }
            all.outside.extend(cover.outside);
        }
        if standing.versions.len() > 1 {
            for covered in all.regions.values_mut() {
                once(&mut covered.targets);
                once(&mut covered.gaps);
            }
            once(&mut all.outside);
        }
        all
    }

    /// Takes away what the shapes of a message reach beyond the regions that its account may post for.
    fn allowed(&self, case: &mut Case<'_>, account: Option<&str>, cover: &mut Cover) {
        let regions = self.senders.regions(account);
        if regions.is_empty() {
            return;
        }
        let directory = case.directory;
        let mut beyond = 0;
        for covered in cover.regions.values_mut() {
            let before = covered.targets.len();
            let may = |id: &TargetId| directory.target(id).is_some_and(|t| regions.iter().any(|r| r.holds(&t.region)));
            covered.targets.retain(may);
            beyond += before - covered.targets.len();
        }
        if beyond > 0 {
            cover.regions.retain(|_, c| !c.targets.is_empty() || !c.gaps.is_empty());
            let reason = format!("{beyond} targets lie in regions that the account may not post for");
            case.findings.push(Finding::notice("areas", reason));
        }
    }

    /// Ground that no command region of the directory holds goes to the nearest region above that is known.
    fn plan_outside(&self, plan: &mut Plan, case: &mut Case<'_>, message: &Message, outside: &[Gap]) {
        let Case { warning, directory, now, .. } = *case;
        for gap in outside {
            let code = RegionCode::parse(&gap.ground).ok();
            let parent = code.as_ref().and_then(|code| directory.known_ancestor(code));
            let (Some(code), Some(parent)) = (code, parent) else {
                let reason = format!("nobody is called for {:?}: it lies outside the directory", gap.ground);
                case.findings.push(Finding::notice("areas", reason));
                continue;
            };
            let colour = message.colour.unwrap_or(Colour::Red);
            let Some(file) = self.plans.select(&message.hazard, colour, &parent) else { continue };
            let head = Head {
                warning: warning.clone(),
                place: directory.place(code.as_str()),
                region: code.clone(),
                status: message.status,
                hazard: message.hazard.clone(),
                colour,
                message: message.reference(),
                words: words(message),
                onset: message.onset,
                origin_time: message.origin_time,
                expires: message.expires.unwrap_or_else(|| now.plus_ms(file.plan.in_force_ms)),
                plan: file.plan.clone(),
                directory: directory.version(),
                opened_at: now,
                recalled_from: 0,
                position: case.state.next,
            };
            let mut raise = plan::raise(directory, &self.plans, &head, &parent, 0, 1, now);
            raise.order.gaps.push(gap.clone());
            raise.seq = case.state.next;
            plan.cover.push(receipt_cover(&raise.order));
            plan.items.push(InboxItem {
                id: format!("message/{}/{code}", case.message.digest()),
                stream: CalloutId::of(&parent, warning).stream(),
                colour: message.status.urgency(colour),
                posted_at: now,
                command: Command::Raise(Box::new(raise)),
            });
        }
    }

    /// Ground outside the directory that the warning names no more: the region above is not asked any longer.
    fn lower_outside(&self, plan: &mut Plan, case: &Case<'_>, before: &Standing<'_>, outside: &[Gap]) {
        let named = before.versions.iter().flat_map(|v| case.directory.cover(&v.message.areas).outside);
        for gap in named.filter(|gap| !outside.contains(gap)) {
            let code = RegionCode::parse(&gap.ground).ok();
            let parent = code.as_ref().and_then(|code| case.directory.known_ancestor(code));
            if let (Some(region), Some(parent)) = (code, parent) {
                plan.items.push(InboxItem {
                    id: format!("lowered/{}/{region}", case.message.digest()),
                    stream: CalloutId::of(&parent, case.warning).stream(),
                    colour: case.message.status.urgency(before.colour().unwrap_or(Colour::Red)),
                    posted_at: case.now,
                    command: Command::Lowered { region, seq: case.state.next },
                });
            }
        }
    }
}

// === impl Plan ===

impl Plan {
    fn post(&mut self, case: &Case<'_>, mut order: Order) {
        (order.position, order.retracted) = (case.state.next, case.retraction);
        let stream = CalloutId::of(&order.region, case.warning).stream();
        let id = format!("message/{}/{}", case.message.digest(), order.region);
        let (colour, command) = (order.status.urgency(order.colour), Command::Apply(Box::new(order)));
        self.items.push(InboxItem { id, stream, colour, posted_at: case.now, command });
    }
}

/// What a message does to its warning.
fn effect(before: Option<&Standing<'_>>, after: &Standing<'_>, message: &Message, conflict: bool) -> Effect {
    let Some(before) = before else { return Effect::Applied };
    let told = |s: &Standing<'_>| (s.onset, s.origin_time);
    match () {
        () if before.is_cancelled() => Effect::Superseded,
        () if after.is_of(message) && conflict => Effect::AppliedConflict,
        () if after.is_of(message) => Effect::Applied,
        () if told(before) != told(after) => Effect::Joined,
        () => Effect::Superseded,
    }
}

/// Whether a message raises the colour or names ground beyond the other documents with its identifier.
pub(super) fn adds(directory: &Directory, state: &WarningState, message: &Message) -> bool {
    let of = |m: &Message| (m.sender == message.sender) && (m.identifier == message.identifier);
    let others: Vec<&Message> = state.taken().map(|t| t.message).filter(|m| of(m)).collect();
    let ground = |m: &Message| -> BTreeSet<TargetId> {
        directory.cover(&m.areas).regions.into_values().flat_map(|c| c.targets).collect()
    };
    let known: BTreeSet<_> = others.iter().flat_map(|m| ground(m)).collect();
    let colour = others.iter().filter_map(|m| m.colour).max();
    let more = ground(message).iter().any(|t| !known.contains(t));
    message.kind != MessageKind::Cancel && (message.colour > colour || more)
}

/// Keeps the first of equal items.
fn once<T: PartialEq>(items: &mut Vec<T>) {
    let all = std::mem::take(items);
    for item in all {
        if !items.contains(&item) {
            items.push(item);
        }
    }
}

fn receipt_cover(order: &Order) -> ReceiptCover {
    let persons: BTreeSet<_> =
        order.ground.iter().flat_map(|g| &g.seats).flat_map(|s| s.answer.iter().chain(&s.alert)).collect();
    ReceiptCover {
        region: order.region.to_string(),
        place: order.place.clone(),
        callout: CalloutId::of(&order.region, &order.warning).to_string(),
        targets: order.ground.len() as u32,
        persons: persons.len() as u32,
        gaps: order.gaps.len() as u32,
    }
}

fn words(message: &Message) -> Words {
    message.wording("zh").map_or_else(Words::default, |w| Words {
        headline: w.headline.clone(),
        description: w.description.clone(),
        instruction: w.instruction.clone(),
    })
}
