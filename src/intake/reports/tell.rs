//! The texts to reporters and duty officers. They go beside the calls: no call waits for them.

use super::desk::ReportDesk;
use super::event::{ReportEvent, Standing, TextPurpose};
use super::shelf::Shown;
use crate::engine::marked;
use crate::gateway::Outgoing;
use crate::journal::{Group, JournalError};
use crate::model::{AttemptIx, AttemptKey, CalloutId, Channel, PersonId, RegionCode, ReportId};

/// Milliseconds during which a text may still be delivered.
const VALID_MS: i64 = 600_000;
/// Characters of a report that are told to a duty officer; the board has all of them.
const WORDS_CHARS: usize = 60;
/// What the key of a report's text begins with. Callouts are named by their region's digits.
const KEY: &str = "report-";
/// Keys of one event's texts.
const KEYS_PER_EVENT: u32 = 1000;

/// Whether an attempt is a report's text, whose receipts and replies belong to no callout.
pub(super) fn is_text(key: &AttemptKey) -> bool {
    key.callout.as_str().starts_with(KEY)
}

fn key(id: &ReportId, seq: u64, nth: usize) -> AttemptKey {
    let attempt = u32::try_from(seq).unwrap_or(u32::MAX / KEYS_PER_EVENT).saturating_mul(KEYS_PER_EVENT);
    AttemptKey { callout: CalloutId::from(format!("{KEY}{id}")), attempt: attempt.saturating_add(nth as AttemptIx) }
}

impl ReportDesk {
    /// Writes that a text goes out, sends it, and writes what the gateway answered. Each text is sent once:
    /// after a crash in between its fate stays unknown.
    pub(super) async fn tell(
        &self,
        shown: &Shown,
        purpose: TextPurpose,
        region: Option<RegionCode>,
        mut to: Vec<PersonId>,
    ) -> Result<(), JournalError> {
        let (report, directory) = (&shown.report, self.directory());
        let sms = |id: &PersonId| {
            let person = directory.person(id)?;
            Some((person.contacts_on(Channel::Sms).next()?.number.clone(), person.language.clone()))
        };
        // The directory may have changed since it was looked who is told.
        to.retain(|id| sms(id).is_some());
        let drill = report.is_drill();
        let serves = |g: &&(std::sync::Arc<dyn crate::gateway::Gateway>, bool)| {
            g.1 == drill && g.0.channels().contains(&Channel::Sms)
        };
        let gateway = self.gateways.iter().find(serves).map(|(gateway, _)| gateway.clone());
        let text = self.text(shown, purpose);
        let id = gateway.as_ref().map(|g| g.id().clone());
        let event = ReportEvent::Texted { purpose, to: to.clone(), region, gateway: id };
        let Some(report) = self.write(&report.id, Some(report), event, Group::default()).await? else { return Ok(()) };
        let Some(gateway) = gateway else { return Ok(()) };
        let outgoing = to.iter().enumerate().filter_map(|(nth, id)| {
            let (number, language) = sms(id)?;
            Some(Outgoing {
                key: key(&report.id, report.seq, nth),
                channel: Channel::Sms,
                number,
                text: text.clone(),
                template: None,
                speech: None,
                code: None,
                language,
                drill,
                colour: self.rules.trusted_colour.name(),
                valid_until: report.recorded_at.plus_ms(VALID_MS),
            })
        });
        let outgoing: Vec<_> = outgoing.collect();
        let mut facts = Vec::new();
        for batch in outgoing.chunks(gateway.batch_max().max(1)) {
            facts.extend(gateway.submit(batch.to_vec()).await);
        }
        let event = ReportEvent::TextsSent { facts };
        // A decision may have come meanwhile: the answer stands behind it.
        while let Some(now) = self.read(&report.id).await? {
            if self.write(&report.id, Some(&now), event.clone(), Group::default()).await?.is_some() {
                break;
            }
        }
        Ok(())
    }

    fn text(&self, shown: &Shown, purpose: TextPurpose) -> String {
        let (report, directory) = (&shown.report, self.directory());
        let id = &report.id;
        let text = match (purpose, report.is_drill()) {
            (TextPurpose::Confirm, false) => {
                let done = match report.standing {
                    Standing::Raised { .. } => "已按本地预警叫应",
                    _ if report.is_told() => "已报值班人员",
                    // Nobody may read it in time: the reporter must not rely on it.
                    _ => "已记录，请同时电话报告值班室",
                };
                format!("险情报告已收到，编号{id}，{done}。请先撤到安全的地方，情况有变请再报。")
            }
            (TextPurpose::Confirm, true) => {
                format!("演练报告已收到，编号{id}。若是真实险情，请立即电话报告值班室，或不写“演练”重新发送。")
            }
            (TextPurpose::Alert, _) => {
                let place = report.reported.place.as_ref().map_or_else(String::new, |p| directory.place(p.as_str()));
                let words: String = shown.words.as_deref().unwrap_or_default().chars().take(WORDS_CHARS).collect();
                format!("【险情报告】{place}：{words}。编号{id}，请在平台上受理或排除。")
            }
        };
        if report.is_drill() { marked(Channel::Sms, &text) } else { text }
    }
}
