//! The log: lines on standard error, for people or for machines.

use serde::{Deserialize, Serialize};
use std::io;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// One line of text.
    Human,
    /// One JSON object a line.
    Json,
}

/// The log cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the log: {0}")]
pub struct LogError(String);

/// Whether a text names levels: `info`, or `warn,jiaoying::dispatch=debug`.
///
/// # Errors
/// What is wrong with it.
pub fn check_level(level: &str) -> Result<(), String> {
    if level.trim().is_empty() {
        return Err("must not be empty".to_owned());
    }
    EnvFilter::try_new(level).map(|_| ()).map_err(|error| error.to_string())
}

/// Begins to write the log of the whole process to standard error.
///
/// # Errors
/// [`LogError`] when the level cannot be read or a log is already written.
pub fn init(format: LogFormat, level: &str) -> Result<(), LogError> {
    let log = subscriber(format, level, io::stderr)?;
    tracing::subscriber::set_global_default(log).map_err(|error| LogError(error.to_string()))
}

fn subscriber<W>(
    format: LogFormat,
    level: &str,
    writer: W,
) -> Result<Box<dyn tracing::Subscriber + Send + Sync>, LogError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // What the store's library says of slow statements is a page of SQL; the journal's own figures tell it. The SIP
    // library's lines hold addresses, which are phone numbers.
    let level = format!("sqlx=error,rsipstack=off,{level}");
    let filter = EnvFilter::try_new(level).map_err(|error| LogError(error.to_string()))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    Ok(match format {
        LogFormat::Human => Box::new(log.with_ansi(false).finish()),
        LogFormat::Json => Box::new(log.json().flatten_event(true).finish()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, level: &str) -> String {
        let kept = Kept::default();
        let writer = kept.clone();
        let log = subscriber(format, level, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(log, || {
            tracing::info!(queue = 3, "flushed");
            tracing::debug!("hidden");
        });
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_lines_hold_values_as_fields() {
        let text = logged(LogFormat::Json, "info");
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!((&line["message"], &line["queue"]), (&"flushed".into(), &3.into()));
    }

    #[test]
    fn levels_filter_and_human_lines_have_no_escape_codes() {
        let text = logged(LogFormat::Human, "info");
        assert!(text.contains("flushed queue=3"), "{text}");
        assert!(!text.contains("hidden") && !text.contains('\u{1b}'), "{text}");
        assert!(logged(LogFormat::Human, "debug").contains("hidden"));
    }

    #[test]
    fn levels_that_mean_nothing_are_refused() {
        assert!(check_level("info,jiaoying::dispatch=debug").is_ok());
        assert!(check_level("info,jiaoying=loudly").is_err());
        assert!(check_level(" ").is_err());
    }
}
