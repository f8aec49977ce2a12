//! Sealing of personal data: pure functions over bytes and keys.
//!
//! Every subject (a person, a callout) has a key of its own, wrapped by the installation's master key
//! and stored beside the data. Erasing a subject is deleting its wrapped key: what was sealed under
//! it can no longer be opened, while the digests that timelines hold still verify.
//!
//! The cipher is XChaCha20-Poly1305. The nonce is derived from key and plaintext (the SIV
//! construction), so sealing needs no randomness and equal blobs are stored once.

use super::Digest;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;

/// A 256-bit key. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey([u8; 32]);

/// Sealed bytes: 24 bytes of nonce, then the ciphertext with its tag.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

/// Why sealed bytes did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sealed data does not open: wrong or erased key, or altered bytes")]
pub struct SealError;

// === impl SecretKey ===

impl SecretKey {
    /// A key from 32 bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A key from 64 hex digits.
    ///
    /// # Errors
    /// A sentence that says what is wrong, without the text.
    pub fn from_hex(text: &str) -> Result<Self, String> {
        let digest = Digest::from_hex(text.trim()).ok_or("a key is 64 hex digits")?;
        Ok(Self(digest.0))
    }

    /// The key's bytes, for wrapping and for key files.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A key for one purpose, derived from this one.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Self {
        Self(self.tag(&[b"derive", purpose.as_bytes()]))
    }

    /// HMAC-SHA-256 over length-prefixed parts.
    #[must_use]
    pub fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        // HMAC takes keys of any length.
        #[expect(clippy::unwrap_used, reason = "HMAC accepts every key length")]
        let mut mac = <Hmac<Sha256>>::new_from_slice(&self.0).unwrap();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// Seals bytes; `context` must be given again to open them.
    #[must_use]
    pub fn seal(&self, context: &str, plain: &[u8]) -> Sealed {
        let tag = self.tag(&[b"nonce", context.as_bytes(), plain]);
        let mut nonce = [0; 24];
        nonce.copy_from_slice(&tag[..24]);
        let cipher = XChaCha20Poly1305::new(&Key::from(self.0));
        // Encryption fails only beyond 256 GiB.
        #[expect(clippy::unwrap_used, reason = "blobs are far below the cipher's limit of 256 GiB")]
        let body = cipher.encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: context.as_bytes() }).unwrap();
        let mut out = nonce.to_vec();
        out.extend(body);
        Sealed(out)
    }

    /// Opens sealed bytes.
    ///
    /// # Errors
    /// [`SealError`] when the key, the context or the bytes are not those that were sealed.
    pub fn open(&self, context: &str, sealed: &Sealed) -> Result<Vec<u8>, SealError> {
        let (nonce, body) = sealed.0.split_at_checked(24).ok_or(SealError)?;
        let nonce: [u8; 24] = nonce.try_into().map_err(|_| SealError)?;
        let cipher = XChaCha20Poly1305::new(&Key::from(self.0));
        cipher.decrypt(&XNonce::from(nonce), Payload { msg: body, aad: context.as_bytes() }).map_err(|_| SealError)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

// === impl Sealed ===

impl Sealed {
    /// The digest that names this blob in timelines.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.0)
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_with_the_same_key_context_and_bytes() {
        let key = SecretKey::new([7; 32]);
        let sealed = key.seal("reply", "收到".as_bytes());
        assert_eq!(key.open("reply", &sealed).unwrap(), "收到".as_bytes());
        assert_eq!(key.open("name", &sealed), Err(SealError));
        assert_eq!(key.derive("other").open("reply", &sealed), Err(SealError));
        let mut bent = sealed.clone();
        bent.0[30] ^= 1;
        assert_eq!(key.open("reply", &bent), Err(SealError));
        assert_eq!(key.open("reply", &Sealed(vec![1, 2])), Err(SealError));
    }
}
