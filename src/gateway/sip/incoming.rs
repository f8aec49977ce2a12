//! Requests that the trunk sends: within a call to its dialog, others by themselves.

use super::agent::Agent;
use super::gateway::Inner;
use rsipstack::dialog::dialog::Dialog;
use rsipstack::sip::{Method, StatusCode};
use rsipstack::transaction::{Transaction, TransactionReceiver};
use std::sync::{Arc, Weak};

/// Takes requests until the agent is closed.
pub(super) async fn serve(inner: Weak<Inner>, agent: Arc<Agent>, mut requests: TransactionReceiver) {
    while let Some(request) = requests.recv().await {
        if inner.strong_count() == 0 {
            return;
        }
        tokio::spawn(take(agent.clone(), request));
    }
}

async fn take(agent: Arc<Agent>, mut request: Transaction) {
    if let Some(Dialog::Invite(mut dialog)) = agent.dialogs.match_dialog(&request) {
        // What is wrong with a request is answered by the library.
        let _ = dialog.handle(&mut request).await;
        return;
    }
    let status = match request.original.method {
        Method::Ack | Method::Cancel => return,
        Method::Options => StatusCode::OK,
        Method::Invite => StatusCode::TemporarilyUnavailable,
        Method::Bye | Method::Info | Method::Update => StatusCode::CallTransactionDoesNotExist,
        _ => StatusCode::MethodNotAllowed,
    };
    if request.reply(status).await.is_ok() {
        // Until its answer was acknowledged, or would have been.
        while request.receive().await.is_some() {}
    }
}
