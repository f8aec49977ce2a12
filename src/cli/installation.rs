//! What commands need of an installation: its journal, its key, its directory versions.

use crate::config::{Config, StoreKind};
use crate::directory::{Directory, decode};
use crate::journal::{self, DirectoryVersion, Journal};
use crate::model::SecretKey;
use anyhow::{Context, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Opens the journal that `store.url` names. The folder of a SQLite file is made when it is missing.
pub(super) async fn open_journal(config: &Config) -> anyhow::Result<Arc<dyn Journal>> {
    let url = config.store.url.reveal().context("store.url")?;
    if StoreKind::of(&url) == Some(StoreKind::Sqlite) {
        let path = url.trim_start_matches("sqlite:").trim_start_matches("//").split('?').next().unwrap_or_default();
        if let Some(folder) = Path::new(path).parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
    }
    journal::open(&url).await.context("store.url")
}

/// The master key, for reading what is stored.
pub(super) fn load_key(config: &Config) -> anyhow::Result<SecretKey> {
    Ok(SecretKey::new(config.keys.load().context("keys.master")?))
}

/// The master key, for storing; made when the installation is new. With a directory in the store a
/// missing key file means that the right key is lost, and a new one would hide that.
pub(super) async fn key_to_store(config: &Config, journal: &dyn Journal) -> anyhow::Result<SecretKey> {
    let missing = config.keys.master.file().is_some_and(|path| !path.exists());
    if missing && journal.directory(Some(1)).await?.is_some() {
        bail!("the master key {} is not there, and the store holds data sealed with it", config.keys.master);
    }
    let (key, created) = config.keys.load_or_create().context("keys.master")?;
    if created {
        eprintln!("jiaoying: made the master key {}: keep a copy apart from the database", config.keys.master);
    }
    let key = SecretKey::new(key);
    if let Some(stored) = journal.directory(None).await? {
        open_version(&stored, &key)?;
    }
    Ok(key)
}

/// A directory version as stored and opened: the named one, or the last published.
pub(super) async fn directory(
    journal: &dyn Journal,
    key: &SecretKey,
    version: Option<u64>,
) -> anyhow::Result<(DirectoryVersion, Directory)> {
    let stored = journal.directory(version).await?.with_context(|| match version {
        Some(version) => format!("there is no directory version {version}; `jiaoying directory list` shows all"),
        None => "no directory version is published; `jiaoying import` stores and publishes one".to_owned(),
    })?;
    let directory = open_version(&stored, key)?;
    Ok((stored, directory))
}

/// Decodes a stored version and checks that it is the version it says.
pub(super) fn open_version(stored: &DirectoryVersion, key: &SecretKey) -> anyhow::Result<Directory> {
    let number = stored.version;
    let directory = decode(&stored.chunks, key).with_context(|| format!("directory version {number}"))?;
    ensure!(
        directory.version() == number,
        "directory version {number} was made as version {} while another import ran; it cannot be used",
        directory.version()
    );
    Ok(directory)
}

/// All stored versions, in order of number.
pub(super) async fn versions(journal: &dyn Journal) -> anyhow::Result<Vec<DirectoryVersion>> {
    let mut out = Vec::new();
    for number in 1.. {
        match journal.directory(Some(number)).await? {
            Some(version) => out.push(version),
            None => break,
        }
    }
    Ok(out)
}

/// A sign on a terminal that work goes on; nothing where there is no terminal.
pub(super) fn spinner() -> anyhow::Result<ProgressBar> {
    let bar = ProgressBar::new_spinner();
    bar.set_style(ProgressStyle::with_template("{spinner} {msg}  {elapsed}")?);
    bar.enable_steady_tick(Duration::from_millis(100));
    Ok(bar)
}
