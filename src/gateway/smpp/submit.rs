//! Submitting, withdrawing, and how the gateway stands.

use super::address::destination;
use super::deliver::{TELLING_MAX, Teller};
use super::ledger::{Ledger, News, PartKey};
use super::link::{self, Link, Linker};
use super::session::{Lost, Session};
use super::status::{self, Verdict};
use super::text::{self, Written};
use crate::config::{LongText, SmppSection, Validity};
use crate::gateway::{Clock, Condition, Door, Gateway, Outgoing, Upcall, Upcalls};
use crate::model::{AttemptKey, Channel, Fact, Failure, GatewayId, Stage, Timestamp};
use futures::future::{BoxFuture, join_all};
use rusmpp::Pdu;
use rusmpp::pdus::{CancelSm, SubmitSm};
use rusmpp::tlvs::MessageSubmissionRequestTlvValue as Tlv;
use rusmpp::types::{AnyOctetString, EmptyOrFullCOctetString, OctetString};
use rusmpp::values::{EsmClass, MessagePayload, Npi, RegisteredDelivery, ServiceType, Ton};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU16, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// A receipt of the final outcome (SMPP 3.4 §5.2.17).
const FINAL_RECEIPT: u8 = 1;
/// A user data header stands before the words (SMPP 3.4 §5.2.12).
const UDHI: u8 = 0x40;
/// Octets of a payload.
const PAYLOAD_MAX: usize = 65_535;

/// What a gateway is made of beside its door.
pub struct SmppConfig {
    /// Its name.
    pub id: GatewayId,
    /// The channels it serves.
    pub channels: Vec<Channel>,
    /// Submits without an answer, at most.
    pub window: usize,
    /// Attempts in one submit.
    pub batch_max: usize,
    /// The password itself.
    pub password: String,
    /// The rest.
    pub settings: SmppSection,
    /// Feeds the jitter of pauses and the numbering of long texts.
    pub seed: u64,
}

/// A gateway that speaks SMPP 3.4 as a transceiver.
pub struct SmppGateway {
    id: GatewayId,
    channels: Vec<Channel>,
    batch_max: usize,
    settings: Arc<SmppSection>,
    ledger: Arc<Ledger>,
    link: watch::Receiver<Link>,
    upcalls: Arc<dyn Upcalls>,
    clock: Clock,
    /// Microseconds since the epoch; 0 when no pause was asked for.
    pause_until: AtomicI64,
    /// Joins the parts of a long text; phones tell them apart by it.
    reference: AtomicU16,
}

// === impl SmppGateway ===

impl SmppGateway {
    /// A gateway that begins to connect. Must be used inside a tokio runtime.
    ///
    /// # Errors
    /// What does not fit into a bind.
    pub fn new(config: SmppConfig, door: &Door) -> Result<Self, String> {
        let SmppConfig { id, channels, window, batch_max, password, settings, seed } = config;
        let bind = link::bind(&settings, &password)?;
        let settings = Arc::new(settings);
        let ledger = Arc::new(Ledger::new(settings.receipt_id));
        let (told, to_tell) = mpsc::channel(TELLING_MAX);
        let (link, link_now) = watch::channel(Link::Connecting);
        let teller = Teller {
            id: id.clone(),
            settings: settings.clone(),
            ledger: ledger.clone(),
            upcalls: door.upcalls.clone(),
        };
        let linker = Linker {
            name: id.to_string(),
            settings: settings.clone(),
            bind,
            window,
            ledger: ledger.clone(),
            told,
            link,
        };
        tokio::spawn(teller.run(to_tell));
        tokio::spawn(linker.run(seed, door.stop.clone()));
        Ok(Self {
            id,
            channels,
            batch_max,
            settings,
            ledger,
            link: link_now,
            upcalls: door.upcalls.clone(),
            clock: door.clock.clone(),
            pause_until: AtomicI64::new(0),
            reference: AtomicU16::new(seed as u16),
        })
    }

