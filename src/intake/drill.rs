//! What whoever posts a drill is told about the real thing beside it.

use super::CoveredRegion;
use crate::journal::{Journal, JournalError, SelectCallouts};
use crate::model::{Colour, Finding, RegionCode};

/// Tells of real red and orange callouts on a drill's ground: the engine ends it there at once. Told as of
/// now; one that opens later ends the drill all the same.
pub(super) async fn tell_suspended(
    journal: &dyn Journal,
    cover: &[CoveredRegion],
    findings: &mut Vec<Finding>,
) -> Result<(), JournalError> {
    let open = journal.callouts(SelectCallouts::Open).await?;
    let grave = |c: &&crate::journal::CalloutRow| {
        c.colour >= Colour::Orange && c.stream.callout().is_some_and(|id| !id.is_drill())
    };
    for real in open.iter().filter(grave) {
        let Ok(region) = RegionCode::parse(&real.region) else { continue };
        let beside = |c: &&CoveredRegion| c.region.holds(&region) || region.holds(&c.region);
        if let Some(covered) = cover.iter().find(beside) {
            let reason = format!("the drill is suspended in {}: the real {} is open", covered.region, real.stream);
            findings.push(Finding::notice("status", reason));
        }
    }
    Ok(())
}
