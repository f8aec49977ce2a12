//! Programs of other makers that the long tests start for themselves; `tests/run --all` installs them.

use super::{say, servers};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

/// How long a program may take for a thing.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Whether a test of this program does nothing, and says why: long tests are not asked for, or it is not installed.
pub fn absent(program: &str) -> bool {
    if !servers::all() {
        say(&format!("skipped: {program} is asked by tests/run --all"));
    } else if !Path::new(program).exists() {
        say(&format!("skipped: {program} is not installed"));
    } else {
        return false;
    }
    true
}

/// Starts one that ends with the value, `[standard output, standard error]`.
///
/// # Panics
/// When it cannot be started.
pub fn child(program: &str, args: &[&str], [stdout, stderr]: [Stdio; 2]) -> Child {
    Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(stderr)
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|e| panic!("{program}: {e}"))
}

/// For what a program says that nobody reads.
pub fn unread() -> [Stdio; 2] {
    [Stdio::null(), Stdio::null()]
}

/// A TCP port of this machine that nobody listens on.
pub async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

/// Waits until somebody listens on a port.
///
/// # Panics
/// When nobody ever does.
pub async fn listens(port: u16) -> TcpStream {
    let listening = async {
        loop {
            if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)).await {
                return stream;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, listening).await.unwrap_or_else(|_| panic!("nobody listens on {port}"))
}
