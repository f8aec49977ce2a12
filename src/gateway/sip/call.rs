//! One call out, from its attempt to its end.

use super::agent::{Agent, Invited};
use super::cause;
use super::gateway::Inner;
use super::leg::{self, Leg, Own};
use super::media::{Media, Place};
use super::prompt::Prompt;
use super::sdp;
use super::speech::NoSpeech;
use super::talk::{End, Limits, Outcome, Talk};
use super::tell::Teller;
use crate::gateway::Outgoing;
use crate::gateway::scrub::scrub;
use crate::model::{Fact, Failure, Speech, Stage};
use rsipstack::dialog::dialog::DialogState;
use rsipstack::sip::{HeadersExt, Response, StatusCodeKind};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// After a CANCEL the trunk says by then how the call ended.
const CANCEL_MAX: Duration = Duration::from_secs(5);

/// Tells of a call: the first fact is the answer to its submit.
struct Facts {
    first: Option<oneshot::Sender<Fact>>,
    teller: Teller,
}

/// How a call ended that did not come about.
pub(super) type Failed = (Failure, String);

/// What came of an INVITE that was accepted.
struct Accepted {
    invited: Invited,
    answer: Response,
}

/// Places a call and talks until its end. Exactly one fact goes to `first`.
pub(super) async fn place(
    inner: Arc<Inner>,
    attempt: Outgoing,
    withdrawn: CancellationToken,
    first: oneshot::Sender<Fact>,
) {
    let teller = Teller::new(inner.sink.clone(), attempt.key.clone());
    let mut facts = Facts { first: Some(first), teller };
    match run(&inner, &attempt, &withdrawn, &mut facts).await {
        Ok(fact) => facts.tell(fact),
        Err((failure, detail)) => facts.tell(Fact::Failed { failure, detail: Some(scrub(&detail)) }),
    }
}

async fn run(
    inner: &Arc<Inner>,
    attempt: &Outgoing,
    withdrawn: &CancellationToken,
    facts: &mut Facts,
) -> Result<Fact, Failed> {
    let down = |reason: String| (Failure::GatewayDown, reason);
    // Held until the end.
    let _line = inner.lines.clone().try_acquire_owned().map_err(|_| down("all lines are in use".into()))?;
    let number = inner.dialled(&attempt.number).ok_or((Failure::Refused, "not a number".to_owned()))?;
    let plain = || Speech { text: attempt.text.clone(), repeats: 1, ..Speech::default() };
    let speech = attempt.speech.clone().unwrap_or_else(plain);
    let prompt = prompt(inner, &speech, &attempt.language).await?;
    let now = (inner.sink.clock)();
    if attempt.valid_until <= now {
        return Err((Failure::Expired, "before it was dialled".into()));
    }
    if withdrawn.is_cancelled() {
        return Err((Failure::Withdrawn, "before it was dialled".into()));
    }
    let valid = Duration::from_millis(attempt.valid_until.ms_since(now).unsigned_abs());
    let agent = inner.agent().await.map_err(down)?;
    let place = inner.ports.take(agent.ip).map_err(|e| down(format!("media: {e}")))?;
    let (own, source) = Own::new(place.port, &attempt.key.to_string());
    let invited = agent.invite(&number, sdp::offer(agent.public, own.port, own.session)).await.map_err(down)?;
    let ring = Duration::from_secs(inner.section.ring_s).min(valid);
    let accepted = ring_out(inner, invited, ring, withdrawn, facts).await?;
    facts.teller.reached(Stage::PickedUp);
    let mut leg = answered(inner, agent, accepted, (place, own, source))?;
    let limits = Limits {
        key_wait_s: inner.section.key_wait_s,
        call_max: Duration::from_secs(inner.section.call_max_s),
        withdrawn: withdrawn.clone(),
    };
    let talk = Talk::new(&mut leg, &prompt, &facts.teller, (&inner.speaker, &attempt.language), &limits);
    let Outcome { end, heard, keyed } = talk.run().await;
    let so_far = format!("heard {} s of {} s", leg.media.player.spoken_s(), prompt.once_s());
    match end {
        End::HungUp if !heard && !keyed => Err((Failure::HungUp, so_far)),
        End::Withdrawn if !heard && !keyed => Err((Failure::Withdrawn, so_far)),
        End::Over | End::HungUp | End::Withdrawn => Ok(Fact::Ended),
    }
}

/// What the call will say. Nobody is called to hear nothing.
pub(super) async fn prompt(inner: &Inner, speech: &Speech, language: &str) -> Result<Prompt, Failed> {
    // A text waits for its turn, and is made.
    let limit = Duration::from_millis(inner.section.tts_timeout_ms).saturating_mul(2);
    match timeout(limit, Prompt::make(&inner.speaker, speech, language)).await {
        Ok(Ok(prompt)) => Ok(prompt),
        Ok(Err(reason @ NoSpeech::Engine(_))) => Err((Failure::GatewayDown, reason.to_string())),
        Ok(Err(reason @ NoSpeech::Words(_))) => Err((Failure::Refused, reason.to_string())),
        Err(_) => Err((Failure::GatewayDown, "no speech: too many texts at one time".into())),
    }
}

