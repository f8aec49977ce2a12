//! Files of certificates: authorities that are trusted beside the system's. Counties have their own.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::{Path, PathBuf};

/// Why a file of certificates cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the certificates in {}: {reason}", path.display())]
pub struct AuthoritiesError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// The text of a file of PEM certificates (RFC 7468), each of which can stand at the head of a chain.
///
/// # Errors
/// The file cannot be read, holds no certificate, or holds one that is none.
pub fn authorities(path: &Path) -> Result<String, AuthoritiesError> {
    let refuse = |reason: String| AuthoritiesError { path: path.into(), reason };
    let text = std::fs::read_to_string(path).map_err(|e| refuse(e.to_string()))?;
    let mut roots = RootCertStore::empty();
    for (certificate, n) in CertificateDer::pem_slice_iter(text.as_bytes()).zip(1..) {
        let added = certificate.map_err(|e| e.to_string()).and_then(|c| roots.add(c).map_err(|e| e.to_string()));
        added.map_err(|e| refuse(format!("certificate {n}: {e}")))?;
    }
    if roots.is_empty() {
        return Err(refuse("it holds no certificate in PEM form".into()));
    }
    Ok(text)
}
