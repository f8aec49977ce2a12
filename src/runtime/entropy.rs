//! The one legal source of randomness.

use rand::TryRng;

/// 32 bytes from the operating system.
#[must_use]
#[expect(clippy::unwrap_used, reason = "without randomness of the system nothing can be sealed: stop at once")]
pub fn entropy() -> [u8; 32] {
    let mut bytes = [0; 32];
    rand::rngs::SysRng.try_fill_bytes(&mut bytes).unwrap();
    bytes
}

/// A seed for what is random and no secret.
#[must_use]
pub fn seed() -> u64 {
    entropy().iter().take(8).fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
}
