//! What the configuration says of hazard reports.

use super::Keywords;
use crate::model::{Colour, Hazard};

/// The account under which warnings made of reports are posted; no sender of the configuration has it.
pub const REPORT_ACCOUNT: &str = "hazard-reports";

/// What the configuration says of hazard reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRules {
    /// What short messages that report begin with.
    pub keywords: Keywords,
    /// The name of the sender of warnings made of reports.
    pub sender: String,
    /// Milliseconds after which an open report goes to the next duty officers above.
    pub answer_within_ms: i64,
    /// Milliseconds within which the same words, after they were made a warning, are no new report.
    pub same_within_ms: i64,
    /// The posts that reports are told to, at the place and upward.
    pub duty_posts: Vec<String>,
    /// The posts whose reports become warnings at once.
    pub trusted_posts: Vec<String>,
    /// The hazards for which they do.
    pub trusted_hazards: Vec<Hazard>,
    /// The colour that they then have.
    pub trusted_colour: Colour,
}
