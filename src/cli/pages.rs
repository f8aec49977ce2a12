//! The listeners: the internal one (board, API, figures) and the public one (link page, callbacks).

use crate::board::{self, BoardState};
use crate::config::{Config, Http};
use crate::directory::Directory;
use crate::intake::Desk;
use crate::intake::reports::ReportDesk;
use crate::journal::Journal;
use crate::model::SecretKey;
use crate::runtime::{Acts, Gallery, entropy};
use crate::telemetry::Metrics;
use anyhow::Context;
use axum::Router;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What the pages are made of.
pub(super) struct State {
    pub acts: Arc<dyn Acts>,
    pub gallery: Arc<Gallery>,
    pub journal: Arc<dyn Journal>,
    pub directory: Arc<Directory>,
    pub desk: Option<Arc<dyn Desk>>,
    pub reports: Option<Arc<ReportDesk>>,
    pub metrics: Metrics,
    pub http: Http,
    pub bytes_max: usize,
    pub key: SecretKey,
}

/// Listeners that are up.
pub(super) struct Pages {
    /// Where the board is.
    pub internal_url: String,
    /// Where the link page is.
    pub public_url: String,
    state: Arc<BoardState>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

/// The configuration of listeners on loopback without tokens, at `port` and the next one.
pub(super) fn loopback(port: u16) -> anyhow::Result<Http> {
    let mut http = Config::load(None, std::iter::empty())?.http;
    http.internal = SocketAddr::from(([127, 0, 0, 1], port));
    http.public = SocketAddr::from(([127, 0, 0, 1], if port == 0 { 0 } else { port + 1 }));
    Ok(http)
}

// === impl Pages ===

impl Pages {
    /// Opens both listeners. `callbacks` are the routes of gateways on the public one.
    pub(super) async fn open(state: State, callbacks: Router, stop: CancellationToken) -> anyhow::Result<Self> {
        let bind = |at: SocketAddr| async move {
            TcpListener::bind(at).await.with_context(|| format!("cannot listen on {at} (is another one running?)"))
        };
        let internal = bind(state.http.internal).await?;
        let public = bind(state.http.public).await?;
        let url = |listener: &TcpListener| listener.local_addr().map(|at| format!("http://{at}"));
        let (internal_url, public_url) = (url(&internal)?, url(&public)?);
        let state = Arc::new(BoardState {
            gallery: state.gallery,
            acts: state.acts,
            journal: state.journal,
            directory: RwLock::new(state.directory),
            desk: state.desk,
            reports: state.reports,
            metrics: Arc::new(state.metrics),
            http: state.http,
            bytes_max: state.bytes_max,
            key: state.key,
            entropy: Arc::new(entropy),
            shutdown: stop.clone(),
        });
        let serve = |listener: TcpListener, router: Router| {
            let stop = stop.clone();
            tokio::spawn(async move {
                // Callback routes want to know who calls.
                let service = router.into_make_service_with_connect_info::<SocketAddr>();
                let served = axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await;
                if let Err(error) = served {
                    tracing::error!(%error, "a listener ended");
                }
            })
        };
        let tasks = vec![
            serve(internal, board::internal(state.clone())),
            serve(public, board::public(state.clone()).merge(callbacks)),
        ];
        Ok(Self { internal_url, public_url, state, tasks })
    }

    /// A new directory version is in force.
    pub(super) fn set_directory(&self, directory: Arc<Directory>) {
        *self.state.directory.write().unwrap_or_else(PoisonError::into_inner) = directory;
    }

    /// Done when both listeners are closed.
    pub(super) async fn closed(self) {
        for task in self.tasks {
            let _ = task.await;
        }
    }
}
