//! What the door publishes about a document: the receipt, its copy, and what was parked.

use super::AmqpConfig;
use crate::intake::{Posted, Receipt};
use crate::model::Severity;
use lapin::message::Delivery;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable, LongString, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, PublisherConfirm, Result};

/// Bytes of the findings in a header: headers must fit into one frame.
const FINDINGS_MAX: usize = 32 << 10;
/// Bytes of a single text in a header.
const TEXT_MAX: usize = 2 << 10;

/// A persistent message on its way out.
pub(super) struct Letter {
    pub(super) exchange: String,
    pub(super) key: String,
    /// It must reach a queue; otherwise it counts as not published.
    pub(super) mandatory: bool,
    pub(super) properties: BasicProperties,
    pub(super) body: Vec<u8>,
}

/// Everything to publish about one document.
pub(super) fn letters(config: &AmqpConfig, delivery: &Delivery, posted: &Posted, receipt: &Receipt) -> Vec<Letter> {
    let properties = &delivery.properties;
    let correlation = properties.correlation_id().clone().or_else(|| properties.message_id().clone());
    let kind = if receipt.accepted { "receipt.accepted" } else { "receipt.rejected" };
    #[expect(clippy::unwrap_used, reason = "a receipt is texts and numbers")]
    let body = serde_json::to_vec(receipt).unwrap();
    let letter = |exchange: &str, key: &str| {
        let mut properties = persistent("application/json").with_type(kind.into());
        if let Some(id) = &correlation {
            properties = properties.with_correlation_id(id.clone());
        }
        Letter { exchange: exchange.into(), key: key.into(), mandatory: false, properties, body: body.clone() }
    };
    let mut letters = vec![letter(&config.events_exchange, kind)];
    if let Some(reply_to) = properties.reply_to().as_ref().map(ShortString::as_str) {
        // A receipt in one of our own queues would be a document that asks for a receipt.
        let own = [&config.urgent_queue, &config.normal_queue, &config.parking_queue];
        if !reply_to.is_empty() && own.iter().all(|queue| *queue != reply_to) {
            letters.push(letter("", reply_to));
        }
    }
    if receipt.parked.is_some() {
        letters.push(parked(config, delivery, posted, receipt));
    }
    letters
}

/// Publishes; the confirm is to be awaited.
pub(super) async fn publish(channel: &Channel, letter: &Letter) -> Result<PublisherConfirm> {
    let options = BasicPublishOptions { mandatory: letter.mandatory, ..BasicPublishOptions::default() };
    let (exchange, key) = (letter.exchange.as_str().into(), letter.key.as_str().into());
    channel.basic_publish(exchange, key, options, &letter.body, letter.properties.clone()).await
}

/// Whether the broker has it, and in a queue where it must be.
pub(super) fn arrived(confirmation: &Confirmation) -> bool {
    matches!(confirmation, Confirmation::Ack(None))
}

/// Properties of a message that survives a restart of the broker.
pub(super) fn persistent(content_type: &str) -> BasicProperties {
    BasicProperties::default()
        .with_content_type(content_type.into())
        .with_delivery_mode(2)
        .with_app_id("jiaoying".into())
}

/// At most `max` bytes of a text, cut between characters.
pub(super) fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

fn parked(config: &AmqpConfig, delivery: &Delivery, posted: &Posted, receipt: &Receipt) -> Letter {
    let mut headers = FieldTable::default();
    let mut set = |name: &str, text: &str| {
        headers.insert(name.into(), AMQPValue::LongString(LongString::from(cut(text, TEXT_MAX))));
    };
    let worst = receipt.findings.iter().find(|f| f.severity == Severity::Fatal).or(receipt.findings.first());
    if let Some(finding) = worst {
        set("x-jiaoying-reason", &finding.reason);
        set("x-jiaoying-position", &finding.place);
    }
    set("x-jiaoying-door", posted.door);
    set("x-jiaoying-account", posted.account.as_deref().unwrap_or_default());
    set("x-jiaoying-parked", receipt.parked.as_deref().unwrap_or_default());
    set("x-jiaoying-routing-key", delivery.routing_key.as_str());
    // As many whole findings as fit.
    let mut findings = String::from("[");
    for finding in &receipt.findings {
        let Ok(json) = serde_json::to_string(finding) else { continue };
        if findings.len() + json.len() + 2 > FINDINGS_MAX {
            break;
        }
        if findings.len() > 1 {
            findings.push(',');
        }
        findings.push_str(&json);
    }
    findings.push(']');
    headers.insert("x-jiaoying-findings".into(), AMQPValue::LongString(findings.into()));
    let length = i64::try_from(delivery.data.len()).unwrap_or(i64::MAX);
    headers.insert("x-jiaoying-length".into(), AMQPValue::LongLongInt(length));

    let content_type = delivery.properties.content_type().clone();
    let mut properties = persistent(content_type.as_ref().map_or("application/octet-stream", |t| t.as_str()));
    if let Some(id) = delivery.properties.message_id() {
        properties = properties.with_message_id(id.clone());
    }
    if let Some(id) = delivery.properties.correlation_id() {
        properties = properties.with_correlation_id(id.clone());
    }
    let body = delivery.data[..delivery.data.len().min(config.body_max_bytes)].to_vec();
    let properties = properties.with_headers(headers);
    Letter { exchange: String::new(), key: config.parking_queue.clone(), mandatory: true, properties, body }
}
