//! Words as sound: made by a command, or recorded. The same words are made once, however many wait for them.

use super::cache::Cache;
use super::pacer::Sound;
use super::wav::{self, WavError};
use crate::config::{SipSection, Tts};
use crate::model::{Digest, is_language_tag, is_standard_chinese};
use futures::future::{BoxFuture, FutureExt, Shared};
use std::collections::HashMap;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Characters of a text, at most.
const TEXT_MAX: usize = 5_000;

/// Bytes of a WAV file, at most.
const FILE_MAX: u64 = 256 << 20;

/// How `espeak-ng` is called.
const ESPEAK: [&str; 7] = ["espeak-ng", "-v", "{voice}", "-f", "{text_file}", "-w", "{out_file}"];

/// Folders of this process for files that come and go.
static FOLDERS: AtomicU64 = AtomicU64::new(0);

/// Why words cannot be said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoSpeech {
    /// What makes speech does not work; other words would fare no better.
    #[error("no speech: {0}")]
    Engine(String),
    /// These words cannot be said.
    #[error("no speech: {0}")]
    Words(String),
}

/// Makes speech; cheap to clone.
#[derive(Clone)]
pub(super) struct Speaker(Arc<Inner>);

struct Inner {
    /// The command with its arguments; none when every text is a recording.
    command: Option<Vec<String>>,
    limit: Duration,
    parallel: Semaphore,
    recordings: Option<PathBuf>,
    cache: Cache,
    making: Mutex<HashMap<Digest, Making>>,
    folder: PathBuf,
    files: AtomicU64,
}

type Making = Shared<BoxFuture<'static, Result<Sound, NoSpeech>>>;

/// Files of one text; gone when it is made, or not.
struct Files {
    text: PathBuf,
    out: PathBuf,
}

// === impl Speaker ===

impl Speaker {
    /// # Errors
    /// When there is no place for files.
    pub(super) fn open(section: &SipSection) -> Result<Self, String> {
        let command = match section.tts {
            Tts::EspeakNg => Some(ESPEAK.map(str::to_owned).to_vec()),
            Tts::Command => Some(section.tts_command.clone()),
            Tts::Files => None,
        };
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("jiaoying-speech-{}-{number}", std::process::id()));
        // Texts name people and places: nobody else reads them.
        let _ = std::fs::remove_dir_all(&folder);
        let made = std::fs::DirBuilder::new().mode(0o700).create(&folder);
        made.map_err(|e| format!("{}: {e}", folder.display()))?;
        let kept = section.cache_dir.clone().map(|dir| (dir, section.cache_dir_bytes_max));
        Ok(Self(Arc::new(Inner {
            command,
            limit: Duration::from_millis(section.tts_timeout_ms),
            parallel: Semaphore::new(section.tts_parallel),
            recordings: section.recordings.clone(),
            cache: Cache::new(section.cache_bytes_max, kept),
            making: Mutex::default(),
            folder,
            files: AtomicU64::new(0),
        })))
    }

    /// Words that many may hear: kept.
    pub(super) async fn say(&self, words: &str, language: &str) -> Result<Sound, NoSpeech> {
        self.words(words, language, true).await
    }

    /// Words for one person, which name that person: kept nowhere.
    pub(super) async fn say_once(&self, words: &str, language: &str) -> Result<Sound, NoSpeech> {
        self.words(words, language, false).await
    }

    async fn words(&self, words: &str, language: &str, keep: bool) -> Result<Sound, NoSpeech> {
        let language = if is_language_tag(language) { language } else { crate::model::STANDARD_CHINESE };
        let Some(command) = &self.0.command else {
            return self.recording(&recording_of(words, language)).await;
        };
        if words.chars().count() > TEXT_MAX {
            return Err(NoSpeech::Words(format!("more than {TEXT_MAX} characters")));
        }
        let id = Digest::of_parts(&[command.join("\n").as_bytes(), language.as_bytes(), words.as_bytes()]);
        if let Some(sound) = self.0.cache.get(&id) {
            return Ok(sound);
        }
        let (words, language) = (words.to_owned(), language.to_owned());
        self.once(id, move |inner| async move { inner.make(id, &words, &language, keep).await }).await
    }

    /// A recording by its name in the folder.
    pub(super) async fn recording(&self, name: &str) -> Result<Sound, NoSpeech> {
        let told = |reason: String| NoSpeech::Words(format!("recording {name}: {reason}"));
        let folder = self.0.recordings.as_ref().ok_or_else(|| told("there is no folder of recordings".into()))?;
        let within = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        if !within || name.is_empty() {
            return Err(told("not a name in the folder of recordings".into()));
        }
        let path = folder.join(name);
        let of = tokio::fs::metadata(&path).await.map_err(|e| told(e.to_string()))?;
        // A file that is replaced is another recording.
        let changed = of.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        let stamp = format!("{:?} {}", changed, of.len());
        let id = Digest::of_parts(&[b"recording", name.as_bytes(), stamp.as_bytes()]);
        if let Some(sound) = self.0.cache.get(&id) {
            return Ok(sound);
        }
        let name = name.to_owned();
        self.once(id, move |inner| async move {
            let sound = read(path).await.map_err(|reason| NoSpeech::Words(format!("recording {name}: {reason}")))?;
            inner.cache.put(id, &sound);
            Ok(sound)
        })
        .await
    }

    /// Makes what nobody makes yet, else waits with the others. It goes on when nobody waits any more.
    async fn once<F>(&self, id: Digest, make: impl FnOnce(Arc<Inner>) -> F) -> Result<Sound, NoSpeech>
    where
        F: Future<Output = Result<Sound, NoSpeech>> + Send + 'static,
    {
        let making = {
            let mut making = self.0.making.lock().unwrap_or_else(PoisonError::into_inner);
            match making.get(&id) {
                Some(already) => already.clone(),
                None => {
                    let (inner, made) = (self.0.clone(), make(self.0.clone()));
                    let task = tokio::spawn(async move {
                        let made = made.await;
                        inner.making.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
                        made
                    });
                    let task = task.map(|ended| ended.unwrap_or_else(|e| Err(NoSpeech::Engine(e.to_string()))));
                    let shared = task.boxed().shared();
                    making.insert(id, shared.clone());
                    shared
                }
            }
        };
        making.await
    }
}