    /// The session, when there is one; waits a while for one that is being set up.
    async fn session(&self) -> Result<Arc<Session>, String> {
        let mut link = self.link.clone();
        let settled = link.wait_for(|link| match link {
            Link::Connecting => false,
            Link::Bound(session) => !session.is_over(),
            Link::Down(_) => true,
        });
        let limit = Duration::from_millis(self.settings.connect_timeout_ms);
        match timeout(limit, settled).await {
            Ok(Ok(link)) => match &*link {
                Link::Bound(session) => Ok(session.clone()),
                Link::Down(reason) => Err(reason.clone()),
                Link::Connecting => Err("is connecting".into()),
            },
            Ok(Err(_)) => Err("stopped".into()),
            Err(_) => Err("is connecting".into()),
        }
    }

    async fn submit_one(&self, attempt: &Outgoing) -> Fact {
        let now = (self.clock)();
        if attempt.valid_until <= now {
            return Fact::Failed { failure: Failure::Expired, detail: None };
        }
        if self.pause_until().is_some() {
            return down("asked to wait");
        }
        let source = match &attempt.code {
            Some(code) if self.settings.extension => format!("{}{code}", self.settings.source),
            _ => self.settings.source.clone(),
        };
        let parts = match self.parts(attempt, &source, now) {
            Ok(parts) => parts,
            Err(reason) => return Fact::Failed { failure: Failure::Refused, detail: Some(reason) },
        };
        let session = match self.session().await {
            Ok(session) => session,
            Err(reason) => return down(&reason),
        };
        self.ledger.open(&attempt.key, &attempt.number, &source, parts.len());
        let total = parts.len();
        for (part, pdu) in parts.into_iter().enumerate() {
            let key = PartKey { attempt: attempt.key.clone(), part };
            match self.submit_part(&session, pdu, key).await {
                None => {}
                Some(Fact::Failed { failure, detail }) if part == 0 => {
                    self.ledger.forget(&attempt.key);
                    return Fact::Failed { failure, detail };
                }
                // Some of it went out and all of it never will: another way must be tried, and it may have been seen.
                Some(Fact::Failed { detail, .. }) => {
                    let detail = format!("part {} of {total}: {}", part + 1, detail.unwrap_or_default());
                    self.ledger.failed(&attempt.key, Failure::Undelivered, Some(detail.clone()));
                    return Fact::Failed { failure: Failure::Undelivered, detail: Some(detail) };
                }
                Some(unknown) => return unknown,
            }
        }
        match self.ledger.news(&attempt.key) {
            News::Of(_, fact) => fact,
            News::Nothing => Fact::Reached { stage: Stage::Submitted, reference: None },
        }
    }

    /// `None` when it was taken.
    async fn submit_part(&self, session: &Session, pdu: SubmitSm, key: PartKey) -> Option<Fact> {
        let status = match session.submit(pdu, key).await {
            Ok(answer) => answer.status,
            Err(Lost::Unsent(reason)) => return Some(down(&reason)),
            Err(Lost::Unanswered(reason)) => {
                tracing::warn!(gateway = %self.id, reason, "a submit is unknown");
                return Some(Fact::Unknown { resent: false });
            }
        };
        match Verdict::of(status) {
            Verdict::Taken => None,
            Verdict::Throttled => {
                let pause = i64::try_from(self.settings.throttle_pause_ms).unwrap_or(i64::MAX);
                self.pause_until.store((self.clock)().plus_ms(pause).0, Ordering::Relaxed);
                Some(down(&status::name(status)))
            }
            Verdict::Failed(failure) => Some(Fact::Failed { failure, detail: Some(status::name(status)) }),
        }
    }

