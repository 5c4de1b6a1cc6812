//! A YAML document as a tree that knows where in the text each value stands.
//!
//! Two trees are the same when kubectl would read the same from both: where a value stands, and
//! whether it is written in a block or in brackets, does not count; quotes do (`1` is not `"1"`).

use std::collections::HashSet;
use std::ops::Range;

use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle, Span, StructureStyle};
use zeroize::Zeroizing;

use crate::domain::KUBECONFIG_VALUES_MAX;

/// The deepest nesting that is followed.
const DEPTH_MAX: usize = 32;

/// What stands somewhere.
pub(super) enum Node {
    /// A scalar, and whether it was written without quotes.
    Scalar(Zeroizing<String>, bool),
    /// A list.
    List(Vec<Placed>),
    /// A mapping with distinct keys, in order.
    Map(Vec<(Placed, Placed)>),
    /// A reference to the anchor of that number.
    Alias(usize),
}

/// A value and where it stands.
pub(super) struct Placed {
    /// The value.
    pub(super) node: Node,
    /// Its bytes: for collections from their first scalar to their last.
    pub(super) range: Range<usize>,
    /// Whether it is a collection in brackets.
    pub(super) flow: bool,
    /// The number of the anchor on it, or 0.
    anchor: usize,
    /// The tag on it.
    tag: Option<String>,
}

/// Why a text is not a document that can be worked on. Never quotes a value.
#[derive(Debug)]
pub(super) struct Broken {
    /// The line where it stands.
    pub(super) line: usize,
    /// What is wrong.
    pub(super) reason: String,
}

impl Placed {
    /// Gives the value of a key of a mapping.
    pub(super) fn get(&self, key: &str) -> Option<&Placed> {
        let Node::Map(entries) = &self.node else {
            return None;
        };
        let found = entries.iter().find(|(name, _)| name.text() == Some(key));
        found.map(|(_, value)| value)
    }

    /// Gives the key itself, for where it stands.
    pub(super) fn key(&self, key: &str) -> Option<&Placed> {
        let Node::Map(entries) = &self.node else {
            return None;
        };
        let found = entries.iter().find(|(name, _)| name.text() == Some(key));
        found.map(|(name, _)| name)
    }

    /// Gives the text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.node {
            Node::Scalar(text, _) => Some(text),
            _ => None,
        }
    }

    /// Gives the items of a list; those of nothing are none.
    pub(super) fn items(&self) -> Option<&[Placed]> {
        match &self.node {
            Node::List(items) => Some(items),
            _ if self.is_null() => Some(&[]),
            _ => None,
        }
    }

    /// Whether there is nothing.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.node, Node::Scalar(text, true)
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// Whether a tag says of which type it is.
    pub(super) fn is_tagged(&self) -> bool {
        self.tag.is_some()
    }

    /// Whether a tag, an anchor or a reference to one is in it.
    pub(super) fn is_marked(&self) -> bool {
        self.anchor != 0
            || self.tag.is_some()
            || match &self.node {
                Node::Scalar(..) => false,
                Node::List(items) => items.iter().any(Placed::is_marked),
                Node::Map(entries) => entries
                    .iter()
                    .any(|(key, value)| key.is_marked() || value.is_marked()),
                Node::Alias(_) => true,
            }
    }

    /// Whether the same is read from both.
    pub(super) fn same(&self, other: &Placed) -> bool {
        same(&self.as_ref(), &other.as_ref())
    }

    /// A view on it that can be put together with others.
    pub(super) fn as_ref(&self) -> View<'_> {
        View::Of(self)
    }
}

