//! A bounded tree of the elements of an XML document.

use super::{Findings, Limits};
use crate::model::Finding;
use quick_xml::NsReader;
use quick_xml::escape::{resolve_xml_entity, unescape};
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;

/// An element with its own text; attributes carry nothing in CAP and are dropped.
#[derive(Debug)]
pub(super) struct Element {
    /// The local name; with a colon before it when it belongs to another namespace than the root.
    pub(super) name: String,
    /// The character data directly inside.
    pub(super) text: String,
    /// The elements inside, in document order.
    pub(super) children: Vec<Element>,
}

/// A whole document.
#[derive(Debug)]
pub(super) struct Document {
    /// The root element.
    pub(super) root: Element,
    /// Its namespace; `None` when it has none or its prefix is not declared.
    pub(super) namespace: Option<String>,
}

/// The tree under construction.
struct Builder<'a> {
    text: &'a str,
    limits: &'a Limits,
    open: Vec<Element>,
    root: Option<Element>,
    namespace: Option<String>,
    elements: usize,
}

/// Reads a document.
///
/// # Errors
/// A fatal finding with line and column: not well-formed XML 1.0, beyond a limit, or with one of the
/// constructs refused for safety (DOCTYPE, own entities, processing instructions).
pub(super) fn read(text: &str, limits: &Limits, findings: &mut Findings) -> Result<Document, Finding> {
    let mut reader = NsReader::from_str(text);
    // A bare & in running text is a fault of form: it can only mean itself.
    reader.config_mut().allow_dangling_amp = true;
    let mut tree = Builder { text, limits, open: Vec::new(), root: None, namespace: None, elements: 0 };
    let mut bare_seen = false;
    loop {
        let at = reader.buffer_position() as usize;
        let fault = |reason: &str| Err(Finding::fatal(position(text, at), reason));
        let event = match reader.read_event() {
            Ok(event) => event,
            Err(e) => return Err(Finding::fatal(position(text, reader.error_position() as usize), e.to_string())),
        };
        match event {
            Event::Start(ref start) | Event::Empty(ref start) => {
                let namespace = match reader.resolver().resolve_element(start.name()).0 {
                    ResolveResult::Bound(namespace) => Some(namespace.0),
                    ResolveResult::Unbound | ResolveResult::Unknown(_) => None,
                };
                tree.start(start, namespace, at)?;
                if matches!(event, Event::Empty(_)) {
                    tree.end();
                }
            }
            Event::End(_) => tree.end(),
            Event::Text(characters) => {
                // Only the first is listed: a position costs a walk through the text.
                if !bare_seen && characters.contains('&') {
                    bare_seen = true;
                    findings.notice(position(text, at), "a bare & is read as itself here and further on; write &amp;");
                }
                tree.characters(&characters.xml10_content(), at)?;
            }
            Event::CData(characters) => tree.characters(&characters.xml10_content(), at)?,
            Event::GeneralRef(reference) => tree.characters(&resolved(&reference, text, at)?, at)?,
            Event::Comment(_) => {}
            Event::Decl(_) if tree.elements == 0 => {}
            Event::Decl(_) => return fault("an XML declaration inside the document"),
            Event::PI(_) => return fault("processing instructions are refused"),
            Event::DocType(_) => return fault("DOCTYPE is refused"),
            Event::Eof => return tree.finish(),
        }
    }
}

/// `line 3, column 5`, both from 1, the column in characters, of a byte offset.
pub(super) fn position(text: &str, offset: usize) -> String {
    let before = &text[..text.floor_char_boundary(offset)];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line}, column {column}")
}

/// The text of one of the five predefined entities or of a character reference.
fn resolved(reference: &BytesRef, text: &str, at: usize) -> Result<String, Finding> {
    match reference.resolve_char_ref() {
        Ok(Some(c)) => Ok(c.to_string()),
        Ok(None) => resolve_xml_entity(reference).map(str::to_owned).ok_or_else(|| {
            let name: String = reference.chars().take(40).collect();
            Finding::fatal(position(text, at), format!("entity &{name}; is refused: only the five predefined are read"))
        }),
        Err(e) => Err(Finding::fatal(position(text, at), e.to_string())),
    }
}

// === impl Builder ===

