//! Submitting and withdrawing attempts. Attempts with the same words go out as one message with a list of areas.

use super::document::{Body, Message};
use super::facts::{Place, place};
use super::ledger::{Member, Open};
use super::platform::{NoAnswer, Platform};
use crate::gateway::{Condition, Gateway, Outgoing};
use crate::model::{AttemptKey, Channel, Fact, Failure, GatewayId, Stage, Timestamp};
use futures::future::{BoxFuture, join_all};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Characters of a title.
const TITLE_MAX: usize = 60;
/// Attempts whose ends lie in one such span may share a message, which ends with the first of them.
const SPAN_MICROS: i64 = 60_000_000;

/// A gateway whose other side is an emergency broadcast platform.
pub struct EbdGateway(pub(super) Arc<Platform>);

/// What the attempts of one message have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Common<'a> {
    text: &'a str,
    language: &'a str,
    colour: &'a str,
    span: i64,
}

// === impl EbdGateway ===

impl EbdGateway {
    /// Sends one message; the facts of its attempts, in their order.
    async fn send(&self, attempts: &[(&Outgoing, Place)]) -> Vec<Fact> {
        let platform = &*self.0;
        let failed = |failure, detail: String| Fact::Failed { failure, detail: Some(detail) };
        let Some((first, _)) = attempts.first() else { return Vec::new() };
        let now = (platform.clock)();
        let until = attempts.iter().map(|(a, _)| a.valid_until).min().unwrap_or(now);
        let member = |(a, place): &(&Outgoing, Place)| Member {
            key: a.key.to_string(),
            place: place.code().to_owned(),
            withdrawn: false,
        };
        let members: Vec<Member> = attempts.iter().map(member).collect();
        // Written down before it goes out.
        let message = match platform.ledger.begin(members, until, now) {
            Ok(message) => message,
            Err(reason) => return vec![failed(Failure::GatewayDown, reason); attempts.len()],
        };
        let words = Words { text: &first.text, language: &first.language, colour: first.colour };
        let answer = platform.ask(&Body::Message(self.message(&message, &words, false, now))).await;
        let refusal = answer.as_ref().ok().and_then(|received| platform.refusal(received));
        let all = |fact: Fact| vec![fact; attempts.len()];
        match (answer, refusal) {
            (Ok(_), None) => {
                let taken = |m| Fact::Reached { stage: Stage::Submitted, reference: Some(message.reference(m)) };
                message.members.iter().map(taken).collect()
            }
            (Ok(_), Some(reason)) | (Err(NoAnswer::Refused(reason)), _) => {
                platform.ledger.finish(&message.ebmid);
                all(failed(Failure::Refused, reason))
            }
            (Err(NoAnswer::NotTaken(reason)), _) => {
                platform.ledger.finish(&message.ebmid);
                all(failed(Failure::GatewayDown, reason))
            }
            // It stays in the ledger: the platform is asked whether it plays.
            (Err(NoAnswer::Unclear(reason)), _) => {
                tracing::warn!(gateway = %platform.id, attempts = attempts.len(), reason, "submit without an answer");
                all(Fact::Unknown { resent: false })
            }
        }
    }

    fn message<'a>(&'a self, open: &'a Open, words: &Words<'a>, cancels: bool, now: Timestamp) -> Message<'a> {
        let section = &self.0.section;
        let places: std::collections::BTreeSet<&str> = open.members.iter().map(|m| m.place.as_str()).collect();
        let (areas, resources): (Vec<_>, Vec<_>) = places.into_iter().partition(|p| p.len() == 12);
        let severity = ["red", "orange", "yellow", "blue"].iter().position(|c| *c == words.colour).unwrap_or(0);
        Message {
            ebmid: &open.ebmid,
            cancels,
            sender_name: &section.sender_name,
            sender_code: &section.sender_code,
            event_type: &section.event_type,
            severity: &section.severity_codes[severity],
            from: now,
            until: open.until,
            language: language(words.language),
            title: title(words.text),
            text: words.text,
            areas: areas.into_iter().map(str::to_owned).collect(),
            resources: resources.into_iter().map(str::to_owned).collect(),
        }
    }

    /// Tells the platform that a message is not wanted any more.
    pub(super) async fn cancel(&self, open: &Open) {
        let platform = &*self.0;
        let words = Words { text: "取消播发", language: "zh-CN", colour: "red" };
        let message = self.message(open, &words, true, (platform.clock)());
        let problem = match platform.ask(&Body::Message(message)).await {
            Ok(received) => platform.refusal(&received),
            Err(no_answer) => Some(format!("{no_answer:?}")),
        };
        match problem {
            None => platform.ledger.cancelled(&open.ebmid),
            Some(error) => tracing::warn!(gateway = %platform.id, message = open.ebmid, error, "not cancelled"),
        }
    }
}

