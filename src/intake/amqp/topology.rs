//! Exchanges, queues and bindings. What exists is used as it is, since its owner may have chosen other
//! arguments and asking for ours would close the channel; what is missing is made.

use super::AmqpConfig;
use super::status::Part;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, Error, ErrorKind, ExchangeKind, Result};

/// RabbitMQ 4 drops a message after 20 deliveries unless told otherwise. Its word for "no limit", -1, is
/// taken by RabbitMQ 3 too, which then drops messages at their first redelivery; a large number is right for both.
const DELIVERY_LIMIT: i32 = i32::MAX;

/// Makes what a part of the door uses, where it is missing.
pub(super) async fn declare(conn: &Connection, config: &AmqpConfig, part: Part) -> Result<()> {
    if !config.declare {
        return Ok(());
    }
    exchange(conn, &config.events_exchange).await?;
    let (name, key) = match part {
        Part::Urgent => (&config.urgent_queue, &config.urgent_key),
        Part::Normal => (&config.normal_queue, &config.normal_key),
        Part::Events => return Ok(()),
    };
    exchange(conn, &config.warnings_exchange).await?;
    queue(conn, &config.parking_queue).await?;
    queue(conn, name).await?;
    let from = config.warnings_exchange.as_str().into();
    let (options, none) = (QueueBindOptions::default(), FieldTable::default());
    conn.create_channel().await?.queue_bind(name.as_str().into(), from, key.as_str().into(), options, none).await
}

/// A durable topic exchange.
async fn exchange(conn: &Connection, name: &str) -> Result<()> {
    let declare = async |passive| {
        let options = ExchangeDeclareOptions { passive, durable: true, ..ExchangeDeclareOptions::default() };
        // A refused declare closes its channel, so each has its own.
        let channel = conn.create_channel().await?;
        channel.exchange_declare(name.into(), ExchangeKind::Topic, options, FieldTable::default()).await
    };
    match declare(true).await {
        Err(e) if is(&e, &AMQPSoftError::NOTFOUND) => declare(false).await,
        other => other,
    }
}

/// A quorum queue, as good as without delivery limit.
async fn queue(conn: &Connection, name: &str) -> Result<()> {
    let declare = async |passive| {
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(DELIVERY_LIMIT));
        let options = QueueDeclareOptions { passive, durable: true, ..QueueDeclareOptions::default() };
        let channel = conn.create_channel().await?;
        channel.queue_declare(name.into(), options, arguments).await.map(|_| ())
    };
    match declare(true).await {
        Err(e) if is(&e, &AMQPSoftError::NOTFOUND) => declare(false).await,
        other => other,
    }
}

fn is(error: &Error, soft: &AMQPSoftError) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(e) if matches!(e.kind(), AMQPErrorKind::Soft(s) if s == soft))
}
