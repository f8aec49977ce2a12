//! What the engine reads beside its commits: callouts and orders.

use super::acts::Orders;
use crate::journal::{Journal, JournalError, Record};
use crate::model::{CalloutId, Command, MessageAt};
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
