//! From a WAV file to the sound of a telephone: one channel, 8,000 samples a second, A-law.

use super::g711::{RATE, a_law};
use hound::{SampleFormat, WavReader};
use std::io::Read;

/// Seconds of a file, at most.
const SECONDS_MAX: u32 = 600;

/// Zero crossings of the filter on each side.
const CROSSINGS: f64 = 12.0;

/// What the filter lets through, as a part of what the lower rate can carry.
const PASS: f64 = 0.92;

/// Why a file cannot be played.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WavError {
    /// It cannot be read as WAV.
    #[error("not a WAV file: {0}")]
    Format(String),
    /// It is WAV of a kind that is not played.
    #[error("wants PCM of 8 to 32 bits, 1 to 8 channels, 4,000 to 192,000 samples a second and at most 10 minutes")]
    Kind,
    /// There is nothing to hear in it.
    #[error("there is nothing to hear in it")]
    Silent,
}

/// Reads a whole WAV file as A-law.
///
/// # Errors
/// What is wrong with the file; silence is an error too: a person must not be called to hear nothing.
pub fn telephone(file: impl Read) -> Result<Vec<u8>, WavError> {
    let mut reader = WavReader::new(file).map_err(|e| WavError::Format(e.to_string()))?;
    let spec = reader.spec();
    let whole = spec.sample_format == SampleFormat::Int && (8..=32).contains(&spec.bits_per_sample);
    if !whole || !(1..=8).contains(&spec.channels) || !(4_000..=192_000).contains(&spec.sample_rate) {
        return Err(WavError::Kind);
    }
    let channels = usize::from(spec.channels);
    let samples_max = u64::from(SECONDS_MAX) * u64::from(spec.sample_rate) * channels as u64;
    let scale = f64::from(1_u32 << (spec.bits_per_sample - 1));
    let mut mono = Vec::new();
    let (mut sum, mut of_frame) = (0.0, 0);
    for (n, sample) in reader.samples::<i32>().enumerate() {
        if n as u64 >= samples_max {
            return Err(WavError::Kind);
        }
        // Some writers leave the length open, and the file just ends.
        let Ok(sample) = sample else { break };
        sum += f64::from(sample) / scale;
        of_frame += 1;
        if of_frame == channels {
            mono.push((sum / channels as f64) as f32);
            (sum, of_frame) = (0.0, 0);
        }
    }
    let out = resample(&mono, spec.sample_rate);
    let loudest = out.iter().fold(0.0_f32, |loudest, s| loudest.max(s.abs()));
    // A tenth of a second, and louder than the noise of a line.
    if out.len() < RATE as usize / 10 || loudest < 0.005 {
        return Err(WavError::Silent);
    }
    Ok(out.iter().map(|s| a_law((s * 32_767.0).clamp(-32_768.0, 32_767.0) as i16)).collect())
}

/// Samples at 8 kHz: each is a windowed sinc over its neighbours, which lets nothing through that would come back
/// as another tone.
fn resample(input: &[f32], from: u32) -> Vec<f32> {
    if from == RATE || input.is_empty() {
        return input.to_vec();
    }
    let ratio = f64::from(from) / f64::from(RATE);
    // Zero crossings lie this many input samples apart.
    let apart = ratio.max(1.0) / PASS;
    let kernel = Kernel::new();
    let length = (input.len() as f64 / ratio) as usize;
    let sample = |n: usize| {
        let centre = n as f64 * ratio;
        let first = (centre - CROSSINGS * apart).ceil().max(0.0) as usize;
        let last = ((centre + CROSSINGS * apart) as usize).min(input.len() - 1);
        let around = input.get(first..=last).unwrap_or_default();
        let weigh = |(i, s): (usize, &f32)| f64::from(*s) * kernel.at(((first + i) as f64 - centre) / apart);
        (around.iter().enumerate().map(weigh).sum::<f64>() / apart) as f32
    };
    (0..length).map(sample).collect()
}

/// The filter, worked out at steps.
struct Kernel(Vec<f64>);

// === impl Kernel ===

