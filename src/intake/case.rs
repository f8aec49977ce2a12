//! What a message means for the callouts: orders to all command regions that its warning covers or covered.

use super::desk::FrontDesk;
use super::lineage::{SENT_AHEAD_MS_MAX, Standing, Taken};
use super::warning::{CoveredRegion, Effect, WarningState};
use super::{Posted, ReceiptCover};
use crate::directory::{Cover, Directory, Places};
use crate::journal::{InboxItem, MessageName};
use crate::model::{
    CalloutId, Colour, Command, Finding, Gap, Head, Message, MessageAt, MessageKind, MessageRef, Order, RegionCode,
    Timestamp, WarningId, Words,
};
use crate::plan::{self, Extent};
use std::collections::BTreeSet;

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
#[derive(Default)]
pub(super) struct Plan {
    pub effect: Effect,
    /// The command regions whose callouts take the message.
    pub regions: BTreeSet<RegionCode>,
    /// What goes to other callouts beside it.
    pub beside: Vec<InboxItem>,
    /// What it covers.
    pub cover: Vec<CoveredRegion>,
    /// All its ground lies outside the directory.
    pub nowhere: bool,
    /// What the warning says with it, and where.
    says: Option<Says>,
    extent: Extent,
}

/// What a warning says with a message taken in.
struct Says {
    message: Message,
    /// The message that callouts name.
    reference: MessageRef,
    onset: Option<Timestamp>,
    origin_time: Option<Timestamp>,
    /// It contradicts an earlier message and can only add.
    conflict: bool,
}

impl FrontDesk {
    /// What follows from a message: the difference that it makes to what its warning says.
    pub(super) fn plan(&self, case: &mut Case<'_>) -> Plan {
        let Case { posted, message, state, conflict, now, .. } = *case;
        let mut plan = Plan::default();
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
            plan_cancel(&mut plan, case);
            return plan;
        }
        let mut says = Says {
            message: standing.message().clone(),
            reference: if conflict { message.reference() } else { standing.message().reference() },
            onset: standing.onset,
            origin_time: standing.origin_time,
            conflict,
        };
        if !conflict {
            // Those that were covered and are not any more.
            plan.regions = state.regions();
        }
        if standing.expires().is_some_and(|at| at <= now) {
            let reason = "nobody is called: the warning's time ran out before it came";
            case.findings.push(Finding::notice("expires", reason));
            if plan.regions.is_empty() {
                plan.effect = Effect::Superseded;
            }
            plan.says = Some(says);
            return plan;
        }
        self.note_times(case, &standing);
        (says.message.colour, says.message.expires) = (standing.colour(), standing.expires());
        let cover = self.cover(case, &standing);
        let outside = cover.outside.clone();
        plan.extent = plan::extent(case.directory, &self.plans, &says.message, cover);
        for (region, targets) in plan.extent.regions() {
            plan.regions.insert(region.clone());
            plan.cover.push(CoveredRegion { region: region.clone(), targets: targets as u32 });
        }
        if plan.effect != Effect::Joined {
            self.plan_outside(&mut plan, case, &says.message, &outside);
            if let Some(before) = before.filter(|_| !conflict) {
                self.lower_outside(&mut plan, case, &before, &outside);
            }
        }
        plan.nowhere = plan.cover.is_empty();
        plan.says = Some(says);
        plan
    }

    /// The order that a planned message is to one of its regions.
    pub(super) fn order_in(&self, case: &Case<'_>, plan: &Plan, region: &RegionCode) -> Option<Order> {
        let says = plan.says.as_ref()?;
        let Case { directory, warning, now, .. } = *case;
        let mut order = plan.extent.order(directory, &self.plans, &says.message, warning, region, now)?;
        order.message = says.reference.clone();
        (order.onset, order.origin_time, order.conflict) = (says.onset, says.origin_time, says.conflict);
        (order.position, order.retracted) = (case.state.next, case.retraction);
        Some(order)
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
            let targets = directory.targets();
            covered.targets.retain(|place| regions.iter().any(|r| r.holds(&targets[place].region)));
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
            plan.cover.push(CoveredRegion { region: parent.clone(), targets: 1 });
            plan.beside.push(InboxItem {
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
                plan.beside.push(InboxItem {
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
    /// What goes to the inbox. Orders are made later: nobody waits for all of them before the first is called.
    pub(super) fn items(&self, case: &Case<'_>) -> Vec<InboxItem> {
        let Some(says) = &self.says else { return self.beside.clone() };
        let (digest, colour) = (case.message.digest(), says.message.status.urgency(plan::colour_of(&says.message)));
        let item = |region: &RegionCode| InboxItem {
            id: format!("message/{digest}/{region}"),
            stream: CalloutId::of(region, case.warning).stream(),
            colour,
            posted_at: case.now,
            command: Command::Message(MessageAt {
                warning: case.warning.clone(),
                position: case.state.next,
                region: region.clone(),
            }),
        };
        self.regions.iter().map(item).chain(self.beside.iter().cloned()).collect()
    }

    /// What a receipt says of ground that goes straight to the region above.
    pub(super) fn raised(&self) -> impl Iterator<Item = ReceiptCover> {
        let raises = self.beside.iter().filter_map(|item| match &item.command {
            Command::Raise(raise) => Some(&raise.order),
            _ => None,
        });
        raises.filter_map(receipt_cover)
    }
}

/// The end goes to every region that was ever covered, and to those above, which may have been raised to.
fn plan_cancel(plan: &mut Plan, case: &Case<'_>) {
    let message = case.message;
    let above = |r: &RegionCode| std::iter::successors(Some(r.clone()), RegionCode::parent);
    plan.regions = case.state.regions().iter().flat_map(above).collect();
    plan.says = Some(Says {
        message: message.clone(),
        reference: message.reference(),
        onset: message.onset,
        origin_time: message.origin_time,
        conflict: false,
    });
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
    let ground = |m: &Message| directory.cover(&m.areas).regions.into_values().map(|c| c.targets);
    let mut known = Places::default();
    others.iter().flat_map(|m| ground(m)).for_each(|more| known.extend(more));
    let colour = others.iter().filter_map(|m| m.colour).max();
    let more = ground(message).any(|targets| targets.iter().any(|place| !known.contains(place)));
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

/// What a receipt says of an order; nothing of one that covers nothing.
pub(super) fn receipt_cover(order: &Order) -> Option<ReceiptCover> {
    if order.ground.is_empty() && order.gaps.is_empty() {
        return None;
    }
    let persons: BTreeSet<_> =
        order.ground.iter().flat_map(|g| &g.seats).flat_map(|s| s.answer.iter().chain(&s.alert)).collect();
    Some(ReceiptCover {
        region: order.region.to_string(),
        place: order.place.clone(),
        callout: CalloutId::of(&order.region, &order.warning).to_string(),
        targets: order.ground.len() as u32,
        persons: persons.len() as u32,
        gaps: order.gaps.len() as u32,
    })
}

fn words(message: &Message) -> Words {
    message.wording("zh").map_or_else(Words::default, |w| Words {
        headline: w.headline.clone(),
        description: w.description.clone(),
        instruction: w.instruction.clone(),
    })
}
