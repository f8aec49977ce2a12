//! Why a call did not come about: from the answer of the trunk to a failure.

use crate::model::Failure;

/// The failure that a final answer to an INVITE means, RFC 3261 21. A cause of the telephone network (Q.850, in the
/// `Reason` header by RFC 3326) tells more than the status that a border element made of it. `rang`: somebody may
/// have noticed the call.
pub(super) fn failure(status: u16, q850: Option<u8>, rang: bool) -> Failure {
    if let Some(failure) = q850.and_then(by_q850) {
        return failure;
    }
    match status {
        486 | 600 => Failure::Busy,
        408 | 480 | 487 => Failure::NoAnswer,
        603 | 607 => Failure::Declined,
        404 | 410 | 484 | 604 => Failure::DeadNumber,
        // Whoever answers so would do it to any number, and nothing rang: the trunk does not work for us.
        401 | 407 | 429 | 500..=599 if !rang => Failure::GatewayDown,
        _ if rang => Failure::Undelivered,
        _ => Failure::Refused,
    }
}

/// ITU-T Q.850 table 1.
fn by_q850(cause: u8) -> Option<Failure> {
    match cause {
        1 | 22 | 28 => Some(Failure::DeadNumber),
        17 => Some(Failure::Busy),
        18..=20 => Some(Failure::NoAnswer),
        21 => Some(Failure::Declined),
        _ => None,
    }
}

/// The cause in a `Reason` header: `Q.850;cause=17;text="User busy"`. Several may stand in one, by commas.
pub(super) fn q850(reason: &str) -> Option<u8> {
    reason.split(',').find_map(|one| {
        let mut parts = one.split(';').map(str::trim);
        let protocol = parts.next()?;
        let cause = parts.find_map(|p| p.strip_prefix("cause="))?;
        protocol.eq_ignore_ascii_case("Q.850").then(|| cause.trim().parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_its_failure() {
        let silent = |status| failure(status, None, false);
        let rang = |status| failure(status, None, true);
        assert_eq!([486, 600].map(silent), [Failure::Busy; 2]);
        assert_eq!([480, 408, 487].map(rang), [Failure::NoAnswer; 3]);
        assert_eq!([603, 607].map(rang), [Failure::Declined; 2]);
        assert_eq!([404, 410, 484, 604].map(silent), [Failure::DeadNumber; 4]);
        assert_eq!([401, 407, 429, 500, 503].map(silent), [Failure::GatewayDown; 5]);
        assert_eq!([500, 503, 403].map(rang), [Failure::Undelivered; 3], "it rang: nobody may say that nothing did");
        assert_eq!([302, 400, 403, 415, 488, 606, 608].map(silent), [Failure::Refused; 7]);
    }

    #[test]
    fn the_cause_of_the_telephone_network_tells_more() {
        assert_eq!(q850("Q.850;cause=1;text=\"Unallocated\""), Some(1));
        assert_eq!(q850("SIP;cause=503, q.850 ;cause=17"), Some(17));
        assert_eq!(q850("SIP;cause=200;text=\"Call completed elsewhere\""), None);
        assert_eq!(q850("Q.850;cause=999"), None);
        assert_eq!(failure(503, Some(1), false), Failure::DeadNumber);
        assert_eq!(failure(480, Some(17), true), Failure::Busy);
        assert_eq!(failure(480, Some(31), true), Failure::NoAnswer, "no cause that says more");
    }
}
