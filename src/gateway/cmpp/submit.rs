//! Submitting attempts: from a text to parts, from the answers of the parts to one fact.

use super::codec::Submit;
use super::outcome::{self, FLOW_CONTROL};
use super::receipts::{Receipts, Sent, Track, reference};
use super::session::{self, Answer, Ask, Order, Phase, Shared, State};
use super::text::{self, Part};
use crate::config::{CMPP_NUMBER_MAX, CmppSection};
use crate::gateway::scrub::scrub;
use crate::gateway::{Condition, Door, Gateway, Outgoing};
use crate::model::{AttemptKey, Channel, Fact, Failure, GatewayId, Stage, Timestamp};
use futures::future::{BoxFuture, join_all};
use std::sync::atomic::{AtomicI64, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// A gateway that takes attempts by CMPP. Dropping it ends its session.
pub struct CmppGateway {
    shared: Arc<Shared>,
    channels: Vec<Channel>,
    batch_max: usize,
    orders: mpsc::Sender<Order>,
    /// Tells the parts of one text from those of the next.
    parts_reference: AtomicU8,
}

// === impl CmppGateway ===

impl CmppGateway {
    /// A gateway for an account; it begins to connect. Must be used inside a tokio runtime.
    #[must_use]
    pub fn new(
        id: GatewayId,
        channels: Vec<Channel>,
        batch_max: usize,
        config: CmppSection,
        secret: String,
        door: Door,
    ) -> Self {
        let (orders, asked) = mpsc::channel(1);
        let parts_reference = AtomicU8::new((door.clock)().0.to_le_bytes()[2]);
        let shared = Arc::new(Shared {
            id,
            config,
            secret,
            door,
            receipts: Mutex::new(Receipts::default()),
            state: watch::Sender::new(State { tries: 0, phase: Phase::Connecting }),
            pause_until: AtomicI64::new(0),
            nudge: Notify::new(),
        });
        tokio::spawn(session::run(Arc::clone(&shared), asked));
        Self { shared, channels, batch_max, orders, parts_reference }
    }

    async fn submit_one(&self, attempt: &Outgoing) -> Fact {
        let limit = Instant::now() + self.shared.response_timeout();
        if attempt.valid_until <= self.shared.now() {
            return expired();
        }
        let config = &self.shared.config;
        let next = self.parts_reference.fetch_add(1, Ordering::Relaxed);
        let parts = match text::parts(&attempt.text, config.coding, config.parts_max, next) {
            Ok(parts) => parts,
            Err(why) => return Fact::Failed { failure: Failure::Refused, detail: Some(why) },
        };
        if let Err(why) = self.ready(self.shared.connect_timeout()).await {
            return down(&why);
        }
        let sent = Arc::new(Sent::new(attempt.key.clone(), parts.first().map_or(1, |p| p.total)));
        let mut asks = parts.into_iter().map(|part| {
            let track = Track { sent: Arc::clone(&sent), part: part.number };
            (submit(config, attempt, part), track)
        });
        let Some((first, track)) = asks.next() else { return down("no text") };
        let parts = first.pk_total;
        // The first part opens the way: while it is refused nothing was sent, and all can be tried elsewhere.
        let first = self.send(Ask::Submit(Box::new(first), track), limit, attempt.valid_until).await;
        let (msg_id, named) = match first {
            Answer::Taken { msg_id, named } => (msg_id, named),
            Answer::Refused(result) => return outcome::refused(result, &config.down_results),
            Answer::Unsent(why) => return down(&why),
            Answer::Expired => return expired(),
            Answer::Unknown | Answer::Done => return Fact::Unknown { resent: false },
        };
        let rest = asks.map(|(submit, track)| self.send_behind(submit, track, limit, attempt.valid_until));
        for answer in join_all(rest).await {
            match answer {
                Answer::Taken { .. } => {}
                Answer::Refused(result) if result != FLOW_CONTROL && !config.down_results.contains(&result) => {
                    return outcome::refused(result, &config.down_results);
                }
                // Some of it is on its way: what arrives nobody knows.
                _ => return Fact::Unknown { resent: false },
            }
        }
        let reference = Some(reference(msg_id, parts)).filter(|_| named && !tells(msg_id, &attempt.number));
        Fact::Reached { stage: Stage::Submitted, reference }
    }

    /// A part behind one that was taken. Flow control means that it was not taken: it is sent again.
    async fn send_behind(&self, submit: Submit, track: Track, limit: Instant, valid_until: Timestamp) -> Answer {
        let pause = Duration::from_millis(self.shared.config.flow_pause_ms);
        loop {
            let answer = self.send(Ask::Submit(Box::new(submit.clone()), track.clone()), limit, valid_until).await;
            if answer != Answer::Refused(FLOW_CONTROL) || Instant::now() + pause >= limit {
                return answer;
            }
            sleep(pause).await;
        }
    }

    async fn send(&self, ask: Ask, not_after: Instant, valid_until: Timestamp) -> Answer {
        let (reply, answer) = oneshot::channel();
        let order = Order { ask, not_after, valid_until, reply };
        match timeout_at(not_after, self.orders.send(order)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Answer::Unsent("stopped".into()),
            Err(_) => return Answer::Unsent("the window is full".into()),
        }
        // The session answers every order in time; this is for the case that it does not.
        match timeout(self.shared.response_timeout() * 3, answer).await {
            Ok(Ok(answer)) => answer,
            _ => Answer::Unknown,
        }
    }

    /// Waits until it is known whether the session is up.
    async fn ready(&self, wait: Duration) -> Result<(), String> {
        let mut state = self.shared.state.subscribe();
        match timeout(wait, state.wait_for(|s| s.phase != Phase::Connecting)).await {
            Ok(Ok(state)) => match &state.phase {
                Phase::Up(_) => Ok(()),
                Phase::Quiet => Err("the gateway does not answer".into()),
                Phase::Down(why) => Err(why.clone()),
                Phase::Connecting => Err("connecting".into()),
            },
            _ => Err("connecting".into()),
        }
    }

    async fn look(&self) -> Result<String, String> {
        let mut state = self.shared.state.subscribe();
        let before = state.borrow_and_update().clone();
        if let Phase::Down(_) = before.phase {
            self.shared.nudge.notify_one();
            let again = state.wait_for(|s| s.tries > before.tries && s.phase != Phase::Connecting);
            // A second try may follow at once, with the older version.
            if timeout(self.shared.connect_timeout() * 2, again).await.is_err() {
                return Err("no answer while signing in".into());
            }
        }
        self.ready(self.shared.connect_timeout() * 2).await?;
        let limit = Instant::now() + self.shared.response_timeout();
        match self.send(Ask::Test, limit, Timestamp(i64::MAX)).await {
            Answer::Done => {
                let version = match self.shared.state.borrow().phase {
                    Phase::Up(version) => format!("CMPP {version}"),
                    _ => "CMPP".into(),
                };
                Ok(format!("signed in with {version}, the line answers"))
            }
            Answer::Unsent(why) => Err(why),
            _ => Err("signed in, but the line does not answer".into()),
        }
    }
}

impl Gateway for CmppGateway {
    fn id(&self) -> &GatewayId {
        &self.shared.id
    }

    fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// CMPP has no key of the caller's: a message submitted twice arrives twice.
    fn is_idempotent(&self) -> bool {
        false
    }

    fn batch_max(&self) -> usize {
        self.batch_max
    }

    fn submit(&self, attempts: Vec<Outgoing>) -> BoxFuture<'_, Vec<Fact>> {
        Box::pin(async move { join_all(attempts.iter().map(|attempt| self.submit_one(attempt))).await })
    }

    /// By flow control.
    fn pause_until(&self) -> Option<Timestamp> {
        let at = Timestamp(self.shared.pause_until.load(Ordering::Relaxed));
        (at > self.shared.now()).then_some(at)
    }

    /// By CMPP_CANCEL, where the gateway takes it.
    fn withdraw(&self, key: AttemptKey) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if !self.shared.config.cancel {
                return;
            }
            let messages = self.shared.receipts.lock().unwrap_or_else(PoisonError::into_inner).of(&key);
            let limit = Instant::now() + self.shared.response_timeout();
            let cancel = |msg_id| self.send(Ask::Cancel(msg_id), limit, Timestamp(i64::MAX));
            for answer in join_all(messages.into_iter().map(cancel)).await {
                if answer != Answer::Done {
                    tracing::warn!(gateway = %self.shared.id, attempt = %key, ?answer, "not withdrawn");
                }
            }
        })
    }

    fn reports_by_reference(&self) -> bool {
        true
    }

    fn condition(&self) -> Condition {
        let (well, detail) = match &self.shared.state.borrow().phase {
            Phase::Up(version) => (true, format!("signed in with CMPP {version}")),
            Phase::Connecting => (false, "connecting".into()),
            Phase::Quiet => (false, "the gateway does not answer".into()),
            Phase::Down(why) => (false, scrub(why)),
        };
        Condition { well, detail }
    }

    /// Signs in now when it is not, and tests the line.
    fn check(&self) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(self.look())
    }
}

