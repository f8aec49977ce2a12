//! Who holds a lease: a name by which a later process of the same machine can tell that this one is dead.
//!
//! A name that proves nothing (another machine, another container, no `/proc`) costs only time: the
//! lease then runs out. And a proof that were wrong would cost no record: the epoch fences the former
//! holder, and nothing leaves before a commit.

use crate::journal::Journal;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// The name of this process: boot, namespace of process numbers, number, start time, and what makes it
/// the only one.
#[must_use]
pub fn holder(unique: &[u8]) -> String {
    name(Path::new("/proc"), std::process::id(), unique)
}

/// Gives back the lease of a cell when its holder is known to be dead: what it left behind need not wait until
/// the lease runs out. True when the lease is free.
pub(super) async fn free_of_the_dead(journal: &dyn Journal, cell: &str) -> bool {
    let Ok(Some((lease, holder))) = journal.holder(cell.to_owned()).await else { return false };
    if !proves_dead(Path::new("/proc"), &holder) {
        return false;
    }
    tracing::warn!(cell = lease.cell, epoch = lease.epoch, holder, "the engine that holds the lease is dead");
    journal.release(lease).await.is_ok()
}

fn name(proc: &Path, pid: u32, unique: &[u8]) -> String {
    let start = fs::read_to_string(proc.join(format!("{pid}/stat"))).ok();
    let start = start.as_deref().and_then(start_time).unwrap_or("-");
    let surroundings = surroundings(proc).unwrap_or_else(|| "-/-".into());
    format!("{surroundings}/{pid}/{start}/{}", hex::encode(unique))
}

fn proves_dead(proc: &Path, holder: &str) -> bool {
    let mut parts = holder.rsplitn(4, '/').skip(1);
    let (Some(start), Some(pid), Some(around)) = (parts.next(), parts.next(), parts.next()) else { return false };
    // Its number must mean the same to us, and we must be allowed to see processes at all: the first one
    // belongs to root and hides where others are hidden (proc(5), hidepid).
    if surroundings(proc).as_deref() != Some(around) || !proc.join("1").exists() || pid.parse::<u32>().is_err() {
        return false;
    }
    match fs::read_to_string(proc.join(pid).join("stat")) {
        // The number may have been given to another process since.
        Ok(stat) => start_time(&stat).is_some_and(|now| now != start),
        Err(error) => error.kind() == ErrorKind::NotFound,
    }
}

/// The boot of the machine, and the namespace in which process numbers hold: containers on one machine
/// share the first and not the second.
fn surroundings(proc: &Path) -> Option<String> {
    let boot = fs::read_to_string(proc.join("sys/kernel/random/boot_id")).ok()?;
    let namespace = fs::read_link(proc.join("self/ns/pid")).ok()?;
    Some(format!("{}/{}", boot.trim(), namespace.display()))
}

/// Clock ticks from the boot to the start of a process: field 22 of its `stat` (proc(5)), counted behind
/// the name in parentheses, which may hold anything.
fn start_time(stat: &str) -> Option<&str> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_a_process_of_the_same_surroundings_that_is_gone_is_known_to_be_dead() {
        let folder = tempfile::tempdir().unwrap();
        let proc = folder.path();
        let write = |path: &str, text: &str| {
            fs::create_dir_all(proc.join(path).parent().unwrap()).unwrap();
            fs::write(proc.join(path), text).unwrap();
        };
        let stat = |start: u32| format!("7 (a ) b) S {}{start} 0", "1 ".repeat(18));
        write("sys/kernel/random/boot_id", "b00t\n");
        write("1/stat", "");
        write("7/stat", &stat(500));
        fs::create_dir_all(proc.join("self/ns")).unwrap();
        symlink("pid:[4]", proc.join("self/ns/pid")).unwrap();
        let me = name(proc, 7, &[0xab]);
        assert_eq!(me, "b00t/pid:[4]/7/500/ab");
        assert!(!proves_dead(proc, &me), "it lives");
        write("7/stat", &stat(501));
        assert!(proves_dead(proc, &me), "its number was given to another");
        fs::remove_dir_all(proc.join("7")).unwrap();
        assert!(proves_dead(proc, &me), "it is gone");
        for other in
            ["b1/pid:[4]/7/500/ab", "b00t/pid:[5]/7/500/ab", "b00t/pid:[4]/../500/ab", "-/-/7/-/ab", "7-ab", ""]
        {
            assert!(!proves_dead(proc, other), "{other}");
        }
        fs::remove_dir_all(proc.join("1")).unwrap();
        assert!(!proves_dead(proc, &me), "who may not see others knows nothing of them");
    }

    #[test]
    fn this_process_is_not_dead() {
        assert!(!proves_dead(Path::new("/proc"), &holder(&[1])));
    }
}
