//! The documents that a report posts: its warning, and the Cancel of that.

use super::event::{Report, Standing};
use crate::directory::Directory;
use crate::model::Status;
use serde_json::json;

impl Report {
    /// The document that is due: the same for the same event, so that posting it again changes nothing. `None`
    /// when none is.
    pub(super) fn document(&self, sender: &str, directory: &Directory) -> Option<Vec<u8>> {
        let (alert, warning) = self.warning.as_ref()?;
        let named = |seq: u64| format!("report-{}-{seq}", self.id);
        // What an operator writes stays in the report's own sealed reason.
        let (kind, seq, sent, references, note) = match (&self.standing, &self.decided, &self.ended) {
            (Standing::Accepted, Some((at, _)), _) => ("alert", alert, at, Vec::new(), "险情报告"),
            (Standing::Ending { .. }, _, Some((seq, at, _))) => ("cancel", seq, at, vec![named(*alert)], "险情解除"),
            _ => return None,
        };
        let names: Vec<String> = warning.codes.iter().map(|code| directory.place(code.as_str())).collect();
        let document = json!({
            "sender": sender, "identifier": named(*seq), "sent": sent.iso(), "kind": kind, "references": references,
            "status": if self.is_drill() { Status::Exercise } else { Status::Actual },
            "hazard": warning.hazard.zh(), "colour": warning.colour,
            "wording": [{
                "language": "zh-CN", "headline": warning.headline, "description": "",
                "instruction": warning.instruction,
            }],
            "areas": [{ "name": names.join("、"), "codes": warning.codes }],
            "note": format!("{note} {}", self.id),
        });
        Some(document.to_string().into_bytes())
    }
}
