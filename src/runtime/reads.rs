//! What the engine reads and keeps beside its commits: callouts, orders, texts that belong to nobody.

use super::acts::Orders;
use super::upcalls::Stray;
use crate::journal::{Blob, Journal, JournalError, Outcome, Parked, Record};
use crate::model::{CalloutId, Command, Digest, Finding, MessageAt, SecretKey};
use std::time::Duration;

/// How long to wait before the journal is tried again.
pub(super) const JOURNAL_RETRY: Duration = Duration::from_millis(300);

/// A callout's records and salt.
pub(super) type Read = Result<(Vec<Record>, Option<[u8; 32]>), JournalError>;

/// What a message of the inbox asks of its callout. Tried until the journal answers.
pub(super) async fn order(orders: &dyn Orders, at: MessageAt) -> Command {
    loop {
        match orders.order(at.clone()).await {
            Ok(order) => return order.map_or(Command::Tick, |order| Command::Apply(Box::new(order))),
            Err(error) => tracing::warn!(%error, "journal"),
        }
        tokio::time::sleep(JOURNAL_RETRY).await;
    }
}

/// A callout's records and salt.
pub(super) async fn read_callout(journal: &dyn Journal, id: &CalloutId) -> Read {
    let records = journal.read(id.stream(), 0, usize::MAX >> 1).await?;
    let salt = if records.is_empty() { None } else { journal.salt(id.to_string()).await? };
    Ok((records, salt))
}

/// Parks a text that belongs to no callout: it stands on the board, and its words are sealed.
pub(super) async fn keep(journal: &dyn Journal, key: &SecretKey, stray: &Stray) -> Outcome<()> {
    let words = format!("{}\n{}", stray.from, stray.text);
    let sealed = key.derive("parked").seal("parked", words.as_bytes());
    let raw = Blob { digest: sealed.digest(), subject: "parked".into(), sealed: sealed.0 };
    let reason = "a short message came from a number to which no open callout was sent";
    let parked = Parked {
        id: Digest::of_parts(&[&stray.at.0.to_be_bytes(), words.as_bytes()]).hex()[..16].to_owned(),
        at: stray.at,
        door: "sms".into(),
        account: None,
        findings: vec![Finding::fatal("from", reason)],
        raw,
    };
    journal.park(parked).await.map(drop)
}
