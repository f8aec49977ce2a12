//! What a centre's command status means for an attempt (SMPP 3.4 §5.1.3).

use crate::model::Failure;

/// Throttled: more messages than are allowed.
const THROTTLED: u32 = 0x58;
/// The centre's queue is full.
const QUEUE_FULL: u32 = 0x14;

/// What the answer to a submit means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was taken.
    Taken,
    /// Nothing was taken, and the centre wants to be left alone for a while.
    Throttled,
    /// Nothing was taken.
    Failed(Failure),
}

// === impl Verdict ===

impl Verdict {
    pub(super) fn of(status: u32) -> Self {
        match status {
            0 => Self::Taken,
            THROTTLED | QUEUE_FULL => Self::Throttled,
            // Invalid destination address; invalid number of destinations.
            0x0b | 0x33 => Self::Failed(Failure::DeadNumber),
            // Wrong bind state, system error, cannot submit now, temporary application error: another try, or
            // another gateway, may do.
            0x04 | 0x08 | 0x64 => Self::Failed(Failure::GatewayDown),
            // Invalid scheduled or expiry time: there is no time left for it.
            0x62 => Self::Failed(Failure::Expired),
            _ => Self::Failed(Failure::Refused),
        }
    }
}

/// Whether a bind was refused for who we are: no use in trying again soon.
pub(super) fn refuses_account(status: u32) -> bool {
    matches!(status, 0x0d..=0x0f)
}

/// The status for people: its name in the standard and its code.
pub(super) fn name(status: u32) -> String {
    let name = match status {
        0x01 => "ESME_RINVMSGLEN",
        0x02 => "ESME_RINVCMDLEN",
        0x03 => "ESME_RINVCMDID",
        0x04 => "ESME_RINVBNDSTS",
        0x05 => "ESME_RALYBND",
        0x08 => "ESME_RSYSERR",
        0x0a => "ESME_RINVSRCADR",
        0x0b => "ESME_RINVDSTADR",
        0x0d => "ESME_RBINDFAIL",
        0x0e => "ESME_RINVPASWD",
        0x0f => "ESME_RINVSYSID",
        0x11 => "ESME_RCANCELFAIL",
        QUEUE_FULL => "ESME_RMSGQFUL",
        0x33 => "ESME_RINVNUMDESTS",
        0x45 => "ESME_RSUBMITFAIL",
        0x48 => "ESME_RINVSRCTON",
        0x49 => "ESME_RINVSRCNPI",
        0x50 => "ESME_RINVDSTTON",
        0x51 => "ESME_RINVDSTNPI",
        THROTTLED => "ESME_RTHROTTLED",
        0x62 => "ESME_RINVEXPIRY",
        0x64 => "ESME_RX_T_APPN",
        0x65 => "ESME_RX_P_APPN",
        0x66 => "ESME_RX_R_APPN",
        0xff => "ESME_RUNKNOWNERR",
        _ => return format!("status 0x{status:02X}"),
    };
    format!("{name} (0x{status:02X})")
}
