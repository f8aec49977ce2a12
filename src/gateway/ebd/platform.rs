//! The other side: packages to it and its answers, and how long ago it was heard.

use super::document::{Body, Envelope, In, Received, receive, write};
use super::ledger::Ledger;
use super::package::{file_name, file_of, form, pack, unpack};
use super::sign::Signer;
use crate::config::{EbdSection, PostAs};
use crate::gateway::scrub::scrub;
use crate::gateway::wire::read;
use crate::gateway::{Clock, Upcalls};
use crate::model::{Channel, GatewayId, Timestamp};
use reqwest::header::CONTENT_TYPE;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// What the parts of the gateway share.
pub(super) struct Platform {
    pub(super) id: GatewayId,
    pub(super) channels: Vec<Channel>,
    pub(super) batch_max: usize,
    pub(super) section: EbdSection,
    pub(super) client: reqwest::Client,
    pub(super) signer: Box<dyn Signer>,
    pub(super) ledger: Ledger,
    pub(super) upcalls: Arc<dyn Upcalls>,
    pub(super) clock: Clock,
    /// The number of the last package: microseconds, each used once.
    pub(super) last_package: AtomicI64,
    /// Packages whose answer may be posted to us, by identifier.
    pub(super) awaited: Mutex<HashMap<String, oneshot::Sender<Received>>>,
    pub(super) heard: Heard,
}

/// When the other side was heard last, and what was wrong since.
pub(super) struct Heard {
    at: AtomicI64,
    fault: Mutex<String>,
}

/// Why a package has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoAnswer {
    /// The other side has not taken it, and another time or way may do.
    NotTaken(String),
    /// The other side refuses it for good.
    Refused(String),
    /// It may or may not have been taken.
    Unclear(String),
}

// === impl Platform ===

impl Platform {
    /// The identifier of a package: type, our code, and microseconds as 16 digits. A heartbeat's number is zero.
    fn package_id(&self, body: &Body<'_>) -> String {
        if let Body::Check { .. } = body {
            return format!("01{}{:016}", self.section.source, 0);
        }
        let now = (self.clock)().0.max(0);
        let next = |last: i64| Some(now.max(last + 1));
        let number = self.last_package.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap_or(now);
        format!("10{}{:016}", self.section.source, now.max(number + 1))
    }

    /// A package with a body, signed; its identifier and its bytes.
    pub(super) fn package(&self, related: Option<&str>, body: &Body<'_>) -> (String, Vec<u8>) {
        let ebdid = self.package_id(body);
        let at = (self.clock)();
        let (source, destination) = (self.section.source.as_str(), self.section.destination.as_str());
        let data = write(&Envelope { ebdid: &ebdid, source, destination, at, related }, body);
        let tar = pack(&ebdid, &data, &*self.signer, at);
        (ebdid, tar)
    }