/// A tree put together from parts of others.
pub(super) enum View<'t> {
    /// A part, whole.
    Of(&'t Placed),
    /// Text that is no number and no truth value, whatever it looks like.
    Text(&'t str),
    /// A list of parts.
    List(Vec<View<'t>>),
    /// A mapping of parts.
    Map(Vec<(View<'t>, View<'t>)>),
}

/// Whether the same is read from both.
pub(super) fn same(one: &View<'_>, other: &View<'_>) -> bool {
    match (one, other) {
        (View::Of(one), View::Of(other)) => {
            if one.anchor != other.anchor || one.tag != other.tag {
                return false;
            }
            match (&one.node, &other.node) {
                (Node::Scalar(a, plain_a), Node::Scalar(b, plain_b)) => {
                    a == b && plain_a == plain_b
                }
                (Node::Alias(a), Node::Alias(b)) => a == b,
                (Node::List(a), Node::List(b)) => {
                    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b))
                }
                (Node::Map(a), Node::Map(b)) => {
                    a.len() == b.len()
                        && a.iter()
                            .zip(b)
                            .all(|((ka, va), (kb, vb))| ka.same(kb) && va.same(vb))
                }
                _ => false,
            }
        }
        (View::Text(text), View::Of(it)) | (View::Of(it), View::Text(text)) => {
            it.text() == Some(text) && !it.is_marked() && (text.is_empty() || !it.is_null())
        }
        (View::List(views), View::Of(it)) | (View::Of(it), View::List(views)) => {
            let Some(items) = it.items() else {
                return false;
            };
            let bare = it.anchor == 0 && it.tag.is_none();
            bare && views.len() == items.len()
                && views.iter().zip(items).all(|(a, b)| same(a, &b.as_ref()))
        }
        (View::Map(views), View::Of(it)) | (View::Of(it), View::Map(views)) => {
            let Node::Map(entries) = &it.node else {
                return false;
            };
            let bare = it.anchor == 0 && it.tag.is_none();
            bare && views.len() == entries.len()
                && views
                    .iter()
                    .zip(entries)
                    .all(|((ka, va), (kb, vb))| same(ka, &kb.as_ref()) && same(va, &vb.as_ref()))
        }
        _ => false,
    }
}

/// A collection that is still open.
struct Open {
    node: Node,
    seen: HashSet<String>,
    key: Option<Placed>,
    start: Option<usize>,
    end: usize,
    flow: bool,
    anchor: usize,
    tag: Option<String>,
}

/// Reads one document; nothing at all where the text holds none.
pub(super) fn parse(text: &str) -> Result<Option<Placed>, Broken> {
    let mut options = Options::default();
    options.emit_comments = false;
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    let mut documents = 0_usize;
    let mut values = 0_usize;
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| Broken {
            line: error.marker().line(),
            reason: "it is not YAML".to_owned(),
        })?;
        let broken = |reason: &str| Broken {
            line: span.start.line(),
            reason: reason.to_owned(),
        };
        values += 1;
        if values > KUBECONFIG_VALUES_MAX {
            return Err(broken("it has more values than any kubeconfig"));
        }
        let done = match event {
            Event::DocumentStart(..) => {
                documents += 1;
                if documents > 1 {
                    return Err(broken("a second document begins"));
                }
                continue;
            }
            Event::UnresolvedAlias(..) => return Err(broken("a reference leads nowhere")),
            Event::Alias(anchor) => placed(Node::Alias(anchor), &span, 0, None),
            Event::Scalar(value, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let node = Node::Scalar(Zeroizing::new(value.into_owned()), plain);
                placed(node, &span, anchor, tag.map(|tag| tag.original()))
            }
            Event::SequenceStart(style, anchor, tag) => {
                let tag = tag.map(|tag| tag.original());
                begin(&mut open, Node::List(vec![]), style, anchor, tag)
                    .ok_or_else(|| broken("it is nested too deeply"))?;
                continue;
            }
            Event::MappingStart(style, anchor, tag) => {
                let tag = tag.map(|tag| tag.original());
                begin(&mut open, Node::Map(vec![]), style, anchor, tag)
                    .ok_or_else(|| broken("it is nested too deeply"))?;
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(closed) = open.pop() else {
                    return Err(broken("it ends before it begins"));
                };
                let at = byte(&span);
                // A collection in brackets ends with its bracket.
                let end = if closed.flow { at.end } else { closed.end };
                let start = closed.start.unwrap_or(end.min(at.start));
                Placed {
                    node: closed.node,
                    range: start..end.max(start),
                    flow: closed.flow,
                    anchor: closed.anchor,
                    tag: closed.tag,
                }
            }
            _ => continue,
        };
        match open.last_mut() {
            None => root = Some(done),
            Some(container) => put(container, done).map_err(broken)?,
        }
    }
    Ok(root)
}

fn byte(span: &Span) -> Range<usize> {
    span.byte_range().unwrap_or(0..0)
}

fn placed(node: Node, span: &Span, anchor: usize, tag: Option<String>) -> Placed {
    Placed {
        node,
        range: byte(span),
        flow: false,
        anchor,
        tag,
    }
}

