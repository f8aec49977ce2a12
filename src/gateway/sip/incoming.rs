//! Requests that the trunk sends: within a call to its dialog, calls back to [`back`], others by themselves.

use super::agent::Agent;
use super::back;
use super::gateway::Inner;
use rsipstack::dialog::dialog::Dialog;
use rsipstack::sip::{Method, StatusCode};
use rsipstack::transaction::{Transaction, TransactionReceiver};
use std::sync::{Arc, Weak};
use tokio::sync::Semaphore;

/// Requests outside of calls that are looked after at one time, half a minute each; more are left unanswered.
const OUTSIDE_MAX: usize = 500;

/// Takes requests until the agent is closed.
pub(super) async fn serve(inner: Weak<Inner>, agent: Arc<Agent>, mut requests: TransactionReceiver) {
    let outside = Arc::new(Semaphore::new(OUTSIDE_MAX));
    while let Some(mut request) = requests.recv().await {
        if inner.strong_count() == 0 {
            return;
        }
        if let Some(Dialog::Invite(mut dialog)) = agent.dialogs.match_dialog(&request) {
            // What is wrong with a request is answered by the library.
            tokio::spawn(async move { dialog.handle(&mut request).await });
        } else if let Ok(place) = outside.clone().try_acquire_owned() {
            let (inner, agent) = (inner.clone(), agent.clone());
            tokio::spawn(async move {
                let _place = place;
                take(inner, agent, request).await;
            });
        }
    }
}

async fn take(inner: Weak<Inner>, agent: Arc<Agent>, mut request: Transaction) {
    let status = match request.original.method {
        Method::Ack | Method::Cancel => return,
        Method::Options => StatusCode::OK,
        Method::Invite => match inner.upgrade() {
            Some(inner) => return back::take(inner, agent, request).await,
            None => StatusCode::TemporarilyUnavailable,
        },
        Method::Bye | Method::Info | Method::Update => StatusCode::CallTransactionDoesNotExist,
        _ => StatusCode::MethodNotAllowed,
    };
    answer(&mut request, status).await;
}

/// Answers a request, until its answer was acknowledged, or would have been.
pub(super) async fn answer(request: &mut Transaction, status: StatusCode) {
    if request.reply(status).await.is_ok() {
        while request.receive().await.is_some() {}
    }
}
