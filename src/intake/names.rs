//! Which warning a message belongs to. References are identifiers of the same sender; each leads to one
//! warning, also before the message of that name came.

use super::lineage::{Standing, sent};
use super::warning::WarningState;
use crate::journal::{Journal, JournalError, MessageName};
use crate::model::{Finding, Message, MessageKind, Timestamp, WarningId};
use std::collections::BTreeMap;

/// References of one message that are looked up.
const REFERENCES_MAX: usize = 100;

/// The warning of a message, and the names that lead to it from now on.
pub(super) struct Lineage {
    pub warning: WarningId,
    pub names: Vec<MessageName>,
}

// === impl Lineage ===

impl Lineage {
    /// What an Alert that names no other message begins, unless its name is known already: whether it is
    /// shows when the message is stored.
    pub(super) fn begun_by(message: &Message) -> Option<Self> {
        let alone = message.kind == MessageKind::Alert && message.references.is_empty();
        alone.then(|| {
            let warning = message.warning_id();
            let name = MessageName {
                identifier: message.identifier.clone(),
                sender: message.status.scoped(&message.sender),
                warning: warning.to_string(),
            };
            Self { warning, names: vec![name] }
        })
    }

    /// The warning that a message's own name or its references lead to; else the one that it begins.
    ///
    /// Inner error: it names messages of two warnings, or is a Cancel of another sender's message.
    pub(super) async fn of(
        journal: &dyn Journal,
        message: &Message,
        now: Timestamp,
        findings: &mut Vec<Finding>,
    ) -> Result<Result<Self, Finding>, JournalError> {
        // A name without its warning is claimed with this message.
        let mut free = Vec::new();
        let mut found: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        let mut foreign = None;
        let own = &message.identifier;
        // Names of the real thing and of drills never meet.
        let sender = message.status.scoped(&message.sender);
        if message.references.len() > REFERENCES_MAX {
            let reason = format!("only the first {REFERENCES_MAX} are looked up");
            findings.push(Finding::notice("references", reason));
        }
        let references = message.references.iter().take(REFERENCES_MAX).filter(|r| *r != own);
        for identifier in std::iter::once(own).chain(references) {
            let known = journal.names(identifier.clone()).await?;
            if let Some(name) = known.iter().find(|n| n.sender == sender) {
                found.entry(name.warning.clone()).or_default().push(identifier);
                continue;
            }
            free.push(identifier.as_str());
            for name in known.iter().filter(|_| identifier != own) {
                let Some(other) = message.status.unscoped(&name.sender) else { continue };
                let posted = journal.message(name.sender.clone(), identifier.clone()).await?;
                foreign = foreign.or(posted.map(|_| (other.to_owned(), identifier.as_str())));
            }
        }
        // What was ended before this message was sent does not end it: somebody warns again. An end that
        // names this very message holds.
        let mut over = Vec::new();
        for (warning, ids) in &found {
            let state = WarningState::read(journal, &warning.as_str().into()).await?;
            let ended = Standing::of(state.taken()).and_then(|s| s.ended_at());
            if ended.is_some_and(|ended| ended < sent(message, now)) && !ids.contains(&own.as_str()) {
                over.push(warning.clone());
            }
        }
        let again = !over.is_empty() && over.len() == found.len() && message.kind != MessageKind::Cancel;
        if again || over.len() < found.len() {
            found.retain(|warning, _| !over.contains(warning));
        }
        let known = found.len();
        let begins = || match message.kind {
            MessageKind::Alert => WarningId::of(message.status, &message.sender, own),
            _ if again => WarningId::of(message.status, &message.sender, own),
            _ => message.warning_id(),
        };
        if again {
            let reason = "the warning that it names was ended before it was sent: it is taken as a warning of its own";
            findings.push(Finding::notice("references", reason));
            free.retain(|name| name == own);
        }
        let warning = match (known, message.kind) {
            (1, _) => found.keys().next().map_or_else(begins, |w| w.as_str().into()),
            (0, MessageKind::Cancel) => {
                if let Some((sender, identifier)) = foreign {
                    let reason = format!(
                        "{identifier:?} is a message of {sender:?}, whose warning only that sender can cancel; nothing was ended"
                    );
                    return Ok(Err(Finding::fatal("references", reason)));
                }
                let reason = "none of the messages it names is known here: nothing was ended, and they will call nobody should they come";
                findings.push(Finding::notice("references", reason));
                begins()
            }
            (0, kind) => {
                if let Some((sender, identifier)) = foreign {
                    let reason =
                        format!("{identifier:?} is a message of {sender:?}; this one is taken as a warning of its own");
                    findings.push(Finding::notice("references", reason));
                } else if kind == MessageKind::Update && !message.references.is_empty() && !again {
                    let reason = "none of the messages it names is known here: it is acted on at once, and they are joined to it should they come";
                    findings.push(Finding::notice("references", reason));
                }
                begins()
            }
            // An Alert begins a warning; what it refers to beside does not keep it from being called.
            (_, MessageKind::Alert) => {
                let reason = "it names messages of several warnings and is taken as a warning of its own";
                findings.push(Finding::notice("references", reason));
                free.retain(|name| name == own);
                begins()
            }
            (n, _) => {
                let list: Vec<_> = found.iter().map(|(w, ids)| format!("{w} ({})", ids.join(", "))).collect();
                let reason = format!("it names messages of {n} warnings, which all go on: {}", list.join("; "));
                return Ok(Err(Finding::fatal("references", reason)));
            }
        };
        let name = |identifier: &str| MessageName {
            identifier: identifier.into(),
            sender: sender.clone(),
            warning: warning.to_string(),
        };
        let names = free.into_iter().map(name).collect();
        Ok(Ok(Self { warning, names }))
    }
}