/// The recording that stands for a text when there is no other speech: its name is made from language and words.
fn recording_of(words: &str, language: &str) -> String {
    let digest = Digest::of(format!("{language}\n{words}").as_bytes()).hex();
    format!("{}.wav", &digest[..16])
}

// === impl Inner ===

impl Inner {
    async fn make(self: Arc<Self>, id: Digest, words: &str, language: &str, keep: bool) -> Result<Sound, NoSpeech> {
        if keep {
            let inner = self.clone();
            if let Ok(Some(sound)) = tokio::task::spawn_blocking(move || inner.cache.read(&id)).await {
                self.cache.put(id, &sound);
                return Ok(sound);
            }
        }
        let turn = timeout(self.limit, self.parallel.acquire()).await;
        let _turn = turn.map_err(|_| NoSpeech::Engine("too many texts at one time".into()))?;
        let sound = self.run(words, language).await?;
        if keep {
            self.cache.put(id, &sound);
            let (inner, sound) = (self.clone(), sound.clone());
            // Written beside the call, which need not wait for it.
            drop(tokio::task::spawn_blocking(move || inner.cache.write(&id, &sound)));
        }
        Ok(sound)
    }

    async fn run(&self, words: &str, language: &str) -> Result<Sound, NoSpeech> {
        let command = self.command.as_deref().unwrap_or_default();
        let (program, arguments) = command.split_first().ok_or_else(|| NoSpeech::Engine("no command".into()))?;
        let fault = |reason: String| NoSpeech::Engine(format!("{program}: {reason}"));
        let number = self.files.fetch_add(1, Ordering::Relaxed);
        let at = |name: &str| self.folder.join(format!("{number}.{name}"));
        let files = Files { text: at("txt"), out: at("wav") };
        tokio::fs::write(&files.text, words).await.map_err(|e| fault(e.to_string()))?;
        let voice = if is_standard_chinese(language) { "cmn" } else { language.split('-').next().unwrap_or(language) };
        let fill = |argument: &String| {
            let files = argument.replace("{text_file}", &files.text.to_string_lossy());
            let files = files.replace("{out_file}", &self.folder.join(format!("{number}.wav")).to_string_lossy());
            files.replace("{language}", language).replace("{voice}", &voice.to_ascii_lowercase())
        };
        let mut child = Command::new(program)
            .args(arguments.iter().map(fill))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| fault(e.to_string()))?;
        let ended = timeout(self.limit, child.wait()).await;
        let ended = ended.map_err(|_| fault(format!("not done after {} ms", self.limit.as_millis())))?;
        let status = ended.map_err(|e| fault(e.to_string()))?;
        if !status.success() {
            return Err(fault(status.to_string()));
        }
        read(files.out.clone()).await.map_err(|reason| match reason {
            Unread::Wav(WavError::Silent) => NoSpeech::Words(WavError::Silent.to_string()),
            other => fault(other.to_string()),
        })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // One that was never written cannot be removed.
        let _ = std::fs::remove_file(&self.text);
        let _ = std::fs::remove_file(&self.out);
    }
}