impl Kernel {
    /// Steps between two zero crossings.
    const STEPS: f64 = 256.0;

    fn new() -> Self {
        let value = |step: u32| {
            let x = f64::from(step) / Self::STEPS;
            let arc = std::f64::consts::PI * x;
            let sinc = if step == 0 { 1.0 } else { arc.sin() / arc };
            // The window of Hann.
            sinc * 0.5 * (1.0 + (arc / CROSSINGS).cos())
        };
        Self((0..=(CROSSINGS * Self::STEPS) as u32).map(value).collect())
    }

    /// Its value at a place, in zero crossings from the centre.
    fn at(&self, x: f64) -> f64 {
        self.0.get((x.abs() * Self::STEPS + 0.5) as usize).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hound::{WavSpec, WavWriter};
    use std::io::Cursor;

    fn tone(rate: u32, channels: u16, bits: u16, hertz: f64, seconds: f64) -> Vec<u8> {
        let mut out = Cursor::new(Vec::new());
        let spec = WavSpec { channels, sample_rate: rate, bits_per_sample: bits, sample_format: SampleFormat::Int };
        let mut writer = WavWriter::new(&mut out, spec).unwrap();
        let full = f64::from((1_u32 << (bits - 1)) - 1) * 0.5;
        for n in 0..(f64::from(rate) * seconds) as u32 {
            let x = f64::from(n) / f64::from(rate) * hertz * std::f64::consts::TAU;
            (0..channels).for_each(|_| writer.write_sample((x.sin() * full) as i32).unwrap());
        }
        writer.finalize().unwrap();
        out.into_inner()
    }

    /// How much of a frequency is in a sound, of 1.
    fn level(sound: &[f32], hertz: f64) -> f64 {
        let turn = |n: usize| n as f64 / f64::from(RATE) * hertz * std::f64::consts::TAU;
        let part = |f: fn(f64) -> f64| sound.iter().enumerate().map(|(n, s)| f64::from(*s) * f(turn(n))).sum::<f64>();
        part(f64::sin).hypot(part(f64::cos)) * 2.0 / sound.len() as f64
    }

    #[test]
    fn any_rate_and_form_becomes_a_telephones() {
        for (rate, channels, bits) in [(8_000, 1, 16), (22_050, 1, 16), (44_100, 2, 16), (48_000, 2, 24), (6_000, 1, 8)]
        {
            let sound = telephone(Cursor::new(tone(rate, channels, bits, 440.0, 1.0))).unwrap();
            assert!((7_998..=8_000).contains(&sound.len()), "{rate}: {} samples", sound.len());
            let loud = sound.iter().filter(|code| (**code ^ 0x55) & 0x70 >= 0x60).count();
            assert!(loud > 4_000, "{rate}: {loud}");
        }
    }

    #[test]
    fn a_tone_stays_and_one_that_a_telephone_cannot_carry_goes() {
        let at = |hertz: f64| {
            let tone: Vec<f32> =
                (0..22_050).map(|n| (f64::from(n) / 22_050.0 * hertz * std::f64::consts::TAU).sin() as f32).collect();
            resample(&tone, 22_050)
        };
        assert!((level(&at(1_000.0), 1_000.0) - 1.0).abs() < 0.02);
        assert!((level(&at(3_000.0), 3_000.0) - 1.0).abs() < 0.02);
        assert!(level(&at(5_000.0), 3_000.0) < 0.01, "5 kHz must not come back as 3 kHz");
    }

    #[test]
    fn what_cannot_be_heard_is_no_sound() {
        assert_eq!(telephone(Cursor::new(tone(8_000, 1, 16, 0.0, 1.0))), Err(WavError::Silent));
        assert_eq!(telephone(Cursor::new(tone(8_000, 1, 16, 440.0, 0.01))), Err(WavError::Silent));
        assert!(matches!(telephone(Cursor::new(b"RIFF")), Err(WavError::Format(_))));
        assert_eq!(telephone(Cursor::new(tone(1_000, 1, 16, 440.0, 1.0))), Err(WavError::Kind));
    }
}