impl Builder<'_> {
    fn start(&mut self, start: &BytesStart, namespace: Option<&str>, at: usize) -> Result<(), Finding> {
        let fault = |reason: String| Err(Finding::fatal(position(self.text, at), reason));
        self.elements += 1;
        if self.elements > self.limits.elements_max {
            return fault(format!("more than {} elements", self.limits.elements_max));
        }
        if self.open.len() >= self.limits.depth_max {
            return fault(format!("elements are nested more than {} deep", self.limits.depth_max));
        }
        if self.root.is_some() {
            return fault("a second root element".into());
        }
        if let Err(e) = unescape(start.attributes_raw()) {
            return fault(format!("in an attribute: {e}"));
        }
        let local = start.local_name().into_inner();
        if self.open.is_empty() {
            self.namespace = namespace.map(str::to_owned);
        }
        let name = match namespace {
            Some(other) if self.namespace.as_deref() != Some(other) => format!(":{local}"),
            _ => local.to_owned(),
        };
        self.open.push(Element { name, text: String::new(), children: Vec::new() });
        Ok(())
    }

    fn end(&mut self) {
        let Some(done) = self.open.pop() else { return };
        match self.open.last_mut() {
            Some(parent) => parent.children.push(done),
            None => self.root = Some(done),
        }
    }

    fn characters(&mut self, characters: &str, at: usize) -> Result<(), Finding> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(characters),
            None if characters.trim().is_empty() => {}
            None => return Err(Finding::fatal(position(self.text, at), "text outside the root element")),
        }
        Ok(())
    }

    fn finish(self) -> Result<Document, Finding> {
        let end = || position(self.text, self.text.len());
        if let Some(element) = self.open.last() {
            return Err(Finding::fatal(end(), format!("the document ends inside <{}>", element.name)));
        }
        let root = self.root.ok_or_else(|| Finding::fatal(end(), "the document has no element"))?;
        Ok(Document { root, namespace: self.namespace })
    }
}

// === impl Element ===

impl Element {
    /// The first element of a name inside this one.
    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|c| c.name == name)
    }

    /// The elements of a name inside this one, each with its path (`alert/info[1]`).
    pub(super) fn each(&self, name: &str, path: &str) -> Vec<(String, &Element)> {
        let all = self.children.iter().filter(|c| c.name == name);
        all.enumerate().map(|(i, c)| (format!("{path}/{name}[{i}]"), c)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(text: &str) -> Result<Document, Finding> {
        read(text, &Limits { depth_max: 3, elements_max: 5, ..Limits::default() }, &mut Findings::new(9))
    }

    #[test]
    fn builds_a_tree_whatever_the_prefix() {
        for text in [
            "<a xmlns='u'><b>x &amp; &#x79;<![CDATA[<z>]]></b><b/></a>",
            "<p:a xmlns:p='u'><p:b>x &#38; y&lt;z></p:b><p:b/></p:a>",
        ] {
            let document = tree(text).unwrap();
            assert_eq!(document.namespace.as_deref(), Some("u"));
            assert_eq!(document.root.child("b").unwrap().text, "x & y<z>");
            assert_eq!(document.root.each("b", "a")[1].0, "a/b[1]");
        }
        let foreign = tree("<a xmlns='u'><x:b xmlns:x='v'>1</x:b></a>").unwrap();
        assert!(foreign.root.child("b").is_none());
    }

    #[test]
    fn refuses_with_a_position() {
        for (text, place, word) in [
            ("<a>\n <b>", "line 2, column 5", "ends inside <b>"),
            ("<a>\n雨</b></a>", "line 2, column 2", "</b>"),
            ("<a/>\n<!DOCTYPE a>", "line 2, column 1", "DOCTYPE"),
            ("<a>\n<?php x?></a>", "line 2, column 1", "processing"),
            ("<a>&lol;</a>", "line 1, column 4", "&lol;"),
            ("<a b='&lol;'/>", "line 1, column 1", "lol"),
            ("<a>&#0;</a>", "line 1, column 4", "reference"),
            ("<a/><a/>", "line 1, column 5", "second root"),
            ("<a/>x", "line 1, column 5", "outside"),
            ("<!-- x -->", "line 1, column 11", "no element"),
            ("<a><b><c><d/></c></b></a>", "line 1, column 10", "3 deep"),
            ("<a><b/><b/><b/><b/>\n<b/></a>", "line 2, column 1", "5 elements"),
        ] {
            let finding = tree(text).unwrap_err();
            assert_eq!(finding.place, place, "{text}: {finding}");
            assert!(finding.reason.contains(word), "{text}: {finding}");
        }
    }
}
