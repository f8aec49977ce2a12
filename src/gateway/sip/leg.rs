//! One call that is up: what the other side does in it.

use super::agent::Agent;
use super::media::Media;
use super::rtp::digit_of_info;
use super::sdp;
use crate::model::Digest;
use rsipstack::dialog::DialogId;
use rsipstack::dialog::dialog::{DialogState, DialogStateReceiver, TransactionHandle};
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::{Header, HeadersExt, Method, Request, StatusCode};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Some phones send a key both as media and as INFO. The second of the two, within this time, is the first.
const SAME_KEY: Duration = Duration::from_millis(1_000);

/// Keys that wait to be looked at; nobody presses more in earnest.
const KEYS_MAX: usize = 16;

/// A BYE is answered by then, RFC 3261 timer F.
const BYE_MAX: Duration = Duration::from_secs(33);

/// What the other side did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// Pressed a key.
    Key(char),
    /// Hung up.
    HungUp,
}

/// A call that is up. Dropped, it is hung up.
pub(super) struct Leg {
    agent: Arc<Agent>,
    dialog: InviteDialog,
    states: DialogStateReceiver,
    pub(super) media: Media,
    /// What our description says.
    own: Own,
    keys: VecDeque<char>,
    last: Option<(char, Way, Instant)>,
    hung_up: bool,
}

/// What our session descriptions are made of.
#[derive(Clone, Copy)]
pub(super) struct Own {
    pub(super) port: u16,
    pub(super) session: u32,
}

impl Own {
    /// What is described, and the source of our media: both by the name of the call.
    pub(super) fn new(port: u16, name: &str) -> (Self, u32) {
        let [a, b, c, d, ..] = Digest::of(name.as_bytes()).0;
        let source = u32::from_be_bytes([a, b, c, d]);
        (Self { port, session: source >> 1 }, source)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Media,
    Info,
}

// === impl Leg ===

impl Leg {
    pub(super) fn new(
        agent: Arc<Agent>,
        dialog: InviteDialog,
        states: DialogStateReceiver,
        media: Media,
        own: Own,
    ) -> Self {
        Self { agent, dialog, states, media, own, keys: VecDeque::new(), last: None, hung_up: false }
    }

    /// What happens next. Can be dropped at any time; nothing is lost.
    pub(super) async fn next(&mut self) -> Happening {
        loop {
            if let Some(key) = self.keys.pop_front() {
                return Happening::Key(key);
            }
            if self.hung_up {
                return Happening::HungUp;
            }
            tokio::select! {
                biased;
                digit = self.media.key() => self.press(digit, Way::Media),
                state = self.states.recv() => match state {
                    Some(state) => self.signalled(state).await,
                    None => self.hung_up = true,
                },
            }
        }
    }

    async fn signalled(&mut self, state: DialogState) {
        match state {
            DialogState::Terminated(..) => self.hung_up = true,
            DialogState::Info(_, request, handle) => {
                let kind = request.header_value("Content-Type").unwrap_or_default();
                if let Some(digit) = digit_of_info(&kind, &request.body) {
                    self.press(digit, Way::Info);
                }
                reply(&handle, StatusCode::OK).await;
            }
            DialogState::Updated(_, request, handle) => self.renegotiated(&request, &handle).await,
            DialogState::Options(_, _, handle) | DialogState::Notify(_, _, handle) => {
                reply(&handle, StatusCode::OK).await;
            }
            DialogState::Refer(_, _, handle) | DialogState::Message(_, _, handle) => {
                reply(&handle, StatusCode::MethodNotAllowed).await;
            }
            _ => {}
        }
    }

    /// A re-INVITE or an UPDATE: the other side's media moves, or goes on hold and back.
    async fn renegotiated(&mut self, request: &Request, handle: &TransactionHandle) {
        let Own { port, session } = self.own;
        let body = if !request.body.is_empty() {
            let Ok(remote) = sdp::parse(&request.body) else {
                return reply(handle, StatusCode::NotAcceptableHere).await;
            };
            self.media.redirect(remote);
            Some(sdp::answer(self.agent.public, port, session, &remote))
        } else if request.method == Method::Invite {
            // Without an offer it asks for ours; the answer in the ACK is what holds already.
            Some(sdp::offer(self.agent.public, port, session))
        } else {
            None
        };
        let kind = body.is_some().then(|| vec![Header::ContentType("application/sdp".into())]);
        // A transaction that is gone needs no answer.
        let _ = handle.respond(StatusCode::OK, kind, body.map(String::into_bytes)).await;
    }

    fn press(&mut self, digit: char, way: Way) {
        let now = Instant::now();
        let same = |(last, by, at): (char, Way, Instant)| last == digit && by != way && now - at < SAME_KEY;
        if self.last.is_some_and(same) {
            return;
        }
        self.last = Some((digit, way, now));
        if self.keys.len() < KEYS_MAX {
            self.keys.push_back(digit);
        }
    }
}

impl Drop for Leg {
    /// The BYE is repeated until it is answered, beside whatever comes next.
    fn drop(&mut self) {
        end(self.agent.clone(), self.dialog.clone());
    }
}

/// Ends a dialog and forgets it.
pub(super) fn end(agent: Arc<Agent>, dialog: InviteDialog) {
    tokio::spawn(async move {
        let id: DialogId = dialog.id();
        if !matches!(timeout(BYE_MAX, dialog.hangup()).await, Ok(Ok(()))) {
            tracing::debug!("a BYE was not answered");
        }
        agent.dialogs.remove_dialog(&id);
    });
}

async fn reply(handle: &TransactionHandle, status: StatusCode) {
    // A transaction that is gone needs no answer.
    let _ = handle.reply(status).await;
}
