//! This program as a child process, and what the system knows of it.

use anyhow::Context;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStdout, Command};

/// Ticks of processor time in a second: what Linux shows in /proc, on every machine.
const TICKS_PER_S: f64 = 100.0;
/// How long a child may take for one step before the run is given up.
pub(super) const WAIT: Duration = Duration::from_secs(120);

/// A running child; it is killed when dropped.
pub(super) struct Child {
    process: tokio::process::Child,
    lines: Lines<BufReader<ChildStdout>>,
}

// === impl Child ===

impl Child {
    /// Starts this program with arguments. Its errors go to `log`.
    pub(super) fn start<S: AsRef<std::ffi::OsStr>>(
        args: impl IntoIterator<Item = S>,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(log)?)
            .kill_on_drop(true)
            .spawn()?;
        let out = process.stdout.take().context("the child has no output")?;
        Ok(Self { process, lines: BufReader::new(out).lines() })
    }

    /// Waits for a line that the child prints.
    pub(super) async fn says(&mut self, word: &str) -> anyhow::Result<()> {
        loop {
            let line = tokio::time::timeout(WAIT, self.lines.next_line()).await.context("a child says nothing")??;
            if line.context("a child ended")? == word {
                return Ok(());
            }
        }
    }

    /// Seconds of processor time that it has used.
    pub(super) fn cpu_s(&self) -> anyhow::Result<f64> {
        let stat = std::fs::read_to_string(self.proc("stat")?)?;
        // Behind the name, which may hold anything: utime and stime are fields 14 and 15 of proc(5).
        let (_, fields) = stat.rsplit_once(')').context("/proc is not as proc(5) says")?;
        let ticks: f64 = fields.split_whitespace().skip(11).take(2).filter_map(|f| f.parse::<f64>().ok()).sum();
        Ok(ticks / TICKS_PER_S)
    }

    /// MiB of memory that it held at most.
    pub(super) fn peak_mib(&self) -> anyhow::Result<f64> {
        mib(&self.proc("status")?, "VmHWM:")
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        Ok(format!("/proc/{}/{file}", self.process.id().context("a child ended")?))
    }

    /// Kills it and waits for its end.
    pub(super) async fn kill(mut self) {
        // One that has ended already is no fault here.
        let _ = self.process.kill().await;
    }
}

/// MiB of memory that this process holds.
pub(super) fn resident_mib() -> anyhow::Result<f64> {
    mib("/proc/self/status", "VmRSS:")
}

fn mib(status: &str, field: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(status)?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)).context("/proc is not as proc(5) says")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}
