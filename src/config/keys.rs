//! `[keys]`: what seals personal data.

use super::error::Faults;
use super::{Secret, SecretError};
use rand::TryRng as _;
use rand::rngs::SysRng;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

/// The master key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// 64 hex digits.
    pub master: Secret,
}

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The secret cannot be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// What was found is no key.
    #[error("the master key {0} is not 64 hex digits")]
    NotAKey(Secret),
    /// A new key cannot be written.
    #[error("cannot create the master key {}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

// === impl Keys ===

impl Keys {
    pub(super) fn check(&self, faults: &mut Faults) {
        faults.require(!self.master.is_empty(), "keys.master", "must not be empty");
        if let Some(text) = self.master.here() {
            faults.require(parse(text).is_some(), "keys.master", "must be 64 hex digits, file:PATH or env:NAME");
        }
    }

    /// The 32 bytes of the master key.
    ///
    /// # Errors
    /// [`KeyError`] when the secret cannot be had or is no key.
    pub fn load(&self) -> Result<[u8; 32], KeyError> {
        parse(&self.master.reveal()?).ok_or_else(|| KeyError::NotAKey(self.master.clone()))
    }

    /// As [`Keys::load`]; a key file that does not exist is created with a key of the system's
    /// randomness, for its owner only. The flag tells whether that happened: with a store that
    /// already holds sealed data it means that the right key is missing.
    ///
    /// # Errors
    /// [`KeyError`] as for [`Keys::load`], and when the file cannot be created.
    pub fn load_or_create(&self) -> Result<([u8; 32], bool), KeyError> {
        match self.master.file() {
            Some(path) if !path.exists() => {
                let created = create(path).map_err(|source| KeyError::Create { path: path.into(), source })?;
                // Read back: what counts is what the next start will find.
                Ok((self.load()?, created))
            }
            _ => Ok((self.load()?, false)),
        }
    }
}

fn parse(text: &str) -> Option<[u8; 32]> {
    let mut key = [0; 32];
    hex::decode_to_slice(text.trim(), &mut key).ok()?;
    Some(key)
}

/// Writes a new key whole, then gives it its name. False when another process named one first.
fn create(path: &Path) -> io::Result<bool> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut key = [0; 32];
    SysRng.try_fill_bytes(&mut key).map_err(io::Error::other)?;
    let draft = path.with_extension(format!("new-{}", std::process::id()));
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    // Root may run a command before the service's first start: the key belongs to whom the folder does.
    if file.metadata()?.uid() == 0 {
        let owner = fs::metadata(folder)?;
        fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
    }
    writeln!(file, "{}", hex::encode(key))?;
    file.sync_all()?;
    let named = match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        other => other.map(|()| true),
    };
    fs::remove_file(&draft)?;
    File::open(folder)?.sync_all()?;
    named
}