fn begin(
    open: &mut Vec<Open>,
    node: Node,
    style: StructureStyle,
    anchor: usize,
    tag: Option<String>,
) -> Option<()> {
    if open.len() >= DEPTH_MAX {
        return None;
    }
    open.push(Open {
        node,
        seen: HashSet::new(),
        key: None,
        start: None,
        end: 0,
        flow: style == StructureStyle::Flow,
        anchor,
        tag,
    });
    Some(())
}

fn put(container: &mut Open, done: Placed) -> Result<(), &'static str> {
    container.start.get_or_insert(done.range.start);
    container.end = container.end.max(done.range.end);
    match &mut container.node {
        Node::List(items) => items.push(done),
        Node::Map(entries) => {
            if let Some(key) = container.key.take() {
                entries.push((key, done));
                return Ok(());
            }
            let name = done.text().ok_or("a key is not text")?.to_owned();
            if name == "<<" {
                return Err("it has a merge key");
            }
            if !container.seen.insert(name) {
                return Err("a key is there twice");
            }
            container.key = Some(done);
        }
        Node::Scalar(..) | Node::Alias(_) => {}
    }
    Ok(())
}

/// Writes a tree in the block layout, losing nothing but comments; `None` where it has marks.
pub(super) fn write(view: &View<'_>) -> Option<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    block(view, 0, false, &mut text)?;
    Some(text)
}

fn block(view: &View<'_>, indent: usize, inline: bool, out: &mut String) -> Option<()> {
    match view {
        View::Text(text) => scalar(text, false, out),
        View::List(items) => list(items.iter(), indent, out)?,
        View::Map(entries) => map(entries.iter(), indent, inline, out)?,
        View::Of(it) => {
            if it.is_marked() {
                return None;
            }
            match &it.node {
                Node::Scalar(text, plain) => scalar(text, *plain, out),
                Node::List(items) => {
                    let views: Vec<View<'_>> = items.iter().map(Placed::as_ref).collect();
                    list(views.iter(), indent, out)?;
                }
                Node::Map(entries) => {
                    let views: Vec<_> = entries
                        .iter()
                        .map(|(key, value)| (key.as_ref(), value.as_ref()))
                        .collect();
                    map(views.iter(), indent, inline, out)?;
                }
                Node::Alias(_) => return None,
            }
        }
    }
    Some(())
}

fn list<'v>(
    items: impl ExactSizeIterator<Item = &'v View<'v>>,
    indent: usize,
    out: &mut String,
) -> Option<()> {
    if items.len() == 0 {
        out.push_str(" []\n");
        return Some(());
    }
    if !out.is_empty() {
        out.push('\n');
    }
    for item in items {
        out.push_str(&" ".repeat(indent));
        out.push('-');
        block(item, indent + 2, true, out)?;
    }
    Some(())
}

fn map<'v>(
    entries: impl ExactSizeIterator<Item = &'v (View<'v>, View<'v>)>,
    indent: usize,
    inline: bool,
    out: &mut String,
) -> Option<()> {
    if entries.len() == 0 {
        out.push_str(" {}\n");
        return Some(());
    }
    if inline {
        out.push(' ');
    } else if !out.is_empty() {
        out.push('\n');
    }
    for (number, (key, value)) in entries.enumerate() {
        if number > 0 || !inline {
            out.push_str(&" ".repeat(indent));
        }
        let start = out.len();
        block(key, indent, false, out)?;
        // A key is a scalar: what was written is " key\n".
        let key = Zeroizing::new(out.get(start..)?.trim().to_owned());
        out.truncate(start);
        out.push_str(&key);
        out.push(':');
        let deeper = if matches!(value, View::List(_)) || is_list(value) {
            indent
        } else {
            indent + 2
        };
        block(value, deeper, false, out)?;
    }
    Some(())
}

fn is_list(view: &View<'_>) -> bool {
    matches!(view, View::Of(it) if matches!(it.node, Node::List(_)))
}

fn scalar(text: &str, plain: bool, out: &mut String) {
    let one_line = !text.contains(['\n', '\r']);
    if plain && one_line {
        // As it was written: a number stays the number it was.
        out.push(' ');
        out.push_str(text);
    } else {
        out.push(' ');
        out.push_str(&quoted(text));
    }
    out.push('\n');
}

/// Text in double quotes; what JSON escapes, YAML reads.
pub(super) fn quoted(text: &str) -> Zeroizing<String> {
    Zeroizing::new(serde_json::Value::from(text).to_string())
}
