//! The signature of a package. SM2-SM3 with a certificate of the broadcasting authority's would be a signer here;
//! there is none, because nothing at hand could tell whether it is right.

use super::xml::{Writer, read};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Signs business data, and checks the other side's signatures.
pub(super) trait Signer: Send + Sync {
    /// The name of the algorithm (SignatureAlgorithm); empty when there is none.
    fn algorithm(&self) -> &'static str;

    /// The signature's value of these bytes.
    fn sign(&self, data: &[u8]) -> String;

    /// Whether a value is the other side's signature of these bytes.
    fn holds(&self, data: &[u8], value: &str) -> bool;

    /// The document beside the business data.
    fn document(&self, ebdid: &str, data: &[u8]) -> String {
        let mut writer = Writer::new();
        writer.nest("Signature", |w| {
            w.leaf("Version", "1.0");
            w.nest("RelatedEBD", |w| w.leaf("EBDID", ebdid));
            w.leaf("CertSN", "");
            w.leaf("SignatureAlgorithm", self.algorithm());
            w.leaf("SignatureValue", &self.sign(data));
        });
        writer.finish()
    }

    /// Checks the document beside the business data.
    ///
    /// # Errors
    /// What is wrong with it.
    fn check(&self, data: &[u8], document: Option<&str>) -> Result<(), String> {
        let value = match document {
            Some(text) => read(text).map_err(|e| format!("signature: {e}"))?.text_at(&["SignatureValue"]).to_owned(),
            None => String::new(),
        };
        if self.holds(data, &value) { Ok(()) } else { Err("the signature does not fit".into()) }
    }
}

/// No signature: the value is empty, and whatever the other side has there is not looked at.
pub(super) struct NoSignature;

/// A shared secret, outside the standard.
pub(super) struct HmacSha256(pub(super) Vec<u8>);

// === impl NoSignature, HmacSha256 ===

impl Signer for NoSignature {
    fn algorithm(&self) -> &'static str {
        ""
    }

    fn sign(&self, _: &[u8]) -> String {
        String::new()
    }

    fn holds(&self, _: &[u8], _: &str) -> bool {
        true
    }
}

impl HmacSha256 {
    #[expect(clippy::unwrap_used, reason = "HMAC takes keys of any length")]
    fn mac(&self, data: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).unwrap();
        mac.update(data);
        mac
    }
}

impl Signer for HmacSha256 {
    fn algorithm(&self) -> &'static str {
        "HMAC-SHA256"
    }

    fn sign(&self, data: &[u8]) -> String {
        STANDARD.encode(self.mac(data).finalize().into_bytes())
    }

    fn holds(&self, data: &[u8], value: &str) -> bool {
        STANDARD.decode(value).is_ok_and(|value| self.mac(data).verify_slice(&value).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_fits_its_bytes_and_its_secret_only() {
        let signer = HmacSha256(b"0123456789abcdef".to_vec());
        // From: printf '{}' | openssl dgst -sha256 -hmac 0123456789abcdef -binary | base64
        let known = "+R4+nwXMLfZKwcJvitzN/9qNHkp6jFChoI7q2sbd/sU=";
        assert_eq!(signer.sign(b"{}"), known);
        let document = signer.document("1", b"{}");
        assert_eq!(signer.check(b"{}", Some(&document)), Ok(()));
        assert!(signer.check(b"{ }", Some(&document)).is_err());
        assert!(signer.check(b"{}", None).is_err());
        assert!(HmacSha256(b"another".to_vec()).check(b"{}", Some(&document)).is_err());
        assert!(signer.check(b"{}", Some("<Signature>")).is_err());
        assert_eq!(NoSignature.check(b"{}", None), Ok(()));
    }
}
