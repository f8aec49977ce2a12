//! A bounded tree of the elements of a package's XML. Attributes carry nothing and are dropped.

use quick_xml::Reader;
use quick_xml::escape::{escape, resolve_xml_entity};
use quick_xml::events::Event;

/// Elements of a document: a state of some thousand resources.
const ELEMENTS_MAX: usize = 50_000;
/// Nesting of a document.
const DEPTH_MAX: usize = 16;

/// An element with its own text.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// The name without a prefix.
    pub(super) name: String,
    /// The character data directly inside.
    pub(super) text: String,
    /// The elements inside, in document order.
    pub(super) children: Vec<Element>,
}

/// Writes elements, with two blanks for each level.
pub(super) struct Writer {
    out: String,
    open: Vec<&'static str>,
}

/// Reads a document. DOCTYPE, processing instructions and entities of one's own are refused.
///
/// # Errors
/// What is wrong, without the document's words.
pub(super) fn read(text: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let (mut open, mut root, mut elements) = (Vec::<Element>::new(), None, 0_usize);
    loop {
        let at = reader.buffer_position();
        let event = reader.read_event().map_err(|_| format!("not well-formed XML at byte {at}"))?;
        let (name, empty) = match &event {
            Event::Start(start) => (start.local_name().into_inner(), false),
            Event::Empty(start) => (start.local_name().into_inner(), true),
            Event::End(_) => {
                close(&mut open, &mut root);
                continue;
            }
            Event::Text(t) => {
                add(&mut open, &t.xml10_content(), at)?;
                continue;
            }
            Event::CData(t) => {
                add(&mut open, &t.xml10_content(), at)?;
                continue;
            }
            Event::GeneralRef(reference) => {
                let resolved = match reference.resolve_char_ref() {
                    Ok(Some(c)) => c.to_string(),
                    Ok(None) => resolve_xml_entity(reference).map(str::to_owned).unwrap_or_default(),
                    Err(_) => String::new(),
                };
                if resolved.is_empty() {
                    return Err(format!("an entity that is not predefined at byte {at}"));
                }
                add(&mut open, &resolved, at)?;
                continue;
            }
            Event::Comment(_) | Event::Decl(_) => continue,
            Event::PI(_) | Event::DocType(_) => return Err(format!("DOCTYPE or an instruction at byte {at}")),
            Event::Eof => break,
        };
        elements += 1;
        if elements > ELEMENTS_MAX || open.len() >= DEPTH_MAX || root.is_some() {
            return Err(format!("more than {ELEMENTS_MAX} elements, {DEPTH_MAX} levels or one root at byte {at}"));
        }
        open.push(Element { name: name.to_owned(), ..Element::default() });
        if empty {
            close(&mut open, &mut root);
        }
    }
    root.filter(|_| open.is_empty()).ok_or_else(|| "the document ends too early".into())
}

fn close(open: &mut Vec<Element>, root: &mut Option<Element>) {
    let Some(done) = open.pop() else { return };
    match open.last_mut() {
        Some(parent) => parent.children.push(done),
        None => *root = Some(done),
    }
}

fn add(open: &mut [Element], text: &str, at: u64) -> Result<(), String> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim().is_empty() => {}
        None => return Err(format!("text outside the root at byte {at}")),
    }
    Ok(())
}

// === impl Element ===

impl Element {
    /// The first element on a path of names.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Element> {
        path.iter().try_fold(self, |element, name| element.children.iter().find(|c| c.name == *name))
    }

    /// The text at a path, without blanks around it; empty when there is none.
    pub(super) fn text_at(&self, path: &[&str]) -> &str {
        self.at(path).map_or("", |element| element.text.trim())
    }

    /// The elements of a name directly inside.
    pub(super) fn each<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |c| c.name == name)
    }
}

// === impl Writer ===

impl Writer {
    pub(super) fn new() -> Self {
        Self { out: "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n".into(), open: Vec::new() }
    }

    /// An element with what `inside` writes.
    pub(super) fn nest(&mut self, name: &'static str, inside: impl FnOnce(&mut Self)) {
        self.line(&format!("<{name}>"));
        self.open.push(name);
        inside(self);
        self.open.pop();
        self.line(&format!("</{name}>"));
    }

    /// An element with text. What XML cannot hold becomes a blank.
    pub(super) fn leaf(&mut self, name: &str, text: &str) {
        let held =
            |c: char| if c < ' ' && !"\t\n\r".contains(c) || ('\u{fffe}'..='\u{ffff}').contains(&c) { ' ' } else { c };
        let text: String = text.chars().map(held).collect();
        self.line(&format!("<{name}>{}</{name}>", escape(text.as_str())));
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(&"  ".repeat(self.open.len()));
        self.out.push_str(text);
        self.out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut writer = Writer::new();
        writer.nest("EBD", |w| {
            w.leaf("EBDID", "1");
            w.nest("SRC", |w| w.leaf("EBRID", "<&\"'>\u{0}雨"));
        });
        let root = read(&writer.finish()).unwrap();
        assert_eq!((root.name.as_str(), root.text_at(&["EBDID"])), ("EBD", "1"));
        assert_eq!(root.text_at(&["SRC", "EBRID"]), "<&\"'> 雨");
        assert_eq!(root.text_at(&["SRC", "none"]), "");
    }

    #[test]
    fn prefixes_and_sections_are_read_and_dangers_refused() {
        let root = read("<x:EBD xmlns:x='u'><x:A><![CDATA[a<b]]>&#38;&lt;</x:A><x:A/></x:EBD>").unwrap();
        assert_eq!(root.each("A").count(), 2);
        assert_eq!(root.text_at(&["A"]), "a<b&<");
        let deep = format!("{}{}", "<a>".repeat(17), "</a>".repeat(17));
        let many = format!("<a>{}</a>", "<b/>".repeat(ELEMENTS_MAX));
        for bad in [
            "",
            "<a>",
            "<a></b>",
            "<a/><a/>",
            "x<a/>",
            "<!DOCTYPE a [<!ENTITY l 'l'>]><a>&l;</a>",
            "<a>&l;</a>",
            "<a>&#0;</a>",
            "<a><?php x?></a>",
            &deep,
            &many,
        ] {
            assert!(read(bad).is_err(), "{}", bad.chars().take(60).collect::<String>());
        }
    }
}
