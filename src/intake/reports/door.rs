//! The door of short messages: what begins with a keyword is a report, everything else is the engine's.

use super::desk::{Incoming, ReportDesk};
use super::event::ReportChannel;
use super::tell::is_text;
use crate::gateway::{NotTaken, OpenCall, ReadBack, Upcall, Upcalls};
use crate::model::GatewayId;
use crate::runtime::ReplyWords;
use futures::future::{BoxFuture, FutureExt};
use std::sync::Arc;

/// Stands between gateways and the engine.
pub struct ReportDoor {
    /// Takes the reports.
    pub reports: Arc<ReportDesk>,
    /// Takes everything else.
    pub engine: Arc<dyn Upcalls>,
    /// The words that answer.
    pub answers: ReplyWords,
}

impl Upcalls for ReportDoor {
    fn take(&self, gateway: GatewayId, upcalls: Vec<Upcall>) -> BoxFuture<'_, Result<Vec<ReadBack>, NotTaken>> {
        async move {
            let drill = self.reports.gateways.iter().any(|(g, drill)| *g.id() == gateway && *drill);
            let mut rest = Vec::new();
            for upcall in upcalls {
                match upcall {
                    Upcall::Text { from, text, reported_at, .. }
                        if self.reports.rules.keywords.is_report(&text, &self.answers) =>
                    {
                        let incoming = Incoming {
                            number: Some(from),
                            words: text,
                            said_at: reported_at,
                            drill,
                            ..Incoming::default()
                        };
                        let taken = self.reports.take(ReportChannel::Sms, incoming).await;
                        taken.map_err(|error| NotTaken(error.0))?;
                    }
                    // A reply to the text about a report is routed by its number alone.
                    Upcall::Text { from, text, key, extension, reported_at } => {
                        let key = key.filter(|key| !is_text(key));
                        rest.push(Upcall::Text { from, text, key, extension, reported_at });
                    }
                    // What the gateway took is recorded; receipts of these texts start and stop nothing.
                    Upcall::Report { key, .. } | Upcall::Key { key, .. } if is_text(&key) => {}
                    other => rest.push(other),
                }
            }
            if rest.is_empty() { Ok(Vec::new()) } else { self.engine.take(gateway, rest).await }
        }
        .boxed()
    }

    fn open_for(&self, gateway: GatewayId, number: String) -> BoxFuture<'_, Result<Vec<OpenCall>, NotTaken>> {
        self.engine.open_for(gateway, number)
    }
}