    /// The submits of an attempt, in the order of its words.
    fn parts(&self, attempt: &Outgoing, source: &str, now: Timestamp) -> Result<Vec<SubmitSm>, String> {
        let settings = &*self.settings;
        let base = SubmitSm::builder()
            .service_type(ServiceType::new(link::octets(&settings.service_type, "service_type")?))
            .source_addr_ton(Ton::from(settings.source_ton))
            .source_addr_npi(Npi::from(settings.source_npi))
            .source_addr(link::octets(source, "source and code")?)
            .dest_addr_ton(Ton::from(settings.destination_ton))
            .dest_addr_npi(Npi::from(settings.destination_npi))
            .destination_addr(link::octets(&destination(&attempt.number, settings), "the number")?)
            .validity_period(validity(settings.validity, attempt.valid_until, now))
            .registered_delivery(RegisteredDelivery::from(FINAL_RECEIPT));
        let Written { coding, parts } = text::write(&attempt.text, settings, settings.long_text == LongText::Payload);
        let total = u8::try_from(parts.len()).map_err(|_| "the text has more than 255 parts".to_owned())?;
        let reference = if total > 1 { self.reference.fetch_add(1, Ordering::Relaxed) } else { 0 };
        let one = |(number, octets): (u8, Vec<u8>)| {
            let mut pdu = base.clone().data_coding(coding.into()).esm_class(EsmClass::from(0)).build();
            match settings.long_text {
                LongText::Udh if total > 1 => {
                    let header = [5, 0, 3, reference as u8, total, number];
                    pdu.esm_class = EsmClass::from(UDHI);
                    pdu.set_short_message(short([&header[..], &octets].concat())?);
                }
                LongText::Sar if total > 1 => {
                    pdu.set_short_message(short(octets)?);
                    pdu.push_tlv(Tlv::SarMsgRefNum(reference));
                    pdu.push_tlv(Tlv::SarTotalSegments(total));
                    pdu.push_tlv(Tlv::SarSegmentSeqnum(number));
                }
                // What fits into one message needs no payload.
                LongText::Payload if octets.len() > if coding == settings.ucs2_coding { 140 } else { 160 } => {
                    if octets.len() > PAYLOAD_MAX {
                        return Err("the text is too long".to_owned());
                    }
                    pdu.push_tlv(Tlv::MessagePayload(MessagePayload::new(AnyOctetString::from_vec(octets))));
                }
                _ => pdu.set_short_message(short(octets)?),
            }
            Ok(pdu)
        };
        (1..=total).zip(parts).map(one).collect()
    }

    /// Withdraws one message. Whether the centre did.
    async fn cancel(&self, session: &Session, id: &str, source: &str, number: &str) -> Result<(), String> {
        let settings = &*self.settings;
        let cancel = CancelSm::builder()
            .service_type(ServiceType::new(link::octets(&settings.service_type, "service_type")?))
            .message_id(link::octets(id, "message_id")?)
            .source_addr_ton(Ton::from(settings.source_ton))
            .source_addr_npi(Npi::from(settings.source_npi))
            .source_addr(link::octets(source, "source and code")?)
            .dest_addr_ton(Ton::from(settings.destination_ton))
            .dest_addr_npi(Npi::from(settings.destination_npi))
            .destination_addr(link::octets(&destination(number, settings), "the number")?)
            .build();
        match session.ask(cancel).await {
            Ok(answer) if answer.status == 0 => Ok(()),
            Ok(answer) => Err(status::name(answer.status)),
            Err(Lost::Unsent(reason) | Lost::Unanswered(reason)) => Err(reason),
        }
    }
}

impl Gateway for SmppGateway {
    /// After ESME_RTHROTTLED or ESME_RMSGQFUL, for the configured time.
    fn pause_until(&self) -> Option<Timestamp> {
        let at = Timestamp(self.pause_until.load(Ordering::Relaxed));
        (at > (self.clock)()).then_some(at)
    }

    fn id(&self) -> &GatewayId {
        &self.id
    }

    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// The protocol has no key that would be honoured.
    fn is_idempotent(&self) -> bool {
        false
    }

    fn batch_max(&self) -> usize {
        self.batch_max
    }