fn expired() -> Fact {
    Fact::Failed { failure: Failure::Expired, detail: None }
}

/// Nothing was taken.
fn down(why: &str) -> Fact {
    Fact::Failed { failure: Failure::GatewayDown, detail: Some(scrub(why)) }
}

/// One part of an attempt as a message.
fn submit(config: &CmppSection, attempt: &Outgoing, part: Part) -> Submit {
    Submit {
        pk_total: part.total,
        pk_number: part.number,
        registered_delivery: 1,
        msg_level: config.level,
        service_id: config.service_id.clone(),
        fee_user_type: config.fee_user_type,
        fee_terminal_id: config.fee_terminal.clone(),
        tp_pid: 0,
        tp_udhi: u8::from(part.total > 1),
        msg_fmt: part.msg_fmt,
        msg_src: config.account.clone(),
        fee_type: config.fee_type.clone(),
        fee_code: config.fee_code.clone(),
        valid_time: outcome::valid_time(attempt.valid_until),
        src_id: source(config, attempt.code.as_deref()),
        dest_terminal_ids: vec![terminal(&attempt.number, config.country_code).to_owned()],
        content: part.content,
        link_id: String::new(),
    }
}

/// Our number, with the reply code behind it where the contract allows and the field holds it.
fn source(config: &CmppSection, code: Option<&str>) -> String {
    let number = &config.access_number;
    let fits = |c: &&str| number.len() + c.len() <= CMPP_NUMBER_MAX && c.bytes().all(|b| b.is_ascii_digit());
    let code = code.filter(|_| config.extension).filter(fits).unwrap_or_default();
    format!("{number}{code}")
}

