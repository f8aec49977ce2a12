//! Speech that was made before: in memory, and in a folder when there is one. Both are bounded.

use super::pacer::Sound;
use crate::model::Digest;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Keeps what was used last.
pub(super) struct Cache {
    memory: Mutex<Memory>,
    bytes_max: u64,
    folder: Option<(PathBuf, u64)>,
}

#[derive(Default)]
struct Memory {
    /// Each with the turn in which it was last used.
    sounds: HashMap<Digest, (Sound, u64)>,
    bytes: u64,
    turn: u64,
}

// === impl Cache ===

impl Cache {
    /// A cache of so many bytes in memory, and of as many in a folder.
    pub(super) fn new(bytes_max: u64, folder: Option<(PathBuf, u64)>) -> Self {
        Self { memory: Mutex::default(), bytes_max, folder }
    }

    pub(super) fn get(&self, id: &Digest) -> Option<Sound> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.turn += 1;
        let turn = memory.turn;
        let (sound, used) = memory.sounds.get_mut(id)?;
        *used = turn;
        Some(sound.clone())
    }

    pub(super) fn put(&self, id: Digest, sound: &Sound) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let size = sound.len() as u64;
        if size > self.bytes_max {
            return;
        }
        memory.forget(&id);
        while memory.bytes + size > self.bytes_max {
            let Some(oldest) = memory.sounds.iter().min_by_key(|(_, (_, used))| *used).map(|(id, _)| *id) else {
                break;
            };
            memory.forget(&oldest);
        }
        memory.turn += 1;
        let turn = memory.turn;
        memory.bytes += size;
        memory.sounds.insert(id, (sound.clone(), turn));
    }

    /// What the folder holds; nothing when it cannot be read. Works on the disk.
    pub(super) fn read(&self, id: &Digest) -> Option<Sound> {
        let (folder, _) = self.folder.as_ref()?;
        std::fs::read(file(folder, id)).ok().filter(|bytes| !bytes.is_empty()).map(Sound::from)
    }

    /// Writes to the folder, and makes room there. That it cannot be is no fault of a call. Works on the disk.
    pub(super) fn write(&self, id: &Digest, sound: &Sound) {
        let Some((folder, bytes_max)) = &self.folder else { return };
        let path = file(folder, id);
        let partial = path.with_extension("partial");
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&partial, sound))
            .and_then(|()| std::fs::rename(&partial, &path))
            .and_then(|()| make_room(folder, *bytes_max));
        if let Err(error) = written {
            tracing::warn!(folder = %folder.display(), %error, "speech is not kept");
        }
    }
}

impl Memory {
    fn forget(&mut self, id: &Digest) {
        if let Some((sound, _)) = self.sounds.remove(id) {
            self.bytes -= sound.len() as u64;
        }
    }
}

fn file(folder: &Path, id: &Digest) -> PathBuf {
    folder.join(format!("{}.al", id.hex()))
}

/// Removes what was written first until the rest fits.
fn make_room(folder: &Path, bytes_max: u64) -> std::io::Result<()> {
    let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if path.extension().is_some_and(|ext| ext == "al") {
            let of = entry.metadata()?;
            files.push((of.modified()?, of.len(), path));
        }
    }
    files.sort();
    let mut over = files.iter().map(|(_, size, _)| size).sum::<u64>().saturating_sub(bytes_max);
    for (_, size, path) in files {
        if over == 0 {
            break;
        }
        std::fs::remove_file(path)?;
        over = over.saturating_sub(size);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound(byte: u8) -> (Digest, Sound) {
        (Digest::of(&[byte]), vec![byte; 100].into())
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let cache = Cache::new(250, None);
        let (a, b, c) = (sound(1), sound(2), sound(3));
        cache.put(a.0, &a.1);
        cache.put(b.0, &b.1);
        cache.put(b.0, &b.1);
        assert!(cache.get(&a.0).is_some());
        cache.put(c.0, &c.1);
        assert!(cache.get(&b.0).is_none() && cache.get(&a.0).is_some() && cache.get(&c.0).is_some());
        cache.put(Digest::of(&[9]), &vec![0; 251].into());
        assert!(cache.get(&Digest::of(&[9])).is_none(), "larger than everything");
        assert_eq!(cache.memory.lock().unwrap().bytes, 200);
    }

    #[test]
    fn the_folder_keeps_over_restarts_and_stays_small() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("speech");
        let open = || Cache::new(0, Some((path.clone(), 250)));
        for byte in 0..5 {
            let (id, sound) = sound(byte);
            open().write(&id, &sound);
        }
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 2);
        let kept = (0..5).filter(|byte| open().read(&sound(*byte).0).is_some_and(|s| s == sound(*byte).1)).count();
        assert_eq!(kept, 2);
        assert!(open().read(&Digest::of(b"never")).is_none());
    }
}
