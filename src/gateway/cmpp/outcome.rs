//! What the other side's codes mean: results of submits, states of reports, status of signing in.

use crate::gateway::scrub::scrub;
use crate::model::{Fact, Failure, Stage, Timestamp, cst};
use chrono::{NaiveDateTime, TimeZone};

/// Result of a submit: the gateway wants fewer messages a second.
pub(super) const FLOW_CONTROL: u32 = 8;

/// The fact of a submit that was refused. Nothing was taken.
pub(super) fn refused(result: u32, down_results: &[u32]) -> Fact {
    let down = result == FLOW_CONTROL || down_results.contains(&result);
    let failure = if down { Failure::GatewayDown } else { Failure::Refused };
    Fact::Failed { failure, detail: Some(format!("result {result}: {}", result_words(result))) }
}

fn result_words(result: u32) -> &'static str {
    match result {
        1 => "malformed message",
        2 => "unknown command",
        3 => "sequence number used before",
        4 => "wrong length",
        5 => "wrong fee code",
        6 => "text too long",
        7 => "wrong service id",
        FLOW_CONTROL => "flow control",
        9 => "this gateway does not serve the number that pays",
        10 => "wrong sender's number",
        11 => "wrong account in the message",
        12 => "wrong number that pays",
        13 => "wrong number of the receiver",
        _ => "a code of this gateway",
    }
}

/// What a report says became of a message; `None` when it is still under way.
pub(super) fn state(stat: &str, dead_number: &[String]) -> Option<Fact> {
    let failed = |failure| Some(Fact::Failed { failure, detail: Some(scrub(stat)) });
    match stat {
        "DELIVRD" => Some(Fact::Reached { stage: Stage::Delivered, reference: None }),
        "ACCEPTD" | "ENROUTE" => None,
        "REJECTD" => failed(Failure::Refused),
        dead if dead_number.iter().any(|d| d == dead) => failed(Failure::DeadNumber),
        // UNDELIV, UNKNOWN, and the codes of the machines behind the gateway (MA:0001, MK:0012, …). EXPIRED is the
        // phone that was off until ValId_Time, DELETED what the carrier dropped: the person has to be tried again.
        _ => failed(Failure::Undelivered),
    }
}

/// Done_time of a report, `YYMMDDHHMM` in China Standard Time; to the minute.
pub(super) fn done_at(text: &str) -> Option<Timestamp> {
    let digits = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit());
    let at = NaiveDateTime::parse_from_str(digits.then_some(text)?, "%y%m%d%H%M").ok()?;
    Some(Timestamp::from_chrono(&cst().from_local_datetime(&at).single()?))
}

/// ValId_Time of a message, as in SMPP: `YYMMDDhhmmss`, tenths, and 32 quarters of an hour ahead of UTC.
pub(super) fn valid_time(until: Timestamp) -> String {
    until.to_cst().format("%y%m%d%H%M%S032+").to_string()
}

/// The status of a CONNECT_RESP in words.
pub(super) fn status_words(status: u32) -> &'static str {
    match status {
        1 => "malformed message",
        2 => "the gateway does not know the account",
        3 => "the secret is wrong",
        4 => "the version is too high",
        _ => "a reason of this gateway",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_result_has_its_failure() {
        let failure = |result| match refused(result, &[3, 5, 7, 10, 11, 12]) {
            Fact::Failed { failure, detail } => {
                assert!(detail.unwrap().starts_with(&format!("result {result}: ")));
                failure
            }
            other => panic!("{other:?}"),
        };
        for down in [3, 5, 7, 8, 10, 11, 12] {
            assert_eq!(failure(down), Failure::GatewayDown, "{down}");
        }
        for refused in [1, 2, 4, 6, 9, 13, 14, 255, 70_000] {
            assert_eq!(failure(refused), Failure::Refused, "{refused}");
        }
    }

    #[test]
    fn every_state_has_its_fact() {
        let failure = |stat: &str| match state(stat, &["MK:0001".into()]) {
            Some(Fact::Failed { failure, detail }) => {
                assert_eq!(detail.as_deref(), Some(stat));
                failure
            }
            other => panic!("{stat}: {other:?}"),
        };
        assert_eq!(state("DELIVRD", &[]), Some(Fact::Reached { stage: Stage::Delivered, reference: None }));
        assert_eq!((state("ACCEPTD", &[]), state("ENROUTE", &[])), (None, None));
        assert_eq!((failure("REJECTD"), failure("MK:0001")), (Failure::Refused, Failure::DeadNumber));
        for undelivered in ["UNDELIV", "UNKNOWN", "EXPIRED", "DELETED", "MA:0001", "MK:0012", "ID:0076", "IC:0151", ""]
        {
            assert_eq!(failure(undelivered), Failure::Undelivered);
        }
    }

    #[test]
    fn times_are_those_of_china() {
        let at = Timestamp::parse_iso("2026-07-01T04:18:00+08:00").unwrap();
        assert_eq!(done_at("2607010418"), Some(at));
        assert_eq!((done_at("2613010418"), done_at("26070104"), done_at("26070104+8")), (None, None, None));
        assert_eq!(valid_time(at.plus_ms(9_900)), "260701041809032+");
    }
}
