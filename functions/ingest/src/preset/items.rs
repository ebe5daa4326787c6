//! Finds the payloads in a client's documents, without copying them, and their contexts.

use serde_json::value::RawValue;
use spillway_shared::json::MAX_LEVELS;

use super::level::{Use, elements, members, unreadable};
use super::shape::Shape;
use crate::error::RequestError;
use crate::payloads::{Refused, SplitDocument, levels_at_most, payload, too_many};

/// The most bytes of a payload's context.
pub const MAX_CONTEXT_BYTES: usize = 64 << 10;

/// What a context costs in memory apart from its text.
const CONTEXT_COST: usize = 256;

/// The payloads of a document, and where each was found.
#[derive(Debug, Default, PartialEq)]
pub struct Items<'a> {
    /// Each payload, or its rejection, in the order of the document.
    pub payloads: Vec<Result<&'a str, Refused<'a>>>,
    /// Where each payload was found.
    pub origins: Origins,
}

/// Where each payload of a document was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Origins {
    /// The contexts of the payloads, as JSON objects; never empty.
    pub contexts: Vec<Option<String>>,
    /// The origin of each payload; empty for a native document, whose payloads all have the first context.
    each: Vec<Origin>,
}

/// Where a payload was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Origin {
    /// The number of its shape.
    pub shape: usize,
    /// The number of its context.
    pub context: usize,
}

/// The limits of a document.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most payloads.
    pub payloads: usize,
    /// The most bytes of the contexts of all payloads together, and of what they cost in memory.
    pub context_bytes: usize,
}

impl<'a> From<SplitDocument<'a>> for Items<'a> {
    fn from(SplitDocument { context, payloads }: SplitDocument<'a>) -> Self {
        Self { payloads, origins: Origins { contexts: vec![context], each: Vec::new() } }
    }
}

impl Origins {
    /// Where the payload of this number was found.
    #[must_use]
    pub fn of(&self, index: usize) -> Origin {
        self.each.get(index).copied().unwrap_or_default()
    }

    /// The context of the payload of this number.
    #[must_use]
    pub fn context(&self, index: usize) -> Option<&str> {
        self.contexts[self.of(index).context].as_deref()
    }
}

/// Finds the payloads in a text of one or more JSON documents. Every context begins with the members `before`.
///
/// # Errors
/// The text cannot be read (400), or exceeds a limit (413).
pub fn read<'a>(text: &'a str, shapes: &[Shape], before: &str, limits: Limits) -> Result<Items<'a>, RequestError> {
    let mut reader = Reader { shapes, limits, items: Items::default(), current: None, context_bytes: 0 };
    let mut documents = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    for document in &mut documents {
        reader.document(document.map_err(|error| unreadable(&error))?, before)?;
    }
    if text.trim_ascii().is_empty() {
        return Err(RequestError::Unreadable("the body is empty".to_owned()));
    }
    let Items { payloads, mut origins } = reader.items;
    origins.contexts.extend(origins.contexts.is_empty().then_some(None));
    Ok(Items { payloads, origins })
}

struct Reader<'s, 'a> {
    shapes: &'s [Shape],
    limits: Limits,
    items: Items<'a>,
    /// The members of the last context.
    current: Option<String>,
    /// The bytes of the contexts of all payloads so far.
    context_bytes: usize,
}

impl<'a> Reader<'_, 'a> {
    fn document(&mut self, document: &'a RawValue, before: &str) -> Result<(), RequestError> {
        match document.get().as_bytes().first() {
            Some(b'[') => elements(document.get(), &mut |item| self.item(0, item, before)),
            Some(b'{') => self.object(document.get(), before),
            _ => self.item(0, document.get(), before),
        }
    }

    fn object(&mut self, document: &'a str, before: &str) -> Result<(), RequestError> {
        let shapes = self.shapes;
        let is_of = |shape: &Shape, key: &str| shape.arrays.first().is_some_and(|array| array.member == key);
        let top = members(document, &|key| match shapes.iter().position(|shape| is_of(shape, key)) {
            Some(shape) => Use::Items(shape),
            None => Use::Context(None),
        })?;
        // Clients flush empty documents too.
        let is_empty = top.context.is_empty();
        if top.arrays.is_empty() && !(is_empty && shapes.iter().all(|shape| !shape.arrays.is_empty())) {
            return self.item(0, document, before);
        }
        let context = joined(before, &top.context);
        top.arrays.into_iter().try_for_each(|(shape, array)| self.array(shape, 0, array.get(), &context))
    }

    /// Reads the array at this depth of a shape's path.
    fn array(&mut self, shape: usize, depth: usize, array: &'a str, context: &str) -> Result<(), RequestError> {
        let shapes = self.shapes;
        let arrays = &shapes[shape].arrays;
        if !array.starts_with('[') {
            return Err(RequestError::Unreadable(format!("`{}` must be an array", arrays[depth].member)));
        }
        let Some(next) = arrays.get(depth + 1) else {
            return elements(array, &mut |item| self.item(shape, item, context));
        };
        elements(array, &mut |element| {
            let level = members(element, &|key| match arrays[depth].carry.get(key) {
                _ if key == next.member => Use::Items(shape),
                Some(name) => Use::Context(Some(name.as_str())),
                None => Use::Skip,
            })?;
            let context = joined(context, &level.context);
            level.arrays.iter().try_for_each(|(_, array)| self.array(shape, depth + 1, array.get(), &context))
        })
    }

    fn item(&mut self, shape: usize, item: &'a str, context: &str) -> Result<(), RequestError> {
        if self.items.payloads.len() == self.limits.payloads {
            return Err(too_many(self.limits.payloads));
        }
        self.set_context(context)?;
        self.context_bytes += context.len();
        if self.context_bytes > self.limits.context_bytes {
            let limit = self.limits.context_bytes;
            return Err(RequestError::TooLarge(format!("the contexts of the payloads have more than {limit} bytes")));
        }
        self.items.payloads.push(payload(item));
        let origins = &mut self.items.origins;
        origins.each.push(Origin { shape, context: origins.contexts.len() - 1 });
        Ok(())
    }

    /// Consecutive payloads with the same context share it.
    fn set_context(&mut self, context: &str) -> Result<(), RequestError> {
        if self.current.as_deref() == Some(context) {
            return Ok(());
        }
        let object = (!context.is_empty()).then(|| format!("{{{context}}}"));
        if object.as_ref().is_some_and(|object| object.len() > MAX_CONTEXT_BYTES) {
            return Err(RequestError::TooLarge(format!("a payload's context has more than {MAX_CONTEXT_BYTES} bytes")));
        }
        if object.as_ref().is_some_and(|object| !levels_at_most(object.as_bytes(), MAX_LEVELS)) {
            return Err(RequestError::Unreadable(format!("a payload's context has more than {MAX_LEVELS} levels")));
        }
        self.context_bytes += CONTEXT_COST;
        self.items.origins.contexts.push(object);
        self.current = Some(context.to_owned());
        Ok(())
    }
}

fn joined(before: &str, members: &str) -> String {
    let separator = if before.is_empty() || members.is_empty() { "" } else { "," };
    format!("{before}{separator}{members}")
}
