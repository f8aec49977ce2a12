//! The end of a local warning whose hazard was real and is over. A false alarm is retracted instead.

use super::desk::{Acted, ReportDesk, unavailable};
use super::event::{Actor, ReportEvent, Standing};
use crate::intake::{Standing as Said, Unavailable, WarningState};
use crate::model::ReportId;

impl ReportDesk {
    /// Ends the warning that a report became: a Cancel of the same sender goes to all its callouts. The reason
    /// is sealed.
    ///
    /// # Errors
    /// When it is not durable. What was durable before is done by the task.
    pub async fn end(&self, id: &ReportId, by: Actor, reason: &str) -> Result<Acted, Unavailable> {
        self.loaded()?;
        let Some(report) = self.read(id).await.map_err(unavailable)? else { return Ok(Acted::Unknown) };
        if let Standing::Raised { warning, .. } = &report.standing {
            let state = WarningState::read(&*self.front.journal, &warning.as_str().into()).await;
            if Said::of(state.map_err(unavailable)?.taken()).is_some_and(|said| said.is_cancelled()) {
                return Ok(Acted::Over);
            }
        }
        let Some((reason, with)) = self.sealed(id, reason).await? else { return Ok(Acted::Unknown) };
        let raised = |standing: &Standing| matches!(standing, Standing::Raised { .. });
        let acted = self.decide(id, raised, ReportEvent::Ended { by, reason }, with).await?;
        if let Acted::Done(shown) = &acted {
            self.metrics.hazard_report(shown.report.reported.channel.name(), "ended");
            self.raise(id).await.map_err(unavailable)?;
            return Ok(self.shown(id).map_or(Acted::Unknown, |shown| match shown.report.standing {
                Standing::Raised { .. } => Acted::Faults(shown.report.refused.clone()),
                _ => Acted::Done(shown),
            }));
        }
        Ok(acted)
    }
}
