//! Which store a URL means.

use super::postgres::PostgresJournal;
use super::sqlite::SqliteJournal;
use super::{Journal, JournalError, Outcome};
use std::sync::Arc;

/// Opens the store that `url` names and runs its migrations: `postgres://user:password@host/database`
/// or `sqlite:path/to/file`.
///
/// # Errors
/// When the URL names no store or cannot be read, the store cannot be reached, or its tables are of
/// another version. No error tells the URL's password.
pub async fn open(url: &str) -> Outcome<Arc<dyn Journal>> {
    match url.split_once(':') {
        Some(("sqlite", _)) => Ok(Arc::new(SqliteJournal::open(url).await?)),
        Some(("postgres" | "postgresql", _)) => Ok(Arc::new(PostgresJournal::open(url).await?)),
        _ => Err(JournalError::Unavailable("its URL begins neither with sqlite: nor with postgres://".into())),
    }
}