/// Waits until somebody picks up.
async fn ring_out(
    inner: &Inner,
    mut invited: Invited,
    ring: Duration,
    withdrawn: &CancellationToken,
    facts: &mut Facts,
) -> Result<Accepted, Failed> {
    let begun = Instant::now();
    let first = sleep(Duration::from_millis(inner.section.first_answer_ms));
    let (ring, give_up) = (sleep(ring), sleep(Duration::MAX));
    tokio::pin!(first, ring, give_up);
    let (mut taken, mut rang) = (false, false);
    // Why we ended it, when we did.
    let mut ended: Option<Failed> = None;
    let answer = loop {
        tokio::select! {
            biased;
            Some(state) = invited.states.recv() => {
                let code = match &state {
                    DialogState::Trying(_) => 100,
                    DialogState::Early(_, response) => response.status_code.code(),
                    _ => continue,
                };
                if !taken {
                    taken = true;
                    inner.answered();
                    facts.submitted(&invited);
                }
                if matches!(code, 180 | 183) && !rang {
                    rang = true;
                    facts.teller.reached(Stage::Delivered);
                }
            }
            answer = &mut invited.answer => break answer,
            () = withdrawn.cancelled(), if ended.is_none() => {
                ended = Some((Failure::Withdrawn, after("while it rang", begun)));
                cancel(&invited, give_up.as_mut()).await;
            }
            () = &mut ring, if ended.is_none() => {
                ended = Some((Failure::NoAnswer, after("nobody picked up", begun)));
                cancel(&invited, give_up.as_mut()).await;
            }
            () = &mut first, if !taken && ended.is_none() => {
                inner.silent();
                invited.answer.abort();
                return Err((Failure::GatewayDown, after("the trunk says nothing", begun)));
            }
            () = &mut give_up, if ended.is_some() => {
                invited.answer.abort();
                return Err(ended.unwrap_or((Failure::NoAnswer, String::new())));
            }
        }
    };
    let response = match answer {
        Ok(Ok((_, Some(response)))) => response,
        _ if ended.is_some() => return Err(ended.unwrap_or((Failure::NoAnswer, String::new()))),
        Ok(Ok((_, None))) | Ok(Err(_)) | Err(_) if rang => {
            return Err((Failure::Undelivered, "the trunk broke off".into()));
        }
        Ok(Ok((_, None))) | Ok(Err(_)) | Err(_) => return Err((Failure::GatewayDown, "the trunk broke off".into())),
    };
    inner.answered();
    if let Some(ended) = ended {
        // A CANCEL that came too late: the library acknowledged and ended what was accepted meanwhile.
        return Err(ended);
    }
    if response.status_code.kind() == StatusCodeKind::Successful {
        if !taken {
            facts.submitted(&invited);
        }
        return Ok(Accepted { invited, answer: response });
    }
    Err(refused(inner, &response, rang))
}

/// Takes the INVITE back; if the trunk has said nothing yet, as soon as it does.
async fn cancel(invited: &Invited, give_up: std::pin::Pin<&mut tokio::time::Sleep>) {
    give_up.reset(Instant::now() + CANCEL_MAX);
    // The answer to the INVITE tells what came of it.
    let _ = timeout(CANCEL_MAX, invited.dialog.cancel()).await;
}

/// What an answer that accepts nothing means.
fn refused(inner: &Inner, response: &Response, rang: bool) -> Failed {
    let status = response.status_code.code();
    let q850 = response.header_value("Reason").and_then(|reason| cause::q850(&reason));
    if status == 503 {
        inner.pause(response.header_value("Retry-After").as_deref());
    }
    let words = response.wire_reason.clone().unwrap_or_else(|| response.status_code.text().to_owned());
    let network = q850.map(|cause| format!(", Q.850 {cause}")).unwrap_or_default();
    (cause::failure(status, q850, rang), format!("SIP {status} {words}{network}"))
}

/// A call that was accepted, with its media.
fn answered(
    inner: &Inner,
    agent: Arc<Agent>,
    Accepted { invited, answer }: Accepted,
    (place, own, source): (Place, Own, u32),
) -> Result<Leg, Failed> {
    let media = sdp::parse(&answer.body).map_err(|e| e.to_string()).and_then(|remote| {
        Media::open(place, &inner.pacer, remote, source, agent.peers.clone()).map_err(|e| e.to_string())
    });
    match media {
        Ok(media) => Ok(Leg::new(agent, invited.dialog, invited.states, media, own)),
        Err(reason) => {
            leg::end(agent, invited.dialog);
            Err((Failure::Undelivered, format!("picked up, and {reason}")))
        }
    }
}

fn after(what: &str, begun: Instant) -> String {
    format!("{what}, {} s", begun.elapsed().as_secs())
}

// === impl Facts ===

impl Facts {
    fn tell(&mut self, fact: Fact) {
        match self.first.take() {
            // Whoever submitted waits for it.
            Some(first) => drop(first.send(fact)),
            None => self.teller.fact(fact),
        }
    }

    /// The trunk has the call; our Call-ID is what its records know it by.
    fn submitted(&mut self, invited: &Invited) {
        let reference = Some(invited.dialog.id().call_id);
        self.tell(Fact::Reached { stage: Stage::Submitted, reference });
    }
}