/// An E.164 number as the gateway wants it.
fn terminal(number: &str, country_code: bool) -> &str {
    let digits = number.trim_start_matches('+');
    if country_code { digits } else { digits.strip_prefix("86").unwrap_or(digits) }
}

/// Whether a Msg_Id holds the phone's number: timelines hold no personal data.
fn tells(msg_id: u64, number: &str) -> bool {
    let national = terminal(number, false);
    msg_id.to_string().contains(national) || format!("{msg_id:016x}").contains(national)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sender_bears_the_code_only_where_it_may_and_fits() {
        let section = "address = 'h:1'\naccount = '901234'\nsecret = 's'\naccess_number = '1069012345678901'\n";
        let mut config: CmppSection = toml::from_str(section).unwrap();
        assert_eq!(source(&config, Some("372")), "1069012345678901");
        config.extension = true;
        assert_eq!(source(&config, Some("372")), "1069012345678901372");
        assert_eq!(source(&config, Some("37215")), "106901234567890137215");
        assert_eq!(source(&config, Some("372151")), "1069012345678901", "22 digits");
        assert_eq!(
            (source(&config, Some("A1")), source(&config, None)),
            (config.access_number.clone(), "1069012345678901".into())
        );
    }

    #[test]
    fn numbers_go_out_as_the_contract_wants_and_into_no_reference() {
        let number = "+8613800138000";
        assert_eq!((terminal(number, false), terminal(number, true)), ("13800138000", "8613800138000"));
        assert_eq!(terminal("+85291234567", false), "85291234567");
        assert!(tells(8_613_800_138_000, number) && tells(0x0001_3800_1380_0000, number) && !tells(7, number));
    }
}