/// Why a file is no sound.
#[derive(Debug, thiserror::Error)]
enum Unread {
    #[error("{0}")]
    File(#[from] std::io::Error),
    #[error("{0}")]
    Wav(#[from] WavError),
    #[error("larger than {FILE_MAX} bytes")]
    Large,
    #[error("{0}")]
    Task(#[from] tokio::task::JoinError),
}

async fn read(path: PathBuf) -> Result<Sound, Unread> {
    let read = move || {
        let file = std::fs::File::open(&path)?;
        if file.metadata()?.len() > FILE_MAX {
            return Err(Unread::Large);
        }
        Ok(wav::telephone(std::io::BufReader::new(file))?.into())
    };
    tokio::task::spawn_blocking(read).await?
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::join_all;

    fn section(more: &str) -> SipSection {
        toml::from_str(&format!("trunk = 'localhost:5060'\ncaller = '1'\n{more}")).unwrap()
    }

    /// A command that writes a tone after noting that it was called. `then` is a line of shell.
    fn command(folder: &Path, then: &str) -> Speaker {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut tone = hound::WavWriter::create(folder.join("tone.wav"), spec).unwrap();
        (0..8_000).for_each(|n| tone.write_sample(if n % 16 < 8 { 8_000_i16 } else { -8_000 }).unwrap());
        tone.finalize().unwrap();
        let dir = folder.display();
        let script = format!("cat \"$1\" >> {dir}/said; echo >> {dir}/said; {then}");
        let list =
            ["sh", "-c", &script, "sh", "{text_file}", "{out_file}", "{language}"].map(|part| format!("'''{part}'''"));
        let more = format!("tts = 'command'\ntts_timeout_ms = 5000\ntts_command = [{}]", list.join(", "));
        Speaker::open(&section(&more)).unwrap()
    }

    fn said(folder: &Path) -> Vec<String> {
        let text = std::fs::read_to_string(folder.join("said")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn the_same_words_are_made_once_for_all_who_wait() {
        let folder = tempfile::tempdir().unwrap();
        let speaker = command(folder.path(), &format!("cp {}/tone.wav \"$2\"", folder.path().display()));
        let sounds = join_all((0..1_000).map(|_| speaker.say("请转移", "zh-CN"))).await;
        assert!(sounds.iter().all(|sound| sound.as_ref().is_ok_and(|s| s.len() == 8_000)));
        assert_eq!(said(folder.path()), ["请转移"]);
        speaker.say("请转移", "bo").await.unwrap();
        speaker.say_once("和建国", "zh-CN").await.unwrap();
        speaker.say_once("和建国", "zh-CN").await.unwrap();
        assert_eq!(
            said(folder.path()),
            ["请转移", "请转移", "和建国", "和建国"],
            "by language; what names people is not kept"
        );
        let left = speaker.0.folder.clone();
        assert_eq!(std::fs::read_dir(&left).unwrap().count(), 0, "texts do not stay");
        drop(speaker);
        assert!(!left.exists());
    }

    #[tokio::test]
    async fn what_makes_no_speech_is_told_and_never_silence() {
        let folder = tempfile::tempdir().unwrap();
        let tried = async |then: &str| command(folder.path(), then).say("请转移", "zh-CN").await.unwrap_err();
        assert_eq!(tried("exit 3").await, NoSpeech::Engine("sh: exit status: 3".into()));
        assert!(matches!(tried(":").await, NoSpeech::Engine(reason) if reason.contains("No such file")));
        assert!(matches!(tried("echo RIFF > \"$2\"").await, NoSpeech::Engine(reason) if reason.contains("WAV")));
        let slow =
            section("tts = 'command'\ntts_timeout_ms = 50\ntts_command = ['sleep', '60', '{text_file}{out_file}']");
        let slow = Speaker::open(&slow).unwrap().say("a", "zh-CN").await.unwrap_err();
        assert!(matches!(slow, NoSpeech::Engine(reason) if reason.contains("50 ms") || reason.contains("exit status")));
        let gone = section("tts = 'command'\ntts_command = ['/no/such/program', '{text_file}', '{out_file}']");
        let gone = Speaker::open(&gone).unwrap().say("a", "zh-CN").await.unwrap_err();
        assert!(matches!(gone, NoSpeech::Engine(reason) if reason.contains("No such file")));
    }

    #[tokio::test]
    async fn recordings_are_files_of_their_folder_only() {
        let folder = tempfile::tempdir().unwrap();
        command(folder.path(), ":");
        let dir = folder.path().display();
        let speaker = Speaker::open(&section(&format!("tts = 'files'\nrecordings = '{dir}'"))).unwrap();
        assert_eq!(speaker.recording("tone.wav").await.unwrap().len(), 8_000);
        for outside in ["../tone.wav", "/etc/passwd", "", "a/../../b"] {
            assert!(matches!(speaker.recording(outside).await, Err(NoSpeech::Words(_))), "{outside}");
        }
        let missing = speaker.say("请转移", "zh-CN").await.unwrap_err();
        // From: printf '%s\n%s' zh-CN 请转移 | sha256sum | cut -c1-16
        assert!(missing.to_string().contains("a228b3de88b7c37b.wav"), "{missing}");
    }
}
