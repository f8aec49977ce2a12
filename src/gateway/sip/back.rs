//! A call back: somebody calls the number that has called. What is open for the calling number is said, one thing after
//! the other, and answered by key. Whoever has nothing to answer, and whoever is not known, hears one sentence.

use super::agent::Agent;
use super::call;
use super::caller;
use super::gateway::Inner;
use super::incoming::answer;
use super::leg::{self, Happening, Leg, Own};
use super::media::Media;
use super::pacer::Sound;
use super::prompt::Prompt;
use super::sdp::{self, Remote};
use super::talk::{End, Limits, Talk};
use super::tell::Teller;
use crate::gateway::OpenCall;
use crate::gateway::scrub::scrub;
use crate::model::STANDARD_CHINESE;
use futures::future::join_all;
use rsipstack::dialog::dialog::{DialogState, DialogStateReceiver};
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::{Header, StatusCode};
use rsipstack::transaction::Transaction;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// So long the engine may take to say what is open; a caller hears it ring meanwhile.
const OPEN_WAIT: Duration = Duration::from_secs(5);

/// Seconds of silence between two things that are open; a key in them was meant for the first.
const BETWEEN_S: u64 = 1;

/// What a caller hears.
enum Words {
    /// What is open.
    Open(Vec<(OpenCall, Prompt)>),
    /// That nothing is.
    Nothing(Sound),
}

/// A call that rings. Dropped, it is refused, or ended when it was accepted meanwhile.
struct Ringing {
    agent: Arc<Agent>,
    dialog: InviteDialog,
    taken: bool,
}

/// Takes a call from its INVITE to its end, or refuses it.
pub(super) async fn take(inner: Arc<Inner>, agent: Arc<Agent>, mut request: Transaction) {
    let (line, remote) = match admit(&inner, &request) {
        Ok(admitted) => admitted,
        Err(status) => return answer(&mut request, status).await,
    };
    let number = caller::number(&request.original, inner.section.back_asserted_only);
    let (sender, states) = agent.dialogs.new_dialog_state_channel();
    let made = agent.dialogs.get_or_create_server_invite(&request, sender, None, Some(agent.contact.clone()));
    let Ok(mut dialog) = made else {
        // It names a call that is over.
        drop(line);
        return answer(&mut request, StatusCode::CallTransactionDoesNotExist).await;
    };
    let ringing = Ringing { agent, dialog: dialog.clone(), taken: false };
    let stop = inner.stop.clone();
    let talk = async move {
        let _line = line;
        if let Err(reason) = run(&inner, (ringing, states), number, remote).await {
            tracing::warn!(gateway = %inner.sink.id, reason = scrub(&reason), "a call back was not taken");
        }
    };
    tokio::spawn(async move {
        tokio::select! {
            () = talk => {}
            // The leg hangs up as it is dropped.
            () = stop.cancelled() => {}
        }
    });
    // Says 100 and what the dialog answers, and takes the ACK or the CANCEL. What went wrong ends the dialog.
    let _ = dialog.handle(&mut request).await;
}

/// Whether a call is taken: a line for it, and where its media goes.
fn admit(inner: &Inner, request: &Transaction) -> Result<(OwnedSemaphorePermit, Remote), StatusCode> {
    let section = &inner.section;
    if section.back_lines == 0 {
        return Err(StatusCode::TemporarilyUnavailable);
    }
    let from = request.connection.as_ref().and_then(|c| c.get_remote_addr()).and_then(|a| a.get_socketaddr().ok());
    let known = |ip: IpAddr| section.back_peers.is_empty() || section.back_peers.contains(&ip);
    if !from.is_some_and(|from| known(from.ip())) {
        return Err(StatusCode::Forbidden);
    }
    let remote = sdp::parse(&request.original.body).map_err(|error| {
        tracing::info!(gateway = %inner.sink.id, %error, "a call back cannot be spoken to");
        StatusCode::NotAcceptableHere
    })?;
    let line = inner.back.clone().try_acquire_owned().map_err(|_| {
        inner.metrics.limit_hit("gateway.sip.back_lines");
        StatusCode::BusyHere
    })?;
    Ok((line, remote))
}

