//! Secrets, keys, tokens and certificates: where they come from, and that they are never shown.

use super::*;

#[test]
fn secrets_are_never_shown() {
    const HIDDEN: &str = "hush-4711";
    let text = format!(
        "[store]\nurl = \"postgres://u:{HIDDEN}@db/j\"\n[amqp]\nurl = \"amqp://u:{HIDDEN}@b/\"\n[[gateway]]\n\
         id = \"a\"\nkind = \"http\"\nchannels = [\"sms\"]\nurl = \"https://a\"\nsecret = \"{HIDDEN}\"\n"
    );
    let config = load(&text, &[]).unwrap();
    for shown in [format!("{config:?}"), config.print(), serde_json::to_string(&config).unwrap()] {
        assert!(!shown.contains(HIDDEN), "{shown}");
    }
    for bad in [
        format!("[store]\nurl = \"mysql://u:{HIDDEN}@db/j\"\n"),
        format!("[store]\nurl = [\"{HIDDEN}\"]\n"),
        format!("[keys]\nmaster = \"{HIDDEN}\"\n"),
        format!("[amqp]\nurl = \"{HIDDEN}\nenabled = true\n"),
        format!("[http]\n[[http.token]]\nname = \"a\"\nsha256 = \"{HIDDEN}\"\nrights = [\"read\"]\n"),
    ] {
        let error = load(&bad, &[]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(HIDDEN), "{error:?}");
    }
    for (name, value) in [("JIAOYING__STORE__URL", HIDDEN), ("JIAOYING__KEYS__MASTER", HIDDEN)] {
        let error = load("", &[(name, value)]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(HIDDEN), "{error:?}");
    }
}

#[test]
fn secrets_come_from_files_and_variables() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    std::fs::write(&path, " padded \r\n").unwrap();
    let file = Secret::new(&format!("file:{}", path.display()));
    assert_eq!(file.reveal().unwrap(), " padded ");
    assert_eq!(Secret::new("env:CARGO_MANIFEST_DIR").reveal().unwrap(), env!("CARGO_MANIFEST_DIR"));
    assert_eq!(Secret::new("plain").reveal().unwrap(), "plain");
    let unset = Secret::new("env:JIAOYING_NOT_SET_ANYWHERE").reveal().unwrap_err();
    assert!(unset.to_string().contains("JIAOYING_NOT_SET_ANYWHERE"));
    std::fs::remove_file(&path).unwrap();
    assert!(file.reveal().unwrap_err().to_string().contains(path.to_str().unwrap()));
}

#[test]
fn the_master_key_is_created_once_and_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/master.key");
    let config = load(&format!("[keys]\nmaster = \"file:{}\"\n", path.display()), &[]).unwrap();
    assert!(config.keys.load().is_err(), "loading alone creates nothing");
    let (key, created) = config.keys.load_or_create().unwrap();
    assert!(created && key != [0; 32]);
    assert_eq!(config.keys.load_or_create().unwrap(), (key, false));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no draft is left");
    std::fs::write(&path, "too short").unwrap();
    let error = config.keys.load_or_create().unwrap_err().to_string();
    assert!(error.contains("64 hex digits") && !error.contains("too short"), "{error}");
}

#[test]
fn a_key_made_by_root_belongs_to_whom_the_folder_belongs() {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let dir = tempfile::tempdir().unwrap();
    if chown(dir.path(), Some(10480), Some(10480)).is_err() {
        return; // only root gives folders away
    }
    let path = dir.path().join("master.key");
    // A draft that a process of the same number left behind does not stand in the way, and is not followed.
    let elsewhere = dir.path().join("elsewhere");
    std::fs::write(&elsewhere, "kept").unwrap();
    std::os::unix::fs::symlink(&elsewhere, path.with_extension(format!("new-{}", std::process::id()))).unwrap();
    let config = load(&format!("[keys]\nmaster = \"file:{}\"\n", path.display()), &[]).unwrap();
    config.keys.load_or_create().unwrap();
    let key = std::fs::metadata(&path).unwrap();
    assert_eq!((key.uid(), key.gid(), key.mode() & 0o777), (10480, 10480, 0o600));
    assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "kept");
}

#[test]
fn tokens_admit_by_digest_and_right() {
    // printf %s open-sesame | sha256sum
    let sha256 = "d7ecdf25eaf3deba0f2628771dbdd22d4138ab6cf38f91ed02a2ca0dec7c8ab7";
    let text = format!(
        "[http]\ninternal = \"0.0.0.0:8480\"\n[[http.token]]\nname = \"duty\"\nsha256 = \"{sha256}\"\nrights = [\"read\"]\n"
    );
    let http = load(&text, &[]).unwrap().http;
    let token = http.admit("open-sesame").unwrap();
    assert!(token.may(Right::Read) && !token.may(Right::Operate));
    assert!(http.admit("open-sesam").is_none() && http.admit(sha256).is_none());
    let twice = format!("{text}[[http.token]]\nname = \"local\"\nsha256 = \"{sha256}\"\nrights = []\n");
    let found: Vec<_> = faults(&twice, &[]).into_iter().map(|f| f.key).collect();
    assert_eq!(found, ["http.token[1].name", "http.token[1].rights", "http.token[1].sha256"]);
}

#[test]
fn certificates_that_cannot_be_used_are_named_with_file_and_reason() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |name: &str, text: Option<&str>| {
        let path = folder.path().join(name);
        if let Some(text) = text {
            std::fs::write(&path, text).unwrap();
        }
        let fault = jiaoying::config::authorities(&path).unwrap_err().to_string();
        assert!(fault.contains(name), "{fault}");
        fault
    };
    assert!(refused("absent.pem", None).contains("No such file"));
    assert!(refused("empty.pem", Some("")).contains("no certificate"));
    assert!(refused("cut.pem", Some("-----BEGIN CERTIFICATE-----\nAAAA\n")).contains("certificate 1"));
    let other = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(refused("other.pem", Some(other)).contains("certificate 1"));
}
