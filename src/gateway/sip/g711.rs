//! G.711: sound in 8-bit logarithmic codes, 8,000 a second.

/// One of the two codings of G.711.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// A-law, most of the world.
    A,
    /// Mu-law, North America and Japan.
    Mu,
}

/// Samples a second.
pub(super) const RATE: u32 = 8_000;

/// Nothing to hear, in A-law.
pub(super) const SILENCE: u8 = 0xD5;

/// Mu-law codes by A-law codes. Speech is kept as A-law; few trunks want the other.
const MU_OF_A: [u8; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = mu(linear(code as u8));
        code += 1;
    }
    table
};

// === impl Law ===

impl Law {
    /// The name in session descriptions.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::A => "PCMA",
            Self::Mu => "PCMU",
        }
    }

    pub(super) fn by_name(name: &str) -> Option<Self> {
        [Self::A, Self::Mu].into_iter().find(|law| name.eq_ignore_ascii_case(law.name()))
    }

    /// A code of this law for one of A-law.
    pub(super) fn code(self, a: u8) -> u8 {
        match self {
            Self::A => a,
            Self::Mu => MU_OF_A[a as usize],
        }
    }
}

/// The A-law code of a 16-bit sample, ITU-T G.711 table 1a: even bits inverted.
pub(super) const fn a_law(sample: i16) -> u8 {
    // Twelve bits and a sign; magnitudes of negative samples begin at 0, as those of positive ones do.
    let (sign, magnitude) = if sample >= 0 { (0x80, sample >> 3) } else { (0, !(sample >> 3)) };
    let segment = (16 - (magnitude as u16).leading_zeros()).saturating_sub(5);
    let step = if segment == 0 { magnitude >> 1 } else { magnitude >> segment };
    (sign | (segment as u8) << 4 | (step as u8 & 0x0F)) ^ 0x55
}

/// The middle of the step that an A-law code stands for, as a 16-bit sample.
const fn linear(code: u8) -> i16 {
    let code = code ^ 0x55;
    let (segment, step) = ((code >> 4) & 7, (code & 0x0F) as i16);
    let magnitude = if segment == 0 { (step << 4) + 8 } else { ((step << 4) + 0x108) << (segment - 1) };
    if code & 0x80 != 0 { magnitude } else { -magnitude }
}

/// The mu-law code of a 16-bit sample, ITU-T G.711 table 2a: all bits inverted.
const fn mu(sample: i16) -> u8 {
    const BIAS: i32 = 0x84;
    const MAX: i32 = 32_635;
    let sign = if sample < 0 { 0x80 } else { 0 };
    let absolute = (sample as i32).abs();
    let magnitude = (if absolute > MAX { MAX } else { absolute }) + BIAS;
    let segment = 31 - magnitude.leading_zeros() - 7;
    let step = (magnitude >> (segment + 3)) & 0x0F;
    !(sign | (segment as u8) << 4 | step as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_stand_for_themselves() {
        for code in 0..=255 {
            assert_eq!(a_law(linear(code)), code);
        }
    }

    #[test]
    fn agrees_with_another_coder() {
        // From Python 3.11: audioop.lin2alaw(samples, 2) and audioop.lin2ulaw(samples, 2).
        let samples = [0, 8, -8, 100, -100, 1_000, -1_000, 8_031, -8_031, 32_767, -32_768];
        let a = [0xD5, 0xD5, 0x55, 0xD3, 0x53, 0xFA, 0x7A, 0x8A, 0x0A, 0xAA, 0x2A];
        let by_mu = [0xFF, 0xFE, 0x7E, 0xF2, 0x72, 0xCE, 0x4E, 0xA0, 0x20, 0x80, 0x00];
        assert_eq!(samples.map(a_law), a);
        assert_eq!(samples.map(mu), by_mu);
    }

    #[test]
    fn what_is_loud_stays_loud_by_the_other_law() {
        let loud = Law::Mu.code(a_law(32_000));
        assert_eq!(loud & 0x70, 0, "the highest segment");
        assert_eq!(Law::A.code(17), 17);
        assert_eq!(Law::by_name("pcma"), Some(Law::A));
        assert_eq!(Law::by_name("G729"), None);
    }
}
