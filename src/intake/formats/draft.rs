//! What could be read of a message, and the rule that accepts it.

use super::Findings;
use super::ground::Ground;
use crate::model::{Colour, Finding, Hazard, Message, MessageKind, Method, Status, Timestamp, Wording};

/// How many references are kept: the desk looks for each of them.
const REFERENCES_MAX: usize = 64;

/// A value that every message needs: read, or the fatal finding that says why not.
pub(super) type Needed<T> = Result<T, Finding>;

/// What a format's reader found, before it is judged.
pub(super) struct Draft {
    /// Who posted it.
    pub(super) sender: Needed<String>,
    /// The sender's name for it.
    pub(super) identifier: Needed<String>,
    /// What it is for.
    pub(super) status: Needed<Status>,
    /// What it does.
    pub(super) kind: Needed<MessageKind>,
    /// The hazard; not needed by a Cancel.
    pub(super) hazard: Needed<Hazard>,
    /// The colour, or `None` when nothing tells it; not needed by a Cancel.
    pub(super) colour: Needed<Option<Colour>>,
    /// When it was sent.
    pub(super) sent: Option<Timestamp>,
    /// Earlier messages.
    pub(super) references: Vec<String>,
    /// When the warning takes effect.
    pub(super) effective: Option<Timestamp>,
    /// When the hazard is expected to begin.
    pub(super) onset: Option<Timestamp>,
    /// When the event itself began.
    pub(super) origin_time: Option<Timestamp>,
    /// When the warning ends.
    pub(super) expires: Option<Timestamp>,
    /// The words.
    pub(super) wording: Vec<Wording>,
    /// The ground; not needed by a Cancel.
    pub(super) ground: Ground,
    /// The issuing offices.
    pub(super) issuers: Vec<String>,
    /// The sender's remark.
    pub(super) note: String,
    /// Texts for single ways of publishing.
    pub(super) methods: Vec<Method>,
    /// Where the format keeps what is judged here.
    pub(super) places: Places,
}

/// Where a format keeps what the rule of acceptance asks for as a whole.
pub(super) struct Places {
    /// The references.
    pub(super) references: &'static str,
    /// The colour.
    pub(super) colour: &'static str,
    /// The areas.
    pub(super) areas: &'static str,
    /// The end.
    pub(super) expires: &'static str,
}

// === impl Draft ===

impl Draft {
    /// The message, unless something it cannot be acted on without is missing; each such thing becomes
    /// a fatal finding.
    pub(super) fn accept(self, findings: &mut Findings) -> Option<Message> {
        let cancel = matches!(self.kind, Ok(MessageKind::Cancel));
        let first = !matches!(self.kind, Ok(MessageKind::Update));
        match self.kind {
            Ok(MessageKind::Update) if self.references.is_empty() => {
                findings.notice(self.places.references, "an Update names the messages it refers to");
            }
            Ok(MessageKind::Cancel) if self.references.is_empty() => {
                findings.fatal(self.places.references, "a Cancel without the message it ends: nothing was ended");
            }
            _ => {}
        }
        if !cancel && !self.ground.names_any() {
            let reason = match first {
                true => "no ground: no division code, polygon or circle can be read",
                false => {
                    "no ground: no division code, polygon or circle can be read; calling goes on for what earlier messages cover, and a Cancel ends a warning"
                }
            };
            findings.fatal(self.places.areas, reason);
        }
        let backwards = matches!((self.effective, self.expires), (Some(from), Some(to)) if to <= from);
        if backwards {
            findings.notice(self.places.expires, "not after it takes effect; left out, the plan's time applies");
        }
        let colour = match self.colour {
            Ok(None) if !cancel => Err(Finding::fatal(self.places.colour, "no colour: nothing here tells one")),
            Err(fault) if cancel => {
                findings.notice(fault.place, fault.reason);
                Ok(None)
            }
            read => read,
        };
        // A Cancel without words ends the warning it names all the same.
        let hazard = match self.hazard {
            Err(fault) if cancel => {
                findings.notice(fault.place, fault.reason);
                Ok(Hazard::from_word("未注明"))
            }
            read => read,
        };
        let (sender, identifier) = (needed(self.sender, findings), needed(self.identifier, findings));
        let (status, kind) = (needed(self.status, findings), needed(self.kind, findings));
        let (hazard, colour) = (needed(hazard, findings), needed(colour, findings));
        if findings.any_fatal() {
            return None;
        }
        let mut references = self.references;
        if references.len() > REFERENCES_MAX {
            let reason = format!("{} references; the first {REFERENCES_MAX} count", references.len());
            findings.notice(self.places.references, reason);
            references.truncate(REFERENCES_MAX);
        }
        let mut wording = self.wording;
        wording.sort_by_key(|w| !is_zh(&w.language));
        Some(Message {
            sender: sender?,
            identifier: identifier?,
            sent: self.sent,
            status: status?,
            kind: kind?,
            references,
            hazard: hazard?,
            colour: colour?,
            effective: self.effective,
            onset: self.onset,
            origin_time: self.origin_time,
            expires: self.expires.filter(|_| !backwards),
            wording,
            areas: self.ground.into_areas(),
            issuers: self.issuers,
            note: self.note,
            methods: self.methods,
        })
    }
}

fn needed<T>(value: Needed<T>, findings: &mut Findings) -> Option<T> {
    value.map_err(|finding| findings.push(finding)).ok()
}

/// Whether an RFC 3066 tag is Chinese.
pub(super) fn is_zh(language: &str) -> bool {
    language.get(..2).is_some_and(|tag| tag.eq_ignore_ascii_case("zh"))
}