/// Takes a call that rings, and talks until its end.
async fn run(
    inner: &Inner,
    (ringing, mut states): (Ringing, DialogStateReceiver),
    number: Option<String>,
    remote: Remote,
) -> Result<(), String> {
    ringing.dialog.ringing(None, None).map_err(|e| e.to_string())?;
    let words = tokio::select! {
        words = words(inner, number) => words?,
        _ = confirmed(&mut states) => return Ok(()),
    };
    let place = inner.ports.take(ringing.agent.ip).map_err(|e| format!("media: {e}"))?;
    let (own, source) = Own::new(place.port, &ringing.dialog.id().call_id);
    let media = Media::open(place, &inner.pacer, remote, source, ringing.agent.peers.clone())
        .map_err(|e| format!("media: {e}"))?;
    let body = sdp::answer(ringing.agent.public, own.port, own.session, &remote);
    let kind = vec![Header::ContentType("application/sdp".into())];
    ringing.dialog.accept(Some(kind), Some(body.into_bytes())).map_err(|e| e.to_string())?;
    let call_max = Duration::from_secs(inner.section.call_max_s);
    let talk = async {
        // What is said before the acceptance was acknowledged may not be heard.
        if confirmed(&mut states).await {
            converse(inner, &mut ringing.taken(states, media, own), words).await;
        }
    };
    // Who puts us on hold hears nothing, and would hold the line.
    let _ = timeout(call_max, talk).await;
    Ok(())
}

/// What a caller hears, as sound: all of it is there before the call is taken.
async fn words(inner: &Inner, number: Option<String>) -> Result<Words, String> {
    let open = match number {
        Some(number) => timeout(OPEN_WAIT, inner.sink.upcalls.open_for(inner.sink.id.clone(), number))
            .await
            .map_err(|_| "the engine does not say what is open".to_owned())?
            .map_err(|e| e.to_string())?,
        None => Vec::new(),
    };
    if open.is_empty() {
        let said = inner.speaker.say(&inner.section.back_words, STANDARD_CHINESE).await;
        return said.map(Words::Nothing).map_err(|e| e.to_string());
    }
    let made = open.into_iter().map(|open| async move {
        let prompt = call::prompt(inner, &open.speech, &open.language).await.map_err(|(_, reason)| reason)?;
        Ok((open, prompt))
    });
    let made: Vec<Result<_, String>> = join_all(made).await;
    let mut whole = Vec::new();
    for one in made {
        match one {
            Ok(one) => whole.push(one),
            // The others can be answered all the same.
            Err(reason) => tracing::warn!(gateway = %inner.sink.id, %reason, "a call back cannot be told of something"),
        }
    }
    if whole.is_empty() { Err("no speech".into()) } else { Ok(Words::Open(whole)) }
}

async fn converse(inner: &Inner, leg: &mut Leg, words: Words) {
    let open = match words {
        Words::Open(open) => open,
        Words::Nothing(sound) => {
            leg.media.player.say(&sound);
            said(leg).await;
            return;
        }
    };
    let limits = Limits {
        key_wait_s: inner.section.key_wait_s,
        call_max: Duration::from_secs(inner.section.call_max_s),
        withdrawn: CancellationToken::new(),
    };
    for (nth, (open, prompt)) in open.iter().enumerate() {
        if nth > 0 {
            leg.media.player.pause(BETWEEN_S);
            if !said(leg).await {
                return;
            }
        }
        let teller = Teller::of_call_back(inner.sink.clone(), open.key.clone());
        let talk = Talk::new(leg, prompt, &teller, (&inner.speaker, &open.language), &limits);
        if talk.run().await.end != End::Over {
            return;
        }
    }
}

/// Waits until all is said; keys mean nothing meanwhile. False when the caller hung up.
async fn said(leg: &mut Leg) -> bool {
    let (marks, mut marked) = unbounded_channel();
    leg.media.player.mark(&marks, 0);
    loop {
        tokio::select! {
            biased;
            happening = leg.next() => if happening == Happening::HungUp { return false },
            _ = marked.recv() => return true,
        }
    }
}

/// Waits until both sides know that the call is up. False when it ended instead.
async fn confirmed(states: &mut DialogStateReceiver) -> bool {
    while let Some(state) = states.recv().await {
        match state {
            DialogState::Confirmed(..) => return true,
            DialogState::Terminated(..) => return false,
            _ => {}
        }
    }
    false
}

// === impl Ringing ===

impl Ringing {
    fn taken(mut self, states: DialogStateReceiver, media: Media, own: Own) -> Leg {
        self.taken = true;
        Leg::new(self.agent.clone(), self.dialog.clone(), states, media, own)
    }
}

impl Drop for Ringing {
    fn drop(&mut self) {
        if self.taken {
            return;
        }
        let state = self.dialog.state();
        if matches!(state, DialogState::Calling(..) | DialogState::Trying(..) | DialogState::Early(..)) {
            // A transaction that is gone needs no answer.
            let _ = self.dialog.reject(Some(StatusCode::TemporarilyUnavailable), None);
        }
        leg::end(self.agent.clone(), self.dialog.clone());
    }
}
