//! Packages: a tar with the business data and its signature, posted as a form's file or as a body.

use super::sign::Signer;
use crate::model::Timestamp;
use std::io::Read;

/// Files of one package.
const FILES_MAX: usize = 64;

/// A package as it came in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Package {
    /// The business data, XML.
    pub(super) data: String,
    /// The signature's document, XML, when there is one.
    pub(super) signature: Option<String>,
}

/// The name of a package's file.
pub(super) fn file_name(ebdid: &str) -> String {
    format!("EBDT_{ebdid}.tar")
}

/// Packs business data with its signature.
pub(super) fn pack(ebdid: &str, data: &str, signer: &dyn Signer, now: Timestamp) -> Vec<u8> {
    let signature = signer.document(ebdid, data.as_bytes());
    let mut tar = tar::Builder::new(Vec::new());
    let mut add = |name: String, text: &str| {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(u64::try_from(now.0.div_euclid(1_000_000)).unwrap_or_default());
        // A vector takes everything, and the names are short and plain.
        let _ = tar.append_data(&mut header, name, text.as_bytes());
    };
    add(format!("EBDB_{ebdid}.xml"), data);
    add(format!("EBDS_EBDB_{ebdid}.xml"), &signature);
    tar.into_inner().unwrap_or_default()
}

/// Takes a package apart, by the names of its files; others (audio, a second part) are passed over.
///
/// # Errors
/// What is wrong with it.
pub(super) fn unpack(bytes: &[u8]) -> Result<Package, String> {
    let (mut data, mut signature) = (None, None);
    let mut archive = tar::Archive::new(bytes);
    for (i, entry) in archive.entries().map_err(|_| "not a tar")?.enumerate() {
        let mut entry = entry.map_err(|_| "not a tar, or cut off")?;
        if i >= FILES_MAX {
            return Err(format!("more than {FILES_MAX} files"));
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
        let place = match name {
            name if !name.ends_with(".xml") => continue,
            name if name.starts_with("EBDB_") => &mut data,
            name if name.starts_with("EBDS_EBDB_") => &mut signature,
            _ => continue,
        };
        let mut text = String::new();
        // No longer than the tar, which was bounded when it was read.
        let limit = bytes.len() as u64;
        entry.by_ref().take(limit).read_to_string(&mut text).map_err(|_| "a file that is not UTF-8")?;
        if text.len() as u64 != entry.size() {
            return Err("a file that is cut off".into());
        }
        if place.replace(text).is_some() {
            return Err("two files of one kind".into());
        }
    }
    Ok(Package { data: data.ok_or("no file EBDB_….xml")?, signature })
}

/// The body of a form with a package as its file.
pub(super) fn form(boundary: &str, name: &str, tar: &[u8]) -> Vec<u8> {
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: application/x-tar\r\n\r\n"
    );
    [head.as_bytes(), tar, format!("\r\n--{boundary}--\r\n").as_bytes()].concat()
}

/// The package in a body: the first part of a form that has a file name, else the body itself.
///
/// # Errors
/// What is wrong with the form.
pub(super) fn file_of<'a>(content_type: &str, body: &'a [u8]) -> Result<&'a [u8], String> {
    if !content_type.trim_start().to_ascii_lowercase().starts_with("multipart/") {
        return Ok(body);
    }
    let boundary = content_type.split(';').find_map(|p| p.trim().strip_prefix("boundary="));
    let boundary = boundary.map(|b| b.trim_matches('"')).filter(|b| (1..=200).contains(&b.len()));
    let delimiter = format!("--{}", boundary.ok_or("a form without a boundary")?);
    let mut rest = body;
    while let Some(begin) = find(rest, delimiter.as_bytes()) {
        let part = &rest[begin + delimiter.len()..];
        let end = find(part, format!("\r\n{delimiter}").as_bytes()).ok_or("a form without an end")?;
        let head = find(&part[..end], b"\r\n\r\n").ok_or("a part without a head")?;
        if find(&part[..head].to_ascii_lowercase(), b"filename").is_some() {
            return Ok(&part[head + 4..end]);
        }
        rest = &part[end + 2..];
    }
    Err("a form without a file".into())
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::super::sign::NoSignature;
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked_whichever_way_it_was_posted() {
        let tar = pack("10", "<EBD/>", &NoSignature, Timestamp(0));
        let package = unpack(&tar).unwrap();
        assert_eq!(package.data, "<EBD/>");
        assert!(package.signature.unwrap().contains("<SignatureValue></SignatureValue>"));
        let body = form("x-1", &file_name("10"), &tar);
        assert_eq!(file_of("multipart/form-data; boundary=\"x-1\"", &body).unwrap(), tar);
        assert_eq!(file_of("application/x-tar", &tar).unwrap(), tar);
        for bad in ["multipart/form-data", "multipart/form-data; boundary=y"] {
            assert!(file_of(bad, &body).is_err());
        }
    }

    #[test]
    fn a_tar_that_is_broken_is_refused() {
        let tar = pack("10", "<EBD/>", &NoSignature, Timestamp(0));
        for bad in [&b""[..], b"PK", &tar[..100], &tar[..512], &tar[..513], &[0; 1024], &[7; 4096]] {
            assert!(unpack(bad).is_err(), "{} bytes", bad.len());
        }
        let twice = [&tar[..1024], &tar[..]].concat();
        assert_eq!(unpack(&twice), Err("two files of one kind".into()));
    }
}