/// The words of a message.
struct Words<'a> {
    text: &'a str,
    language: &'a str,
    colour: &'a str,
}

impl Gateway for EbdGateway {
    fn id(&self) -> &GatewayId {
        &self.0.id
    }

    fn channels(&self) -> &[Channel] {
        &self.0.channels
    }

    /// A platform that gets a message twice may play it twice: each has an identifier of its own.
    fn is_idempotent(&self) -> bool {
        false
    }

    fn batch_max(&self) -> usize {
        self.0.batch_max
    }

    fn submit(&self, attempts: Vec<Outgoing>) -> BoxFuture<'_, Vec<Fact>> {
        Box::pin(async move {
            let now = (self.0.clock)();
            let mut facts: Vec<Option<Fact>> = vec![None; attempts.len()];
            let mut messages: BTreeMap<Common<'_>, Vec<(usize, Place)>> = BTreeMap::new();
            for (i, a) in attempts.iter().enumerate() {
                if a.valid_until <= now {
                    facts[i] = Some(Fact::Failed { failure: Failure::Expired, detail: None });
                } else if let Some(place) = place(&a.number) {
                    let span = a.valid_until.0.div_euclid(SPAN_MICROS);
                    let common = Common { text: &a.text, language: &a.language, colour: a.colour, span };
                    messages.entry(common).or_default().push((i, place));
                } else {
                    let detail = Some("not the code of an area or a resource".into());
                    facts[i] = Some(Fact::Failed { failure: Failure::DeadNumber, detail });
                }
            }
            let sent = messages.into_values().map(|places| {
                let attempts = &attempts;
                async move {
                    let (indices, members): (Vec<usize>, Vec<_>) =
                        places.into_iter().map(|(i, place)| (i, (&attempts[i], place))).unzip();
                    (indices, self.send(&members).await)
                }
            });
            for (indices, told) in join_all(sent).await {
                indices.into_iter().zip(told).for_each(|(i, fact)| facts[i] = Some(fact));
            }
            facts.into_iter().map(|fact| fact.unwrap_or(Fact::Unknown { resent: false })).collect()
        })
    }

    /// A message is cancelled when none of its attempts is wanted any more: a cancel silences all of its areas.
    fn withdraw(&self, key: AttemptKey) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if let Some(open) = self.0.ledger.withdraw(&key) {
                self.cancel(&open).await;
            }
        })
    }

    /// What another host sent is known to the engine alone.
    fn reports_by_reference(&self) -> bool {
        true
    }

    fn condition(&self) -> Condition {
        let (well, detail) = self.0.heard.condition((self.0.clock)(), self.0.section.offline_after_s);
        Condition { well, detail }
    }

    /// A heartbeat, which must be answered.
    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async move {
            let at = (self.0.clock)();
            match self.0.ask(&Body::Check { at }).await {
                Ok(received) => match self.0.refusal(&received) {
                    None => Ok("answers a heartbeat".into()),
                    Some(reason) => Err(reason),
                },
                Err(NoAnswer::NotTaken(reason) | NoAnswer::Refused(reason) | NoAnswer::Unclear(reason)) => Err(reason),
            }
        })
    }
}

/// The code of a language (ISO 639-2) from its tag: those that have one of two letters in these lands.
fn language(tag: &str) -> &str {
    match tag.split('-').next().unwrap_or_default() {
        "zh" | "" => "zho",
        "bo" => "bod",
        "ii" => "iii",
        "za" => "zha",
        "my" => "mya",
        "lo" => "lao",
        "vi" => "vie",
        other => other,
    }
}

/// The first sentence of a text, not too long.
fn title(text: &str) -> &str {
    let end = text.find(['。', '！', '\n']).unwrap_or(text.len());
    let short = text.char_indices().nth(TITLE_MAX).map_or(text.len(), |(at, _)| at);
    &text[..end.min(short)]
}
