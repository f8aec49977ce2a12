//! Who may post what.

use crate::model::{Finding, Hazard, Message, MessageKind, RegionCode, Status};

/// A registered sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Its name for people.
    pub name: String,
    /// The AMQP user id or the token's name under which it posts.
    pub account: String,
    /// Names it may use as `sender` in its messages; empty for any.
    pub senders: Vec<String>,
    /// Regions it may post for; empty for any.
    pub regions: Vec<RegionCode>,
    /// Hazards it may post; empty for any.
    pub hazards: Vec<Hazard>,
    /// Statuses it may post.
    pub statuses: Vec<Status>,
}

/// The registered senders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Senders(pub Vec<Sender>);

// === impl Senders ===

impl Senders {
    /// The regions an account may post for; empty for any.
    #[must_use]
    pub fn regions(&self, account: Option<&str>) -> &[RegionCode] {
        let known = account.and_then(|account| self.0.iter().find(|s| s.account == account));
        known.map_or(&[], |s| &s.regions)
    }

    /// Checks that an account may post a message, and takes away the ground it may not post for:
    /// what is allowed is called, what is not is a finding.
    ///
    /// # Errors
    /// What forbids the message as a whole.
    pub fn admit(&self, account: Option<&str>, message: &mut Message) -> Result<Vec<Finding>, Vec<Finding>> {
        let known = account.and_then(|account| self.0.iter().find(|s| s.account == account));
        let Some(sender) = known else {
            let reason = match account {
                Some(account) => format!("account {account:?} is not a registered sender"),
                None => "no account: only a registered sender may post".to_owned(),
            };
            return Err(vec![Finding::fatal("account", reason)]);
        };
        let mut faults = Vec::new();
        if !sender.senders.is_empty() && !sender.senders.contains(&message.sender) {
            let reason = format!("account {} may not post as {:?}", sender.account, message.sender);
            faults.push(Finding::fatal("sender", reason));
        }
        if !sender.statuses.contains(&message.status) {
            let reason = format!("account {} may not post status {}", sender.account, message.status);
            faults.push(Finding::fatal("status", reason));
        }
        // A Cancel need not name a hazard: it ends what the same sender warned of.
        let of_hazard = sender.hazards.is_empty() || sender.hazards.contains(&message.hazard);
        if !of_hazard && message.kind != MessageKind::Cancel {
            let reason = format!("account {} may not post hazard {}", sender.account, message.hazard);
            faults.push(Finding::fatal("hazard", reason));
        }
        let mut notices = Vec::new();
        let had_codes = message.areas.iter().any(|a| !a.codes.is_empty());
        for (i, area) in message.areas.iter_mut().enumerate() {
            let mut codes = Vec::new();
            for code in area.codes.drain(..) {
                if sender.regions.is_empty() || sender.regions.iter().any(|r| r.holds(&code)) {
                    codes.push(code);
                    continue;
                }
                let reason = format!("account {} may not post for {code}", sender.account);
                notices.push(Finding::notice(format!("areas[{i}].codes"), reason));
                // Of a larger region the part that is the account's is called.
                codes.extend(sender.regions.iter().filter(|r| code.holds(r)).cloned());
            }
            area.codes = codes;
        }
        let left = message.areas.iter().any(|a| !a.codes.is_empty() || !a.polygons.is_empty() || !a.circles.is_empty());
        if had_codes && !left {
            faults.append(&mut notices);
            faults.push(Finding::fatal("areas", "no ground is left that the account may post for"));
        }
        if faults.is_empty() { Ok(notices) } else { Err(faults) }
    }
}