    fn submit(&self, attempts: Vec<Outgoing>) -> BoxFuture<'_, Vec<Fact>> {
        Box::pin(async move { join_all(attempts.iter().map(|attempt| self.submit_one(attempt))).await })
    }

    /// Of attempts since the last start: only they are known by the centre's identifiers here.
    fn withdraw(&self, key: AttemptKey) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let Link::Bound(session) = self.link.borrow().clone() else { return };
            let pending = self.ledger.withdraw(&key);
            let mut gone = !pending.is_empty();
            for part in pending {
                if let Err(reason) = self.cancel(&session, &part.id, &part.source, &part.number).await {
                    tracing::warn!(gateway = %self.id, attempt = %key, reason, "not withdrawn");
                    gone = false;
                }
            }
            if gone {
                // Some centres send no receipt of what they deleted.
                let fact = Fact::Failed { failure: Failure::Withdrawn, detail: None };
                self.ledger.failed(&key, Failure::Withdrawn, None);
                let upcall = Upcall::Report { key, fact, reported_at: None };
                if let Err(error) = self.upcalls.take(self.id.clone(), vec![upcall]).await {
                    tracing::warn!(gateway = %self.id, %error, "a withdrawal is not recorded");
                }
            }
        })
    }

    fn reports_by_reference(&self) -> bool {
        true
    }

    fn condition(&self) -> Condition {
        let (well, detail) = match &*self.link.borrow() {
            Link::Bound(session) if !session.is_over() => (true, "signed in".to_owned()),
            Link::Bound(_) => (false, "the session is over".to_owned()),
            Link::Connecting => (false, "is connecting".to_owned()),
            Link::Down(reason) => (false, reason.clone()),
        };
        Condition { well, detail }
    }

    /// Asks on the session that there is: many accounts may sign in only once.
    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async move {
            let session = self.session().await?;
            match session.ask(Pdu::EnquireLink).await {
                Ok(answer) if answer.status == 0 => Ok("signed in and answers".into()),
                Ok(answer) => Err(format!("enquire_link: {}", status::name(answer.status))),
                Err(Lost::Unsent(reason) | Lost::Unanswered(reason)) => Err(format!("enquire_link: {reason}")),
            }
        })
    }
}

fn down(reason: &str) -> Fact {
    Fact::Failed { failure: Failure::GatewayDown, detail: Some(reason.to_owned()) }
}

fn short(octets: Vec<u8>) -> Result<OctetString<0, 255>, String> {
    OctetString::from_vec(octets).map_err(|_| "a part is too long".to_owned())
}

/// The validity period (SMPP 3.4 §7.1.1), in whole seconds and never more than was asked for, but for the last one.
fn validity(form: Validity, until: Timestamp, now: Timestamp) -> EmptyOrFullCOctetString<17> {
    let text = match form {
        Validity::None => String::new(),
        Validity::Absolute => until.to_utc().format("%y%m%d%H%M%S000+").to_string(),
        Validity::Relative => {
            let seconds = (until.ms_since(now) / 1000).max(1);
            let (days, rest) = (seconds / 86_400, seconds % 86_400);
            format!("0000{:02}{:02}{:02}{:02}000R", days.min(30), rest / 3600, rest / 60 % 60, rest % 60)
        }
    };
    EmptyOrFullCOctetString::from_string(text).unwrap_or_else(|_| EmptyOrFullCOctetString::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_the_time_in_both_forms() {
        let now = Timestamp::parse_iso("2026-11-27T22:00:00+08:00").unwrap();
        let said = |form, ms| validity(form, now.plus_ms(ms), now).as_str().to_owned();
        assert_eq!(said(Validity::Relative, 600_999), "000000001000000R");
        assert_eq!(said(Validity::Relative, 1), "000000000001000R");
        assert_eq!(said(Validity::Relative, 90_061_000), "000001010101000R");
        assert_eq!(said(Validity::Absolute, 600_000), "261127141000000+");
        assert_eq!(said(Validity::None, 600_000), "");
    }
}
