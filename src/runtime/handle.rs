//! The handle of an engine: what doors, gateways and pages ask, and how the installation is.

use super::acts::{Acts, Health, HealthPart};
use super::book::CallKey;
use super::clock;
use super::locks::LockAct;
use super::upcalls::{Deed, Kept, Vouched};
use crate::directory::Directory;
use crate::dispatch::CanaryResult;
use crate::gateway::{NotTaken, OpenCall, ReadBack, Upcall, Upcalls};
use crate::journal::InboxItem;
use crate::model::{GatewayId, Timestamp};
use futures::future::{BoxFuture, FutureExt};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Asks that wait for the engine; beyond this, askers wait.
const ASKS_MAX: usize = 10_000;
/// Posts that wait for the engine; beyond this, desks wait.
const POSTS_MAX: usize = 4;
/// How long a desk waits for the engine to take a post. What is not taken by then the engine finds in the inbox.
const POST_WAIT: Duration = Duration::from_secs(1);

/// Asks of an engine; cheap to clone.
#[derive(Clone)]
pub struct EngineHandle {
    asks: mpsc::Sender<Ask>,
    posts: mpsc::Sender<Vec<InboxItem>>,
    status: Arc<RwLock<Status>>,
    parts: Arc<Mutex<Vec<HealthProbe>>>,
}

/// Tells how a part of the installation is.
pub type HealthProbe = Box<dyn Fn() -> HealthPart + Send + Sync>;

/// What the engine is asked for; taken by [`super::run`].
pub struct Asks {
    pub(super) asks: mpsc::Receiver<Ask>,
    /// What desks of this process posted to the inbox has a way of its own: no flood of answers holds an order up.
    pub(super) posts: mpsc::Receiver<Vec<InboxItem>>,
}

pub(super) enum Ask {
    Upcalls { gateway: GatewayId, upcalls: Vec<Upcall>, done: oneshot::Sender<Result<Vec<ReadBack>, NotTaken>> },
    OpenFor { gateway: GatewayId, number: String, done: oneshot::Sender<Vec<OpenCall>> },
    Link { token: String, done: oneshot::Sender<Option<CallKey>> },
    AnswerLink { token: String, deed: Deed, done: oneshot::Sender<Result<Option<Kept>, NotTaken>> },
    Vouch { vouched: Vouched, done: oneshot::Sender<Result<Kept, NotTaken>> },
    Directory(Arc<Directory>),
    Lock { gateway: GatewayId, act: LockAct, done: oneshot::Sender<Result<bool, NotTaken>> },
    Canary { gateway: GatewayId, result: CanaryResult },
}

#[derive(Clone, Debug, Default)]
pub(super) struct Status {
    pub lease: Option<u64>,
    pub loaded: bool,
    pub journal_error: Option<String>,
}

// === impl EngineHandle ===

impl EngineHandle {
    /// A handle, and the end that [`super::run`] takes.
    #[must_use]
    pub fn new() -> (Self, Asks) {
        let (asks, asked) = mpsc::channel(ASKS_MAX);
        let (posts, posted) = mpsc::channel(POSTS_MAX);
        let handle = Self { asks, posts, status: Arc::default(), parts: Arc::default() };
        (handle, Asks { asks: asked, posts: posted })
    }

    /// Items were posted to the inbox by a desk of this process: as they are stored, and then each message again
    /// with its order.
    /// Whether the engine takes them.
    pub async fn inbox_posted(&self, items: Vec<InboxItem>) -> bool {
        let taken = self.posts.send_timeout(items, POST_WAIT).await.is_ok();
        if !taken {
            tracing::warn!("the engine took no order for a second; it will find the rest of the message in the inbox");
        }
        taken
    }

    /// A new directory version is in force.
    pub async fn set_directory(&self, directory: Arc<Directory>) {
        let _ = self.asks.send(Ask::Directory(directory)).await;
    }

    /// What the canary of a gateway saw; of no interest while the engine is busy.
    pub fn canary(&self, gateway: &GatewayId, result: CanaryResult) {
        let _ = self.asks.try_send(Ask::Canary { gateway: gateway.clone(), result });
    }

    /// Whether this process is the active engine of its cell.
    #[must_use]
    pub fn leads(&self) -> bool {
        let status = self.status.read().unwrap_or_else(PoisonError::into_inner);
        status.lease.is_some() && status.loaded
    }

    /// Adds a part to the installation's health.
    pub fn add_probe(&self, probe: HealthProbe) {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner).push(probe);
    }

    pub(super) fn status(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.status.write().unwrap_or_else(PoisonError::into_inner));
    }

    async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Result<T, NotTaken> {
        let (done, answer) = oneshot::channel();
        self.asks.send(ask(done)).await.map_err(|_| NotTaken("the engine has stopped".into()))?;
        answer.await.map_err(|_| NotTaken("the engine does not hold its lease".into()))
    }
}

pub(super) fn durable(durable: bool) -> Result<(), NotTaken> {
    if durable { Ok(()) } else { Err(NotTaken("the journal is not available".into())) }
}

impl Upcalls for EngineHandle {
    fn take(&self, gateway: GatewayId, upcalls: Vec<Upcall>) -> BoxFuture<'_, Result<Vec<ReadBack>, NotTaken>> {
        async move { self.ask(|done| Ask::Upcalls { gateway, upcalls, done }).await? }.boxed()
    }

    fn open_for(&self, gateway: GatewayId, number: String) -> BoxFuture<'_, Result<Vec<OpenCall>, NotTaken>> {
        self.ask(|done| Ask::OpenFor { gateway, number, done }).boxed()
    }
}

impl Acts for EngineHandle {
    fn link(&self, token: String) -> BoxFuture<'_, Option<CallKey>> {
        async move { self.ask(|done| Ask::Link { token, done }).await.ok().flatten() }.boxed()
    }

    fn answer_link(&self, token: String, deed: Deed) -> BoxFuture<'_, Result<Option<Kept>, NotTaken>> {
        async move { self.ask(|done| Ask::AnswerLink { token, deed, done }).await? }.boxed()
    }

    fn vouch(&self, vouched: Vouched) -> BoxFuture<'_, Result<Kept, NotTaken>> {
        async move { self.ask(|done| Ask::Vouch { vouched, done }).await? }.boxed()
    }

    fn lock_gateway(&self, gateway: GatewayId, act: LockAct) -> BoxFuture<'_, Result<bool, NotTaken>> {
        async move { self.ask(|done| Ask::Lock { gateway, act, done }).await? }.boxed()
    }

    fn health(&self) -> Health {
        let status = self.status.read().unwrap_or_else(PoisonError::into_inner).clone();
        let part = |name: &str, well: bool, detail: String| HealthPart { name: name.into(), well, vital: true, detail };
        let lease = status.lease.map_or("not held".into(), |epoch| format!("held under epoch {epoch}"));
        let journal = status.journal_error.clone();
        let mut parts = vec![
            part("lease", status.lease.is_some(), lease),
            part("callouts", status.loaded, if status.loaded { "read" } else { "being read" }.into()),
            part("journal", journal.is_none(), journal.unwrap_or_else(|| "answers".into())),
        ];
        parts.extend(self.parts.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|probe| probe()));
        Health { parts }
    }

    fn now(&self) -> Timestamp {
        clock::now()
    }
}
