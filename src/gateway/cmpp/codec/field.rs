//! Fields: numbers with the highest byte first, and texts of a fixed length filled up with zeros.

use super::CodecError;

/// Reads the fields of one message.
pub(super) struct Reader<'a> {
    pdu: &'static str,
    rest: &'a [u8],
}

/// Writes the fields of one message. The first fault is kept to the end.
pub(super) struct Writer {
    pdu: &'static str,
    out: Vec<u8>,
    fault: Option<CodecError>,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    pub(super) fn new(pdu: &'static str, body: &'a [u8]) -> Self {
        Self { pdu, rest: body }
    }

    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn fault(&self, field: &str, reason: impl Into<String>) -> CodecError {
        CodecError { place: format!("{} {field}", self.pdu), reason: reason.into() }
    }

    pub(super) fn bytes(&mut self, field: &str, length: usize) -> Result<&'a [u8], CodecError> {
        let Some((bytes, rest)) = self.rest.split_at_checked(length) else {
            return Err(self.fault(field, format!("wants {length} bytes, {} are left", self.rest.len())));
        };
        self.rest = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self, field: &str) -> Result<[u8; N], CodecError> {
        let mut out = [0; N];
        out.copy_from_slice(self.bytes(field, N)?);
        Ok(out)
    }

    pub(super) fn u8(&mut self, field: &str) -> Result<u8, CodecError> {
        Ok(self.array::<1>(field)?[0])
    }

    pub(super) fn u32(&mut self, field: &str) -> Result<u32, CodecError> {
        self.array(field).map(u32::from_be_bytes)
    }

    pub(super) fn u64(&mut self, field: &str) -> Result<u64, CodecError> {
        self.array(field).map(u64::from_be_bytes)
    }

    pub(super) fn digest(&mut self, field: &str) -> Result<[u8; 16], CodecError> {
        self.array(field)
    }

    /// The last field of an answer: one byte in 2.0, four in 3.0.
    pub(super) fn status(&mut self, field: &str) -> Result<u32, CodecError> {
        if self.left() < 4 { self.u8(field).map(u32::from) } else { self.u32(field) }
    }

    /// A text up to its first zero. What is no UTF-8 is replaced: these fields hold digits and letters.
    pub(super) fn text(&mut self, field: &str, length: usize) -> Result<String, CodecError> {
        Ok(text(self.bytes(field, length)?))
    }

    /// A text at the end that may be cut short.
    pub(super) fn tail(&mut self, length: usize) -> String {
        text(&self.rest[..length.min(self.rest.len())])
    }
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).trim_end().to_owned()
}

// === impl Writer ===

impl Writer {
    pub(super) fn new(pdu: &'static str) -> Self {
        Self { pdu, out: Vec::new(), fault: None }
    }

    pub(super) fn u8(&mut self, value: u8) {
        self.out.push(value);
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// One byte in 2.0, four in 3.0.
    pub(super) fn status(&mut self, field: &str, value: u32, three: bool) {
        match u8::try_from(value) {
            _ if three => self.u32(value),
            Ok(value) => self.u8(value),
            Err(_) => self.refuse(field, format!("{value}; at most {}", u8::MAX)),
        }
    }

    /// A text filled up with zeros.
    pub(super) fn text(&mut self, field: &str, text: &str, length: usize) {
        if text.len() > length {
            self.refuse(field, format!("{} bytes; at most {length}", text.len()));
        }
        let bytes = &text.as_bytes()[..text.len().min(length)];
        self.bytes(bytes);
        self.out.resize(self.out.len() + length - bytes.len(), 0);
    }

    /// How many there are, in one byte.
    pub(super) fn count(&mut self, field: &str, count: usize, max: u8) {
        match u8::try_from(count) {
            Ok(count) if count <= max => self.u8(count),
            _ => self.refuse(field, format!("{count}; at most {max}")),
        }
    }

    fn refuse(&mut self, field: &str, reason: String) {
        let place = format!("{} {field}", self.pdu);
        self.fault.get_or_insert(CodecError { place, reason });
    }

    pub(super) fn end(self) -> Result<Vec<u8>, CodecError> {
        self.fault.map_or(Ok(self.out), Err)
    }
}