    /// Posts a package and waits for its answer: what comes back at once, or is posted to us.
    pub(super) async fn ask(&self, body: &Body<'_>) -> Result<Received, NoAnswer> {
        let deadline = Instant::now() + Duration::from_millis(self.section.timeout_ms);
        let (ebdid, tar) = self.package(None, body);
        let (sender, receiver) = oneshot::channel();
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner).insert(ebdid.clone(), sender);
        let answer = self.exchange(&ebdid, tar, receiver, deadline).await;
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner).remove(&ebdid);
        match &answer {
            Ok(_) => self.heard.now((self.clock)()),
            Err(NoAnswer::NotTaken(reason) | NoAnswer::Refused(reason) | NoAnswer::Unclear(reason)) => {
                self.heard.fault(reason);
            }
        }
        answer
    }

    async fn exchange(
        &self,
        ebdid: &str,
        tar: Vec<u8>,
        posted: oneshot::Receiver<Received>,
        deadline: Instant,
    ) -> Result<Received, NoAnswer> {
        let request = match self.section.post_as {
            PostAs::Body => self.client.post(&self.section.url).header(CONTENT_TYPE, "application/x-tar").body(tar),
            PostAs::Form => {
                let boundary = format!("ebd-{ebdid}");
                let content_type = format!("multipart/form-data; boundary={boundary}");
                let body = form(&boundary, &file_name(ebdid), &tar);
                self.client.post(&self.section.url).header(CONTENT_TYPE, content_type).body(body)
            }
        };
        let response = match timeout_at(deadline, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(e)) if e.is_connect() => return Err(NoAnswer::NotTaken("no connection".into())),
            Ok(Err(_)) => return Err(NoAnswer::Unclear("the connection died before the answer".into())),
            Err(_) => return Err(NoAnswer::Unclear("no answer in time".into())),
        };
        let status = response.status().as_u16();
        let said = format!("HTTP {status}");
        match status {
            200..=299 => {}
            300..=399 | 401 | 403 | 404 | 408 | 429 | 503 => return Err(NoAnswer::NotTaken(said)),
            409 => return Err(NoAnswer::Unclear(said)),
            400..=499 => return Err(NoAnswer::Refused(said)),
            _ => return Err(NoAnswer::Unclear(said)),
        }
        let header = response.headers().get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let content_type = header.unwrap_or_default().to_owned();
        let read = timeout_at(deadline, read(response, self.section.package_max_bytes)).await;
        let body = read.map_err(|_| NoAnswer::Unclear("the answer did not end in time".into()))?;
        let body = body.ok_or_else(|| NoAnswer::Unclear("the answer is cut off or too long".into()))?;
        let received = match self.open(&content_type, &body) {
            Ok(received) => received,
            // Some platforms say no more than that they have it, and post their answer.
            Err(fault) => match timeout_at(deadline, posted).await {
                Ok(Ok(received)) => received,
                _ => return Err(NoAnswer::Unclear(format!("the answer is no package ({fault}), and none was posted"))),
            },
        };
        if received.related.is_empty() || received.related == ebdid {
            Ok(received)
        } else {
            Err(NoAnswer::Unclear("the answer is that of another package".into()))
        }
    }

    /// The document of a package that came in, when it is the other side's.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn open(&self, content_type: &str, body: &[u8]) -> Result<Received, String> {
        let package = unpack(file_of(content_type, body)?)?;
        self.signer.check(package.data.as_bytes(), package.signature.as_deref())?;
        let received = receive(&package.data)?;
        if !received.source.is_empty() && received.source != self.section.destination {
            return Err("the package is somebody else's: SRC is not our destination".into());
        }
        Ok(received)
    }

    /// An answer that was posted to us; false when nobody waits for it.
    pub(super) fn answered(&self, received: Received) -> bool {
        let mut awaited = self.awaited.lock().unwrap_or_else(PoisonError::into_inner);
        awaited.remove(&received.related).is_some_and(|sender| sender.send(received).is_ok())
    }

    /// Why an answer is not "taken"; `None` when it is.
    pub(super) fn refusal(&self, received: &Received) -> Option<String> {
        match &received.body {
            In::Response { code, .. } if self.section.accepted_codes.contains(code) => None,
            In::Response { code, desc } => Some(scrub(&format!("result {code}: {desc}"))),
            In::State(_) => None,
            In::Check => Some("a heartbeat is no answer".into()),
            In::Other(kind) => Some(format!("{} is no answer", scrub(kind))),
        }
    }
}

// === impl Heard ===

impl Heard {
    /// At the start nothing is known: it counts as heard.
    pub(super) fn new(now: Timestamp) -> Self {
        Self { at: AtomicI64::new(now.0), fault: Mutex::default() }
    }

    pub(super) fn now(&self, now: Timestamp) {
        self.at.fetch_max(now.0, Ordering::Relaxed);
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn fault(&self, reason: &str) {
        reason.clone_into(&mut self.fault.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether it was heard within so many seconds, and how that stands.
    pub(super) fn condition(&self, now: Timestamp, offline_after_s: u64) -> (bool, String) {
        let silent_s = now.ms_since(Timestamp(self.at.load(Ordering::Relaxed))) / 1000;
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let well = silent_s <= i64::try_from(offline_after_s).unwrap_or(i64::MAX);
        let last = if fault.is_empty() { fault } else { format!("; last: {fault}") };
        (well, format!("heard {silent_s} s ago{last}"))
    }
}
